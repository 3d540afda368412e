"""A new LDA engine is one file and one line in ENGINES, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etsyml_cli.personalization.model.lda_engines import ENGINES
from tests.conftest import Etsyml
from tests.lda_chain import table_of, two_tastes

TOY = """
import numpy as np

from etsyml_cli.personalization.model.lda_parameters import LdaParameters


def fit(counts, config, seed, watch=None, start=None):
    n_users, n_listings = counts.shape
    rng = np.random.default_rng(seed)
    learned = LdaParameters(
        theta=np.full((n_users, config.n_topics), 1 / config.n_topics, np.float32),
        beta=rng.dirichlet(np.ones(n_listings), config.n_topics).astype(np.float32),
        alpha=np.ones(config.n_topics, np.float32),
        eta=config.eta,
    )
    if watch is not None:
        watch(1, learned)
    return learned
"""


def test_a_new_engine_is_one_file_and_one_line(tmp_path: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_engine.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(ENGINES, "toy", "toy_engine:fit")
    (tmp_path / "tables").mkdir()
    table_of(two_tastes(), tmp_path / "tables/favorites.parquet")

    trained = etsyml("-w", tmp_path, "train", "lda", "--n-topics", "3", "--set", "engine=toy")
    assert trained.code == 0, trained.err
    listed = etsyml("-w", tmp_path, "recommend", "--user", "U2", "--recommender", "lda", "--json")
    assert listed.code == 0, listed.err
    assert json.loads(listed.out)["items"]
    refused = etsyml("-w", tmp_path, "train", "lda", "--set", "engine=tyo")
    assert refused.code == 2
    assert "Did you mean 'toy'?" in refused.err
