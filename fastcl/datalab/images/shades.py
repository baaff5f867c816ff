"""What shades do the pixels of an image have? Percentiles of brightness and the entropy of shades, in one pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.datalab.images.brightness import N_PLACES, brightness_of_ranks, count_high_bits, place_of_rank

#: Pixels at a time: they and what is made of them stay in the nearest cache until all is counted.
CHUNK = 4096


def measure_shades(pixels: npt.NDArray[Any], n_channels: int, percents: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return percentiles of the brightness of pixels, and the entropy of their shades.

    Parameters
    ----------
    pixels : array
        uint8 for a grey image, uint32 for colours: red, green, blue, and opacity or a byte that does not matter.
    n_channels : {1, 3, 4}
        1 for grey, 4 with opacity.
    percents : float64 array
        In [0, 100], ascending.

    Returns
    -------
    percentiles : floats in [0, 1]
        One for each percentage, between the brightness of two pixels by linear interpolation. Brightness is
        sqrt(.241 R² + .691 G² + .068 B²) / 255 for colours and the grey value / 255 without.
    entropy : float
        Of the shades of all channels, opacity included, in bits: 0 for a grey image of one shade, at most 8 for grey,
        log2(3 * 256) = 9.6 for colours and 10 with opacity.

    Examples
    --------
    >>> measure_shades(np.array([0, 51, 255], np.uint8), 1, np.array([50.0, 75.0]))
    (0.2, 0.6, 1.5849625007211559)
    """
    if n_channels == 1:
        percentiles, entropy = _measure_grey(pixels.ravel(), percents)
    else:
        percentiles, entropy = _measure_colours(pixels.ravel(), n_channels, percents)
    return *percentiles.tolist(), entropy


@kernel
def _measure_grey(pixels, percents):
    """Return percentiles of the brightness of grey pixels, and the entropy of their shades."""
    counts = np.zeros(256, np.int32)
    for i in range(pixels.size):
        counts[pixels[i]] += 1
    places = percents / 100 * (pixels.size - 1)
    ranks = _ranks_around(places, pixels.size)
    brightness = np.empty(ranks.size)
    shade, n_below = 0, 0
    for i in range(ranks.size):
        shade, n_below = place_of_rank(counts, ranks[i], shade, n_below)
        brightness[i] = shade / 255
    return _between_ranks(brightness, places), _entropy(counts)


@kernel
def _measure_colours(pixels, n_channels, percents):
    """Return percentiles of the brightness of colours, and the entropy of the shades of all channels."""
    counts, high_counts = np.zeros((n_channels, 256), np.int32), np.zeros(N_PLACES, np.int32)
    codes = np.empty(pixels.size, np.uint16)
    for start in range(0, pixels.size, CHUNK):
        chunk = pixels[start : start + CHUNK]
        _count_shades(chunk, counts)
        count_high_bits(chunk, codes[start : start + CHUNK], high_counts)
    places = percents / 100 * (pixels.size - 1)
    brightness = brightness_of_ranks(pixels, codes, high_counts, _ranks_around(places, pixels.size))
    return _between_ranks(brightness, places), _entropy(counts.ravel())


@kernel
def _ranks_around(places, n):
    """Return the ranks before and after each place in the order of n pixels, one pair after the other."""
    ranks = np.empty(2 * places.size, np.int64)
    for i in range(places.size):
        ranks[2 * i] = int(places[i])
        ranks[2 * i + 1] = min(ranks[2 * i] + 1, n - 1)
    return ranks


@kernel
def _between_ranks(brightness, places):
    """Interpolate the brightness of each pair of ranks, from the nearer end."""
    found = np.empty(places.size)
    for i in range(places.size):
        low, high = brightness[2 * i], brightness[2 * i + 1]
        share = places[i] % 1
        found[i] = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
    return found


@kernel
def _count_shades(pixels, counts):
    """Count shades of red, green and blue, and opacity where a fourth row is for it."""
    for i in range(pixels.size):
        counts[0, pixels[i] & 255] += 1
        counts[1, (pixels[i] >> 8) & 255] += 1
        counts[2, (pixels[i] >> 16) & 255] += 1
    if len(counts) == 4:
        for i in range(pixels.size):
            counts[3, pixels[i] >> 24] += 1


@kernel
def _entropy(counts):
    """Return the entropy of counts in bits."""
    total = counts.sum()
    entropy = 0.0
    for count in counts:
        if count > 0:
            entropy += count / total * math.log2(total / count)
    return entropy
