"""How bright are the pixels of an image? Percentiles of brightness, by counting.

Brightness is sqrt(.241 R² + .691 G² + .068 B²) / 255 for colours and the grey value / 255 without. The thousandfold of
what is under the root is an integer, so ranks are found among integers and only those found are turned into brightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel

#: Bits of an integer that the first look leaves to the second: 65,025,000 >> 13 is below 8,192 too.
LOW_BITS = 13

#: Pixels at a time, so that what is made of them stays in the nearest cache.
CHUNK = 4096


def brightness_percentiles(pixels: npt.NDArray[Any], percents: tuple[float, ...]) -> tuple[float, ...]:
    """Return percentiles of the brightness of an image, between two pixels by linear interpolation.

    Parameters
    ----------
    pixels : array
        uint8 for a grey image; uint32 for colours: red, green, blue and a byte that does not matter.
    percents : floats in [0, 100]

    Returns
    -------
    floats in [0, 1], one for each percentage

    Examples
    --------
    >>> brightness_percentiles(np.array([0, 51, 255], np.uint8), (50, 75))
    (0.2, 0.6)
    """
    places = [percent / 100 * (pixels.size - 1) for percent in percents]
    ranks = [min(int(place) + after, pixels.size - 1) for place in places for after in (0, 1)]
    values = _brightness_of_ranks(pixels.ravel(), np.array(ranks)).tolist()
    return tuple(map(_between, values[::2], values[1::2], (place % 1 for place in places)))


def _between(low: float, high: float, share: float) -> float:
    """Interpolate, from the nearer end."""
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def _brightness_of_ranks(pixels: npt.NDArray[Any], ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    if pixels.dtype == np.uint8:
        return np.searchsorted(np.cumsum(np.bincount(pixels, minlength=256)), ranks, side="right") / 255
    counts = np.zeros((1 + ranks.size, 1 << LOW_BITS), np.int32)
    found = np.empty(ranks.size, np.int64)
    _select(pixels, ranks, np.empty(CHUNK, np.uint32), counts[0], counts[1:], found)
    return np.sqrt(found / 1000) / 255


@kernel
def _select(pixels, ranks, keys, high_counts, low_counts, found):
    """Write the thousandfold squared brightness of rank ranks[i] into found[i]; ranks are overwritten.

    High bits are found by counting those of all pixels, then low bits by counting those of the pixels that share them.
    Counts of high bits that were found give way to -1 - i, where low_counts[i] counts low bits.
    """
    for start in range(0, pixels.size, CHUNK):
        for i in range(_square_brightness(pixels[start : start + CHUNK], keys)):
            high_counts[keys[i] >> LOW_BITS] += 1
    for i in range(ranks.size):
        found[i], n_below = _place(high_counts, ranks[i])
        ranks[i] -= n_below
    for i in range(ranks.size):
        high_counts[found[i]] = -1 - i
    for start in range(0, pixels.size, CHUNK):
        for i in range(_square_brightness(pixels[start : start + CHUNK], keys)):
            place = high_counts[keys[i] >> LOW_BITS]
            if place < 0:
                low_counts[-1 - place, keys[i] & ((1 << LOW_BITS) - 1)] += 1
    for i in range(ranks.size):
        low, _ = _place(low_counts[-1 - high_counts[found[i]]], ranks[i])
        found[i] = (found[i] << LOW_BITS) + low


@kernel
def _square_brightness(pixels, keys):
    """Write 241 R² + 691 G² + 68 B² into keys, and return how many pixels there are."""
    for i in range(pixels.size):
        red, green, blue = pixels[i] & 255, (pixels[i] >> 8) & 255, (pixels[i] >> 16) & 255
        keys[i] = 241 * red * red + 691 * green * green + 68 * blue * blue
    return pixels.size


@kernel
def _place(counts, rank):
    """Return which place counts the one of a rank, and how many are before that place."""
    place, n_below = 0, 0
    while n_below + counts[place] <= rank:
        n_below += counts[place]
        place += 1
    return place, n_below
