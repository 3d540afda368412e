"""Listings for users from a trained style model. Imports neither gensim nor torch: the model is a matrix product."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.log import logger
from etsyml_cli.models.lda.favorites import Favorites
from etsyml_cli.models.lda.parameters import one_style
from etsyml_cli.models.lda.top import Ranker, top_listings
from etsyml_cli.stages.lda_model import MIX, LdaModel, load_model

SCHEMA_VERSION = 1
NAMED = 3  # users in a warning
NOBODY = np.empty(0, np.int32)


def recommend(*, model: Path, users: list[str], k: int, exclude_seen: bool = True) -> Iterator[dict[str, Any]]:
    """The k best listings for each of `users`, one `recommend --json` object each, best first.

    A user of whom nothing was learned gets the popular listings, marked as fallback. `exclude_seen` leaves out every
    favorite that the model knows of, held-out ones too: to the user they are nothing new.
    """
    trained = load_model(model)
    popular = one_style(np.bincount(trained.train.indices, minlength=len(trained.listing_ids)), 1)
    ranker = trained.rankers()[MIX]
    rows = [_find(trained.user_ids, user_id) for user_id in users]
    _warn_of_fallbacks(trained, dict(zip(users, rows, strict=True)))
    for user_id, user in zip(users, rows, strict=True):
        fallback = user is None or not trained.known[user]
        seen = NOBODY if user is None or not exclude_seen else _all_favorites(trained, user)
        if user is None or fallback:
            items = _items(trained, Ranker(popular.beta), popular.theta, NOBODY, seen, k)
        else:
            items = _items(trained, ranker, trained.parameters.theta[[user]], trained.train.of(user), seen, k)
        yield {
            "schema_version": SCHEMA_VERSION,
            "user_id": user_id,
            "fallback": fallback,
            "what": "listings",
            "items": items,
        }


def _find(ids: list[str], wanted: str) -> int | None:
    """The place of `wanted` in sorted ids."""
    place = bisect_left(ids, wanted)
    return place if place < len(ids) and ids[place] == wanted else None


def _warn_of_fallbacks(model: LdaModel, row_of: dict[str, int | None]) -> None:
    unknown = [user_id for user_id, row in row_of.items() if row is None]
    untaught = [user_id for user_id, row in row_of.items() if row is not None and not model.known[row]]
    _warn("who are not in the favorites table", unknown)
    _warn("without a favorite that was learned from", untaught)


def _warn(of_whom: str, user_ids: list[str]) -> None:
    if user_ids:
        some = ", ".join(map(repr, user_ids[:NAMED])) + (" ..." if len(user_ids) > NAMED else "")
        logger.warning("popular listings stand in for users %s: %d (%s)", of_whom, len(user_ids), some)


def _all_favorites(model: LdaModel, user: int) -> NDArray[np.int32]:
    return np.concatenate([model.train.of(user), model.test.of(user)])


def _items(
    model: LdaModel,
    ranker: Ranker,
    theta: NDArray[np.float32],
    favorites: NDArray[np.int32],
    seen: NDArray[np.int32],
    k: int,
) -> list[dict[str, Any]]:
    """The list of one user: theta is (1, K)."""
    top, scores = top_listings(ranker, theta, _alone(favorites), _alone(seen), k)
    items = []
    for rank, (listing, score) in enumerate(zip(top[0].tolist(), scores[0].tolist(), strict=True), 1):
        if listing >= 0:
            item = {"rank": rank, "id": model.listing_ids[listing], "score": score}
            if model.titles and model.titles[listing]:
                item["title"] = model.titles[listing]
            items.append(item)
    return items


def _alone(listings: NDArray[np.int32]) -> Favorites:
    return Favorites(np.array([0, len(listings)]), listings)
