"""Random number generators: one seed, one independent stream per purpose."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator that depends only on `seed` and `purpose`, so that draws for one purpose do not affect others."""
    words = [zlib.crc32(str(part).encode()) for part in purpose]
    return np.random.default_rng([seed, *words])
