"""What image checks measure, against literal twins and Pillow; what images may be, and what cannot be read."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

Image, datasets = map(pytest.importorskip, ("PIL.Image", "datasets"))

from image_problems import CHECKS, CLOSE, evidence_of, picture, textured  # noqa: E402
from PIL import ImageFilter, ImageStat  # noqa: E402

from fastcl.datalab import Datalab  # noqa: E402
from fastcl.datalab.checks.dark import dark  # noqa: E402
from fastcl.datalab.checks.grayscale import grayscale  # noqa: E402
from fastcl.datalab.checks.spurious_correlations import spurious_correlations  # noqa: E402
from fastcl.datalab.images import measure_images, opening, pixels  # noqa: E402
from fastcl.datalab.images.opening import from_array, pillow_version  # noqa: E402
from fastcl.datalab.images.shades import measure_shades  # noqa: E402
from fastcl.datalab.images.shrinking import plan, shrink  # noqa: E402

NAN = float("nan")


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


def photographs() -> list[Path]:
    """The photographs that scikit-learn brings along: a temple and a flower."""
    import sklearn.datasets

    return sorted((Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))


@pytest.mark.parametrize("path", photographs(), ids=lambda path: path.stem)
def test_measure_of_photographs_matches_naive(path: Path) -> None:
    properties = measure_images([path])
    for name, expected in naive_measures(Image.open(path)).items():
        assert properties.of(name)[0] == pytest.approx(expected, abs=CLOSE, rel=CLOSE), name


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
    np.testing.assert_array_equal(shrink(grey, *plan(size, *new)), np.asarray(Image.fromarray(grey).resize(new)))
    colours = Image.fromarray(textured(*size, 3, noise=90))
    pixels = np.frombuffer(colours.tobytes("raw", "RGBX"), np.uint32).reshape(size)
    resized = shrink(pixels, *plan(size, *new)).view(np.uint8).reshape(new[1], new[0], 4)[:, :, :3]
    np.testing.assert_array_equal(resized, np.asarray(colours.resize(new)))


@pytest.mark.parametrize("n_pixels", [1, 2, 3, 21, 100, 10_003])
@pytest.mark.parametrize("n_shades", [1, 2, 256])
def test_percentiles_match_naive(n_pixels: int, n_shades: int) -> None:
    colours = np.random.default_rng(n_pixels).integers(0, n_shades, (n_pixels, 4)).astype(np.uint8)
    red, green, blue = colours[:, :3].astype(int).T
    brightness = np.sqrt(0.241 * red * red + 0.691 * green * green + 0.068 * blue * blue) / 255
    percents = np.array([0, 5, 37.5, 50, 99, 100])
    *found, _ = measure_shades(colours.view(np.uint32).ravel(), 3, percents)
    np.testing.assert_allclose(found, np.percentile(brightness, percents), rtol=CLOSE, atol=CLOSE)
    *grey, _ = measure_shades(colours[:, 0].copy(), 1, percents)
    np.testing.assert_allclose(grey, np.percentile(red / 255, percents), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("version", [12, pillow_version()])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pixels_match_pillow(mode: str, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "pillow_version", lambda: version)
    image = picture(mode)
    expected = np.asarray(image).copy()
    found = pixels.pixels_of(image)
    del image
    assert not found.flags.writeable
    assert found.shape == (97, 130)
    shown = found.view(np.uint8).reshape(97, 130, -1)[:, :, : len(mode)]
    np.testing.assert_array_equal(shown, expected.reshape(shown.shape))


@pytest.mark.parametrize("size", [(2100, 2000), (1, 4_300_000)], ids=str)
def test_pixels_of_images_in_several_pieces_match_pillow(size: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    image = Image.merge("RGB", [Image.fromarray(grey)] * 3)
    np.testing.assert_array_equal(pixels.pixels_of(image) & 0xFFFFFF, grey.astype(np.uint32) * 0x010101)


def test_pixels_of_a_file_that_pillow_maps_match_pillow(tmp_path: Path) -> None:
    image = picture("L", 97, 131)
    image.save(tmp_path / "from below.bmp")
    with Image.open(tmp_path / "from below.bmp") as mapped:
        mapped.load()
        np.testing.assert_array_equal(pixels.pixels_of(mapped), np.asarray(image))


def test_pixels_in_pieces_that_pillow_keeps_small_match_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(image: Any) -> None:
        raise ValueError("in several pieces")

    monkeypatch.setattr(pixels, "_shared", refuse)
    image = picture("RGBA")
    np.testing.assert_array_equal(pixels.pixels_of(image).view(np.uint8).reshape(97, 130, 4), np.asarray(image))


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


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_large_files_are_left_to_pillow_and_measured_alike(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("RGB", 300, 400).save(tmp_path / f"image.{suffix}")
    at_once = measure_images([tmp_path / f"image.{suffix}"]).values
    monkeypatch.setattr(opening, "MOST_AT_ONCE", 0)
    np.testing.assert_array_equal(measure_images([tmp_path / f"image.{suffix}"]).values, at_once)
    assert not np.isnan(at_once).any()


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
    no_image = tmp_path / "no_image.png"
    no_image.write_bytes(b"no image")
    images = [picture("RGB"), None, whole.getvalue()[:900], b"no image", no_image, str(tmp_path / "absent.png"), 7]
    evidence = evidence_of(images)
    found = dark(evidence)
    assert np.isnan(found.scores).tolist() == [False] + [True] * 6
    assert found.num_issues == 0
    assert found.score == found.scores[0]
    assert found.info["num_missing"] == 1
    assert found.info["unreadable"] == [2, 3, 4, 5, 6]
    assert "truncated" in found.info["reasons"][0]
    assert found.info["reasons"][1] == "UnidentifiedImageError: cannot identify image file"
    assert found.info["reasons"][2] == f"UnidentifiedImageError: cannot identify image file {str(no_image)!r}"
    assert found.info["reasons"][3].endswith(f"No such file or directory: {str(tmp_path / 'absent.png')!r}")
    assert found.notes[0].startswith("5 images could not be read; the first is in row 2 (OSError: ")
    for find in CHECKS:
        assert np.isnan(find(evidence).scores[1:]).all()
    assert grayscale(evidence).columns["color_space"].tolist() == ["RGB"] + [""] * 6


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([None, b"nothing"], r"`images` must be readable; got none that is; row 1: .*cannot identify"),
        ([None, {"a": 1}], r"none that is; row 1: .* or a dict with \"bytes\" or \"path\"; got a dict of 'a'"),
        ([None, {}], r"got an empty dict"),
        ([None, None], r"`images` must hold an image in some rows; got none in any"),
        ([{"bytes": None, "path": None}, NAN], r"got none in any"),
    ],
)
def test_checks_reject_images_none_of_which_can_be_judged(images: list[Any], message: str) -> None:
    evidence = evidence_of(images, [0, 1])
    for find in (*CHECKS, spurious_correlations):
        with pytest.raises(ValueError, match=message):
            find(evidence)


@pytest.mark.parametrize("highest", [1, 255])
def test_measure_of_floats_matches_grey(highest: int, tmp_path: Path) -> None:
    grey = picture("L")
    path = tmp_path / "floats.tif"
    Image.fromarray(np.asarray(grey).astype(np.float32) * (highest / 255)).save(path)
    properties = measure_images([path])
    assert properties.color_space[0] == "F"
    np.testing.assert_array_equal(properties.values, measure_images([grey]).values)


def test_measure_rejects_floats_beyond_any_shade() -> None:
    properties = measure_images([Image.fromarray(np.full((4, 5), 256, np.float32))])
    assert "numbers from 0 to 1; got float32 from 256.0 to 256.0" in properties.unreadable[0]


# -- columns of images


def as_objects(values: list[Any]) -> np.ndarray:
    return np.fromiter(values, object, len(values))


#: Columns of images made of arrays, of paths, and of the contents of files.
COLUMNS: dict[str, Callable[[list[np.ndarray], list[str], list[bytes]], Any]] = {
    "paths in an array": lambda arrays, paths, files: np.array(paths),
    "paths in objects": lambda arrays, paths, files: as_objects(paths),
    "paths in pandas": lambda arrays, paths, files: pd.Series(paths, index=[7] * len(paths)),
    "paths in polars": lambda arrays, paths, files: pl.Series(paths),
    "paths in arrow": lambda arrays, paths, files: pa.array(paths),
    "files in polars": lambda arrays, paths, files: pl.Series(files),
    "pairs in polars": lambda arrays, paths, files: pl.Series([{"bytes": file, "path": None} for file in files]),
    "pairs in arrow": lambda arrays, paths, files: pa.array([{"bytes": None, "path": path} for path in paths]),
    "images in objects": lambda arrays, paths, files: as_objects([Image.fromarray(one) for one in arrays]),
    "images in polars": lambda arrays, paths, files: pl.Series(
        [Image.fromarray(one) for one in arrays], dtype=pl.Object
    ),
    "one array": lambda arrays, paths, files: np.stack(arrays),
    "arrays in polars": lambda arrays, paths, files: pl.Series(np.stack(arrays)),
    "lists in polars": lambda arrays, paths, files: pl.Series([one.tolist() for one in arrays]),
    "lists in arrow": lambda arrays, paths, files: pa.array([one.tolist() for one in arrays]),
    "arrays of arrays": lambda arrays, paths, files: as_objects(
        [as_objects(list(map(as_objects, one))) for one in arrays]
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_checks_are_agnostic_to_the_column(kind: str, tmp_path: Path) -> None:
    arrays = [textured(21, 34, seed=seed) for seed in range(5)]
    paths = [str(tmp_path / f"{row}.png") for row in range(5)]
    for array, path in zip(arrays, paths, strict=True):
        Image.fromarray(array).save(path)
    column = COLUMNS[kind](arrays, paths, [Path(path).read_bytes() for path in paths])
    lab = Datalab({"image": column}, image_key="image", verbosity=0)
    lab.find_issues()
    assert not lab.failed
    expected = evidence_of(arrays)
    for find in CHECKS:
        np.testing.assert_array_equal(lab.get_issues(find.__name__)[f"{find.__name__}_score"], find(expected).scores)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table, datasets.Dataset.from_dict])
def test_checks_are_agnostic_to_the_table(table: Callable[[Any], Any], tmp_path: Path) -> None:
    picture("RGB").save(tmp_path / "image.png")
    data = table({"image": [str(tmp_path / "image.png")] * 12 + [None], "y": [0, 1] * 6 + [0]})
    lab = Datalab(data, label_name="y", image_key="image", verbosity=0)
    lab.find_issues()
    assert not lab.failed
    assert len(lab.issue_summary) == 1 + len(CHECKS)
    assert type(lab.get_info("spurious_correlations")["correlations_df"]) is type(lab.issues)


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


class Counted(list):  # type: ignore[type-arg]
    """A list that counts how often one of it is asked for."""

    n_read = 0

    def __getitem__(self, row: Any) -> Any:
        self.n_read += 1
        return super().__getitem__(row)


def test_images_are_decoded_once_for_all_checks() -> None:
    images = Counted([picture("RGB")] * 5)
    evidence = evidence_of(images, n_jobs=1)
    for find in CHECKS:
        find(evidence)
    assert images.n_read == 5


def test_images_that_cannot_be_judged_are_looked_at_once() -> None:
    images = Counted([None, b"no image"])
    evidence = evidence_of(images, n_jobs=1)
    for find in CHECKS:
        with pytest.raises(ValueError, match="be readable"):
            find(evidence)
    assert images.n_read == 2


BROKEN = [picture("RGB"), b"no image", None, *[picture("RGB", seed=seed) for seed in range(12)]]


@pytest.mark.parametrize(
    "chosen",
    [
        None,
        ["dark"],
        ["blurry", "light"],
        ["spurious_correlations"],
        ["spurious_correlations", "light"],
        ["light", "spurious_correlations"],
    ],
    ids=str,
)
def test_unreadable_images_are_noted_once(chosen: Any) -> None:
    labels = np.arange(len(BROKEN)) % 2
    lab = Datalab({"image": BROKEN, "y": labels}, image_key="image", label_name="y", verbosity=0)
    lab.find_issues(issue_types=chosen)
    notes = [note for finding in lab._findings.values() for note in finding.notes if "could not be read" in note]
    assert len(notes) == 1
    assert notes[0].startswith("1 image could not be read; the first is in row 1 (")
