"""Load the training data of a click model: log, split, configuration, listings and photos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from msgspec import structs

from etsyml_cli.ads.columns import check_weight, resolve_columns
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.derived.column import computable_types
from etsyml_cli.ads.log.day_totals import totals_by_day
from etsyml_cli.ads.log.log import CLICKED, EVENTS, IMPRESSIONS, LOGS, AdLog, open_log
from etsyml_cli.ads.side_inputs import SideInputs, check_side_inputs, listing_columns, new_side_inputs
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import side_inputs_of
from etsyml_cli.ads.warm_start import split_new_days, warm_start_config
from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.io.schema import table_schema
from etsyml_cli.io.tables import read_table
from etsyml_cli.splits.days import DaySplit, held_out_share
from etsyml_cli.splits.small_parts import warn_of_few_events, warn_of_few_rows
from etsyml_cli.text.language import plurals_of, tokenizer_for

MAX_NAMES_IN_MESSAGE = 8  # columns in a message


@dataclass(frozen=True)
class Inputs:
    """The inputs of `train ctr`.

    `log` is a table of kind `source`, one of LOGS: with SEARCHES, each listing shown on a page is an impression.
    `label` is the event to predict: CLICKED, or CONVERTED if the table has that column. `holdout` is None (the last
    day), "none", or a share of the days; `train_days` limits training to the last days before the test set; `limit`
    reads that many evenly spaced rows. `warm_start` is a model to continue, with its settings instead of `config`.
    """

    log: Path
    listings: Path | None
    config: CtrConfig
    images: Path | None = None
    source: str = IMPRESSIONS
    label: str = CLICKED
    seed: int = 0
    holdout: str | None = None
    train_days: int | None = None
    warm_start: Path | None = None
    limit: int | None = None


@dataclass(frozen=True)
class TrainingData:
    """The data to train on; `config` has only features that the tables have, the others are in `absent_columns`."""

    log: AdLog
    split: DaySplit
    config: CtrConfig
    side: SideInputs
    absent_columns: list[str]


def resolve_inputs(inputs: Inputs) -> Inputs:
    """The inputs with the settings of the model to continue, and without photos if the model uses none.

    Raises UsageError for an unknown source or an invalid holdout, and if the model cannot be continued.
    """
    if inputs.source not in LOGS:
        raise UsageError(f"unknown --source {inputs.source!r}", hint=did_you_mean(inputs.source, LOGS))
    _test_share(inputs)
    config = inputs.config
    if inputs.warm_start:
        config = warm_start_config(inputs.warm_start, inputs.source, inputs.label)
    return replace(inputs, config=config, images=inputs.images if config.photo_dim else None)


def load_training_data(inputs: Inputs) -> TrainingData:
    """Open the log, split it by day and read the listings and photos. `inputs` comes from `resolve_inputs`.

    Raises DataError if no listing of the log is in the listings table, or none has a photo.
    """
    log = open_log(inputs.log, inputs.limit, inputs.label, inputs.source, inputs.seed)
    warm_start, share = inputs.warm_start, _test_share(inputs)
    split = split_new_days(warm_start, log, share) if warm_start else split_days(log.days(), share, inputs.train_days)
    _warn_of_small_parts(log, split)
    of_listings = listing_columns(inputs.listings)
    derived = computable_types(log.columns, of_listings)
    available = derived | log.columns | of_listings  # the types of the listings table are stricter
    absent = [column for column in inputs.config.columns() if column not in available]
    config = inputs.config if warm_start else _with_plurals(resolve_columns(inputs.config, available), log, inputs)
    check_weight(config.weight, log.columns)
    side = (
        side_inputs_of(warm_start, inputs.listings, inputs.images)
        if warm_start
        else new_side_inputs(config, inputs.listings, inputs.images)
    )
    check_side_inputs(log.listings(), side, inputs.listings, inputs.images)
    used = {*table_schema(inputs.source).names(), *config.columns(), config.weight}
    _log_columns(absent, [name for name in log.columns if name not in used])
    return TrainingData(log, split, config, side, absent)


def _with_plurals(config: CtrConfig, log: AdLog, inputs: Inputs) -> CtrConfig:
    """Decide by the titles of the listings or, without a table, by the first texts of the log."""
    if config.plurals != "auto":
        return config
    if inputs.listings is not None:
        texts = read_table(inputs.listings, "listings", ["title"])["title"].to_pylist()
    else:
        columns = [name for name in config.features.text if pa.types.is_string(log.columns.get(name, pa.null()))]
        rows = next(log.unordered(columns, int(log.days()[0]), int(log.days()[-1]) + 1))
        texts = [text for column in columns for text in rows.column(column).unique().to_pylist()]
    return structs.replace(config, plurals=plurals_of(tokenizer_for("auto", texts)))


def _test_share(inputs: Inputs) -> float | None:
    return None if inputs.holdout is None else held_out_share(inputs.holdout)


def _warn_of_small_parts(log: AdLog, split: DaySplit) -> None:
    totals = totals_by_day(log, split.valid_from, split.last + 1)
    parts = {"validation": (split.valid_from, split.test_begins), "test": (split.test_begins, split.last + 1)}
    for part, (first, end) in parts.items():
        if first < end:
            events = sum(of_day.events for day, of_day in totals.items() if first <= day < end)
            warn_of_few_events(part, events, f"{EVENTS[log.label]}s")
            warn_of_few_rows(part, log.rows(first, end), log.rows_of_day.values())


def _log_columns(absent: list[str], unused: list[str]) -> None:
    if len(absent) == 1:
        logger.info("column %s is in neither table: trained without it", *absent)
    elif absent:
        logger.info("columns %s are in neither table: trained without them", ", ".join(absent))
    if unused:
        others = f" and {len(unused) - MAX_NAMES_IN_MESSAGE} others" if len(unused) > MAX_NAMES_IN_MESSAGE else ""
        names = ", ".join(unused[:MAX_NAMES_IN_MESSAGE])
        logger.info("no feature uses %s%s: see `etsyml config show ctr`", names, others)
