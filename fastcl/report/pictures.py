"""Small grey pictures in the terminal, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float64]

#: From paper to ink, for terminals that know these characters, and for those that know only ASCII.
BLOCKS = " ░▒▓█"
LETTERS = " .:*#"

#: The 24 greys of terminals with 256 colours, from black.
FIRST_GREY, N_GREYS = 232, 24

#: Columns between two pictures.
GAP = 3


class Picture(NamedTuple):
    """An image, shares of ink in [0, 1], and the lines below it."""

    image: Image
    caption: Sequence[str]


def gallery(pictures: Sequence[Picture], style: str, width: int) -> str:
    """Return pictures side by side, as many in a row as fit into `width` columns.

    Parameters
    ----------
    pictures : sequence of Picture, images all of one shape (height, width)
    style : {"colour", "blocks", "letters"}
        Dark ink on light paper, smoothed; or each pixel as two characters.
    width : int
        Columns of the terminal.

    Examples
    --------
    >>> print(gallery([Picture(np.eye(2), ["one"]), Picture(1 - np.eye(2), ["two"])], "letters", 80))
    ##       ##
      ##   ##
    one    two
    """
    if not pictures:
        return ""
    columns = 2 * pictures[0].image.shape[1]
    per_row = max(1, (width + GAP) // (columns + GAP))
    rows = [pictures[i : i + per_row] for i in range(0, len(pictures), per_row)]
    return "\n\n".join(_side_by_side(row, style, columns) for row in rows)


def draw(image: Image, style: str) -> list[str]:
    """Return the lines of one image, two characters a pixel.

    Examples
    --------
    >>> draw(np.array([[0.0, 0.5, 1.0]]), "letters")
    ['  ::##']
    """
    if style == "colour":
        return _draw_in_colour(image)
    shades = BLOCKS if style == "blocks" else LETTERS
    levels = np.rint(np.clip(image, 0, 1) * (len(shades) - 1)).astype(int)
    return ["".join(2 * shades[level] for level in line) for line in levels]


def enlarge(image: Image, factor: int) -> Image:
    """Return an image with `factor` times as many pixels each way, smoothly interpolated.

    Examples
    --------
    >>> enlarge(np.array([[0.0, 1.0]]), 2)
    array([[0.  , 0.25, 0.75, 1.  ],
           [0.  , 0.25, 0.75, 1.  ]])
    """
    for _ in range(2):  # the lines, then the columns as lines
        size = image.shape[1]
        places = (np.arange(size * factor) + 0.5) / factor - 0.5
        image = np.array([np.interp(places, np.arange(size), line) for line in image]).T
    return image


def _draw_in_colour(image: Image) -> list[str]:
    """Draw with upper half blocks, each of which shows two pixels: one in its own colour, one in that behind it."""
    levels = FIRST_GREY + np.rint((1 - np.clip(enlarge(image, 2), 0, 1)) * (N_GREYS - 1)).astype(int)
    return [
        "".join(f"\x1b[38;5;{top};48;5;{bottom}m▀" for top, bottom in zip(upper, lower, strict=True)) + "\x1b[0m"
        for upper, lower in zip(levels[::2], levels[1::2], strict=True)
    ]


def _side_by_side(row: Sequence[Picture], style: str, columns: int) -> str:
    gap = " " * GAP
    drawn = [draw(picture.image, style) for picture in row]
    lines = [gap.join(parts).rstrip() for parts in zip(*drawn, strict=True)]
    captions = [[line[:columns].ljust(columns) for line in picture.caption] for picture in row]
    return "\n".join(lines + [gap.join(parts).rstrip() for parts in zip(*captions, strict=True)])
