"""How bright are the pixels of a colour image? Brightness by rank, by counting.

Brightness is sqrt(.241 R² + .691 G² + .068 B²) / 255. The thousandfold of what is under the root is an integer, so
ranks are found among integers: high bits of all pixels are counted first, low bits of those that share what was found
second.
"""

from __future__ import annotations

import math

import numpy as np

from fastcl.core.jit import kernel

#: Low bits of the integer, which is at most 65,025,000.
LOW_BITS = 13

#: What high bits can be, and what low bits can be.
N_PLACES = 1 << LOW_BITS

#: Without these bits the integer is a code of 16 bits: to look for a few of them among many costs next to nothing.
CODE_BITS = 10

#: Codes of the same high bits.
CODES = 1 << (LOW_BITS - CODE_BITS)

#: Pixels that are passed over at a time if none of them is looked for.
STRETCH = 128

#: Places that are passed over at a time if they count fewer than are looked for.
PLACES = 64


@kernel
def count_high_bits(pixels, codes, counts):
    """Count the high bits of pixels, and write their codes."""
    for i in range(pixels.size):
        codes[i] = _square_brightness(pixels[i]) >> np.uint32(CODE_BITS)
    for i in range(pixels.size):
        counts[codes[i] // np.uint16(CODES)] += 1


@kernel
def brightness_of_ranks(pixels, codes, high_counts, ranks):
    """Return the brightness of ascending ranks among pixels, by what `count_high_bits` has made of them.

    Low bits are counted once for ranks whose high bits are the same.
    """
    low_counts = np.empty(N_PLACES, np.int32)
    brightness = np.empty(ranks.size)
    counted, high, n_below = -1, 0, 0
    for i in range(ranks.size):
        high, n_below = place_of_rank(high_counts, ranks[i], high, n_below)
        if high != counted:
            counted, low, n_lower = high, 0, 0
            low_counts[:] = 0
            _count_low_bits(pixels, codes, np.uint16(high * CODES), low_counts)
        low, n_lower = place_of_rank(low_counts, ranks[i] - n_below, low, n_lower)
        brightness[i] = math.sqrt(((high << LOW_BITS) + low) / 1000) / 255
    return brightness


@kernel
def place_of_rank(counts, rank, place, n_below):
    """Return which place counts the one of a rank, and how many are before it.

    The search begins at a place before which there are `n_below`: where one of a lower rank was found.
    """
    if n_below > rank:
        place, n_below = 0, 0
    while place + PLACES <= counts.size:
        n_here = counts[place : place + PLACES].sum()
        if n_below + n_here > rank:
            break
        n_below += n_here
        place += PLACES
    while n_below + counts[place] <= rank:
        n_below += counts[place]
        place += 1
    return place, n_below


@kernel
def _count_low_bits(pixels, codes, first, counts):
    """Count low bits of the pixels of CODES codes from `first` on; most others are passed over in vectors."""
    for start in range(0, codes.size, STRETCH):
        stretch = codes[start : start + STRETCH]
        if _least_distance(stretch, first) < CODES:
            for i in range(stretch.size):
                if np.uint16(stretch[i] - first) < CODES:
                    counts[_square_brightness(pixels[start + i]) & (N_PLACES - 1)] += 1


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
