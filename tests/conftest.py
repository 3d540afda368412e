from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from etsyml_cli.cli.main import run

settings.register_profile("etsyml", deadline=None, derandomize=bool(os.environ.get("CI")))  # no luck in CI
settings.load_profile("etsyml")

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Etsyml = Callable[..., Ended]


@pytest.fixture
def etsyml(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Etsyml:
    """`etsyml("train", "ltr")` runs a command in this process."""
    monkeypatch.delenv("ETSYML_WORKSPACE", raising=False)

    def call(*arguments: str | Path) -> Ended:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return call
