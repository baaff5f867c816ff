"""A digest of the contents of columns, the same whatever library holds them.

Every column is taken apart into streams, each hashed on its own: its numbers as float64 (and those integers that
float64 cannot hold), its texts and their lengths, its moments, the lengths of its lists, and the rows where a value is
missing. So neither the width of integers, nor how missing values are written, nor how rows are chunked makes a
difference, and arrays on disk are read block by block.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import missing_rows
from fastcl.datalab.data.columns import as_arrow, column_array, is_arrow, is_list

#: Rows taken together: those of a block that holds values of several kinds are hashed one by one.
BLOCK_ROWS = 1 << 16

#: Bytes of an array that are converted together.
BLOCK_BYTES = 1 << 23

#: Integers up to this size are the same as float64.
EXACT = 2**53

SIZE = 16


def fingerprint_of(columns: Mapping[str, Any], n_rows: int) -> str:
    """Return the digest of columns by name, in whichever order they come.

    Examples
    --------
    >>> import numpy as np
    >>> a = fingerprint_of({"x": [1, None], "y": ["a", "b"]}, 2)
    >>> b = fingerprint_of({"y": np.array(["a", "b"]), "x": np.array([1.0, np.nan])}, 2)
    >>> a == b
    True
    """
    whole = hashlib.blake2b(str(n_rows).encode(), digest_size=SIZE)
    for name in sorted(columns):
        whole.update(_framed(name.encode("utf-8", "surrogatepass")))
        whole.update(_Streams().of(columns[name], n_rows))
    return whole.hexdigest()


class _Streams:
    """The streams of one column: lists within lists have streams of their own, by depth."""

    def __init__(self) -> None:
        self._streams: dict[str, Any] = defaultdict(lambda: hashlib.blake2b(digest_size=SIZE))
        self._seen: dict[int, int] = defaultdict(int)

    def of(self, column: Any, n_rows: int) -> bytes:
        """Return the digest of a column."""
        column = as_arrow(column)
        for start in range(0, n_rows, BLOCK_ROWS):
            self._add(_rows(column, start, min(start + BLOCK_ROWS, n_rows)), 0)
        digests = (_framed(name.encode()) + stream.digest() for name, stream in sorted(self._streams.items()))
        return b"".join(digests)

    def _write(self, depth: int, kind: str, data: Any) -> None:
        if isinstance(data, np.ndarray):
            data = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
        if len(data):  # else a stream would depend on where blocks end
            self._streams[f"{depth} {kind}"].update(data)

    def _add(self, values: Any, depth: int) -> None:
        """Take the next values of a depth."""
        if is_arrow(values):
            self._add_arrow(values, depth)
        elif isinstance(values, np.ndarray) and values.ndim > 1:
            self._add_matrix(values, depth)
        else:
            self._add_array(column_array("data", values), depth)

    def _add_arrow(self, values: Any, depth: int) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if not (is_list(values.type) or _is_text(values.type)):
            self._add_array(column_array("data", values), depth)
            return
        self._add_missing(np.asarray(values.is_null()), depth)
        values = values.drop_null()
        if is_list(values.type):
            self._write(depth, "lengths", pc.list_value_length(values).cast(pa.int64()).to_numpy())
            self._add(pc.list_flatten(values), depth + 1)
        else:
            self._add_texts(values, depth)

    def _add_texts(self, values: Any, depth: int) -> None:
        """Take texts of Arrow, none missing: they lie one after the other already."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._write(depth, "texts' lengths", pc.utf8_length(values).cast(pa.int64()).to_numpy())
        chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        for chunk in chunked.cast(pa.large_string()).chunks:
            _, ends, texts = chunk.buffers()
            start, stop = np.frombuffer(ends, np.int64)[[chunk.offset, chunk.offset + len(chunk)]]
            if texts is not None:
                self._write(depth, "texts", memoryview(texts)[start:stop])

    def _add_matrix(self, values: npt.NDArray[Any], depth: int) -> None:
        """Take the rows of an array of numbers, which are lists of equal length, some at a time."""
        n_rows, width = values.shape[:2]
        step = max(1, BLOCK_BYTES // max(1, values[:1].nbytes))
        for start in range(0, n_rows, step):
            block = values[start : start + step]
            self._write(depth, "lengths", np.full(len(block), width, np.int64))
            self._add(block.reshape(len(block) * width, *values.shape[2:]), depth + 1)
        self._seen[depth] += n_rows

    def _add_array(self, array: npt.NDArray[Any], depth: int) -> None:
        """Take the values of an array of one dimension."""
        if array.ndim > 1:  # lists of equal length
            self._add_matrix(array, depth)
            return
        missing = missing_rows(array) if array.dtype.kind in "fcmMO" else np.zeros(array.size, np.bool_)
        self._add_missing(missing, depth)
        present = array[~missing] if missing.any() else array
        if present.dtype.kind in "OSUT":
            self._add_objects(present.tolist(), depth)
        elif present.dtype.kind in "mM":
            self._add_moments(present, depth)
        else:
            self._add_numbers(present, depth)

    def _add_missing(self, missing: npt.NDArray[np.bool_], depth: int) -> None:
        if missing.any():
            self._write(depth, "missing", np.flatnonzero(missing) + self._seen[depth])
        self._seen[depth] += missing.size

    def _add_numbers(self, numbers: npt.NDArray[Any], depth: int) -> None:
        if numbers.dtype.kind == "c":
            numbers = np.column_stack([numbers.real, numbers.imag]).reshape(-1)
        self._write(depth, "numbers", numbers.astype(np.float64) + 0.0)  # -0.0 becomes 0.0
        if numbers.dtype.kind in "iu" and numbers.dtype.itemsize == 8:
            is_large = (numbers > EXACT) | (numbers < -EXACT if numbers.dtype.kind == "i" else False)
            self._write(depth, "large", numbers[is_large])

    def _add_moments(self, moments: npt.NDArray[Any], depth: int) -> None:
        """Take dates, times or spans in whichever unit: whole microseconds, and what is left of them if anything is."""
        kind = moments.dtype.kind
        whole = moments.astype(f"{kind}8[us]")
        self._write(depth, f"moments {kind}", whole.astype(np.int64))
        if np.datetime_data(moments.dtype)[0] == "ns" and (rest := moments.astype(np.int64) % 1000).any():
            self._write(depth, f"rests {kind}", rest)

    def _add_objects(self, objects: list[Any], depth: int) -> None:
        """Take Python's objects, none missing: all strings, all numbers, all lists, or one by one."""
        kinds = set(map(type, objects))
        if kinds and all(issubclass(kind, str) for kind in kinds):
            self._write(depth, "texts' lengths", np.fromiter(map(len, objects), np.int64, len(objects)))
            self._write(depth, "texts", "".join(objects).encode("utf-8", "surrogatepass"))
        elif kinds and kinds <= {list, tuple, np.ndarray}:
            self._write(depth, "lengths", np.fromiter(map(len, objects), np.int64, len(objects)))
            if kinds == {np.ndarray}:
                for values in objects:
                    self._add(values, depth + 1)
            else:
                self._add(list(chain.from_iterable(objects)), depth + 1)
        elif kinds and all(issubclass(kind, date) for kind in kinds):
            self._add_moments(np.array(list(map(_without_zone, objects)), "M8[us]"), depth)
        elif kinds and all(issubclass(kind, timedelta) for kind in kinds):
            self._add_moments(np.array(objects, "m8[us]"), depth)
        elif kinds and all(issubclass(kind, (bool, int, float, np.generic)) for kind in kinds) and (
            (array := np.array(objects)).dtype.kind in "biuf"
        ):  # fmt: skip
            self._add_numbers(array, depth)
        else:
            for value in objects:
                self._write(depth, "others", _framed(_content(value)))


def _without_zone(moment: date) -> date:
    """Return a date, or a moment in UTC."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(tzinfo=None)
    return moment


def _rows(column: Any, start: int, stop: int) -> Any:
    """Return consecutive rows of a column."""
    if is_arrow(column):
        return column.slice(start, stop - start)
    return (column.iloc if hasattr(column, "iloc") else column)[start:stop]


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _framed(data: bytes) -> bytes:
    """Return data with its length before it, so that what follows cannot be taken for a part of it."""
    return len(data).to_bytes(8, "little") + data


def _content(value: Any) -> bytes:
    """Return what tells a value from others, in all libraries: its kind and its bytes."""
    if isinstance(value, bytes):
        return b"bytes" + value
    if isinstance(value, str):
        return b"text" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, np.bool_):
        value = bool(value)
    if isinstance(value, Real):
        is_whole = isinstance(value, Integral) or float(value).is_integer()
        return f"number{math.trunc(value) if is_whole else float(value)}".encode()
    if isinstance(value, Mapping):
        parts = (_framed(_content(name)) + _framed(_content(value[name])) for name in sorted(value, key=str))
        return b"mapping" + b"".join(parts)
    if isinstance(value, (list, tuple, np.ndarray)):
        return b"list" + b"".join(_framed(_content(item)) for item in value)
    if hasattr(value, "tobytes"):  # Pillow's images
        about = f"{getattr(value, 'mode', '')} {getattr(value, 'size', '')}"
        return f"image{about}".encode() + value.tobytes()
    text = type(value).__name__ if _shows_address(value) else str(value)
    return text.encode("utf-8", "surrogatepass")


def _shows_address(value: Any) -> bool:
    """Tell whether all that an object says of itself is where it lies."""
    return hex(id(value)) in repr(value)
