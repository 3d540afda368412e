from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.io.artifact import (
    Plan,
    artifact,
    is_up_to_date,
    read_manifest,
    refuse_to_overwrite,
    source_of,
)
from etsyml_cli.io.atomic import sha256_of
from tests.places import names_in


def write(target: Path, text: str, plan: Plan) -> None:
    with artifact(target, plan) as draft:
        (draft.path / "data.txt").write_text(text)
        draft.rows["out"] = len(text)


def test_a_finished_artifact_has_a_manifest(tmp_path: Path) -> None:
    plan = Plan(kind="test", config={"a": 1}, seed=3)
    write(tmp_path / "made", "hello", plan)
    manifest = read_manifest(tmp_path / "made")
    assert manifest.plan == plan
    assert manifest.rows == {"out": 5}
    assert manifest.outputs == {"data.txt": sha256_of(tmp_path / "made/data.txt")}
    assert names_in(tmp_path) == ["made"]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["data.txt", "manifest.json", "run.json"]


def test_an_artifact_is_replaced_completely(tmp_path: Path) -> None:
    write(tmp_path / "made", "old", Plan(kind="test", seed=1))
    write(tmp_path / "made", "new", Plan(kind="test", seed=2))
    assert (tmp_path / "made/data.txt").read_text() == "new"
    assert names_in(tmp_path) == ["made"]


def test_a_failed_run_leaves_the_existing_artifact_and_no_other_files(tmp_path: Path) -> None:
    write(tmp_path / "made", "old", Plan(kind="test"))
    with pytest.raises(RuntimeError), artifact(tmp_path / "made", Plan(kind="test", seed=2)) as draft:
        (draft.path / "data.txt").write_text("half")
        raise RuntimeError
    assert (tmp_path / "made/data.txt").read_text() == "old"
    assert names_in(tmp_path) == ["made"]


def test_up_to_date_means_the_same_plan_and_undamaged_files(tmp_path: Path) -> None:
    plan = Plan(kind="test", config={"rates": (0.1, 1e-3)}, seed=3)
    assert not is_up_to_date(tmp_path / "made", plan)
    write(tmp_path / "made", "hello", plan)
    assert is_up_to_date(tmp_path / "made", plan)
    assert not is_up_to_date(tmp_path / "made", Plan(kind="test", config={"rates": (0.1, 1e-2)}, seed=3))
    (tmp_path / "made/data.txt").write_text("hallo")
    assert not is_up_to_date(tmp_path / "made", plan)
    (tmp_path / "made/data.txt").unlink()
    assert not is_up_to_date(tmp_path / "made", plan)


def test_the_hash_of_an_artifact_as_input_changes_with_its_content(tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        write(tmp_path / name / "made", text, Plan(kind="test"))
    a, b, c = (source_of(tmp_path / name / "made") for name in "abc")
    assert a == b
    assert a.sha256 != c.sha256
    with pytest.raises(InputError):
        source_of(tmp_path / "nowhere")


KILLED = """
import os, signal, sys
from pathlib import Path
from etsyml_cli.io.artifact import Plan, artifact
plan = Plan(kind="test", seed=int(sys.argv[2]))
with artifact(Path(sys.argv[1]), plan, resume=plan) as draft:
    (draft.path / "half.partial").write_text("half")
    (draft.path / "data.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_only_the_same_plan_resumes_a_killed_run(tmp_path: Path) -> None:
    def killed_run() -> None:
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "made"), "1"], check=False)
        assert done.returncode == -signal.SIGKILL

    killed_run()
    assert not (tmp_path / "made").exists()
    with artifact(tmp_path / "made", Plan(kind="test", seed=7), resume=Plan(kind="test", seed=1)) as draft:
        assert (draft.path / "half.partial").read_text() == "half"
        assert not (draft.path / "data.txt").exists()
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["manifest.json", "run.json"]
    killed_run()
    other = Plan(kind="test", seed=2)
    with artifact(tmp_path / "made", other, resume=other) as draft:
        assert [path.name for path in draft.path.iterdir()] == ["plan.json"]


def test_two_writers_of_one_place_do_not_meet(tmp_path: Path) -> None:
    with (
        artifact(tmp_path / "made", Plan(kind="test")),
        pytest.raises(UsageError, match="another etsyml process is writing"),
        artifact(tmp_path / "made", Plan(kind="test")),
    ):
        pass


def test_a_directory_that_is_not_an_artifact_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished artifact"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_only_what_etsyml_wrote_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "full", "old", Plan(kind="test"))
    for free in (tmp_path / "empty", tmp_path / "nothing", tmp_path / "full"):
        refuse_to_overwrite(free, "test", force=False)
    with pytest.raises(UsageError, match="contains test, not other"):
        refuse_to_overwrite(tmp_path / "full", "other", force=False)
    refuse_to_overwrite(tmp_path / "full", "other", force=True)
    (tmp_path / "full/manifest.json").write_text("")  # damaged, but the record of its run still names its outputs
    refuse_to_overwrite(tmp_path / "full", "test", force=False)


def test_what_etsyml_did_not_write_stays_even_with_force(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/manifest.json").write_text('{"name": "a web extension"}')
    write(tmp_path / "mixed", "old", Plan(kind="test"))
    (tmp_path / "mixed/notes.txt").touch()
    os.mkfifo(tmp_path / "device")
    with pytest.raises(UsageError, match="the current directory"), contextlib.chdir(tmp_path / "empty"):
        refuse_to_overwrite(Path(), "test", force=True)
    for name, why in (
        ("file", "not a directory"),
        ("foreign", "contains manifest.json, which etsyml did not write"),
        ("mixed", "contains notes.txt, which etsyml did not write"),
        ("device", "not a directory"),
    ):
        with pytest.raises(UsageError, match=why):
            refuse_to_overwrite(tmp_path / name, "test", force=True)


def test_a_link_to_an_artifact_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "old", Plan(kind="test"))
    (tmp_path / "made").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / "made", "new", Plan(kind="test"))
    assert (tmp_path / "made").is_symlink()
    assert (tmp_path / "elsewhere/data.txt").read_text() == "new"
    assert names_in(tmp_path) == ["elsewhere", "made"]


def test_a_file_is_never_replaced_by_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="not a directory"):
        write(tmp_path / "file", "new", Plan(kind="test"))
    assert (tmp_path / "file").read_text() == "mine"
    assert not is_up_to_date(tmp_path / "file", Plan(kind="test"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_a_permission_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError), artifact(tmp_path / "made", Plan(kind="test")):
        pass
