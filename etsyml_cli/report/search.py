"""The search section of the report: the effect of photos on search results and similar listings."""

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
from etsyml_cli.report.cards import NO_PHOTOS, Card, Cards
from etsyml_cli.report.missing import SEED, Missing, measured, unless_missing
from etsyml_cli.report.query_changes import Changes, Comparison, QueryChange, compare
from etsyml_cli.search.evaluate import SHOWN, EvaluationInputs, figures_of_pages
from etsyml_cli.search.rank import AFTER, BEFORE, PERCENTILES, PercentileRow, RankInputs, before_and_after
from etsyml_cli.similar.search import SimilarOptions, similar
from etsyml_cli.systems import MODELS

METRIC = "ndcg@10"
QUERIES = 3  # with results on the page
CANDIDATE_QUERIES = 50  # searched for queries with enough matching listings
LEAST_MATCHING = 2 * len(PERCENTILES) + 1  # so that the percentiles are different ranks
LISTINGS, N_SIMILAR = 3, 5


class Place(msgspec.Struct, kw_only=True):
    """The listings at one percentile of the results, ranked by text only and by text and photo."""

    percentile: int
    rank: int
    text: Card
    multimodal: Card


class Results(msgspec.Struct, kw_only=True):
    """The results of a query without and with photos; `change` is None if the test set has no page of the query."""

    query: str
    matching: int
    places: list[Place]
    change: QueryChange | None


class Ranking(msgspec.Struct, kw_only=True):
    """Results and metrics of the ranker."""

    results: list[Results] | Missing
    changes: Changes | Missing
    figures: list[Measurement] | Missing


class Similar(msgspec.Struct, kw_only=True):
    """Listings similar to one listing by words (the control of the talk) and by words and photo (its variant)."""

    listing: Card
    control: list[Card]
    variant: list[Card]


class Search(msgspec.Struct, kw_only=True):
    """Contents of the section."""

    ranking: Ranking | Missing
    similar: list[Similar] | Missing


def search(place: Workspace, queries: Sequence[str] = ()) -> Search | Missing:
    """The search section. Results are shown for `queries`, or else for the queries that photos changed most."""
    if not place.table("listings").exists():
        return Missing("no listings table", "etsyml ingest listings FILE")
    cards = Cards(place)
    ranking = _ranking(place, cards, queries)
    alike = (
        unless_missing(lambda: _similar(place, cards), "etsyml extract-images")
        if cards.have_photos or place.all_images()
        else NO_PHOTOS
    )
    if isinstance(ranking, Missing) and isinstance(alike, Missing):
        return Missing(f"{ranking.what}; {alike.what}", ranking.command)
    return Search(ranking=ranking, similar=alike)


def _steps(place: Workspace, cards: Cards) -> str:
    """The commands that train a ranker on all available data."""
    steps = {
        "etsyml ingest searches FILE": not place.table("searches").exists(),
        "etsyml extract-images": cards.have_photos and not place.all_images(),
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
        changes=compared if isinstance(compared, Missing) else compared.summary(),
        figures=unless_missing(lambda: measured(place, "ltr"), MODELS["ltr"].train),
    )


def _compared(place: Workspace) -> Comparison:
    """The multimodal ranker compared with the text ranker; without photos, the text ranker with the logged order."""
    inputs = EvaluationInputs(**_sources(place), searches=place.table("searches"))
    pages = figures_of_pages(inputs, parse_metric(METRIC), SEED)
    before, after = (BEFORE, AFTER) if AFTER in pages.values else (SHOWN, BEFORE)
    return compare(pages, METRIC, before, after)


def _results(
    place: Workspace, cards: Cards, queries: Sequence[str], changes: Sequence[QueryChange]
) -> Iterator[Results]:
    """The results of `queries`, or else of the first queries in `changes` that match enough listings."""
    change_of = {one.query: one for one in changes}
    found = before_and_after(RankInputs(**_sources(place)), queries or list(change_of)[:CANDIDATE_QUERIES])
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
    """Input files of the ranker."""
    model = place.model("ltr")
    images = features_of_model(model, place.all_images())
    return {"model": model, "listings": place.table("listings"), "images": images}


def _similar(place: Workspace, cards: Cards) -> list[Similar]:
    """Similar listings of a few listings with photos, evenly spaced over the features."""
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
            options=SimilarOptions(k=N_SIMILAR, variant=variant),
            index=place.index_if_exists("similar"),
        )
        return ([cards(item.id) for item in one.items] for one in found)

    return [
        Similar(listing=cards(listing_id), control=control, variant=variant)
        for listing_id, control, variant in zip(listing_ids, lists(BEFORE), lists(AFTER), strict=True)
    ]
