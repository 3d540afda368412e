"""Judge the search ranker on the pages that `train ltr` set aside, beside the shown order, chance and BM25."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.features.text import OVERLAP_FEATURES
from etsyml_cli.ingest.page_split import holds_out_a_test, parts, split_from
from etsyml_cli.ingest.split import TEST
from etsyml_cli.io.artifact import expect_kind
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.metrics.bootstrap import mean_interval
from etsyml_cli.metrics.measurement import Difference, Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.ranking import METRICS, Floats, byte_order, rank_pages
from etsyml_cli.models.ltr.score import score
from etsyml_cli.stages.ltr_inputs import SearchLog, read_listings, read_searches
from etsyml_cli.stages.ltr_model import KIND, load_model, log_features, photos_for

BASELINE = "shown"


def evaluate_ltr(
    *,
    model: Path,
    listings: Path,
    searches: Path,
    images: Path | None,
    metrics: list[MetricName],
    seed: int,
    truth: Path | None = None,
) -> list[Measurement]:
    """Every metric of every variant on the test pages that hold a relevant listing; the others are counted in the log.

    A listing's gain is its event (impression 0, click 1, cart 2, purchase 3) or, with `truth`, its planted grade.
    Raises DataError where the model held nothing out or no test page has a relevant listing.
    """
    for metric in metrics:
        if metric.name not in METRICS:
            raise UsageError(f"{metric} does not judge search ranking", hint=did_you_mean(metric.name, METRICS))
    log = _test_pages(model, read_searches(searches))
    gains = log.level.astype(np.float64) if truth is None else _grades(log, truth)
    scores = _scores(log, model, listings, images, seed)
    id_order = byte_order(log.listing_ids)[log.listing]
    ranked = {variant: rank_pages(s, gains, log.offsets, id_order) for variant, s in scores.items()}
    judged = ranked[BASELINE].has_relevant()
    if not judged.any():
        raise DataError(f"none of {len(judged):,} test pages has a relevant listing")
    if not judged.all():
        logger.info("%d of %d test pages have no relevant listing and are left out", (~judged).sum(), len(judged))
    measured = []
    for metric in metrics:
        values = {variant: METRICS[metric.name](pages, metric)[judged] for variant, pages in ranked.items()}
        measured += [_measurement(str(metric), variant, values, seed) for variant in values]
    return measured


def _test_pages(model: Path, log: SearchLog) -> SearchLog:
    expect_kind(model, KIND, made_by="etsyml train ltr")
    split = split_from(load_json(model, SPLIT))
    if not holds_out_a_test(split):
        raise DataError(f"{model}: trained with --holdout none, no page is left to judge it", hint="Train without it.")
    in_test = parts(split, log.search_ids, log.days) == TEST
    if not in_test.any():
        raise DataError("none of these pages is in the test part", hint="Evaluate on the searches of the training.")
    return log.take(in_test)


def _grades(log: SearchLog, truth: Path) -> Floats:
    """The planted grade of every row, 0 where the truth does not know it; shape (N,)."""
    from etsyml_cli.io.truth import read_page_grades

    table = read_page_grades(truth)
    pairs = zip(table["search_id"].to_pylist(), table["listing_id"].to_pylist(), strict=True)
    grade_of = dict(zip(pairs, table["grade"].to_pylist(), strict=True))
    rows = zip(log.page_of_row(), log.listing, strict=True)
    return np.array([grade_of.get((log.search_ids[q], log.listing_ids[i]), 0) for q, i in rows], dtype=np.float64)


def _scores(log: SearchLog, model: Path, listings: Path, images: Path | None, seed: int) -> dict[str, Floats]:
    """The score of every row, shape (N,), by each baseline and each variant of the model."""
    ranker, manifest = load_model(model)
    features = log_features(ranker.vocabulary, read_listings(listings), photos_for(manifest, images), log)
    scores = {
        BASELINE: -log.position.astype(np.float64),
        "random": generator(seed, "random order").random(len(log.listing)),
        "bm25": features.overlap[:, OVERLAP_FEATURES.index("bm25")],
    }
    for variant, weights in ranker.weights.items():
        scores[variant] = score(weights, features.blocks, features.overlap, log.listing)
    return scores


def _measurement(name: str, variant: str, values: dict[str, NDArray[np.float64]], seed: int) -> Measurement:
    own = values[variant]
    low, high = mean_interval(own, seed)
    return Measurement(
        name=name,
        variant=variant,
        value=float(own.mean()),
        low=low,
        high=high,
        n=len(own),
        against=None if variant == BASELINE else _against_baseline(own - values[BASELINE], seed),
    )


def _against_baseline(difference: Floats, seed: int) -> Difference:
    low, high = mean_interval(difference, seed)
    return Difference(baseline=BASELINE, value=float(difference.mean()), low=low, high=high)
