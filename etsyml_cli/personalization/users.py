"""The users to recommend for: users of the training set, unknown users, and new users with some favorites."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError, like_this_id
from etsyml_cli.core.log import logger
from etsyml_cli.personalization.model.favorites import rows_of
from etsyml_cli.personalization.model.recommender import Users
from etsyml_cli.personalization.store import LdaModel

MAX_NAMES_IN_MESSAGE = 3

Listings = NDArray[np.int32]
NOTHING: Listings = np.empty(0, np.int32)


class Profile(NamedTuple):
    """A user to recommend for.

    row: in the training set, -1 for a new user. known: whether any favorite was learned from or is known; others get
    popular listings. favorites: what lists are made from. seen: those and the held-out ones. hidden: further listings
    to leave out.
    """

    id: str
    row: int
    known: bool
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


def new_user(model: LdaModel, name: str, favorites: Sequence[str]) -> Profile:
    """A new user with these favorites, of whom nothing is trained. Warns about favorites that the model does not know.

    Raises InputError if it knows none of them.
    """
    places = {listing_id: place_of(model.listing_ids, listing_id) for listing_id in favorites}
    unknown = [listing_id for listing_id, place in places.items() if place is None]
    known = np.unique(np.array([place for place in places.values() if place is not None], np.int32))
    if not len(known):
        hint = like_this_id(favorites[0], model.listing_ids) if favorites else "Name some, as in L1,L2."
        raise InputError("the model knows none of these favorites", hint=hint)
    if unknown:
        logger.warning("favorites that the model does not know are left out: %d (%s)", len(unknown), some_of(unknown))
    return Profile(name, -1, True, known, known)


def users_to_score(profiles: Sequence[Profile]) -> Users:
    """These users as a recommender takes them; unknown ones have no favorites."""
    rows = np.array([profile.row for profile in profiles], np.int64)
    return Users(rows, rows_of([profile.favorites for profile in profiles]))


def place_of(ids: list[str], wanted: str) -> int | None:
    """The place of `wanted` in sorted ids."""
    place = bisect_left(ids, wanted)
    return place if place < len(ids) and ids[place] == wanted else None


def _user(model: LdaModel, row: int) -> Profile:
    favorites = model.train.of(row)
    seen = np.concatenate([favorites, model.test.of(row)])
    return Profile(model.user_ids[row], row, bool(model.known[row]), favorites, seen)


def unknown_user(user_id: str) -> Profile:
    return Profile(user_id, -1, False, NOTHING, NOTHING)


def _warn(of_whom: str, user_ids: list[str]) -> None:
    if user_ids:
        logger.warning("popular listings stand in for users %s: %d (%s)", of_whom, len(user_ids), some_of(user_ids))


def some_of(names: list[str]) -> str:
    """The first few, for a warning."""
    return ", ".join(map(repr, names[:MAX_NAMES_IN_MESSAGE])) + (" ..." if len(names) > MAX_NAMES_IN_MESSAGE else "")
