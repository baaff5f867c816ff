"""What image checks are made of: images opened from whatever holds them, decoded once, and measured."""

from __future__ import annotations

from fastcl.datalab.images.properties import ImageProperties, measure_images

__all__ = ["ImageProperties", "measure_images"]
