"""Properties of images: each image is decoded once, and all that the checks look at is measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.datalab.images.opening import opened, pillow, plain
from fastcl.datalab.images.pixels import pixels_of
from fastcl.datalab.images.shades import measure_shades
from fastcl.datalab.images.sharpness import sharpness
from fastcl.engine.progress import Progress
from fastcl.engine.threads import for_each, resolve_n_jobs

#: Images that a thread takes at a time.
AT_ONCE = 16

#: Percentiles of brightness that are measured.
PERCENTS = np.array([5.0, 99.0])

#: What `_measure` returns, in this order.
MEASURES = (
    "width",
    "height",
    "brightness_perc_5",
    "brightness_perc_99",
    "entropy",
    "blurriness",
    "blurriness_grayscale_std",
)


@dataclass(frozen=True, eq=False)
class ImageProperties:
    """What was measured of every image; NaN for images that are missing or cannot be read.

    Attributes
    ----------
    values : float64 of shape (n_images, 7)
        The measures in the order of `MEASURES`; see `of`.
    color_space : array of str, shape (n_images,)
        Pillow's mode of each image as it was opened ("RGB", "L", "P", ...); "" for images that are missing or cannot
        be read.
    unreadable : mapping of int to str
        Images that cannot be read, by row, and why.
    """

    values: npt.NDArray[np.float64]
    color_space: npt.NDArray[np.str_]
    unreadable: Mapping[int, str]

    def of(self, name: str) -> npt.NDArray[np.float64]:
        """Return one measure of all images.

        "width" and "height" in pixels; "brightness_perc_5" and "brightness_perc_99", percentiles of the brightness of
        pixels in [0, 1]; "entropy" of the histogram of its channels in bits; "blurriness" and
        "blurriness_grayscale_std", see `sharpness`.
        """
        return self.values[:, MEASURES.index(name)]

    @property
    def is_judged(self) -> npt.NDArray[np.bool_]:
        """Which images could be measured."""
        return ~np.isnan(self.values[:, 0])

    @property
    def aspect_ratio(self) -> npt.NDArray[np.float64]:
        """The shorter side over the longer."""
        width, height = self.of("width"), self.of("height")
        return np.minimum(width / height, height / width)

    @property
    def size(self) -> npt.NDArray[np.float64]:
        """The side of a square of as many pixels."""
        return np.sqrt(self.of("width")) * np.sqrt(self.of("height"))


def measure_images(images: Sequence[Any], *, n_jobs: int | None = None, verbose: bool = False) -> ImageProperties:
    """Measure what the image checks look at.

    Parameters
    ----------
    images : sequence of shape (n_images,)
        Images of Pillow, paths, bytes of files, the pairs ``{"bytes": ..., "path": ...}`` of Hugging Face, or arrays of
        shape (height, width) or (height, width, 1, 3 or 4) with integers in 0 ... 255 or other numbers in [0, 1]. None
        is a missing image. Several threads read elements.
    n_jobs : int, optional
        Number of threads; by default one for each available CPU. Answers do not depend on it.
    verbose : bool, default=False
        Show progress on a terminal.

    Returns
    -------
    ImageProperties

    Raises
    ------
    ImportError
        If Pillow is not installed.

    Notes
    -----
    One pass; each thread holds one decoded image, what is made of it (at most 16 bytes a pixel in all), and its file if
    that is not above 64 MiB. Of files that hold several images, the first is measured. Images that their owner has
    opened and not yet read stay unread.

    Examples
    --------
    >>> import numpy as np
    >>> properties = measure_images([np.zeros((20, 30), np.uint8), None])
    >>> properties.of("width")
    array([30., nan])
    """
    pillow()
    values = np.full((len(images), len(MEASURES)), np.nan)
    modes = np.full(len(images), "", object)
    unreadable: dict[int, str] = {}

    def measure_row(row: int) -> None:
        try:
            read = _read(images[row])
        except Exception as error:  # whatever a broken file makes of a decoder
            unreadable[row] = _reason(error)
            return
        if read is not None:
            modes[row], values[row] = read[0], _measure(read[1])

    def measure_rows(rows: range) -> None:
        for row in rows:
            measure_row(row)  # a call of its own: what it holds is freed before the next image is decoded

    pieces = [range(start, min(start + AT_ONCE, len(images))) for start in range(0, len(images), AT_ONCE)]
    with Progress("images", len(images), wanted=verbose, unit="images") as progress:
        for_each(progress.over(pieces), measure_rows, resolve_n_jobs(n_jobs))
    return ImageProperties(values, modes.astype(np.str_), dict(sorted(unreadable.items())))


def _read(value: Any) -> tuple[str, Any] | None:
    """Return the mode of an image, and the image with its pixels read; None if it is missing."""
    with opened(value) as image:
        return None if image is None else (image.mode, plain(image))


def _reason(error: Exception) -> str:
    """Return what is wrong, without the address of the bytes that Pillow read from."""
    return re.sub(r" <_io\.BytesIO object at \w+>", "", f"{type(error).__name__}: {error}")


def _measure(image: Any) -> tuple[float, ...]:
    """Measure an image of mode "L", "RGB" or "RGBA"."""
    pixels = pixels_of(image)
    return *image.size, *measure_shades(pixels, len(image.mode), PERCENTS), *sharpness(image, pixels)
