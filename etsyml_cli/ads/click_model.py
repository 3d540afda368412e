"""A click model in use: its parts, what they know beside a row's own columns, and the days that they learn or judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.click_svd import ClickSvd
from etsyml_cli.ads.features.derived import add_time_columns
from etsyml_cli.ads.features.rows import Keys, RowHasher
from etsyml_cli.ads.listing_features import ListingFeatures
from etsyml_cli.ads.log import AdLog, counts, day_by_day
from etsyml_cli.ads.model.blend import Blend
from etsyml_cli.ads.model.ftrl import learn, predict
from etsyml_cli.ads.row_order import TIME
from etsyml_cli.ads.sampling import Chosen, choose, columns_to_choose
from etsyml_cli.core.types import F64
from etsyml_cli.history.history import FEATURES, History
from etsyml_cli.text.hashing import Numbers

KIND = "model:ctr"
HISTORICAL, CONTENT, ENSEMBLE = "historical", "content", "ensemble"
POSITION = "position"


class Predictions(NamedTuple):
    """What each part says of N rows, `p` (N, M), and how often each row's ad was shown on earlier days, (N,)."""

    p: F64
    shown: F64


class ScoredRows(NamedTuple):
    """`Looks` at N rows and what became of them, each (N,)."""

    p: F64
    shown: F64
    clicks: F64
    impressions: F64


class SideFeatures(NamedTuple):
    """What is known of N rows beside their columns: numbers for each part, and earlier impressions of each ad, (N,)."""

    numbers: dict[str, list[Numbers]]
    shown: F64


@dataclass
class Part:
    """One FTRL model: its state `zn`, shape (2**bits + 1, 2), and how rows become its features.

    It learns from all clicks and a share of the rest, `config.negatives`; what it says is said of all.
    """

    config: CtrConfig
    zn: F64
    hash_rows: RowHasher

    def predict(self, rows: pa.RecordBatch, numbers: list[Numbers]) -> F64:
        """Probability of a click, shape (N,), from the features of the rows and `numbers`."""
        return self._of_all(predict(self.zn, *self.hash_rows(rows, numbers), self.config))

    def learn(self, rows: pa.RecordBatch, numbers: list[Numbers], chosen: Chosen) -> F64:
        """Learn from the rows in their order; returns what was predicted for each just before, shape (N,)."""
        hashed = self.hash_rows(rows, numbers)
        return self._of_all(learn(self.zn, *hashed, chosen.clicks, chosen.impressions, self.config))

    def _of_all(self, p: F64) -> F64:
        """He et al., AdKDD'14, eq. 4: odds among the learned rows, times the share of the rest that is among them."""
        rate = self.config.negatives
        return p if rate == 1 else rate * p / (rate * p + 1 - p)


@dataclass
class CtrModel:
    """The parts by name, what they know of listings, queries and earlier days, and the blend of what they say.

    `histories` and `clicks` are those of `config.history.counts`, the ad's first, and of its `click_svd`;
    `row_size` is how many impressions an average row stands for.
    """

    config: CtrConfig
    row_size: float
    parts: dict[str, Part]
    listing_features: ListingFeatures
    histories: list[History]
    clicks: list[ClickSvd]
    blend: Blend
    seed: int = field(default=0)  # of the choice of rows without a click

    def predict(self, rows: pa.RecordBatch) -> F64:
        """Probability of a click, shape (N,), by the ensemble, at the position that scores are made for."""
        return self.blend.predict(*self.look(self.at_position(rows)))

    def at_position(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows as if all were shown at `config.position`: where an ad will stand is not known when it is scored."""
        if self.config.position is None or POSITION not in self.config.columns():
            return rows
        there = pa.array(np.full(rows.num_rows, self.config.position, np.int32))
        if POSITION in rows.schema.names:
            return rows.set_column(rows.schema.names.index(POSITION), POSITION, there)
        return rows.append_column(POSITION, there)

    def look(self, rows: pa.RecordBatch) -> Predictions:
        """What the parts say of the rows, from what was counted before the histories' day."""
        return self.looker(rows)()

    def looker(self, rows: pa.RecordBatch) -> Callable[[], Predictions]:
        """`look` to be called at a later time, from what is counted now."""
        rows = add_time_columns(rows, TIME, self.config.columns())
        side_features = self.side_features(rows, self.keys(rows))

        def look() -> Predictions:
            p = [part.predict(rows, side_features.numbers[name]) for name, part in self.parts.items()]
            return Predictions(np.column_stack(p), side_features.shown)

        return look

    def learn(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, ScoredRows]:
        """Learn from rows of the histories' day; returns those learned and their predictions just before.

        Rows that are not learned, `config.negatives` of those without a click, are counted by the histories all the
        same; those that are stand for them in what is returned.
        """
        rows = add_time_columns(rows, TIME, self.config.columns())
        clicks, impressions = counts(rows)
        keys = self.keys(rows)
        chosen = choose(rows, clicks, impressions, self.config, self.seed)
        learned = rows if chosen.rows.all() else rows.filter(pa.array(chosen.rows))
        side_features = self.side_features(
            learned, [Keys(values[chosen.rows], present[chosen.rows]) for values, present in keys]
        )
        p = [part.learn(learned, side_features.numbers[name], chosen) for name, part in self.parts.items()]
        self._count(keys, clicks, impressions)
        return learned, ScoredRows(np.column_stack(p), side_features.shown, chosen.clicks, chosen.standing_for)

    def begin(self, day: int) -> None:
        """From now on the histories know all days before `day` that were learned."""
        for history in self.histories:
            history.begin(day)
        for reduced in self.clicks:
            reduced.begin(day)

    def forget_history(self, day: int) -> None:
        """Count from `day` on, as at the start of a pass."""
        self.histories, self.clicks = new_histories(self.config, day), new_clicks(self.config, day)

    def side_features(self, rows: pa.RecordBatch, keys: list[Keys]) -> SideFeatures:
        """What the histories, as they stand, and the listings' numbers say of the rows, which have these `keys`."""
        numbers = {CONTENT: self.listing_features.numbers(rows)}
        history = self.config.history
        if history is None:
            return SideFeatures(numbers, np.zeros(rows.num_rows))
        of_history = []
        for columns, counted, (values, present) in zip(history.counts, self.histories, keys, strict=False):
            names = [f"{'*'.join(columns)}.{feature}" for feature in FEATURES]
            of_history.append(Numbers(names, counted.features(values), np.where(present, np.arange(len(values)), -1)))
        for columns, reduced, of_pair in zip(history.click_svd, self.clicks, keys[len(history.counts) :], strict=True):
            of_history += reduced.numbers("*".join(columns), *of_pair)
        values, present = keys[0]
        return SideFeatures(numbers | {HISTORICAL: of_history}, np.where(present, self.histories[0].shown(values), 0.0))

    def keys(self, rows: pa.RecordBatch) -> list[Keys]:
        """What the rows are counted by: a key for each of the histories, then for each of the click matrices."""
        return self.parts[HISTORICAL].hash_rows.keys(rows) if HISTORICAL in self.parts else []

    def _count(self, keys: list[Keys], clicks: F64, impressions: F64) -> None:
        for history, (values, present) in zip(self.histories, keys, strict=False):
            history.add(values[present], clicks[present], impressions[present])
        for reduced, (values, present) in zip(self.clicks, keys[len(self.histories) :], strict=True):
            reduced.add(values[present], clicks[present])


def new_histories(config: CtrConfig, day: int) -> list[History]:
    """A history without a past for each of `config.history.counts`."""
    return [History(config.days, day) for _ in config.history.counts] if config.history else []


def new_clicks(config: CtrConfig, day: int) -> list[ClickSvd]:
    """An empty click matrix for each of `config.history.click_svd`."""
    return [ClickSvd(config.svd_dim, day) for _ in config.history.click_svd] if config.history else []


def learn_days(
    model: CtrModel, log: AdLog, first_day: int, end_day: int
) -> Iterator[tuple[int, pa.RecordBatch, ScoredRows]]:
    """Learn from first_day … end_day − 1; yields the day, the learned rows and their predictions just before."""
    for batch in _batches(model, log, first_day, end_day):
        for day, rows in day_by_day(batch):
            model.begin(day)
            yield day, *model.learn(rows)
    model.begin(end_day)


def judge_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> ScoredRows:
    """All rows of first_day … end_day − 1 as the model stands, in time order."""
    n, done = log.rows(first_day, end_day), 0
    judged = ScoredRows(np.empty((n, len(model.parts))), np.empty(n), np.empty(n), np.empty(n))
    for rows in _batches(model, log, first_day, end_day):
        for column, found in zip(judged, (*model.look(rows), *counts(rows)), strict=True):
            column[done : done + rows.num_rows] = found
        done += rows.num_rows
    return judged


def variants_of(model: CtrModel, judged: ScoredRows) -> dict[str, F64]:
    """What there is to judge of the model: click probabilities of the same rows, (N,) each."""
    variants = dict(zip(model.parts, judged.p.T, strict=True))
    if len(model.parts) > 1:
        variants[ENSEMBLE] = model.blend.predict(judged.p, judged.shown)
    return variants


def together(parts: list[ScoredRows]) -> ScoredRows:
    """The rows of all parts, one after the other."""
    return ScoredRows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _batches(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
    wanted = ["listing_id", *model.config.columns(), *columns_to_choose(model.config)]
    return log.batches([column for column in wanted if column in log.columns], first_day, end_day)
