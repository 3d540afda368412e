"""Why a listing is in a user's list: the styles and favorites that add to its score, with their ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etsyml_cli.personalization.model.recommender import Reason, Recommender
from etsyml_cli.personalization.users import Profile, users_to_score


class NamedReason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One addend of a score: a style, a favorite, or the sum of several of them, as `recommend --explain` prints it."""

    what: str
    style: int | None = None
    id: str | None = None
    adds: float


def reasons_of(
    recommender: Recommender, profile: Profile, listings: Sequence[int], listing_ids: Sequence[str]
) -> list[list[NamedReason]]:
    """The addends of each listing's score for one user, largest first; they sum up to the score."""

    def named(reason: Reason) -> NamedReason:
        favorite = None if reason.favorite is None else listing_ids[reason.favorite]
        return NamedReason(what=reason.what, style=reason.style, id=favorite, adds=reason.adds)

    explained = recommender.explain(users_to_score([profile]), listings)
    return [[named(reason) for reason in reasons] for reasons in explained]
