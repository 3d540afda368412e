"""Symbolic links in place of etsyml's own files: their targets are not changed, and an error is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.atomic import whole_file
from etsyml_cli.io.runs import write_lists_resumably
from tests.conftest import Etsyml

PLAN = Plan(kind="test")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "listings.csv"
    path.write_text("listing_id,title\nL1,Mug\n")
    return path


def is_untouched(outside: Path) -> bool:
    return [path.name for path in outside.iterdir()] == ["thesis.tex"] and (
        outside / "thesis.tex"
    ).read_text() == "mine"


def write(target: Path, text: str = "new", *, force: bool = False) -> None:
    with artifact(target, PLAN, force=force) as draft:
        (draft.path / "data.txt").write_text(text)


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        (".listings.partial", "."),
        (".listings.parquet.lock", "thesis.tex"),
        ("listings.parquet", "thesis.tex"),
        ("listings.rejects.jsonl", "thesis.tex"),
        ("listings.run.json", "thesis.tex"),
    ],
)
def test_a_link_in_the_tables(name: str, behind: str, outside: Path, log: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    tables = tmp_path / "work/tables"
    tables.mkdir(parents=True)
    (tables / name).symlink_to(outside / behind)
    for force in ([], ["--force"]):
        ended = etsyml("-w", tmp_path / "work", "ingest", "listings", log, *force)
        assert (ended.code, str(tables / name) in ended.err) == (2, True)
        assert "Remove the link." in ended.err
        assert is_untouched(outside)
    (tables / name).unlink()
    assert etsyml("-w", tmp_path / "work", "ingest", "listings", log).code == 0


def test_a_link_in_place_of_the_copy_of_stdin(outside: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    spool = tmp_path / "work/tables/.listings.stdin"
    spool.parent.mkdir(parents=True)
    spool.symlink_to(outside / "thesis.tex")
    ended = etsyml("-w", tmp_path / "work", "ingest", "listings", "-")
    assert (ended.code, str(spool) in ended.err, "Remove the link." in ended.err) == (2, True, True)
    assert is_untouched(outside)


def test_a_folder_in_place_of_a_draft_is_not_emptied(log: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    mine = tmp_path / "work/tables/.listings.partial/thesis.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ended = etsyml("-w", tmp_path / "work", "ingest", "listings", log)
    assert (ended.code, "thesis.tex" in ended.err, mine.read_text()) == (2, True, "mine")


@pytest.mark.parametrize("name", [".made.partial", ".made.lock"])
def test_a_link_next_to_an_artifact(name: str, outside: Path, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(outside / "thesis.tex" if name.endswith("lock") else outside)
    with pytest.raises(UsageError, match=name) as raised:
        write(tmp_path / "made", force=True)
    assert raised.value.hint == "Remove the link."
    assert is_untouched(outside)


def test_a_link_in_the_draft_of_a_stopped_run(outside: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), artifact(tmp_path / "made", PLAN, resume=PLAN) as draft:
        raise KeyboardInterrupt
    (draft.path / "rows.partial").symlink_to(outside / "thesis.tex")
    with pytest.raises(UsageError, match=r"rows\.partial"), artifact(tmp_path / "made", PLAN, resume=PLAN):
        pass
    assert is_untouched(outside)


def test_a_folder_in_place_of_an_artifacts_draft_is_not_emptied(tmp_path: Path) -> None:
    mine = tmp_path / ".made.partial/thesis.tex"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        write(tmp_path / "made", force=True)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("behind", [".", "thesis.tex"])
def test_a_link_inside_an_artifact(behind: str, outside: Path, tmp_path: Path) -> None:
    write(tmp_path / "made")
    (tmp_path / "made/data.txt").unlink()
    (tmp_path / "made/data.txt").symlink_to(outside / behind)
    with pytest.raises(UsageError, match=r"data\.txt: a symbolic link") as raised:
        write(tmp_path / "made", force=True)
    assert raised.value.hint == "Remove the link."
    assert is_untouched(outside)


def test_a_link_to_a_folder_with_foreign_files(outside: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "old")
    (tmp_path / "elsewhere/notes.txt").write_text("mine")
    for name, folder in (("mixed", tmp_path / "elsewhere"), ("foreign", outside)):
        (tmp_path / name).symlink_to(folder)
        with pytest.raises(UsageError, match="etsyml did not write"):
            write(tmp_path / name, force=True)
    assert (tmp_path / "elsewhere/notes.txt").read_text() == "mine"
    assert (tmp_path / "elsewhere/data.txt").read_text() == "old"
    assert is_untouched(outside)


@pytest.mark.parametrize("name", ["lists.jsonl", ".lists.jsonl.partial", ".lists.jsonl.lock"])
def test_a_link_in_place_of_a_list(name: str, outside: Path, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(outside / "thesis.tex")
    with pytest.raises(UsageError) as raised, whole_file(tmp_path / "lists.jsonl", force=True) as draft:
        draft.write_text("new")
    assert (name in raised.value.message, raised.value.hint) == (True, "Remove the link.")
    assert is_untouched(outside)


@pytest.mark.parametrize("name", [".lists.jsonl.resumable", ".lists.jsonl.plan.json"])
def test_a_link_in_place_of_a_resumable_list(name: str, outside: Path, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(outside / "thesis.tex")
    with pytest.raises(UsageError, match=name) as raised:
        write_lists_resumably(lambda first: [], tmp_path / "lists.jsonl", PLAN, force=True)
    assert raised.value.hint == "Remove the link."
    assert is_untouched(outside)


def test_what_is_added_while_an_artifact_is_made_stays(tmp_path: Path) -> None:
    write(tmp_path / "made", "old")
    with pytest.raises(UsageError, match=r"notes\.txt"), artifact(tmp_path / "made", PLAN) as draft:
        (draft.path / "data.txt").write_text("new")
        (tmp_path / "made/notes.txt").write_text("mine")
    assert (tmp_path / "made/notes.txt").read_text() == "mine"
    assert (tmp_path / "made/data.txt").read_text() == "old"
