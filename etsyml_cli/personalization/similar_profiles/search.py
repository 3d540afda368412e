"""Find the k users with the most similar style profiles: exactly, by random hyperplanes or by weighted MinHash."""

from __future__ import annotations

from typing import NamedTuple

from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32
from etsyml_cli.personalization.similar_profiles.hyperplanes import choose_tables, lists_of_buckets
from etsyml_cli.personalization.similar_profiles.lists import Lists, Users, exact_lists, no_lists, recall, unit_rows

METHODS = ("exact", "lsh", "minhash")
MIN_QUERIES_FOR_LSH = 5000  # for fewer users, comparing with all users is faster
TARGET_RECALL = 0.95
RECALL_SAMPLE = 500  # users whose lists are compared with the exact ones


class SearchResult(NamedTuple):
    """Lists and the method that result them.

    recall: on `measured` users; 1 and 0 users for the exact method. Hyperplanes: `tables` of 2^`bits` buckets.
    """

    lists: Lists
    method: str
    recall: float = 1.0
    measured: int = 0
    tables: int = 0
    bits: int = 0


def similar_users(
    theta: F32, queries: Users, k: int, *, method: str | None = None, seed: int = 0, target: float = TARGET_RECALL
) -> SearchResult:
    """The k users (at most U - 1) most similar to each of the distinct `queries`, (B,), by cosine.

    theta: profiles, (U, K). `method` selects the candidates; the cosines are exact. None means "exact" for fewer than
    MIN_QUERIES_FOR_LSH users, else "lsh", whose tables reach a recall of `target`; if they would cost as much as
    comparing all users, all users are compared. The lists depend on the seed, not on the number of threads. Raises
    UsageError for another method.
    """
    chosen = method or ("lsh" if len(queries) >= MIN_QUERIES_FOR_LSH else "exact")
    if chosen not in METHODS:
        raise UsageError(f"unknown --method {chosen}", hint=did_you_mean(chosen, METHODS))
    k = min(k, len(theta) - 1)
    if k < 1 or not len(queries):
        return SearchResult(no_lists(len(queries), max(k, 0)), "exact")
    with threadpool_limits(1, user_api="blas"):  # threads work on different lists, not on one product
        return _search(theta, queries, k, chosen, seed, target)


def _search(theta: F32, queries: Users, k: int, method: str, seed: int, target: float) -> SearchResult:
    unit = unit_rows(theta)
    if method == "minhash":
        from etsyml_cli.personalization.similar_profiles.minhash import (
            minhash_lists,  # the library takes most of a second to import
        )

        return _with_recall(SearchResult(minhash_lists(theta, unit, queries, k, seed), method), unit, queries, seed)
    if method == "lsh":
        tables = choose_tables(unit, k, target, seed)
        if tables.orders:
            lists = lists_of_buckets(unit, queries, k, tables)
            return _with_recall(
                SearchResult(lists, method, tables=len(tables.orders), bits=tables.bits), unit, queries, seed
            )
    return SearchResult(exact_lists(unit, queries, k), "exact")


def _with_recall(result: SearchResult, unit: F32, queries: Users, seed: int) -> SearchResult:
    """The result with its recall on users that were not used to choose the tables."""
    draw = generator(seed, "similar users", "recall")
    slots = draw.choice(len(queries), min(RECALL_SAMPLE, len(queries)), replace=False)
    exact = exact_lists(unit, queries[slots], result.lists.users.shape[1])
    share = recall(result.lists.cosines[slots], exact.cosines)
    return result._replace(recall=share, measured=len(slots))
