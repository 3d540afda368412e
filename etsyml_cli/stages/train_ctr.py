"""Train the click model: one stream of the ads' log in time order, hashed and learned batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.features.clock import CLOCK, CLOCK_TYPE
from etsyml_cli.ingest.split import DaySplit, held_out_share
from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.features import made_by, read_image_features
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.schema import table_schema
from etsyml_cli.io.tables import table_source
from etsyml_cli.metrics.probability import figures, log_losses
from etsyml_cli.models.ctr.blend import calibrated, fit_blend
from etsyml_cli.models.ctr.columns import fed_by
from etsyml_cli.models.ctr.config import CtrConfig
from etsyml_cli.models.ctr.ftrl import hashing_figures
from etsyml_cli.stages.ctr_card import model_card
from etsyml_cli.stages.ctr_listings import Beside
from etsyml_cli.stages.ctr_log import CLICKED, AdLog, click_rate, open_log, split_days
from etsyml_cli.stages.ctr_model import KIND, CtrModel, Judged, judge_days, learn_days, together, variants_of
from etsyml_cli.stages.ctr_store import listing_columns, new_model, read_feature_columns, save_model
from etsyml_cli.stages.summary import Summary, made_before

BLEND_DAYS = 6  # the blend is fitted on so many days before the validation day, which calibrates it


def train_ctr(
    *,
    impressions: Path,
    listings: Path | None,
    images: Path | None = None,
    out: Path,
    config: CtrConfig,
    label: str = CLICKED,
    seed: int = 0,
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
    images = images if config.photo_dim else None
    plan = _plan(impressions, listings, images, config, {"label": label, "holdout": holdout, "limit": limit}, seed)
    if there := made_before(out, plan, force=force):
        return there
    log = open_log(impressions, limit, label)
    split = split_days(log, share)
    clock = dict.fromkeys(CLOCK, CLOCK_TYPE)
    available = clock | log.columns | listing_columns(listings)  # of two types the listings' is the stricter
    fed = fed_by(config, available)
    photos = read_image_features(images) if images else None
    beside = Beside(read_feature_columns(fed, listings), photos)
    absent = [column for column in config.columns() if column not in available]
    if absent:
        logger.info("neither table has %s: trained without", ", ".join(absent))
    own = [*table_schema("impressions").names(), *fed.columns()]
    unused = [column for column in log.columns if column not in own]
    if unused:
        logger.info("no feature uses %s: see `etsyml config show ctr`", ", ".join(unused))
    with artifact(out, plan, replace=replace) as draft:
        draft.rows = _rows(log, split)
        model, learned = learn_model(log, beside, fed, split, seed)
        metrics = {"label": label, "absent_columns": absent, **learned}
        draft.facts = {
            "label": label,
            "slots_used": sum(found["slots_used"] for found in metrics["hashing"].values()),
            "base_rate": metrics["train"]["base_rate"],
            "photos": made_by(photos.facts) if photos else None,
        }
        _write(draft, model, split, metrics)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def learn_model(
    log: AdLog, beside: Beside, config: CtrConfig, split: DaySplit, seed: int = 0
) -> tuple[CtrModel, dict[str, Any]]:
    """A model that learned all days before the split's test, and the figures of its training.

    `config` is what `fed_by` gives. Raises DataError where the training days have rows of one class only.
    """
    rate = click_rate(log, split.first, split.valid_from)
    model = new_model(config, beside, rate / (rate + (1 - rate) * config.negatives), split.first, seed)
    with progress("train ctr", _steps(log, split, config)) as advance:
        return model, _train(model, log, split, advance)


def _plan(
    impressions: Path,
    listings: Path | None,
    images: Path | None,
    config: CtrConfig,
    options: dict[str, Any],
    seed: int,
) -> Plan:
    inputs = {"impressions": [table_source(impressions, "impressions")]}
    if listings is not None:
        inputs["listings"] = [table_source(listings, "listings")]
    if images is not None:
        inputs["images"] = [source_of(images)]
    return Plan(kind=KIND, config=msgspec.to_builtins(config) | options, inputs=inputs, seed=seed)


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
    days: list[dict[str, Any]] = []
    latest: list[Judged] = []
    for number in range(model.config.passes):
        model.forget_history(split.first)
        for day, judged in learn_days(model, log, split.first, split.valid_from):
            advance(len(judged.clicks))
            if number == 0:  # later passes predict rows that they have seen
                _count(days, day, model, judged)
                if day >= split.valid_from - BLEND_DAYS:
                    latest.append(judged)
    progressive = together(latest)
    if len(model.parts) > 1:
        model.blend = fit_blend(*progressive)
    base_rate = _total(days, "clicks") / _total(days, "impressions")
    valid = _validate(model, judge_days(model, log, split.valid_from, split.test_begins), base_rate)
    held: list[Judged] = []
    for day, judged in learn_days(model, log, split.valid_from, split.test_begins):
        advance(len(judged.clicks))
        _count(days, day, model, judged)
        held.append(judged)
    if held and len(model.parts) > 1:
        model.blend = calibrated(model.blend, *together(held))
    totals = {name: _total(days, name) for name in ("rows", "impressions", "clicks")}
    return {
        "train": {**totals, "base_rate": totals["clicks"] / totals["impressions"]},
        "progressive": days,
        "valid": valid,
        "blend": {"weights": model.blend.weights.tolist(), "platt": model.blend.platt.tolist()},
        "hashing": {name: hashing_figures(part.zn) for name, part in model.parts.items()},
    }


def _count(days: list[dict[str, Any]], day: int, model: CtrModel, judged: Judged) -> None:
    """Add rows of a day to its figures: how many, and the log loss of each part just before it learned them."""
    if not days or days[-1]["day"] != day:
        days.append({"day": day, "rows": 0, "impressions": 0.0, "clicks": 0.0, **dict.fromkeys(model.parts, 0.0)})
    of_day = days[-1]
    of_day["rows"] += len(judged.clicks)
    of_day["impressions"] += float(judged.impressions.sum())
    of_day["clicks"] += float(judged.clicks.sum())
    for name, p in zip(model.parts, judged.p.T, strict=True):
        of_day[name] += float(log_losses(p, judged.clicks, judged.impressions).sum())


def _total(days: list[dict[str, Any]], name: str) -> Any:
    return sum(of_day[name] for of_day in days)


def _validate(model: CtrModel, judged: Judged, base_rate: float) -> dict[str, dict[str, float]]:
    """The figures of the validation day, by variant; none where that day cannot judge."""
    clicks, impressions = judged.clicks, judged.impressions
    if not 0 < clicks.sum() < impressions.sum():
        logger.warning("the rows of the validation day are all of one class: nothing was validated")
        return {}
    variants = {"base_rate": np.full(len(clicks), base_rate), **variants_of(model, judged)}
    valid = {name: figures(p, clicks, impressions) for name, p in variants.items()}
    best = valid[list(variants)[-1]]
    if best["logloss"] > valid["base_rate"]["logloss"]:
        logger.warning(
            "on the validation day the model is worse than the base rate (log loss %.4f against %.4f): "
            "try a smaller alpha or, where a row holds many impressions, a beta of 100 to 1000",
            best["logloss"],
            valid["base_rate"]["logloss"],
        )
    return valid


def _write(draft: Draft, model: CtrModel, split: DaySplit, metrics: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, split)
    save_json(draft.path, METRICS, metrics)
    (draft.path / CARD).write_text(model_card(model.config, split, metrics, draft.facts["photos"]), encoding="utf-8")
