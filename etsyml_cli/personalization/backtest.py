"""Test a configuration on successive windows of the favorites, each with a model trained on the favorites before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Manifest
from etsyml_cli.io.model import load_config
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import learn
from etsyml_cli.personalization.log import FavoritesTable
from etsyml_cli.personalization.prepare import Inputs, TrainingData, read_inputs, training_data
from etsyml_cli.personalization.split import split_at, window_cuts
from etsyml_cli.personalization.store import LISTINGS, LdaModel, manifest_of
from etsyml_cli.personalization.train import model_of, training_set


class Window(NamedTuple):
    """A window, named by the time at which it begins, and the model that was trained on the favorites before it."""

    name: str
    model: LdaModel


def backtest(model: Path, favorites: Path, number: int) -> Iterator[Window]:
    """Divide the test part of the model's configuration into `number` windows, and train a model before each.

    Raises UsageError without times, for more windows than there are different times, and for a model of shops.
    """
    inputs = _inputs_of(model, favorites)
    table, share = read_inputs(inputs), _share(manifest_of(model), inputs.config)
    cuts = window_cuts(table, share, number)
    for i, (cut, end) in enumerate(zip(cuts, [*cuts[1:], None], strict=True), 1):
        data = _data_until(table, cut, end, inputs)
        logger.info("window %d of %d, from %s on", i, number, data.split.cut)
        fitted = learn(training_set(data), inputs.config, inputs.seed)
        yield Window(str(data.split.cut), model_of(fitted, data, inputs))


def _inputs_of(model: Path, favorites: Path) -> Inputs:
    """The inputs of a training like that of the model, with the split by time."""
    manifest = manifest_of(model)
    settings = manifest.plan.config
    if settings["things"] != LISTINGS:
        raise UsageError(f"--backtest: {model} is a model of shops", hint="Use a model of listings, as --model lda.")
    config = msgspec.structs.replace(load_config(model, LdaConfig), split="time")
    return Inputs(favorites, None, config, manifest.plan.seed or 0, limit=settings["limit"])


def _share(manifest: Manifest, config: LdaConfig) -> float:
    """The share of the favorites in the test part; the configured one if the model was trained with none or a file."""
    holdout = manifest.plan.config["holdout"]
    return config.holdout_share if holdout in (None, "none", "file") else float(holdout)


def _data_until(table: FavoritesTable, cut: int, end: int | None, inputs: Inputs) -> TrainingData:
    """The training data of the favorites before `cut`, with those from there to before `end` as the test set."""
    if end is not None and table.created_at is not None:
        past = table.created_at < end
        table = replace(
            table,
            user=table.user[past],
            listing=table.listing[past],
            created_at=table.created_at[past],
            weight=None if table.weight is None else table.weight[past],
        )
    held, split = split_at(table, cut)
    return training_data(table, held, split, inputs)
