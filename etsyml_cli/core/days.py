"""Calendar days in UTC as whole numbers: days since 1970-01-01."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import I64

SECONDS_PER_DAY = 86_400
MICROSECONDS_PER_DAY = SECONDS_PER_DAY * 1_000_000


def days_of(microseconds: I64) -> I64:
    """Days since 1970-01-01 of times in microseconds since then, shape (N,)."""
    return microseconds // MICROSECONDS_PER_DAY


def iso_date(day: int) -> str:
    """The date of a day since 1970-01-01, as in 2017-05-27."""
    return str(np.datetime64(day, "D"))
