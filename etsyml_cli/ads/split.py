"""Which days of the log train a click model, which one validates it, and which are set aside for the test."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.splits.days import DaySplit, last_days, share_of_days


def split_days(days: NDArray[np.int64], share: float | None, train_days: int | None = None) -> DaySplit:
    """The last day for the test, or this share of the days, 0 for none; the last one before them for validation.

    `days` are those that have rows, ascending. With `train_days` only so many calendar days before the test are used,
    the validation day among them. Raises DataError for too short a log, UsageError for fewer than two `train_days`.
    """
    if share == 0:
        split = last_days(days, test_days=0, valid_days=min(1, int(days[-1] - days[0])))
    else:
        split = last_days(days, test_days=1 if share is None else share_of_days(days, share), valid_days=1)
    if train_days is not None:
        split = _latest(split, train_days)
    learned = days[(days >= split.first) & (days < split.test_begins)]
    return replace(split, valid_from=int(learned[-1])) if len(learned) > 1 else split


def _latest(split: DaySplit, train_days: int) -> DaySplit:
    if train_days < 2:
        raise UsageError(
            f"--train-days {train_days}: too few to train on", hint="The last of them validates: 2 or more."
        )
    there = split.test_begins - split.first
    if there < train_days:
        logger.warning("the log has only %d days before the test, not the %d of --train-days", there, train_days)
    return replace(split, first=max(split.first, split.test_begins - train_days))
