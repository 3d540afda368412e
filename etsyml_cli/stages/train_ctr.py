"""Train the click model: one stream of the ads' log in time order, hashed and learned batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.ingest.split import DaySplit, held_out_share
from etsyml_cli.io.artifact import Draft, Plan, artifact
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.schema import table_schema
from etsyml_cli.io.tables import table_source
from etsyml_cli.metrics.probability import Floats, figures, log_losses
from etsyml_cli.models.ctr.blend import calibrated, fit_blend
from etsyml_cli.models.ctr.columns import fed_by
from etsyml_cli.models.ctr.config import CtrConfig
from etsyml_cli.models.ctr.ftrl import hashing_figures
from etsyml_cli.stages.ctr_card import model_card
from etsyml_cli.stages.ctr_log import CLICKED, AdLog, click_rate, open_log, split_days
from etsyml_cli.stages.ctr_model import (
    KIND,
    CtrModel,
    Judged,
    judge_days,
    learn_days,
    listing_columns,
    new_model,
    save_model,
    together,
    variants_of,
)
from etsyml_cli.stages.summary import Summary, made_before

BLEND_DAYS = 6  # the blend is fitted on so many days before the validation day, which calibrates it
PROGRESSIVE_SHARE = 0.1  # the last part of the training rows, on which progressive validation is reported


@dataclass
class Tally:
    """Sums over rows as they stream by; `loss` is their log loss."""

    rows: int = 0
    impressions: float = 0.0
    clicks: float = 0.0
    loss: float = 0.0

    def add(self, p: Floats, clicks: Floats, impressions: Floats) -> None:
        """Count rows that were predicted to be clicked with probability p."""
        self.rows += len(p)
        self.impressions += float(impressions.sum())
        self.clicks += float(clicks.sum())
        self.loss += float(log_losses(p, clicks, impressions).sum())

    def base_rate(self) -> float:
        """Clicks by impression."""
        return self.clicks / self.impressions


def train_ctr(
    *,
    impressions: Path,
    listings: Path | None,
    out: Path,
    config: CtrConfig,
    label: str = CLICKED,
    holdout: str | None = None,
    limit: int | None = None,
    force: bool = False,
    replace: bool = True,
) -> Summary:
    """Train FTRL-Proximal on the ads' log and write the model to `out`.

    `label` is what an impression leads to: CLICKED, or CONVERTED where the table has that column.
    `holdout` is None (the last day), "none", or a share of the days; `limit` uses only so many rows, evenly spread.
    The day before the held-out ones judges the model, which then learns from that day too.
    """
    share = None if holdout is None else held_out_share(holdout)
    plan = _plan(impressions, listings, config, {"label": label, "holdout": holdout, "limit": limit})
    if there := made_before(out, plan, force=force):
        return there
    log = open_log(impressions, limit, label)
    split = split_days(log, share)
    available = log.columns | listing_columns(listings)  # of two types the listings' is the stricter, the log's text
    fed = fed_by(config, available)
    absent = [column for column in config.columns() if column not in available]
    if absent:
        logger.info("neither table has %s: trained without", ", ".join(absent))
    own = [*table_schema("impressions").names(), *fed.columns()]
    unused = [column for column in log.columns if column not in own]
    if unused:
        logger.info("no feature uses %s: see `etsyml config show ctr`", ", ".join(unused))
    with artifact(out, plan, replace=replace) as draft:
        draft.rows = _rows(log, split)
        model, learned = learn_model(log, listings, fed, split)
        metrics = {"label": label, "absent_columns": absent, **learned}
        draft.facts = {
            "label": label,
            "slots_used": sum(found["slots_used"] for found in metrics["hashing"].values()),
            "base_rate": metrics["train"]["base_rate"],
        }
        _write(draft, model, split, metrics)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def learn_model(
    log: AdLog, listings: Path | None, config: CtrConfig, split: DaySplit
) -> tuple[CtrModel, dict[str, Any]]:
    """A model that learned all days before the split's test, and the figures of its training.

    `config` is what `fed_by` gives. Raises DataError where the training days have rows of one class only.
    """
    model = new_model(config, listings, click_rate(log, split.first, split.valid_from), split.first)
    with progress("train ctr", _steps(log, split, config)) as advance:
        return model, _train(model, log, split, advance)


def _plan(impressions: Path, listings: Path | None, config: CtrConfig, options: dict[str, Any]) -> Plan:
    inputs = {"impressions": [table_source(impressions, "impressions")]}
    if listings is not None:
        inputs["listings"] = [table_source(listings, "listings")]
    return Plan(
        kind=KIND, config=msgspec.to_builtins(config) | options, inputs=inputs
    )  # no seed: nothing here is left to chance


def _rows(log: AdLog, split: DaySplit) -> dict[str, int]:
    return {
        "train": log.rows(split.first, split.valid_from),
        "valid": log.rows(split.valid_from, split.test_begins),
        "test": log.rows(split.test_begins, split.last + 1),
    }


def _steps(log: AdLog, split: DaySplit, config: CtrConfig) -> int:
    return config.passes * log.rows(split.first, split.valid_from) + log.rows(split.valid_from, split.test_begins)


def _train(model: CtrModel, log: AdLog, split: DaySplit, advance: Advance) -> dict[str, Any]:
    """Learn the training days, judge on the validation days, learn those too; returns the figures of all that."""
    seen, tails, latest = Tally(), {name: Tally() for name in ("historical", "content")}, []
    tail_from = int((1 - PROGRESSIVE_SHARE) * log.rows(split.first, split.valid_from))
    for number in range(model.config.passes):
        model.forget_history(split.first)
        for day, judged in learn_days(model, log, split.first, split.valid_from):
            if number == 0:  # later passes predict rows that they have seen
                for name, tail in tails.items():
                    columns = (getattr(judged, name), judged.clicks, judged.impressions)
                    tail.add(*(column[max(0, tail_from - seen.rows) :] for column in columns))
                seen.add(judged.content, judged.clicks, judged.impressions)
                if day >= split.valid_from - BLEND_DAYS:
                    latest.append(judged)
            advance(len(judged.clicks))
    model.blend = fit_blend(*together(latest))
    valid = _validate(model, judge_days(model, log, split.valid_from, split.test_begins), seen.base_rate())
    held = []
    for _, judged in learn_days(model, log, split.valid_from, split.test_begins):
        held.append(judged)
        seen.add(judged.content, judged.clicks, judged.impressions)
        advance(len(judged.clicks))
    if held:
        model.blend = calibrated(model.blend, *together(held))
    learned_from = {"rows": seen.rows, "impressions": seen.impressions, "clicks": seen.clicks}
    return {
        "train": {**learned_from, "base_rate": seen.base_rate()},
        "progressive": {
            "rows": tails["content"].rows,
            **{name: tail.loss / max(tail.impressions, 1) for name, tail in tails.items()},
        },
        "valid": valid,
        "blend": {"weights": model.blend.weights.tolist(), "platt": model.blend.platt.tolist()},
        "hashing": {
            name: hashing_figures(part.zn)
            for name, part in [("historical", model.historical), ("content", model.content)]
        },
    }


def _validate(model: CtrModel, judged: Judged, base_rate: float) -> dict[str, dict[str, float]]:
    """The figures of the validation day, by variant; none where that day cannot judge."""
    clicks, impressions = judged.clicks, judged.impressions
    if not 0 < clicks.sum() < impressions.sum():
        logger.warning("the rows of the validation day are all of one class: nothing was validated")
        return {}
    variants = variants_of(model, judged, base_rate)
    valid = {name: figures(p, clicks, impressions) for name, p in variants.items()}
    if valid["ensemble"]["logloss"] > valid["baseline"]["logloss"]:
        logger.warning(
            "on the validation day the model is worse than the base rate (log loss %.4f against %.4f): "
            "try a smaller alpha or, where a row holds many impressions, a beta of 100 to 1000",
            valid["ensemble"]["logloss"],
            valid["baseline"]["logloss"],
        )
    return valid


def _write(draft: Draft, model: CtrModel, split: DaySplit, metrics: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, split)
    save_json(draft.path, METRICS, metrics)
    (draft.path / CARD).write_text(model_card(model.config, split, metrics), encoding="utf-8")
