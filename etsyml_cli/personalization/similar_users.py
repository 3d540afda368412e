"""Similar users: the most similar style profiles of a trained style model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.personalization.similar_profiles.search import SearchResult
from etsyml_cli.personalization.similar_profiles.search import similar_users as search
from etsyml_cli.personalization.store import load_model
from etsyml_cli.personalization.users import some_of


def similar_users(
    *, model: Path, users: list[str] | None, k: int, method: str | None = None, seed: int = 0
) -> Iterator[RankedList]:
    """The k most similar users of each of `users` (None: all with a profile), as `recommend --json` prints them.

    The score is the cosine of the two profiles. A user without training favorites has no profile: such a user is in no
    list, and gets an empty list if named. For `method` see `similar_profiles.search.similar_users`.
    """
    trained = load_model(model)
    with_profile = np.flatnonzero(trained.known)
    ids = [trained.user_ids[user] for user in with_profile]
    row_of = {user_id: row for row, user_id in enumerate(ids)}
    named = ids if users is None else users
    _warn_of_no_profile([user_id for user_id in named if user_id not in row_of])
    queries = np.array(sorted({row_of[user_id] for user_id in named if user_id in row_of}), np.int32)
    result = search(trained.parameters.theta[with_profile], queries, k, method=method, seed=seed)
    logger.info("similar users: %s", _description(result))
    for user_id in named:
        items = _items(result, int(np.searchsorted(queries, row_of[user_id])), ids) if user_id in row_of else []
        yield RankedList(user_id=user_id, what="users", items=items)


def _items(result: SearchResult, slot: int, ids: list[str]) -> list[RankedItem]:
    listed = zip(result.lists.users[slot].tolist(), result.lists.cosines[slot].tolist(), strict=True)
    return [
        RankedItem(rank=rank, id=ids[other], score=score) for rank, (other, score) in enumerate(listed, 1) if other >= 0
    ]


def _description(result: SearchResult) -> str:
    if result.method == "exact":
        return "exact"
    tables = f", {result.tables} tables of {2**result.bits:,} buckets ({result.bits} bits)" if result.tables else ""
    k = result.lists.users.shape[1]
    return f"{result.method}{tables}, recall@{k} {result.recall:.3f} measured on {result.measured:,} users"


def _warn_of_no_profile(user_ids: list[str]) -> None:
    if user_ids:
        some = some_of(user_ids)
        logger.warning("users without a style profile have no similar users: %d (%s)", len(user_ids), some)
