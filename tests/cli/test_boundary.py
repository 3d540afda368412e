"""What every command shares: errors as words, exit codes, streams, no import before its time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.write_cli_reference import commands
from tests.conftest import Etsyml
from tests.places import names_in

HEAVY = (
    *("numpy", "scipy", "pyarrow", "duckdb", "torch", "torchvision", "gensim", "numba", "rich", "yaml", "PIL"),
    *("onnx", "onnxruntime", "onnxscript"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["trian", "ltr"], 2, "error: No such command 'trian'. Did you mean 'train', 'rank'?\n  See: etsyml --help\n"),
        (["train", "lrt"], 2, "error: No such command 'lrt'. Did you mean 'ltr'?\n  See: etsyml train --help\n"),
        (
            ["train", "ltr", "--sed", "1"],
            2,
            "error: No such option: --sed (Possible options: --seed, --set)\n  See: etsyml train ltr --help\n",
        ),
        (
            ["train", "ltr", "--set", "text.min_cout=1"],
            2,
            "error: --set: unknown key 'text.min_cout'\n  Did you mean 'min_count'?\n",
        ),
        (["ingest", "listing", "x.csv"], 2, "error: unknown table 'listing'\n  Did you mean 'listings'?\n"),
        (["ingest", "listings", "x.csv", "--map", "id"], 2, "error: --map id: expected NAME=VALUE\n"),
        (["evaluate", "--metric", "ndgc@10"], 2, "error: unknown metric 'ndgc'\n  Did you mean 'ndcg'?\n"),
        (
            ["evaluate", "--model", "ltr", "--metric", "auc"],
            2,
            "error: auc is a metric of ctr models, not ltr\n"
            "  Metrics of ltr: err, map, mrr, ndcg, p, pair_accuracy, rbp.\n",
        ),
        (["evaluate", "--min", "auc=high"], 2, "error: --min auc=high: expected METRIC=NUMBER, as in auc=0.7\n"),
        (
            ["evaluate", "--min", "logloss=0.2"],
            2,
            "error: --min needs a metric for which higher is better; logloss is not\n  Use auc, for example.\n",
        ),
        (
            ["train", "ltr", "--seed", "5000000000"],
            2,
            "error: --seed 5000000000: expected a number from 0 to 4,294,967,295\n",
        ),
        (["weights", "-k", "0"], 2, "error: -k 0: expected a number of at least 1\n"),
        (["config", "show", "ltrr"], 2, "error: unknown configuration 'ltrr'\n  Did you mean 'ltr'?\n"),
        (["recommend"], 2, "error: no user given\n  Give a user with --user ID, or several with --users FILE.\n"),
        (
            ["rank"],
            2,
            "error: give exactly one of --query, --searches and --features\n"
            '  Use --query "..." for one query, --searches TABLE for logged pages, --features FILE for feature rows.\n',
        ),
        (
            ["rank", "--searches", __file__, "--explain"],
            2,
            "error: --candidates, --before-after and --explain need --query\n",
        ),
        (
            ["rank", "--query", "mug", "--before-after", "--out", "x.csv"],
            2,
            "error: --before-after cannot be combined with --candidates, --explain or --out\n",
        ),
        (
            ["rank", "--query", "mug", "--groups", "x"],
            2,
            "error: --groups needs --features FILE\n",
        ),
        (["similar"], 2, "error: give exactly one of --listing, --all and --judge\n"),
        (
            ["similar", "--judge", "--variant", "text"],
            2,
            "error: --judge cannot be combined with --variant, --other-shops, --explain, --exact or --out\n",
        ),
        (["ingest", "listings", "no.csv"], 3, None),
        (["config", "show", "ltr", "--config", "no.yaml"], 3, "error: no.yaml: no such file or directory\n"),
        (
            ["evaluate", "--metric", "auc"],
            3,
            "error: work/models/ctr: ctr model not found\n  Train one with: etsyml train ctr\n",
        ),
        (
            ["evaluate"],
            3,
            "error: no trained model found\n  Train one: etsyml train ltr, etsyml train lda or etsyml train ctr\n",
        ),
        (
            ["train", "lda"],
            3,
            "error: work/tables/favorites.parquet: favorites table not found\n"
            "  Make it with: etsyml ingest favorites FILE\n",
        ),
        (
            ["inspect", "."],
            3,
            "error: .: not written by etsyml\n  Give a table, features, a model or a workspace.\n",
        ),
    ],
)
def test_an_error_has_a_reason_and_a_hint(
    etsyml: Etsyml,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    error: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = etsyml(*arguments)
    assert ended.code == code
    assert ended.out == ""
    assert ended.err == error if error else ended.err.startswith("error: ")
    assert names_in(tmp_path) == []


def test_a_bug_keeps_its_traceback_for_vv(etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr("etsyml_cli.workspace.doctor.examine", broken)
    ended = etsyml("doctor")
    assert ended.code == 1
    assert (
        ended.err == "error: internal error (please report): KeyError: 'inside'\n"
        "  Run the command again with -vv and report the output.\n"
    )
    assert "Traceback" in etsyml("doctor", "-vv").err


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141)])
def test_how_a_run_can_be_cut_short(
    etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int
) -> None:
    def cut(*_: object) -> None:
        raise raised

    monkeypatch.setattr("os.dup2", lambda *_: None)  # stdout of the test itself stays
    monkeypatch.setattr("etsyml_cli.workspace.doctor.examine", cut)
    assert etsyml("doctor").code == code


def test_a_closed_pipe_ends_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "etsyml_cli", "config", "show", "ltr"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_json_is_one_object_on_stdout(etsyml: Etsyml) -> None:
    for arguments in (["doctor"], ["config", "show", "ctr"]):
        ended = etsyml(*arguments, "--json")
        assert ended.code == 0
        assert json.loads(ended.out)["schema_version"] == 1


def test_the_workspace_is_named_before_or_after_the_command_or_in_the_environment(
    etsyml: Etsyml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = f"{tmp_path}/models/ctr: ctr model not found"
    assert missing in etsyml("-w", tmp_path, "evaluate", "--metric", "auc").err
    assert missing in etsyml("evaluate", "--metric", "auc", "--workspace", tmp_path).err
    monkeypatch.setenv("ETSYML_WORKSPACE", str(tmp_path))
    assert missing in etsyml("evaluate", "--metric", "auc").err
    assert "error: other/models" in etsyml("-w", "other", "evaluate", "--metric", "auc").err


def modules_after(*arguments: str) -> set[str]:
    program = (
        "import sys\nfrom etsyml_cli.cli.main import run\nrun(sys.argv[1:])\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["train", "ltr", "--help"], ["nonsense"]])
def test_nothing_heavy_is_imported_before_a_command_runs(arguments: list[str]) -> None:
    assert modules_after(*arguments).isdisjoint(HEAVY)


def test_nothing_heavy_is_imported_to_complete_the_names_of_metrics() -> None:
    program = "import sys\nfrom etsyml_cli.cli.complete import metrics\nprint(metrics(''), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "'ndcg@10'" in done.stdout
    assert set(done.stdout.split()).isdisjoint(HEAVY)


@pytest.mark.parametrize("columns", ["80", "100"])
def test_no_summary_of_a_command_is_cut(etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for group in ([], ["train"], ["index"], ["config"]):
        listed = etsyml(*group, "--help").out.split("Commands:\n")[1].splitlines()
        assert listed and all(line.endswith(".") and not line.endswith("...") for line in listed), listed


def test_every_option_is_described_by_sentences_without_formulas(
    etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for command in commands():
        page = etsyml(*command, "--help").out.split("Options:\n")[1].split("\nCommands:")[0]
        described = re.sub(r"\n +(?!-)", " ", page)  # one line per option
        for line in described.splitlines():
            assert re.search(r"  [A-Z][^<>]*\.(  +\[[^<>]*\])?$", line), (command, line)


@pytest.mark.parametrize(("system", "offered"), [("ltr", False), ("lda", True), ("ctr", False)])
def test_a_file_of_held_out_favorites_is_offered_where_it_is_accepted(
    etsyml: Etsyml, tmp_path: Path, system: str, offered: bool
) -> None:
    assert ("--holdout none|SHARE|FILE" in etsyml("train", system, "--help").out) is offered


def test_every_command_has_examples_in_its_help(etsyml: Etsyml) -> None:
    for command in filter(None, commands()):
        ended = etsyml(*command, "--help")
        assert ended.code == 0
        assert f"Examples:\n    etsyml {' '.join(command)}" in ended.out or "| etsyml" in ended.out, command


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("etsyml tr", ["train"]),
        ("etsyml train l", ["ltr", "lda"]),
        ("etsyml train ltr --li", ["--listings", "--limit"]),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    asked = {"_ETSYML_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    line = [sys.executable, "-m", "etsyml_cli"]
    done = subprocess.run(line, env=os.environ | asked, capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered


def test_an_argument_that_is_no_text_is_a_usage_error() -> None:
    line = [sys.executable, "-m", "etsyml_cli", "recommend", "--user", b"\xff"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the argument '\\udcff' is not UTF-8 text\n")


def test_a_stdout_that_is_closed_from_the_start_is_no_bug() -> None:
    line = f"exec {sys.executable} -m etsyml_cli config show ltr >&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_is_utf8_in_any_locale() -> None:
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    line = [sys.executable, "-m", "etsyml_cli", "ingest", "--help"]
    done = subprocess.run(line, env=environment, capture_output=True, check=False)
    assert "FILE…" in done.stdout.decode()
