"""For whom a style model recommends: users that it knows, others, and people of whom only favorites are known."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError, like_this_id
from etsyml_cli.core.log import logger
from etsyml_cli.personalization.model.lda_cvb0_kernels import settle_profiles
from etsyml_cli.personalization.store import LdaModel

MAX_NAMES_IN_MESSAGE = 3
FOLD_IN_ROUNDS = 30  # after which a profile hardly moves

Listings = NDArray[np.int32]
NOTHING: Listings = np.empty(0, np.int32)


class Profile(NamedTuple):
    """A profile theta, (K,), None where nothing was learned of the user, who gets popular listings then.

    favorites: what lists are made from. seen: those and the held-out ones. hidden: what is not to be listed besides.
    """

    id: str
    theta: NDArray[np.float32] | None
    favorites: Listings
    seen: Listings
    hidden: Listings = NOTHING


def users_of(model: LdaModel, user_ids: Sequence[str]) -> Iterator[Profile]:
    """These users, in that order; warns of those who get popular listings."""
    rows = [place_of(model.user_ids, user_id) for user_id in user_ids]
    row_of = dict(zip(user_ids, rows, strict=True))
    _warn("who are not in the favorites table", [name for name, row in row_of.items() if row is None])
    untaught = [name for name, row in row_of.items() if row is not None and not model.known[row]]
    _warn("without a favorite that was learned from", untaught)
    for user_id, row in zip(user_ids, rows, strict=True):
        yield unknown_user(user_id) if row is None else _user(model, row)


def fold_in(model: LdaModel, name: str, favorites: Sequence[str]) -> Profile:
    """Somebody with these favorites, whose profile is settled while the styles stand still: nothing is trained.

    Favorites that the model does not know are told of. Raises InputError where it knows none.
    """
    places = {listing_id: place_of(model.listing_ids, listing_id) for listing_id in favorites}
    unknown = [listing_id for listing_id, place in places.items() if place is None]
    known = np.unique(np.array([place for place in places.values() if place is not None], np.int32))
    if not len(known):
        hint = like_this_id(favorites[0], model.listing_ids) if favorites else "Name some, as in L1,L2."
        raise InputError("the model knows none of these favorites", hint=hint)
    if unknown:
        logger.warning("favorites that the model does not know are left out: %d (%s)", len(unknown), some_of(unknown))
    learned = model.parameters
    theta = np.empty((1, len(learned.alpha)), np.float32)
    beta = np.ascontiguousarray(learned.beta[:, known].T)
    indptr, alone = np.array([0, len(known)]), np.arange(len(known))
    settle_profiles(indptr, alone, np.ones(len(known), np.float32), beta, learned.alpha, FOLD_IN_ROUNDS, theta)
    return Profile(name, theta[0], known, known)


def place_of(ids: list[str], wanted: str) -> int | None:
    """The place of `wanted` in sorted ids."""
    place = bisect_left(ids, wanted)
    return place if place < len(ids) and ids[place] == wanted else None


def _user(model: LdaModel, row: int) -> Profile:
    favorites = model.train.of(row)
    theta = model.parameters.theta[row] if model.known[row] else None
    return Profile(model.user_ids[row], theta, favorites, np.concatenate([favorites, model.test.of(row)]))


def unknown_user(user_id: str) -> Profile:
    return Profile(user_id, None, NOTHING, NOTHING)


def _warn(of_whom: str, user_ids: list[str]) -> None:
    if user_ids:
        logger.warning("popular listings stand in for users %s: %d (%s)", of_whom, len(user_ids), some_of(user_ids))


def some_of(names: list[str]) -> str:
    """The first few, for a warning."""
    return ", ".join(map(repr, names[:MAX_NAMES_IN_MESSAGE])) + (" ..." if len(names) > MAX_NAMES_IN_MESSAGE else "")
