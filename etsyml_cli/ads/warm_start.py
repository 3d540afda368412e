"""Go on from a trained click model: with its settings and what it knows, on the days of a log that are new to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.log import CLICKED, AdLog
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import manifest_of
from etsyml_cli.core.days import iso_date
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.io.model import SPLIT, load_config, load_json
from etsyml_cli.splits.days import DaySplit


def warm_start_config(model: Path, source: str, label: str) -> CtrConfig:
    """The settings of the model, which it goes on with. Raises UsageError where it cannot, InputError for no model."""
    plan = manifest_of(model).plan
    known = plan.config.get("label", CLICKED)
    if source not in plan.inputs or label != known:
        raise UsageError(
            f"{model} learned something else than {label} of {source}",
            hint="Leave out --warm-start to train a new model.",
        )
    config: CtrConfig = load_config(model, CtrConfig)
    if config.passes > 1:
        raise UsageError(
            f"{model} was trained in {config.passes} passes: to go on would be another pass over other days",
            hint="Train it with passes: 1, day after day.",
        )
    return config


def split_new_days(model: Path, log: AdLog, share: float | None) -> DaySplit:
    """The split of the days after those that the model has learned. Raises DataError where the log has none.

    The days that it knows stand in for training days: two new ones are enough to validate and to test.
    """
    known: DaySplit = load_json(model, SPLIT, DaySplit)
    new = log.days()[log.days() >= known.test_begins]
    if not len(new):
        learned = iso_date(known.test_begins - 1)
        raise DataError(f"{log.path}: nothing is new, the model has learned all days up to {learned}")
    try:
        split = split_days(np.concatenate([[known.test_begins - 1], new]), share)
    except DataError:
        n = int(new[-1]) - known.test_begins + 1
        raise DataError(
            f"{log.path}: {n} new day{'s' * (n > 1)} after what the model has learned, too few to hold any out",
            hint="Go on with --holdout none, or with a longer log.",
        ) from None
    return replace(split, first=known.test_begins)
