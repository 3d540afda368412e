"""The k users with the most similar style profiles: exactly, by random hyperplanes or by weighted MinHash."""

from __future__ import annotations

from typing import NamedTuple

from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32
from etsyml_cli.personalization.similar_profiles.hyperplanes import choose_tables, lists_of_buckets
from etsyml_cli.personalization.similar_profiles.lists import Lists, Users, exact_lists, no_lists, recall, unit_rows

METHODS = ("exact", "lsh", "minhash")
MANY = 5000  # who asks for fewer users is sooner served by comparing them with all
TARGET = 0.95
MEASURED = 500  # users whose lists are compared with the exact ones


class Found(NamedTuple):
    """Lists and how they were found.

    recall: on `measured` users, 1 and none where the method is exact. Of the hyperplanes: `tables` of 2^`bits` buckets.
    """

    lists: Lists
    method: str
    recall: float = 1.0
    measured: int = 0
    tables: int = 0
    bits: int = 0


def similar_users(
    theta: F32, asked: Users, k: int, *, method: str | None = None, seed: int = 0, target: float = TARGET
) -> Found:
    """The k users, or all U - 1, most like each of the distinct `asked`, (B,), by the cosine of profiles theta, (U, K).

    `method` says who is compared; the cosines are exact with each. None is "exact" for fewer than MANY users, else
    "lsh", whose tables reach a recall of `target`; where they would cost as much as comparing everyone, everyone is
    compared. A seed gives the same lists on any number of threads. Raises UsageError for another method.
    """
    chosen = method or ("lsh" if len(asked) >= MANY else "exact")
    if chosen not in METHODS:
        raise UsageError(f"method {chosen}: no way to find similar users", hint=did_you_mean(chosen, METHODS))
    k = min(k, len(theta) - 1)
    if k < 1 or not len(asked):
        return Found(no_lists(len(asked), max(k, 0)), "exact")
    with threadpool_limits(1, user_api="blas"):  # threads share the lists, not a product
        return _search(theta, asked, k, chosen, seed, target)


def _search(theta: F32, asked: Users, k: int, method: str, seed: int, target: float) -> Found:
    unit = unit_rows(theta)
    if method == "minhash":
        from etsyml_cli.personalization.similar_profiles.minhash import (
            minhash_lists,  # the library takes most of a second to import
        )

        return _judged(Found(minhash_lists(theta, unit, asked, k, seed), method), unit, asked, seed)
    if method == "lsh":
        tables = choose_tables(unit, k, target, seed)
        if tables.orders:
            lists = lists_of_buckets(unit, asked, k, tables)
            return _judged(Found(lists, method, tables=len(tables.orders), bits=tables.bits), unit, asked, seed)
    return Found(exact_lists(unit, asked, k), "exact")


def _judged(found: Found, unit: F32, asked: Users, seed: int) -> Found:
    """`found` with its recall on users that no table was chosen by."""
    draw = generator(seed, "similar users", "recall")
    slots = draw.choice(len(asked), min(MEASURED, len(asked)), replace=False)
    exact = exact_lists(unit, asked[slots], found.lists.users.shape[1])
    share = recall(found.lists.cosines[slots], exact.cosines)
    return found._replace(recall=share, measured=len(slots))
