"""Split a log by day into training, validation and test sets.

A split is stored in `split.json` as a rule with its boundaries, not as a list of rows.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError

TRAIN, VALID, TEST, NO_PART = 0, 1, 2, 3


class DaySplit(msgspec.Struct, frozen=True, kw_only=True):
    """A split by day (days since 1970-01-01, UTC): training, validation from `valid_from`, test from `test_from`."""

    rule: str = "days"
    first: int
    valid_from: int
    test_from: int | None  # None: no test set
    last: int

    @property
    def test_begins(self) -> int:
        """The day after the validation set: the first test day, or the day after the last if there is no test set."""
        return self.last + 1 if self.test_from is None else self.test_from

    def part_of(self, days: NDArray[np.int64]) -> NDArray[np.int8]:
        """TRAIN, VALID or TEST for each day, shape (N,); NO_PART for days after the last day of the split."""
        ends = [self.valid_from, self.test_begins, self.last + 1]
        return np.array([TRAIN, VALID, TEST, NO_PART], np.int8)[np.digitize(days, ends)]


def last_days(days: NDArray[np.int64], *, test_days: int, valid_days: int) -> DaySplit:
    """Hold out the last `test_days` calendar days as test set and the `valid_days` before them as validation set.

    Raises DataError if no day is left for training.
    """
    first, last = int(days.min()), int(days.max())
    n_days = last - first + 1
    if n_days <= test_days + valid_days:
        raise DataError(
            f"the log spans {n_days} day{'s' * (n_days > 1)}, too few to hold out {test_days + valid_days}",
            hint="Use --holdout none, or a longer log.",
        )
    test_from = last - test_days + 1
    return DaySplit(
        first=first,
        valid_from=test_from - valid_days,
        test_from=test_from if test_days else None,
        last=last,
    )


def held_out_share(holdout: str) -> float:
    """Parse `--holdout`: a share, or 0 for "none". Raises UsageError for other values."""
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
    """The number of calendar days in this share of the log, at least 1."""
    return max(1, round(share * (int(days.max()) - int(days.min()) + 1)))
