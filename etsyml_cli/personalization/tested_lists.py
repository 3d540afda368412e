"""The lists of each recommender for the users of a test part, and slices of these users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from etsyml_cli.core.types import F64, I32, I64, Bools
from etsyml_cli.metrics.recommendation import RecommendedLists, log_likelihood
from etsyml_cli.personalization.diversity import diverse, pool_of, style_directions
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, one_style
from etsyml_cli.personalization.model.recommender import LDA, MIX, POPULARITY, Users
from etsyml_cli.personalization.model.top_k import top_listings
from etsyml_cli.personalization.store import LdaModel

ALL, KNOWN, NEW = "all", "known", "new"
DIVERSE = f"{MIX}, diversity "  # the beginning of a variant's name
POOLS = (POPULARITY, MIX)


@dataclass(frozen=True)
class TestedLists:
    """The recommendations of each variant to the B users with held-out favorites, and their favorites.

    top: (B, k) for each variant. held_out: the relevant listings; train: the listings excluded from the lists. known:
    (B,), whether the user has training favorites; the others get the popular listings. pair_user, pair_log_p: for each
    held-out favorite of a listing with training favorites, its user among the B and its log likelihood under each
    variant. favorites: (I,), the number of training favorites of each listing, by n_users users. shop_of: (I,), None if
    shops are not needed.
    """

    top: Mapping[str, I32]
    held_out: Favorites
    train: Favorites
    known: Bools
    favorites: I64
    n_users: int
    shop_of: I32 | None
    pair_user: I64
    pair_log_p: Mapping[str, F64]

    def lists(self, variant: str, depth: int) -> RecommendedLists:
        """The first `depth` listings that the variant recommends to each user."""
        top = self.top[variant][:, :depth]
        return RecommendedLists(top, self.held_out, self.train, self.favorites, self.n_users, self.shop_of)

    def of(self, slice_: str) -> TestedLists:
        """The users of a slice."""
        if slice_ == ALL:
            return self
        users = np.flatnonzero(self.known == (slice_ == KNOWN))
        of_slice = np.isin(self.pair_user, users)
        return replace(
            self,
            top={variant: top[users] for variant, top in self.top.items()},
            held_out=self.held_out.take(users),
            train=self.train.take(users),
            known=self.known[users],
            pair_user=np.searchsorted(users, self.pair_user[of_slice]),
            pair_log_p={variant: log_p[of_slice] for variant, log_p in self.pair_log_p.items()},
        )


def lists_of_test_users(
    model: LdaModel, depth: int, shop_of: I32 | None, diversity: float | None = None
) -> TestedLists:
    """The first `depth` listings of each recommender for every user with held-out favorites.

    With `diversity`, the diverse lists of the mix are a variant too.
    """
    users = np.flatnonzero(model.test.per_user())
    counts = np.bincount(model.train.indices, minlength=len(model.listing_ids))
    train, test = model.train.take(users), model.test.take(users)
    test_users = Users(users, train)
    top = {name: top_listings(one, test_users, train, depth)[0] for name, one in model.recommenders.items()}
    known = model.known[users]
    for lists in top.values():
        lists[~known] = top[POPULARITY][~known]  # as `recommend` does
    if diversity is not None:
        top[f"{DIVERSE}{diversity:g}"] = _diverse_lists(model, test_users, known, depth, diversity)
    pair_user, listing = test.users(), test.indices
    learned = counts[listing] > 0
    pair_user, listing = pair_user[learned], listing[learned]

    def log_p(parameters: LdaParameters) -> F64:
        return log_likelihood(parameters.theta, parameters.beta, counts / counts.sum(), users[pair_user], listing)

    pair_log_p = {POPULARITY: log_p(one_style(counts, len(model.user_ids))), LDA: log_p(model.parameters)}
    n_users = int((model.train.per_user() > 0).sum())
    return TestedLists(top, test, train, known, counts, n_users, shop_of, pair_user, pair_log_p)


def _diverse_lists(model: LdaModel, users: Users, known: Bools, depth: int, diversity: float) -> I32:
    """The diverse lists of the mix, as `recommend` makes them, (B, depth)."""
    of = {name: top_listings(model.recommenders[name], users, users.favorites, pool_of(depth)) for name in POOLS}
    top, scores = (np.where(known[:, None], *pair) for pair in zip(of[MIX], of[POPULARITY], strict=True))
    return diverse(top, scores, style_directions(model.lda), diversity, depth)
