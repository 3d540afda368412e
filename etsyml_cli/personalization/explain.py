"""Explanation of a user's list: the styles and favorites that add to the score of a listing, with their ids."""

from __future__ import annotations

from collections.abc import Sequence

from etsyml_cli.io.ranked import Reason
from etsyml_cli.personalization.model.recommender import Addend, Recommender
from etsyml_cli.personalization.users import Profile, users_to_score


def reasons_of(
    recommender: Recommender, profile: Profile, listings: Sequence[int], listing_ids: Sequence[str]
) -> list[list[Reason]]:
    """The addends of each listing's score for one user, largest first; their sum is the score."""

    def named(addend: Addend) -> Reason:
        favorite = None if addend.favorite is None else listing_ids[addend.favorite]
        return Reason(what=addend.what, style=addend.style, id=favorite, adds=addend.adds)

    explained = recommender.explain(users_to_score([profile]), listings)
    return [[named(addend) for addend in addends] for addends in explained]
