"""The personalization section of the report: styles, the page of one user, and recommendation metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from etsyml_cli.io.artifact import MANIFEST
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.personalization.store import SHOPS, LdaModel, load_model
from etsyml_cli.personalization.styles import styles
from etsyml_cli.personalization.tested_lists import ALL
from etsyml_cli.report.cards import NO_PHOTOS, Card, Cards
from etsyml_cli.report.missing import Missing, measured, unless_missing
from etsyml_cli.report.plots import Plot, Series
from etsyml_cli.report.user_page import FAVORITES, UserPage, user_page
from etsyml_cli.systems import MODELS

GALLERY = 60  # largest styles
MIN_SHARE = 0.01  # of all users; smaller styles are nearly empty and look alike
LISTINGS = 6
DEPTHS = (5, 10, 20, 50)
RECALL = [f"recall@{depth}" for depth in DEPTHS]
LONG_TAIL = ["coverage@20", "longtail@20", "gini@20"]
OTHERS = ["ndcg@20", "hit@10", "novelty@20", "perplexity"]


class StyleRow(msgspec.Struct, kw_only=True):
    """A style of the gallery; `lifts` are ratios of the listings' probabilities in the style and overall."""

    number: int
    label: str
    share: float
    coherence: float
    shops: list[str]
    listings: list[Card]
    lifts: list[float]


class Quality(msgspec.Struct, kw_only=True):
    """Metrics of the recommendations on the held-out favorites, compared with popularity."""

    figures: list[Measurement]
    recall: Plot
    long_tail: Plot


class Personalization(msgspec.Struct, kw_only=True):
    """Contents of the section. `gallery` contains the largest of the `n_styles` styles, `sizes` the sizes of all.

    `photos` holds the reason if there are no photos.
    """

    things: str
    photos: Missing | None
    n_users: int
    n_things: int
    n_styles: int
    gallery: list[StyleRow]
    sizes: Plot
    user: UserPage | Missing
    quality: Quality | Missing


def personalization(place: Workspace, user: str | None = None) -> Personalization | Missing:
    """The personalization section. The page of `user` is shown, or else of a user whose favorites just fill it."""
    if not (place.model("lda") / MANIFEST).is_file():
        first = "" if place.table("favorites").exists() else "etsyml ingest favorites FILE && "
        return Missing("no style model", f"{first}{MODELS['lda'].train}")
    cards, model = Cards(place), load_model(place.model("lda"))
    found = _styles(place, cards)
    return Personalization(
        things=model.things,
        photos=_photos(place, cards, model),
        n_users=len(model.user_ids),
        n_things=len(model.listing_ids),
        n_styles=len(found),
        gallery=[style for style in found if style.share >= MIN_SHARE][:GALLERY],
        sizes=_sizes(found),
        user=unless_missing(
            lambda: user_page(place, cards, model, user or _example_user(model)), "etsyml report --user ID"
        ),
        quality=unless_missing(lambda: _quality(place), MODELS["lda"].train),
    )


def _photos(place: Workspace, cards: Cards, model: LdaModel) -> Missing | None:
    if model.things == SHOPS:
        return Missing("shops have no photos", "")
    if not place.table("listings").exists():
        return Missing("no listings table, so no titles, words, shops or photos", "etsyml ingest listings FILE")
    return None if cards.have_photos else NO_PHOTOS


def _example_user(model: LdaModel) -> str:
    """The first user whose favorites just fill a page."""
    return model.user_ids[int(np.abs(model.train.per_user() - FAVORITES).argmin())]


def _styles(place: Workspace, cards: Cards) -> list[StyleRow]:
    """All styles, the largest first."""
    found = styles(model=place.model("lda"), listings=place.table_if_exists("listings"), k=LISTINGS)
    return [
        StyleRow(
            number=one.style,
            label=one.label,
            share=one.share,
            coherence=one.coherence,
            shops=[shop.shop_id for shop in one.shops],
            listings=[cards(item.id, item.title or None) for item in one.items],
            lifts=[item.lift for item in one.items],
        )
        for one in found
    ]


def _sizes(found: list[StyleRow]) -> Plot:
    ranks = [float(rank) for rank in range(1, len(found) + 1)]
    shares = Series(name="share", x=ranks, y=[100 * one.share for one in found])
    title = f"Share of users per style, {len(found)} styles"
    return Plot(
        name="styles-sizes", title=title, x="style (largest first)", y="% of users", kind="bars", series=[shares]
    )


def _quality(place: Workspace) -> Quality:
    figures = [one for one in measured(place, "lda", [*RECALL, *LONG_TAIL, *OTHERS]) if one.slice == ALL]
    return Quality(
        figures=figures,
        recall=Plot(
            name="styles-recall",
            title="Recall of held-out favorites by list length",
            x="list length",
            y="recall",
            kind="points",
            series=_series(figures, dict(zip(RECALL, map(float, DEPTHS), strict=True))),
        ),
        long_tail=Plot(
            name="styles-long-tail",
            title="Catalog coverage, long-tail share and Gini index of lists of 20",
            x="",
            y="",
            kind="bars",
            series=_series(figures, {name: name for name in LONG_TAIL}),
        ),
    )


def _series(figures: list[Measurement], x_of: Mapping[str, Any]) -> list[Series]:
    """One series per variant: its values of the metrics in `x_of`, at the positions given there."""
    by_variant: dict[str, list[Measurement]] = {}
    for one in figures:
        if one.name in x_of:
            by_variant.setdefault(one.variant, []).append(one)
    return [
        Series(
            name=variant,
            x=[x_of[one.name] for one in values],
            y=[one.value for one in values],
            low=[one.value if one.low is None else one.low for one in values],
            high=[one.value if one.high is None else one.high for one in values],
        )
        for variant, values in by_variant.items()
    ]
