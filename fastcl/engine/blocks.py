"""Any source of labels and probabilities becomes the same thing: read-only C-order blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import RowReader, as_pred_probs
from fastcl.core.errors import sentence
from fastcl.core.labels import as_labels
from fastcl.core.validation import check_same_length

#: Bytes of probabilities in one block: the interpreter hands blocks out one by one, which shows if they are smaller
#: (1 M x 100: 4 MB take a third longer, 64 MB no less); larger ones would cost memory where rows must be converted.
BLOCK_BYTES = 32_000_000


class Piece(NamedTuple):
    """What a source hands to a worker: some consecutive rows, read by the worker when it calls `read`."""

    start: int
    stop: int
    labels: npt.NDArray[np.int32]
    read: Callable[[], Any]


@dataclass
class Source:
    """Labels and probabilities, to be read in blocks, as often as need be.

    `n_rows` is None as long as nobody has read to the end of an iterable. `labels` is None where they come
    with the blocks; `class_names` are the user's, None if classes are just 0..K-1.
    """

    n_rows: int | None
    n_classes: int
    dtype: np.dtype[Any]
    labels: npt.NDArray[np.int32] | None
    class_names: npt.NDArray[Any] | None
    open_pieces: Callable[[], Iterator[Piece]]
    reads_left: float = float("inf")

    def require(self, reads: int) -> None:
        """Raise ValueError if the data cannot be read so many times more."""
        if self.reads_left < reads:
            raise ValueError(
                f"`pred_probs` is an iterator, which can be read only once, and this needs {reads} passes. Pass "
                "something that can be iterated again (a list, or an object whose `__iter__` starts anew), or "
                "give `thresholds` and a filter other than 'prune_by_noise_rate' and 'both', which need one pass."
            )

    def pieces(self) -> Iterator[Piece]:
        """Start reading from the first row."""
        self.require(1)
        self.reads_left -= 1
        return self.open_pieces()

    def name_classes(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
        """Return class indices as the user names the classes."""
        return codes if self.class_names is None else self.class_names[codes]


def open_source(labels: Any, pred_probs: Any, *, class_names: Sequence[Hashable] | None = None) -> Source:
    """Return `labels` and `pred_probs` as a source of blocks.

    Parameters
    ----------
    labels : array-like of shape (n_samples,); the path of a ``.npy`` file; the name of a column if `pred_probs`
        is a Parquet file; or None if `pred_probs` is an iterable of blocks that bring their labels
    pred_probs : array-like of shape (n_samples, n_classes), in memory or on disk, a table with one column a
        class; the path of a ``.npy`` or Parquet file; or an iterable of ``(labels, pred_probs)`` blocks
    class_names : what the columns stand for, in their order
    """
    if isinstance(pred_probs, (str, PathLike)):
        from fastcl.engine.files import open_file

        return open_file(labels, pred_probs, class_names)
    if labels is None:
        return open_blocks(pred_probs, class_names)
    if isinstance(labels, (str, PathLike)):
        from fastcl.engine.files import open_npy

        labels = open_npy("labels", labels)
    values, columns = as_pred_probs(pred_probs)
    encoded = as_labels(labels, values.shape[1], class_names, columns=columns)
    check_same_length(len(encoded.codes), values.shape[0])
    return source_of_codes(encoded.codes, values, encoded.class_names)


def source_of_codes(
    codes: npt.NDArray[np.int32], values: RowReader, class_names: npt.NDArray[Any] | None = None
) -> Source:
    """Return labels that are class indices, and probabilities whose rows can be read, as a source."""
    labels = as_read_only(codes, np.int32)
    return Source(
        n_rows=values.shape[0],
        n_classes=values.shape[1],
        dtype=working_dtype(values.dtype),
        labels=labels,
        class_names=class_names,
        open_pieces=lambda: array_pieces(labels, values),
    )


def open_blocks(blocks: Iterable[tuple[Any, Any]], class_names: Sequence[Hashable] | None) -> Source:
    """Return an iterable of ``(labels, pred_probs)`` blocks as a source; read once if it is an iterator."""
    if not isinstance(blocks, Iterable) or hasattr(blocks, "shape"):
        fix = "Or pass `labels`."
        rule = "be an iterable of (labels, pred_probs) blocks if `labels` is None"
        raise TypeError(sentence("pred_probs", rule, type(blocks).__name__, fix))
    iterator = iter(blocks)
    only_once = iterator is blocks
    first = next((block for block in iterator if not _is_empty(block)), None)
    if first is None:
        raise ValueError(sentence("pred_probs", "have at least one block with rows", "none"))
    _, values, names = _open_block(first, class_names)
    rest = chain([first], iterator)
    rows_before: int | None = None

    def pieces() -> Iterator[Piece]:
        nonlocal rows_before
        start = 0
        for block in rest if only_once else blocks:
            if _is_empty(block):
                continue
            codes, rows, _ = _open_block(block, names, values, start)
            yield from array_pieces(codes, rows, start)
            start += len(codes)
        if rows_before not in (None, start):
            rule = "yield the same rows each time it is read"
            raise ValueError(sentence("pred_probs", rule, f"{start:,} rows after {rows_before:,}"))
        rows_before = start

    return Source(
        n_rows=None,
        n_classes=values.shape[1],
        dtype=working_dtype(values.dtype),
        labels=None,
        class_names=names,
        open_pieces=pieces,
        reads_left=1 if only_once else float("inf"),
    )


def _is_empty(block: Any) -> bool:
    """Tell whether a block has no rows: it changes nothing."""
    with suppress(TypeError):  # what has no length is for `_open_block` to judge
        return isinstance(block, (tuple, list)) and len(block) == 2 and len(block[0]) == len(block[1]) == 0
    return False


def _open_block(
    block: Any, class_names: Any, like: RowReader | None = None, start: int = 0
) -> tuple[npt.NDArray[np.int32], RowReader, npt.NDArray[Any] | None]:
    """Return codes, probabilities and class names of one block, which must fit the first one (`like`)."""
    if not isinstance(block, (tuple, list)) or len(block) != 2:
        raise TypeError(sentence("pred_probs", "yield pairs (labels, pred_probs)", type(block).__name__))
    values, columns = as_pred_probs(block[1])
    if like is not None and (values.shape[1] != like.shape[1] or values.dtype != like.dtype):
        rule = f"yield blocks of {like.shape[1]} columns of {like.dtype}, as its first"
        raise ValueError(sentence("pred_probs", rule, f"{values.shape[1]} columns of {values.dtype}"))
    encoded = as_labels(block[0], values.shape[1], class_names, columns=columns, first_row=start)
    if encoded.class_names is not None and class_names is None and columns is None:
        fix = "One block cannot know all classes."
        raise ValueError(sentence("class_names", "be given if blocks hold labels by name", "None", fix))
    check_same_length(len(encoded.codes), values.shape[0])
    return encoded.codes, values, encoded.class_names


def slices(n_rows: int, size: int) -> Iterator[slice]:
    """Cut rows into consecutive parts of `size`; the last may be smaller.

    Examples
    --------
    >>> list(slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def array_pieces(labels: npt.NDArray[np.int32], values: RowReader, start: int = 0) -> Iterator[Piece]:
    """Cut rows that can be read by slices into pieces of about `BLOCK_BYTES`."""
    n_rows, n_classes = values.shape
    size = max(1, BLOCK_BYTES // (n_classes * working_dtype(values.dtype).itemsize))
    for rows in slices(n_rows, size):
        yield Piece(start + rows.start, start + rows.stop, labels[rows], partial(values.__getitem__, rows))


def working_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the type in which rows of `dtype` are worked on: float32 for it and float16, else float64."""
    kind, size = np.dtype(dtype).kind, np.dtype(dtype).itemsize
    return np.dtype(np.float32 if kind == "f" and size <= 4 else np.float64)


def as_read_only(values: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return values as a read-only, aligned C-order array, copying only if they are not one already."""
    array = np.require(np.asarray(values, dtype=dtype, order="C"), requirements="A").view()
    array.flags.writeable = False
    return array
