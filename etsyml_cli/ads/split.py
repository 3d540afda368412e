"""Split the days of a log into training days, a validation day and test days."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.splits.days import DaySplit, last_days, share_of_days


def split_days(days: NDArray[np.int64], share: float | None, train_days: int | None = None) -> DaySplit:
    """Hold out the last day, or this share of the days (0 for none), as test set; the day before them validates.

    `days` are the days that have rows, ascending. `train_days` is the number of calendar days before the test set to
    use, including the validation day. Raises DataError if the log is too short, UsageError for fewer than two
    `train_days`.
    """
    if share == 0:
        split = last_days(days, test_days=0, valid_days=min(1, int(days[-1] - days[0])))
    else:
        split = last_days(days, test_days=1 if share is None else share_of_days(days, share), valid_days=1)
    if train_days is not None:
        split = _latest(split, train_days)
    trained = days[(days >= split.first) & (days < split.test_begins)]
    return replace(split, valid_from=int(trained[-1])) if len(trained) > 1 else split


def _latest(split: DaySplit, train_days: int) -> DaySplit:
    if train_days < 2:
        raise UsageError(
            f"--train-days {train_days}: expected at least 2", hint="The last of these days is the validation day."
        )
    n_days = split.test_begins - split.first
    if n_days < train_days:
        logger.warning("the log has only %d days before the test, fewer than --train-days %d", n_days, train_days)
    return replace(split, first=max(split.first, split.test_begins - train_days))
