"""Explanation of a user's list: the styles and favorites that add to the score of a listing, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from etsyml_cli.io.ranked import Reason
from etsyml_cli.personalization.model.recommender import Addend, Recommender
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.personalization.users import Profile, users_to_score

FAVORITE = "favorite"


@dataclass(frozen=True)
class Names:
    """Names of a model's styles and listings, and the users of its listings; all made when first needed."""

    model: LdaModel
    listings: Path | None

    @cached_property
    def labels(self) -> list[str]:
        """The label of each style."""
        from etsyml_cli.personalization.style_labels import style_labels
        from etsyml_cli.personalization.style_view import view_of
        from etsyml_cli.personalization.style_words import catalog_of

        return style_labels(view_of(self.model, catalog_of(self.model, self.listings)))

    @cached_property
    def _users(self) -> sparse.csc_matrix:
        train = self.model.train
        shape = (len(self.model.user_ids), len(self.model.listing_ids))
        return sparse.csr_matrix((np.ones(len(train.indices), bool), train.indices, train.indptr), shape).tocsc()

    def title(self, listing: int) -> str | None:
        """The title of a listing, if known."""
        return (self.model.titles[listing] or None) if self.model.titles else None

    def shared_users(self, user: int, listing: int, favorite: int) -> int:
        """The number of users with both listings in their training favorites, without `user`, a row."""
        ptr, users = self._users.indptr, self._users.indices
        of_listing, of_favorite = (users[ptr[one] : ptr[one + 1]] for one in (listing, favorite))
        both = np.intersect1d(of_listing, of_favorite, assume_unique=True)
        return int((both != user).sum())


def reasons_of(recommender: Recommender, profile: Profile, listings: Sequence[int], names: Names) -> list[list[Reason]]:
    """The addends of each listing's score for one user, largest first; their sum is the score."""
    explained = recommender.explain(users_to_score([profile]), listings)
    return [
        [_reason(addend, profile, listing, names) for addend in addends]
        for listing, addends in zip(listings, explained, strict=True)
    ]


def _reason(addend: Addend, profile: Profile, listing: int, names: Names) -> Reason:
    if addend.style is not None:
        return Reason(what=addend.what, style=addend.style, label=names.labels[addend.style], adds=addend.adds)
    if addend.favorite is None:
        return Reason(what=addend.what, adds=addend.adds)
    shared = names.shared_users(profile.row, listing, addend.favorite) if addend.what == FAVORITE else None
    return Reason(
        what=addend.what,
        id=names.model.listing_ids[addend.favorite],
        title=names.title(addend.favorite),
        shared_users=shared,
        adds=addend.adds,
    )
