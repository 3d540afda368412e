"""Every command refuses tables whose ids do not match, and says once how many do if some are missing."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.cli.main import run
from tests.conftest import Etsyml
from tests.search.test_train import write_photos

WORDS = ("red scarf", "blue ring", "green cup")
LISTINGS = [f"L{i}" for i in range(30)]
DAYS = [f"2024-03-{day:02}T08:00:00Z" for day in range(1, 7)]
ID_COLUMNS = ("listing_id", "shop_id")


def listings() -> Iterator[dict]:
    for i, listing_id in enumerate(LISTINGS):
        title = f"{WORDS[i % 3]} number{i % 7}"
        yield {"listing_id": listing_id, "title": title, "shop_id": f"S{i % 4}", "quantity": i % 5 + 1}


def searches() -> Iterator[dict]:
    for page, (day, word) in enumerate(product(DAYS, WORDS * 4)):
        shown = [(page * 5 + place) % 30 for place in range(6)]
        clicked = max(shown, key=lambda i: (WORDS[i % 3] == word, i % 7))
        for position, i in enumerate(shown, 1):
            event = "click" if i == clicked else "impression"
            row = {"search_id": f"Q{page}", "query": word, "listing_id": LISTINGS[i], "position": position}
            yield row | {"event": event, "created_at": day}


def favorites() -> Iterator[dict]:
    for user, n in product(range(12), range(8)):
        yield {"user_id": f"U{user}", "listing_id": LISTINGS[(user % 3 + 3 * n) % 30], "created_at": DAYS[n % 6]}


def impressions() -> Iterator[dict]:
    for n, row in enumerate(searches()):
        columns = {name: row[name] for name in ("listing_id", "query", "position", "created_at")}
        yield columns | {"impression_id": f"I{n}", "clicked": int(row["event"] == "click")}


TABLES = {table.__name__: table for table in (listings, searches, favorites, impressions)}


def ingest(workspace: Path, table: str, rows: list[dict]) -> None:
    source = workspace.with_name(f"{workspace.name}-{table}.csv")
    with source.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert run(["-w", str(workspace), "ingest", table, str(source), "-q"]) == 0


def with_suffix(row: dict) -> dict:
    return row | {name: f"{row[name]}x" for name in ID_COLUMNS if name in row}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`good`: tables, photos and models of a shop; `bad`: the same tables and photos with an x after each id."""
    root = tmp_path_factory.mktemp("shops")
    for table, rows in TABLES.items():
        ingest(root / "good", table, list(rows()))
        ingest(root / "bad", table, [*map(with_suffix, rows())])
    features = np.random.default_rng(0).normal(size=(30, 6))
    write_photos(LISTINGS, features, root / "good/features/images/tiny")
    write_photos([f"{one}x" for one in LISTINGS], features, root / "bad/photos")
    photos = ["--images", str(root / "good/features/images/tiny")]
    for command in (
        ["ltr", *photos],
        ["ctr", *photos, "--set", "bits=12"],
        ["lda", "--n-topics", "3"],
        ["lda", "--shops", "--n-topics", "2"],
    ):
        assert run(["-w", str(root / "good"), "train", *command, "-q"]) == 0
    write_judgments(root)
    return root


def write_judgments(root: Path) -> None:
    grades = "".join(f"{{query}} 0 {listing_id}{{suffix}} 1\n" for listing_id in LISTINGS)
    queries = [word.replace(" ", "_") for word in WORDS]
    for name, suffix_of_query, suffix in (("qrels", "", ""), ("other_queries", "x", ""), ("other_documents", "", "x")):
        lines = "".join(grades.format(query=f"{query}{suffix_of_query}", suffix=suffix) for query in queries)
        (root / f"{name}.txt").write_text(lines)
    ranked = [f"{query} Q0 {one} 1 {30 - i} t\n" for query in queries for i, one in enumerate(LISTINGS)]
    (root / "run.trec").write_text("".join(ranked))


GOOD_PHOTOS, BAD_PHOTOS = "--images good/features/images/tiny", "--images bad/photos"
LTR, CTR, LDA = "train ltr --out new", "train ctr --set bits=12 --out new", "train lda --n-topics 3 --out new"
DISJOINT = [
    f"{LTR} --searches bad/tables/searches.parquet {GOOD_PHOTOS}",
    f"{LTR} --listings bad/tables/listings.parquet {GOOD_PHOTOS}",
    f"{LTR} {BAD_PHOTOS}",
    f"train ltr --export-pairs new.txt --searches bad/tables/searches.parquet {GOOD_PHOTOS}",
    f"{CTR} --impressions bad/tables/impressions.parquet {GOOD_PHOTOS}",
    f"{CTR} --listings bad/tables/listings.parquet {GOOD_PHOTOS}",
    f"{CTR} --source searches --searches bad/tables/searches.parquet {GOOD_PHOTOS}",
    f"train ctr --out new --warm-start good/models/ctr --holdout none --listings bad/tables/listings.parquet {GOOD_PHOTOS}",
    f"{CTR} {BAD_PHOTOS}",
    f"{LDA} --favorites bad/tables/favorites.parquet",
    f"{LDA} --listings bad/tables/listings.parquet",
    f"{LDA} --shops --favorites bad/tables/favorites.parquet",
    "train lda --out new --favorites bad/tables/favorites.parquet --listings bad/tables/listings.parquet"
    " --from good/models/lda",
    "rank --searches bad/tables/searches.parquet",
    f"rank --searches good/tables/searches.parquet {BAD_PHOTOS}",
    f"rank --query ring {BAD_PHOTOS}",
    f"rank --query ring --before-after {BAD_PHOTOS}",
    f"index ltr --out new {BAD_PHOTOS}",
    f"index similar --out new {BAD_PHOTOS}",
    f"similar --listing L1 {BAD_PHOTOS}",
    f"similar --judge {BAD_PHOTOS}",
    f"similar --judge --favorites bad/tables/favorites.parquet {GOOD_PHOTOS}",
    f"similar --judge --searches bad/tables/searches.parquet {GOOD_PHOTOS}",
    "recommend --user U1 --listings bad/tables/listings.parquet",
    "recommend --users all --out new.jsonl --listings bad/tables/listings.parquet",
    "recommend --favorites L1,L2 --listings bad/tables/listings.parquet",
    "recommend --user U1 --new-listings --listings bad/tables/listings.parquet",
    "recommend --user U1 --what shops --listings bad/tables/listings.parquet",
    "styles --listings bad/tables/listings.parquet",
    "styles --user U1 --listings bad/tables/listings.parquet",
    "evaluate --metric ndcg@5 --listings bad/tables/listings.parquet",
    f"evaluate --metric ndcg@5 {BAD_PHOTOS}",
    "evaluate --metric ndcg@5 --qrels other_queries.txt",
    "evaluate --metric ndcg@5 --qrels other_documents.txt",
    "evaluate --metric auc --listings bad/tables/listings.parquet",
    f"evaluate --metric auc {BAD_PHOTOS}",
    "evaluate --metric same_shop@5 --listings bad/tables/listings.parquet",
    f"score bad/tables/impressions.parquet --out new.parquet {GOOD_PHOTOS}",
    f"score good/tables/impressions.parquet --out new.parquet {BAD_PHOTOS}",
    "compare run.trec run.trec --qrels other_queries.txt",
    "compare run.trec run.trec --qrels other_documents.txt",
]


@pytest.mark.parametrize("command", DISJOINT)
def test_ids_that_match_nowhere_are_refused_with_one_of_each_side(
    shops: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(shops)
    ended = etsyml("-w", "good", *command.split())
    assert ended.code == 4, ended.err
    assert ended.out == ""
    error = ended.err[ended.err.index("error: ") :]
    assert re.match(r"error: 0 of \d+ [a-z_. ]+ are in ", error)
    named = re.findall(r" has '([^']+)'", error)
    assert len(named) == 2
    assert {*named} == {min(named), f"{min(named)}x"}
    assert not [*shops.glob("new*")]


def test_the_same_commands_accept_ids_that_match(shops: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shops)
    for command in (
        f"{LTR} {GOOD_PHOTOS}",
        "rank --searches good/tables/searches.parquet -q",
        "recommend --user U1",
        "styles",
        "evaluate --metric ndcg@5 --qrels qrels.txt",
        "compare run.trec run.trec --qrels qrels.txt",
        f"score good/tables/impressions.parquet --out new.parquet {GOOD_PHOTOS}",
    ):
        ended = etsyml("-w", "good", *command.split())
        assert ended.code == 0, ended.err
        assert " are in " not in ended.err
    (shops / "new.parquet").unlink()
    for path in (shops / "new").iterdir():
        path.unlink()
    (shops / "new").rmdir()


def test_each_pair_of_tables_is_reported_once_per_command(tmp_path: Path, etsyml: Etsyml) -> None:
    few = [row for row in listings() if int(row["listing_id"][1:]) < 11]
    ingest(tmp_path / "w", "listings", few)
    ingest(tmp_path / "w", "searches", list(searches()))
    ingest(tmp_path / "w", "favorites", list(favorites()))
    write_photos(LISTINGS[:6], np.eye(6), tmp_path / "photos")
    for command, pairs in {
        f"train ltr --images {tmp_path}/photos": {
            "11 of 30 listings of searches are in listings",
            "6 of 30 listings of searches are in images",
        },
        "train lda --n-topics 3": {"11 of 24 listings of favorites are in listings"},
        "recommend --user U1 --user U2": {"11 of 24 listings of the model are in listings"},
        f"similar --judge --images {tmp_path}/photos": {"11 of 24 listings of favorites are in listings"},
    }.items():
        ended = etsyml("-w", tmp_path / "w", *command.split())
        assert ended.code == 0, ended.err
        warnings = [line for line in ended.err.splitlines() if " are in " in line and line.startswith("warning: ")]
        assert sorted(warnings) == sorted(f"warning: {pair}" for pair in pairs)


def test_a_new_listing_can_be_scored_with_a_warning(shops: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"listing_id": "new", "query": "red scarf"}\n' * 3)
    ended = etsyml("-w", shops / "good", "score", rows)
    assert ended.code == 0
    assert ended.err.count("warning: 0 of 1 listings of the rows are in listings") == 1


def test_the_report_says_which_ids_do_not_match(shops: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    """A part that cannot be computed has the reason in its place."""
    ingest(tmp_path / "w", "favorites", list(favorites()))
    assert etsyml("-w", tmp_path / "w", "train", "lda", "--n-topics", "3").code == 0
    ingest(tmp_path / "w", "listings", [*map(with_suffix, listings())])
    ended = etsyml("-w", tmp_path / "w", "report", "--out", tmp_path / "report")
    assert ended.code == 0, ended.err
    pages = "".join(path.read_text() for path in (tmp_path / "report").rglob("*.html"))
    assert "0 of 24 listings of the model are in listings" in pages
