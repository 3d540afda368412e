"""Mean nDCG@20 of recommenders on the validation favorites, by which they choose their settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.metrics.definitions.ndcg import ndcg_of_hits
from etsyml_cli.metrics.recommendation import hits_of
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.recommender import Recommender, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import top_listings

CUTOFF = 20
MAX_USERS = 5000  # more take longer and lead to the same choice

Kind = TypeVar("Kind", bound=Recommender)


class Judge(NamedTuple):
    """Users with validation favorites, `held`, which are not among the favorites that they have in `users`."""

    users: Users
    held: Favorites

    def ndcg(self, recommender: Recommender) -> float:
        """The mean nDCG@20 of the lists of the users."""
        top, _ = top_listings(recommender, self.users, self.users.favorites, CUTOFF)
        return float(ndcg_of_hits(hits_of(top, *self.held), self.held.per_user()).mean())

    def best(self, recommenders: Iterable[Kind]) -> Kind:
        """The recommender with the highest mean nDCG@20, the first of equal ones; only two are kept in memory."""
        found: tuple[float, Kind] | None = None
        for recommender in recommenders:
            ndcg = self.ndcg(recommender)
            if found is None or ndcg > found[0]:
                found = ndcg, recommender
        if found is None:
            raise ValueError("nothing to choose from")
        return found[1]


def judge_of(data: TrainingSet, valid: Favorites, seed: int, at_most: int = MAX_USERS) -> Judge:
    """At most so many users with favorites in `valid`, drawn with `seed`."""
    rows = np.flatnonzero(valid.per_user())
    if len(rows) > at_most:
        rows = np.sort(generator(seed, "lda", "judged").choice(rows, at_most, replace=False))
    return Judge(data.users(rows), valid.take(rows))
