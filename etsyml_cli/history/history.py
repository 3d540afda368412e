"""Historical features of ads: clicks and impressions of earlier days per key, such as a listing.

Features of a day use the counts up to the day before, so that no label leaks into a feature of its own day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64, U64

CLICKS, SHOWN, RECENT_CLICKS, RECENT_SHOWN, FIRST_DAY = range(5)  # columns of History.counts
FEATURES = ("rate", "shown", "recent_rate", "recent_shown", "age")
MAX_PRIOR_WEIGHT = 1e6  # in impressions, for keys that do not differ
MAX_LOG_ODDS = 4.0  # largest distance from the base rate
LOG_SHOWN, LOG_AGE = 8.0, 4.0  # divisors of logarithms, so that features have similar ranges


class Prior(NamedTuple):
    """A beta distribution of click rates: mean and weight (number of pseudo-impressions)."""

    mean: float
    weight: float


class DayCounts(NamedTuple):
    """Clicks and impressions, `sums` (K, 2), of one day's distinct `keys` (K,), ascending."""

    day: int
    keys: U64
    sums: F64


class History:
    """Counts of K keys over all days before `today`, and over the last `days` of them.

    `keys`, (K,), are ascending; `counts`, (K, 5), are clicks and impressions of all days and of the last days, and
    the first day. `recent` has the counts of each of the last days, earliest first.
    """

    def __init__(
        self,
        days: int,
        today: int,
        keys: U64 | None = None,
        counts: F64 | None = None,
        recent: Iterable[DayCounts] = (),
    ) -> None:
        self.days = days
        self.today = today
        self.keys = np.empty(0, np.uint64) if keys is None else keys
        self.counts = np.empty((0, 5)) if counts is None else counts
        self._recent = deque(recent)
        self._current: list[DayCounts] = []
        self._fit_priors()

    def add(self, keys: U64, clicks: F64, impressions: F64) -> None:
        """Add rows of today, each array (N,); they are included in features from the next day on."""
        if len(keys):
            self._current.append(_summed(self.today, keys, np.column_stack([clicks, impressions])))

    def begin(self, day: int) -> None:
        """Begin `day`, so that the counts of earlier days are included in features."""
        if day == self.today:
            return
        if self._current:
            self._end_day()
        while self._recent and self._recent[0].day < day - self.days:
            old = self._recent.popleft()
            self.counts[np.searchsorted(self.keys, old.keys), RECENT_CLICKS:FIRST_DAY] -= old.sums
        self.today = day
        self._fit_priors()

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The state of the history, without the rows of today, for `history_of`."""
        no_counts = DayCounts(self.today, np.empty(0, np.uint64), np.empty((0, 2)))
        _, keys, sums = zip(no_counts, *self._recent, strict=True)
        return {
            "keys": self.keys,
            "counts": self.counts,
            "today": np.array([self.today]),
            "recent.days": np.repeat([part.day for part in self._recent], [len(part.keys) for part in self._recent]),
            "recent.keys": np.concatenate(keys),
            "recent.sums": np.concatenate(sums),
        }

    def shown(self, keys: U64) -> F64:
        """Impressions of each key on earlier days, (N,)."""
        return self._counts_of(keys)[:, SHOWN]

    def features(self, keys: U64) -> F64:
        """FEATURES of each key, (N, 5); all are 0 for a key without impressions.

        A rate is the log-odds of the posterior mean minus the log-odds of the prior mean.
        """
        counts = self._counts_of(keys)
        age = np.where(counts[:, SHOWN] > 0, self.today - counts[:, FIRST_DAY], 0)
        return np.column_stack(
            [
                _rate(counts[:, CLICKS], counts[:, SHOWN], self._prior),
                np.log1p(counts[:, SHOWN]) / LOG_SHOWN,
                _rate(counts[:, RECENT_CLICKS], counts[:, RECENT_SHOWN], self._recent_prior),
                np.log1p(counts[:, RECENT_SHOWN]) / LOG_SHOWN,
                np.log1p(age) / LOG_AGE,
            ]
        )

    def _counts_of(self, keys: U64) -> F64:
        counts = np.zeros((len(keys), 5))
        positions = find_positions(self.keys, keys)
        present = positions >= 0
        counts[present] = self.counts[positions[present]]
        return counts

    def _end_day(self) -> None:
        today = _summed(
            self.today,
            np.concatenate([part.keys for part in self._current]),
            np.concatenate([part.sums for part in self._current]),
        )
        self._current = []
        self._recent.append(today)
        keys = np.union1d(self.keys, today.keys)
        counts = np.zeros((len(keys), 5))
        counts[:, FIRST_DAY] = self.today
        counts[np.searchsorted(keys, self.keys)] = self.counts
        positions = np.searchsorted(keys, today.keys)
        counts[positions, CLICKS : SHOWN + 1] += today.sums
        counts[positions, RECENT_CLICKS:FIRST_DAY] += today.sums
        self.keys, self.counts = keys, counts

    def _fit_priors(self) -> None:
        self._prior = beta_prior(self.counts[:, CLICKS], self.counts[:, SHOWN])
        self._recent_prior = beta_prior(self.counts[:, RECENT_CLICKS], self.counts[:, RECENT_SHOWN])


def history_of(days: int, tensors: Mapping[str, NDArray[Any]]) -> History:
    """Restore a history from `History.tensors`. Raises ValueError if the tensors do not fit together."""
    of_day = tensors["recent.days"]
    if not len(of_day) == len(tensors["recent.keys"]) == len(tensors["recent.sums"]):
        raise ValueError("the days of a history do not fit its counts")
    recent = [
        DayCounts(int(day), tensors["recent.keys"][of_day == day], tensors["recent.sums"][of_day == day])
        for day in np.unique(of_day)
    ]
    return History(days, int(tensors["today"][0]), tensors["keys"], tensors["counts"], recent)


def find_positions(sorted_keys: U64, keys: U64) -> NDArray[np.int64]:
    """The position of each of N `keys` in the ascending `sorted_keys`, -1 if not found, (N,)."""
    positions = np.searchsorted(sorted_keys, keys)
    present = positions < len(sorted_keys)
    present[present] = sorted_keys[positions[present]] == keys[present]
    return np.where(present, positions, -1)


def add_counts(keys: U64, counts: F64, new_keys: U64, new_counts: F64) -> tuple[U64, F64]:
    """Add `new_counts` (N, C) of `new_keys` (N,), possibly repeated, to `counts` (K, C) of ascending `keys` (K,)."""
    all_keys, positions = np.unique(np.concatenate([keys, new_keys]), return_inverse=True)
    all_counts = np.concatenate([counts, new_counts])
    return all_keys, np.column_stack([np.bincount(positions, column, len(all_keys)) for column in all_counts.T])


def beta_prior(clicks: F64, shown: F64) -> Prior | None:
    """Fit a beta distribution to the keys' click rates by moments; None without both clicks and non-clicks.

    The variance between keys is the variance of their rates, weighted by impressions, minus the binomial variance
    (Kleinman, JASA 1973).
    """
    has_impressions = shown > 0
    clicks, shown = clicks[has_impressions], shown[has_impressions]
    total = shown.sum()
    if not 0 < clicks.sum() < total:
        return None
    mean = float(clicks.sum() / total)
    spread = float((shown * (clicks / shown - mean) ** 2).sum())
    binomial = mean * (1 - mean) * (len(shown) - 1)
    variance = (spread - binomial) / max(total - (shown**2).sum() / total, 1.0)
    weight = mean * (1 - mean) / variance - 1 if variance > 0 else MAX_PRIOR_WEIGHT
    return Prior(mean, float(np.clip(weight, 1.0, MAX_PRIOR_WEIGHT)))


def _rate(clicks: F64, shown: F64, prior: Prior | None) -> F64:
    if prior is None:
        return np.zeros(len(clicks))
    prior_clicks, prior_non_clicks = prior.mean * prior.weight, (1 - prior.mean) * prior.weight
    odds = (clicks + prior_clicks) / (shown - clicks + prior_non_clicks)
    log_odds = np.log(odds) - np.log(prior_clicks / prior_non_clicks)
    return np.asarray(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _summed(day: int, keys: U64, sums: F64) -> DayCounts:
    """Sum the rows of equal keys."""
    return DayCounts(day, *add_counts(np.empty(0, np.uint64), np.empty((0, 2)), keys, sums))
