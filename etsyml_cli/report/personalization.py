"""The report's section on personalization: the learned styles, one user's page, and how good the lists are."""

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
from etsyml_cli.report.cards import PHOTOLESS, Card, Cards
from etsyml_cli.report.missing import Missing, measured, unless_missing
from etsyml_cli.report.plots import Plot, Series
from etsyml_cli.report.user_page import FAVORITES, UserPage, user_page
from etsyml_cli.systems import MODELS

GALLERY = 60  # styles, the largest ones
LEAST_SHARE = 0.01  # of all users: a style below that holds hardly anybody, and looks like the others that do
LISTINGS, WORDS = 6, 5
DEPTHS = (5, 10, 20, 50)
RECALL = [f"recall@{depth}" for depth in DEPTHS]
LONG_TAIL = ["coverage@20", "longtail@20", "gini@20"]
OTHERS = ["ndcg@20", "hit@10", "novelty@20", "perplexity"]


class StyleRow(msgspec.Struct, kw_only=True):
    """A style of the gallery; each of its listings is `lifts` times as likely of the style as of any."""

    number: int
    share: float
    coherence: float
    words: list[str]
    shops: list[str]
    listings: list[Card]
    lifts: list[float]


class Quality(msgspec.Struct, kw_only=True):
    """How good the lists are on the favorites that were held out, beside popularity."""

    figures: list[Measurement]
    recall: Plot
    long_tail: Plot


class Personalization(msgspec.Struct, kw_only=True):
    """What the section shows. `gallery` holds the largest of the `n_styles` styles; `sizes` are those of all.

    Without photos `photos` says so.
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
    """What the lda model shows. The page is that of `user`, or of somebody whose favorites just fill it."""
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
        gallery=[style for style in found if style.share >= LEAST_SHARE][:GALLERY],
        sizes=_sizes(found),
        user=unless_missing(
            lambda: user_page(place, cards, model, user or _somebody(model)), "etsyml report --user ID"
        ),
        quality=unless_missing(lambda: _quality(place), MODELS["lda"].train),
    )


def _photos(place: Workspace, cards: Cards, model: LdaModel) -> Missing | None:
    if model.things == SHOPS:
        return Missing("shops have no photos", "")
    if not place.table("listings").exists():
        return Missing("no listings table: no titles, words, shops and photos", "etsyml ingest listings FILE")
    return None if cards.pictured else PHOTOLESS


def _somebody(model: LdaModel) -> str:
    """The first user whose favorites just fill a page."""
    return model.user_ids[int(np.abs(model.train.per_user() - FAVORITES).argmin())]


def _styles(place: Workspace, cards: Cards) -> list[StyleRow]:
    """All styles, the largest first."""
    found = styles(model=place.model("lda"), listings=place.table_if_exists("listings"), k=LISTINGS, n_words=WORDS)
    return [
        StyleRow(
            number=one.style,
            share=one.share,
            coherence=one.coherence,
            words=[word.word for word in one.words],
            shops=[shop.shop_id for shop in one.shops],
            listings=[cards(item.id, item.title or None) for item in one.items],
            lifts=[item.lift for item in one.items],
        )
        for one in found
    ]


def _sizes(found: list[StyleRow]) -> Plot:
    places = [float(place) for place in range(1, len(found) + 1)]
    shares = Series(name="share", x=places, y=[100 * one.share for one in found])
    title = f"Sizes of the {len(found)} styles"
    return Plot(
        name="styles-sizes", title=title, x="style, the largest first", y="% of users", kind="bars", series=[shares]
    )


def _quality(place: Workspace) -> Quality:
    figures = measured(place, "lda", [*RECALL, *LONG_TAIL, *OTHERS])
    return Quality(
        figures=figures,
        recall=Plot(
            name="styles-recall",
            title="Recall of held-out favorites, by length of the list",
            x="length of the list",
            y="recall",
            kind="points",
            series=_series(figures, dict(zip(RECALL, map(float, DEPTHS), strict=True))),
        ),
        long_tail=Plot(
            name="styles-long-tail",
            title="What lists of 20 hold: catalogue, long tail, concentration",
            x="",
            y="",
            kind="bars",
            series=_series(figures, {name: name for name in LONG_TAIL}),
        ),
    )


def _series(figures: list[Measurement], x_of: Mapping[str, Any]) -> list[Series]:
    """One of each variant: its values of these metrics, each where `x_of` says."""
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
