"""Rank by custom features: SVMlight or LETOR rows instead of listings, searches and photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.io.artifact import Plan, artifact, source_of
from etsyml_cli.io.model import CARD, METRICS, SPLIT, load_json, load_tensors, save_config, save_json, save_tensors
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.ranking import best_first, byte_order, rank_pages
from etsyml_cli.metrics.shapes import PageMetric
from etsyml_cli.search.card import rows_card
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.learn import Validation, learn_weights, objective_of
from etsyml_cli.search.model.blocks import Rows
from etsyml_cli.search.model.pairs import Pages, count_pairs
from etsyml_cli.search.store import ROWS_KIND, rows_manifest_of
from etsyml_cli.search.svmlight import ROW, RankingRows, read_svmlight
from etsyml_cli.splits.days import TEST, held_out_share
from etsyml_cli.splits.pages import HashSplit, describe

FEATURES = "features"
HIGHEST_GRADE = 127


class RowsMetrics(msgspec.Struct, frozen=True):
    """The content of metrics.json of a ranker of feature rows."""

    valid: Validation


class RowsFacts(msgspec.Struct, frozen=True):
    """The facts in the manifest of a ranker of feature rows."""

    shape: str
    photos: None
    columns: int


@dataclass(frozen=True)
class Inputs:
    """The inputs of training: a file of feature rows, and the file of its page sizes if rows have no qid.

    Nothing is held out unless `holdout` is a share of the pages, because such files mostly come with a test file.
    """

    features: Path
    groups: Path | None
    config: LtrConfig
    seed: int
    holdout: str | None = None


def train_on_rows(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Train a pairwise ranker on the rows of a file and write it to `out`.

    The l2 is chosen on a share of `config.valid_share`. Columns are scaled to a root mean square of 1 in training.
    Raises DataError if no row has a feature, or if features do not differ within a page.
    """
    config, features = inputs.config, inputs.features
    objective = objective_of(config, inputs.seed)
    plan = _plan(inputs)
    if done := existing_result(out, plan, force=force):
        return done
    rows = read_svmlight(features, inputs.groups)
    _expect_features(rows, features)
    test_share = 0.0 if inputs.holdout is None else held_out_share(inputs.holdout)
    split = HashSplit(seed=inputs.seed, test_below=test_share, valid_below=test_share + config.valid_share)
    part = split.part_of(rows.qids)
    pages = pages_of(rows, features)
    known = part != TEST
    scale = _root_mean_square(rows.features)
    scaled = Rows((rows.features @ sparse.diags_array(1 / scale)).tocsr()).take(pages.rows(known))
    ids = byte_order(names_of(rows))[pages.rows(known)]
    with artifact(out, plan, force=force) as draft:
        weights, valid = learn_weights(pages.take(known), {FEATURES: scaled}, part[known], ids, config.l2, objective)
        draft.rows = {"pages": len(rows.qids), "rows": len(rows.labels), "pairs": int(count_pairs(pages).sum())}
        draft.facts = msgspec.to_builtins(RowsFacts(FEATURES, None, len(scale)))
        save_config(draft.path, config)
        save_tensors(draft.path, {FEATURES: weights[FEATURES][FEATURES] / scale})
        save_json(draft.path, SPLIT, split)
        save_json(draft.path, METRICS, RowsMetrics(valid))
        card = rows_card(config=config, columns=len(scale), rows=draft.rows, split=describe(split), valid=valid)
        (draft.path / CARD).write_text(card, encoding="utf-8")
    return Summary(kind=ROWS_KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _plan(inputs: Inputs) -> Plan:
    sources = {FEATURES: [source_of(inputs.features)]}
    if inputs.groups is not None:
        sources["groups"] = [source_of(inputs.groups)]
    settings = msgspec.to_builtins(inputs.config) | {"holdout": inputs.holdout}
    return Plan(kind=ROWS_KIND, config=settings, inputs=sources, seed=inputs.seed)


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs of an evaluation: a ranker of feature rows, a file of such rows, and their page sizes if needed."""

    model: Path
    features: Path
    groups: Path | None = None


def evaluate_rows(inputs: EvaluationInputs, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of the ranker and of a random order on the pages of a file; of the training file, the held-out ones.

    Raises DataError if no page has a relevant row, InputError if `model` is not a ranker of feature rows.
    """
    features = inputs.features
    rows, scores = _scored(inputs.model, features, inputs.groups)
    pages = pages_of(rows, features)
    selected = _pages_to_evaluate(inputs.model, features, rows.qids)
    of_rows = pages.rows(selected)
    test_pages, gains = pages.take(selected), rows.labels[of_rows]
    variants = {"random": generator(seed, "random order").random(len(gains)), FEATURES: scores[of_rows]}
    order = byte_order(names_of(rows))[of_rows]
    ranked = {variant: rank_pages(s, gains, test_pages.offsets, order) for variant, s in variants.items()}
    evaluated = ranked[FEATURES].has_relevant()
    if not evaluated.any():
        raise DataError(f"{features}: none of {len(evaluated):,} pages has a relevant row")
    if not evaluated.all():
        logger.info("%d of %d pages have no relevant row and are left out", (~evaluated).sum(), len(evaluated))
    measured = []
    for metric in metrics:
        values = {
            variant: metric.shape(PageMetric).values(pages, metric)[evaluated] for variant, pages in ranked.items()
        }
        measured += compared_means(str(metric), values, seed)
    return measured


def rank_rows(*, model: Path, features: Path, groups: Path | None, k: int) -> Iterator[RankedList]:
    """The k best rows of each page; the id of a row is its line number in the file."""
    rows, scores = _scored(model, features, groups)
    names = names_of(rows)
    pages = np.repeat(np.arange(len(rows.qids)), np.diff(rows.offsets))
    order = best_first(scores, byte_order(names), pages)
    for q, qid in enumerate(rows.qids):
        best = order[rows.offsets[q] : rows.offsets[q + 1]][:k].tolist()
        items = [
            RankedItem(rank=rank, id=names[row], score=float(np.float32(scores[row])))
            for rank, row in enumerate(best, 1)
        ]
        yield RankedList(query=qid, items=items)


def pages_of(rows: RankingRows, path: Path) -> Pages:
    """The file's pages. Raises DataError if a label is not a grade."""
    labels = rows.labels
    invalid = np.flatnonzero((labels < 0) | (labels > HIGHEST_GRADE) | (labels != np.floor(labels)))
    if len(invalid):
        raise DataError(
            f"{path}:{rows.lines[invalid[0]]}: the label {labels[invalid[0]]:g} is not a grade",
            hint=f"Grades are integers from 0 to {HIGHEST_GRADE}.",
        )
    sizes = np.diff(rows.offsets)
    position = np.arange(len(labels)) - np.repeat(rows.offsets[:-1], sizes) + 1
    return Pages(labels.astype(np.int8), position, np.ones(len(labels)), rows.offsets)


def names_of(rows: RankingRows) -> list[str]:
    return [str(line) for line in rows.lines.tolist()]


def _scored(model: Path, features: Path, groups: Path | None) -> tuple[RankingRows, F64]:
    rows_manifest_of(model)
    w = load_tensors(model, {FEATURES: (None,)})[FEATURES]
    rows = read_svmlight(features, groups, n_features=len(w))
    _expect_features(rows, features)
    return rows, np.asarray(rows.features @ w)


def _expect_features(rows: RankingRows, path: Path) -> None:
    """Raises DataError if no row has a feature of the model that is not 0."""
    if rows.features.count_nonzero() == 0:
        raise DataError(
            f"{path}: none of {len(rows.labels):,} rows has a feature other than 0",
            hint=f"Are these judgments only, to which features must still be added? {ROW}",
        )


def _pages_to_evaluate(model: Path, features: Path, qids: list[str]) -> NDArray[np.bool_]:
    """All pages; of the training file, the held-out ones."""
    manifest = rows_manifest_of(model)
    if source_of(features).sha256 not in {source.sha256 for source in manifest.plan.inputs[FEATURES]}:
        return np.ones(len(qids), bool)
    held_out: NDArray[np.bool_] = load_json(model, SPLIT, HashSplit).part_of(qids) == TEST
    if not held_out.any():
        raise DataError(
            f"{features} is the training file, and no page of it was held out",
            hint="Evaluate another file, or train with --holdout SHARE.",
        )
    return held_out


def _root_mean_square(x: sparse.csr_matrix) -> F64:
    """The root mean square of each column, shape (D,); 1 for a column of zeros."""
    mean_square = np.asarray(x.multiply(x).mean(axis=0)).ravel()
    scale: F64 = np.where(mean_square > 0, np.sqrt(mean_square), 1.0)
    return scale
