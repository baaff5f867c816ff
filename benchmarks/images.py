"""What the checks of images take: a job of `benchmarks.datalab`, measured against decoding alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.suite import compare
from fastcl.datalab.images import measure_images
from fastcl.engine.threads import available_cpus, for_each

#: Pixels of a file, across and down.
SIZE = (500, 375)

#: Standard deviation of the noise that makes files as large as photographs of this size are, about 110 kB.
NOISE = 20


def image_checks(n_rows: int) -> dict[str, Any]:
    """Measure what all image checks look at; no other library but Pillow, decoding and nothing else, is the floor."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(Path(folder), n_rows)
        row = compare(lambda: measure_images(paths), lambda: decode(paths), lambda ours, decoded: None, turns=7)
    decoding = row.pop("peer")
    ratio = row["ours"] / decoding
    note = f"{ratio:.2f} times as long as decoding alone, {decoding:.2f} s"
    return row | {"decoding": decoding, "ratio_of_decoding": ratio, "note": note}


def write_images(folder: Path, n_images: int, size: tuple[int, int] = SIZE, suffix: str = "jpg") -> list[str]:
    """Write files: coarse colours that fade into each other, and noise."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n_images):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize(size)) + rng.normal(0, NOISE, (size[1], size[0], 1))
        paths.append(str(folder / f"{i}.{suffix}"))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def decode(paths: list[str]) -> None:
    """Decode files with all threads and do nothing with them."""

    def decode_rows(rows: range) -> None:
        for row in rows:
            with Image.open(paths[row]) as image:
                image.load()

    pieces = [range(start, min(start + 16, len(paths))) for start in range(0, len(paths), 16)]
    for_each(pieces, decode_rows, available_cpus())
