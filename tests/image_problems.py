"""Images made to order, and what the checks of images look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from fastcl.datalab.checks.blurry import blurry
from fastcl.datalab.checks.dark import dark
from fastcl.datalab.checks.grayscale import grayscale
from fastcl.datalab.checks.light import light
from fastcl.datalab.checks.low_information import low_information
from fastcl.datalab.checks.odd_aspect_ratio import odd_aspect_ratio
from fastcl.datalab.checks.odd_size import odd_size
from fastcl.datalab.data.labels import class_labels
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.graphs import Graphs

CHECKS = (dark, light, low_information, odd_aspect_ratio, odd_size, grayscale, blurry)

#: Entropies and percentiles are sums and roots in another order than the twin's.
CLOSE = 1e-12


def textured(height: int, width: int, channels: int = 3, seed: int = 0, noise: float = 20) -> np.ndarray:
    """An image with shades, edges and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(1, height // 20), max(1, width // 20), channels))
    blocks = np.kron(coarse, np.ones((20, 20, 1)))
    pixels = np.resize(blocks, (height, width, channels)) + rng.normal(0, noise, (height, width, channels))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def picture(mode: str, height: int = 97, width: int = 130, seed: int = 0) -> Any:
    if mode == "L":
        return Image.fromarray(textured(height, width, 1, seed)[:, :, 0])
    return Image.fromarray(textured(height, width, len(mode), seed))


def evidence_of(images: Any, labels: Any = None, n_jobs: int | None = 2) -> Evidence:
    given = None if labels is None else class_labels(labels)
    return Evidence(
        task="classification",
        n_rows=len(images),
        table=None,
        labels=given,
        given_pred_probs=None,
        features=None,
        graphs=Graphs(len(images)),
        images=images,
        n_jobs=n_jobs,
    )
