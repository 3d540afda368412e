"""Compare two TREC runs with the same qrels, paired by query."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import msgspec
import numpy as np

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.trec import Qrels, Run, read_qrels, read_run
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.names import MetricName, parse_metric
from etsyml_cli.metrics.ranking import RankedPages, byte_order, rank_pages
from etsyml_cli.metrics.registry import all_metrics
from etsyml_cli.metrics.shapes import PageMetric

DEFAULT_METRICS = ("ndcg@10", "map", "mrr")


class Comparison(msgspec.Struct, kw_only=True):
    """The metrics of two runs; `runs` and `qrels` are paths, the variants are named after the files."""

    schema_version: int = 1
    runs: list[str]
    qrels: str
    metrics: list[Measurement]


def compare(*, runs: tuple[Path, Path], qrels: Path, metrics: list[str], seed: int) -> Comparison:
    """Measure `metrics` (DEFAULT_METRICS if empty) of both runs, differences being the second minus the first.

    Every query of the qrels with a relevant document counts; one that a run lacks is 0 there, as with
    `trec_eval -c`. Raises UsageError for a metric that cannot be computed for runs, DataError if no query has a
    relevant document or a run contains none of these queries or documents, and the errors of `read_run` and
    `read_qrels`.
    """
    parsed = [*dict.fromkeys(map(_metric, metrics or DEFAULT_METRICS))]
    judged = _with_relevant(read_qrels(qrels), qrels)
    ranked = {}
    for name, path in zip(_names(*runs), runs, strict=True):
        run = read_run(path)
        _check_joins(path, run, qrels, judged)
        ranked[name] = ranked_pages(run, judged)
    measured: list[Measurement] = []
    for metric in parsed:
        values = {name: metric.shape(PageMetric).values(pages, metric) for name, pages in ranked.items()}
        measured += compared_means(str(metric), values, seed)
    return Comparison(runs=[str(path) for path in runs], qrels=str(qrels), metrics=measured)


def ranked_pages(run: Run, judged: Qrels) -> RankedPages:
    """One page per query of `judged`, with the documents of the run and, unranked, the judged ones that it lacks.

    Unjudged documents and negative grades have the gain 0.
    """
    pages = [_page(run.get(query, {}), grades) for query, grades in judged.items()]
    rows = [*chain.from_iterable(pages)]
    documents = sorted({document for document, _, _ in rows})
    place = dict(zip(documents, byte_order(documents).tolist(), strict=True))
    return rank_pages(
        np.array([score for _, score, _ in rows]),
        np.array([max(grade, 0) for _, _, grade in rows], dtype=np.float64),
        np.cumsum([0, *map(len, pages)]),
        np.array([place[document] for document, _, _ in rows]),
    )


def _page(listed: dict[str, float], grades: dict[str, int]) -> list[tuple[str, float, int]]:
    """(document, score, grade) of the ranked documents, then of the judged documents that are not ranked."""
    ranked = [(document, score, grades.get(document, 0)) for document, score in listed.items()]
    return ranked + [(document, -np.inf, grade) for document, grade in grades.items() if document not in listed]


def _metric(text: str) -> MetricName:
    metric = parse_metric(text)
    if not _is_of_runs(metric.spec):
        known = [one.name for one in all_metrics() if _is_of_runs(one)]
        raise UsageError(f"{metric} cannot be computed for runs", hint=did_you_mean(metric.name, known))
    return metric


def _is_of_runs(metric: Metric) -> bool:
    shape = metric.shape(PageMetric)
    return shape is not None and shape.of_runs


def _with_relevant(qrels: Qrels, path: Path) -> Qrels:
    """The queries with a relevant document, sorted, so that intervals do not depend on the order of lines."""
    judged = {query: grades for query, grades in sorted(qrels.items()) if max(grades.values()) > 0}
    if not judged:
        raise DataError(f"{path}: none of {len(qrels):,} queries has a relevant document")
    if left_out := len(qrels) - len(judged):
        logger.info("%s: %d of %d queries have no relevant document and are left out", path, left_out, len(qrels))
    return judged


def _check_joins(path: Path, run: Run, qrels: Path, judged: Qrels) -> None:
    """Check that the run has queries of the qrels, and documents that were judged."""
    check_join(
        Ids("queries of qrels", qrels, list(judged)),
        Ids(path.name, path, list(run)),
        hint="Use the same query ids in both files.",
    )
    missing, unknown = len(judged.keys() - run), len(run.keys() - judged)
    if missing:
        logger.info("%s: %d of %d judged queries are missing and count as 0", path, missing, len(judged))
    if unknown:
        logger.info("%s: %d of %d queries have no relevant judged document: ignored", path, unknown, len(run))
    check_join(
        Ids("documents of qrels", qrels, [document for query in judged for document in judged[query]]),
        Ids(path.name, path, [document for query in judged for document in run.get(query, {})]),
        least=0,  # a run lists the best documents only
        hint="Use the same document ids in both files.",
    )


def _names(one: Path, other: Path) -> tuple[str, str]:
    """The names of two runs: their file names without extension, or the paths if these are equal."""
    short = [path.name.removesuffix(".gz").removesuffix(".trec") for path in (one, other)]
    for first, second in (short, (str(one), str(other))):
        if first != second:
            return first, second
    return f"{one} (1)", f"{other} (2)"
