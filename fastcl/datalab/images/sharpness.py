"""How sharp is an image? Its edges and its shades, as a small grey copy shows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.datalab.images.shrinking import shrunk

#: The longer side of the copy, in pixels: what is blurred at this size is blurred at any.
LONGEST_SIDE = 64

#: Parts of red, green and blue in grey, of 65,536 (ITU-R BT.601, as Pillow rounds it).
RED, GREEN, BLUE = 19595, 38470, 7471


def sharpness(image: Any, pixels: npt.NDArray[Any]) -> tuple[float, float]:
    """Return how strong edges are, and how unevenly shades are used.

    Parameters
    ----------
    image : PIL.Image.Image
        Of mode "L", "RGB" or "RGBA".
    pixels : array of shape (height, width)
        Its pixels, uint8 for grey, uint32 for colours.

    Returns
    -------
    blurriness : float
        Standard deviation of the image of edges, that is of 8 v - (sum of the 8 neighbours), clipped to 0 ... 255.
    blurriness_grayscale_std : float
        Standard deviation of the 256 numbers of pixels of each shade.
    """
    grey = _small_grey(image, pixels)
    n = grey.size
    total, squares = _sum_edges(grey)
    return math.sqrt((squares - total**2 / n) / n), math.sqrt(_sum_square_counts(grey) / 256 - (n / 256) ** 2)


def _small_grey(image: Any, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the grey copy; opacity weighs colours where they are mixed."""
    height, width = pixels.shape
    ratio = max(width, height) / LONGEST_SIDE
    if ratio > 1:
        size = max(int(width // ratio), 1), max(int(height // ratio), 1)
        pixels = _pixels_of_resized(image, size) if image.mode == "RGBA" else shrunk(pixels, *size)
    return pixels if pixels.dtype == np.uint8 else _as_grey(pixels)


def _pixels_of_resized(image: Any, size: tuple[int, int]) -> npt.NDArray[np.uint32]:
    return np.frombuffer(image.resize(size).tobytes(), "<u4").reshape(size[::-1])


def _as_grey(pixels: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    grey = np.empty(pixels.shape, np.uint8)
    _mix_colours(pixels.ravel(), grey.ravel())
    return grey


@kernel
def _mix_colours(pixels, grey):
    """Write the grey that colours look like into grey."""
    for i in range(pixels.size):
        red, green, blue = pixels[i] & 255, (pixels[i] >> 8) & 255, (pixels[i] >> 16) & 255
        grey[i] = (RED * red + GREEN * green + BLUE * blue + 32768) >> 16


@kernel
def _sum_edges(grey):
    """Return sum and sum of squares of the image of edges: at the border, and below 3 pixels a side, of the image."""
    height, width = grey.shape
    total, squares = 0, 0
    for y in range(height):
        for x in range(width):
            value = int(grey[y, x])
            if min(height, width) >= 3 and 0 < y < height - 1 and 0 < x < width - 1:
                around = 0
                for v in range(y - 1, y + 2):
                    for u in range(x - 1, x + 2):
                        around += grey[v, u]
                value = min(max(9 * value - around, 0), 255)
            total += value
            squares += value * value
    return total, squares


@kernel
def _sum_square_counts(grey):
    """Return the sum of the squared numbers of pixels of each shade."""
    counts = np.zeros(256, np.int64)
    for row in grey:
        for value in row:
            counts[value] += 1
    return (counts * counts).sum()
