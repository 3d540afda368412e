"""Files that are replaced whole: one writer, only what etsyml wrote, readers that see one version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.writers import compare, read_directory, read_file, write_directory, write_file
from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.atomic import steady, whole_file

DOOMED = """
import os, signal, sys
from pathlib import Path
from etsyml_cli.io import atomic
atomic.FileWriter.put.__globals__["sync"] = lambda path: None
replaced = Path.replace
Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
with atomic.whole_file(Path(sys.argv[1]), force=False) as draft:
    draft.write_text("new")
"""


def write(path: Path, text: str, *, force: bool | None = False) -> None:
    with whole_file(path, force=force) as draft:
        draft.write_text(text)


def test_own_output_is_replaced_and_a_foreign_file_is_not(tmp_path: Path) -> None:
    write(tmp_path / "own", "old")
    write(tmp_path / "own", "new")
    assert (tmp_path / "own").read_text() == "new"
    (tmp_path / "foreign").write_text("mine")
    with pytest.raises(UsageError, match="already exists, and etsyml did not write it") as raised:
        write(tmp_path / "foreign", "new")
    assert raised.value.hint == "Choose another path or add --force."
    assert (tmp_path / "foreign").read_text() == "mine"
    write(tmp_path / "foreign", "new", force=True)
    write(tmp_path / "foreign", "newer")


def test_an_output_that_was_edited_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "own", "old")
    (tmp_path / "own").write_text("edited")
    with pytest.raises(UsageError, match="changed since etsyml wrote it"):
        write(tmp_path / "own", "new")
    assert (tmp_path / "own").read_text() == "edited"


def test_an_own_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    write(tmp_path / "own", "old")
    (tmp_path / "link").symlink_to("own")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "own").read_text() == "new"


@pytest.mark.parametrize("place", ["folder", "device"])
def test_what_is_no_file_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "device")
    with pytest.raises(UsageError, match="not a file that can be replaced"):
        write(tmp_path / place, "new", force=True)


def test_a_writer_killed_just_before_the_replacement_does_not_disown_the_output(tmp_path: Path) -> None:
    write(tmp_path / "own", "old")
    subprocess.run([sys.executable, "-c", DOOMED, str(tmp_path / "own")], check=False)
    assert (tmp_path / "own").read_text() == "old"
    write(tmp_path / "own", "newer")
    assert (tmp_path / "own").read_text() == "newer"


def test_a_second_writer_gets_an_error(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out", force=False) as draft:
        draft.write_text("first")
        with pytest.raises(UsageError, match="another etsyml process is writing to it"):
            write(tmp_path / "out", "second")
    assert (tmp_path / "out").read_text() == "first"


def test_two_writers_and_a_reader_see_whole_files(tmp_path: Path) -> None:
    assert compare("files", tmp_path / "out", 20, write_file, read_file) == 0


def test_two_writers_and_a_reader_see_whole_directories(tmp_path: Path) -> None:
    assert compare("directories", tmp_path / "out", 10, write_directory, read_directory) == 0


def test_a_directory_that_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), steady(tmp_path / "nothing"):
        pass
