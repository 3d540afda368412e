"""A click model on disk and in use: its two parts, their blend, and the days that it learns or judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.features.ad_rows import Keys, RowHasher
from etsyml_cli.features.hashing import Numbers
from etsyml_cli.features.history import FEATURES, History
from etsyml_cli.io.artifact import expect_kind
from etsyml_cli.io.model import TENSORS, load_config, load_tensors, save_config, save_tensors
from etsyml_cli.io.tables import open_table, read_table
from etsyml_cli.models.ctr.blend import Blend, plain_blend
from etsyml_cli.models.ctr.config import CtrConfig
from etsyml_cli.models.ctr.ftrl import learn, new_state, predict, start_at, state_of, used_slots
from etsyml_cli.stages.ctr_log import AdLog, columns_of, counts, day_by_day

KIND = "model:ctr"

Floats = NDArray[np.float64]


class Looks(NamedTuple):
    """What both models say of N rows, each (N,), and how often each row's ad was shown on earlier days."""

    historical: Floats
    content: Floats
    shown: Floats


class Judged(NamedTuple):
    """`Looks` at N rows and what became of them, each (N,)."""

    historical: Floats
    content: Floats
    shown: Floats
    clicks: Floats
    impressions: Floats


class Known(NamedTuple):
    """What is known of N rows beside their columns: by what they are counted, and numbers for either model."""

    keys: list[Keys]
    historical: list[Numbers]
    content: list[Numbers]
    shown: Floats


@dataclass
class Part:
    """One FTRL model: its state `zn`, shape (2**bits + 1, 2), and how rows become its features."""

    config: CtrConfig
    zn: Floats
    hash_rows: RowHasher

    def predict(self, rows: pa.RecordBatch, numbers: list[Numbers]) -> Floats:
        """Probability of a click, shape (N,), from the features of the rows and `numbers`."""
        return predict(self.zn, *self.hash_rows(rows, numbers), self.config)

    def learn(self, rows: pa.RecordBatch, numbers: list[Numbers], clicks: Floats, impressions: Floats) -> Floats:
        """Learn from the rows in their order; returns what was predicted for each just before, shape (N,)."""
        return learn(self.zn, *self.hash_rows(rows, numbers), clicks, impressions, self.config)


@dataclass
class CtrModel:
    """The two parts, a history for each of `config.history.counts`, the ad's first, and the blend."""

    config: CtrConfig
    historical: Part
    content: Part
    histories: list[History]
    blend: Blend

    def predict(self, rows: pa.RecordBatch) -> Floats:
        """Probability of a click, shape (N,), by the ensemble."""
        return self.blend.predict(*self.look(rows))

    def look(self, rows: pa.RecordBatch) -> Looks:
        """What both parts say of the rows, from what was counted before the histories' day."""
        known = self.known(rows)
        historical, content = (
            self.historical.predict(rows, known.historical),
            self.content.predict(rows, known.content),
        )
        return Looks(historical, content, known.shown)

    def learn(self, rows: pa.RecordBatch) -> Judged:
        """Learn from rows of the histories' day; returns what was said of each just before it was learned."""
        clicks, impressions = counts(rows)
        known = self.known(rows)
        historical = self.historical.learn(rows, known.historical, clicks, impressions)
        content = self.content.learn(rows, known.content, clicks, impressions)
        for history, (values, present) in zip(self.histories, known.keys, strict=True):
            history.add(values[present], clicks[present], impressions[present])
        return Judged(historical, content, known.shown, clicks, impressions)

    def known(self, rows: pa.RecordBatch) -> Known:
        """What the histories, as they stand, say of the rows."""
        keys = self.historical.hash_rows.keys(rows)
        numbers = []
        for columns, history, (values, present) in zip(self.config.history.counts, self.histories, keys, strict=True):
            names = [f"{'*'.join(columns)}.{feature}" for feature in FEATURES]
            numbers.append(Numbers(names, history.features(values), np.where(present, np.arange(len(values)), -1)))
        values, present = keys[0]
        return Known(keys, numbers, [], np.where(present, self.histories[0].shown(values), 0.0))

    def begin(self, day: int) -> None:
        """From now on the histories know all days before `day` that were learned."""
        for history in self.histories:
            history.begin(day)

    def forget_history(self, day: int) -> None:
        """Count from `day` on, as at the start of a pass."""
        self.histories = _new_histories(self.config, day)


def listing_columns(listings: Path | None) -> dict[str, pa.DataType]:
    """The columns of the listings table and what they hold; none where there is no table."""
    return {} if listings is None else columns_of(open_table(listings, "listings"))


def new_model(config: CtrConfig, listings: Path | None, click_rate: float, day: int) -> CtrModel:
    """A model that predicts `click_rate` for every row, on `day`."""
    zn = new_state(config.bits)
    start_at(zn, click_rate, config)
    return _assembled(config, listings, [zn, zn.copy()], _new_histories(config, day), plain_blend())


def learn_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[tuple[int, Judged]]:
    """Learn from first_day … end_day − 1; yields the day and what was said of each row just before it was learned."""
    for batch in _batches(model, log, first_day, end_day):
        for day, rows in day_by_day(batch):
            model.begin(day)
            yield day, model.learn(rows)
    model.begin(end_day)


def judge_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Judged:
    """All rows of first_day … end_day − 1 as the model stands, in time order."""
    none = np.empty(0)  # so that days without rows give empty arrays
    parts = [Judged(none, none, none, none, none)]
    parts += [Judged(*model.look(rows), *counts(rows)) for rows in _batches(model, log, first_day, end_day)]
    return together(parts)


def variants_of(model: CtrModel, judged: Judged, base_rate: float) -> dict[str, Floats]:
    """What there is to judge, the baseline first: click probabilities of the same rows, (N,) each."""
    return {
        "baseline": np.full(len(judged.clicks), base_rate),
        "historical": judged.historical,
        "content": judged.content,
        "ensemble": model.blend.predict(judged.historical, judged.content, judged.shown),
    }


def together(parts: list[Judged]) -> Judged:
    """The rows of all parts, one after the other."""
    return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def save_model(directory: Path, model: CtrModel) -> None:
    """Only slots that have learned something are stored: a model of few features is a small file."""
    tensors: dict[str, NDArray[Any]] = {"blend": model.blend.weights, "platt": model.blend.platt}
    for name, part in [("historical", model.historical), ("content", model.content)]:
        tensors[f"{name}.slots"], tensors[f"{name}.zn"] = used_slots(part.zn)
    for columns, history in zip(model.config.history.counts, model.histories, strict=True):
        tensors |= {f"{'*'.join(columns)}.{name}": values for name, values in history.tensors().items()}
    save_tensors(directory, tensors)
    save_config(directory, model.config)


def load_model(directory: Path, listings: Path | None) -> CtrModel:
    """A trained model. Raises InputError where `directory` holds none, or a damaged one."""
    expect_kind(directory, KIND, made_by="etsyml train ctr")
    config: CtrConfig = load_config(directory, CtrConfig)
    names = ["*".join(columns) for columns in config.history.counts]
    shapes: dict[str, tuple[int | None, ...]] = {"blend": (4,), "platt": (2,)}
    for part in ("historical", "content"):
        shapes |= {f"{part}.slots": (None,), f"{part}.zn": (None, 2)}
    for name in names:
        shapes |= {f"{name}.keys": (None,), f"{name}.counts": (None, 5), f"{name}.today": (1,)}
    tensors = load_tensors(directory, shapes)
    try:
        states = [
            state_of(tensors[f"{part}.slots"], tensors[f"{part}.zn"], config.bits) for part in ("historical", "content")
        ]
        histories = [
            History(config.days, int(tensors[f"{name}.today"][0]), tensors[f"{name}.keys"], tensors[f"{name}.counts"])
            for name in names
        ]
    except (IndexError, ValueError) as error:
        raise InputError(f"{directory / TENSORS}: {error}", hint="Train the model again.") from None
    return _assembled(config, listings, states, histories, Blend(tensors["blend"], tensors["platt"]))


def read_feature_columns(config: CtrConfig, listings: Path | None) -> pa.Table | None:
    """What the listings table holds of the model's features; None where there is no table."""
    if listings is None:
        return None
    wanted = {"listing_id", *config.columns()}
    return read_table(listings, "listings", [name for name in listing_columns(listings) if name in wanted])


def _batches(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
    wanted = ["listing_id", *model.config.columns()]
    return log.batches([column for column in wanted if column in log.columns], first_day, end_day)


def _new_histories(config: CtrConfig, day: int) -> list[History]:
    return [History(config.days, day) for _ in config.history.counts]


def _assembled(
    config: CtrConfig, listings: Path | None, states: list[Floats], histories: list[History], blend: Blend
) -> CtrModel:
    table = read_feature_columns(config, listings)
    historical, content = (
        Part(config, zn, RowHasher(**msgspec.to_builtins(features), bits=config.bits, listings=table))
        for zn, features in zip(states, [config.history, config.features], strict=True)
    )
    return CtrModel(config, historical, content, histories, blend)
