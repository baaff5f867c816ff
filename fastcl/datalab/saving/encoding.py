"""Nested values as JSON and arrays, and back: what was found, without pickle.

A value becomes a *node* of JSON. None, booleans, whole numbers, finite floats and strings are nodes as they are, lists
are lists of nodes, and dicts whose keys are strings are objects. All else is an object that says its kind under `KIND`.
Arrays go to an `ArrayStore` and their node says where they are; what is made of arrays (lists of rows, tables, sparse
matrices) is taken apart. What comes back equals what was given, types included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, dataset_table, is_dataset
from fastcl.core.errors import sentence
from fastcl.neighbors.duplicates.lists import RowLists

#: The key under which a node says what kind of value it is.
KIND = "$"

#: Types whose values are nodes as they are.
PLAIN = frozenset({type(None), bool, int, str})

#: Kinds of NumPy's numbers that Parquet holds bit by bit: booleans, integers, float32 and float64.
COLUMN_TYPES = frozenset("?bhilqBHILQfd")

#: Halves of letters, which UTF-8 does not have by themselves.
SURROGATES = 0xD800, 0xDFFF


class ArrayStore:
    """Arrays by name: those with one value a row, which make a table, and all others.

    Parameters
    ----------
    n_rows : number of rows of the data

    Attributes
    ----------
    columns : arrays of shape (n_rows,) of numbers, booleans or texts; those of objects hold strings and None
    arrays : all others, none of objects
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows
        self.columns: dict[str, npt.NDArray[Any]] = {}
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._kept: dict[int, tuple[str, Any]] = {}  # the array too, so that no other gets its id

    def put(self, name: str, array: npt.NDArray[Any]) -> str:
        """Keep an array, of several times the same only once, and return what it is called."""
        if id(array) not in self._kept:
            name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
            while name in self.columns or name in self.arrays:
                name += "_"
            (self.columns if self.has_place(array) else self.arrays)[name] = array
            self._kept[id(array)] = name, array
        return self._kept[id(array)][0]

    def get(self, name: str) -> npt.NDArray[Any]:
        """Return an array by its name."""
        return self.columns[name] if name in self.columns else self.arrays[name]

    def has_place(self, array: npt.NDArray[Any]) -> bool:
        """Tell whether an array can be a column of the table."""
        if array.shape != (self.n_rows,):
            return False
        return array.dtype.isnative and (array.dtype.char in COLUMN_TYPES or are_texts(array))


def are_texts(array: npt.NDArray[Any]) -> bool:
    """Tell whether an array holds nothing but strings, or None, that can be written as UTF-8."""
    if array.dtype.kind == "U":
        letters = np.ascontiguousarray(array).view(np.uint32) if array.size else np.empty(0, np.uint32)
        return not ((letters >= SURROGATES[0]) & (letters <= SURROGATES[1])).any()
    if array.dtype.kind != "O" or not set(map(type, array.flat)) <= {str, type(None)}:
        return False
    with suppress(UnicodeEncodeError):
        return "".join(filter(None, array.flat)).encode() is not None
    return False


def encode(value: Any, store: ArrayStore, name: str) -> Any:
    """Return the node of a value.

    Parameters
    ----------
    value : None, booleans, numbers, strings, bytes, dates, NumPy's arrays and scalars, `RowLists`, sparse matrices,
        tables, and lists, tuples, sets and dicts of these
    store : where arrays go
    name : what the value is called: arrays are called by it, and in errors it says where

    Raises
    ------
    TypeError
        If there is something else in it.

    Examples
    --------
    >>> store = ArrayStore(3)
    >>> encode({"k": 10, "pair": (1, 2.5), "cuts": np.array([0.5, 1.0])}, store, "info")
    {'k': 10, 'pair': {'$': 'tuple', 'items': [1, 2.5]}, 'cuts': {'$': 'array', 'at': 'info.cuts'}}
    >>> store.arrays
    {'info.cuts': array([0.5, 1. ])}
    """
    if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    if isinstance(value, list):
        return _nodes(value, store, name)
    if isinstance(value, Mapping):
        return _of_dict(value, store, name)
    for kind, (types, taken_apart) in ENCODERS.items():
        if isinstance(value, types):
            return {KIND: kind, **taken_apart(value, store, name)}
    if hasattr(value, "tocsr"):
        return {KIND: "sparse", **_of_sparse(value, store, name)}
    if _library(value) in FROM_ARROW:
        return {KIND: "table", **_of_table(value, store, name)}
    rule = "hold numbers, strings, arrays, tables, and lists and dicts of these"
    raise TypeError(sentence(name, rule, f"an object of type {type(value).__name__}"))


def decode(node: Any, store: ArrayStore) -> Any:
    """Return the value of a node.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none that `encode` made.

    Examples
    --------
    >>> decode({"pair": {"$": "tuple", "items": [1, 2.5]}}, ArrayStore(3))
    {'pair': (1, 2.5)}
    """
    if isinstance(node, list):
        return node if set(map(type, node)) <= PLAIN else [decode(one, store) for one in node]
    if not isinstance(node, dict):
        return node
    if KIND not in node:
        return {key: decode(one, store) for key, one in node.items()}
    return DECODERS[node[KIND]](node, store)


# -- what holds other values


def _nodes(values: list[Any], store: ArrayStore, name: str) -> list[Any]:
    if set(map(type, values)) <= PLAIN:
        return values
    return [encode(one, store, f"{name}[{i}]") for i, one in enumerate(values)]


def _of_items(value: Any, store: ArrayStore, name: str) -> dict[str, Any]:
    return {"items": _nodes(list(value), store, name)}


def _items(node: Mapping[str, Any], store: ArrayStore) -> list[Any]:
    items: list[Any] = decode(node["items"], store)
    return items


def _of_dict(value: Mapping[Any, Any], store: ArrayStore, name: str) -> dict[str, Any]:
    """Return an object of JSON, or else a list of keys and values."""
    if all(type(key) is str and key != KIND for key in value):
        return {key: encode(one, store, f"{name}.{key}") for key, one in value.items()}
    items = [[encode(key, store, name), encode(one, store, f"{name}.{key}")] for key, one in value.items()]
    return {KIND: "dict", "items": items}


# -- arrays and what is made of them


def _of_array(value: npt.NDArray[Any], store: ArrayStore, name: str) -> dict[str, Any]:
    """Return where an array is kept; one of objects, unless it is a column of texts, is a list of nodes."""
    array = as_array(name, value)
    if array.dtype.hasobject and not store.has_place(array):
        return {"shape": list(array.shape), "items": _nodes(list(array.flat), store, name)}
    return {"at": store.put(name, array), **({"dtype": array.dtype.str} if array.dtype.kind == "U" else {})}


def _to_array(node: Mapping[str, Any], store: ArrayStore) -> npt.NDArray[Any]:
    if "at" in node:
        array = store.get(node["at"])
        return array.astype(node.get("dtype", array.dtype), copy=False)
    items = _items(node, store)
    array = np.empty(len(items), object)
    for i, item in enumerate(items):  # all at once, lists of one length would become a dimension
        array[i] = item
    return array.reshape(node["shape"])


def _of_rows(value: RowLists, store: ArrayStore, name: str) -> dict[str, Any]:
    return {"starts": encode(value.starts, store, f"{name}.starts"), "rows": encode(value.rows, store, f"{name}.rows")}


def _of_sparse(value: Any, store: ArrayStore, name: str) -> dict[str, Any]:
    """Return a sparse matrix row by row, each as it is stored: neighbours are not sorted by number."""
    rows = value.tocsr()
    parts = [encode(getattr(rows, part), store, f"{name}.{part}") for part in ("data", "indices", "indptr")]
    is_array = type(value).__name__.endswith("_array")
    return {"parts": parts, "shape": list(value.shape), "format": value.format, "is_array": is_array}


def _to_sparse(node: Mapping[str, Any], store: ArrayStore) -> Any:
    from scipy.sparse import csr_array, csr_matrix

    made = csr_array if node["is_array"] else csr_matrix
    return made(tuple(decode(node["parts"], store)), shape=tuple(node["shape"])).asformat(node["format"])


# -- tables, as streams of Arrow


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _of_table(value: Any, store: ArrayStore, name: str) -> dict[str, Any]:
    """Return a table, or a column as a table of one."""
    import pyarrow as pa

    library, is_column = _library(value), not (hasattr(value, "columns") or is_dataset(value))
    try:
        if library == "datasets":
            table = dataset_table(value)
        elif library == "pyarrow":
            table = pa.table([value], [""]) if is_column else pa.table(value)
        else:
            frame = value.to_frame() if is_column else value
            table = pa.Table.from_pandas(frame) if library == "pandas" else frame.to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise TypeError(sentence(name, "be a table that Arrow can hold", " ".join(str(error).split()))) from error
    content = np.frombuffer(sink.getvalue(), np.uint8)
    return {"library": library, "is_column": is_column, "content": encode(content, store, name)}


def _to_table(node: Mapping[str, Any], store: ArrayStore) -> Any:
    import pyarrow as pa

    table = pa.ipc.open_stream(pa.py_buffer(decode(node["content"], store))).read_all()
    return FROM_ARROW[node["library"]](table, node["is_column"])


def empty_table(library: str) -> Any:
    """Return a table for others to be like, of a library, or of one that is here where that is not."""
    import pyarrow as pa

    return FROM_ARROW.get(library, _to_pandas)(pa.table({}), False)


def _to_pandas(table: Any, is_column: bool) -> Any:
    frame = table.to_pandas()
    return frame.iloc[:, 0] if is_column else frame


def _to_polars(table: Any, is_column: bool) -> Any:
    """Return a table of Polars, of pandas where that is not installed."""
    try:
        import polars
    except ImportError:
        return _to_pandas(table, is_column)
    frame: Any = polars.from_arrow(table)
    return frame.to_series() if is_column else frame


def _to_dataset(table: Any, is_column: bool) -> Any:
    """Return a data set of Hugging Face, a table of Arrow where that is not installed."""
    try:
        from datasets import Dataset
    except ImportError:
        return _to_arrow(table, is_column)
    return Dataset(table)


def _to_arrow(table: Any, is_column: bool) -> Any:
    return table.column(0) if is_column else table


#: The libraries whose tables can be written, and what makes theirs of a table of Arrow.
FROM_ARROW: dict[str, Callable[[Any, bool], Any]] = {
    "pandas": _to_pandas,
    "polars": _to_polars,
    "pyarrow": _to_arrow,
    "datasets": _to_dataset,
}

#: The kinds of values that are told by their type, the narrower type first, and what takes them apart.
ENCODERS: dict[str, tuple[Any, Callable[[Any, ArrayStore, str], dict[str, Any]]]] = {
    "array": (np.ndarray, _of_array),
    "scalar": (np.generic, lambda value, store, name: {"of": encode(np.asarray(value), store, name)}),
    "float": (float, lambda value, store, name: {"is": repr(float(value))}),  # NaN and infinity, which JSON lacks
    "bytes": (bytes, lambda value, store, name: {"hex": value.hex()}),
    "datetime": (datetime, lambda value, store, name: {"is": value.isoformat()}),
    "date": (date, lambda value, store, name: {"is": value.isoformat()}),
    "rows": (RowLists, _of_rows),
    "tuple": (tuple, _of_items),
    "set": (set, _of_items),
    "frozenset": (frozenset, _of_items),
}

#: What puts the values of each kind together again.
DECODERS: dict[str, Callable[[Mapping[str, Any], ArrayStore], Any]] = {
    "array": _to_array,
    "scalar": lambda node, store: decode(node["of"], store)[()],
    "float": lambda node, store: float(node["is"]),
    "bytes": lambda node, store: bytes.fromhex(node["hex"]),
    "datetime": lambda node, store: datetime.fromisoformat(node["is"]),
    "date": lambda node, store: date.fromisoformat(node["is"]),
    "rows": lambda node, store: RowLists(decode(node["starts"], store), decode(node["rows"], store)),
    "tuple": lambda node, store: tuple(_items(node, store)),
    "set": lambda node, store: set(_items(node, store)),
    "frozenset": lambda node, store: frozenset(_items(node, store)),
    "dict": lambda node, store: dict(_items(node, store)),
    "sparse": _to_sparse,
    "table": _to_table,
}
