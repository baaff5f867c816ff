"""Same bits whatever the blocks, the threads, the layout in memory, the type and the kind of source.

Every test here compares with `answers(...)` of the plainest call: one float64 array in C order.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc
import warnings
import weakref
from itertools import pairwise

import h5py
import naive
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from problems import FILTERS, METHODS, PROBLEMS, Problem, make_problem, quietly

from fastcl import count, dataset, filter, rank
from fastcl.core import jit
from fastcl.engine import blocks, files

PROBLEM = make_problem(403, 7, seed=91, strength=1.5, never_given=[3])
TIED = make_problem(403, 5, seed=92, strength=1.0, eighths=True)
NAMES = np.array(["g", "f", "e", "d", "c", "b", "a"])

#: Filters that read the data twice: they have a last look at some rows.
LOOK_AGAIN = ("prune_by_noise_rate", "both")
SCORES = [(method, False) for method in METHODS] + [(method, True) for method in METHODS[:2]]


def answers(labels, pred_probs, **options):
    """Return what every function that reads the rows says of them, by the name of the question."""
    data = labels, pred_probs
    found = {}
    for name in FILTERS:
        found[name] = filter.find_label_issues(*data, filter_by=name, **options)
    for method, adjust in SCORES:
        kwargs = {"adjust_pred_probs": adjust}
        found["scores", method, adjust] = rank.get_label_quality_scores(*data, method=method, **kwargs, **options)
        found["ranked", method, adjust] = filter.find_label_issues(
            *data, return_indices_ranked_by=method, rank_by_kwargs=kwargs, **options
        )
    joint, rows = count.compute_confident_joint(*data, return_indices_of_off_diagonals=True, **options)
    found |= {
        "predicted": filter.find_predicted_neq_given(*data, **options),
        "argmax confusion": filter.find_label_issues_using_argmax_confusion_matrix(*data, **options),
        "thresholds": count.get_confident_thresholds(*data, **options),
        "raw joint": count.compute_confident_joint(*data, calibrate=False, **options),
        "joint": joint,
        "off-diagonal rows": rows,
        "joint distribution": count.estimate_joint(*data, **options),
        "number of issues": np.array(count.num_label_issues(*data, **options)),
    }
    return found


def assert_same_bits(found, expected):
    assert found.keys() <= expected.keys()
    assert found
    for question, answer in found.items():
        same = expected[question]
        assert (answer.dtype, answer.shape) == (same.dtype, same.shape), question
        assert answer.tobytes() == same.tobytes(), question


EXPECTED = {
    "continuous": (PROBLEM, answers(*PROBLEM.both())),
    "tied": (TIED, answers(*TIED.both())),
    "float32": (PROBLEM.as_type(np.float32), answers(*PROBLEM.as_type(np.float32).both())),
}


@pytest.fixture(params=EXPECTED)
def expected(request):
    """A problem, and what the plainest call says of it."""
    return EXPECTED[request.param]


# -- blocks and threads


@pytest.fixture
def block_bytes(monkeypatch):
    """Return a function that sets the size of blocks."""

    def set_bytes(n_bytes):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", n_bytes)
        monkeypatch.setattr(files, "BLOCK_BYTES", n_bytes)

    return set_bytes


@pytest.mark.parametrize("n_bytes", [300, 7_777, 403 * 7 * 8 - 1])
def test_answers_are_block_size_agnostic(expected, block_bytes, n_bytes):
    problem, answer = expected
    block_bytes(n_bytes)
    assert_same_bits(answers(*problem.both()), answer)


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 8, -1])
def test_answers_are_thread_agnostic(expected, block_bytes, n_jobs):
    problem, answer = expected
    block_bytes(700)
    assert_same_bits(answers(*problem.both(), n_jobs=n_jobs), answer)


def test_health_is_block_size_agnostic(block_bytes):
    expected = dataset.health_summary(*PROBLEM.both())
    block_bytes(999)
    summary = dataset.health_summary(*PROBLEM.both())
    assert summary["overall_label_health_score"] == expected["overall_label_health_score"]
    pd.testing.assert_frame_equal(summary["classes_by_label_quality"], expected["classes_by_label_quality"])


def test_ensembles_are_block_size_and_thread_agnostic(block_bytes):
    members = [PROBLEM.pred_probs, np.roll(PROBLEM.pred_probs, 1, axis=0)]
    options = {"weight_ensemble_members_by": "log_loss_search"}
    expected = rank.get_label_quality_ensemble_scores(PROBLEM.labels, members, **options)
    block_bytes(999)
    for n_jobs in (1, 3):
        scores = rank.get_label_quality_ensemble_scores(PROBLEM.labels, members, n_jobs=n_jobs, **options)
        assert scores.tobytes() == expected.tobytes()


def test_first_bad_row_is_named_whatever_the_blocks(block_bytes):
    pred_probs = PROBLEM.pred_probs.copy()
    pred_probs[[399, 57, 200], [1, 2, 3]] = np.nan
    for n_bytes in (1, 300, 8_000_000):
        block_bytes(n_bytes)
        with pytest.raises(ValueError, match=r"got nan in row 57 \(3 such rows\)"):
            filter.find_label_issues(PROBLEM.labels, pred_probs, n_jobs=3)


def test_s19_many_user_threads_at_once(block_bytes):
    """Cleanlab keeps the data in module globals: threads get each other's."""
    block_bytes(2_000)
    problems = [make_problem(403 + 50 * t, 3 + t, seed=t) for t in range(4)]
    expected = [filter.find_label_issues(*problem.both()) for problem in problems]
    wrong = []

    def work(t):
        for _ in range(10):
            issues = filter.find_label_issues(*problems[t].both(), n_jobs=2)
            if not np.array_equal(issues, expected[t]):
                wrong.append(t)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- layout in memory


def unaligned(array):
    """Return the same array, one byte off its natural place."""
    buffer = np.empty(array.nbytes + 1, np.uint8)
    moved = buffer[1:].view()
    moved[:] = np.frombuffer(array.tobytes(), np.uint8)
    moved = np.frombuffer(moved.data, array.dtype).reshape(array.shape)
    assert not moved.flags.aligned
    return moved


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "rows backwards": lambda p: p[::-1].copy()[::-1],
    "columns backwards": lambda p: p[:, ::-1].copy()[:, ::-1],
    "every other row": lambda p: np.repeat(p, 2, axis=0)[::2],
    "every other column": lambda p: np.repeat(p, 2, axis=1)[:, 1::2],
    "inner columns": lambda p: np.pad(p, [(0, 0), (2, 3)])[:, 2:-3],
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda p: p.astype(p.dtype.newbyteorder(">")),
    "big-endian, Fortran order": lambda p: np.asfortranarray(p.astype(p.dtype.newbyteorder(">"))),
    "masked, nothing masked": np.ma.masked_array,
}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda name: name.replace(" ", "_"))
def test_answers_are_layout_agnostic(expected, block_bytes, layout):
    problem, answer = expected
    block_bytes(5_000)
    assert_same_bits(answers(problem.labels, LAYOUTS[layout](problem.pred_probs)), answer)


KINDS = {
    "nested lists": lambda p: p.tolist(),
    "list of rows": list,
    "tuple of rows": tuple,
    "long double": lambda p: p.astype(np.longdouble),
    "pandas": pd.DataFrame,
    "memory map": None,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda name: name.replace(" ", "_"))
def test_answers_are_agnostic_of_the_kind_of_array(tmp_path, kind):
    pred_probs = PROBLEM.pred_probs
    if kind == "memory map":
        made = np.memmap(tmp_path / "p.bin", pred_probs.dtype, "w+", shape=pred_probs.shape)
        made[:] = pred_probs
    else:
        made = KINDS[kind](pred_probs)
    assert_same_bits(answers(PROBLEM.labels, made), EXPECTED["continuous"][1])


def test_half_precision_is_worked_on_in_single_precision(block_bytes):
    half = PROBLEM.pred_probs.astype(np.float16)
    expected = answers(PROBLEM.labels, half.astype(np.float32))
    block_bytes(999)
    assert_same_bits(answers(PROBLEM.labels, half), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.int64])
def test_integers_are_worked_on_in_double_precision(block_bytes, dtype):
    one_hot = np.eye(7)[PROBLEM.pred_probs.argmax(axis=1)]
    expected = answers(PROBLEM.labels, one_hot)
    block_bytes(999)
    assert_same_bits(answers(PROBLEM.labels, one_hot.astype(dtype)), expected)


# -- labels

LABELS = {
    "int8": lambda y: y.astype(np.int8),
    "uint8": lambda y: y.astype(np.uint8),
    "int32": lambda y: y.astype(np.int32),
    "uint64": lambda y: y.astype(np.uint64),
    "float32": lambda y: y.astype(np.float32),
    "float64": lambda y: y.astype(np.float64),
    "big-endian": lambda y: y.astype(">i4"),
    "backwards": lambda y: y[::-1].copy()[::-1],
    "every other": lambda y: np.repeat(y, 2)[::2],
    "unaligned": unaligned,
    "read-only": read_only,
    "list": lambda y: y.tolist(),
    "list of NumPy integers": list,
    "pandas series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "pandas frame": lambda y: pd.DataFrame({"y": y}),
    "pandas index": pd.Index,
    "polars series": pl.Series,
    "arrow array": pa.array,
    "arrow chunks": lambda y: pa.chunked_array([y[:100], y[100:]]),
}


@pytest.mark.parametrize("kind", LABELS, ids=lambda name: name.replace(" ", "_"))
def test_answers_are_agnostic_of_the_kind_of_labels(kind):
    assert_same_bits(answers(LABELS[kind](PROBLEM.labels), PROBLEM.pred_probs), EXPECTED["continuous"][1])


def kernel_signatures(labels, pred_probs):
    """Return the kernels that are called, each with what the compiler looks at in its arrays."""
    seen = set()
    call = jit.Kernel.__call__

    def record(kernel, *args):
        arrays = [array for array in args if isinstance(array, np.ndarray)]
        flags = [(a.dtype, a.ndim, a.flags.c_contiguous, a.flags.writeable, a.flags.aligned) for a in arrays]
        seen.add((kernel.__name__, *flags))
        return call(kernel, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jit.Kernel, "__call__", record)
        answers(labels, pred_probs)
    return seen


# A kernel is compiled for each layout that it sees: that takes seconds, so it must see only one.


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda name: name.replace(" ", "_"))
def test_kernels_see_one_layout_of_probabilities(layout):
    for dtype in (np.float64, np.float32):
        problem = PROBLEM.as_type(dtype)
        seen = kernel_signatures(problem.labels, LAYOUTS[layout](problem.pred_probs))
        assert not {kernel for kernel, *_ in seen - kernel_signatures(*problem.both())}


@pytest.mark.parametrize("kind", LABELS, ids=lambda name: name.replace(" ", "_"))
def test_kernels_see_one_layout_of_labels(kind):
    seen = kernel_signatures(LABELS[kind](PROBLEM.labels.astype(np.int32)), PROBLEM.pred_probs)
    assert not {kernel for kernel, *_ in seen - kernel_signatures(*PROBLEM.both())}


NAMED = {
    "strings": lambda names: names,
    "list of strings": lambda names: names.tolist(),
    "objects": lambda names: names.astype(object),
    "bytes": lambda names: names.astype("S1"),
    "categorical": pd.Categorical,
    "series of categories": lambda names: pd.Series(names, dtype="category"),
    "polars": pl.Series,
    "arrow dictionary": lambda names: pa.array(names.tolist()).dictionary_encode(),
}


@pytest.mark.parametrize("kind", NAMED, ids=lambda name: name.replace(" ", "_"))
def test_answers_are_agnostic_of_what_classes_are_called(kind):
    labels = NAMED[kind](np.array(["a", "b", "c", "d", "e"])[TIED.labels])
    assert_same_bits(answers(labels, TIED.pred_probs), EXPECTED["tied"][1])


@pytest.mark.parametrize(
    "make", [list, np.array, lambda names: np.array(names, object)], ids=["list", "array", "objects"]
)
def test_class_names_may_be_given_in_any_order(make):
    labels = make(NAMES[PROBLEM.labels].tolist())
    assert_same_bits(answers(labels, PROBLEM.pred_probs, class_names=NAMES.tolist()), EXPECTED["continuous"][1])
    assert_same_bits(answers(PROBLEM.labels, PROBLEM.pred_probs, class_names=NAMES), EXPECTED["continuous"][1])


def test_integer_names_are_names():
    labels = np.array([30, 10, 20, 50, 40])[TIED.labels]
    assert_same_bits(answers(labels, TIED.pred_probs, class_names=[30, 10, 20, 50, 40]), EXPECTED["tied"][1])


def test_booleans_are_two_classes():
    problem = PROBLEMS["binary"]
    assert_same_bits(answers(problem.labels.astype(bool), problem.pred_probs), answers(*problem.both()))


def test_booleans_are_not_three_classes():
    pred_probs = PROBLEMS["only class 0 given"].pred_probs
    labels = pred_probs.argmax(axis=1) > 0
    with pytest.raises(ValueError, match="`labels` must hold as many distinct names"):
        filter.find_label_issues(labels, pred_probs)


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_columns_of_a_table_are_matched_by_name(library):
    columns = dict(zip(NAMES.tolist(), PROBLEM.pred_probs.T, strict=True))
    table = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[library](columns)
    labels = NAMES[PROBLEM.labels].tolist()
    assert_same_bits(answers(labels, table), EXPECTED["continuous"][1])


# -- kinds of sources


class Again:
    """Blocks that can be iterated any number of times, none of which is kept."""

    def __init__(self, problem, n_rows):
        self.problem, self.n_rows = problem, n_rows

    def __iter__(self):
        labels, pred_probs = self.problem.both()
        for start in range(0, len(labels), self.n_rows):
            rows = slice(start, start + self.n_rows)
            yield labels[rows], pred_probs[rows].copy()


def npy_path(problem, folder):
    np.save(folder / "p.npy", problem.pred_probs)
    return problem.labels, folder / "p.npy"


def two_npy_paths(problem, folder):
    np.save(folder / "y.npy", problem.labels)
    np.save(folder / "p.npy", problem.pred_probs)
    return str(folder / "y.npy"), str(folder / "p.npy")


def fortran_npy_map(problem, folder):
    np.save(folder / "p.npy", np.asfortranarray(problem.pred_probs))
    return problem.labels, np.load(folder / "p.npy", mmap_mode="r")


def parquet_columns(problem, folder):
    table = pa.table({f"class {k}": column for k, column in enumerate(problem.pred_probs.T)})
    pa.parquet.write_table(table, folder / "p.parquet", row_group_size=91)
    return problem.labels, folder / "p.parquet"


def parquet_with_labels(problem, folder):
    columns = {f"class {k}": column for k, column in enumerate(problem.pred_probs.T)}
    pa.parquet.write_table(
        pa.table({"given": problem.labels, "text": ["?"] * len(problem.labels)} | columns), folder / "p.pq"
    )
    return "given", str(folder / "p.pq")


def parquet_lists(problem, folder):
    flat = pa.array(np.ascontiguousarray(problem.pred_probs).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, problem.n_classes)
    pa.parquet.write_table(pa.table({"p": lists, "given": problem.labels}), folder / "p.parquet", row_group_size=100)
    return "given", folder / "p.parquet"


def zarr_array(problem, folder):
    array = zarr.create_array(
        folder / "p.zarr", shape=problem.pred_probs.shape, chunks=(97, 3), dtype=problem.pred_probs.dtype
    )
    array[:] = problem.pred_probs
    return problem.labels, array


def h5py_dataset(problem, folder):
    file = h5py.File(folder / "p.h5", "w")
    return problem.labels, file.create_dataset("p", data=problem.pred_probs, chunks=(97, 3))


def list_of_blocks(problem, folder):
    return None, list(Again(problem, 101))


def blocks_of_few_rows(problem, folder):
    return None, list(Again(problem, 9))


def iterable(problem, folder):
    return None, Again(problem, 113)


SOURCES = [
    npy_path,
    two_npy_paths,
    fortran_npy_map,
    parquet_columns,
    parquet_with_labels,
    parquet_lists,
    zarr_array,
    h5py_dataset,
    list_of_blocks,
    blocks_of_few_rows,
    iterable,
]


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_answers_are_source_agnostic(expected, tmp_path, block_bytes, make):
    problem, answer = expected
    labels, pred_probs = make(problem, tmp_path)
    block_bytes(9_999)
    assert_same_bits(answers(labels, pred_probs, n_jobs=2), answer)
    if make is h5py_dataset:
        pred_probs.file.close()


def test_an_iterator_is_read_once():
    thresholds = count.get_confident_thresholds(*PROBLEM.both())
    answer = EXPECTED["continuous"][1]
    for name in set(FILTERS) - set(LOOK_AGAIN):
        issues = filter.find_label_issues(None, iter(Again(PROBLEM, 60)), filter_by=name, thresholds=thresholds)
        assert_same_bits({name: issues}, answer)
    for method in METHODS:
        scores = rank.get_label_quality_scores(None, iter(Again(PROBLEM, 60)), method=method)
        assert_same_bits({("scores", method, False): scores}, answer)
    assert_same_bits({"thresholds": count.get_confident_thresholds(None, iter(Again(PROBLEM, 60)))}, answer)
    joint = count.compute_confident_joint(None, iter(Again(PROBLEM, 60)), thresholds=thresholds)
    assert_same_bits({"joint": joint}, answer)


@pytest.mark.parametrize(
    "ask",
    [
        lambda blocks: filter.find_label_issues(None, blocks),
        lambda blocks: filter.find_label_issues(None, blocks, filter_by="confident_learning"),
        lambda blocks: filter.find_label_issues(None, blocks, filter_by="both", thresholds=[0.5] * 7),
        lambda blocks: rank.get_label_quality_scores(None, blocks, adjust_pred_probs=True),
        lambda blocks: count.compute_confident_joint(None, blocks),
    ],
)
def test_an_iterator_that_would_be_read_twice_is_refused(ask):
    seen = []

    def generate():
        for block in Again(PROBLEM, 60):
            seen.append(1)
            yield block

    with pytest.raises(ValueError, match="is an iterator, which can be read only once"):
        ask(generate())
    assert len(seen) <= 1  # the first block tells the number of classes


def test_blocks_that_change_are_noticed():
    class Shrinking(Again):
        def __iter__(self):
            self.n_left = getattr(self, "n_left", 8) - 1
            return iter(list(super().__iter__())[: self.n_left])

    with pytest.raises(ValueError, match="must yield the same rows each time it is read"):
        filter.find_label_issues(None, Shrinking(PROBLEM, 60), n_jobs=1)


def test_empty_blocks_are_no_rows():
    given = list(Again(PROBLEM, 101))
    nothing = PROBLEM.labels[:0], PROBLEM.pred_probs[:0]
    found = answers(None, [given[0], nothing, *given[1:], nothing])
    assert_same_bits(found, EXPECTED["continuous"][1])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ([], ValueError, "at least one block"),
        ([(PROBLEM.labels, PROBLEM.pred_probs, 0)], TypeError, r"must yield pairs \(labels, pred_probs\)"),
        ([PROBLEM.pred_probs], TypeError, r"must yield pairs \(labels, pred_probs\)"),
        ([(PROBLEM.labels[:-1], PROBLEM.pred_probs)], ValueError, "one row for each label"),
        (
            [(PROBLEM.labels, PROBLEM.pred_probs), (PROBLEM.labels, PROBLEM.pred_probs[:, :6])],
            ValueError,
            "must yield blocks of 7 columns of float64, as its first; got 6 columns of float64",
        ),
        (
            [(PROBLEM.labels, PROBLEM.pred_probs), (PROBLEM.labels, PROBLEM.pred_probs.astype(np.float32))],
            ValueError,
            "must yield blocks of 7 columns of float64, as its first; got 7 columns of float32",
        ),
        ([(NAMES, PROBLEM.pred_probs[:7])], ValueError, "`class_names` must be given if blocks hold labels by name"),
        (PROBLEM.pred_probs, TypeError, "must be an iterable of"),
        (3, TypeError, "must be an iterable of"),
    ],
)
def test_bad_blocks_are_refused(source, error, message):
    with pytest.raises(error, match=message):
        filter.find_label_issues(None, source)


def test_an_error_in_a_source_reaches_the_caller():
    class Broken(Again):
        def __iter__(self):
            yield from list(super().__iter__())[:3]
            raise OSError("the disk is gone")

    for n_jobs in (1, 3):
        with pytest.raises(OSError, match="the disk is gone"):
            filter.find_label_issues(None, Broken(PROBLEM, 60), n_jobs=n_jobs)
    assert not [thread for thread in threading.enumerate() if thread.name == "fastcl"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: folder / "none.npy", FileNotFoundError, "path of an existing file"),
        (lambda folder: folder / "none.parquet", FileNotFoundError, "path of an existing file"),
        (lambda folder: folder / "p.txt", ValueError, r"path of a \.npy or \.parquet file"),
    ],
)
def test_bad_paths_are_refused(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        filter.find_label_issues(PROBLEM.labels, make(tmp_path))


def test_a_file_that_was_not_written_to_the_end_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", PROBLEM.pred_probs)
    data = (tmp_path / "p.npy").read_bytes()
    (tmp_path / "p.npy").write_bytes(data[:-100])
    with pytest.raises(ValueError, match=r"must be a complete \.npy file"):
        filter.find_label_issues(PROBLEM.labels, tmp_path / "p.npy")


# -- by chance


@st.composite
def small_problems(draw):
    """Problems of a few rows, with ties, classes of one row, classes never given, rows that sum to anything."""
    n_rows, n_classes = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = draw(st.sampled_from([2, 8, 2**20]))
    pred_probs = rng.integers(0, steps + 1, (n_rows, n_classes)) / steps
    labels = rng.integers(0, n_classes, n_rows)
    if len(set(labels.tolist())) < 2:
        labels[:] = 0
    return Problem(labels, pred_probs.astype(draw(st.sampled_from([np.float32, np.float64]))))


def reshaped(pred_probs, row_step, column_step, order):
    """Return the same matrix with other strides."""
    wide = np.asarray(np.repeat(np.repeat(pred_probs, abs(row_step), 0), abs(column_step), 1), order=order)
    moved = wide[:: abs(row_step), :: abs(column_step)]
    moved = moved[::-1].copy(order)[::-1] if row_step < 0 else moved
    return moved[:, ::-1].copy(order)[:, ::-1] if column_step < 0 else moved


@given(problem=small_problems(), data=st.data())
def test_issues_of_any_small_problem_match_naive_in_any_blocks_and_layout(problem, data):
    strides = data.draw(st.tuples(*[st.sampled_from([-2, -1, 1, 3])] * 2, st.sampled_from("CF")))
    laid_out = reshaped(problem.pred_probs, *strides)
    np.testing.assert_array_equal(laid_out, problem.pred_probs)
    n_jobs = data.draw(st.integers(1, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", data.draw(st.integers(1, 400)))
        for filter_by in FILTERS:
            if problem.n_classes == 1 and filter_by == "low_normalized_margin":
                continue
            issues = quietly(filter.find_label_issues, problem.labels, laid_out, filter_by=filter_by, n_jobs=n_jobs)
            expected = naive.find_label_issues(*problem.both(), filter_by=filter_by)
            np.testing.assert_array_equal(issues, expected, err_msg=filter_by)


@given(problem=small_problems(), data=st.data())
def test_issues_of_any_small_problem_do_not_depend_on_how_it_is_cut(problem, data):
    n_rows = len(problem.labels)
    cuts = data.draw(st.lists(st.integers(1, max(1, n_rows - 1)), max_size=5, unique=True).map(sorted))
    cuts = [0, *[cut for cut in cuts if cut < n_rows], n_rows]
    source = [(problem.labels[a:b], problem.pred_probs[a:b]) for a, b in pairwise(cuts)]
    options = {"return_indices_ranked_by": "self_confidence", "n_jobs": data.draw(st.integers(1, 4))}
    rows = quietly(filter.find_label_issues, None, source, **options)
    np.testing.assert_array_equal(rows, quietly(filter.find_label_issues, *problem.both(), **options))


# -- manners


def test_inputs_are_not_modified():
    labels, pred_probs = PROBLEM.labels.copy(), PROBLEM.pred_probs.copy()
    thresholds = count.get_confident_thresholds(labels, pred_probs)
    joint, kwargs = count.compute_confident_joint(labels, pred_probs, calibrate=False), {"adjust_pred_probs": True}
    wanted = np.full(7, 1) * (np.bincount(labels, minlength=7) > 0)
    mask, scores = labels == 1, pred_probs[:, 1].copy()
    given = [labels, pred_probs, thresholds, joint, wanted, mask, scores]
    before = [array.tobytes() for array in given]
    answers(labels, pred_probs)
    filter.find_label_issues(labels, pred_probs, thresholds=thresholds, confident_joint=joint)
    filter.find_label_issues(labels, pred_probs, confident_joint=joint, frac_noise=0.5, num_to_remove_per_class=wanted)
    filter.find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence", rank_by_kwargs=kwargs)
    rank.get_label_quality_ensemble_scores(
        labels, [pred_probs, pred_probs[::-1]], weight_ensemble_members_by="log_loss_search"
    )
    rank.order_label_issues(mask, labels, pred_probs, rank_by_kwargs=kwargs)
    rank.find_top_issues(scores)
    count.num_label_issues(labels, pred_probs, estimation_method="off_diagonal_custom", confident_joint=joint)
    count.estimate_latent(joint, labels, converge_latent_estimates=True)
    count.calibrate_confident_joint(joint, labels)
    dataset.health_summary(labels, pred_probs, confident_joint=joint)
    dataset.health_summary(joint=joint / joint.sum(), num_examples=403)
    assert [array.tobytes() for array in given] == before
    assert kwargs == {"adjust_pred_probs": True}


def owner_of(array):
    """Return the array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_answers_own_their_memory_and_may_be_written_to():
    labels, pred_probs = PROBLEM.labels.astype(np.int32), PROBLEM.pred_probs
    for question, answer in answers(labels, pred_probs).items():
        assert owner_of(answer).nbytes == answer.nbytes, question
        assert not np.shares_memory(answer, pred_probs), question
        assert not np.shares_memory(answer, labels), question
        assert answer.flags.writeable, question


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_nothing_of_the_data_is_kept(block_bytes, n_jobs):
    block_bytes(2_000)
    labels, pred_probs = PROBLEM.labels.astype(np.int32), PROBLEM.pred_probs.copy()
    alive = [weakref.ref(labels), weakref.ref(pred_probs)]
    found = answers(labels, pred_probs, n_jobs=n_jobs)
    del labels, pred_probs
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    assert found


def test_nothing_of_the_data_is_kept_after_an_error():
    pred_probs = PROBLEM.pred_probs.copy()
    pred_probs[5] = np.nan
    alive = weakref.ref(pred_probs)
    with pytest.raises(ValueError, match="row 5"):
        filter.find_label_issues(PROBLEM.labels, pred_probs, n_jobs=2)
    del pred_probs
    gc.collect()
    assert alive() is None


#: What the notes of `find_label_issues` promise.
BYTES_A_ROW = 40


@pytest.fixture(scope="module")
def large_problem():
    """A problem of a weak model, whose rows nearly all may matter for the largest margins."""
    problem = make_problem(60_000, 20, seed=93, strength=1.0)
    return Problem(problem.labels.astype(np.int32), problem.pred_probs)


@pytest.mark.parametrize(("order", "filter_by"), [*(("C", name) for name in FILTERS), ("F", FILTERS[0])])
def test_memory_is_what_find_label_issues_says_it_is(large_problem, block_bytes, filter_by, order):
    labels, pred_probs = large_problem.labels, np.asarray(large_problem.pred_probs, order=order)
    block_bytes(1_000_000)
    options = {"filter_by": filter_by, "n_jobs": 1}
    filter.find_label_issues(labels, pred_probs, **options)  # compiles
    gc.collect()
    tracemalloc.start()
    issues = filter.find_label_issues(labels, pred_probs, **options)
    gc.collect()
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    copied = 0 if order == "C" else blocks.BLOCK_BYTES
    assert left < issues.nbytes + 100_000
    assert (peak - copied) / len(labels) < BYTES_A_ROW + 3


def test_global_state_is_left_alone():
    before = np.random.get_state()[1].tobytes(), list(warnings.filters), np.geterr(), threading.active_count()  # noqa: NPY002
    answers(*PROBLEM.both(), n_jobs=3)
    after = np.random.get_state()[1].tobytes(), list(warnings.filters), np.geterr(), threading.active_count()  # noqa: NPY002
    assert after == before


def test_nothing_is_printed(capfd):
    answers(*PROBLEM.both())
    filter.find_label_issues(*PROBLEM.both(), verbose=True)
    assert capfd.readouterr() == ("", "")
