"""Train, validation and test parts: by time, or by a hash of the page or user where there are no times.

A split is a rule with its boundaries, not a list of rows: `split.json` holds it and the rows follow.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError

MICROSECONDS_A_DAY = 86_400_000_000

TRAIN, VALID, TEST, NO_PART = 0, 1, 2, 3


class DaySplit(msgspec.Struct, frozen=True, kw_only=True):
    """Days (since 1970-01-01, UTC): train before `valid_from`, validation before `test_from`, test from there on."""

    rule: str = "days"
    first: int
    valid_from: int
    test_from: int | None  # None: nothing is held out
    last: int

    @property
    def test_begins(self) -> int:
        """The day after validation: the first test day or, where nothing is held out, the day after the last."""
        return self.last + 1 if self.test_from is None else self.test_from

    def part_of(self, days: NDArray[np.int64]) -> NDArray[np.int8]:
        """TRAIN, VALID or TEST for each day, shape (N,); NO_PART for a day after the split's last."""
        ends = [self.valid_from, self.test_begins, self.last + 1]
        return np.array([TRAIN, VALID, TEST, NO_PART], np.int8)[np.digitize(days, ends)]


def days_of(microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    return microseconds // MICROSECONDS_A_DAY


def last_days(days: NDArray[np.int64], *, test_days: int, valid_days: int) -> DaySplit:
    """Hold out the last `test_days` calendar days for the test and the `valid_days` before them for choices.

    Raises DataError where the log spans too few days to leave one for training.
    """
    first, last = int(days.min()), int(days.max())
    spanned = last - first + 1
    if spanned <= test_days + valid_days:
        raise DataError(
            f"the log spans {spanned} day{'s' * (spanned > 1)}, too few to hold out {test_days + valid_days}",
            hint="Train with --holdout none, or on a longer log.",
        )
    test_from = last - test_days + 1
    return DaySplit(
        first=first,
        valid_from=test_from - valid_days,
        test_from=test_from if test_days else None,
        last=last,
    )


def held_out_share(holdout: str) -> float:
    """The share that `--holdout` names, 0 for "none". Raises UsageError for what is no share."""
    if holdout == "none":
        return 0.0
    try:
        share = float(holdout)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise UsageError(f"--holdout {holdout}: expected none or a share of the days between 0 and 1, such as 0.2")
    return share


def share_of_days(days: NDArray[np.int64], share: float) -> int:
    """How many calendar days make up this share of the log, at least one."""
    return max(1, round(share * (int(days.max()) - int(days.min()) + 1)))
