"""A style model with its catalog data, and what is typical of a style."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.personalization.model.styles import highest, log_odds, styles_of_listings
from etsyml_cli.personalization.store import LdaModel, load_model
from etsyml_cli.personalization.style_words import Catalog, Groups, read_catalog

BY_CHANCE = 2.0  # standard errors: words, tags and shops below this are not typical of a style


@dataclass(frozen=True)
class StyleView:
    """A model of K styles and I listings with the listings' catalog data.

    share: (K,), the mean theta of the users with training favorites. favorites: (I,), the number per listing. style:
    (K, I), p(style | listing).
    """

    model: LdaModel
    catalog: Catalog
    share: F64
    favorites: F64
    style: F32

    def inside(self, number: int) -> F64:
        """The expected number of favorites of each listing in this style, (I,)."""
        return np.asarray(self.favorites * self.style[number])


class Typical(NamedTuple):
    """A word, tag or shop that is typical of a style.

    column: in its groups. score: the log-odds of its favorites in the style. share: of the style's favorites. lift:
    `share` divided by the share among all favorites. listings: the effective number of listings behind it, which is n
    if n listings have equally many favorites, and near 1 if one listing has most of them.
    """

    column: int
    name: str
    score: float
    share: float
    lift: float
    listings: float


def read_view(model: Path, listings: Path | None) -> StyleView:
    """Load the model and, if there is one, the listings table. Raises InputError if it is missing or damaged."""
    trained = load_model(model)
    return view_of(trained, read_catalog(model, trained, listings))


def view_of(model: LdaModel, catalog: Catalog) -> StyleView:
    """The view of a loaded model."""
    share = model.parameters.theta[model.known].mean(axis=0, dtype=np.float64)
    return StyleView(
        model,
        catalog,
        share,
        np.bincount(model.train.indices, minlength=len(model.listing_ids)).astype(np.float64),
        styles_of_listings(share, model.parameters.beta),
    )


def typical_listings(view: StyleView, numbers: Iterable[int], n: int) -> list[tuple[I64, F64]]:
    """The n most typical listings of each style, best first, and their log-odds."""
    typical = []
    for number in numbers:
        inside = view.inside(number)
        scores = log_odds(inside, view.favorites - inside)
        best = highest(scores, n)
        typical.append((best, scores[best]))
    return typical


def typical_groups(view: StyleView, groups: Groups, number: int, n: int | None = None) -> list[Typical]:
    """The n words, tags or shops that are most typical of the style, or all that are not so by chance."""
    inside, everywhere = view.inside(number), view.favorites
    counts, total = inside @ groups.members, everywhere @ groups.members
    scores = log_odds(counts, total - counts)
    share = counts / inside.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        lift, listings = share / (total / everywhere.sum()), counts**2 / (inside**2 @ groups.members)
    return [
        Typical(index, groups.names[index], *(float(of_each[index]) for of_each in (scores, share, lift, listings)))
        for index in highest(scores, n or len(scores)).tolist()
        if scores[index] > BY_CHANCE
    ]
