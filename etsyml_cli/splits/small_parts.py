"""Warnings about test and validation parts that are too small to rely on."""

from __future__ import annotations

from collections.abc import Collection
from statistics import median

from etsyml_cli.core.log import logger

LEAST_EVENTS = 10
LEAST_SHARE = 0.01  # of the rows of a usual day


def warn_of_few_events(part: str, events: float, what: str) -> None:
    """Warn if a part holds fewer than LEAST_EVENTS events; `what` is the plural of one."""
    if events < LEAST_EVENTS:
        logger.warning("the %s part has only %d %s: its metrics mean little", part, events, what)


def warn_of_few_rows(part: str, rows: int, rows_of_days: Collection[int]) -> None:
    """Warn if a part holds less than LEAST_SHARE of the rows of the log's median day."""
    usual = median(rows_of_days)
    if rows < LEAST_SHARE * usual:
        logger.warning("the %s part has only %d rows; a usual day of the log has %d", part, rows, usual)
