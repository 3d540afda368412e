"""Evaluate the search ranker on the held-out pages, with the shown order, a random order and BM25 as baselines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.io.runs import write_lists
from etsyml_cli.io.trec import write_qrels
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.ranking import RankedPages, best_first, byte_order, rank_pages
from etsyml_cli.metrics.shapes import PageMetric
from etsyml_cli.photos.reduced import shuffle_photos
from etsyml_cli.photos.store import ImageFeatures, check_photos_join
from etsyml_cli.search.features import log_blocks, photo_blocks, rows_of_log
from etsyml_cli.search.gains import gains_of
from etsyml_cli.search.log import SearchLog, read_searches
from etsyml_cli.search.model.blocks import Rows
from etsyml_cli.search.model.score import Blocks, score
from etsyml_cli.search.prepare import BY_SELLER, assign_split
from etsyml_cli.search.store import CONTROL, LtrModel, load_model, manifest_of, photos_for
from etsyml_cli.splits.days import TEST
from etsyml_cli.splits.pages import decode_split, has_test_set
from etsyml_cli.text.listings import Listings, read_listings
from etsyml_cli.text.words import OVERLAP_FEATURES

SHOWN = "shown"
TEXT = "text"
UNSEEN = "unseen"


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs of an evaluation: a model, and the tables and photo features that it was trained on.

    A listing's gain is its event (impression 0, click 1, cart 2, purchase 3); with `truth`, its true grade; with
    `qrels`, its grade for the page's query (words joined by `_`), 0 without one. Differences are to the variant
    `baseline`, by default the text ranker. If `runs` is set, the evaluated pages and every variant's ranking are
    written there as TREC files, one query per page.
    """

    model: Path
    listings: Path
    searches: Path
    images: Path | None
    truth: Path | None = None
    qrels: Path | None = None
    baseline: str | None = None
    runs: Path | None = None


def evaluate(inputs: EvaluationInputs, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of every variant on the test pages with a relevant listing; the number of other pages is logged.

    `permuted`, the mean of the controls that were trained on shuffled photos, shows the contribution of photos.
    `pair_accuracy` is also measured on the slice `unseen`, pairs of listings that are on no training or validation
    page. Raises InputError if the model was trained on other searches or, split by seller, other listings;
    DataError if no test set was held out, no test page has a relevant listing, `truth` lacks a row, or two inputs have
    no listing in common.
    """
    log, unseen, scores, controls = _load_test_set(inputs, seed)
    gains, baseline = gains_of(log, inputs.searches, inputs.truth, inputs.qrels), inputs.baseline
    if baseline is not None and baseline not in scores:
        raise UsageError(f"--baseline {baseline}: not a variant of {inputs.model}", hint=did_you_mean(baseline, scores))
    id_order = byte_order(log.listing_ids)[log.listing]
    rank = partial(_ranked, log, scores, controls, gains, id_order)
    ranked = rank(np.ones(len(gains), dtype=bool))
    evaluated = _has_relevant(ranked)
    if not evaluated.all():
        logger.info("%d of %d test pages have no relevant listing and are left out", (~evaluated).sum(), len(evaluated))
    if inputs.runs is not None:
        _write_runs(inputs.runs, log, evaluated, gains, scores, id_order)
    chosen = baseline or (TEXT if TEXT in scores else SHOWN)
    measurements = []
    for metric in metrics:
        measurements += compared_means(str(metric), _values(metric, ranked, evaluated), seed, chosen)
        if not metric.shape(PageMetric).on_unseen:
            continue
        of_unseen = _values(metric, rank(unseen), evaluated)
        if np.isnan(of_unseen[SHOWN]).all():
            logger.info("%s: no test page has two listings of unequal gain that are not in the training set", metric)
        else:
            measurements += compared_means(str(metric), of_unseen, seed, chosen, slice_=UNSEEN)
    return measurements


@dataclass(frozen=True)
class PageFigures:
    """A metric of each of Q evaluated pages, (Q,) per variant; ids and queries of the pages."""

    search_ids: list[str]
    queries: list[str]
    values: dict[str, F64]


def figures_of_pages(inputs: EvaluationInputs, metric: MetricName, seed: int) -> PageFigures:
    """The values per page whose means `evaluate` returns, by the log's own events. Raises the same errors."""
    log, _, scores, controls = _load_test_set(inputs, seed)
    id_order = byte_order(log.listing_ids)[log.listing]
    gains = gains_of(log, inputs.searches, None, None)
    ranked = _ranked(log, scores, controls, gains, id_order, np.ones(len(gains), dtype=bool))
    evaluated = _has_relevant(ranked)
    pages = np.flatnonzero(evaluated).tolist()
    return PageFigures(
        [log.search_ids[q] for q in pages], [log.queries[q] for q in pages], _values(metric, ranked, evaluated)
    )


@dataclass(frozen=True)
class Ranked:
    """The same Q pages ranked by every variant, and by every control."""

    variants: dict[str, RankedPages]
    controls: list[RankedPages]


def _ranked(
    log: SearchLog, scores: dict[str, F64], controls: list[F64], gains: F64, id_order: I64, rows: Bools
) -> Ranked:
    """The pages of the log with only these rows, shape (N,); a page may have no rows left."""
    sizes = np.bincount(log.page_of_row()[rows], minlength=len(log.search_ids))
    offsets = np.concatenate([[0], np.cumsum(sizes)])

    def rank(s: F64) -> RankedPages:
        return rank_pages(s[rows], gains[rows], offsets, id_order[rows])

    return Ranked({variant: rank(s) for variant, s in scores.items()}, [rank(s) for s in controls])


def _values(metric: MetricName, ranked: Ranked, evaluated: Bools) -> dict[str, F64]:
    """The metric of every evaluated page, (Q,), by each variant, and its mean over the controls."""

    def per_page(pages: RankedPages) -> F64:
        values: F64 = metric.shape(PageMetric).values(pages, metric)[evaluated]
        return values

    values = {variant: per_page(pages) for variant, pages in ranked.variants.items()}
    if ranked.controls:
        values[CONTROL] = np.mean([per_page(pages) for pages in ranked.controls], axis=0)
    return values


def _has_relevant(ranked: Ranked) -> Bools:
    """The mask of pages with a relevant listing, (Q,). Raises DataError if there are none."""
    evaluated = ranked.variants[SHOWN].has_relevant()
    if not evaluated.any():
        raise DataError(f"none of {len(evaluated):,} test pages has a relevant listing")
    return evaluated


def _load_test_set(inputs: EvaluationInputs, seed: int) -> tuple[SearchLog, Bools, dict[str, F64], list[F64]]:
    """The test pages, which of their rows are unseen in training, and all rows' scores by variants and controls."""
    ranker = load_model(inputs.model)
    catalog = read_listings(inputs.listings, ranker.state.config.text.plurals)
    log, unseen = _test_pages(inputs.model, inputs.searches, inputs.listings, catalog)
    photos = photos_for(inputs.model, inputs.images)
    check_photos_join(Ids("listings", inputs.listings, catalog.ids), inputs.images, photos)
    blocks = log_blocks(ranker.state, catalog, photos, log)
    controls: list[F64] = []
    if photos is not None:
        controls = _control_scores(ranker, photos, log, blocks, manifest_of(inputs.model).plan.seed)
    return log, unseen, _scores(ranker, log, blocks, seed), controls


def _test_pages(model: Path, searches: Path, listings: Path, catalog: Listings) -> tuple[SearchLog, Bools]:
    """The test pages of the model's own split, with the rows that it was trained on.

    Also which of their rows, shape (N,), have a listing that is on no training or validation page.
    """
    manifest = manifest_of(model)
    log = read_searches(searches, manifest.plan.config["limit"])
    expect_same_input(manifest, "searches", searches)
    check_join(Ids("listings of searches", searches, log.listing_ids), Ids("listings", listings, catalog.ids))
    split = decode_split(load_json(model, SPLIT))
    if not has_test_set(split):
        raise DataError(f"{model}: trained with --holdout none, so there is no test set", hint="Train without it.")
    by = manifest.plan.config["split"]
    if by == BY_SELLER:
        expect_same_input(manifest, "listings", listings)
    log, part = assign_split(log, split, by, catalog)
    if not (part == TEST).any():
        raise DataError(f"{model}: its test set is empty", hint="Train again with a larger --holdout.")
    test, seen = log.take(part == TEST), set(log.take(part != TEST).listing_ids)
    if by == BY_SELLER:
        logger.info(
            "evaluating on the rows of held-out shops, %s of %s", f"{len(test.listing):,}", f"{len(log.listing):,}"
        )
    return test, np.array([listing_id not in seen for listing_id in test.listing_ids])[test.listing]


def _scores(ranker: LtrModel, log: SearchLog, blocks: Blocks, seed: int) -> dict[str, F64]:
    """The score of every row, shape (N,), by each baseline and variant of the model."""
    scores = {
        SHOWN: -log.position.astype(np.float64),
        "random": generator(seed, "random order").random(len(log.listing)),
    }
    overlap = blocks.get("overlap")
    if isinstance(overlap, Rows):
        scores["bm25"] = overlap.x[:, OVERLAP_FEATURES.index("bm25")]
    return scores | {variant: score(weights, blocks) for variant, weights in ranker.variants.items()}


def _control_scores(
    model: LtrModel, photos: ImageFeatures, log: SearchLog, blocks: Blocks, seed: int | None
) -> list[F64]:
    """The score of every row by each control, with the photos shuffled as in its training."""
    shuffles = [shuffle_photos(photos, log.listing_ids, seed or 0, number) for number in range(len(model.controls))]
    return [
        score(weights, {**blocks, **shuffled})
        for weights, shuffled in zip(
            model.controls, photo_blocks(model.state, photos, shuffles, rows_of_log(log)), strict=True
        )
    ]


def _write_runs(
    runs: Path, log: SearchLog, evaluated: Bools, gains: F64, scores: dict[str, F64], id_order: I64
) -> None:
    """`qrels.txt` and `VARIANT.trec` of the evaluated pages: trec_eval computes the same values from them."""
    page = log.page_of_row()
    rows = zip(page.tolist(), log.listing.tolist(), gains.astype(np.int64).tolist(), strict=True)
    grades = ((log.search_ids[q], log.listing_ids[i], grade) for q, i, grade in rows if evaluated[q])
    write_qrels(grades, runs / "qrels.txt")
    for variant, s in scores.items():
        lists = _lists(log, evaluated, s, best_first(s, id_order, page))
        write_lists(lists, runs / f"{variant}.trec", subject="search_id")


def _lists(log: SearchLog, evaluated: Bools, scores: F64, order: I64) -> Iterator[RankedList]:
    for q in np.flatnonzero(evaluated).tolist():
        rows = order[log.offsets[q] : log.offsets[q + 1]].tolist()
        items = [
            RankedItem(rank=rank, id=log.listing_ids[log.listing[row]], score=float(np.float32(scores[row])))
            for rank, row in enumerate(rows, 1)
        ]
        yield RankedList(search_id=log.search_ids[q], items=items)
