"""How sharp is an image? Its edges and its shades, as a small grey copy shows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.datalab.images.opening import pillow
from fastcl.datalab.images.pixels import pixels_of
from fastcl.datalab.images.shrinking import plan, shrink

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
    height, width = pixels.shape
    ratio = max(width, height) / LONGEST_SIDE
    size = max(int(width // ratio), 1), max(int(height // ratio), 1)
    if ratio <= 1:
        found = _measure(pixels)
    elif image.mode == "RGBA":
        found = _measure(_shrunk_by_opacity(image, size))
    else:
        found = _measure_shrunk(pixels, *plan(pixels.shape, *size))
    n, total, squares, square_counts = found
    return math.sqrt((squares - total**2 / n) / n), math.sqrt(square_counts / 256 - (n / 256) ** 2)


def _shrunk_by_opacity(image: Any, size: tuple[int, int]) -> npt.NDArray[np.uint32]:
    """Return the pixels of a small copy of an image with opacity, which weighs colours where they are mixed."""
    weighed = pixels_of(image.convert("RGBa"))
    small = shrink(weighed, *plan(weighed.shape, *size))
    return pixels_of(pillow().frombuffer("RGBa", size, small, "raw", "RGBa", 0, 1).convert("RGBA"))


@kernel
def _measure_shrunk(pixels, columns, rows, rows_first):
    """Return what `_measure` does, of a small copy."""
    return _measure(shrink(pixels, columns, rows, rows_first))


@kernel
def _measure(pixels):
    """Return the number of pixels, sum and sum of squares of the image of edges, and the sum of squared counts."""
    grey = np.empty(pixels.shape, np.uint8)
    _mix_colours(pixels.ravel(), 1 if pixels.itemsize > 1 else 0x010101, grey.ravel())
    total, squares = _sum_edges(grey)
    return grey.size, total, squares, _sum_square_counts(grey)


@kernel
def _mix_colours(pixels, parts, grey):
    """Write the grey that pixels times parts look like: a shade of grey is a colour of three equal parts."""
    for i in range(pixels.size):
        colour = np.uint32(pixels[i]) * parts
        red, green, blue = colour & 255, (colour >> 8) & 255, (colour >> 16) & 255
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
