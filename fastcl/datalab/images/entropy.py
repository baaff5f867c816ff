"""How much does an image show? The entropy of its shades."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel


def entropy(image: Any, pixels: npt.NDArray[Any]) -> float:
    """Return the entropy of the shades of all channels, opacity included.

    Parameters
    ----------
    image : PIL.Image.Image
        Of mode "L", "RGB" or "RGBA".
    pixels : array
        Its pixels, uint8 for grey, uint32 for colours.

    Returns
    -------
    float
        In bits: 0 for a grey image of one shade, at most 8 for grey and log2(3 * 256) = 9.6 for colours.
    """
    if image.mode != "RGB":
        return _entropy(np.array(image.histogram()))
    counts = np.zeros(3 * 256, np.int64)
    _count_colours(pixels.ravel(), counts)
    return _entropy(counts)


@kernel
def _entropy(counts):
    """Return the entropy of counts in bits."""
    total = counts.sum()
    entropy = 0.0
    for count in counts:
        if count > 0:
            entropy += count / total * math.log2(total / count)
    return entropy


@kernel
def _count_colours(pixels, counts):
    """Count shades of red, of green and of blue, one after the other."""
    for i in range(pixels.size):
        counts[pixels[i] & 255] += 1
        counts[256 + ((pixels[i] >> 8) & 255)] += 1
        counts[512 + ((pixels[i] >> 16) & 255)] += 1
