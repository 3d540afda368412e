"""One clock: nothing after the cut is learned from; equal times are decided by chance; new users are a slice."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.model import load_json
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.personalization import backtest as backtest_stage
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.evaluate import EvaluationInputs, evaluate
from etsyml_cli.personalization.learn import _without_windows
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.prepare import Inputs, TrainingData, load_training_data
from etsyml_cli.personalization.store import load_model
from etsyml_cli.personalization.train import training_set
from tests.lda_chain import Row, held_out_pairs, table_of, train

CONFIG = LdaConfig(n_topics=4, passes=5)
BY_USER = msgspec.structs.replace(CONFIG, split="user")
START = datetime(2020, 1, 1)
Figures = dict[tuple[str, str, str], Measurement]


def at(hours: float) -> str:
    return (START + timedelta(hours=round(hours))).strftime("%Y-%m-%dT%H:00:00Z")


def drifting(n_users: int = 120) -> list[Row]:
    """Favorites over 100 days, in the last 14 of which everyone likes the listings F0 … F9, unknown before.

    The last users come on day 92.
    """
    rng = np.random.default_rng(5)
    rows = []
    for user in range(n_users):
        first = 24 * (rng.uniform(0, 85) if user < n_users - 15 else 92)
        old = [(f"L{i:02}", first + 24 * rng.uniform(0, 12)) for i in rng.choice(40, 8, replace=False)]
        new = [(f"F{i}", rng.uniform(max(first, 24 * 86), 24 * 100)) for i in rng.choice(10, 2, replace=False)]
        rows += [(f"U{user}", listing, at(hours)) for listing, hours in old + new]
    return rows


@pytest.fixture(scope="module")
def favorites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_of(drifting(), tmp_path_factory.mktemp("tables") / "favorites.parquet")


@pytest.fixture(scope="module")
def model(favorites: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "lda"
    train(favorites, out, config=CONFIG)
    return out


def measure(model: Path, favorites: Path, *metrics: str, backtest: int | None = None) -> Figures:
    inputs = EvaluationInputs(model=model, favorites=favorites, backtest=backtest)
    return {(m.name, m.slice, m.variant): m for m in evaluate(inputs, [parse_metric(name) for name in metrics], 0)}


def load(favorites: Path, config: LdaConfig = CONFIG, holdout: str | None = None) -> TrainingData:
    return load_training_data(Inputs(favorites, None, config, 1, holdout=holdout))


def times_of(data: TrainingData, favorites: Favorites, rows: list[Row]) -> list[str]:
    time = {row[:2]: row[2] for row in rows}
    pairs = zip(favorites.users(), favorites.indices, strict=True)
    return sorted(time[data.user_ids[user], data.listing_ids[listing]] for user, listing in pairs)


def test_base_windows_and_test_part_follow_each_other(favorites: Path) -> None:
    rows, data = drifting(), load(favorites)
    base = _without_windows(training_set(data)).favorites
    parts = [times_of(data, part, rows) for part in (base, data.weigh, data.valid, data.test)]
    for earlier, later in pairwise(parts):
        assert earlier[-1] < later[0]
    assert parts[3][0] == data.split.cut and sum(map(len, parts)) == len(rows)
    assert times_of(data, data.train, rows)[-1] < parts[3][0]
    shares = [len(part) / len(rows) for part in parts]
    assert shares == pytest.approx([0.64, 0.08, 0.08, 0.2], abs=0.01)


def test_nothing_is_learned_from_what_is_popular_after_the_cut(model: Path, favorites: Path, tmp_path: Path) -> None:
    loaded = load_model(model)
    cut = load_json(model, "split.json")["cut"]
    later = Counter(listing for _, listing, time in drifting() if time >= cut)
    earlier = Counter(listing for _, listing, time in drifting() if time < cut)
    favorites_of = np.bincount(loaded.train.indices, minlength=len(loaded.listing_ids))
    assert dict(zip(loaded.listing_ids, favorites_of.tolist(), strict=True)) == {
        listing: earlier[listing] for listing in loaded.listing_ids
    }
    assert sum(later[f"F{i}"] for i in range(10)) > 0.5 * later.total()
    train(favorites, tmp_path / "random", config=msgspec.structs.replace(CONFIG, split="random"))
    name = ("recall@10", "all", "popularity")
    by_time, at_random = (measure(one, favorites, "recall@10")[name] for one in (model, tmp_path / "random"))
    assert by_time.high is not None and at_random.low is not None and by_time.high < at_random.low


def test_a_few_favorites_without_a_time_are_trained_on_and_counted(tmp_path: Path) -> None:
    rows = [*drifting(), *((f"U{user}", "L99", "") for user in range(7))]
    for config in (CONFIG, BY_USER):
        out = tmp_path / config.split
        summary = train(table_of(rows, out.with_suffix(".parquet")), out, config=config)
        assert (summary.facts["split"], summary.facts["without_time"]) == (config.split, 7)
        assert not any(listing == "L99" for _, listing in held_out_pairs(out))
    data = load(tmp_path / "time.parquet")
    assert data.ages is not None and np.isfinite(data.ages).all()
    assert data.split.cut == load(table_of(drifting(), tmp_path / "timed.parquet")).split.cut


def test_ages_are_those_of_the_entries_of_counts(favorites: Path) -> None:
    data = load(favorites, holdout="none")
    assert data.ages is not None
    time = {row[:2]: datetime.fromisoformat(row[2]) for row in drifting()}
    newest = sorted(time.values())[int(0.99 * (len(time) - 1))]
    users = Favorites(data.counts.indptr, data.counts.indices).users()
    for age, user, listing in zip(data.ages, users, data.counts.indices, strict=True):
        days = (newest - time[data.user_ids[user], data.listing_ids[listing]]) / timedelta(days=1)
        assert age == pytest.approx(max(days, 0))
    base = _without_windows(training_set(data))
    assert base.ages is not None and len(base.ages) == base.counts.nnz
    ages = [time[data.user_ids[u], data.listing_ids[i]] for u, i in zip(*base.counts.nonzero(), strict=True)]
    newest = sorted(ages)[-1]
    in_days = np.array([(newest - one) / timedelta(days=1) for one in ages])
    assert np.corrcoef(base.ages, in_days)[0, 1] > 0.999


def test_the_split_per_user_says_that_it_sees_the_future(favorites: Path, tmp_path: Path) -> None:
    summary = train(favorites, tmp_path / "lda", config=BY_USER)
    assert summary.facts["note"] in (tmp_path / "lda/README.md").read_text()
    assert "other users' later favorites" in summary.facts["note"]
    assert {slice_ for _, slice_, _ in measure(tmp_path / "lda", favorites, "hit@5")} == {"all"}


def test_equal_times_are_held_out_at_random(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(user, listing, at(0)) for user, listing, _ in drifting()]
    with caplog.at_level(logging.WARNING, "etsyml"):
        train(table_of(rows, tmp_path / "equal.parquet"), tmp_path / "equal", config=CONFIG)
    assert "all favorites have the same time: held out at random" in caplog.text
    train(table_of(rows, tmp_path / "none.parquet", times=False), tmp_path / "none", config=CONFIG)
    assert held_out_pairs(tmp_path / "equal") == held_out_pairs(tmp_path / "none")


def popular_first() -> list[Row]:
    """Favorites of whole days, of which listings with a low number have most: the order of ids must not decide."""
    rng = np.random.default_rng(2)
    chance = 1 / np.arange(1, 61)
    rows = []
    for user in range(150):
        chosen = rng.choice(60, 20, replace=False, p=chance / chance.sum())
        rows += [(f"U{user:03}", f"L{i:02}", at(24 * (place // 10))) for place, i in enumerate(rng.permutation(chosen))]
    return rows


def renamed(rows: list[Row], seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    users, listings = (sorted({row[place] for row in rows}) for place in (0, 1))
    user, listing = (dict(zip(ids, rng.permutation(ids).tolist(), strict=True)) for ids in (users, listings))
    return [(user[u], listing[i], time) for u, i, time in rows]


def test_names_and_the_order_of_lines_decide_no_figure(tmp_path: Path) -> None:
    rows = popular_first()
    versions = {"first": rows, "turned": rows[::-1], "a": renamed(rows, 1), "b": renamed(rows, 2)}
    found = {}
    for name, version in versions.items():
        table = table_of(version, tmp_path / f"{name}.parquet")
        summary = train(table, tmp_path / name, config=BY_USER)
        assert summary.facts["decided_by_ties"] == 1  # 4 of 10 of a day
        found[name] = measure(tmp_path / name, table, "recall@10", "ndcg@10")
    assert found["turned"] == found["first"]
    for name in ("a", "b"):
        for key, one in found[name].items():
            first = found["first"][key]
            assert one.low is not None and first.low is not None and one.high is not None and first.high is not None
            assert max(one.low, first.low) <= min(one.high, first.high), (name, key)


def test_of_large_users_those_of_equal_times_are_used_at_random(tmp_path: Path) -> None:
    rows = popular_first()
    config = msgspec.structs.replace(BY_USER, max_user_favorites=5)
    data = load(table_of(rows, tmp_path / "f.parquet"), config, "none")
    used = Favorites(data.counts.indptr, data.counts.indices)
    assert set(used.per_user().tolist()) == {5}
    assert set(times_of(data, used, rows)) == {at(24)}
    last_day = [int(listing[1:]) for _, listing, time in rows if time == at(24)]
    numbers = [int(data.listing_ids[i][1:]) for i in used.indices]
    assert np.mean(numbers) == pytest.approx(np.mean(last_day), abs=2)  # by id it would be several more


def test_users_without_earlier_favorites_are_a_slice(model: Path, favorites: Path) -> None:
    loaded = load_model(model)
    tested = loaded.test.per_user() > 0
    found = measure(model, favorites, "recall@10", "coverage@10", "perplexity")
    n = {slice_: found["recall@10", slice_, "popularity"].n for slice_ in ("all", "known", "new")}
    assert n == {"all": tested.sum(), "known": (tested & loaded.known).sum(), "new": (tested & ~loaded.known).sum()}
    assert n["new"] > 0
    for variant in ("popularity", "lda", "item-knn", "mix"):
        parts = found["recall@10", "known", variant], found["recall@10", "new", "popularity"]
        assert found["recall@10", "all", variant].value == pytest.approx(sum(m.value * m.n for m in parts) / n["all"])
    assert {variant for name, slice_, variant in found if (name, slice_) == ("recall@10", "new")} == {"popularity"}
    if n["new"] < 20:
        assert found["recall@10", "new", "popularity"].low is None


def test_a_backtest_of_one_window_is_the_evaluation(model: Path, favorites: Path) -> None:
    names = ("recall@10", "coverage@10", "perplexity")
    assert measure(model, favorites, *names, backtest=1) == measure(model, favorites, *names)


def test_windows_follow_each_other_and_their_users_are_measured_together(
    model: Path, favorites: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainingData] = []

    def record(*given: object) -> TrainingData:
        seen.append(training_data(*given))  # type: ignore[arg-type]
        return seen[-1]

    training_data = backtest_stage.training_data
    monkeypatch.setattr(backtest_stage, "training_data", record)
    found = measure(model, favorites, "recall@10", backtest=3)
    rows = drifting()
    tests = [times_of(data, data.test, rows) for data in seen]
    for data, tested in zip(seen, tests, strict=True):
        assert times_of(data, data.train, rows) == sorted(time for *_, time in rows if time < tested[0])
    assert [time for tested in tests for time in tested] == sorted(time for *_, time in rows if time >= tests[0][0])
    assert tests[0][0] == load_json(model, "split.json")["cut"]
    mix = found["recall@10", "all", "mix"]
    users = [int((data.test.per_user() > 0).sum()) for data in seen]
    values = mix.windows.values  # type: ignore[union-attr]
    assert list(values) == [tested[0] for tested in tests]
    assert mix.n == sum(users) and mix.value == pytest.approx(np.average(list(values.values()), weights=users))
    assert mix.windows.sd == pytest.approx(np.std(list(values.values()), ddof=1))  # type: ignore[union-attr]


def test_more_windows_than_times_are_refused_as_is_a_backtest_without_times(
    tmp_path: Path, model: Path, favorites
) -> None:
    for number in (0, 10_000):
        with pytest.raises(UsageError, match=f"--backtest {number}: the test part of the favorites has"):
            measure(model, favorites, "recall@10", backtest=number)
    table = table_of(drifting(), tmp_path / "f.parquet", times=False)
    train(table, tmp_path / "lda", config=CONFIG)
    with pytest.raises(UsageError, match="--backtest 2: the favorites have no times"):
        measure(tmp_path / "lda", table, "recall@10", backtest=2)
