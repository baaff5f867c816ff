"""The door for multi-label labels: every way to say the same comes to the same, all else is refused in one sentence."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from cleanlab.internal.multilabel_utils import int2onehot
from hypothesis import given
from hypothesis import strategies as st

from fastcl.core.label_sets import LabelSets, as_label_sets

NAMES = ["ant", "bee", "cat", "dog", "eel"]


def random_indicators(n_rows, n_classes, share=0.3, seed=0):
    """Return 0/1 labels; some rows have no class, and the last class of three or more has no row."""
    indicators = (np.random.default_rng(seed).random((n_rows, n_classes)) < share).astype(np.int64)
    if n_classes > 2:
        indicators[:, -1] = 0
    return indicators


def as_lists(indicators):
    return [np.flatnonzero(row).tolist() for row in indicators]


def duplicated(indicators):
    """Return a sparse matrix in which each one is the sum of 2 and -1, and some zeros are stored."""
    rows, columns = np.nonzero(indicators)
    stored = np.zeros(1, np.int64)
    return sp.coo_array(
        (
            np.concatenate([np.full(rows.size, 2), np.full(rows.size, -1), stored]),
            (np.concatenate([rows, rows, stored]), np.concatenate([columns, columns, stored])),
        ),
        shape=indicators.shape,
    )


def object_array(rows):
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


class Tensor:
    """What a torch tensor that carries gradients looks like from outside."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def detach(self):
        return self.array

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


LISTS = {
    "lists": lambda y: as_lists(y),
    "tuple of tuples": lambda y: tuple(map(tuple, as_lists(y))),
    "sets": lambda y: [set(row) for row in as_lists(y)],
    "frozensets": lambda y: [frozenset(row) for row in as_lists(y)],
    "arrays": lambda y: [np.flatnonzero(row) for row in y],
    "arrays of lists": lambda y: [np.array(row) for row in as_lists(y)],  # empty ones are of floats
    "arrays of float": lambda y: [np.flatnonzero(row).astype(float) for row in y],
    "lists of NumPy integers": lambda y: [list(np.flatnonzero(row)) for row in y],
    "lists of float": lambda y: [[float(k) for k in row] for row in as_lists(y)],
    "repeated, backwards": lambda y: [[*row[::-1], *row] for row in as_lists(y)],
    "mixed kinds": lambda y: [set(row) if i % 2 else tuple(row) for i, row in enumerate(as_lists(y))],
    "object array": lambda y: object_array(as_lists(y)),
    "pandas series": lambda y: pd.Series(as_lists(y)),
    "pandas frame of lists": lambda y: pd.DataFrame({"labels": as_lists(y)}),
    "polars series": lambda y: pl.Series(as_lists(y), dtype=pl.List(pl.Int64)),
    "polars frame of lists": lambda y: pl.DataFrame({"labels": pl.Series(as_lists(y), dtype=pl.List(pl.Int64))}),
    "arrow array": lambda y: pa.array(as_lists(y), pa.list_(pa.int32())),
    "arrow chunks": lambda y: pa.chunked_array([pa.array(as_lists(y), pa.list_(pa.int32()))]),
}
MATRICES = {
    "int64": lambda y: y,
    "uint8": lambda y: y.astype(np.uint8),
    "bool": lambda y: y.astype(bool),
    "float32": lambda y: y.astype(np.float32),
    "Fortran order": np.asfortranarray,
    "every other column": lambda y: np.repeat(y, 2, axis=1)[:, ::2],
    "pandas frame": lambda y: pd.DataFrame(y),
    "nullable frame": lambda y: pd.DataFrame(y).astype("boolean"),
    "polars frame": lambda y: pl.DataFrame(y),
    "arrow table": lambda y: pa.Table.from_pandas(pd.DataFrame(y, columns=[f"column_{k}" for k in range(y.shape[1])])),
    "tensor": Tensor,
    "csr": sp.csr_matrix,
    "csc": sp.csc_array,
    "coo with duplicates": duplicated,
    "sparse bool": lambda y: sp.csr_array(y.astype(bool)),
}


@pytest.mark.parametrize("shape", [(1, 1), (7, 2), (1_003, 7), (53, 300)], ids=str)
@pytest.mark.parametrize("form", [*LISTS, *MATRICES])
def test_every_form_matches_naive(form, shape):
    indicators = random_indicators(*shape)
    labels = (LISTS | MATRICES)[form](indicators)
    sets = as_label_sets(labels, shape[1])
    assert len(sets) == shape[0]
    assert (sets.offsets.dtype, sets.classes.dtype) == (np.int64, np.int32)
    assert [sets.classes[a:b].tolist() for a, b in zip(sets.offsets, sets.offsets[1:], strict=False)] == as_lists(
        indicators
    )
    assert (sets.n_classes, sets.class_names) == (shape[1], None)


def test_many_rows_of_a_matrix_match_naive():
    # more than one part of a matrix at a time
    indicators = random_indicators(1_100, 1_000, share=0.02)
    assert np.array_equal(as_label_sets(indicators, 1_000).indicators(), indicators)


def test_label_sets_match_cleanlab():
    indicators = random_indicators(1_003, 7)
    lists = as_lists(indicators)
    assert np.array_equal(as_label_sets(lists, 7).indicators(), int2onehot(lists, K=7))


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 5), slice(3, 100), slice(90, 103), slice(None)], ids=str)
def test_rows_match_naive(rows):
    indicators = random_indicators(103, 5)
    sets = as_label_sets(as_lists(indicators), 5)
    block = sets.indicators(rows)
    assert block.dtype == np.uint8
    assert block.flags.c_contiguous
    assert np.array_equal(block, indicators[rows])
    assert np.array_equal(sets[rows].indicators(), indicators[rows])
    assert np.array_equal(sets[rows].class_counts(), indicators[rows].sum(axis=0))


@given(st.lists(st.lists(st.integers(0, 299), max_size=6), min_size=1, max_size=9))
def test_any_lists_match_naive(lists):
    sets = as_label_sets(lists, 300)
    assert [np.flatnonzero(row).tolist() for row in sets.indicators()] == [sorted(set(row)) for row in lists]
    assert sets.class_counts().tolist() == [sum(k in row for row in lists) for k in range(300)]


def test_inputs_are_not_modified():
    lists = [[2, 0, 2], [], [1]]
    as_label_sets(lists, 3)
    assert lists == [[2, 0, 2], [], [1]]
    matrix = duplicated(random_indicators(20, 3)).tocsr(copy=True)
    before = matrix.data.copy()
    as_label_sets(matrix, 3)
    assert np.array_equal(matrix.data, before)


def test_rows_without_a_class_are_rows():
    assert as_label_sets([[], [], []], 4).class_counts().tolist() == [0, 0, 0, 0]
    assert as_label_sets(np.zeros((3, 4)), 4).class_counts().tolist() == [0, 0, 0, 0]


class TestNames:
    indicators = random_indicators(103, 5, seed=1)
    indicators[:5] = np.eye(5)

    def named(self, names=NAMES):
        return [[names[k] for k in row] for row in as_lists(self.indicators)]

    @pytest.mark.parametrize("form", [list, tuple, set, frozenset, np.array], ids=lambda form: form.__name__)
    def test_names_are_sorted(self, form):
        sets = as_label_sets([form(row) for row in self.named() if row], 5)
        assert sets.class_names.tolist() == NAMES
        assert np.array_equal(sets.indicators(), self.indicators[self.indicators.any(axis=1)])

    def test_names_follow_class_names_or_columns(self):
        backwards = NAMES[::-1]
        for sets in (as_label_sets(self.named(), 5, backwards), as_label_sets(self.named(), 5, columns=backwards)):
            assert sets.class_names.tolist() == backwards
            assert np.array_equal(sets.indicators(), self.indicators[:, ::-1])

    def test_indices_are_named_but_not_moved(self):
        sets = as_label_sets(as_lists(self.indicators), 5, NAMES[::-1])
        assert sets.class_names.tolist() == NAMES[::-1]
        assert np.array_equal(sets.indicators(), self.indicators)

    def test_numbers_may_be_names(self):
        numbers = [30, 10, 50, 20, 40]
        sets = as_label_sets(self.named(numbers), 5, numbers)
        assert np.array_equal(sets.indicators(), self.indicators)
        assert as_label_sets([[7], [7]], 1, [7]).class_counts().tolist() == [2]

    @pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
    def test_columns_of_tables_are_matched_by_name(self, library):
        table = library(dict(zip(NAMES, self.indicators.T, strict=True)))
        backwards = NAMES[::-1]
        assert as_label_sets(table, 5).class_names.tolist() == NAMES
        assert np.array_equal(as_label_sets(table, 5).indicators(), self.indicators)
        for sets in (as_label_sets(table, 5, columns=backwards), as_label_sets(table, 5, backwards)):
            assert sets.class_names.tolist() == backwards
            assert np.array_equal(sets.indicators(), self.indicators[:, ::-1])

    def test_columns_without_names_are_matched_by_place(self):
        sets = as_label_sets(pd.DataFrame(self.indicators), 5, columns=NAMES)
        assert sets.class_names.tolist() == NAMES
        assert np.array_equal(sets.indicators(), self.indicators)

    def test_columns_of_other_names_are_rejected(self):
        table = pd.DataFrame(self.indicators, columns=["fox", *NAMES[1:]])
        with pytest.raises(ValueError, match=r"`labels` must have the columns 'ant', 'bee'.*Name the columns of both"):
            as_label_sets(table, 5, columns=NAMES)

    def test_too_few_names_are_rejected(self):
        with pytest.raises(ValueError, match=re.escape("as many distinct names as `pred_probs` has columns (5)")):
            as_label_sets([["ant"], ["bee"]], 5)


SQUARE = [[0, 1, 1], [0, 0, 1]]

BAD = {
    "an index too large": ([[0], [1], [2, 3]], ValueError, "be class indices in [0, 3); got 3 in row 2 (1 such rows)"),
    "indices too large": ([[9], [9, 9], [0, 8]], ValueError, "got 9 in row 0 (3 such rows)"),
    "a huge index": ([[0], [10**30]], ValueError, "in row 1 (1 such rows)"),
    "a negative index": ([[0], [], [1, -1]], ValueError, "be class indices in [0, 3); got -1 in row 2"),
    "a fraction": ([[0], [1, 0.5]], ValueError, "be whole numbers; got 0.5 in row 1 (1 such rows)"),
    "NaN": ([[0], [1.0, np.nan]], ValueError, "hold no missing class; got nan in row 1 (1 such rows)"),
    "None": ([[0], [None]], ValueError, "hold no missing class; got None in row 1"),
    "NaN among names": ([["a"], ["b", np.nan], ["c"]], ValueError, "hold no missing class; got nan in row 1"),
    "a missing row": ([[0], None, [1]], ValueError, "got none in row 1. Leave unlabeled rows out"),
    "a row that is NaN": ([[0], [1], np.nan], ValueError, "got none in row 2"),
    "indices, one a row": ([0, 1, 2], ValueError, "hold a set of classes for every row; got 0 in row 0. Write [c]"),
    "an array of indices": (np.array([0, 1, 2]), ValueError, "hold a set of classes for every row; got 0 in row 0"),
    "a column of indices": (pd.Series([0, 1, 2]), ValueError, "got 0 in row 0"),
    "names, one a row": (["cat", "dog"], ValueError, "got 'cat' in row 0"),
    "one index among lists": ([[0], 1, [2]], ValueError, "got 1 in row 1"),
    "a dict as a row": ([{0: 1}], TypeError, "got an object of type dict in row 0"),
    "matrices as rows": ([np.zeros((2, 2))], TypeError, "got an object of type ndarray in row 0"),
    "lists in lists": ([[[0]], [[1]]], TypeError, "hold class indices or names in each row; got list"),
    "kinds that do not go together": ([["a"], ["b", 1]], TypeError, "be all of one kind; got int, str"),
    "no rows": ([], ValueError, "have at least one row"),
    "no rows in a matrix": (np.empty((0, 3)), ValueError, "have at least one row"),
    "a 0/1 matrix as lists": (SQUARE, ValueError, "rows of 3 zeros and ones. That looks like an indicator matrix"),
    "a boolean matrix as lists": ([[True, False, True]], ValueError, "rows of booleans. That looks like an indicator"),
    "another number of columns": (np.zeros((5, 4)), ValueError, "have shape (n_samples, 3)"),
    "another number of columns, sparse": (sp.csr_array(np.eye(4)), ValueError, "have shape (n_samples, 3)"),
    "three dimensions": (np.zeros((5, 3, 2)), ValueError, "have shape (n_samples, 3)"),
    "a 2 in a matrix": (np.array([[0, 1, 1], [2, 0, 1], [2, 2, 0]]), ValueError, "got 2 in row 1 (2 such rows)"),
    "a share in a matrix": (
        np.array([[0, 1, 0.5]]),
        ValueError,
        "hold only 0 and 1 if it is a matrix; got 0.5 in row 0",
    ),
    "NaN in a matrix": (np.array([[0, 1, 1], [0, np.nan, 0]]), ValueError, "got nan in row 1 (1 such rows)"),
    "-1 in a matrix": (np.array([[0, 1, -1]]), ValueError, "got -1 in row 0"),
    "text in a matrix": (np.array([["a", "b", "c"]]), TypeError, "hold 0 and 1, or booleans"),
    "a 2 in a sparse matrix": (sp.csr_array(np.diag([1, 2, 1])), ValueError, "got 2 in row 1 (1 such rows)"),
    "a masked array": (np.ma.masked_array(np.eye(3), np.eye(3)), ValueError, "hold no masked values"),
    "a set": ({0, 1}, TypeError, "be an array"),
    "None altogether": (None, TypeError, "be an array"),
    "text": ("cat", TypeError, "be an array"),
}


@pytest.mark.parametrize("fault", BAD)
def test_label_sets_rejects(fault):
    labels, kind, words = BAD[fault]
    with pytest.raises(kind, match=re.escape(words)) as caught:
        as_label_sets(labels, 3)
    assert str(caught.value).startswith("`labels` must ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "n_classes"),
    [([[0, 1], [1, 1]], 2), ([[0, 0], [0, 1]], 2), ([[1], [0]], 1), (SQUARE * 2, 3), ([[0, 1, 1], [1, 0, 1]], 3)],
    ids=str,
)
def test_s14_lists_that_look_like_a_matrix_are_rejected(rows, n_classes):
    with pytest.raises(ValueError, match="looks like an indicator matrix: pass it as an array"):
        as_label_sets(rows, n_classes)
    assert np.array_equal(as_label_sets(np.array(rows), n_classes).indicators(), rows)


@pytest.mark.parametrize("rows", [[[0, 1], [1, 0]], [[0], [0]], [[0, 1], [1]]], ids=str)
def test_lists_that_can_be_class_indices_are_taken_for_them(rows):
    assert as_label_sets(rows, len(rows[0])).class_counts()[0] >= 1


def test_unknown_names_are_rejected():
    with pytest.raises(ValueError, match=re.escape("be among the class names 'a', 'b', 'c'; got 'z' in row 1 (2 such")):
        as_label_sets([["a"], ["b", "z"], ["z"]], 3, ["a", "b", "c"])


def test_a_label_set_is_frozen():
    sets = LabelSets(np.array([0, 1]), np.array([0], np.int32), 1)
    with pytest.raises(AttributeError):
        sets.n_classes = 2
