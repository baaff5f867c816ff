"""Every bad input, at every function: an error of the reference's kind, in one sentence that names the culprit.

Faults that a source of blocks or a path may have are in `test_agnostic.py`, as far as all sources share them.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.sparse
from cleanlab.filter import find_label_issues as reference_find_label_issues
from problems import make_problem, quietly, reference

from fastcl import count, dataset, filter, rank
from fastcl.engine import blocks
from fastcl.experimental import label_issues_batched as batched

PROBLEM = make_problem(200, 3, seed=51)
LABELS, PRED_PROBS = PROBLEM.both()
NAMES = np.array(["a", "b", "c"])


def inspect(labels, pred_probs):
    inspector = batched.LabelInspector(num_class=3)
    inspector.update_confident_thresholds(LABELS, PRED_PROBS)
    return inspector.score_label_quality(labels, pred_probs)


#: Functions that sweep all rows; they judge labels, probabilities, and how these fit.
SWEEPING = {
    "find_label_issues": filter.find_label_issues,
    "find_predicted_neq_given": filter.find_predicted_neq_given,
    "find_label_issues_using_argmax_confusion_matrix": filter.find_label_issues_using_argmax_confusion_matrix,
    "get_label_quality_scores": rank.get_label_quality_scores,
    "get_self_confidence_for_each_label": rank.get_self_confidence_for_each_label,
    "get_normalized_margin_for_each_label": rank.get_normalized_margin_for_each_label,
    "get_confidence_weighted_entropy_for_each_label": rank.get_confidence_weighted_entropy_for_each_label,
    "order_label_issues": lambda y, p: rank.order_label_issues(np.zeros(200, bool), y, p),
    "get_label_quality_ensemble_scores": lambda y, p: rank.get_label_quality_ensemble_scores(y, [PRED_PROBS, p]),
    "num_label_issues": count.num_label_issues,
    "compute_confident_joint": count.compute_confident_joint,
    "estimate_joint": count.estimate_joint,
    "estimate_py_and_noise_matrices_from_probabilities": count.estimate_py_and_noise_matrices_from_probabilities,
    "rank_classes_by_label_quality": dataset.rank_classes_by_label_quality,
    "find_overlapping_classes": dataset.find_overlapping_classes,
    "overall_label_health_score": dataset.overall_label_health_score,
    "health_summary": dataset.health_summary,
    "find_label_issues_batched": batched.find_label_issues_batched,
    "LabelInspector": inspect,
}

#: One probability a row is all that this one reads; it judges everything but the probabilities' values.
FUNCTIONS = SWEEPING | {"get_confident_thresholds": count.get_confident_thresholds}


def changed(array, where, value):
    """Return a copy of `array` in which one entry is another."""
    array = array.astype(object) if value is None else array.copy()
    array[where] = value
    return array


#: What is wrong, with the error and what its sentence says. `list` and names are welcome here, not in the reference.
VALUE_FAULTS = {
    "NaN": (changed(PRED_PROBS, (3, 1), np.nan), "nan in row 3 (1 such rows)."),
    "infinity": (changed(PRED_PROBS, (3, 1), np.inf), "inf in row 3 (1 such rows)."),
    "minus infinity": (changed(PRED_PROBS, (3, 1), -np.inf), "-inf in row 3 (1 such rows)."),
    "NaN in many rows": (np.where(LABELS[:, None] == 1, np.nan, PRED_PROBS), f"({(LABELS == 1).sum()} such rows)."),
    "negative": (changed(PRED_PROBS, (7, 0), -1e-5), "-1e-05 in row 7 (1 such rows)"),
    "above one": (changed(PRED_PROBS, (7, 0), 1 + 1e-5), "1.00001 in row 7 (1 such rows)"),
    "logits": (np.log(PRED_PROBS), "(200 such rows). These look like logits: apply softmax first."),
    "logits in single precision": (np.log(PRED_PROBS).astype(np.float32), "apply softmax first."),
    "logits in half precision": (np.log(PRED_PROBS).astype(np.float16), "apply softmax first."),
    "percentages": (PRED_PROBS * 100, "(200 such rows). These look like counts or percentages: divide each row"),
    "counts": (np.rint(PRED_PROBS * 50).astype(np.int32), "These look like counts or percentages"),
    "missing in a table of pandas": (pd.DataFrame(changed(PRED_PROBS, (3, 1), np.nan)), "nan in row 3 (1 such rows)."),
    "missing in a table of Polars": (pl.DataFrame([[None, 0.5] * 100] * 3), "nan in row 0 (100 such rows)."),
}

PRED_PROBS_FAULTS = {
    "one column": (PRED_PROBS[:, 0], ValueError, "(n_samples, n_classes); got shape (200,). For two classes pass both"),
    "a series": (pd.Series(PRED_PROBS[:, 0]), ValueError, "(n_samples, n_classes); got shape (200,)"),
    "three axes": (PRED_PROBS[None], ValueError, "(n_samples, n_classes); got shape (1, 200, 3)."),
    "no axis": (np.float64(0.5), ValueError, "(n_samples, n_classes); got shape ()."),
    "no columns": (PRED_PROBS[:, :0], ValueError, "(n_samples, n_classes); got shape (200, 0)."),
    "no rows": (PRED_PROBS[:0], ValueError, "have at least one row; got shape (0, 3)."),
    "too few rows": (PRED_PROBS[:-1], ValueError, "have one row for each label; got 199 rows for 200 labels."),
    "too many rows": (np.vstack([PRED_PROBS] * 2), ValueError, "got 400 rows for 200 labels."),
    "booleans": (PRED_PROBS > 0.5, TypeError, "hold real numbers; got dtype bool."),
    "complex numbers": (PRED_PROBS + 0j, TypeError, "hold real numbers; got dtype complex128."),
    "strings": (PRED_PROBS.astype(str), TypeError, "hold real numbers; got dtype <U32."),
    "objects": (PRED_PROBS.astype(object), TypeError, "hold real numbers; got dtype object."),
    "dates": (PRED_PROBS.astype("M8[s]"), TypeError, "hold real numbers; got dtype datetime64[s]."),
    "a table with text": (pd.DataFrame({"a": ["?"] * 200, "b": 0.5, "c": 0.5}), TypeError, "got dtype object."),
    "masked": (np.ma.masked_less(PRED_PROBS, 0.01), ValueError, "hold no masked values; got"),
    "sparse": (scipy.sparse.csr_array(PRED_PROBS), TypeError, "be dense; got a sparse matrix."),
    "coordinates": (scipy.sparse.coo_array(PRED_PROBS), TypeError, "be dense; got a sparse matrix."),
    "a ragged list": ([[0.1, 0.9]] * 199 + [[1.0]], ValueError, "be an array; got list ("),
    "an empty list": ([], ValueError, "(n_samples, n_classes); got shape (0,)."),
    "one name twice": (pd.DataFrame(PRED_PROBS, columns=["a", "b", "a"]), ValueError, "have each column once"),
    "a set": ({0.5}, TypeError, "be an array; got set."),
    "a dict": ({"a": PRED_PROBS[:, 0]}, TypeError, "be an array; got dict."),
    "a number": (0.5, TypeError, "be an array; got float."),
    "a generator": ((row for row in PRED_PROBS), TypeError, "be an array; got generator."),
    "a path without a suffix": ("somewhere", ValueError, "path of a .npy or .parquet file; got 'somewhere'."),
}

LABEL_FAULTS = {
    "too large": (changed(LABELS, 3, 3), ValueError, "be class indices in [0, 3); got 3 in row 3 (1 such rows)."),
    "far too large": (changed(LABELS.astype(np.uint64), 3, 2**63), ValueError, "got 9223372036854775808 in row 3 (1 "),
    "large float": (changed(LABELS.astype(float), 3, 1e300), ValueError, "got 1e+300 in row 3 (1 such rows)."),
    "infinite": (changed(LABELS.astype(float), 3, np.inf), ValueError, "got inf in row 3 (1 such rows)."),
    "negative": (changed(LABELS, 3, -1), ValueError, "got -1 in row 3 (1 such rows). Leave unlabeled rows out."),
    "fractions": (LABELS + 0.5, ValueError, "be whole numbers; got"),
    "one fraction": (changed(LABELS.astype(float), 3, 0.5), ValueError, "got 0.5 in row 3 (1 such rows)."),
    "NaN": (changed(LABELS.astype(float), 3, np.nan), ValueError, "hold a label for every row; got none in row 3 (1 "),
    "None": (changed(LABELS, 3, None), ValueError, "hold a label for every row; got none in row 3 (1 such rows)."),
    "None in a list": ([None, *LABELS[1:].tolist()], ValueError, "got none in row 0 (1 such rows)."),
    "NaN among strings": ([np.nan, *NAMES[LABELS[1:]]], ValueError, "got none in row 0 (1 such rows)."),
    "pandas' NA": (pd.Series(LABELS, dtype="Int64").where(LABELS != 2), ValueError, f"({(LABELS == 2).sum()} such"),
    "NA among objects": (np.array(["a", pd.NA] * 100, object), ValueError, "got none in row 1 (100 such rows)."),
    "Polars' null": (pl.Series(["a", None, "b", "c"] * 50), ValueError, "got none in row 1 (50 such rows)."),
    "Arrow's null": (pa.array(["a", None, "b", "c"] * 50), ValueError, "got none in row 1 (50 such rows)."),
    "a category missing": (
        pd.Series(["a", None, "b", "c"] * 50, dtype="category"),
        ValueError,
        "got none in row 1 (50",
    ),
    "masked": (np.ma.masked_equal(LABELS, 2), ValueError, "hold no masked values; got"),
    "a column": (LABELS[:, None], ValueError, "have shape (n_samples,); got shape (200, 1)."),
    "one-hot": (np.eye(3)[LABELS], ValueError, "have shape (n_samples,); got shape (200, 3)."),
    "no axis": (np.int64(1), ValueError, "have shape (n_samples,); got shape ()."),
    "lists of one": ([[0], [1]] * 100, ValueError, "have shape (n_samples,); got shape (200, 1)."),
    "ragged lists": ([[0], [1, 2]] * 100, ValueError, "be an array; got list ("),
    "sets of labels": (np.array([{0}, {1}] * 100, object), TypeError, "be all of one kind; got set."),
    "two columns": (pd.DataFrame({"a": LABELS, "b": LABELS}), ValueError, "be one column; got 2 columns."),
    "empty": (LABELS[:0], ValueError, "have at least one row; got none."),
    "an empty list": ([], ValueError, "have at least one row; got none."),
    "complex numbers": (LABELS + 0j, TypeError, "be class indices or names; got dtype complex128."),
    "too few names": (NAMES[LABELS % 2], ValueError, "as many distinct names as `pred_probs` has columns (3); got 2 "),
    "too many names": (np.array(list("abcd") * 50), ValueError, "columns (3); got 4 names."),
    "booleans": (LABELS > 0, ValueError, "columns (3); got 2 names."),
    "mixed objects": (np.array([0, "a"] * 100, object), TypeError, "be all of one kind; got int, str."),
    "a mixed list": ([0, "a"] * 100, TypeError, "be all of one kind; got int, str."),
    "a list of numbers and their names": ([1, "1"] * 100, TypeError, "be all of one kind; got int, str."),
    "a tuple": (tuple(LABELS.tolist()), TypeError, "be an array, a list or a column; got tuple."),
    "a range": (range(200), TypeError, "be an array, a list or a column; got range."),
    "a set": ({0, 1}, TypeError, "be an array; got set."),
    "a dict": ({0: 1}, TypeError, "be an array; got dict."),
    "a number": (1, TypeError, "be an array; got int."),
    "a generator": ((label for label in LABELS), TypeError, "be an array; got generator."),
    "a path without a suffix": ("somewhere", ValueError, "be an array, or the path of a .npy file; got 'somewhere'."),
}


def refusal(error, name, ask, *args, **kwargs):
    """Return the sentence with which `ask` refuses `name`: one of our own, from `error` itself, on one line."""
    with pytest.raises(error) as caught:
        quietly(ask, *args, **kwargs)
    text = str(caught.value)
    assert caught.type is error
    assert text.startswith(f"`{name}` must ")
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text


@pytest.mark.parametrize("fault", VALUE_FAULTS, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("function", SWEEPING)
def test_values_that_are_no_probabilities_are_refused(function, fault):
    pred_probs, words = VALUE_FAULTS[fault]
    text = refusal(ValueError, "pred_probs", SWEEPING[function], LABELS, pred_probs)
    assert text.startswith("`pred_probs` must hold probabilities in [0, 1] and no NaN; got ")
    assert words in text


@pytest.mark.parametrize("fault", PRED_PROBS_FAULTS, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_matrix_of_numbers_is_refused(function, fault):
    pred_probs, error, words = PRED_PROBS_FAULTS[fault]
    assert words in refusal(error, "pred_probs", FUNCTIONS[function], LABELS, pred_probs)


@pytest.mark.parametrize("function", ["find_label_issues", "get_label_quality_scores", "num_label_issues"])
def test_probabilities_are_not_optional(function):
    text = refusal(TypeError, "pred_probs", FUNCTIONS[function], LABELS, None)
    assert text == "`pred_probs` must be an array; got NoneType."


@pytest.mark.parametrize("fault", LABEL_FAULTS, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_label_is_refused(function, fault):
    labels, error, words = LABEL_FAULTS[fault]
    assert words in refusal(error, "labels", FUNCTIONS[function], labels, PRED_PROBS)


# -- the same kind of error as the reference's

#: Where the kinds differ on purpose: what is of a kind that is welcome here and not there is a bad value here.
OTHER_KIND = {
    *("a series", "an empty list", "a ragged list", "one name twice", "a path without a suffix", "no axis"),
    *("missing in a table of pandas", "missing in a table of Polars", "None", "None in a list", "Polars' null"),
    *("Arrow's null", "masked", "a column", "one-hot"),
    *("mixed objects", "a mixed list", "a list of numbers and their names"),
}


def reference_error(labels, pred_probs):
    """Return the kind of error that the reference says of the input; None if it says none, or breaks later."""
    try:
        reference(reference_find_label_issues, labels, pred_probs, n_jobs=1)
    except AssertionError:
        return ValueError
    except (TypeError, ValueError) as error:
        return type(error)
    except Exception:
        return None
    return None


FAULTS = (
    [(name, LABELS, bad, ValueError) for name, (bad, _) in VALUE_FAULTS.items()]
    + [(name, LABELS, bad, error) for name, (bad, error, _) in PRED_PROBS_FAULTS.items()]
    + [(name, bad, PRED_PROBS, error) for name, (bad, error, _) in LABEL_FAULTS.items()]
)


@pytest.mark.parametrize(("name", "labels", "pred_probs", "error"), FAULTS)
def test_errors_are_of_the_kind_of_cleanlab(name, labels, pred_probs, error):
    theirs = reference_error(labels, pred_probs)
    if theirs is not None and name not in OTHER_KIND:
        assert issubclass(theirs, error)


@pytest.mark.parametrize("labels", [np.ones(200, int), np.full(200, 2), ["b"] * 200, [1] * 200])
def test_s21_one_class_other_than_the_first_is_refused(labels):
    options = {"class_names": NAMES} if labels[0] == "b" else {}
    for ask in (filter.find_label_issues, count.num_label_issues, dataset.health_summary):
        text = refusal(ValueError, "labels", ask, labels, PRED_PROBS, **options)
        assert text.startswith("`labels` must hold at least 2 classes; got class ")
    with pytest.raises(ValueError):
        reference(reference_find_label_issues, np.ones(200, int), PRED_PROBS, n_jobs=1)


@pytest.mark.parametrize("zeros", [np.zeros(200, int), [0] * 200, [np.int64(0)] * 200])
def test_s21_all_rows_of_the_first_class_are_a_data_set(zeros):
    assert not filter.find_label_issues(zeros, PRED_PROBS).any()
    assert (rank.get_label_quality_scores(zeros, PRED_PROBS) == PRED_PROBS[:, 0]).all()


# -- which row


@pytest.mark.parametrize("block_bytes", [1, 24, 700, 10**6])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_the_first_bad_row_of_all_blocks_is_named(monkeypatch, block_bytes, n_jobs):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    pred_probs = PRED_PROBS.copy()
    pred_probs[[31, 97, 98, 199]] = np.nan
    text = refusal(ValueError, "pred_probs", filter.find_label_issues, LABELS, pred_probs, n_jobs=n_jobs)
    assert text.endswith("got nan in row 31 (4 such rows).")


def test_rows_are_counted_from_the_first_block():
    def ask(labels, pred_probs):
        parts = [slice(0, 90), slice(90, 150), slice(150, 200)]
        return rank.get_label_quality_scores(None, [(labels[rows], pred_probs[rows]) for rows in parts])

    assert "in row 97 (1 such" in refusal(ValueError, "labels", ask, changed(LABELS, 97, 3), PRED_PROBS)
    assert "in row 97 (1 such" in refusal(ValueError, "labels", ask, changed(LABELS * 1.0, 97, np.nan), PRED_PROBS)
    assert "in row 97 (1 such" in refusal(ValueError, "pred_probs", ask, LABELS, changed(PRED_PROBS, (97, 2), np.nan))


def test_a_row_that_overshoots_by_rounding_is_fine():
    pred_probs = changed(changed(PRED_PROBS, (3, 1), 1 + 9e-7), (4, 2), -9e-7)
    assert np.isfinite(rank.get_label_quality_scores(LABELS, pred_probs)).all()


def test_a_row_that_sums_to_one_is_no_logits():
    text = refusal(ValueError, "pred_probs", filter.find_label_issues, [0, 1], [[1.5, -0.5], [0.5, 0.5]])
    assert text.endswith("got 1.5 in row 0 (1 such rows).")


# -- names


@pytest.mark.parametrize(
    ("class_names", "error", "words"),
    [
        (["a", "b"], ValueError, "name each of the 3 columns of `pred_probs` once; got 2 names, 2 different."),
        (["a", "b", "b"], ValueError, "got 3 names, 2 different."),
        (["a", "b", "c", "d"], ValueError, "got 4 names, 4 different."),
        ([["a"], ["b"], ["c"]], TypeError, "hold names such as strings or integers; got list."),
        ("abc", TypeError, "be a list or array of names; got str."),
        ({"a": 0, "b": 1, "c": 2}, TypeError, "be a list or array of names; got dict."),
        ({"a", "b", "c"}, TypeError, "be a list or array of names; got set."),
        (3, TypeError, "be a list or array of names; got int."),
    ],
)
def test_class_names_that_do_not_name_the_columns_are_refused(class_names, error, words):
    for ask in (
        filter.find_label_issues,
        rank.get_label_quality_scores,
        count.num_label_issues,
        dataset.health_summary,
    ):
        assert words in refusal(error, "class_names", ask, NAMES[LABELS], PRED_PROBS, class_names=class_names)


def test_class_names_in_another_order_than_the_columns_are_refused():
    table = pd.DataFrame(PRED_PROBS, columns=NAMES)
    text = refusal(
        ValueError, "class_names", filter.find_label_issues, NAMES[LABELS], table, class_names=["c", "a", "b"]
    )
    assert "follow the order of the columns of `pred_probs`" in text


@pytest.mark.parametrize(
    ("labels", "columns", "words"),
    [
        (NAMES[LABELS], ["a", "b", "x"], "be among the class names 'a', 'b', 'x'; got 'c' in row "),
        (LABELS, [1, 2, 3], "be among the class names 1, 2, 3; got 0 in row "),
        (LABELS, ["1", "2", "3"], "be among the class names 1, 2, 3; got 0 in row "),
        (LABELS + 0.5, ["a", "b", "c"], "be whole numbers; got "),
        (LABELS + 1, ["a", "b", "c"], "be class indices in [0, 3); got 3 in row "),
        (LABELS > 0, ["a", "b", "c"], "be among the class names 'a', 'b', 'c'; got "),
    ],
)
def test_labels_that_are_no_column_are_refused(labels, columns, words):
    assert words in refusal(
        ValueError, "labels", filter.find_label_issues, labels, pd.DataFrame(PRED_PROBS, columns=columns)
    )


def test_only_the_first_names_are_listed():
    pred_probs, names = make_problem(200, 12).pred_probs, [f"n{k:02}" for k in range(12)]
    text = refusal(ValueError, "labels", filter.find_label_issues, ["?"] * 200, pred_probs, class_names=names)
    assert "'n06', 'n07', ...; got '?' in row 0 (200 such rows)." in text


# -- options

BAD_MATRICES = [
    (np.eye(2), ValueError, "have shape (3, 3); got shape (2, 2)."),
    (3, ValueError, "have shape (3, 3); got shape ()."),
    (np.eye(3)[None], ValueError, "have shape (3, 3); got shape (1, 3, 3)."),
    (-np.eye(3), ValueError, "hold finite numbers of at least 0; got -1.0."),
    (np.full((3, 3), np.nan), ValueError, "hold finite numbers of at least 0; got nan."),
    (np.full((3, 3), np.inf), ValueError, "hold finite numbers of at least 0; got "),
    ([[1, 2], [3]], ValueError, "be an array; got rows of different lengths."),
    (np.eye(3) + 0j, TypeError, "hold real numbers; got dtype complex128."),
    ("joint", TypeError, "hold real numbers; got dtype <U5."),
]


@pytest.mark.parametrize(("joint", "error", "words"), BAD_MATRICES)
def test_a_joint_that_is_none_is_refused(joint, error, words):
    data = LABELS, PRED_PROBS

    def custom(**options):
        return count.num_label_issues(*data, estimation_method="off_diagonal_custom", **options)

    asks = [lambda **o: filter.find_label_issues(*data, **o), custom, lambda **o: dataset.health_summary(*data, **o)]
    for ask in asks:
        assert words in refusal(error, "confident_joint", ask, confident_joint=joint)
    assert words in refusal(error, "joint", dataset.health_summary, *data, joint=joint)


@pytest.mark.parametrize(
    ("thresholds", "error", "words"),
    [
        ([0.1, 0.2], ValueError, "have shape (3,); got shape (2,)."),
        (0.5, ValueError, "have shape (3,); got shape ()."),
        (np.eye(3), ValueError, "have shape (3,); got shape (3, 3)."),
        ([0.1, 0.2, np.nan], ValueError, "hold no NaN; got NaN."),
        ([[0.1, 0.2], [0.3]], ValueError, "be an array; got rows of different lengths."),
        ([0.1, 0.2, None], TypeError, "hold real numbers; got dtype object."),
        ([1j, 1, 1], TypeError, "hold real numbers; got dtype complex128."),
        ("half", TypeError, "hold real numbers; got dtype <U4."),
    ],
)
def test_thresholds_that_are_none_are_refused(thresholds, error, words):
    for ask in (filter.find_label_issues, count.num_label_issues, count.compute_confident_joint):
        assert words in refusal(error, "thresholds", ask, LABELS, PRED_PROBS, thresholds=thresholds)


BAD_OPTIONS = [
    *[("find_label_issues", "filter_by", bad, ValueError) for bad in ("best", 3, None)],
    *[("find_label_issues", "frac_noise", bad, ValueError) for bad in (-0.1, 1.1, np.nan, np.inf)],
    *[("find_label_issues", "min_examples_per_class", bad, ValueError) for bad in (-1,)],
    *[("find_label_issues", "min_examples_per_class", bad, TypeError) for bad in (1.5,)],
    *[("find_label_issues", "num_to_remove_per_class", bad, ValueError) for bad in ([1], [1, 2, -1], [[1, 2, 3]])],
    *[("find_label_issues", "num_to_remove_per_class", bad, TypeError) for bad in ([1, 2, 0.5], "abc")],
    *[("find_label_issues", "return_indices_ranked_by", bad, ValueError) for bad in ("best", 3)],
    *[("find_label_issues", "n_jobs", bad, ValueError) for bad in (0, -2, 1.5, True)],
    *[("get_label_quality_scores", "method", bad, ValueError) for bad in ("best", 3, None)],
    *[("get_label_quality_scores", "n_jobs", bad, ValueError) for bad in (0, -2, 1.5, True)],
    *[("num_label_issues", "estimation_method", bad, ValueError) for bad in ("best", 3, None)],
    *[("num_label_issues", "n_jobs", bad, ValueError) for bad in (0, -2, 1.5, True)],
    *[("health_summary", "multi_label", bad, ValueError) for bad in (True,)],
    *[("find_label_issues_batched", "batch_size", bad, ValueError) for bad in (0, -1)],
    ("estimate_py_and_noise_matrices_from_probabilities", "py_method", "best", ValueError),
]


@pytest.mark.parametrize(("function", "option", "bad", "error"), BAD_OPTIONS)
def test_options_that_are_none_are_refused(function, option, bad, error):
    refusal(error, option, FUNCTIONS[function], LABELS, PRED_PROBS, **{option: bad})


def test_entropy_cannot_be_adjusted():
    options = {"method": "confidence_weighted_entropy", "adjust_pred_probs": True}
    refusal(ValueError, "adjust_pred_probs", rank.get_label_quality_scores, LABELS, PRED_PROBS, **options)


def test_joint_by_labels_that_do_not_fit_is_refused():
    for labels in ([0, 1, 3], [0, 1, -1], [0, 1, 0.5]):
        for ask in (count.calibrate_confident_joint, count.estimate_latent):
            refusal(ValueError, "labels", ask, np.eye(3), labels)


# -- iterables and files: what `test_agnostic.py` does not have


def test_an_iterator_says_what_to_pass_instead():
    with pytest.raises(ValueError) as caught:
        filter.find_label_issues(None, iter([(LABELS, PRED_PROBS)]))
    for words in ("read only once", "can be iterated again", "or give `thresholds` and a filter other than"):
        assert words in str(caught.value)


@pytest.mark.parametrize("n_labels", [0, 199])
def test_a_block_of_other_length_than_its_labels_is_refused(n_labels):
    data = [(LABELS, PRED_PROBS), (LABELS[:n_labels], PRED_PROBS)]
    name = "pred_probs" if n_labels else "labels"
    refusal(ValueError, name, filter.find_label_issues, None, data)


class Changing:
    """Blocks of which there are others each time."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def __iter__(self):
        return iter([(LABELS, PRED_PROBS)] * next(self.numbers))


@pytest.mark.parametrize("again", [1, 3])
def test_rows_that_differ_at_the_second_look_are_noticed(again):
    blocks_of = Changing(2, 2, again, again, again)  # asked for the classes, read, read again
    text = refusal(ValueError, "pred_probs", filter.find_label_issues, None, blocks_of, n_jobs=1)
    assert text.startswith("`pred_probs` must yield the same rows each time it is read; got ")


def test_blocks_without_a_length_are_refused():
    refusal(TypeError, "labels", filter.find_label_issues, None, [(3, PRED_PROBS)])
    refusal(TypeError, "pred_probs", filter.find_label_issues, None, [(LABELS, 3)])


def test_blocks_whose_columns_change_places_are_refused():
    tables = [pd.DataFrame(PRED_PROBS, columns=list(order)) for order in ("abc", "bca")]
    data = [(NAMES[LABELS], table) for table in tables]
    text = refusal(ValueError, "class_names", filter.find_label_issues, None, data)
    assert "follow the order of the columns" in text


def broken_npy(folder, content):
    (folder / "p.npy").write_bytes(content)
    return folder / "p.npy"


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"hello, world, this is no array", bytes(1000)])
def test_a_file_that_is_no_npy_is_refused(tmp_path, content):
    path = broken_npy(tmp_path, content)
    assert "be a complete .npy file" in refusal(ValueError, "pred_probs", filter.find_label_issues, LABELS, path)
    assert "be a complete .npy file" in refusal(ValueError, "labels", filter.find_label_issues, path, PRED_PROBS)


def test_pickled_objects_are_not_loaded(tmp_path):
    path = tmp_path / "y.npy"
    np.save(path, NAMES[LABELS].astype(object), allow_pickle=True)
    text = refusal(ValueError, "labels", filter.find_label_issues, path, PRED_PROBS)
    assert text.endswith("Save strings with a dtype like 'U10', not object.")


def test_nan_in_a_file_is_named_by_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 500)
    np.save(tmp_path / "p.npy", changed(PRED_PROBS, (177, 2), np.nan))
    text = refusal(ValueError, "pred_probs", filter.find_label_issues, LABELS, tmp_path / "p.npy")
    assert text.endswith("got nan in row 177 (1 such rows).")


COLUMNS = dict(zip(NAMES, PRED_PROBS.T, strict=True))
PARQUET_FAULTS = {
    "no probabilities": ({"y": LABELS, "text": ["?"] * 200}, "y", "pred_probs", "hold one column of lists of floats"),
    "no such labels": (COLUMNS | {"y": LABELS}, "z", "labels", "Its columns are 'a', 'b', 'c', 'y'."),
    "null labels": (COLUMNS | {"y": pa.array([None, 1] * 100)}, "y", "labels", "none in row 0 (100 such rows)"),
    "a null": (COLUMNS | {"y": LABELS, "a": pa.array([0.5] * 199 + [None])}, "y", "pred_probs", "in row 199"),
    "a null list": ({"y": LABELS, "p": [[0.3, 0.3, 0.4]] * 199 + [None]}, "y", "pred_probs", "in row 199"),
    "a null in a list": (
        {"y": LABELS, "p": [[0.3, 0.3, 0.4]] * 199 + [[0.5, None, 0.5]]},
        "y",
        "pred_probs",
        "row 199",
    ),
    "uneven lists": ({"y": LABELS, "p": [[0.3, 0.3, 0.4]] * 199 + [[0.5, 0.5]]}, "y", "pred_probs", "2 in row 199"),
    "NaN": (COLUMNS | {"y": LABELS, "a": changed(PRED_PROBS[:, 0], 5, np.nan)}, "y", "pred_probs", "nan in row 5 (1 "),
}


@pytest.mark.parametrize("fault", PARQUET_FAULTS, ids=lambda name: name.replace(" ", "_"))
def test_bad_parquet_is_refused(tmp_path, fault):
    columns, labels, name, words = PARQUET_FAULTS[fault]
    pa.parquet.write_table(pa.table(columns), tmp_path / "p.parquet")
    assert words in refusal(ValueError, name, filter.find_label_issues, labels, tmp_path / "p.parquet")


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"no parquet")
    text = refusal(ValueError, "pred_probs", filter.find_label_issues, LABELS, tmp_path / "p.parquet")
    assert re.search(r"must be a complete Parquet file; got '.*p\.parquet'", text)
