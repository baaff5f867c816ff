"""What the checks of images take: jobs of `benchmarks.datalab`, measured against decoding alone."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.datasets
from PIL import Image

from benchmarks.suite import compare
from fastcl.datalab.images import measure_images
from fastcl.engine.threads import available_cpus, for_each

#: Pixels of a file, across and down.
SIZE = (500, 375)

#: Standard deviation of the noise that makes files as large as photographs of this size are, about 110 kB.
NOISE = 20

#: Where memory happens to lie makes decoding a tenth faster or slower for as long as a process lives.
PROCESSES = 5


def image_checks(n_rows: int) -> dict[str, Any]:
    """All image checks, of files of noise."""
    with tempfile.TemporaryDirectory() as folder:
        return beside_decoding(write_images(Path(folder), n_rows))


def photograph_checks(n_rows: int) -> dict[str, Any]:
    """All image checks, of the two photographs that scikit-learn brings along, again and again."""
    photographs = sorted((Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))
    return beside_decoding([str(path) for path in itertools.islice(itertools.cycle(photographs), n_rows)])


def beside_decoding(paths: list[str]) -> dict[str, Any]:
    """Measure in several processes, and return the one in the middle by how long it takes in terms of decoding."""
    command = [sys.executable, "-m", "benchmarks.images"]
    runs = [
        subprocess.run(command, input=json.dumps(paths), capture_output=True, text=True, check=True)
        for _ in range(PROCESSES)
    ]
    rows = sorted((json.loads(run.stdout) for run in runs), key=lambda row: row["ratio_of_decoding"])
    low, middle, high = (rows[i]["ratio_of_decoding"] for i in (0, PROCESSES // 2, -1))
    note = f"{middle:.2f} times as long as decoding alone ({low:.2f} to {high:.2f} in {PROCESSES} processes)"
    return rows[PROCESSES // 2] | {"note": note}


def in_this_process(paths: list[str]) -> dict[str, Any]:
    """Measure what all image checks look at; no other library but Pillow, decoding and nothing else, is the floor."""
    row = compare(lambda: measure_images(paths), lambda: decode(paths), lambda ours, decoded: None)
    decoding = row.pop("peer")
    return row | {"decoding": decoding, "ratio_of_decoding": row["ours"] / decoding}


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


if __name__ == "__main__":
    print(json.dumps(in_this_process(json.load(sys.stdin))))
