"""The words of any script from file to list: two forms of a catalog that look alike rank alike."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path

import msgspec
import pytest

from etsyml_cli.io.artifact import MANIFEST, read_manifest, to_json
from etsyml_cli.search.store import load_model
from tests.conftest import Etsyml

TITLES = [
    "crème brûlée café",
    "लाल साड़ी सूती",
    "ผ้าไหมไทย",
    "שִׂמְלָה אדומה",
    "İPEK ŞAL mavi",
    "手作り陶器",
    "Áo dài lụa",
    "bols bleus",
]
QUERIES = ["café", "साड़ी", "ไหม", "שמלה", "ipek", "陶器", "ÁO", "bols"]
N = 40


def write_csv(path: Path, rows: list[dict], form: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({name: unicodedata.normalize(form, str(value)) for name, value in row.items()})


def make_workspace(root: Path, form: str, etsyml: Etsyml) -> Path:
    """A workspace whose texts are in this Unicode form, with a ranker."""
    listings = [{"listing_id": f"L{i}", "title": f"{TITLES[i % len(TITLES)]} n{i}", "tags": "x"} for i in range(N)]
    searches = [
        {
            "search_id": f"S{page}",
            "query": QUERIES[page % len(QUERIES)],
            "listing_id": f"L{i}",
            "position": position,
            "event": "click" if i % len(TITLES) == page % len(TITLES) else "impression",
            "created_at": f"2024-03-{1 + page // 8:02d}T10:00:00Z",
        }
        for page in range(80)
        for position, i in enumerate(((page * 7 + step * 3) % N for step in range(8)), 1)
    ]
    root.mkdir()
    for table, rows in (("listings", listings), ("searches", searches)):
        write_csv(root / f"{table}.csv", rows, form)
        assert etsyml("-w", root, "ingest", table, root / f"{table}.csv", "-q").code == 0
    assert etsyml("-w", root, "train", "ltr", "--set", "max_iterations=5", "-q").code == 0
    return root


def answers(place: Path, etsyml: Etsyml) -> list[list[tuple[str, float]]]:
    found = []
    for query in QUERIES:
        items = json.loads(etsyml("-w", place, "rank", "--query", query, "--json").out)["items"]
        found.append([(item["id"], item["score"]) for item in items])
    return found


def test_both_forms_of_a_catalog_rank_alike_with_an_index_or_without(tmp_path: Path, etsyml: Etsyml) -> None:
    composed, decomposed = (make_workspace(tmp_path / form, form, etsyml) for form in ("NFC", "NFD"))
    plain = answers(composed, etsyml)
    for number, items in enumerate(plain):
        assert {int(listing[1:]) % len(TITLES) for listing, _ in items} == {number}  # only listings with the word
    assert answers(decomposed, etsyml) == plain
    assert etsyml("-w", composed, "index", "ltr", "-q").code == 0
    assert [[listing for listing, _ in items] for items in answers(composed, etsyml)] == [
        [listing for listing, _ in items] for items in plain
    ]
    lists = [etsyml("-w", place, "similar", "--listing", "L0", "--json").out for place in (composed, decomposed)]
    first, second = ([item["id"] for item in json.loads(answer)["items"]] for answer in lists)
    assert first == second


@pytest.mark.parametrize(("setting", "stored", "found"), [("auto", "none", False), ("english", "english", True)])
def test_the_decision_on_plurals_is_stored_with_the_ranker(
    tmp_path: Path, etsyml: Etsyml, setting: str, stored: str, found: bool
) -> None:
    """The titles are not English, so `auto` does not take `bols` for the plural of `bol`."""
    place = make_workspace(tmp_path / "shop", "NFC", etsyml)
    model = place / "models/ltr"
    assert etsyml("-w", place, "train", "ltr", "--set", f"text.plurals={setting}", "-q", "--force").code == 0
    assert load_model(model).state.config.text.plurals == stored
    assert bool(json.loads(etsyml("-w", place, "rank", "--query", "bol", "--json").out)["items"]) == found


def make_older(directory: Path) -> None:
    """Give a model the manifest of the first format."""
    manifest = read_manifest(directory)
    plan = msgspec.structs.replace(manifest.plan, format_version=1)
    (directory / MANIFEST).write_bytes(to_json(msgspec.structs.replace(manifest, plan=plan)))


def test_a_ranker_with_older_words_must_be_trained_again(tmp_path: Path, etsyml: Etsyml) -> None:
    place = make_workspace(tmp_path / "shop", "NFC", etsyml)
    make_older(place / "models/ltr")
    for command in (["rank", "--query", "café"], ["evaluate", "--model", "ltr"], ["index", "ltr"]):
        ended = etsyml("-w", place, *command)
        assert ended.code == 3
        assert "format version 1" in ended.err and "train ltr" in ended.err
    assert etsyml("-w", place, "train", "ltr", "--set", "max_iterations=5", "-q").code == 0  # as the hint says
    assert etsyml("-w", place, "rank", "--query", "café", "--json").code == 0
