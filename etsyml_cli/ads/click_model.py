"""The click model: its parts, features from histories and listings, and passes over the days of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.click_svd import ClickSvd
from etsyml_cli.ads.features.derived.add import DerivedColumns
from etsyml_cli.ads.features.derived.column import row_inputs
from etsyml_cli.ads.features.rows import Keys, RowHasher
from etsyml_cli.ads.listing_features import ListingFeatures
from etsyml_cli.ads.log.log import AdLog, counts, day_by_day
from etsyml_cli.ads.log.sampling import Sample, sample_rows, sampling_columns
from etsyml_cli.ads.model.blend import Blend
from etsyml_cli.ads.model.ftrl import learn, predict
from etsyml_cli.core.types import F64
from etsyml_cli.history.history import FEATURES, History
from etsyml_cli.text.hashing import Numbers

KIND = "model:ctr"
HISTORICAL, CONTENT, ENSEMBLE = "historical", "content", "ensemble"
POSITION = "position"


class Predictions(NamedTuple):
    """The click probabilities of N rows by each of M parts, (N, M), and earlier impressions of the ads, (N,)."""

    p: F64
    shown: F64


class ScoredRows(NamedTuple):
    """Predictions for N rows, and their clicks and impressions, each (N,)."""

    p: F64
    shown: F64
    clicks: F64
    impressions: F64


class SideFeatures(NamedTuple):
    """Numeric features of N rows for each part, and earlier impressions of the ads, (N,)."""

    numbers: dict[str, list[Numbers]]
    shown: F64


class FeatureRows(NamedTuple):
    """Rows with their derived columns, and their side features."""

    rows: pa.RecordBatch
    side: SideFeatures


@dataclass
class Part:
    """One FTRL model: its state `zn`, shape (2**bits + 1, 2), and the hasher of its features.

    It is trained on a sample of the rows without a click, `config.negatives`; predictions are corrected for that.
    """

    config: CtrConfig
    zn: F64
    hash_rows: RowHasher

    def predict(self, rows: pa.RecordBatch, numbers: list[Numbers]) -> F64:
        """Click probabilities, shape (N,), from the features of the rows and `numbers`."""
        return self._corrected(predict(self.zn, *self.hash_rows(rows, numbers), self.config))

    def learn(self, rows: pa.RecordBatch, numbers: list[Numbers], sample: Sample) -> F64:
        """Train on the rows in their order; returns the predictions made for each just before, shape (N,)."""
        hashed = self.hash_rows(rows, numbers)
        return self._corrected(learn(self.zn, *hashed, sample.clicks, sample.impressions, self.config))

    def _corrected(self, p: F64) -> F64:
        """Correct for sampling: odds times the sampling rate of rows without a click (He et al., AdKDD'14, eq. 4)."""
        rate = self.config.negatives
        return p if rate == 1 else rate * p / (rate * p + 1 - p)


@dataclass
class CtrModel:
    """The parts by name, the features they share, and the ensemble of their predictions.

    `histories` belong to `config.history.counts`, the first to the ad, and `clicks` to `config.history.click_svd`.
    `row_size` is the average number of impressions per row.
    """

    config: CtrConfig
    row_size: float
    parts: dict[str, Part]
    derived: DerivedColumns
    listing_features: ListingFeatures
    histories: list[History]
    clicks: list[ClickSvd]
    blend: Blend
    seed: int = field(default=0)  # of the sample of rows without a click

    def predict(self, rows: pa.RecordBatch) -> F64:
        """Click probabilities of the ensemble, shape (N,), at position `config.position`."""
        return self.blend.predict(*self.predict_parts(self.at_position(rows)))

    def at_position(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with all positions set to `config.position`: the position of an ad is unknown at scoring time."""
        if self.config.position is None or POSITION not in self.config.columns():
            return rows
        positions = pa.array(np.full(rows.num_rows, self.config.position, np.int32))
        if POSITION in rows.schema.names:
            return rows.set_column(rows.schema.names.index(POSITION), POSITION, positions)
        return rows.append_column(POSITION, positions)

    def predict_parts(self, rows: pa.RecordBatch) -> Predictions:
        """Predictions of the parts, with histories of the days before the current one."""
        return self.deferred_predictions(rows)()

    def deferred_predictions(self, rows: pa.RecordBatch) -> Callable[[], Predictions]:
        """A function that predicts the rows with the weights at the time of its call, and the histories of now."""
        rows, side = self.feature_rows(rows)

        def predict_now() -> Predictions:
            p = [part.predict(rows, side.numbers[name]) for name, part in self.parts.items()]
            return Predictions(np.column_stack(p), side.shown)

        return predict_now

    def feature_rows(self, rows: pa.RecordBatch) -> FeatureRows:
        """The rows with all that the parts need to predict them."""
        rows = self.derived.add_to(rows)
        return FeatureRows(rows, self._side_features(rows, self._keys(rows)))

    def learn(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, ScoredRows]:
        """Train on a sample of rows of the current day; returns the sample, with the predictions made just before.

        The histories count all rows. The impressions that are returned represent those of all rows.
        """
        rows = self.derived.add_to(rows)
        clicks, impressions = counts(rows)
        keys = self._keys(rows)
        sample = sample_rows(rows, clicks, impressions, self.config, self.seed)
        learned = rows if sample.rows.all() else rows.filter(pa.array(sample.rows))
        side = self._side_features(
            learned, [Keys(values[sample.rows], present[sample.rows]) for values, present in keys]
        )
        p = [part.learn(learned, side.numbers[name], sample) for name, part in self.parts.items()]
        self._count(keys, clicks, impressions)
        return learned, ScoredRows(np.column_stack(p), side.shown, sample.clicks, sample.represented)

    def begin(self, day: int) -> None:
        """Begin `day`: the histories then include all earlier days of training."""
        for history in self.histories:
            history.begin(day)
        for matrix in self.clicks:
            matrix.begin(day)

    def forget_history(self, day: int) -> None:
        """Reset the histories to empty ones that begin at `day`, for another pass."""
        self.histories, self.clicks = new_histories(self.config, day), new_clicks(self.config, day)

    def _side_features(self, rows: pa.RecordBatch, keys: list[Keys]) -> SideFeatures:
        """Features from the current histories and from listings, of rows with these `keys`."""
        numbers = {CONTENT: self.listing_features.numbers(rows)}
        history = self.config.history
        if history is None:
            return SideFeatures(numbers, np.zeros(rows.num_rows))
        of_history = []
        for columns, counted, (values, present) in zip(history.counts, self.histories, keys, strict=False):
            names = [f"{'*'.join(columns)}.{feature}" for feature in FEATURES]
            of_history.append(Numbers(names, counted.features(values), np.where(present, np.arange(len(values)), -1)))
        for columns, matrix, of_pair in zip(history.click_svd, self.clicks, keys[len(history.counts) :], strict=True):
            of_history += matrix.numbers("*".join(columns), *of_pair)
        values, present = keys[0]
        return SideFeatures(numbers | {HISTORICAL: of_history}, np.where(present, self.histories[0].shown(values), 0.0))

    def _keys(self, rows: pa.RecordBatch) -> list[Keys]:
        """The keys of the rows for each history, then for each click matrix."""
        return self.parts[HISTORICAL].hash_rows.keys(rows) if HISTORICAL in self.parts else []

    def _count(self, keys: list[Keys], clicks: F64, impressions: F64) -> None:
        for history, (values, present) in zip(self.histories, keys, strict=False):
            history.add(values[present], clicks[present], impressions[present])
        for matrix, (values, present) in zip(self.clicks, keys[len(self.histories) :], strict=True):
            matrix.add(values[present], clicks[present])


def new_histories(config: CtrConfig, day: int) -> list[History]:
    """An empty history for each of `config.history.counts`."""
    return [History(config.days, day) for _ in config.history.counts] if config.history else []


def new_clicks(config: CtrConfig, day: int) -> list[ClickSvd]:
    """An empty click matrix for each of `config.history.click_svd`."""
    return [ClickSvd(config.svd_dim, day) for _ in config.history.click_svd] if config.history else []


def learn_days(
    model: CtrModel, log: AdLog, first_day: int, end_day: int
) -> Iterator[tuple[int, pa.RecordBatch, ScoredRows]]:
    """Train on first_day … end_day − 1; yields each day with rows and the predictions made just before."""
    for batch in model_rows(model, log, first_day, end_day):
        for day, rows in day_by_day(batch):
            model.begin(day)
            yield day, *model.learn(rows)
    model.begin(end_day)


def predict_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> ScoredRows:
    """Predictions for all rows of first_day … end_day − 1, in time order, without training."""
    n, done = log.rows(first_day, end_day), 0
    scored = ScoredRows(np.empty((n, len(model.parts))), np.empty(n), np.empty(n), np.empty(n))
    for rows in model_rows(model, log, first_day, end_day):
        for column, values in zip(scored, (*model.predict_parts(rows), *counts(rows)), strict=True):
            column[done : done + rows.num_rows] = values
        done += rows.num_rows
    return scored


def variants_of(model: CtrModel, scored: ScoredRows) -> dict[str, F64]:
    """Click probabilities of the rows by each part and by the ensemble, (N,) each."""
    variants = dict(zip(model.parts, scored.p.T, strict=True))
    if len(model.parts) > 1:
        variants[ENSEMBLE] = model.blend.predict(scored.p, scored.shown)
    return variants


def concatenate(parts: list[ScoredRows]) -> ScoredRows:
    """The rows of all these, one after the other."""
    return ScoredRows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def model_rows(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
    """The rows of first_day … end_day − 1 in time order, with the columns that the model needs."""
    wanted = dict.fromkeys([*input_columns(model.config), *sampling_columns(model.config)])
    return log.batches([column for column in wanted if column in log.columns], first_day, end_day)


def input_columns(config: CtrConfig) -> list[str]:
    """The columns of a row that a model with this configuration reads."""
    columns = config.columns()
    return list(dict.fromkeys(["listing_id", *columns, *row_inputs(columns)]))
