"""Test a configuration on successive windows of the favorites, each with a model that was trained on those before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.model import load_config
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.holdout import share_of_holdout
from etsyml_cli.personalization.learn import learn
from etsyml_cli.personalization.log import NO_TIME, FavoritesTable
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
    table = read_inputs(inputs)
    cuts = window_cuts(table, share_of_holdout(inputs.holdout) or inputs.config.holdout_share, number)
    for i, (cut, end) in enumerate(zip(cuts, [*cuts[1:], None], strict=True), 1):
        data = _data_until(table, cut, end, inputs)
        logger.info("window %d of %d, from %s on", i, number, data.split.cut)
        fitted = learn(training_set(data), inputs.config, inputs.seed)
        yield Window(str(data.split.cut), model_of(fitted, data, inputs))
