"""Judge the search ranker on the pages that `train ltr` set aside, beside the shown order, chance and BM25."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.features.text import OVERLAP_FEATURES
from etsyml_cli.ingest.page_split import holds_out_a_test, parts, split_from
from etsyml_cli.ingest.split import TEST
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.features import ImageFeatures
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.io.runs import write_lists
from etsyml_cli.io.trec import query_key, read_qrels, write_qrels
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.ranking import PER_PAGE, Floats, RankedPages, best_first, byte_order, rank_pages
from etsyml_cli.models.ltr.blocks import Rows
from etsyml_cli.models.ltr.score import Blocks, score
from etsyml_cli.stages.ltr_features import asked_in, log_blocks, permuted, photo_blocks
from etsyml_cli.stages.ltr_inputs import Ints, SearchLog, read_listings, read_searches
from etsyml_cli.stages.ltr_model import CONTROL, LtrModel, load_model, manifest_of, photos_for
from etsyml_cli.stages.ltr_rows import evaluate_rows, is_of_rows

Bools = NDArray[np.bool_]

SHOWN = "shown"
TEXT = "text"


def evaluate_ltr(
    *,
    model: Path,
    listings: Path,
    searches: Path,
    images: Path | None,
    metrics: list[MetricName],
    seed: int,
    truth: Path | None = None,
    qrels: Path | None = None,
    baseline: str | None = None,
    runs: Path | None = None,
    features: Path | None = None,
    groups: Path | None = None,
) -> list[Measurement]:
    """Every metric of every variant on the test pages that hold a relevant listing; the others are counted in the log.

    A listing's gain is its event (impression 0, click 1, cart 2, purchase 3), with `truth` its planted grade, or with
    `qrels` its grade there for the page's query (words joined by `_`), 0 where it has none. Differences are to
    `baseline`, the text ranker by default. `permuted`, the mean of the controls that were trained on photos dealt to
    other listings, judges what photos add. In `runs` the judged pages and every variant's ranking are written as TREC
    files, one query a page.
    A ranker that learned from rows of features is judged on those in `features` (and `groups`).
    Raises InputError for other searches than the model was trained on, DataError where it held nothing out, where no
    test page has a relevant listing or where `truth` does not know a listing of one.
    """
    if is_of_rows(model):
        if features is None:
            raise UsageError(f"{model}: learned from rows of features", hint="Name rows to judge with --features FILE.")
        if given := [name for name, one in {"qrels": qrels, "baseline": baseline, "runs": runs}.items() if one]:
            raise UsageError(f"--{given[0]} judges rankers of listings; {model} learned from rows of features")
        return evaluate_rows(model=model, features=features, groups=groups, metrics=metrics, seed=seed)
    if features is not None or groups is not None:
        raise UsageError(f"{model}: learned from listings, not from rows of features", hint="Leave out --features.")
    log = _test_pages(model, searches)
    gains = _gains(log, truth, qrels)
    scores, controls = _scores(log, model, listings, images, seed)
    if baseline is not None and baseline not in scores:
        raise UsageError(f"--baseline {baseline}: no variant of {model}", hint=did_you_mean(baseline, scores))
    id_order = byte_order(log.listing_ids)[log.listing]
    ranked = {variant: rank_pages(s, gains, log.offsets, id_order) for variant, s in scores.items()}
    judged = ranked[SHOWN].has_relevant()
    if not judged.any():
        raise DataError(f"none of {len(judged):,} test pages has a relevant listing")
    if not judged.all():
        logger.info("%d of %d test pages have no relevant listing and are left out", (~judged).sum(), len(judged))
    of_control = [rank_pages(s, gains, log.offsets, id_order) for s in controls]
    if runs is not None:
        _write_runs(runs, log, judged, gains, scores, id_order)
    chosen = baseline or (TEXT if TEXT in scores else SHOWN)
    return [
        measurement
        for metric in metrics
        for measurement in compared_means(str(metric), _values(metric, ranked, of_control, judged), seed, chosen)
    ]


def _values(
    metric: MetricName, ranked: dict[str, RankedPages], controls: list[RankedPages], judged: Bools
) -> dict[str, Floats]:
    """The metric of every judged page, (Q,), by each variant, and its mean over the controls."""

    def per_page(pages: RankedPages) -> Floats:
        values: Floats = PER_PAGE[metric.name](pages, metric)[judged]
        return values

    values = {variant: per_page(pages) for variant, pages in ranked.items()}
    if controls:
        values[CONTROL] = np.mean([per_page(pages) for pages in controls], axis=0)
    return values


def _test_pages(model: Path, searches: Path) -> SearchLog:
    """The pages that the model's own split sets aside, of the rows that it was trained on."""
    manifest = manifest_of(model)
    log = read_searches(searches, manifest.plan.config["limit"])
    expect_same_input(manifest, "searches", searches)
    split = split_from(load_json(model, SPLIT))
    if not holds_out_a_test(split):
        raise DataError(f"{model}: trained with --holdout none, no page is left to judge it", hint="Train without it.")
    keys = log.queries if manifest.plan.config["split"] == "query" else log.search_ids
    in_test = parts(split, keys, log.days) == TEST
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


def _gains(log: SearchLog, truth: Path | None, qrels: Path | None) -> Floats:
    """What each row is worth, shape (N,), by the first that there is: qrels, planted truth, the log's own events."""
    if qrels is not None:
        return _judged(log, qrels)
    return log.level.astype(np.float64) if truth is None else _grades(log, truth)


def _judged(log: SearchLog, qrels: Path) -> Floats:
    """The grade of every row in a qrels file, at least 0, shape (N,)."""
    grades = read_qrels(qrels)
    of_page = [grades.get(query_key(query), {}) for query in log.queries]
    if not any(of_page):
        raise InputError(
            f"{qrels}: no query of the {len(of_page):,} test pages is judged there",
            hint=f"A query's words are joined by _ there, as in {query_key(log.queries[0])}.",
        )
    rows = zip(log.page_of_row().tolist(), log.listing.tolist(), strict=True)
    return np.array([max(of_page[q].get(log.listing_ids[i], 0), 0) for q, i in rows], dtype=np.float64)


def _scores(
    log: SearchLog, model: Path, listings: Path, images: Path | None, seed: int
) -> tuple[dict[str, Floats], list[Floats]]:
    """The score of every row, shape (N,), by each baseline and variant of the model, and by each of its controls."""
    ranker = load_model(model)
    photos = photos_for(model, images)
    blocks = log_blocks(ranker.known, read_listings(listings), photos, log)
    scores = {
        SHOWN: -log.position.astype(np.float64),
        "random": generator(seed, "random order").random(len(log.listing)),
    }
    overlap = blocks.get("overlap")
    if isinstance(overlap, Rows):
        scores["bm25"] = overlap.x[:, OVERLAP_FEATURES.index("bm25")]
    scores |= {variant: score(weights, blocks) for variant, weights in ranker.variants.items()}
    return scores, [] if photos is None else _control_scores(ranker, photos, log, blocks, manifest_of(model).plan.seed)


def _control_scores(
    model: LtrModel, photos: ImageFeatures, log: SearchLog, blocks: Blocks, seed: int | None
) -> list[Floats]:
    """The score of every row by each control, with the photos dealt to the listings as when it was trained."""
    return [
        score(weights, {**blocks, **photo_blocks(model.known, photos, photo, asked_in(log))})
        for number, weights in enumerate(model.controls)
        for photo in [permuted(photos, log.listing_ids, seed or 0, number)]
    ]


def _write_runs(
    runs: Path, log: SearchLog, judged: Bools, gains: Floats, scores: dict[str, Floats], id_order: Ints
) -> None:
    """`qrels.txt` and `VARIANT.trec` of the judged pages: trec_eval gets the same figures from them."""
    page = log.page_of_row()
    rows = zip(page.tolist(), log.listing.tolist(), gains.astype(np.int64).tolist(), strict=True)
    grades = ((log.search_ids[q], log.listing_ids[i], grade) for q, i, grade in rows if judged[q])
    write_qrels(grades, runs / "qrels.txt")
    for variant, s in scores.items():
        lists = _lists(log, judged, s, best_first(s, id_order, page))
        write_lists(lists, runs / f"{variant}.trec", subject="search_id")


def _lists(log: SearchLog, judged: Bools, scores: Floats, order: Ints) -> Iterator[dict[str, Any]]:
    for q in np.flatnonzero(judged).tolist():
        rows = order[log.offsets[q] : log.offsets[q + 1]].tolist()
        items = [
            {"rank": rank, "id": log.listing_ids[log.listing[row]], "score": float(np.float32(scores[row]))}
            for rank, row in enumerate(rows, 1)
        ]
        yield {"search_id": log.search_ids[q], "items": items}
