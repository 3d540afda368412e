"""Up to date means that the outputs verify: what is damaged is made again by the plain command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Etsyml
from tests.lda_chain import two_tastes

LDA = ("train", "lda", "--set", "n_topics=4", "--set", "passes=2")


@pytest.fixture
def work(tmp_path: Path, etsyml: Etsyml) -> Path:
    log = tmp_path / "favorites.csv"
    log.write_text("user_id,listing_id,created_at\n" + "".join(f"{','.join(row)}\n" for row in two_tastes()))
    assert etsyml("-w", tmp_path / "work", "ingest", "favorites", log).code == 0
    return tmp_path / "work"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_table_is_made_again(work: Path, etsyml: Etsyml) -> None:
    table, again = work / "tables/favorites.parquet", ("-w", work, "ingest", "favorites", work.parent / "favorites.csv")
    before = table.read_bytes()
    for damage in (cut, change_a_byte, Path.unlink):
        damage(table)
        ended = etsyml(*again)
        assert (ended.code, "up to date" in ended.err, table.read_bytes()) == (0, False, before)
    assert "up to date" in etsyml(*again).err


def test_inspect_reports_a_table_that_was_changed(work: Path, etsyml: Etsyml) -> None:
    table = work / "tables/favorites.parquet"
    assert json.loads(etsyml("inspect", table, "--json").out)["damaged"] == []
    lock = table.with_name(".favorites.parquet.lock")
    lock.write_text("0" * 64 + "\n")  # the hash of another table
    assert json.loads(etsyml("inspect", table, "--json").out)["damaged"] == ["favorites.parquet"]


def test_a_damaged_model_is_trained_again(work: Path, etsyml: Etsyml) -> None:
    assert etsyml("-w", work, *LDA).code == 0
    for name, damage in (
        ("model.safetensors", cut),
        ("model.safetensors", change_a_byte),
        ("users.json", Path.unlink),
        ("manifest.json", cut),
    ):
        file = work / "models/lda" / name
        before = file.read_bytes()
        damage(file)
        ended = etsyml("-w", work, *LDA)
        assert (ended.code, "up to date" in ended.err, file.read_bytes()) == (0, False, before)
    assert "up to date" in etsyml("-w", work, *LDA).err


def test_the_second_night_replaces_its_own_lists(work: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    assert etsyml("-w", work, *LDA).code == 0
    for name in ("lists.jsonl", "lists.csv", "lists.parquet", "lists.trec"):
        night = ("-w", work, "recommend", "--users", "all", "-k", "3", "--out", tmp_path / name)
        assert [etsyml(*night).code for _ in range(2)] == [0, 0]
        (tmp_path / name).write_text("mine")
        refused = etsyml(*night)
        assert (refused.code, "changed since etsyml wrote it" in refused.err) == (2, True)
        assert (tmp_path / name).read_text() == "mine"
        assert etsyml(*night, "--force").code == 0


def test_notes_in_a_model_are_never_deleted(work: Path, etsyml: Etsyml) -> None:
    assert etsyml("-w", work, *LDA).code == 0
    notes = work / "models/lda/notes.txt"
    notes.write_text("mine")
    refused = etsyml("-w", work, *LDA, "--force")
    assert (refused.code, "notes.txt, which etsyml did not write" in refused.err) == (2, True)
    assert notes.read_text() == "mine"
