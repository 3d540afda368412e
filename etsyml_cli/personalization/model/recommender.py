"""The protocol of recommenders and the table of all of them.

A recommender is one file in this directory and one line in RECOMMENDERS. `train lda` then trains and stores it,
`evaluate` reports it as a variant, and `recommend --recommender NAME` uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.types import F64, I64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_parameters import Start
from etsyml_cli.personalization.model.top_k import BlockScores, ExactScores

POPULARITY, LDA, ITEM_KNN, MIX = "popularity", "lda", "item-knn", "mix"
RECOMMENDERS = {  # a mix comes after its members
    POPULARITY: "etsyml_cli.personalization.model.popularity:Popularity",
    LDA: "etsyml_cli.personalization.model.lda:Lda",
    ITEM_KNN: "etsyml_cli.personalization.model.item_knn:ItemKnn",
    MIX: "etsyml_cli.personalization.model.mix:Mix",
}

Arrays = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int | None, ...]]


class Users(NamedTuple):
    """B users to score listings for.

    rows: (B,), the row of each user in the training set, or -1 for a user who is not in it. favorites: B rows of
    listings, ascending; possibly empty.
    """

    rows: I64
    favorites: Favorites

    def span(self, start: int, stop: int) -> Users:
        """The users from `start` to before `stop`."""
        return Users(self.rows[start:stop], self.favorites.span(start, stop))


class Addend(msgspec.Struct, frozen=True, kw_only=True):
    """One addend of a score: a style, a favorite (the index of its listing), or the sum of several of them."""

    what: str
    style: int | None = None
    favorite: int | None = None
    adds: float


@dataclass(frozen=True)
class TrainingSet:
    """The input of `fit`: favorites of U users for I listings.

    counts: (U, I), the weights of the favorites to learn from. favorites: all training favorites, including those of
    users and listings with too few of them. valid: favorites that are not in `counts`, to choose settings on; None if
    there are none. start: the LDA model to continue from. members: recommenders fitted on these counts before.
    """

    counts: sparse.csr_matrix
    favorites: Favorites
    valid: Favorites | None = None
    start: Start | None = None
    members: Mapping[str, Recommender] = field(default_factory=dict)

    def users(self, rows: I64) -> Users:
        """The users of these rows, with the favorites in `counts`."""
        learned_from = Favorites(self.counts.indptr.astype(np.int64), self.counts.indices)
        return Users(rows, learned_from.take(rows))


class Recommender(Protocol):
    """A fitted model that scores I listings for users. It is immutable, and the input of `fit` is not changed.

    Scores are real numbers, higher is better, -inf excludes a listing. Scores of a user must not depend on the other
    users of a call. Bodies below are defaults for classes that inherit from this one.
    """

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        """Fit to `data`; settings are chosen on `data.valid` if there is such a part."""
        ...

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        """Fit to `data`, which has no validation part, with the settings that this recommender has chosen."""
        return self.fit(data, config, seed)

    def scores(self, users: Users) -> F64:
        """The score of each listing for each of B users, (B, I)."""
        ...

    def block(self, users: Users) -> BlockScores:
        """The same scores for a ranking, which may be approximate at first; see `top_k.top_listings`."""
        return ExactScores.of(self.scores(users))

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        """The addends of each listing's score for one user, largest first; none by default."""
        return [[] for _ in listings]

    def arrays(self) -> Arrays:
        """The named arrays to store. Names are unique among all recommenders."""
        ...

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        """The names of the stored arrays and their shapes; None allows any length."""
        ...

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        """Create the recommender from its arrays and the members. Raises ValueError if the arrays are inconsistent."""
        ...
