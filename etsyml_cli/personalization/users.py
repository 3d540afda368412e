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

    row: in the training set, -1 for a new user. known: whether the user has favorites to recommend from; others get
    popular listings. favorites: the input of the lists. seen: favorites including held-out ones. hidden: further
    listings to exclude.
    """

    id: str
    row: int
    known: bool
    favorites: Listings
    seen: Listings
    hidden: Listings = NOTHING


def users_of(model: LdaModel, user_ids: Sequence[str]) -> Iterator[Profile]:
    """These users, in that order; warn about users who get popular listings."""
    rows = [index_of(model.user_ids, user_id) for user_id in user_ids]
    row_of = dict(zip(user_ids, rows, strict=True))
    _warn("unknown users", [name for name, row in row_of.items() if row is None])
    without_training = [name for name, row in row_of.items() if row is not None and not model.known[row]]
    _warn("users without training favorites", without_training)
    for user_id, row in zip(user_ids, rows, strict=True):
        yield unknown_user(user_id) if row is None else _user(model, row)


def new_user(model: LdaModel, name: str, favorites: Sequence[str]) -> Profile:
    """A new user with these favorites, without training. Warns about favorites that the model does not contain.

    Raises InputError if it contains none of them.
    """
    indices = {listing_id: index_of(model.listing_ids, listing_id) for listing_id in favorites}
    unknown = [listing_id for listing_id, index in indices.items() if index is None]
    known = np.unique(np.array([index for index in indices.values() if index is not None], np.int32))
    if not len(known):
        raise InputError("the model contains none of these favorites", hint=_hint(favorites, model.listing_ids))
    if unknown:
        logger.warning("ignored %d favorites that are not in the model: %s", len(unknown), some_of(unknown))
    return Profile(name, -1, True, known, known)


def _hint(favorites: Sequence[str], listing_ids: list[str]) -> str:
    if not favorites:
        return "Give listing ids separated by commas, for example L1,L2."
    if index_of(listing_ids, ",".join(favorites)) is not None:
        return "Ids with commas must be in a file, one per line: --favorites FILE"
    return like_this_id(favorites[0], listing_ids)


def users_to_score(profiles: Sequence[Profile]) -> Users:
    """These users as input of a recommender; unknown ones have no favorites."""
    rows = np.array([profile.row for profile in profiles], np.int64)
    return Users(rows, rows_of([profile.favorites for profile in profiles]))


def index_of(ids: list[str], name: str) -> int | None:
    """The index of `name` in sorted ids; None if it is not there."""
    index = bisect_left(ids, name)
    return index if index < len(ids) and ids[index] == name else None


def _user(model: LdaModel, row: int) -> Profile:
    favorites = model.train.of(row)
    seen = np.concatenate([favorites, model.test.of(row)])
    return Profile(model.user_ids[row], row, bool(model.known[row]), favorites, seen)


def unknown_user(user_id: str) -> Profile:
    return Profile(user_id, -1, False, NOTHING, NOTHING)


def _warn(group: str, user_ids: list[str]) -> None:
    if user_ids:
        logger.warning("%d %s get popular listings instead: %s", len(user_ids), group, some_of(user_ids))


def some_of(names: list[str]) -> str:
    """The first few names, for a warning."""
    return ", ".join(map(repr, names[:MAX_NAMES_IN_MESSAGE])) + (" ..." if len(names) > MAX_NAMES_IN_MESSAGE else "")
