"""Image checks: scores and flags against literal twins and cleanvision; properties that give classes away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from image_problems import CHECKS, CLOSE, evidence_of, picture, textured  # noqa: E402

from fastcl import Datalab  # noqa: E402
from fastcl.datalab.checks.blurry import blurry  # noqa: E402
from fastcl.datalab.checks.dark import dark  # noqa: E402
from fastcl.datalab.checks.grayscale import grayscale  # noqa: E402
from fastcl.datalab.checks.low_information import low_information  # noqa: E402
from fastcl.datalab.checks.odd_size import odd_size  # noqa: E402
from fastcl.datalab.checks.spurious_correlations import _folds, spurious_correlations  # noqa: E402
from fastcl.datalab.images import ImageProperties  # noqa: E402


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
        *[(find, {"threshold": 5}) for find in (*CHECKS, spurious_correlations) if find is not grayscale],
        *[(find, {"max_prevalence": 2}) for find in CHECKS],
        (dark, {"threshold": -1}),
        (dark, {"threshold": float("nan")}),
        (odd_size, {"iqr_factor": -1}),
        (blurry, {"color_threshold": "a"}),
        (blurry, {"color_threshold": 1.1}),
        (blurry, {"normalizing_factor": -1}),
        (low_information, {"normalizing_factor": -1}),
    ],
)
def test_check_rejects_bad_options_before_images_are_measured(find: Any, options: dict[str, Any]) -> None:
    lab = Datalab({"image": ["nowhere.png"] * 2, "y": [0, 1]}, label_name="y", image_key="image")
    name, option = find.__name__, next(iter(options))
    with pytest.raises((ValueError, TypeError), match=rf"`issue_types\['{name}'\]\['{option}'\]` must"):
        lab.find_issues(issue_types={name: options})


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
    assert table["score"].is_monotonic_increasing
    scores = dict(zip(table["property"], table["score"], strict=True))
    baseline = np.bincount(labels).max() / len(labels)
    for find in CHECKS:
        with np.errstate(all="ignore"):
            accuracy = cross_val_score(GaussianNB(), find(evidence).scores[:, None], labels, cv=5).mean()
        expected = min(1, (1 - accuracy) / (1 - baseline))
        assert scores[f"{find.__name__}_score"] == pytest.approx(expected, abs=CLOSE), find.__name__


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
