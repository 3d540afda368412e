"""`train lda` and `recommend`: the split, the training set, and the lists."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.model import load_json
from etsyml_cli.io.schema import TABLES, arrow_schema
from etsyml_cli.io.tables import parquet_writer, seal, table_draft
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.store import load_model
from tests.lda_chain import figures, held_out_pairs, ids, recommend, table_of, train, two_tastes


@pytest.fixture(scope="module")
def favorites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_of(two_tastes(), tmp_path_factory.mktemp("tables") / "favorites.parquet")


@pytest.fixture(scope="module")
def model(favorites: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "lda"
    train(favorites, out)
    return out


def test_lists_show_the_users_taste_best_first_without_any_favorite_held_out_or_not(model: Path) -> None:
    own = {listing for user, listing, _ in two_tastes() if user == "U2"}
    [listed] = recommend(model=model, users=["U2"], k=10)
    assert {key: listed[key] for key in ("schema_version", "user_id", "fallback", "what")} == {
        "schema_version": 1,
        "user_id": "U2",
        "fallback": False,
        "what": "listings",
    }
    assert set(ids(listed)) <= {f"L{i:02}" for i in range(20)} - own
    assert [item["rank"] for item in listed["items"]] == list(range(1, 11))
    scores = [item["score"] for item in listed["items"]]
    assert scores == sorted(scores, reverse=True)


def test_seen_listings_come_back_on_request(model: Path) -> None:
    own = {listing for user, listing, _ in two_tastes() if user == "U2"}
    [listed] = recommend(model=model, users=["U2"], k=40, exclude_seen=False)
    assert len(ids(listed)) == 40 and own <= set(ids(listed))


def test_unknown_users_get_popular_listings_and_a_warning(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="etsyml"):
        known, unknown = recommend(model=model, users=["U3", "nobody"], k=5)
    assert (known["fallback"], unknown["fallback"]) == (False, True)
    assert "'nobody'" in caplog.text and "U3" not in caplog.text
    loaded = load_model(model)
    counts = np.bincount(loaded.train.indices, minlength=40)
    most = sorted(range(40), key=lambda i: (counts[i], loaded.listing_ids[i]), reverse=True)[:5]
    assert ids(unknown) == [loaded.listing_ids[i] for i in most]


def test_many_unknown_users_are_reported_in_one_line(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    listed = list(recommend(model=model, users=[f"new{i}" for i in range(9)], k=1))
    assert len(listed) == 9
    [warning] = caplog.messages
    assert warning == "9 unknown users get popular listings instead: 'new0', 'new1', 'new2' ..."


def test_a_user_who_favorited_everything_gets_an_empty_list(tmp_path: Path) -> None:
    rows = [*two_tastes(10), *(("all", f"L{i:02}", "2014-05-01T00:00:00Z") for i in range(40))]
    train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda")
    [listed] = recommend(model=tmp_path / "lda", users=["all"], k=5)
    assert listed["items"] == [] and not listed["fallback"]


def test_a_user_with_one_favorite_is_known(tmp_path: Path) -> None:
    rows = [*two_tastes(), ("one", "L03", "2014-05-01T00:00:00Z")]
    train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda")
    [listed] = recommend(model=tmp_path / "lda", users=["one"], k=5)
    assert not listed["fallback"]
    assert set(ids(listed)) <= {f"L{i:02}" for i in range(20)} - {"L03"}


def test_users_below_the_minimum_are_not_trained_on_and_get_popular_listings(tmp_path: Path, caplog) -> None:
    rows = [*two_tastes(), ("one", "only", "2014-05-01T00:00:00Z")]
    table = table_of(rows, tmp_path / "f.parquet")
    summary = train(table, tmp_path / "lda", config=LdaConfig(n_topics=4, min_user_favorites=2))
    assert summary.rows["train"] - summary.rows["learned_from"] == 1
    [listed] = recommend(model=tmp_path / "lda", users=["one"], k=40)
    assert listed["fallback"] and "only" not in ids(listed)
    assert "1 users without training favorites get popular listings instead: 'one'" in caplog.text
    assert "unknown users" not in caplog.text


def test_listings_below_the_minimum_are_learned_by_no_style(tmp_path: Path) -> None:
    rows = [*two_tastes(), ("U0", "rare", "2014-05-01T00:00:00Z")]
    table = table_of(rows, tmp_path / "f.parquet")
    train(table, tmp_path / "lda", "none", config=LdaConfig(n_topics=4, min_listing_favorites=2))
    [listed] = recommend(model=tmp_path / "lda", users=["U2"], k=40)
    assert ids(listed)[-1] == "rare"


def test_titles_come_from_the_listings(favorites: Path, tmp_path: Path) -> None:
    source = tmp_path / "listings.csv"
    source.write_text("listing_id,title\nL00,Red scarf\nelsewhere,Lamp\n")
    ingest("listings", [str(source)], out=tmp_path / "listings.parquet", config=IngestConfig())
    train(favorites, tmp_path / "lda", listings=tmp_path / "listings.parquet")
    [listed] = recommend(model=tmp_path / "lda", users=["U0"], k=40, exclude_seen=False)
    assert {item["id"]: item["title"] for item in listed["items"] if "title" in item} == {"L00": "Red scarf"}


def test_the_latest_fifth_is_held_out(model: Path) -> None:
    latest = {(user, listing) for user, listing, time in two_tastes() if time >= "2014-05-07"}
    assert held_out_pairs(model) == latest
    split = load_json(model, "split.json")
    assert (split["rule"], split["share"], split["rows"]["test"]) == ("user", 0.2, 120)


def test_without_times_a_random_fifth_is_held_out_whatever_the_order_of_rows(tmp_path: Path) -> None:
    for name, rows in (("one", two_tastes()), ("other", two_tastes()[::-1])):
        train(table_of(rows, tmp_path / f"{name}.parquet", times=False), tmp_path / name)
    held = held_out_pairs(tmp_path / "one")
    assert held == held_out_pairs(tmp_path / "other") and len(held) == 120
    assert load_json(tmp_path / "one", "split.json")["rule"] == "random"
    for name in ("model.safetensors", "split.json", "users.json", "listings.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize("name", ["test.csv", "test.csv.gz", "test.parquet"])
def test_a_file_names_what_is_held_out(favorites: Path, tmp_path: Path, name: str) -> None:
    pairs = [row[:2] for row in two_tastes()[::9]]
    lines = "".join(f"{user},x,{listing}\n" for user, listing in [*pairs, ("U0", "L39"), ("nobody", "L01")])
    path = tmp_path / name
    if name.endswith(".parquet"):
        users, listings = zip(*pairs, ("U0", "L39"), ("nobody", "L01"), strict=True)
        pq.write_table(pa.table({"user_id": users, "listing_id": listings}), path)
    else:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(path, "wt") as file:
            file.write("user_id,more,listing_id\n" + lines)
    train(favorites, tmp_path / "lda", str(path))
    assert held_out_pairs(tmp_path / "lda") == set(pairs)
    split = load_json(tmp_path / "lda", "split.json")
    assert split["not_in_favorites"] == 2 and split["file"]["name"] == name
    assert figures(tmp_path / "lda", favorites, "recall@5")["recall@5", "lda"].n == len({user for user, _ in pairs})


@pytest.mark.parametrize("holdout", ["1.5", "0", "nan", "nothing", "no/such.csv"])
def test_a_holdout_that_is_none_of_the_three_is_refused(favorites: Path, tmp_path: Path, holdout: str) -> None:
    with pytest.raises(UsageError, match="--holdout"):
        train(favorites, tmp_path / "lda", holdout)
    assert not (tmp_path / "lda").exists()


def test_a_holdout_file_without_the_columns_is_refused(favorites: Path, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("user,item\nU0,L1\n")
    with pytest.raises(InputError, match=r"test\.csv.*user_id"):
        train(favorites, tmp_path / "lda", str(tmp_path / "test.csv"))


def test_a_model_that_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(recommend(model=tmp_path / "lda", users=["U0"], k=5))
    assert caught.value.hint == "Make it with: etsyml train lda"


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    table, plan = tmp_path / "f.parquet", Plan(kind="table:favorites")
    with table_draft(table, plan) as draft:
        schema = arrow_schema(TABLES["favorites"], ["user_id", "listing_id"])
        seal(parquet_writer(draft.scratch / "table.parquet", schema), draft)
    with pytest.raises(DataError, match="favorites table is empty"):
        train(table, tmp_path / "lda")


def test_weights_must_exist_if_they_are_used(favorites: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weight of a favorite must be a positive number"):
        train(favorites, tmp_path / "lda", config=LdaConfig(n_topics=4, use_weights=True))


@pytest.mark.parametrize("use_weights", [False, True])
def test_a_heavy_favorite_counts_for_more_on_request_only(tmp_path: Path, use_weights: bool) -> None:
    (tmp_path / "f.csv").write_text("user_id,listing_id,weight\nU1,a,9\nU1,b,1\nU2,a,9\nU2,b,1\n")
    ingest("favorites", [str(tmp_path / "f.csv")], out=tmp_path / "f.parquet", config=IngestConfig())
    config = LdaConfig(n_topics=1, passes=50, use_weights=use_weights)
    train(tmp_path / "f.parquet", tmp_path / "lda", config=config)
    share_of_a = load_model(tmp_path / "lda").parameters.beta[0, 0]
    assert share_of_a == pytest.approx(0.9 if use_weights else 0.5, abs=0.05)


def test_a_second_run_is_up_to_date_and_a_forced_one_gives_the_same_bytes(favorites: Path, tmp_path: Path) -> None:
    out = tmp_path / "lda"
    assert not train(favorites, out).up_to_date
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "run.json"}
    again = train(favorites, out)
    assert again.up_to_date and again.rows["users"] == 60
    assert not train(favorites, out, force=True).up_to_date
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.name != "run.json"}
    assert not train(favorites, out, config=LdaConfig(n_topics=3, passes=1)).up_to_date


def test_a_limit_takes_the_first_favorites(favorites: Path, tmp_path: Path) -> None:
    assert train(favorites, tmp_path / "lda", limit=80).rows["users"] == 10


def test_recommend_loads_nothing_heavy() -> None:
    heavy = ("torch", "gensim", "pyarrow", "duckdb")
    program = f"import sys, etsyml_cli.personalization.recommend; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
