"""Candidates for similar users by weighted MinHash (Ioffe, ICDM'10) in an LSH forest, both of the datasketch library.

The probability that two profiles get the same hash is their weighted Jaccard similarity, not their cosine.
"""

from __future__ import annotations

import numpy as np
from datasketch import MinHashLSHForest, WeightedMinHash, WeightedMinHashGenerator

from etsyml_cli.core.log import progress
from etsyml_cli.core.types import F32
from etsyml_cli.personalization.similar_profiles.lists import Group, Lists, Users, compare, no_lists

SAMPLES, TREES = 128, 16
CANDIDATES = 20  # for each place of a list
USERS_AT_ONCE = 256


def minhash_lists(theta: F32, unit: F32, queries: Users, k: int, seed: int) -> Lists:
    """The lists of `queries`, (B,), among the forest's candidates. theta: profiles, (U, K); unit: scaled."""
    hashes = _hashes(theta, seed)
    forest = MinHashLSHForest(SAMPLES, TREES)
    for user, hashed in enumerate(hashes):
        forest.add(user, hashed)
    forest.index()
    lists = no_lists(len(queries), k)
    groups = (
        Group(np.array([slot]), np.array(forest.query(hashes[user], CANDIDATES * k), np.int32))
        for slot, user in enumerate(queries)
    )
    compare(unit, queries, groups, lists)
    return lists


def _hashes(theta: F32, seed: int) -> list[WeightedMinHash]:
    hashes: list[WeightedMinHash] = []
    generator = WeightedMinHashGenerator(theta.shape[1], SAMPLES, seed)
    with progress("weighted MinHash of users", len(theta)) as advance:
        for start in range(0, len(theta), USERS_AT_ONCE):
            block = theta[start : start + USERS_AT_ONCE]
            hashes += generator.minhash_many(block)
            advance(len(block))
    return hashes
