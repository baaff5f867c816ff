"""Pictures as PNG inside a page: black ink of varying strength on nothing, so that the page colours the paper."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

GREY_AND_ALPHA = 4


def encode_png(image: npt.NDArray[np.float64]) -> bytes:
    r"""Return an image, shares of ink in [0, 1] of shape (height, width), as a PNG file.

    Examples
    --------
    >>> encode_png(np.zeros((8, 8)))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width = image.shape
    ink = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    pixels = np.zeros((height, 1 + 2 * width), np.uint8)  # each line begins with the number of its filter: none
    pixels[:, 2::2] = ink
    header = struct.pack(">IIBBBBB", width, height, 8, GREY_AND_ALPHA, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def as_data_uri(image: npt.NDArray[np.float64]) -> str:
    """Return an image as the address of itself."""
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode("ascii")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
