"""What became of ads on earlier days: clicks and impressions by a key, such as a listing, and features made of them.

Rows of a day see what was counted up to the day before, so no label reaches a feature of its own day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64, U64

CLICKS, SHOWN, RECENT_CLICKS, RECENT_SHOWN, BORN = range(5)  # columns of History.counts
FEATURES = ("rate", "shown", "recent_rate", "recent_shown", "age")
MOST_ROWS = 1e6  # a prior that weighs more than so many impressions: the keys do not differ
FARTHEST = 4.0  # from the base rate, in log-odds
LOG_SHOWN, LOG_AGE = 8.0, 4.0  # what a logarithm is divided by, so that features have similar ranges


class Prior(NamedTuple):
    """A beta distribution of click rates: its mean, and how many impressions it weighs."""

    mean: float
    weight: float


class DayCounts(NamedTuple):
    """Clicks and impressions, `sums` (K, 2), of one day's different `keys` (K,), ascending."""

    day: int
    keys: U64
    sums: F64


class History:
    """Counts of K keys over all days before `today`, and over the last `days` of them.

    `keys`, (K,), ascend; `counts`, (K, 5), are clicks and impressions, the same of the last days, and the first day.
    `recent` are the counts of each of the last days, the earliest first.
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
        self._open: list[DayCounts] = []
        self._fit_priors()

    def add(self, keys: U64, clicks: F64, impressions: F64) -> None:
        """Count rows of today, each array (N,): features know them from tomorrow on."""
        if len(keys):
            self._open.append(_summed(self.today, keys, np.column_stack([clicks, impressions])))

    def begin(self, day: int) -> None:
        """From now on it is `day`: earlier days are over."""
        if day == self.today:
            return
        if self._open:
            self._close()
        while self._recent and self._recent[0].day < day - self.days:
            old = self._recent.popleft()
            self.counts[np.searchsorted(self.keys, old.keys), RECENT_CLICKS:BORN] -= old.sums
        self.today = day
        self._fit_priors()

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What makes the same history again, as it is known today."""
        nothing = DayCounts(self.today, np.empty(0, np.uint64), np.empty((0, 2)))
        _, keys, sums = zip(nothing, *self._recent, strict=True)
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
        """FEATURES of each key, (N, 5): 0 is what a key has that was never shown.

        A rate is the log-odds of its posterior mean under the prior, less those of the prior's mean.
        """
        found = self._counts_of(keys)
        age = np.where(found[:, SHOWN] > 0, self.today - found[:, BORN], 0)
        return np.column_stack(
            [
                _rate(found[:, CLICKS], found[:, SHOWN], self._prior),
                np.log1p(found[:, SHOWN]) / LOG_SHOWN,
                _rate(found[:, RECENT_CLICKS], found[:, RECENT_SHOWN], self._recent_prior),
                np.log1p(found[:, RECENT_SHOWN]) / LOG_SHOWN,
                np.log1p(age) / LOG_AGE,
            ]
        )

    def _counts_of(self, keys: U64) -> F64:
        found = np.zeros((len(keys), 5))
        places = places_of(self.keys, keys)
        known = places >= 0
        found[known] = self.counts[places[known]]
        return found

    def _close(self) -> None:
        today = _summed(
            self.today,
            np.concatenate([part.keys for part in self._open]),
            np.concatenate([part.sums for part in self._open]),
        )
        self._open = []
        self._recent.append(today)
        keys = np.union1d(self.keys, today.keys)
        counts = np.zeros((len(keys), 5))
        counts[:, BORN] = self.today
        counts[np.searchsorted(keys, self.keys)] = self.counts
        places = np.searchsorted(keys, today.keys)
        counts[places, CLICKS : SHOWN + 1] += today.sums
        counts[places, RECENT_CLICKS:BORN] += today.sums
        self.keys, self.counts = keys, counts

    def _fit_priors(self) -> None:
        self._prior = beta_prior(self.counts[:, CLICKS], self.counts[:, SHOWN])
        self._recent_prior = beta_prior(self.counts[:, RECENT_CLICKS], self.counts[:, RECENT_SHOWN])


def history_of(days: int, tensors: Mapping[str, NDArray[Any]]) -> History:
    """The history that `History.tensors` was taken from. Raises ValueError for what does not fit together."""
    of_day = tensors["recent.days"]
    if not len(of_day) == len(tensors["recent.keys"]) == len(tensors["recent.sums"]):
        raise ValueError("the days of a history do not fit its counts")
    recent = [
        DayCounts(int(day), tensors["recent.keys"][of_day == day], tensors["recent.sums"][of_day == day])
        for day in np.unique(of_day)
    ]
    return History(days, int(tensors["today"][0]), tensors["keys"], tensors["counts"], recent)


def places_of(sorted_keys: U64, keys: U64) -> NDArray[np.int64]:
    """Where each of `keys` stands among the ascending ones, −1 where it does not, (N,)."""
    places = np.searchsorted(sorted_keys, keys)
    known = places < len(sorted_keys)
    known[known] = sorted_keys[places[known]] == keys[known]
    return np.where(known, places, -1)


def add_counts(keys: U64, counts: F64, more: U64, of_more: F64) -> tuple[U64, F64]:
    """Keys, (K,) ascending, with counts (K, C), and N more, that may repeat, counted together."""
    together, places = np.unique(np.concatenate([keys, more]), return_inverse=True)
    every = np.concatenate([counts, of_more])
    return together, np.column_stack([np.bincount(places, column, len(together)) for column in every.T])


def beta_prior(clicks: F64, shown: F64) -> Prior | None:
    """The beta distribution of the keys' click rates by moments; None without both clicks and non-clicks.

    The variance between keys is what is left of the weighted variance of their rates when the binomial's share is
    taken off (Kleinman, JASA 1973), weights being impressions.
    """
    some = shown > 0
    clicks, shown = clicks[some], shown[some]
    total = shown.sum()
    if not 0 < clicks.sum() < total:
        return None
    mean = float(clicks.sum() / total)
    spread = float((shown * (clicks / shown - mean) ** 2).sum())
    by_chance = mean * (1 - mean) * (len(shown) - 1)
    variance = (spread - by_chance) / max(total - (shown**2).sum() / total, 1.0)
    weight = mean * (1 - mean) / variance - 1 if variance > 0 else MOST_ROWS
    return Prior(mean, float(np.clip(weight, 1.0, MOST_ROWS)))


def _rate(clicks: F64, shown: F64, prior: Prior | None) -> F64:
    if prior is None:
        return np.zeros(len(clicks))
    before, against = prior.mean * prior.weight, (1 - prior.mean) * prior.weight
    log_odds = np.log((clicks + before) / (shown - clicks + against)) - np.log(before / against)
    return np.asarray(np.clip(log_odds, -FARTHEST, FARTHEST))


def _summed(day: int, keys: U64, sums: F64) -> DayCounts:
    """Rows of equal keys become one."""
    return DayCounts(day, *add_counts(np.empty(0, np.uint64), np.empty((0, 2)), keys, sums))
