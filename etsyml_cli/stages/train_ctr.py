"""Train the click model: one stream of the ads' log in time order, hashed and learned batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from etsyml_cli.core.errors import UsageError, did_you_mean
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
from etsyml_cli.stages.ctr_days import split_days
from etsyml_cli.stages.ctr_listings import Beside
from etsyml_cli.stages.ctr_log import CLICKED, IMPRESSIONS, LOGS, AdLog, first_averages, open_log
from etsyml_cli.stages.ctr_model import KIND, CtrModel, Judged, judge_days, learn_days, together, variants_of
from etsyml_cli.stages.ctr_store import listing_columns, new_model, read_feature_columns, save_model
from etsyml_cli.stages.summary import Summary, made_before

BLEND_DAYS = 6  # the blend is fitted on the last so many days before the validation day, which calibrates it
MOST_NAMED = 8  # columns in a message


def train_ctr(
    *,
    impressions: Path,
    listings: Path | None,
    images: Path | None = None,
    out: Path,
    config: CtrConfig,
    label: str = CLICKED,
    source: str = IMPRESSIONS,
    seed: int = 0,
    holdout: str | None = None,
    train_days: int | None = None,
    limit: int | None = None,
    force: bool = False,
    replace: bool = True,
) -> Summary:
    """Train FTRL-Proximal on the ads' log and write the model to `out`.

    With SEARCHES as the `source`, `impressions` is a searches table: each listing shown on a page is an impression.
    `label` is what an impression leads to: CLICKED, or CONVERTED where the table has that column.
    `holdout` is None (the last day), "none", or a share of the days; `train_days` takes only so many days before it;
    `limit` uses only so many rows, evenly spread. The day before the held-out ones judges the model, which then
    learns from that day too.
    """
    if source not in LOGS:
        raise UsageError(f"no log of what was shown is called {source!r}", hint=did_you_mean(source, LOGS))
    share = None if holdout is None else held_out_share(holdout)
    inputs = {source: impressions, "listings": listings, "images": images if config.photo_dim else None}
    options = {"label": label, "holdout": holdout, "train_days": train_days, "limit": limit}
    plan = _plan(inputs, config, options, seed)
    if there := made_before(out, plan, force=force):
        return there
    log = open_log(impressions, limit, label, source)
    split = split_days(log.days(), share, train_days)
    clock = dict.fromkeys(CLOCK, CLOCK_TYPE)
    available = clock | log.columns | listing_columns(listings)  # of two types the listings' is the stricter
    fed = fed_by(config, available)
    photos = read_image_features(images) if images and config.photo_dim else None
    beside = Beside(read_feature_columns(fed, listings), photos)
    absent = [column for column in config.columns() if column not in available]
    if absent:
        logger.info("neither table has %s: trained without", ", ".join(absent))
    own = [*table_schema(source).names(), *fed.columns()]
    unused = [column for column in log.columns if column not in own]
    if unused:
        others = f" and {len(unused) - MOST_NAMED} others" if len(unused) > MOST_NAMED else ""
        named = ", ".join(unused[:MOST_NAMED])
        logger.info("no feature uses %s%s: see `etsyml config show ctr`", named, others)
    with artifact(out, plan, replace=replace) as draft:
        draft.rows = _rows(log, split)
        model, learned = learn_model(log, beside, fed, split, seed)
        said = {"source": source, "label": label, "train_days": train_days, "absent_columns": absent}
        metrics = said | learned
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
    model = new_model(config, beside, first_averages(log, split.first, split.valid_from), split.first, seed)
    with progress("train ctr", _steps(log, split, config)) as advance:
        return model, _train(model, log, split, advance)


def _plan(inputs: dict[str, Path | None], config: CtrConfig, options: dict[str, Any], seed: int) -> Plan:
    sources = {
        name: [source_of(path) if name == "images" else table_source(path, name)]
        for name, path in inputs.items()
        if path is not None
    }
    return Plan(kind=KIND, config=msgspec.to_builtins(config) | options, inputs=sources, seed=seed)


def _rows(log: AdLog, split: DaySplit) -> dict[str, int]:
    used = {
        "train": log.rows(split.first, split.valid_from),
        "valid": log.rows(split.valid_from, split.test_begins),
        "test": log.rows(split.test_begins, split.last + 1),
    }
    earlier = sum(log.rows_of_day.values()) - sum(used.values())
    return used | ({"earlier": earlier} if earlier else {})


def _steps(log: AdLog, split: DaySplit, config: CtrConfig) -> int:
    return config.passes * log.rows(split.first, split.valid_from) + log.rows(split.valid_from, split.test_begins)


def _train(model: CtrModel, log: AdLog, split: DaySplit, advance: Advance) -> dict[str, Any]:
    """Learn the training days, judge on the validation days, learn those too; returns the figures of all that."""
    days: list[dict[str, Any]] = []
    latest: list[Judged] = []
    days_here = log.days()
    blend_from = days_here[days_here < split.valid_from][-BLEND_DAYS:][0]
    for number in range(model.config.passes):
        model.forget_history(split.first)
        for day, judged in learn_days(model, log, split.first, split.valid_from):
            advance(len(judged.clicks))
            if number == 0:  # later passes predict rows that they have seen
                _count(days, day, model, judged)
                if day >= blend_from:
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
        what = "rows of one class only" if len(clicks) else "no rows"
        logger.warning("the validation day has %s: nothing was validated", what)
        return {}
    variants = {"base_rate": np.full(len(clicks), base_rate), **variants_of(model, judged)}
    valid = {name: figures(p, clicks, impressions) for name, p in variants.items()}
    worst = max(valid, key=lambda name: valid[name]["logloss"])
    if worst != "base_rate":
        logger.warning(
            "on the validation day the %s model is worse than the base rate (log loss %.4f against %.4f): "
            "try a smaller alpha or a larger beta",
            worst,
            valid[worst]["logloss"],
            valid["base_rate"]["logloss"],
        )
    return valid


def _write(draft: Draft, model: CtrModel, split: DaySplit, metrics: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, split)
    save_json(draft.path, METRICS, metrics)
    (draft.path / CARD).write_text(model_card(model.config, split, metrics, draft.facts["photos"]), encoding="utf-8")
