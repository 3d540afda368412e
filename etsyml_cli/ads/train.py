"""Train the click model on a log, read in time order, batch by batch."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import UNSET

from etsyml_cli.ads.card import LATEST_DAYS, model_card
from etsyml_cli.ads.click_model import KIND, CtrModel
from etsyml_cli.ads.figures import DataFigures, Facts, LearningFigures, mean_log_loss, metrics_json
from etsyml_cli.ads.learn import learn_model, train_incremental
from etsyml_cli.ads.log.log import AdLog
from etsyml_cli.ads.prepare import Inputs, TrainingData, load_training_data, resolve_inputs
from etsyml_cli.ads.store import base_rate_of, load_model, save_model
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Plan, artifact, source_of
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import table_source
from etsyml_cli.photos.store import made_by
from etsyml_cli.splits.days import DaySplit
from etsyml_cli.text.tokenize import WORDS_VERSION


def train_ctr(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Train FTRL-Proximal on the log and write the model to `out`.

    The validation day, the last day before the test set, measures the model, which is then trained on it as well.
    After a warm start, the weights are identical, bit for bit, to those of one model trained on all days at once.
    """
    inputs = resolve_inputs(inputs)
    plan = _plan(inputs)
    if done := existing_result(out, plan, force=force):
        return done
    data = load_training_data(inputs)
    with artifact(out, plan, force=force) as draft:
        draft.rows = _rows(data.log, data.split)
        model, learned = _learn(inputs, data)
        _expect_features(data.log, learned)
        facts = _facts(inputs, data, model, learned)
        draft.facts = msgspec.to_builtins(facts)
        used = DataFigures(
            source=inputs.source,
            label=inputs.label,
            train_days=inputs.train_days,
            absent_columns=data.absent_columns,
        )
        save_model(draft.path, model)
        save_json(draft.path, SPLIT, data.split)
        save_json(draft.path, METRICS, metrics_json(used, learned))
        card = model_card(model.config, data.split, used, learned, facts.photos)
        (draft.path / CARD).write_text(card, encoding="utf-8")
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _learn(inputs: Inputs, data: TrainingData) -> tuple[CtrModel, LearningFigures]:
    if inputs.warm_start is None:
        return learn_model(data.log, data.side, data.config, data.split, inputs.seed)
    model = load_model(inputs.warm_start, data.side, inputs.seed)
    return model, train_incremental(model, data.log, data.split, base_rate_of(inputs.warm_start))


def _expect_features(log: AdLog, learned: LearningFigures) -> None:
    """Warn of a part of the model that found no feature in the rows. Raises DataError if no part found one."""
    if not learned.slots_used():
        raise DataError(
            f"{log.path}: no row has a value in a column of the features",
            hint="Name columns that have values under features and history, as in: etsyml config show ctr",
        )
    for name, part in learned.hashing.items():
        if not part.slots_used:
            logger.warning("no row has a feature of the %s model: it predicts the base rate", name)


def _facts(inputs: Inputs, data: TrainingData, model: CtrModel, learned: LearningFigures) -> Facts:
    """The facts of the manifest; the progressive log loss is that of the latest days."""
    latest = learned.progressive[-LATEST_DAYS:]
    return Facts(
        label=inputs.label,
        slots_used=learned.slots_used(),
        base_rate=learned.train.base_rate,
        progressive_logloss={name: mean_log_loss(latest, name) for name in model.parts},
        photos=made_by(data.side.photos.facts) if data.side.photos else None,
        refitted=learned.refitted if inputs.warm_start else UNSET,
    )


def _plan(inputs: Inputs) -> Plan:
    tables = {inputs.source: inputs.log, "listings": inputs.listings}
    artifacts = {"images": inputs.images, "model": inputs.warm_start}
    sources = {name: [table_source(path, name)] for name, path in tables.items() if path is not None}
    sources |= {name: [source_of(path)] for name, path in artifacts.items() if path is not None}
    options = {name: getattr(inputs, name) for name in ("label", "holdout", "train_days", "limit")}
    config = msgspec.to_builtins(inputs.config) | options
    return Plan(kind=KIND, config=config, inputs=sources, seed=inputs.seed, format_version=WORDS_VERSION)


def _rows(log: AdLog, split: DaySplit) -> dict[str, int]:
    used = {
        "train": log.rows(split.first, split.valid_from),
        "valid": log.rows(split.valid_from, split.test_begins),
        "test": log.rows(split.test_begins, split.last + 1),
    }
    earlier = sum(log.rows_of_day.values()) - sum(used.values())
    return used | ({"earlier": earlier} if earlier else {})
