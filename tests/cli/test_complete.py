"""What the shell is offered for the rest of a word, through the real program as bash asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etsyml_cli.cli.settings import CONFIGS
from etsyml_cli.metrics.registry import METRICS
from tests.conftest import REPOSITORY


def offered(line: str, directory: Path = REPOSITORY) -> list[str]:
    """What completes the last word of the line; a line that ends with a blank has an empty last word."""
    asked = {"_ETSYML_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    environment = os.environ | asked | {"PYTHONPATH": str(REPOSITORY)}
    program = [sys.executable, "-c", "from etsyml_cli.cli.main import main; main()"]
    ended = subprocess.run(program, env=environment, cwd=directory, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A directory with a workspace that looks as if two models had been trained in it."""
    root = tmp_path_factory.mktemp("place")
    for kind in ("lda", "ctr"):
        (root / "work/models" / kind).mkdir(parents=True)
        (root / "work/models" / kind / "manifest.json").write_text('{"plan": {"config": {"n_topics": 12}}}')
    (root / "work/models/.ltr.partial").mkdir()
    return root


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("etsyml evaluate --metric nd", ["ndcg@10"]),
        ("etsyml evaluate --metric log", ["logloss"]),
        ("etsyml evaluate --model l", ["ltr", "ltr-rows", "lda", "lda-shops"]),
        ("etsyml score --model ", ["work/models/ctr", "work/models/lda"]),
        ("etsyml styles --style 1", ["1", "10", "11"]),
        ("etsyml ingest s", ["searches"]),
        ("etsyml ingest searches --map po", ["position="]),
        ("etsyml ingest searches log.csv --map po", ["position="]),
        ("etsyml ingest listings --preset sh", ["shopify"]),
        ("etsyml train ctr --set history.co", ["history.counts="]),
        ("etsyml extract-images --set backb", ["backbone="]),
        ("etsyml config show lt", ["ltr"]),
    ],
)
def test_words_are_completed(workplace, line, words):
    assert offered(line, workplace) == words


def test_every_metric_and_configuration_is_offered():
    assert len(offered("etsyml evaluate --metric ")) == len(METRICS)
    assert offered("etsyml config show ") == list(CONFIGS)


def test_without_a_workspace_completion_is_empty_and_silent(tmp_path):
    assert offered("etsyml styles --style ", tmp_path) == []
    assert offered("etsyml score --model ", tmp_path) == []


def test_the_workspace_that_is_named_is_looked_at(workplace, tmp_path):
    there = str(workplace / "work")
    assert offered(f"etsyml score --workspace {there} --model ", tmp_path) == [
        f"{there}/models/ctr",
        f"{there}/models/lda",
    ]
