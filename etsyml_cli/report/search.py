"""The report's section on search: what photos change in result pages and in lists of similar listings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import numpy as np

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import MANIFEST
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.photos.choose import features_of_model, features_to_train_on
from etsyml_cli.photos.store import read_image_features
from etsyml_cli.report.cards import PHOTOLESS, Card, Cards
from etsyml_cli.report.missing import SEED, Missing, measured, unless_missing
from etsyml_cli.report.query_changes import Changes, Compared, QueryChange, compare
from etsyml_cli.search.evaluate import SHOWN, figures_of_pages
from etsyml_cli.search.rank import AFTER, BEFORE, PERCENTILES, PercentileRow, RankInputs, before_and_after
from etsyml_cli.similar.search import SimilarOptions, similar
from etsyml_cli.systems import MODELS

METRIC = "ndcg@10"
QUERIES = 3  # whose results are shown
TRIED = 50  # queries, until enough listings match
LEAST_MATCHING = 2 * len(PERCENTILES) + 1  # no two of the percentiles are one place
LISTINGS, ALIKE = 3, 5


class Place(msgspec.Struct, kw_only=True):
    """Who stands at one percentile of a result list, by text alone and by text and photo."""

    percentile: int
    rank: int
    text: Card
    multimodal: Card


class Results(msgspec.Struct, kw_only=True):
    """The results of a query before and after photos count; `change` is None where no test page asked for it."""

    query: str
    matching: int
    places: list[Place]
    change: QueryChange | None


class Ranking(msgspec.Struct, kw_only=True):
    """What is known of the ranker."""

    results: list[Results] | Missing
    changes: Changes | Missing
    figures: list[Measurement] | Missing


class Similar(msgspec.Struct, kw_only=True):
    """Listings most like one, by words (the talk's control) and by words and photo (its variant)."""

    listing: Card
    control: list[Card]
    variant: list[Card]


class Search(msgspec.Struct, kw_only=True):
    """What the section shows."""

    ranking: Ranking | Missing
    similar: list[Similar] | Missing


def search(place: Workspace, queries: Sequence[str] = ()) -> Search | Missing:
    """What the ltr model and the photos show. Results are those of `queries`, or of those that photos moved most."""
    if not place.table("listings").exists():
        return Missing("no listings table", "etsyml ingest listings FILE")
    cards = Cards(place)
    ranking = _ranking(place, cards, queries)
    alike = (
        unless_missing(lambda: _similar(place, cards), "etsyml extract-images")
        if cards.pictured or place.all_images()
        else PHOTOLESS
    )
    if isinstance(ranking, Missing) and isinstance(alike, Missing):
        return Missing(f"{ranking.what}; {alike.what}", ranking.command)
    return Search(ranking=ranking, similar=alike)


def _steps(place: Workspace, cards: Cards) -> str:
    """The commands that make a ranker of all that there is."""
    steps = {
        "etsyml ingest searches FILE": not place.table("searches").exists(),
        "etsyml extract-images": cards.pictured and not place.all_images(),
        MODELS["ltr"].train: True,
    }
    return " && ".join(step for step, needed in steps.items() if needed)


def _ranking(place: Workspace, cards: Cards, queries: Sequence[str]) -> Ranking | Missing:
    if not (place.model("ltr") / MANIFEST).is_file():
        return Missing("no search ranker", _steps(place, cards))
    compared = unless_missing(lambda: _compared(place), MODELS["ltr"].train)
    changes = [] if isinstance(compared, Missing) else compared.changes
    shown = unless_missing(lambda: list(_results(place, cards, queries, changes)), _steps(place, cards))
    return Ranking(
        results=compared if isinstance(compared, Missing) and not queries else shown,
        changes=compared if isinstance(compared, Missing) else compared.told(),
        figures=unless_missing(lambda: measured(place, "ltr"), MODELS["ltr"].train),
    )


def _compared(place: Workspace) -> Compared:
    """The ranker that knows photos beside the one that does not; without one, words beside the order that was shown."""
    pages = figures_of_pages(
        **_sources(place), searches=place.table("searches"), metric=parse_metric(METRIC), seed=SEED
    )
    before, after = (BEFORE, AFTER) if AFTER in pages.values else (SHOWN, BEFORE)
    return compare(pages, METRIC, before, after)


def _results(
    place: Workspace, cards: Cards, queries: Sequence[str], changes: Sequence[QueryChange]
) -> Iterator[Results]:
    """Those of `queries`; where none are named, of the first of `changes` that enough listings match."""
    change_of = {one.query: one for one in changes}
    found = before_and_after(RankInputs(**_sources(place)), queries or list(change_of)[:TRIED])
    if not queries:
        found = islice((one for one in found if one.matching >= LEAST_MATCHING), QUERIES)
    for one in found:
        yield Results(
            query=one.query,
            matching=one.matching,
            places=[_place(row, cards) for row in one.rows],
            change=change_of.get(one.query),
        )


def _place(row: PercentileRow, cards: Cards) -> Place:
    return Place(
        percentile=row.percentile,
        rank=row.multimodal.rank,
        text=cards(row.text.id),
        multimodal=cards(row.multimodal.id),
    )


def _sources(place: Workspace) -> dict[str, Any]:
    """What the ranker's stages read."""
    model = place.model("ltr")
    images = features_of_model(model, place.all_images())
    return {"model": model, "listings": place.table("listings"), "images": images}


def _similar(place: Workspace, cards: Cards) -> list[Similar]:
    """For a few listings with photos, evenly spaced over the features."""
    images = features_to_train_on(place.all_images())
    if images is None:
        raise InputError("no photo features")
    known = [listing_id for listing_id in read_image_features(images).ids if listing_id in cards]
    listing_ids = [known[at] for at in np.unique(np.linspace(0, len(known) - 1, LISTINGS).astype(int))] if known else []

    def lists(variant: str) -> Iterator[list[Card]]:
        found = similar(
            listings=place.table("listings"),
            images=images,
            listing_ids=listing_ids,
            options=SimilarOptions(k=ALIKE, variant=variant),
            index=place.index_if_exists("similar"),
        )
        return ([cards(item.id) for item in one.items] for one in found)

    return [
        Similar(listing=cards(listing_id), control=control, variant=variant)
        for listing_id, control, variant in zip(listing_ids, lists(BEFORE), lists(AFTER), strict=True)
    ]
