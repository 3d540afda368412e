"""Buckets of similar users: locality-sensitive hashing by random hyperplanes, moved so that buckets are equal.

A random hyperplane tells users apart by the side that their profiles lie on, and seldom parts similar ones (Charikar,
STOC'02). Here it goes through the median of the bucket that it cuts, as in a random projection tree (Dasgupta, Freund,
STOC'08), so that each of a table's 2^bits buckets holds the same number of users however crowded a style is.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32, I64
from etsyml_cli.personalization.similar_profiles.lists import SAME, Group, Lists, Users, compare, exact_lists, no_lists

SAMPLE = 500  # users whose exact lists judge the tables
USERS_AT_ONCE = 2048
MOST_NEAR = 10_000  # that are remembered for one of a crowd of equal users
SMALLEST_BUCKET = 64
PER_TABLE = 250  # a user's place in a table costs as much as comparing with so many users: measured


class Tables(NamedTuple):
    """orders: of each table the users, (U,), one of its 2^bits buckets after the other. There may be none."""

    orders: list[Users]
    bits: int


class _Near(NamedTuple):
    """Pairs of a sampled user and one as similar as the last of its exact list.

    sample: (S,) users; of: (P,), places in the sample; users: (P,).
    """

    sample: Users
    of: I64
    users: I64


def choose_tables(unit: F32, k: int, target: float, seed: int) -> Tables:
    """The cheapest tables with buckets that hold at least `target` of the k most similar users of unit, (U, K).

    They are judged on SAMPLE users, by recall less its standard error. A table is made with as many bits as its buckets
    can bear; leaving out the last ones joins neighboring buckets, so every table tells of all numbers of bits. There
    are none where comparing everyone is cheaper.
    """
    n = len(unit)
    most_bits = max(0, int(math.log2(n / max(SMALLEST_BUCKET, 2 * k))))
    near = _near(unit, k, seed)
    cost_of_table = n / 2.0 ** np.arange(most_bits + 1) + PER_TABLE
    together = np.zeros((most_bits + 1, len(near.of)), bool)
    orders: list[Users] = []
    cheapest, n_tables, n_bits = float(n), 0, 0
    while (len(orders) + 1) * cost_of_table[-1] < cheapest:
        orders.append(_cut(unit, most_bits, seed, len(orders)))
        bucket = _bucket_of_users(orders[-1], most_bits)
        apart = bucket[near.sample][near.of] ^ bucket[near.users]
        for bits in range(1, most_bits + 1):
            together[bits] |= apart >> (most_bits - bits) == 0
            cost = len(orders) * cost_of_table[bits]
            if cost < cheapest and _surely(together[bits], near, k) >= target:
                cheapest, n_tables, n_bits = cost, len(orders), bits
    return Tables(orders[:n_tables], n_bits)


def lists_of_buckets(unit: F32, asked: Users, k: int, tables: Tables) -> Lists:
    """The lists of `asked`, (B,), among all with whom they share a bucket of any table."""
    lists = no_lists(len(asked), k)
    slot = np.full(len(unit), -1)
    slot[asked] = np.arange(len(asked))
    for order in tables.orders:
        buckets = np.split(order, _edges(len(order), tables.bits)[1:-1])
        asked_of = (slots[slots >= 0] for slots in map(slot.__getitem__, buckets))
        groups = (Group(slots, bucket) for slots, bucket in zip(asked_of, buckets, strict=True) if len(slots))
        compare(unit, asked, groups, lists)
    return lists


def _near(unit: F32, k: int, seed: int) -> _Near:
    n = len(unit)
    draw = generator(seed, "similar users", "judge")
    sample = draw.choice(n, min(SAMPLE, n), replace=False).astype(np.int32)
    last = exact_lists(unit, sample, k).cosines[:, -1]
    mine, of, users = unit[sample], [], []
    room = np.full(len(sample), MOST_NEAR)
    for block in np.array_split(draw.permutation(n), math.ceil(n / USERS_AT_ONCE)):
        near = (mine @ unit[block].T >= last[:, None] - SAME) & (sample[:, None] != block) & (room > 0)[:, None]
        place, user = np.nonzero(near)
        of.append(place)
        users.append(block[user])
        room -= near.sum(axis=1)
    return _Near(sample, np.concatenate(of), np.concatenate(users))


def _cut(unit: F32, bits: int, seed: int, table: int) -> Users:
    """The users, (U,), in the order of 2^bits buckets, each bucket of all halved at its median, `bits` times."""
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


def _surely(together: np.ndarray, near: _Near, k: int) -> float:
    """The sample's recall less its standard error, where these pairs, (P,), share a bucket."""
    found = np.bincount(near.of[together], minlength=len(near.sample))
    each = np.minimum(found, k) / k
    return float(each.mean() - each.std() / math.sqrt(len(each)))
