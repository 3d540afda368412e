"""Continue training a click model, with its settings, on the days of a log that are new to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.log.log import AdLog
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import origin_of
from etsyml_cli.core.days import iso_date
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.io.model import SPLIT, load_config, load_json
from etsyml_cli.splits.days import DaySplit


def warm_start_config(model: Path, source: str, label: str) -> CtrConfig:
    """The settings of the model. Raises UsageError if it cannot be continued, InputError if there is no model."""
    origin = origin_of(model)
    if (source, label) != (origin.source, origin.label):
        raise UsageError(
            f"{model} was trained on another label or table",
            hint="Leave out --warm-start to train a new model.",
        )
    config: CtrConfig = load_config(model, CtrConfig)
    if config.passes > 1:
        raise UsageError(
            f"{model} was trained in {config.passes} passes: a multi-pass model cannot be warm-started",
            hint="Train it with passes=1.",
        )
    return config


def split_new_days(model: Path, log: AdLog, share: float | None) -> DaySplit:
    """The split of the days after those that the model was trained on.

    Earlier days serve as training days, so two new days are enough to validate and to test. Raises DataError if the
    log has too few new days.
    """
    known: DaySplit = load_json(model, SPLIT, DaySplit)
    new = log.days()[log.days() >= known.test_begins]
    if not len(new):
        learned = iso_date(known.test_begins - 1)
        raise DataError(f"{log.path}: no new days: the model already covers everything up to {learned}")
    try:
        split = split_days(np.concatenate([[known.test_begins - 1], new]), share)
    except DataError:
        n = int(new[-1]) - known.test_begins + 1
        raise DataError(
            f"{log.path}: {n} new day{'s' * (n > 1)} after those of the model, too few for a test set",
            hint="Use --holdout none, or a longer log.",
        ) from None
    return replace(split, first=known.test_begins)
