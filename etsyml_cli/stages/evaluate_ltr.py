"""Judge the search ranker on the pages that `train ltr` set aside, beside the shown order, chance and BM25."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.features.text import OVERLAP_FEATURES
from etsyml_cli.ingest.page_split import holds_out_a_test, parts, split_from
from etsyml_cli.ingest.split import TEST
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.ranking import PER_PAGE, Floats, byte_order, rank_pages
from etsyml_cli.models.ltr.score import score
from etsyml_cli.stages.ltr_inputs import SearchLog, read_listings, read_searches
from etsyml_cli.stages.ltr_model import load_model, log_features, manifest_of, photos_for

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
    Raises InputError for other searches than the model was trained on, DataError where it held nothing out, where no
    test page has a relevant listing or where `truth` does not know a listing of one.
    """
    log = _test_pages(model, searches)
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
        values = {variant: PER_PAGE[metric.name](pages, metric)[judged] for variant, pages in ranked.items()}
        measured += compared_means(str(metric), values, seed)
    return measured


def _test_pages(model: Path, searches: Path) -> SearchLog:
    """The pages that the model's own split sets aside, of the rows that it was trained on."""
    manifest = manifest_of(model)
    log = read_searches(searches, manifest.plan.config["limit"])
    expect_same_input(manifest, "searches", searches)
    split = split_from(load_json(model, SPLIT))
    if not holds_out_a_test(split):
        raise DataError(f"{model}: trained with --holdout none, no page is left to judge it", hint="Train without it.")
    in_test = parts(split, log.search_ids, log.days) == TEST
    if not in_test.any():
        raise DataError(f"{model}: no page fell into its test part", hint="Train again with a larger --holdout.")
    return log.take(in_test)


def _grades(log: SearchLog, truth: Path) -> Floats:
    """The planted grade of every row, shape (N,)."""
    from etsyml_cli.io.truth import read_page_grades

    table = read_page_grades(truth)
    pairs = zip(table["search_id"].to_pylist(), table["listing_id"].to_pylist(), strict=True)
    grade_of = dict(zip(pairs, table["grade"].to_pylist(), strict=True))
    rows = zip(log.page_of_row(), log.listing, strict=True)
    grades = [grade_of.get((log.search_ids[q], log.listing_ids[i])) for q, i in rows]
    if unknown := grades.count(None):
        raise DataError(f"{truth} does not know {unknown:,} of {len(grades):,} rows of the test pages")
    return np.array(grades, dtype=np.float64)


def _scores(log: SearchLog, model: Path, listings: Path, images: Path | None, seed: int) -> dict[str, Floats]:
    """The score of every row, shape (N,), by each baseline and each variant of the model."""
    ranker = load_model(model)
    features = log_features(ranker.vocabulary, read_listings(listings), photos_for(model, images), log)
    scores = {
        BASELINE: -log.position.astype(np.float64),
        "random": generator(seed, "random order").random(len(log.listing)),
        "bm25": features.overlap[:, OVERLAP_FEATURES.index("bm25")],
    }
    for variant, weights in ranker.weights.items():
        scores[variant] = score(weights, features.blocks, features.overlap, log.listing)
    return scores
