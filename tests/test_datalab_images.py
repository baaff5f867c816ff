"""Image checks: measuring against literal twins, Pillow and cleanvision; scores, flags and what cannot be read."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from PIL import ImageFilter, ImageStat  # noqa: E402

from fastcl.datalab.checks.blurry import blurry  # noqa: E402
from fastcl.datalab.checks.dark import dark  # noqa: E402
from fastcl.datalab.checks.grayscale import grayscale  # noqa: E402
from fastcl.datalab.checks.light import light  # noqa: E402
from fastcl.datalab.checks.low_information import low_information  # noqa: E402
from fastcl.datalab.checks.odd_aspect_ratio import odd_aspect_ratio  # noqa: E402
from fastcl.datalab.checks.odd_size import odd_size  # noqa: E402
from fastcl.datalab.checks.spurious_correlations import _folds, spurious_correlations  # noqa: E402
from fastcl.datalab.evidence import Evidence  # noqa: E402
from fastcl.datalab.graphs import Graphs  # noqa: E402
from fastcl.datalab.images import ImageProperties, measure_images  # noqa: E402
from fastcl.datalab.images.brightness import brightness_percentiles  # noqa: E402
from fastcl.datalab.images.opening import from_array  # noqa: E402
from fastcl.datalab.images.shrinking import shrunk  # noqa: E402
from fastcl.datalab.labels import class_labels  # noqa: E402

CHECKS = (dark, light, low_information, odd_aspect_ratio, odd_size, grayscale, blurry)

#: Entropies and percentiles are sums and roots in another order than the twin's.
CLOSE = 1e-12


def textured(height: int, width: int, channels: int = 3, seed: int = 0, noise: float = 20) -> np.ndarray:
    """An image with shades, edges and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(1, height // 20), max(1, width // 20), channels))
    blocks = np.kron(coarse, np.ones((20, 20, 1)))
    pixels = np.resize(blocks, (height, width, channels)) + rng.normal(0, noise, (height, width, channels))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def picture(mode: str, height: int = 97, width: int = 130, seed: int = 0) -> Any:
    if mode == "L":
        return Image.fromarray(textured(height, width, 1, seed)[:, :, 0])
    return Image.fromarray(textured(height, width, len(mode), seed))


def evidence_of(images: Any, labels: Any = None, n_jobs: int | None = 2) -> Evidence:
    given = None if labels is None else class_labels(labels)
    return Evidence(
        task="classification",
        n_rows=len(images),
        table=None,
        given_labels=given,
        given_pred_probs=None,
        features=None,
        graphs=Graphs(len(images)),
        images=images,
        n_jobs=n_jobs,
    )


def naive_measures(image: Any) -> dict[str, float]:
    """The formulas, literally, with Pillow's own resizing, filter and statistics."""
    pixels = np.asarray(image).astype(int)
    if image.mode == "L":
        brightness = pixels / 255
    else:
        red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
        brightness = np.sqrt(0.241 * red * red + 0.691 * green * green + 0.068 * blue * blue) / 255
    ratio = max(image.size) / 64
    small = image.copy()
    if ratio > 1:
        small = image.resize((max(int(image.width // ratio), 1), max(int(image.height // ratio), 1)))
    grey = small.convert("L")
    return {
        "width": image.width,
        "height": image.height,
        "brightness_perc_5": np.percentile(brightness, 5),
        "brightness_perc_99": np.percentile(brightness, 99),
        "entropy": image.entropy(),
        "blurriness": math.sqrt(ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).var[0]),
        "blurriness_grayscale_std": np.std(grey.histogram()),
    }


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 5), (3, 3), (64, 64), (65, 7), (1, 300), (97, 130), (480, 203), (375, 500)], ids=str
)
def test_measure_matches_naive(mode: str, size: tuple[int, int]) -> None:
    image = picture(mode, *size)
    properties = measure_images([image])
    for name, expected in naive_measures(image).items():
        assert properties.of(name)[0] == pytest.approx(expected, abs=CLOSE, rel=CLOSE), name
    assert properties.color_space[0] == mode


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_measure_of_one_shade_matches_naive(value: int) -> None:
    image = Image.new("RGB", (90, 70), (value, value, value))
    properties = measure_images([image])
    for name, expected in naive_measures(image).items():
        assert properties.of(name)[0] == pytest.approx(expected, abs=CLOSE, rel=CLOSE), name


@pytest.mark.parametrize(
    ("size", "new"),
    [
        ((375, 500), (64, 48)),
        ((500, 203), (26, 64)),
        ((500, 375), (48, 64)),
        ((119, 59), (31, 64)),
        ((70, 50), (64, 9)),
        ((5, 300), (1, 64)),
        ((3, 4), (7, 5)),
    ],
)
def test_shrunk_matches_pillow(size: tuple[int, int], new: tuple[int, int]) -> None:
    grey = textured(*size, 1, noise=90)[:, :, 0]
    np.testing.assert_array_equal(shrunk(grey, *new), np.asarray(Image.fromarray(grey).resize(new)))
    colours = Image.fromarray(textured(*size, 3, noise=90))
    pixels = np.frombuffer(colours.tobytes("raw", "RGBX"), np.uint32).reshape(size)
    resized = shrunk(pixels, *new).view(np.uint8).reshape(new[1], new[0], 4)[:, :, :3]
    np.testing.assert_array_equal(resized, np.asarray(colours.resize(new)))


@pytest.mark.parametrize("n_pixels", [1, 2, 3, 21, 100, 10_003])
@pytest.mark.parametrize("n_shades", [1, 2, 256])
def test_percentiles_match_naive(n_pixels: int, n_shades: int) -> None:
    colours = np.random.default_rng(n_pixels).integers(0, n_shades, (n_pixels, 4)).astype(np.uint8)
    red, green, blue = colours[:, :3].astype(int).T
    brightness = np.sqrt(0.241 * red * red + 0.691 * green * green + 0.068 * blue * blue) / 255
    percents = (0, 5, 37.5, 50, 99, 100)
    found = brightness_percentiles(colours.view(np.uint32).ravel(), percents)
    np.testing.assert_allclose(found, np.percentile(brightness, percents), rtol=CLOSE, atol=CLOSE)
    grey = brightness_percentiles(colours[:, 0].copy(), percents)
    np.testing.assert_allclose(grey, np.percentile(red / 255, percents), rtol=CLOSE, atol=CLOSE)


def test_measure_is_thread_agnostic() -> None:
    images = [picture(mode, 40 + i, 90 - i, i) for i in range(50) for mode in ("L", "RGB")]
    one, three = measure_images(images, n_jobs=1), measure_images(images, n_jobs=3)
    np.testing.assert_array_equal(one.values, three.values)
    np.testing.assert_array_equal(one.color_space, three.color_space)


def test_measure_is_source_agnostic(tmp_path: Path) -> None:
    image = picture("RGB")
    path = tmp_path / "image.png"
    image.save(path)
    content = path.read_bytes()
    array = np.asarray(image)
    sources = [
        image,
        path,
        str(path),
        content,
        bytearray(content),
        memoryview(content),
        array,
        array / 255,
        array.tolist(),
    ]
    sources += [{"bytes": content, "path": None}, {"bytes": None, "path": str(path)}, Image.open(io.BytesIO(content))]
    values = measure_images(sources).values
    assert not np.isnan(values).any()
    assert (values == values[0]).all()


def test_measure_leaves_unread_images_unread(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    picture("RGB").save(path)
    with Image.open(path) as from_path, Image.open(io.BytesIO(path.read_bytes())) as from_bytes:
        values = measure_images([from_path, from_bytes, from_bytes]).values
        assert from_path.tile
        assert from_bytes.tile
    assert (values == values[0]).all()


@pytest.mark.parametrize("mode", ["1", "LA", "P", "PA", "CMYK", "YCbCr", "I;16", "F"])
def test_measure_takes_images_of_any_mode_for_what_they_show(mode: str) -> None:
    grey = picture("L").point(lambda v: 255 if v > 128 else 0)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.asarray(grey).astype(np.float32) / 255)
    elif mode == "PA":
        image = grey.convert("P").convert("PA")
    else:
        image = grey.convert(mode)
    assert image.mode == mode
    shown, expected = measure_images([image]), measure_images([grey])
    names = ["width", "height", "brightness_perc_5", "brightness_perc_99", "blurriness", "blurriness_grayscale_std"]
    for name in names:
        # Pillow writes black and white as YCbCr to the last digit but one.
        assert shown.of(name)[0] == pytest.approx(expected.of(name)[0], abs=0.01, rel=1e-2), name


def test_measure_reads_transparent_palettes_without_warning(tmp_path: Path) -> None:
    image = picture("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    path = tmp_path / "palette.png"
    image.save(path, transparency=bytes([0, 128, 255]))
    properties = measure_images([str(path)])
    assert properties.color_space[0] == "P"
    expected = naive_measures(image.convert("RGB"))["brightness_perc_99"]
    assert properties.of("brightness_perc_99")[0] == pytest.approx(expected, abs=CLOSE)


def test_a_broken_file_is_noted_and_the_others_are_judged(tmp_path: Path) -> None:
    whole = io.BytesIO()
    picture("RGB").save(whole, "JPEG")
    images = [picture("RGB"), None, whole.getvalue()[:900], b"no image", str(tmp_path / "absent.png"), 7, float("nan")]
    evidence = evidence_of(images)
    found = dark(evidence)
    assert np.isnan(found.scores).tolist() == [False] + [True] * 6
    assert found.num_issues == 0
    assert found.score == found.scores[0]
    assert found.info["num_missing"] == 2
    assert found.info["unreadable"] == [2, 3, 4, 5]
    assert "truncated" in found.info["reasons"][0]
    assert found.info["reasons"][1] == "UnidentifiedImageError: cannot identify image file"
    assert found.notes[0].startswith("4 images could not be read; the first is in row 2 (OSError: ")
    for find in CHECKS:
        assert np.isnan(find(evidence).scores[1:]).all()
    assert grayscale(evidence).columns["color_space"].tolist() == ["RGB"] + [""] * 6


def test_measure_rejects_images_none_of_which_can_be_read() -> None:
    with pytest.raises(ValueError, match=r"`images` must be readable; got none that is; row 1: .*cannot identify"):
        measure_images([None, b"nothing"])


def test_measure_of_missing_images_only() -> None:
    evidence = evidence_of([None, None])
    for find in CHECKS:
        found = find(evidence)
        assert found.num_issues == 0
        assert math.isnan(found.score)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (np.zeros((4, 5, 2)), ValueError, "channels"),
        (np.zeros(4), ValueError, "shape"),
        (np.full((4, 5), 1.5), ValueError, "numbers from 0 to 1; got float64 from 1.5 to 1.5"),
        (np.full((4, 5), np.nan), ValueError, "numbers from 0 to 1"),
        (np.full((4, 5), 256), ValueError, "integers from 0 to 255"),
        (np.full((4, 5), -1), ValueError, "integers from 0 to 255"),
        (np.full((4, 5), "a"), TypeError, "hold numbers"),
    ],
)
def test_from_array_rejects_what_is_no_image(values: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        from_array(values)


def naive_scores(name: str, properties: ImageProperties) -> list[float]:
    def of(measure: str) -> np.ndarray:
        return properties.of(measure)

    if name == "dark":
        return list(of("brightness_perc_99"))
    if name == "light":
        return [1 - v for v in of("brightness_perc_5")]
    if name == "low_information":
        return [min(1, 0.1 * v) for v in of("entropy")]
    if name == "odd_aspect_ratio":
        return [min(w / h, h / w) for w, h in zip(of("width"), of("height"), strict=True)]
    if name == "grayscale":
        return [0 if mode == "L" else 1 for mode in properties.color_space]
    if name == "odd_size":
        size = [math.sqrt(w) * math.sqrt(h) for w, h in zip(of("width"), of("height"), strict=True)]
        q1, q3 = np.percentile(size, [25, 75])
        low, high = q1 - 3 * (q3 - q1), q3 + 3 * (q3 - q1)
        norm = high - low if high > low else (high + low) / 2
        return [1 - min(1, abs(s - (low + high) / 2) / norm) for s in size]
    scores = []
    for edges, shades in zip(of("blurriness"), of("blurriness_grayscale_std"), strict=True):
        extra = 1 - math.exp(-0.01 * shades)
        scores.append(min(1, 1 - math.exp(-0.01 * edges) + (extra if extra > 0.18 else 0)))
    return scores


THRESHOLDS = {"dark": 0.32, "light": 0.05, "low_information": 0.15, "odd_aspect_ratio": 0.35, "blurry": 0.29}


def out_of_focus() -> Any:
    """An image of many shades that fade into each other."""
    across, down = np.sin(np.linspace(0, np.pi, 120)), np.sin(np.linspace(0, np.pi, 90))
    return Image.fromarray((250 * np.sqrt(np.outer(down, across))).astype(np.uint8)).convert("RGB")


def mixed_images() -> list[Any]:
    """Images of many kinds, some with each issue."""
    images = [picture("RGB", 90 + i % 7, 120 + i % 5, i) for i in range(30)]
    images += [picture("L", 95, 121), Image.new("RGB", (120, 90)), Image.new("RGB", (120, 90), "white")]
    images += [picture("RGB", 40, 400), picture("RGB", 600, 800), Image.fromarray(textured(90, 120) // 8)]
    images += [
        out_of_focus(),
        picture("RGBA", 90, 120),
        Image.new("L", (120, 90), 99),
    ]
    return images


@pytest.mark.parametrize("find", CHECKS, ids=lambda find: find.__name__)
def test_check_matches_naive(find: Any) -> None:
    evidence = evidence_of(mixed_images())
    found, name = find(evidence), find.__name__
    expected = naive_scores(name, evidence.once("image_properties", lambda: None))  # type: ignore[arg-type]
    np.testing.assert_allclose(found.scores, expected, rtol=CLOSE, atol=CLOSE)
    threshold = 0.5 if name == "odd_size" else THRESHOLDS.get(name, 1)
    np.testing.assert_array_equal(found.is_issue, np.array(expected) < threshold)
    assert found.num_issues > 0
    assert found.in_summary == (found.num_issues <= int(0.1 * len(expected)))
    assert found.info["threshold"] == threshold


@pytest.mark.parametrize("find", CHECKS, ids=lambda find: find.__name__)
def test_check_matches_cleanvision(find: Any) -> None:
    module = pytest.importorskip("cleanvision.issue_managers.image_property_issue_manager")
    manager = module.ImagePropertyIssueManager()
    name, images = find.__name__, mixed_images()
    measured = manager.image_properties[name]
    raw = manager._aggregate([{"index": i, **measured.calculate(image)} for i, image in enumerate(images)])
    options = manager.params[name] | ({"threshold": 0.15} if name == "low_information" else {})
    scores = measured.get_scores(raw_scores=raw[measured.score_columns], issue_type=name, **options)
    flags = measured.mark_issue(scores=scores, issue_type=name, threshold=options.get("threshold"))
    found = find(evidence_of(images))
    np.testing.assert_allclose(found.scores, scores[f"{name}_score"], rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(found.is_issue, flags[f"is_{name}_issue"])


def test_odd_size_of_images_of_one_size_flags_all_others() -> None:
    images = [Image.new("L", (40, 30))] * 20 + [Image.new("L", (41, 30)), None]
    found = odd_size(evidence_of(images))
    assert np.flatnonzero(found.is_issue).tolist() == [20]
    assert found.info["threshold"] == 1.0


@pytest.mark.parametrize(("n_dark", "in_summary"), [(2, True), (3, False)])
def test_s36_a_usual_issue_keeps_its_columns_and_leaves_the_summary(n_dark: int, in_summary: bool) -> None:
    images = [Image.new("RGB", (9, 9))] * n_dark + [picture("RGB")] * (29 - n_dark)
    found = dark(evidence_of(images))
    assert found.num_issues == n_dark
    assert found.in_summary == in_summary
    assert len(found.notes) == (not in_summary)
    assert dark(evidence_of(images), max_prevalence=0.2).in_summary


@pytest.mark.parametrize(
    ("find", "options"),
    [
        (dark, {"threshold": -1}),
        (odd_size, {"iqr_factor": -1}),
        (blurry, {"color_threshold": "a"}),
        (light, {"max_prevalence": 2}),
    ],
)
def test_check_rejects_bad_options(find: Any, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        find(evidence_of([picture("RGB")]), **options)


def test_images_are_decoded_once_for_all_checks() -> None:
    class Counted(list):  # type: ignore[type-arg]
        n_read = 0

        def __getitem__(self, row: Any) -> Any:
            self.n_read += 1
            return super().__getitem__(row)

    images = Counted([picture("RGB")] * 5)
    evidence = evidence_of(images, n_jobs=1)
    for find in CHECKS:
        find(evidence)
    assert images.n_read == 5


# -- spurious correlations


def lit_by_class(n: int, n_classes: int) -> tuple[list[Any], np.ndarray]:
    """Images whose light tells their class, and nothing else does."""
    labels = np.random.default_rng(0).integers(0, n_classes, n)
    images = [Image.fromarray((textured(30, 40, seed=i) // 8 + 60 * labels[i]).astype(np.uint8)) for i in range(n)]
    return images, labels


@pytest.mark.parametrize("counts", [(7, 9, 30), (5, 1, 1), (12,), (40, 41, 3, 2)])
def test_folds_match_stratified_k_fold(counts: tuple[int, ...]) -> None:
    import warnings

    from sklearn.model_selection import StratifiedKFold

    codes = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [test for _, test in StratifiedKFold(5).split(codes, codes)]
    for fold, expected in enumerate(theirs):
        np.testing.assert_array_equal(np.flatnonzero(_folds(codes) == fold), expected)


def test_spurious_correlations_match_cleanlab() -> None:
    pd = pytest.importorskip("pandas")
    from sklearn.model_selection import cross_val_score
    from sklearn.naive_bayes import GaussianNB

    images, labels = lit_by_class(80, 3)
    evidence = evidence_of(images, labels)
    table = spurious_correlations(evidence).info["correlations_df"]
    assert isinstance(table, pd.DataFrame)
    assert table["property"].tolist() == [f"{find.__name__}_score" for find in CHECKS]
    baseline = np.bincount(labels).max() / len(labels)
    for find, score in zip(CHECKS, table["score"], strict=True):
        with np.errstate(all="ignore"):
            accuracy = cross_val_score(GaussianNB(), find(evidence).scores[:, None], labels, cv=5).mean()
        assert score == pytest.approx(min(1, (1 - accuracy) / (1 - baseline)), abs=CLOSE), find.__name__


def test_spurious_correlations_names_what_predicts_the_class() -> None:
    images, labels = lit_by_class(80, 3)
    names = np.array(["cat", "dog", "owl"], object)[labels]
    names[5] = None
    images[7] = None
    found = spurious_correlations(evidence_of(images, names))
    assert found.is_issue is None
    assert found.scores is None
    assert found.notes[0].startswith("The dark score of an image predicts its class: ")
    assert found.info["threshold"] == 0.3
    assert spurious_correlations(evidence_of(images, names), threshold=0).notes == ()


def test_s20_images_that_tell_nothing_score_near_one() -> None:
    images = [picture("RGB", 30, 40, seed) for seed in range(60)]
    labels = np.repeat([0, 1], 30)[np.random.default_rng(3).permutation(60)]
    found = spurious_correlations(evidence_of(images, labels))
    assert found.info["correlations_df"]["score"].min() > 0.6
    assert found.notes == ()


@pytest.mark.parametrize("labels", [np.arange(8), np.repeat([0, 1], 4)], ids=["each its own", "four each"])
def test_spurious_correlations_of_small_classes(labels: np.ndarray) -> None:
    found = spurious_correlations(evidence_of([picture("L")] * 8, labels))
    assert "too few to tell" in found.notes[0]


def test_s4_importing_leaves_warning_filters_alone() -> None:
    import subprocess
    import sys

    silence = "('ignore', None, Warning, None, 0)"
    code = f"import warnings, fastcl.datalab.checks.spurious_correlations; assert {silence} not in warnings.filters"
    subprocess.run([sys.executable, "-c", code], check=True)
