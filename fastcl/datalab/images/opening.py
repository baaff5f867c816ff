"""One image out of whatever a column of images holds, and its pixels in one of three forms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from io import BytesIO
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, is_missing
from fastcl.core.errors import sentence

#: Pillow's image modes that are measured as they are; see `plain`.
PLAIN = ("L", "RGB", "RGBA")

#: Bytes of a file that is read as a whole; a larger one may hold many images, of which one is wanted.
MOST_AT_ONCE = 1 << 26


def pillow() -> Any:
    """Return the module `PIL.Image`, or say what it takes to have it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Image checks need Pillow: pip install 'fastcl[image]'.") from error
    return Image


@lru_cache
def pillow_version() -> int:
    """Return the first number of Pillow's version."""
    import PIL

    return int(PIL.__version__.partition(".")[0])


def opened(value: Any) -> AbstractContextManager[Any]:
    """Open what a column of images holds as an image of Pillow, or None if it is missing; at the end it is closed.

    Knows images of Pillow, paths, bytes of a file, the pairs ``{"bytes": ..., "path": ...}`` of Hugging Face, and
    arrays, see `from_array`. Images that their owner has opened and not yet read are opened again, so that the
    owner's stay unread: what is in memory afterwards is what was before.
    """
    if isinstance(value, (str, PathLike, bytes, bytearray, memoryview)):
        return _open_file(value)
    if isinstance(value, Mapping):
        return opened(_of_pair(value))
    if not isinstance(value, pillow().Image):
        return nullcontext(from_array(value) if hasattr(value, "__len__") or not is_missing(value) else None)
    if (source := _unread_source(value)) is None:
        return nullcontext(value)
    image = _open_file(source)
    image.seek(value.tell())
    return image


def _of_pair(pair: Mapping[Any, Any]) -> Any:
    """Return the bytes of a file or else its path, None if both are missing."""
    if not pair.keys() & {"bytes", "path"}:
        rule = 'be an image, a path, bytes, an array, or a dict with "bytes" or "path"'
        raise ValueError(
            sentence("image", rule, f"a dict of {', '.join(map(repr, pair))}" if pair else "an empty dict")
        )
    return pair.get("path") if is_missing(pair.get("bytes")) else pair["bytes"]


def _unread_source(image: Any) -> Any:
    """Return the file of an image, or its bytes, if its pixels were not read yet; None if they were, or if unknown."""
    if not getattr(image, "tile", None):
        return None
    fp = getattr(image, "fp", None)
    return image.filename or (fp.getvalue() if isinstance(fp, BytesIO) else None)


def _open_file(source: Any) -> Any:
    """Open a path, or the contents of a file.

    What is in memory as a whole is handed to the decoder as a whole: read by Pillow, block by block, an ordinary JPEG
    takes 4 % longer.
    """
    if not isinstance(source, (str, PathLike)):
        return _open_contents(BytesIO(source))
    with open(source, "rb", buffering=0) as file:
        contents = file.read() if os.fstat(file.fileno()).st_size <= MOST_AT_ONCE else None
    return pillow().open(source) if contents is None else _open_contents(_FileContents(contents, source))


class _FileContents(BytesIO):
    """The contents of a file, which Pillow calls by its path where it complains."""

    def __init__(self, contents: bytes, path: Any) -> None:
        super().__init__(contents)
        self.path = path

    def __repr__(self) -> str:
        return repr(os.fspath(self.path))


def _open_contents(file: BytesIO) -> Any:
    image = pillow().open(file)
    image.decodermaxblock = file.getbuffer().nbytes
    return image


def from_array(values: Any) -> Any:
    """Return an array of shape (height, width), or with 1, 3 or 4 channels behind, as an image of Pillow.

    Integers are in 0 ... 255, other numbers in [0, 1]; 3 channels are red, green and blue, the fourth is opacity.

    Examples
    --------
    >>> from_array(np.zeros((2, 3, 3), np.uint8)).mode
    'RGB'
    """
    array = _unnested(as_array("image", values))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        rule = "have shape (height, width) or (height, width, channels) with 1, 3 or 4 channels"
        raise ValueError(sentence("image", rule, f"shape {array.shape}"))
    return pillow().fromarray(np.ascontiguousarray(_as_bytes(array)))


def _unnested(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of arrays, which nested lists of Polars and Parquet come as, as one of numbers."""
    if array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(row, np.ndarray) for row in array):
        return np.array([_unnested(row) for row in array])
    return array


def _as_bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return pixels as uint8, or raise if they are out of range."""
    if array.dtype.kind not in "biuf":
        raise TypeError(sentence("image", "hold numbers", f"dtype {array.dtype}"))
    highest = 255 if array.dtype.kind in "iu" else 1
    if array.dtype != np.uint8 and array.size and not (array.min() >= 0 and array.max() <= highest):
        rule = "hold integers from 0 to 255, or other numbers from 0 to 1"
        raise ValueError(sentence("image", rule, f"{array.dtype} from {array.min()} to {array.max()}"))
    return array.astype(np.uint8, copy=False) if highest == 255 else np.rint(array * 255.0).astype(np.uint8)


def plain(image: Any) -> Any:
    """Return an image with its pixels read, as grey ("L"), colours ("RGB") or colours with opacity ("RGBA").

    These are left as they are. Grey of other depths is brought to 8 bits: integers are of 16, other numbers up to 1, or
    up to 255 if one is above 1. Palettes, CMYK and the like become the colours that they show.
    """
    if 0 in image.size:
        raise ValueError(sentence("image", "have pixels", f"size {image.size}"))
    image.load()
    if image.mode in PLAIN:
        return image
    if image.mode.startswith("I"):
        return from_array(np.clip(np.asarray(image), 0, 65535) / 65535)
    if image.mode == "F":
        shades = np.asarray(image)
        return from_array(shades / 255 if 1 < shades.max() <= 255 else shades)
    if pillow().getmodebase(image.mode) == "L":
        return image.convert("L")
    if "transparency" in image.info:  # Pillow warns of what is lost, unless opacity is there in between
        image = image.convert("RGBA")
    return image.convert("RGB")
