"""Random numbers: one seed, a separate stream for each named purpose."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator that depends on `seed` and `purpose` alone, so that adding one draw moves no other."""
    words = [zlib.crc32(str(part).encode()) for part in purpose]
    return np.random.default_rng([seed, *words])
