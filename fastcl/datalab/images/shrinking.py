"""Small copies of images, the same to the bit as Pillow's bicubic ones, several times faster.

Pillow resizes rows, then columns, in integers: weights are rounded to 22 bits, and what comes out of each pass to 8.
Here rows are mixed whole, those of the image or of a transposed part of it, so that a weight is one for a whole row of
memory and the processor's vectors are full.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fastcl.core.jit import kernel
from fastcl.datalab.images.opening import pillow_version

#: Bits of a weight after the point: 32, less those of a pixel, less two for sums beyond 1.
BITS = 22

#: Rows of an image that are transposed at a time.
AT_ONCE = 96


#: Which rows each new row is made of (first, count), and their weights in units of 2**-BITS.
Mixture = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


def plan(shape: tuple[int, ...], width: int, height: int) -> tuple[Mixture, Mixture, bool]:
    """Return how `shrink` brings an image to another size.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    width, height : int
        The new size.

    Returns
    -------
    columns, rows : Mixture
        What new columns are mixed of, and new rows.
    rows_first : bool
        Whether rows are mixed before columns.

    Examples
    --------
    >>> shrink(np.full((100, 80), 7, np.uint8), *plan((100, 80), 3, 2))
    array([[7, 7, 7],
           [7, 7, 7]], dtype=uint8)
    """
    return _mixture(shape[1], width), _mixture(shape[0], height), _resizes_rows_first(shape, width, height)


def _resizes_rows_first(shape: tuple[int, ...], width: int, height: int) -> bool:
    """Tell whether the number of rows changes first, as since Pillow 13 if more than twice as many rows go as columns.

    Before it was the columns; Pillow 12.2 and 12.3 leave that where an image is a hundred times taller than wide.
    """
    removed_rows, removed_columns = shape[0] - height, shape[1] - width
    return pillow_version() >= 13 and removed_rows > max(2 * removed_columns, 0)


@lru_cache(maxsize=64)
def _mixture(n_in: int, n_out: int) -> Mixture:
    """Return how `n_out` rows are mixed of `n_in`; images of a data set are often of few sizes."""
    scale = max(n_in / n_out, 1.0)
    weights = np.zeros((n_out, int(np.ceil(2 * scale)) * 2 + 1), np.int32)
    first, count = np.empty((2, n_out), np.int64)
    _weigh(n_in, first, count, weights)
    return first, count, weights


@kernel
def _bicubic(x):
    """Return the bicubic kernel of a = -1/2 at a distance of x pixels."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    if x < 2:
        return (((x - 5) * x + 8) * x - 4) * -0.5
    return 0.0


@kernel
def _weigh(n_in, first, count, weights):
    """Fill in which rows each new row is made of (first, count), and their weights in units of 2**-BITS."""
    scale = n_in / first.size
    stretch = max(scale, 1.0)
    for i in range(first.size):
        centre = (i + 0.5) * scale
        low = max(int(centre - 2 * stretch + 0.5), 0)
        high = min(int(centre + 2 * stretch + 0.5), n_in)
        total = 0.0
        for j in range(low, high):
            total += _bicubic((j - centre + 0.5) * (1 / stretch))
        for j in range(low, high):
            weight = _bicubic((j - centre + 0.5) * (1 / stretch)) / total * (1 << BITS)
            weights[i, j - low] = int(weight + 0.5) if weight >= 0 else int(weight - 0.5)
        first[i], count[i] = low, high - low


@kernel
def shrink(pixels, columns, rows, rows_first):
    """Return an image of another size, see `plan`; colours of uint32 have their four bytes resized each for itself."""
    if rows_first:
        return _with_columns(_with_rows(pixels, rows), columns)
    return _with_rows(_with_columns(pixels, columns), rows)


@kernel
def _with_rows(pixels, mixture):
    """Return an image with another number of rows."""
    first, count, weights = mixture
    out = np.empty((first.size, pixels.shape[1]), pixels.dtype)
    _mix_rows(pixels.view(np.uint8), first, count, weights, out.view(np.uint8))
    return out


@kernel
def _with_columns(pixels, mixture):
    """Return an image with another number of columns.

    A few rows of the image become columns of a copy, which is small enough to stay in cache while its rows are mixed.
    """
    first, count, weights = mixture
    out = np.empty((pixels.shape[0], first.size), pixels.dtype)
    for y in range(0, pixels.shape[0], AT_ONCE):
        part = pixels[y : y + AT_ONCE]
        turned = np.empty((pixels.shape[1], len(part)), pixels.dtype)
        mixed = np.empty((first.size, len(part)), pixels.dtype)
        _transpose(part, turned)
        _mix_rows(turned.view(np.uint8), first, count, weights, mixed.view(np.uint8))
        _transpose(mixed, out[y : y + AT_ONCE])
    return out


@kernel
def _transpose(rows, out):
    """Write rows into the columns of `out`, eight at a time: a line of cache is half filled before it leaves."""
    whole = len(rows) - len(rows) % 8
    for y in range(0, whole, 8):
        a, b, c, d = rows[y], rows[y + 1], rows[y + 2], rows[y + 3]
        e, f, g, h = rows[y + 4], rows[y + 5], rows[y + 6], rows[y + 7]
        for x in range(a.size):
            to = out[x]
            to[y], to[y + 1], to[y + 2], to[y + 3] = a[x], b[x], c[x], d[x]
            to[y + 4], to[y + 5], to[y + 6], to[y + 7] = e[x], f[x], g[x], h[x]
    for y in range(whole, len(rows)):
        out[:, y] = rows[y]


@kernel
def _mix_rows(rows, first, count, weights, out):
    """out[i] = sum of weights[i, t] * rows[first[i] + t] over t < count[i], rounded and clipped to 0 ... 255."""
    sums = np.empty(out.shape[1], np.int32)
    for i in range(first.size):
        sums[:] = 1 << (BITS - 1)
        whole = count[i] - count[i] % 4
        for t in range(0, whole, 4):  # four rows for one look at the sums
            _add_four(rows, first[i] + t, weights[i, t : t + 4], sums)
        for t in range(whole, count[i]):
            _add_one(rows[first[i] + t], weights[i, t], sums)
        for j in range(sums.size):
            out[i, j] = min(max(sums[j] >> BITS, 0), 255)


@kernel
def _add_four(rows, i, w, sums):
    """Add w[0] * rows[i] + ... + w[3] * rows[i + 3] to the sums, in 32 bits."""
    a, b, c, d = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
    for j in range(sums.size):
        sums[j] += np.int32(w[0] * a[j] + w[1] * b[j]) + np.int32(w[2] * c[j] + w[3] * d[j])


@kernel
def _add_one(row, weight, sums):
    """Add weight * row to the sums, in 32 bits."""
    for j in range(sums.size):
        sums[j] += np.int32(weight * row[j])
