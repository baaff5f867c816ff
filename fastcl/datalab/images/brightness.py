"""How bright are the pixels of an image? Percentiles of brightness, by counting.

Brightness is sqrt(.241 R² + .691 G² + .068 B²) / 255 for colours and the grey value / 255 without. The thousandfold of
what is under the root is an integer, so ranks are found among integers and only those found are turned into brightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel

#: The integer, at most 65,025,000, without its last bits: what is left is counted first, those taken off second.
LOW_BITS = 13

#: Without these bits it is a code of 16 bits, kept of every pixel: to look for a few of them costs next to nothing.
CODE_BITS = 10

#: Codes that differ in what LOW_BITS takes off and CODE_BITS does not.
CODES = 1 << (LOW_BITS - CODE_BITS)

#: Pixels at a time, so that their codes are counted while they are in the nearest cache.
CHUNK = 4096

#: Pixels that are passed over at a time if none of them is looked for.
STRETCH = 128


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
    _select(pixels, ranks, np.empty(pixels.size, np.uint16), counts[0], counts[1:], found)
    return np.sqrt(found / 1000) / 255


@kernel
def _select(pixels, ranks, codes, high_counts, low_counts, found):
    """Write the thousandfold squared brightness of rank ranks[i] into found[i]; ranks are overwritten.

    High bits are found by counting those of all pixels, then low bits by counting those of the pixels that share them.
    Counts of high bits that were found give way to -1 - i, where low_counts[i] counts low bits.
    """
    for start in range(0, pixels.size, CHUNK):
        _count_high_bits(pixels[start : start + CHUNK], codes[start : start + CHUNK], high_counts)
    for i in range(ranks.size):
        found[i], n_below = _place(high_counts, ranks[i])
        ranks[i] -= n_below
    for i in range(ranks.size):
        high_counts[found[i]] = -1 - i
    for i in range(ranks.size):
        if high_counts[found[i]] == -1 - i:
            _count_low_bits(pixels, codes, np.uint16(found[i] * CODES), low_counts[i])
    for i in range(ranks.size):
        low, _ = _place(low_counts[-1 - high_counts[found[i]]], ranks[i])
        found[i] = (found[i] << LOW_BITS) + low


@kernel
def _count_high_bits(pixels, codes, counts):
    """Write codes of pixels into codes, and count their high bits."""
    for i in range(pixels.size):
        codes[i] = _square_brightness(pixels[i]) >> np.uint32(CODE_BITS)
    for i in range(codes.size):
        counts[codes[i] // np.uint16(CODES)] += 1


@kernel
def _count_low_bits(pixels, codes, first, counts):
    """Count low bits of the pixels of CODES codes from `first` on; most others are passed over in vectors."""
    for start in range(0, codes.size, STRETCH):
        stretch = codes[start : start + STRETCH]
        if _least_distance(stretch, first) < CODES:
            for i in range(stretch.size):
                if np.uint16(stretch[i] - first) < CODES:
                    counts[_square_brightness(pixels[start + i]) & ((1 << LOW_BITS) - 1)] += 1


@kernel
def _least_distance(codes, first):
    """Return how far the nearest code that is not below `first` is from it; those below count as far above."""
    least = np.uint16(0xFFFF)
    for i in range(codes.size):
        distance = np.uint16(codes[i] - first)
        least = distance if distance < least else least
    return least


@kernel
def _square_brightness(pixel):
    """Return 241 R² + 691 G² + 68 B²."""
    red, green, blue = pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255
    return np.uint32(241 * red * red + 691 * green * green + 68 * blue * blue)


@kernel
def _place(counts, rank):
    """Return which place counts the one of a rank, and how many are before that place."""
    place, n_below = 0, 0
    while n_below + counts[place] <= rank:
        n_below += counts[place]
        place += 1
    return place, n_below
