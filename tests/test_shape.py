"""Each system has the same shape: the same names for the same jobs, and no directory holds too much."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from pathlib import Path

import pytest

from etsyml_cli.systems import KINDS
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "etsyml_cli"
JOBS = ("log", "prepare", "learn", "train", "evaluate", "store", "card", "config", "model")
WITH_FEATURES = ("search", "ads")  # personalization learns from the counts of favorites themselves
MAX_FILES, MAX_SHARE = 25, 0.12
SYSTEMS = sorted({kind.system for kind in KINDS.values()})
# functions that train a model, each with its module's dataclass of inputs
TRAIN = {
    "ltr": "etsyml_cli.search.train:train_ltr",
    "ltr-rows": "etsyml_cli.search.svmlight_ranker:train_on_rows",
    "lda": "etsyml_cli.personalization.train:train_lda",
    "ctr": "etsyml_cli.ads.train:train_ctr",
}
DIRECTORIES = sorted({path.parent for path in PACKAGE.rglob("*.py")})


def lines_of(directory: Path) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in directory.glob("*.py"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_job_has_the_same_name_in_every_system(system: str) -> None:
    names = {path.stem for path in (PACKAGE / system).iterdir()}
    assert not set(JOBS) - names
    assert ("features" in names) == (system in WITH_FEATURES)


def test_every_kind_of_model_is_checked() -> None:
    assert set(TRAIN) == set(KINDS)


@pytest.mark.parametrize("kind", TRAIN)
def test_training_takes_one_frozen_dataclass_of_inputs(kind: str) -> None:
    module, _, name = TRAIN[kind].partition(":")
    function = getattr(importlib.import_module(module), name)
    first, *others = inspect.signature(function).parameters
    inputs = typing.get_type_hints(function)[first]
    assert inputs.__name__ == "Inputs"
    assert dataclasses.is_dataclass(inputs)
    assert inputs.__dataclass_params__.frozen
    assert others == ["out", "force"]


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_directory_holds_too_much(directory: Path) -> None:
    files = [path for path in directory.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MAX_FILES
    assert lines_of(directory) <= MAX_SHARE * sum(map(lines_of, DIRECTORIES))
