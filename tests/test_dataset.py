from __future__ import annotations

import logging

import naive
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cleanlab import dataset as cleanlab_dataset
from problems import ALL_PROBLEMS, PROBLEMS, make_problem, reference

from fastcl import count, dataset

SMALL = make_problem(503, 5, seed=71)
JOINT = count.estimate_joint(*SMALL.both())
COUNTS = count.compute_confident_joint(*SMALL.both())
NAMES = ["ant", "bee", "cow", "dog", "emu"]

FUNCTIONS = [
    dataset.rank_classes_by_label_quality,
    dataset.find_overlapping_classes,
    dataset.overall_label_health_score,
    dataset.health_summary,
]
TABLES = FUNCTIONS[:2]

CLASS_COLUMNS = [
    "Class Index",
    "Label Issues",
    "Inverse Label Issues",
    "Label Noise",
    "Inverse Label Noise",
    "Label Quality Score",
]
PAIR_COLUMNS = ["Class Index A", "Class Index B", "Num Overlapping Examples", "Joint Probability"]


def assert_lines_match(table, expected):
    """Assert that a table holds these lines; shares to 1e-12, as sums over the joint may be taken in any order."""
    assert len(table) == len(expected)
    np.testing.assert_allclose(table.to_numpy(dtype=float), np.array(expected, dtype=float), rtol=0, atol=1e-12)


def by_class(table):
    """Sort lines by class: the order of classes is asserted on its own, up to the last bits of their scores."""
    return sorted(table, key=lambda line: line[:2])


# -- the table of classes


def test_class_table_matches_naive(any_problem):
    table = dataset.rank_classes_by_label_quality(*any_problem.both())
    assert list(table.columns) == CLASS_COLUMNS
    joint = naive.estimate_joint(naive.confident_joint(*any_problem.both()))
    expected = naive.class_table(joint, len(any_problem.labels))
    assert_lines_match(table.sort_values("Class Index"), by_class(expected))
    quality = table["Label Quality Score"].to_numpy()
    known = ~np.isnan(quality)
    assert np.all(np.diff(quality[known]) >= 0)
    assert not known[np.count_nonzero(known) :].any()
    assert (table.index == np.arange(any_problem.n_classes)).all()


@pytest.mark.parametrize("name", ["weak model", "binary", "many classes", "tiny classes", "float32", "no noise"])
def test_class_table_matches_cleanlab(name):
    problem = ALL_PROBLEMS[name]
    table = dataset.rank_classes_by_label_quality(*problem.both())
    expected = reference(cleanlab_dataset.rank_classes_by_label_quality, *problem.both())
    assert list(table.columns) == list(expected.columns)
    assert (table.dtypes == expected.dtypes).all()
    given = expected[np.isin(expected["Class Index"], np.flatnonzero(problem.counts))]
    # S27: a class that nobody is truly of has no inverse noise in fastcl
    columns = [column for column in table.columns if column != "Inverse Label Noise"]
    assert_lines_match(
        table[columns].head(len(given)).sort_values("Class Index"), given[columns].sort_values("Class Index").to_numpy()
    )
    inverse = table.set_index("Class Index")["Inverse Label Noise"].dropna()
    np.testing.assert_allclose(
        inverse, expected.set_index("Class Index").loc[inverse.index, "Inverse Label Noise"], rtol=0, atol=1e-12
    )


def test_class_table_is_in_the_order_of_cleanlab():
    table = dataset.rank_classes_by_label_quality(*SMALL.both(), class_names=NAMES)
    expected = reference(cleanlab_dataset.rank_classes_by_label_quality, *SMALL.both(), class_names=NAMES)
    pd.testing.assert_frame_equal(
        table, expected, check_exact=False, rtol=0, atol=1e-12, check_dtype=False, check_column_type=False
    )


@pytest.mark.parametrize("name", ["ragged", "first and last class never given"])
def test_s27_classes_never_given_have_no_quality_and_come_last(name):
    """Cleanlab ranks them as perfect: score 1."""
    problem = PROBLEMS[name]
    table = dataset.rank_classes_by_label_quality(*problem.both()).set_index("Class Index")
    absent = np.flatnonzero(problem.counts == 0)
    assert table.index[-len(absent) :].tolist() == absent.tolist()
    assert table.loc[absent, ["Label Noise", "Inverse Label Noise", "Label Quality Score"]].isna().all(axis=None)
    assert not table.drop(absent).isna().any(axis=None)
    assert (table.loc[absent, ["Label Issues", "Inverse Label Issues"]] == 0).all(axis=None)
    theirs = reference(cleanlab_dataset.rank_classes_by_label_quality, *problem.both()).set_index("Class Index")
    assert (theirs.loc[absent, "Label Quality Score"] == 1).all()


def test_classes_of_equal_quality_stand_in_their_order():
    table = dataset.rank_classes_by_label_quality(joint=np.eye(40) / 40, num_examples=400)
    assert table["Class Index"].tolist() == list(range(40))


# -- the table of pairs


@pytest.mark.parametrize("asymmetric", [True, False])
def test_overlapping_classes_match_naive(any_problem, asymmetric):
    table = dataset.find_overlapping_classes(*any_problem.both(), asymmetric=asymmetric)
    assert list(table.columns) == PAIR_COLUMNS
    joint = naive.estimate_joint(naive.confident_joint(*any_problem.both()))
    assert_lines_match(table, naive.overlapping_classes(joint, len(any_problem.labels), asymmetric))
    assert (table.index == np.arange(len(table))).all()


@pytest.mark.parametrize("asymmetric", [True, False])
def test_overlapping_classes_match_cleanlab(any_problem, asymmetric):
    table = dataset.find_overlapping_classes(*any_problem.both(), asymmetric=asymmetric)
    expected = reference(cleanlab_dataset.find_overlapping_classes, *any_problem.both(), asymmetric=asymmetric)
    assert list(table.columns) == list(expected.columns)
    assert (table.dtypes == expected.dtypes).all()
    # pairs that occur equally often are in any order there, in that of their classes here
    np.testing.assert_array_equal(table["Joint Probability"], expected["Joint Probability"])
    pairs = ["Class Index A", "Class Index B"]
    assert_lines_match(table.sort_values(pairs), expected.sort_values(pairs).to_numpy())


def test_overlapping_classes_have_names():
    table = dataset.find_overlapping_classes(*SMALL.both(), class_names=NAMES)
    assert list(table.columns) == ["Class Name A", "Class Name B", *PAIR_COLUMNS]
    assert table["Class Name A"].tolist() == [NAMES[k] for k in table["Class Index A"]]
    assert table["Class Name B"].tolist() == [NAMES[k] for k in table["Class Index B"]]


def test_one_class_overlaps_with_nothing():
    table = dataset.find_overlapping_classes(joint=[[1.0]], num_examples=3)
    assert list(table.columns) == PAIR_COLUMNS
    assert len(table) == 0


# -- the health score


def test_health_matches_naive_and_cleanlab(any_problem):
    score = dataset.overall_label_health_score(*any_problem.both())
    assert isinstance(score, float)
    assert score == naive.health(*any_problem.both())
    if any_problem.labels.max() > 0:
        assert score == reference(cleanlab_dataset.overall_label_health_score, *any_problem.both())


def test_s26_health_has_two_definitions():
    """As cleanlab: counted from labels and probabilities, or the trace of a joint."""
    counted = dataset.overall_label_health_score(*SMALL.both())
    estimated = dataset.overall_label_health_score(joint=JOINT, num_examples=503)
    assert counted == 1 - count.num_label_issues(*SMALL.both()) / 503
    assert estimated == pytest.approx(JOINT.trace(), abs=1e-15)
    assert abs(counted - estimated) > 0.001
    theirs = reference(cleanlab_dataset.overall_label_health_score, joint=JOINT, num_examples=503)
    assert estimated == pytest.approx(theirs, abs=1e-15)


# -- the summary


@pytest.mark.parametrize("asymmetric", [True, False])
def test_summary_is_made_of_the_other_answers(any_problem, asymmetric):
    summary = dataset.health_summary(*any_problem.both(), asymmetric=asymmetric)
    assert set(summary) == {
        "overall_label_health_score",
        "joint",
        "classes_by_label_quality",
        "overlapping_classes",
    }
    assert summary["overall_label_health_score"] == dataset.overall_label_health_score(*any_problem.both())
    np.testing.assert_array_equal(summary["joint"], count.estimate_joint(*any_problem.both()))
    pd.testing.assert_frame_equal(
        summary["classes_by_label_quality"], dataset.rank_classes_by_label_quality(*any_problem.both())
    )
    pd.testing.assert_frame_equal(
        summary["overlapping_classes"], dataset.find_overlapping_classes(*any_problem.both(), asymmetric=asymmetric)
    )


def test_summary_matches_cleanlab():
    summary = dataset.health_summary(*SMALL.both(), class_names=NAMES)
    expected = reference(cleanlab_dataset.health_summary, *SMALL.both(), class_names=NAMES)
    assert set(summary) == set(expected)
    assert summary["overall_label_health_score"] == expected["overall_label_health_score"]
    np.testing.assert_array_equal(summary["joint"], expected["joint"])


# -- the three ways to call

WAYS = {
    "labels and probabilities": dict(zip(("labels", "pred_probs"), SMALL.both(), strict=True)),
    "joint and number": {"joint": JOINT, "num_examples": 503},
    "confident joint": {"confident_joint": COUNTS},
    "labels and confident joint": {"labels": SMALL.labels, "confident_joint": COUNTS},
    "lists": {"joint": JOINT.tolist(), "num_examples": 503},
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.replace(" ", "_"))
@pytest.mark.parametrize("function", TABLES)
def test_s15_tables_come_out_the_same_in_all_ways_to_ask(function, way):
    """Cleanlab documents them all; some raise ValueError, some AttributeError."""
    expected = function(*SMALL.both())
    pd.testing.assert_frame_equal(function(**WAYS[way]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.replace(" ", "_"))
def test_s15_health_comes_out_in_all_ways_to_ask(way):
    """Cleanlab's summary raises on a joint without labels."""
    expected = naive.health(*SMALL.both()) if "pred_probs" in WAYS[way] else JOINT.trace()
    assert dataset.overall_label_health_score(**WAYS[way]) == pytest.approx(expected, abs=1e-15)
    summary = dataset.health_summary(**WAYS[way])
    assert summary["overall_label_health_score"] == pytest.approx(expected, abs=1e-15)
    np.testing.assert_allclose(summary["joint"], JOINT, rtol=0, atol=1e-15)


def test_a_joint_beside_labels_and_probabilities_is_used_for_the_tables():
    joint = np.diag([0.1, 0.2, 0.3, 0.2, 0.2])
    table = dataset.rank_classes_by_label_quality(*SMALL.both(), joint=joint)
    assert (table["Label Quality Score"] == 1).all()
    expected = reference(cleanlab_dataset.rank_classes_by_label_quality, *SMALL.both(), joint=joint)
    np.testing.assert_array_equal(table["Label Issues"], expected["Label Issues"])


def test_counts_beside_labels_and_probabilities_are_calibrated():
    counts = COUNTS + 3
    table = dataset.rank_classes_by_label_quality(*SMALL.both(), confident_joint=counts)
    expected = reference(cleanlab_dataset.rank_classes_by_label_quality, *SMALL.both(), confident_joint=counts)
    assert_lines_match(table, expected.to_numpy())


@pytest.mark.parametrize("function", TABLES)
def test_number_of_examples_may_be_given(function):
    table = function(*SMALL.both(), num_examples=5_030)
    expected = reference(getattr(cleanlab_dataset, function.__name__), *SMALL.both(), num_examples=5_030)
    numbers = [column for column in table.columns if "Issues" in column or "Num" in column]
    assert numbers
    np.testing.assert_array_equal(np.sort(table[numbers], axis=0), np.sort(expected[numbers], axis=0))


# -- names and tables of the user


@pytest.mark.parametrize("function", TABLES)
@pytest.mark.parametrize(
    "kind", [list, np.asarray, pd.Series, pd.Categorical, lambda names: pd.Series(names, dtype="category")]
)
def test_names_in_the_labels_travel_to_the_table(function, kind):
    labels = kind(np.array(NAMES)[SMALL.labels])
    expected = function(*SMALL.both(), class_names=NAMES)
    pd.testing.assert_frame_equal(function(labels, SMALL.pred_probs), expected, check_dtype=False)


@pytest.mark.parametrize("function", TABLES)
@pytest.mark.parametrize("library", [pl, pa])
def test_tables_come_back_in_the_library_of_the_caller(function, library):
    columns = dict(zip(NAMES, SMALL.pred_probs.T, strict=True))
    frame = pl.DataFrame(columns) if library is pl else pa.table(columns)
    names = np.array(NAMES)[SMALL.labels].tolist()
    table = function(names, frame)
    assert type(table) is type(frame)
    table = table.to_pandas() if library is pa else pd.DataFrame(table.to_dict(as_series=False))
    pd.testing.assert_frame_equal(
        table, function(*SMALL.both(), class_names=NAMES), check_dtype=False, check_column_type=False
    )


def test_summary_of_named_classes():
    labels = np.array(NAMES)[SMALL.labels]
    summary = dataset.health_summary(labels, SMALL.pred_probs)
    assert set(summary["classes_by_label_quality"]["Class Name"]) == set(NAMES)
    assert dataset.overall_label_health_score(labels, SMALL.pred_probs) == summary["overall_label_health_score"]


# -- words, and what is refused


def test_nothing_is_printed_and_only_verbose_functions_log(caplog, capsys):
    with caplog.at_level(logging.INFO):
        dataset.overall_label_health_score(*SMALL.both(), verbose=False)
        dataset.health_summary(*SMALL.both(), verbose=False)
        assert not caplog.records
        dataset.overall_label_health_score(*SMALL.both())
    assert [record.name for record in caplog.records] == ["fastcl.dataset"]
    assert f"{100 * naive.health(*SMALL.both()):.0f}% of 503 labels look right" in caplog.text
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give `labels` and `pred_probs`, or `joint` and `num_examples`, or `confident_joint`"),
        ({"labels": SMALL.labels}, "Give `labels` and `pred_probs`"),
        ({"pred_probs": SMALL.pred_probs}, "Give `labels` and `pred_probs`"),
        ({"joint": JOINT}, "`num_examples` must be given with `joint`"),
        ({"joint": JOINT[:3], "num_examples": 503}, "`joint` must have shape"),
        ({"joint": -JOINT, "num_examples": 503}, "`joint` must hold finite numbers of at least 0"),
        ({"confident_joint": COUNTS[:3]}, "`confident_joint` must have shape"),
        ({"labels": SMALL.labels, "confident_joint": COUNTS[:3, :3]}, "class indices in"),
        ({"labels": SMALL.labels, "pred_probs": SMALL.pred_probs, "multi_label": True}, "`multi_label` must be False"),
        ({"labels": SMALL.labels[1:], "pred_probs": SMALL.pred_probs}, "one row for each label"),
        ({"labels": SMALL.labels, "pred_probs": SMALL.pred_probs * np.nan}, "no NaN"),
        ({"labels": SMALL.labels * 0 + 1, "pred_probs": SMALL.pred_probs}, "at least 2 classes"),
    ],
)
def test_dataset_functions_reject(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(**options)


@pytest.mark.parametrize("function", [*TABLES, dataset.health_summary])
def test_tables_reject_the_wrong_number_of_names(function):
    with pytest.raises(ValueError, match="name each of the 5"):
        function(*SMALL.both(), class_names=NAMES[:4])
    with pytest.raises(ValueError, match="name each of the 5"):
        function(confident_joint=COUNTS, class_names=[*NAMES, "fox"])


@pytest.mark.parametrize("function", [*TABLES, dataset.health_summary])
@pytest.mark.parametrize("name", ["joint", "confident_joint"])
def test_tables_reject_a_joint_that_does_not_fit_the_probabilities(function, name):
    with pytest.raises(ValueError, match=rf"`{name}` must have shape \(5, 5\)"):
        function(*SMALL.both(), **{name: np.eye(4)})
