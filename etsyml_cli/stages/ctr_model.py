"""A click model on disk and in use: its state, its features, and the days that it learns or judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.features.ad_rows import RowHasher
from etsyml_cli.io.artifact import expect_kind
from etsyml_cli.io.model import TENSORS, load_config, load_tensors, save_config, save_tensors
from etsyml_cli.io.tables import open_table, read_table
from etsyml_cli.models.ctr.config import CtrConfig
from etsyml_cli.models.ctr.ftrl import learn, new_state, predict, start_at, state_of, used_slots
from etsyml_cli.stages.ctr_log import AdLog, columns_of, counts

KIND = "model:ctr"

Floats = NDArray[np.float64]
Judged = tuple[Floats, Floats, Floats]  # p, clicks and impressions of the same rows, each (N,)


@dataclass(frozen=True)
class CtrModel:
    """The state `zn`, shape (2**bits + 1, 2), and how rows become its features."""

    config: CtrConfig
    zn: Floats
    hash_rows: RowHasher

    def predict(self, rows: pa.RecordBatch) -> Floats:
        """Probability of a click, shape (N,)."""
        return predict(self.zn, *self.hash_rows(rows), self.config)

    def learn(self, rows: pa.RecordBatch, clicks: Floats, impressions: Floats) -> Floats:
        """Learn from the rows in their order; returns what was predicted for each just before, shape (N,)."""
        return learn(self.zn, *self.hash_rows(rows), clicks, impressions, self.config)


def listing_columns(listings: Path | None) -> dict[str, pa.DataType]:
    """The columns of the listings table and what they hold; none where there is no table."""
    return {} if listings is None else columns_of(open_table(listings, "listings"))


def new_model(config: CtrConfig, listings: Path | None, click_rate: float) -> CtrModel:
    """A model that predicts `click_rate` for every row."""
    zn = new_state(config.bits)
    start_at(zn, click_rate, config)
    return CtrModel(config, zn, _row_hasher(config, listings))


def learn_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[Judged]:
    """Learn from first_day … end_day − 1; yields each batch as it was predicted just before it was learned."""
    for rows in _batches(model, log, first_day, end_day):
        clicks, impressions = counts(rows)
        yield model.learn(rows, clicks, impressions), clicks, impressions


def predict_days(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Judged:
    """All rows of first_day … end_day − 1 as the model stands, in time order."""
    judged = [(np.empty(0), np.empty(0), np.empty(0))]  # so that days without rows give empty arrays
    judged += [(model.predict(rows), *counts(rows)) for rows in _batches(model, log, first_day, end_day)]
    p, clicks, impressions = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    return p, clicks, impressions


def save_model(directory: Path, model: CtrModel) -> None:
    """Only slots that have learned something are stored: a model of few features is a small file."""
    slots, zn = used_slots(model.zn)
    save_tensors(directory, {"slots": slots, "zn": zn})
    save_config(directory, model.config)


def load_model(directory: Path, listings: Path | None) -> CtrModel:
    """A trained model. Raises InputError where `directory` holds none, or a damaged one."""
    expect_kind(directory, KIND, made_by="etsyml train ctr")
    config: CtrConfig = load_config(directory, CtrConfig)
    tensors = load_tensors(directory)
    try:
        zn = state_of(tensors["slots"], tensors["zn"], config.bits)
    except (KeyError, IndexError, ValueError) as error:
        damage = f"no tensor {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{directory / TENSORS}: {damage}", hint="Train the model again.") from None
    return CtrModel(config, zn, _row_hasher(config, listings))


def read_feature_columns(config: CtrConfig, listings: Path | None) -> pa.Table | None:
    """What the listings table holds of the model's features; None where there is no table."""
    if listings is None:
        return None
    wanted = {"listing_id", *config.features.columns()}
    return read_table(listings, "listings", [name for name in listing_columns(listings) if name in wanted])


def _batches(model: CtrModel, log: AdLog, first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
    wanted = ["listing_id", *model.config.features.columns()]
    return log.batches([column for column in wanted if column in log.columns], first_day, end_day)


def _row_hasher(config: CtrConfig, listings: Path | None) -> RowHasher:
    table = read_feature_columns(config, listings)
    return RowHasher(**msgspec.to_builtins(config.features), bits=config.bits, listings=table)
