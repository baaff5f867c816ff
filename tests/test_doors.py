"""Whatever kind of labels, probabilities and names a user has: the same answer, in the user's words.

That layout, blocks and sources on disk do not matter is in `test_agnostic.py`; here is what they may be made of.
"""

from __future__ import annotations

import warnings

import dask.array
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import zarr
from problems import make_problem

from fastcl import count, dataset, filter, rank
from fastcl.core.labels import as_labels

PROBLEM = make_problem(203, 3, seed=61, strength=2.0)
LABELS, PRED_PROBS = PROBLEM.both()
ISSUES = filter.find_label_issues(LABELS, PRED_PROBS)
SCORES = rank.get_label_quality_scores(LABELS, PRED_PROBS)
NAMES = np.array(["ant", "bee", "cat"])
NAMED = NAMES[LABELS]
ORDERS = [[0, 1, 2], [1, 2, 0], [2, 1, 0]]


def ids(name):
    return str(name).replace(" ", "_")


def assert_same(labels, pred_probs, **options):
    """Assert that these are the labels and probabilities of PROBLEM in other clothes."""
    np.testing.assert_array_equal(filter.find_label_issues(labels, pred_probs, **options), ISSUES)
    np.testing.assert_array_equal(rank.get_label_quality_scores(labels, pred_probs, **options), SCORES)


class Tensor:
    """Something like a tensor of torch that carries gradients: an array only after `detach`."""

    def __init__(self, array, detached=False):
        self.array, self.detached = array, detached

    def detach(self):
        return Tensor(self.array, detached=True)

    def __array__(self, dtype=None, copy=None):
        if not self.detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.asarray(self.array, dtype)


class Capsule:
    """Something that speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class OnDevice:
    """A tensor whose memory the CPU cannot read."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.\nUse Tensor.cpu() first.")


# -- kinds of labels

INDICES = {
    **{np.dtype(kind).name: lambda y, kind=kind: y.astype(kind) for kind in "bBhHiIlLefdg"},
    "list": np.ndarray.tolist,
    "list of floats": lambda y: y.astype(float).tolist(),
    "objects": lambda y: y.astype(object),
    "float objects": lambda y: y.astype(float).astype(object),
    "pandas": lambda y: pd.Series(y, index=np.arange(len(y))[::-1] + 7),
    "pandas Int64": lambda y: pd.Series(y, dtype="Int64"),
    "pandas objects": lambda y: pd.Series(y, dtype=object),
    "pandas categories": lambda y: pd.Series(y, dtype="category"),
    "pandas categories in another order": lambda y: pd.Series(pd.Categorical(y, categories=[2, 0, 1], ordered=True)),
    "pandas frame": lambda y: pd.DataFrame({"y": y}),
    "pandas index": pd.Index,
    "Polars": lambda y: pl.Series(y.astype(np.int8)),
    "Polars frame": lambda y: pl.DataFrame({"y": y}),
    "Arrow": lambda y: pa.array(y, pa.uint8()),
    "Arrow chunks": lambda y: pa.chunked_array([y[:100], y[100:]]),
    "Arrow dictionary": lambda y: pa.array(y).dictionary_encode(),
    "Arrow table": lambda y: pa.table({"y": y}),
    "detached": Tensor,
    "DLPack": Capsule,
    "dask": lambda y: dask.array.from_array(y, chunks=50),
}


@pytest.mark.parametrize("kind", INDICES, ids=ids)
def test_class_indices_of_any_kind(kind):
    assert_same(INDICES[kind](LABELS), PRED_PROBS)


TEXT = {
    "strings": lambda y: y,
    "list": np.ndarray.tolist,
    "list of NumPy strings": list,
    "objects": lambda y: y.astype(object),
    "variable-width strings": lambda y: y.astype(np.dtypes.StringDType()),
    "bytes": np.char.encode,
    "list of bytes": lambda y: np.char.encode(y).tolist(),
    "pandas": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "pandas objects": lambda y: pd.Series(y, dtype=object),
    "pandas string": lambda y: pd.Series(y, dtype="string"),
    "pandas Arrow strings": lambda y: pd.Series(y, dtype="string[pyarrow]"),
    "categorical": pd.Categorical,
    "categories": lambda y: pd.Series(y, dtype="category"),
    "ordered categories": lambda y: pd.Series(pd.Categorical(y, categories=["cat", "ant", "bee"], ordered=True)),
    "unused categories": lambda y: pd.Series(pd.Categorical(y, categories=["dog", "cat", "ant", "bee", "eel"])),
    "pandas frame": lambda y: pd.DataFrame({"y": y}),
    "Polars": pl.Series,
    "Polars categorical": lambda y: pl.Series(y, dtype=pl.Categorical),
    "Polars enum": lambda y: pl.Series(y, dtype=pl.Enum(["cat", "ant", "bee"])),
    "Arrow": lambda y: pa.array(y.tolist()),
    "Arrow large strings": lambda y: pa.array(y.tolist(), pa.large_string()),
    "Arrow dictionary": lambda y: pa.array(y.tolist()).dictionary_encode(),
    "Arrow chunks": lambda y: pa.chunked_array([y[:100].tolist(), y[100:].tolist()]),
    "Arrow chunks of dictionaries": lambda y: pa.chunked_array(
        [pa.array(part.tolist()).dictionary_encode() for part in (y[:100], y[100:][::-1][::-1])]
    ),
    "Arrow table": lambda y: pa.table({"y": y.tolist()}),
}


@pytest.mark.parametrize("kind", TEXT, ids=ids)
def test_class_names_of_any_kind(kind):
    assert_same(TEXT[kind](NAMED), PRED_PROBS)


@pytest.mark.parametrize("library", ["pandas", "Polars", "Arrow"])
@pytest.mark.parametrize("kind", [kind for kind in TEXT if "bytes" not in kind], ids=ids)
def test_class_names_of_any_kind_match_columns_of_any_table(kind, library):
    assert_same(TEXT[kind](NAMED), TABLES[library](dict(zip(NAMES, PRED_PROBS.T, strict=True)), ORDERS[1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y > 0,
        lambda y: (y > 0).tolist(),
        lambda y: (y > 0).astype(object),
        lambda y: pd.Series(y > 0, dtype="boolean"),
        lambda y: pd.Series(y > 0, dtype="category"),
        lambda y: pl.Series(y > 0),
        lambda y: pa.array(y > 0),
    ],
)
def test_booleans_are_false_then_true(make):
    pred_probs = np.column_stack([PRED_PROBS[:, 0], PRED_PROBS[:, 1:].sum(axis=1)])
    expected = rank.get_label_quality_scores((LABELS > 0).astype(int), pred_probs)
    np.testing.assert_array_equal(rank.get_label_quality_scores(make(LABELS), pred_probs), expected)


def test_only_true_is_the_second_class():
    pred_probs = np.array([[0.1, 0.9], [0.3, 0.7]])
    assert rank.get_label_quality_scores([True, True], pred_probs).tolist() == [0.9, 0.7]


@pytest.mark.parametrize("categories", [[10, 2, 1], [1, 2, 10]])
def test_categories_that_are_integers_are_sorted_as_integers(categories):
    assert_same(pd.Categorical(np.array([1, 2, 10])[LABELS], categories=categories), PRED_PROBS)


def test_a_category_that_no_row_has_is_a_class():
    labels = pd.Categorical(NAMES[LABELS % 2], categories=["cat", "bee", "ant"])
    with pytest.warns(UserWarning, match="look permuted"):  # labels of two classes against three
        expected = rank.get_label_quality_scores(LABELS % 2, PRED_PROBS)
    with pytest.warns(UserWarning, match="look permuted"):
        np.testing.assert_array_equal(rank.get_label_quality_scores(labels, PRED_PROBS), expected)


@pytest.mark.parametrize("kind", ["objects", "pandas objects", "pandas categories", "Arrow dictionary"], ids=ids)
def test_class_indices_stay_indices_if_a_class_is_never_given(kind):
    labels = np.where(LABELS == 1, 0, LABELS)
    expected = rank.get_label_quality_scores(labels, PRED_PROBS)
    np.testing.assert_array_equal(rank.get_label_quality_scores(INDICES[kind](labels), PRED_PROBS), expected)


# -- kinds of probabilities

EXACT = {
    "list of lists": np.ndarray.tolist,
    "matrix": lambda p: p.view(np.matrix),
    "pandas": pd.DataFrame,
    "pandas, odd index": lambda p: pd.DataFrame(p, index=np.arange(len(p))[::-1]),
    "pandas Float64": lambda p: pd.DataFrame(p).astype("Float64"),
    "Polars": pl.DataFrame,
    "Polars, lazy": lambda p: pl.DataFrame(p).lazy(),
    "Arrow": lambda p: pa.table({f"column_{k}": column for k, column in enumerate(p.T)}),
    "detached": Tensor,
    "DLPack": Capsule,
    "dask": lambda p: dask.array.from_array(p, chunks=(50, 2)),
    "zarr in memory": lambda p: zarr.array(p, chunks=(50, 2)),
    "non-native": lambda p: p.astype(">f8"),
    "long double": lambda p: p.astype(np.longdouble),
}


@pytest.mark.parametrize("kind", EXACT, ids=ids)
@pytest.mark.parametrize("labels", [LABELS, NAMED], ids=["indices", "names"])
def test_probabilities_of_any_kind(kind, labels):
    assert_same(labels, EXACT[kind](PRED_PROBS))


def test_an_h5py_dataset(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["y"], file["p"] = LABELS, PRED_PROBS
        assert_same(file["y"], file["p"])


@pytest.mark.parametrize("kind", ["float16", "float32", ">f2", ">f4"])
def test_single_precision_stays_single_precision(kind):
    pred_probs = PRED_PROBS.astype(kind)
    expected = rank.get_label_quality_scores(LABELS, pred_probs.astype(np.float32))
    scores = rank.get_label_quality_scores(LABELS, pred_probs)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
def test_s39_integers_are_probabilities_of_zero_and_one(kind):
    one_hot = np.eye(3)[PRED_PROBS.argmax(axis=1)]
    expected = filter.find_label_issues(LABELS, one_hot)
    np.testing.assert_array_equal(filter.find_label_issues(LABELS, one_hot.astype(kind)), expected)


def test_the_message_of_a_tensor_elsewhere_is_passed_on():
    with pytest.raises(ValueError, match=r"^`pred_probs` must be an array; got OnDevice \(.*numpy\. Use"):
        filter.find_label_issues(LABELS, OnDevice())


# -- columns and names

TABLES = {
    "pandas": lambda columns, order: pd.DataFrame({name: columns[name] for name in reordered(columns, order)}),
    "Polars": lambda columns, order: pl.DataFrame({str(n): columns[n] for n in reordered(columns, order)}),
    "Arrow": lambda columns, order: pa.table({str(n): columns[n] for n in reordered(columns, order)}),
}


def reordered(names, order):
    return [list(names)[k] for k in order]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("library", TABLES)
def test_columns_are_matched_by_name(library, order):
    assert_same(NAMED, TABLES[library](dict(zip(NAMES, PRED_PROBS.T, strict=True)), order))


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("library", TABLES)
@pytest.mark.parametrize("numbers", [[0, 1, 2], [3, 1, 20]], ids=str)
@pytest.mark.parametrize("kind", [int, float])
def test_columns_are_matched_by_number(library, order, numbers, kind):
    labels = np.array(numbers, kind)[LABELS]
    assert_same(labels, TABLES[library](dict(zip(numbers, PRED_PROBS.T, strict=True)), order))


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(float), LABELS.tolist()], ids=["int", "float", "list"])
def test_indices_are_positions_of_columns_with_names(labels):
    assert_same(labels, pd.DataFrame(PRED_PROBS, columns=["cat", "ant", "bee"]))


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, pd.Series, pd.Index, pl.Series, lambda names: pa.array(names.tolist()), iter]
)
def test_class_names_may_be_any_sequence(make):
    order = [2, 0, 1]
    pred_probs = PRED_PROBS[:, order]
    found = filter.find_label_issues(NAMED, pred_probs, class_names=make(NAMES[order]))
    np.testing.assert_array_equal(found, ISSUES)


def test_class_names_may_be_of_mixed_kinds():
    labels = np.array([0, "bee", None], object)[[0, 1]]
    pred_probs = [[0.9, 0.1], [0.3, 0.7]]
    assert rank.get_label_quality_scores(labels, pred_probs, class_names=[0, "bee"]).tolist() == [0.9, 0.7]


@pytest.mark.parametrize(
    ("names", "kind"), [(["b", "a"], "U"), ([True, False], "b"), ([7, 5], "i"), ([0.5, 1.5], "f"), ([0, "a"], "O")]
)
def test_names_keep_their_kind(names, kind):
    encoded = as_labels(np.array([*names, None], object)[:-1], 2, names)
    assert encoded.codes.tolist() == [0, 1]
    assert encoded.class_names.dtype.kind == kind
    assert encoded.class_names.tolist() == names


LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.Table}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("names", [["ant", "bee", "cat"], [10, 2, 30]], ids=["text", "numbers"])
def test_tables_come_back_in_the_users_library_and_words(library, names):
    make = TABLES[{"polars": "Polars", "pyarrow": "Arrow"}.get(library, library)]
    table = make(dict(zip(names, PRED_PROBS.T, strict=True)), ORDERS[1])
    labels = np.array(names)[LABELS]
    summary = dataset.health_summary(labels, table)
    classes, pairs = summary["classes_by_label_quality"], summary["overlapping_classes"]
    assert isinstance(classes, LIBRARIES[library])
    assert isinstance(pairs, LIBRARIES[library])
    expected = dataset.health_summary(labels, PRED_PROBS, class_names=names)["classes_by_label_quality"]
    by_name = dict(zip(as_list(classes, "Class Name"), as_list(classes, "Label Quality Score"), strict=True))
    assert by_name == dict(zip(expected["Class Name"], expected["Label Quality Score"], strict=True))
    assert set(as_list(pairs, "Class Name A")) <= set(names)


def as_list(table, column):
    values = table[column]
    return values.to_pylist() if isinstance(values, pa.ChunkedArray) else values.to_list()


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_a_column_of_labels_decides_the_library_of_tables(library):
    labels = {"polars": pl.Series, "pyarrow": pa.array}[library](LABELS)
    assert isinstance(dataset.rank_classes_by_label_quality(labels, PRED_PROBS), LIBRARIES[library])
    assert isinstance(dataset.rank_classes_by_label_quality(LABELS, PRED_PROBS), pd.DataFrame)


# -- columns that look permuted


def permuted_problem(n_classes, **options):
    problem = make_problem(60 * n_classes, n_classes, seed=n_classes, **options)
    return problem.labels, np.roll(problem.pred_probs, 1, axis=1)


@pytest.mark.parametrize("n_classes", [2, 3, 20])
@pytest.mark.parametrize(
    "ask",
    [
        filter.find_label_issues,
        count.num_label_issues,
        count.compute_confident_joint,
        dataset.overall_label_health_score,
    ],
)
def test_permuted_columns_are_told_of_at_the_users_line(ask, n_classes):
    labels, pred_probs = permuted_problem(n_classes, strength=4.0)
    with pytest.warns(UserWarning, match="columns of `pred_probs` look permuted against `labels`") as caught:
        ask(labels, pred_probs)
    (warning,) = caught
    assert warning.filename == __file__
    text = str(warning.message)
    assert "class 0 is in column 1" in text
    assert (", ...)" in text) == (n_classes == 20)
    assert "\n" not in text


def test_what_is_in_place_is_not_called_permuted():
    problem = make_problem(600, 4, seed=1, strength=4.0)
    with pytest.warns(UserWarning, match=r"\(class 0 is in column 1, class 1 is in column 2, class 2 is in column 0\)"):
        filter.find_label_issues(problem.labels, problem.pred_probs[:, [2, 0, 1, 3]])


def constant(n_rows, shares, says):
    """Return labels of classes of these shares, and a model that says the same class of every row."""
    labels = np.repeat(np.arange(len(shares)), (n_rows * np.array(shares)).astype(int))
    pred_probs = np.full((len(labels), len(shares)), 0.1 / (len(shares) - 1))
    pred_probs[:, says] = 0.9
    return labels, pred_probs


def random_labels(n_rows, n_classes, seed):
    labels = np.random.default_rng(seed).integers(0, n_classes, n_rows)
    return labels, make_problem(n_rows, n_classes, seed=seed).pred_probs


SILENT = {
    **{f"good model, {K} classes": make_problem(50 * K, K, seed=K).both() for K in (2, 3, 20)},
    **{f"weak model, {K} classes": make_problem(50 * K, K, seed=K, strength=0.5).both() for K in (2, 3, 20)},
    **{f"noisy labels, {K} classes": make_problem(50 * K, K, seed=K, noise=0.6).both() for K in (2, 3, 20)},
    **{f"random labels, {K} classes": random_labels(50 * K, K, seed=K) for K in (2, 3, 20)},
    **{f"random labels of few rows {seed}": random_labels(20, 2, seed) for seed in range(30)},
    **{f"random labels of a hundred rows {seed}": random_labels(100, 2, seed) for seed in range(30)},
    "few rows": tuple(part[:50] for part in permuted_problem(2, strength=9.0)),
    "a constant model of two classes": constant(1_000, [0.9, 0.1], says=1),
    "a constant model of three classes": constant(1_000, [0.7, 0.2, 0.1], says=1),
    "one class": (np.zeros(200, int), np.ones((200, 1))),
}


@pytest.mark.parametrize("data", SILENT.values(), ids=map(ids, SILENT))
def test_nothing_is_said_of_columns_in_order(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count.compute_confident_joint(*data)


def test_more_classes_than_the_check_can_take_are_not_checked():
    labels = np.arange(11_000) % 1_001
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count.compute_confident_joint(labels, np.roll(np.eye(1_001, dtype=np.float32), 1, axis=1)[labels])


# -- the user's arrays stay the user's


@pytest.mark.parametrize("kind", ["int32", "int64", "float64", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_are_not_modified_nor_locked(kind, order):
    labels, pred_probs = LABELS.astype(kind), np.array(PRED_PROBS, order=order)
    for ask in (filter.find_label_issues, rank.get_label_quality_scores, dataset.health_summary):
        ask(labels, pred_probs)
    assert labels.flags.writeable
    assert pred_probs.flags.writeable
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(pred_probs, PRED_PROBS)


def test_answers_are_not_views_of_the_users_arrays():
    pred_probs = np.array([[1.0], [1.0]])
    scores = rank.get_label_quality_scores(np.zeros(2, np.int32), pred_probs)
    scores[:] = 0
    assert (pred_probs == 1).all()


def test_tables_are_not_modified():
    table = pd.DataFrame(PRED_PROBS, columns=NAMES)[["cat", "ant", "bee"]]
    labels = pd.Series(NAMED, dtype="category")
    before = table.copy(), labels.copy()
    dataset.health_summary(labels, table)
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_series_equal(labels, before[1])
