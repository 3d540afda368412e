"""`recommend` with --candidates, --exclude and --where, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Ended, Etsyml
from tests.lda_chain import table_of, train, two_tastes
from tests.places import names_in

ALL = {f"L{i:02}" for i in range(40)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace: L00 to L39 cost 0 to 39, L05 is sold out, every fifth has no price."""
    from etsyml_cli.ingest.config import IngestConfig
    from etsyml_cli.ingest.ingest import ingest

    place = tmp_path_factory.mktemp("workspace")
    rows = [
        f"L{i:02},Thing {i},{'' if i % 5 == 0 else i},{'Lamps' if i > 30 else 'Hats'},{0 if i == 5 else 3},S{i % 3}"
        for i in range(40)
    ]
    (place / "listings.csv").write_text("\n".join(["listing_id,title,price,category,quantity,shop_id", *rows]) + "\n")
    (place / "tables").mkdir()
    ingest("listings", [str(place / "listings.csv")], out=place / "tables/listings.parquet", config=IngestConfig())
    favorites = table_of(two_tastes(), place / "tables/favorites.parquet")
    train(favorites, place / "models/lda", listings=place / "tables/listings.parquet")
    return place


@pytest.fixture
def ask(place: Path, etsyml: Etsyml):
    def call(*options: str | Path, user: str = "U3") -> Ended:
        return etsyml("-w", place, "recommend", "--user", user, "-k", "40", "--include-seen", *options)

    return call


def listed(ended: Ended) -> list[str]:
    assert ended.code == 0, ended.err
    return [item["id"] for item in json.loads(ended.out)["items"]]


def write_ids(path: Path, ids: list[str]) -> Path:
    """The ids as lines, or in a column beside another one."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"other": [1] * len(ids), "listing_id": ids}), path)
    elif path.suffix == ".csv":
        path.write_text("\n".join(["other,listing_id", *(f'1,"{one}"' for one in ids)]) + "\n")
    else:
        path.write_text("\n".join([*ids, "", ""]))
    return path


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.parquet", "ids"])
def test_files_of_ids_restrict_lists_and_keep_the_order(name: str, tmp_path: Path, ask) -> None:
    chosen = ["L07", "L21", "L22", "L35", "L05"]
    usual = listed(ask())
    file = write_ids(tmp_path / name, chosen)
    assert listed(ask("--candidates", file)) == [one for one in usual if one in chosen]
    assert listed(ask("--exclude", file)) == [one for one in usual if one not in chosen]
    assert len(usual) == 39  # without the sold-out one


def test_lists_stay_full(tmp_path: Path, place: Path, etsyml: Etsyml) -> None:
    usual = listed(etsyml("-w", place, "recommend", "--user", "U3", "-k", "5", "--include-seen"))
    file = write_ids(tmp_path / "ids.txt", usual)
    shorter = listed(etsyml("-w", place, "recommend", "--user", "U3", "-k", "5", "--include-seen", "--exclude", file))
    assert len(shorter) == 5
    assert not set(shorter) & set(usual)


def test_a_condition_and_both_files_combine(tmp_path: Path, ask) -> None:
    ended = ask("--where", "price < 20 AND category = 'Hats'")
    assert set(listed(ended)) == {f"L{i:02}" for i in range(20) if i % 5}
    assert "16 of 40 listings meet" in ended.err
    candidates = write_ids(tmp_path / "only.txt", ["L01", "L02", "L03", "L33"])
    exclude = write_ids(tmp_path / "never.txt", ["L02"])
    both = ask("--where", "price < 20", "--candidates", candidates, "--exclude", exclude)
    assert set(listed(both)) == {"L01", "L03"}


@pytest.mark.parametrize(
    "more", [["--by-style"], ["--per-shop", "2"], ["--diversity", "0.4"], ["--recommender", "lda"]]
)
def test_other_options_combine_with_a_condition(more: list[str], ask) -> None:
    ended = ask("--where", "price > 30", *more)
    assert ended.code == 0, ended.err
    shown = [item["id"] for line in ended.out.splitlines() for item in json.loads(line)["items"]]
    assert shown
    assert len(set(shown)) == len(shown)
    assert set(shown) <= {f"L{i:02}" for i in range(31, 40) if i % 5}


def test_unknown_users_and_newcomers_get_listings_that_meet_it_too(ask, place: Path, etsyml: Etsyml) -> None:
    assert set(listed(ask("--where", "price > 37", user="nobody"))) == {"L38", "L39"}
    newcomer = etsyml("-w", place, "recommend", "--favorites", "L01,L02", "--where", "price > 37")
    assert set(listed(newcomer)) == {"L38", "L39"}


def test_unknown_ids_are_counted_and_refused_if_all_are(tmp_path: Path, ask) -> None:
    some = write_ids(tmp_path / "some.txt", ["L07", "l08", "gone"])
    for option in ("--candidates", "--exclude"):
        ended = ask(option, some)
        assert ended.code == 0
        assert "1 of 3" in ended.err
        none = ask(option, write_ids(tmp_path / "none.txt", ["l08", "gone"]))
        assert (none.code, none.out) == (4, "")
        assert "0 of 2" in none.err


def test_what_leaves_nothing_is_refused(tmp_path: Path, ask) -> None:
    one, empty = write_ids(tmp_path / "one.txt", ["L07"]), write_ids(tmp_path / "empty.txt", [])
    for options, reason in (
        (["--candidates", one, "--exclude", one], "no listing is left"),
        (["--candidates", empty], "no listing is left"),
        (["--where", "price > 1000"], "none of the 40 listings meets it"),
    ):
        ended = ask(*options)
        assert (ended.code, ended.out) == (4, "")
        assert reason in ended.err
    assert "no listing ids" in (ended := ask("--exclude", empty)).err
    assert len(listed(ended)) == 39
    assert "The column currency has no values." in ask("--where", "currency = 'EUR'").err


def test_files_that_cannot_be_read(tmp_path: Path, ask) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("L01\nL02\n")
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    for file, reason in (
        (bare, "listing_id"),
        (tmp_path / "broken.parquet", "broken"),
        (tmp_path / "gone", "not found"),
    ):
        ended = ask("--candidates", file)
        assert (ended.code, ended.out) == (3, "")
        assert str(file) in ended.err
        assert reason in ended.err


@pytest.mark.parametrize("option", ["--candidates", "--exclude", "--where"])
@pytest.mark.parametrize("what", ["shops", "users"])
def test_other_lists_than_of_listings_refuse_them(option: str, what: str, ask, place: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", place, "recommend", "--user", "U3", "--what", what, option, "x")
    assert (ended.code, ended.out) == (2, "")
    assert f"{option}: no effect with --what {what}" in ended.err


def test_a_condition_without_a_listings_table_is_refused(place: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", tmp_path, "recommend", "--user", "U3", "--model", place / "models/lda", "--where", "price < 5")
    assert ended.code == 3
    assert "no listings table found, which --where needs" in ended.err


def test_lists_of_all_users_contain_only_what_meets_the_condition(place: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    only = write_ids(tmp_path / "only.txt", sorted(ALL - {"L39"}))
    asked = ("-w", place, "recommend", "--users", "all", "-k", "3", "--candidates", only)
    out = tmp_path / "lists.jsonl"
    assert etsyml(*asked, "--where", "price < 30", "--out", out).code == 0
    lines = out.read_text().splitlines()
    assert len(lines) == 60
    assert {item["id"] for line in lines for item in json.loads(line)["items"]} <= {
        f"L{i:02}" for i in range(30) if i % 5
    }
    assert names_in(tmp_path) == ["lists.jsonl", "only.txt"]
