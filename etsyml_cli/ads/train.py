"""Train the click model: one stream of the ads' log in time order, hashed and learned batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.ads.card import LATEST_DAYS, model_card
from etsyml_cli.ads.click_model import KIND, CtrModel
from etsyml_cli.ads.columns import resolve_columns
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.day_totals import totals_by_day
from etsyml_cli.ads.features.derived import CLOCK_TYPE, DERIVED_COLUMNS
from etsyml_cli.ads.learn import learn_model, train_incremental
from etsyml_cli.ads.log import CLICKED, EVENTS, IMPRESSIONS, LOGS, AdLog, open_log
from etsyml_cli.ads.new_model import listing_columns, new_side_inputs
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import base_rate_of, load_model, save_model, side_inputs_of
from etsyml_cli.ads.warm_start import split_new_days, warm_start_config
from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.schema import table_schema
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import table_source
from etsyml_cli.photos.store import made_by
from etsyml_cli.splits.days import DaySplit, held_out_share
from etsyml_cli.splits.small_parts import warn_of_few_events, warn_of_few_rows

MAX_NAMES_IN_MESSAGE = 8  # columns in a message


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
    warm_start: Path | None = None,
    limit: int | None = None,
    force: bool = False,
) -> Summary:
    """Train FTRL-Proximal on the ads' log and write the model to `out`.

    With SEARCHES as the `source`, `impressions` is a searches table: each listing shown on a page is an impression.
    `label` is what an impression leads to: CLICKED, or CONVERTED where the table has that column.
    `holdout` is None (the last day), "none", or a share of the days; `train_days` takes only so many days before it;
    `limit` uses only so many rows, evenly spread. The day before the held-out ones judges the model, which then
    learns from that day too. `warm_start` names a model to go on from, with its settings in place of `config` and on
    the days after its own: the weights are bit for bit those of one model that learned all days at once.
    """
    if source not in LOGS:
        raise UsageError(f"no log of what was shown is called {source!r}", hint=did_you_mean(source, LOGS))
    share = None if holdout is None else held_out_share(holdout)
    if warm_start:
        config = warm_start_config(warm_start, source, label)
    images = images if config.photo_dim else None
    inputs = {source: impressions, "listings": listings, "images": images, "model": warm_start}
    options = {"label": label, "holdout": holdout, "train_days": train_days, "limit": limit}
    plan = _plan(inputs, config, options, seed)
    if there := existing_result(out, plan, force=force):
        return there
    log = open_log(impressions, limit, label, source, seed)
    split = split_new_days(warm_start, log, share) if warm_start else split_days(log.days(), share, train_days)
    _warn_of_small_parts(log, split)
    clock = dict.fromkeys(DERIVED_COLUMNS, CLOCK_TYPE)
    available = clock | log.columns | listing_columns(listings)  # of two types the listings' is the stricter
    fed = config if warm_start else resolve_columns(config, available)
    side = side_inputs_of(warm_start, listings, images) if warm_start else new_side_inputs(fed, listings, images)
    absent = [column for column in config.columns() if column not in available]
    own = [*table_schema(source).names(), *fed.columns(), fed.weight]
    _tell_columns(absent, [name for name in log.columns if name not in own])
    with artifact(out, plan, force=force) as draft:
        draft.rows = _rows(log, split)
        if warm_start:
            model = load_model(warm_start, side, seed)
            learned = train_incremental(model, log, split, base_rate_of(warm_start))
        else:
            model, learned = learn_model(log, side, fed, split, seed)
        said = {"source": source, "label": label, "train_days": train_days, "absent_columns": absent}
        metrics = said | learned
        draft.facts = {
            "label": label,
            "slots_used": sum(found["slots_used"] for found in metrics["hashing"].values()),
            "base_rate": metrics["train"]["base_rate"],
            "progressive_logloss": _progressive(learned["progressive"], list(model.parts)),
            "photos": made_by(side.photos.facts) if side.photos else None,
            **({"refitted": learned["refitted"]} if warm_start else {}),
        }
        _write(draft, model, split, metrics)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _progressive(days: list[dict[str, Any]], parts: list[str]) -> dict[str, float]:
    """The log loss of each part over the latest days, of rows that it had not learned yet."""
    latest = days[-LATEST_DAYS:]
    impressions = sum(of_day["impressions"] for of_day in latest)
    return {name: sum(of_day[name] for of_day in latest) / impressions for name in parts}


def _warn_of_small_parts(log: AdLog, split: DaySplit) -> None:
    totals = totals_by_day(log, split.valid_from, split.last + 1)
    parts = {"validation": (split.valid_from, split.test_begins), "test": (split.test_begins, split.last + 1)}
    for part, (first, end) in parts.items():
        if first < end:
            events = sum(of_day.events for day, of_day in totals.items() if first <= day < end)
            warn_of_few_events(part, events, f"{EVENTS[log.label]}s")
            warn_of_few_rows(part, log.rows(first, end), log.rows_of_day.values())


def _tell_columns(absent: list[str], unused: list[str]) -> None:
    if absent:
        logger.info("neither table has %s: trained without", ", ".join(absent))
    if unused:
        others = f" and {len(unused) - MAX_NAMES_IN_MESSAGE} others" if len(unused) > MAX_NAMES_IN_MESSAGE else ""
        named = ", ".join(unused[:MAX_NAMES_IN_MESSAGE])
        logger.info("no feature uses %s%s: see `etsyml config show ctr`", named, others)


def _plan(inputs: dict[str, Path | None], config: CtrConfig, options: dict[str, Any], seed: int) -> Plan:
    sources = {
        name: [source_of(path) if name in ("images", "model") else table_source(path, name)]
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


def _write(draft: Draft, model: CtrModel, split: DaySplit, metrics: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, split)
    save_json(draft.path, METRICS, metrics)
    (draft.path / CARD).write_text(model_card(model.config, split, metrics, draft.facts["photos"]), encoding="utf-8")
