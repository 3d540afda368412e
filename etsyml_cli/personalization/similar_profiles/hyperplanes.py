"""Buckets of similar users of equal size: locality-sensitive hashing by random hyperplanes through medians.

A random hyperplane separates users by the side of their profiles, and seldom separates similar ones (Charikar,
STOC'02). Here it goes through the median of the bucket that it cuts, as in a random projection tree (Dasgupta, Freund,
STOC'08), so that each of a table's 2^bits buckets contains the same number of users even if many users share a style.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32, I64
from etsyml_cli.personalization.similar_profiles.lists import (
    COSINE_TOLERANCE,
    Group,
    Lists,
    Users,
    compare,
    exact_lists,
    no_lists,
)

SAMPLE = 500  # users whose exact lists are used to choose the tables
USERS_AT_ONCE = 2048
MAX_PAIRS_PER_USER = 10_000  # kept pairs per sampled user, as many users may be equal
SMALLEST_BUCKET = 64
PER_TABLE = 250  # measured: a user's place in a table costs as much as comparing with this many users


class Tables(NamedTuple):
    """Possibly no tables. orders: the users of each table, (U,), sorted by bucket; a table has 2^bits buckets."""

    orders: list[Users]
    bits: int


class _NearPairs(NamedTuple):
    """Pairs of a sampled user and a user as similar as the last of its exact list.

    sample: (S,) users; of: (P,), indices into the sample; users: (P,).
    """

    sample: Users
    of: I64
    users: I64


def choose_tables(unit: F32, k: int, target: float, seed: int) -> Tables:
    """The cheapest tables whose buckets contain at least `target` of the k most similar users of unit, (U, K).

    They are evaluated on SAMPLE users, by recall minus its standard error. A table is made with as many bits as the
    bucket size allows; removing the last bits joins neighboring buckets, so every table gives the recall for all
    numbers of bits. There are no tables if comparing all users is cheaper.
    """
    n = len(unit)
    most_bits = max(0, int(math.log2(n / max(SMALLEST_BUCKET, 2 * k))))
    near = _near_pairs(unit, k, seed)
    cost_of_table = n / 2.0 ** np.arange(most_bits + 1) + PER_TABLE
    same_bucket = np.zeros((most_bits + 1, len(near.of)), bool)
    orders: list[Users] = []
    cheapest, n_tables, n_bits = float(n), 0, 0
    while (len(orders) + 1) * cost_of_table[-1] < cheapest:
        orders.append(_sort_into_buckets(unit, most_bits, seed, len(orders)))
        bucket = _bucket_of_users(orders[-1], most_bits)
        differing_bits = bucket[near.sample][near.of] ^ bucket[near.users]
        for bits in range(1, most_bits + 1):
            same_bucket[bits] |= differing_bits >> (most_bits - bits) == 0
            cost = len(orders) * cost_of_table[bits]
            if cost < cheapest and _recall_lower_bound(same_bucket[bits], near, k) >= target:
                cheapest, n_tables, n_bits = cost, len(orders), bits
    return Tables(orders[:n_tables], n_bits)


def lists_of_buckets(unit: F32, queries: Users, k: int, tables: Tables) -> Lists:
    """The lists of `queries`, (B,), among the users in the same bucket of any table."""
    lists = no_lists(len(queries), k)
    slot = np.full(len(unit), -1)
    slot[queries] = np.arange(len(queries))
    for order in tables.orders:
        buckets = np.split(order, _edges(len(order), tables.bits)[1:-1])
        slots_by_bucket = (slots[slots >= 0] for slots in map(slot.__getitem__, buckets))
        groups = (Group(slots, bucket) for slots, bucket in zip(slots_by_bucket, buckets, strict=True) if len(slots))
        compare(unit, queries, groups, lists)
    return lists


def _near_pairs(unit: F32, k: int, seed: int) -> _NearPairs:
    n = len(unit)
    draw = generator(seed, "similar users", "judge")
    sample = draw.choice(n, min(SAMPLE, n), replace=False).astype(np.int32)
    last = exact_lists(unit, sample, k).cosines[:, -1]
    mine, of, users = unit[sample], [], []
    room = np.full(len(sample), MAX_PAIRS_PER_USER)
    for block in np.array_split(draw.permutation(n), math.ceil(n / USERS_AT_ONCE)):
        near = (
            (mine @ unit[block].T >= last[:, None] - COSINE_TOLERANCE)
            & (sample[:, None] != block)
            & (room > 0)[:, None]
        )
        place, user = np.nonzero(near)
        of.append(place)
        users.append(block[user])
        room -= near.sum(axis=1)
    return _NearPairs(sample, np.concatenate(of), np.concatenate(users))


def _sort_into_buckets(unit: F32, bits: int, seed: int, table: int) -> Users:
    """The users, (U,), sorted into 2^bits buckets, by halving each bucket at its median, `bits` times."""
    draw = generator(seed, "similar users", "hyperplanes", table)
    directions = draw.standard_normal((unit.shape[1], bits)).astype(np.float32)
    along = np.ascontiguousarray((unit @ directions).T)
    order = np.arange(len(unit), dtype=np.int32)
    for bit in range(bits):
        edges = _edges(len(unit), bit)
        for start, end in itertools.pairwise(edges):
            bucket = order[start:end]
            order[start:end] = bucket[np.argpartition(along[bit, bucket], (end - start) // 2)]
    return order


def _edges(n: int, bits: int) -> I64:
    edges = np.array([0, n])
    for _ in range(bits):
        edges = np.sort(np.concatenate([edges, (edges[:-1] + edges[1:]) // 2]))
    return edges


def _bucket_of_users(order: Users, bits: int) -> I64:
    bucket = np.empty(len(order), np.int64)
    bucket[order] = np.repeat(np.arange(2**bits), np.diff(_edges(len(order), bits)))
    return bucket


def _recall_lower_bound(same_bucket: np.ndarray, near: _NearPairs, k: int) -> float:
    """The sample's recall minus its standard error, if these pairs, (P,), share a bucket."""
    n_found = np.bincount(near.of[same_bucket], minlength=len(near.sample))
    recalls = np.minimum(n_found, k) / k
    return float(recalls.mean() - recalls.std() / math.sqrt(len(recalls)))
