"""The whole chain on the sample data through the real command line, and what can go wrong on its way."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from etsyml_cli.io.artifact import read_manifest
from etsyml_cli.io.tables import read_table, table_manifest
from tests.cli.test_boundary import modules_after
from tests.conftest import REPOSITORY, Etsyml
from tests.places import names_in

SAMPLE = REPOSITORY / "sample_data"


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "etsyml_cli", *map(str, arguments)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The workspace that `etsyml demo` makes, and what it printed."""
    workspace = tmp_path_factory.mktemp("demo") / "work"
    process = start("demo", "--workspace", workspace)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return workspace, out


@pytest.fixture(scope="module")
def work(demo: tuple[Path, str]) -> Path:
    return demo[0]


def test_the_demo_shows_its_commands_and_beats_every_baseline(demo: tuple[Path, str]) -> None:
    workspace, out = demo
    assert f"$ etsyml --workspace {workspace} train ltr" in out
    learned = out.split("Results on held-out test data")[1]
    for system in ("search", "personalization", "ads"):
        row = next(line for line in learned.splitlines() if line.strip().startswith(system))
        assert float(row.split()[-1].split("…")[0]) > 0, row  # the lower end of the paired interval
    assert "report" in learned and (workspace / "reports/report.html").is_file()


def test_a_second_run_of_any_stage_finds_nothing_to_do(work: Path, etsyml: Etsyml) -> None:
    commands = [
        ["ingest", "listings", f"{SAMPLE}/listings.csv"],
        ["ingest", "impressions", f"{SAMPLE}/impressions.csv.gz"],
        ["extract-images"],
        ["train", "ltr"],
        ["train", "lda"],
        ["train", "ctr"],
    ]
    for command in commands:
        ended = etsyml("-w", work, *command, "--json")
        assert (ended.code, json.loads(ended.out)["up_to_date"]) == (0, True), command


def test_evaluate_prints_the_documented_json(work: Path, etsyml: Etsyml) -> None:
    found = json.loads(etsyml("-w", work, "evaluate", "--metric", "auc", "--backtest", "3", "--json").out)
    assert list(found) == ["schema_version", "evaluations"] and found["schema_version"] == 1
    [told] = found["evaluations"]
    assert told["model"] == "ctr"
    assert set(told["data"]) == {"impressions", "listings", "images"}
    assert {measured["slice"] for measured in told["metrics"]} == {"mixed", "cold", "warm"}
    variants = {measured["variant"]: measured for measured in told["metrics"] if measured["slice"] == "mixed"}
    assert list(variants) == ["baseline", "historical", "content", "ensemble", "permuted", "ens-permuted"]
    ensemble = variants["ensemble"]
    assert ensemble["name"] == "auc"
    assert ensemble["low"] < ensemble["value"] < ensemble["high"]
    assert ensemble["n"] == ensemble["observed"]["impressions"] == 3 * 2000
    assert 0.01 < ensemble["observed"]["events"] / ensemble["n"] < 0.1
    assert 0.1 < ensemble["observed"]["entropy"] < 0.3
    assert len(ensemble["days"]["values"]) == 3
    assert min(ensemble["days"]["values"].values()) < ensemble["days"]["mean"]
    assert ensemble["against"]["baseline"] == "baseline"
    assert ensemble["against"]["low"] > 0


def test_clicks_on_search_results_are_trained_on_and_evaluated(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    shutil.copytree(work / "tables", tmp_path / "tables")
    etsyml("-w", tmp_path, "train", "ctr", "--source", "searches", "--train-days", "10")
    model = tmp_path / "models/ctr-searches"
    by_path = etsyml("-w", tmp_path, "evaluate", "--model", model, "--metric", "auc", "--json").out
    assert etsyml("-w", tmp_path, "evaluate", "--model", "ctr-searches", "--metric", "auc", "--json").out == by_path
    [told] = json.loads(by_path)["evaluations"]
    assert list(told["data"]) == ["searches", "listings"]
    value = {(m["variant"], m["slice"]): m["value"] for m in told["metrics"]}
    assert value["ensemble", "mixed"] > 0.55
    wrong = etsyml("-w", tmp_path, "train", "ctr", "--searches", tmp_path / "tables/searches.parquet")
    assert (wrong.code, wrong.err) == (
        2,
        "error: --searches is not read with --source impressions\n  Use --source searches.\n",
    )


def test_whole_shops_are_held_out_and_evaluated(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    model = tmp_path / "by-seller"
    trained = etsyml(
        "-w", work, "train", "ltr", "--set", "split=seller", "--set", "controls=1", "--out", model, "--json"
    )
    rows = json.loads(trained.out)["rows"]
    assert rows["train_rows"] + rows["valid_rows"] + rows["test_rows"] == rows["search_rows"] == 26_371
    assert f"- test rows: {rows['test_rows']:,}" in (model / "README.md").read_text()
    assert "by the hash of shop_id (seed 0): 20% test, 10% validation" in (model / "README.md").read_text()
    judged = etsyml("-w", work, "evaluate", "--model", model, "--metric", "pair_accuracy", "--json")
    assert f"evaluating on the rows of held-out shops, {rows['test_rows']:,} of 26,371" in judged.err
    of = {(m["slice"], m["variant"]): m for m in json.loads(judged.out)["evaluations"][0]["metrics"]}
    assert of["all", "text"]["value"] == of["unseen", "text"]["value"] > of["all", "shown"]["value"]
    assert of["all", "text"]["against"] is None and of["all", "text"]["n"] > 100


def test_a_metric_of_two_models_evaluates_both(work: Path, etsyml: Etsyml) -> None:
    told = json.loads(etsyml("-w", work, "evaluate", "--metric", "ndcg@5", "--json").out)
    assert [evaluation["model"] for evaluation in told["evaluations"]] == ["ltr", "lda"]


def test_a_missed_gate_is_exit_6_after_the_figures(work: Path, etsyml: Etsyml) -> None:
    missed = etsyml("-w", work, "evaluate", "--min", "auc=0.99")
    assert missed.code == 6
    assert '"name":"auc"' in missed.out
    assert "below 0.99" in missed.err
    assert etsyml("-w", work, "evaluate", "--min", "auc=0.5").code == 0


def test_the_planted_truth_scores_above_the_trained_models(work: Path, etsyml: Etsyml) -> None:
    lines = etsyml("-w", work, "evaluate", "--truth", SAMPLE / "truth").out.splitlines()
    main = [m for m in map(json.loads, lines) if m["slice"] in ("all", "mixed")]
    value = {(m["model"], m["name"], m["variant"]): m["value"] for m in main}
    assert value["ltr", "ndcg@10", "multimodal"] > value["ltr", "ndcg@10", "text"] > value["ltr", "ndcg@10", "shown"]
    assert value["ctr", "auc", "oracle"] > value["ctr", "auc", "ensemble"] > 0.5
    assert value["lda", "style_cosine", "lda"] > 0.5


def test_a_ranked_list_is_the_same_in_every_format(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    ask = ["-w", work, "rank", "--query", "red scarf", "-k", "7"]
    ranked = json.loads(etsyml(*ask, "--json").out)
    ids = [item["id"] for item in ranked["items"]]
    assert [item["rank"] for item in ranked["items"]] == list(range(1, 8))
    assert json.loads(etsyml(*ask).out) == ranked  # a pipe gets one line a list
    for extension in ("jsonl", "csv", "parquet", "trec"):
        assert etsyml(*ask, "--out", tmp_path / f"run.{extension}").code == 0
    assert json.loads((tmp_path / "run.jsonl").read_text()) == ranked
    assert [row["id"] for row in csv.DictReader((tmp_path / "run.csv").open())] == ids
    assert pq.read_table(tmp_path / "run.parquet")["id"].to_pylist() == ids
    assert [line.split()[2] for line in (tmp_path / "run.trec").read_text().splitlines()] == ids
    for text_format in ("jsonl", "csv", "trec"):
        written = (tmp_path / f"run.{text_format}").read_text()
        assert etsyml(*ask, "--format", text_format).out == written
    assert etsyml(*ask, "--out", "-").out == (tmp_path / "run.jsonl").read_text()
    told = json.loads(etsyml(*ask, "--out", tmp_path / "more.csv", "--json").out)
    assert (told["path"], told["rows"]) == (str(tmp_path / "more.csv"), {"lists": 1})
    assert etsyml(*ask, "--out", tmp_path / "run.csv").code == 0
    (tmp_path / "mine.csv").write_text("mine")
    taken = etsyml(*ask, "--out", tmp_path / "mine.csv")
    assert (taken.code, "etsyml did not write it" in taken.err) == (2, True)


def test_recommendations_leave_out_what_the_user_has(work: Path, etsyml: Etsyml) -> None:
    favorites = pq.read_table(work / "tables/favorites.parquet").to_pylist()
    seen = {row["listing_id"] for row in favorites if row["user_id"] == "U17"}
    fresh = json.loads(etsyml("-w", work, "recommend", "--user", "U17", "-k", "20").out)
    assert (fresh["user_id"], fresh["fallback"], len(fresh["items"])) == ("U17", False, 20)
    assert not seen & {item["id"] for item in fresh["items"]}
    again = json.loads(etsyml("-w", work, "recommend", "--user", "U17", "-k", "20", "--include-seen").out)
    assert seen & {item["id"] for item in again["items"]}


def test_an_unknown_user_gets_what_is_popular(work: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", work, "recommend", "--user", "nobody", "-k", "3")
    told = json.loads(ended.out)
    assert (ended.code, told["fallback"], len(told["items"])) == (0, True, 3)


def test_users_come_from_a_file_or_a_pipe(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("\ufeffU17\n\nU18\n")
    lines = etsyml("-w", work, "recommend", "--users", tmp_path / "users.txt", "-k", "2").out.splitlines()
    assert [json.loads(line)["user_id"] for line in lines] == ["U17", "U18"]
    (tmp_path / "latin.txt").write_bytes(b"U\xe4\n")
    ended = etsyml("-w", work, "recommend", "--users", tmp_path / "latin.txt")
    assert (ended.code, "not UTF-8 text" in ended.err) == (3, True)


def test_a_query_that_nothing_matches_gives_an_empty_list(work: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", work, "rank", "--query", "xyzzy")
    assert (ended.code, json.loads(ended.out)["items"]) == (0, [])


def test_score_reads_a_pipe_and_reports_the_invalid_line(work: Path) -> None:
    def score(lines: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "etsyml_cli", "-w", str(work), "score"]
        return subprocess.run(line, input=lines, capture_output=True, text=True, check=False)

    scored = score('{"listing_id": "L1", "query": "red scarf"}\n{"listing_id": "never seen"}\n')
    rows = [json.loads(line) for line in scored.stdout.splitlines()]
    assert [row["listing_id"] for row in rows] == ["L1", "never seen"]
    assert all(0 < row["score"] < 1 for row in rows)
    wrong = score('{"listing_id": "L1"}\n{"listing_id"\n')
    assert wrong.returncode == 3
    assert "2" in wrong.stderr.splitlines()[0]


def test_the_python_in_the_docs_runs(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (REPOSITORY / "docs/formats.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code.replace('"work/', f'"{work}/'), {})
    first, nearest = capsys.readouterr().out.split(maxsplit=1)
    assert first == "L1"
    assert len(set(re.findall(r"L\d+", nearest)) - {"L1"}) == 5


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("tables/listings.parquet", "table:listings"),
        ("features/images/efficientnet_lite0", "features:images"),
        ("models/ltr", "model:ltr"),
        ("models/lda", "model:lda"),
        ("models/ctr", "model:ctr"),
        (".", "workspace"),
    ],
)
def test_inspect_knows_everything_that_was_written(work: Path, etsyml: Etsyml, path: str, kind: str) -> None:
    told = json.loads(etsyml("inspect", work / path, "--json").out)
    assert told["kind"] == kind
    assert not told.get("damaged")


def test_doctor_finds_what_is_missing_or_damaged(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    def states(workspace: Path) -> dict[str, str]:
        findings = json.loads(etsyml("-w", workspace, "doctor", "--json").out)["findings"]
        return {finding["what"]: finding["state"] for finding in findings}

    assert set(states(work).values()) == {"ok"}
    shutil.copytree(work, tmp_path / "work")
    (tmp_path / "work/models/ltr/words.json").write_text("[]")
    (tmp_path / "work/tables/listings.parquet").write_bytes(b"cut")
    shutil.rmtree(tmp_path / "work/models/ctr")
    found = states(tmp_path / "work")
    assert (found["ltr model"], found["listings table"], found["ctr model"]) == ("bad", "bad", "note")


def test_inspect_notices_a_changed_byte(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    shutil.copytree(work / "models/lda", tmp_path / "lda")
    with (tmp_path / "lda/model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    assert json.loads(etsyml("inspect", tmp_path / "lda", "--json").out)["damaged"] == ["model.safetensors"]


def test_lineage_leads_from_the_model_to_the_raw_file(work: Path) -> None:
    model = read_manifest(work / "models/ltr")
    features = msgspec.to_builtins(model.plan.inputs)["images"][0]
    assert features["name"] == "efficientnet_lite0"
    table = table_manifest(work / "tables/listings.parquet")
    assert [source.name for source in table.plan.inputs["files"]] == ["listings.csv"]


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["recommend", "--user", "U17"], {"torch", "gensim", "duckdb", "sklearn"}),
        (["rank", "--query", "red scarf"], {"torch", "gensim", "duckdb", "sklearn"}),
        (["train", "ctr", "--force"], {"torch", "gensim", "sklearn"}),
        (["train", "lda", "--force"], {"torch", "duckdb", "sklearn"}),
        (["evaluate", "--metric", "auc"], {"torch", "gensim", "sklearn"}),
        (["ingest", "favorites", str(SAMPLE / "favorites.jsonl"), "--force"], {"torch", "gensim", "numba", "scipy"}),
    ],
)
def test_no_command_imports_what_it_does_not_use(work: Path, arguments: list[str], unused: set[str]) -> None:
    assert modules_after("-w", str(work), *arguments).isdisjoint(unused)


# -- what is killed, and what is refused


KILLED = {
    "ingest": ["ingest", "impressions", str(SAMPLE / "impressions.csv.gz")],
    "extract-images": ["extract-images"],
    "train ltr": ["train", "ltr"],
    "train lda": ["train", "lda"],
    "train ctr": ["train", "ctr"],
}
MADE = {
    "ingest": "tables/impressions.parquet",
    "extract-images": "features/images/efficientnet_lite0",
    "train ltr": "models/ltr",
    "train lda": "models/lda",
    "train ctr": "models/ctr",
}


@pytest.mark.parametrize("stage", KILLED)
def test_a_killed_stage_run_again_gives_the_bytes_of_an_unbroken_one(work: Path, tmp_path: Path, stage: str) -> None:
    broken = tmp_path / "work"
    shutil.copytree(work / "tables", broken / "tables")
    if stage.startswith("train"):
        shutil.copytree(work / "features", broken / "features")
    target = broken / MADE[stage]
    target.unlink(missing_ok=True) if target.suffix else None
    whole = _seconds_of_an_unbroken_run(broken, tmp_path / "whole", stage)
    for share in (0.3, 0.6, 0.8, 0.95):
        process = start("-w", broken, *KILLED[stage])
        time.sleep(share * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start("-w", broken, *KILLED[stage])
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert _hashed_bytes(target) == _hashed_bytes(work / MADE[stage])
    assert not [name for name in names_in(target.parent) if name.startswith(".")]


def _seconds_of_an_unbroken_run(workspace: Path, copy: Path, stage: str) -> float:
    shutil.copytree(workspace, copy)
    began = time.monotonic()
    assert start("-w", copy, *KILLED[stage]).wait() == 0
    return time.monotonic() - began


def _hashed_bytes(made: Path) -> dict[str, bytes]:
    """All files of an artifact or table but the record of its run."""
    files = made.rglob("*") if made.is_dir() else made.parent.glob(f"{made.stem}.*")
    return {path.name: path.read_bytes() for path in files if path.is_file() and "run.json" not in path.name}


@pytest.fixture
def little_disk(small_disk: Callable[[str], Path]) -> Path:
    return small_disk("256k")


def test_a_full_disk_is_reported_and_leaves_no_partial_output(little_disk: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", little_disk / "work", "ingest", "impressions", SAMPLE / "impressions.csv.gz")
    assert ended.code == 7
    assert "no space left on device" in ended.err.lower()
    files = [path for path in (little_disk / "work").rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix != ".lock"] == []


def test_a_read_only_directory_is_reported(little_disk: Path, etsyml: Etsyml) -> None:
    subprocess.run(["mount", "-o", "remount,ro", little_disk], check=True)
    ended = etsyml("-w", little_disk / "work", "ingest", "listings", SAMPLE / "listings.csv")
    assert ended.code == 3
    assert "read-only file system" in ended.err.lower()


@pytest.mark.parametrize(
    ("make", "code", "word"),
    [
        (lambda path: path.write_text("listing_id,title\n"), 4, "no rows"),
        (lambda path: path.write_bytes(b""), 4, "no rows"),
        (lambda path: path.mkdir(), 3, "directory"),
        (lambda path: path.symlink_to(path), 3, None),  # a loop: unreadable even for root
        (lambda path: None, 3, "not found"),
        (lambda path: path.write_bytes(b"PAR1 but no table"), 3, None),
    ],
)
def test_input_that_cannot_be_read(tmp_path: Path, etsyml: Etsyml, make: object, code: int, word: str | None) -> None:
    source = tmp_path / ("in.parquet" if word is None else "in.csv")
    make(source)  # type: ignore[operator]
    ended = etsyml("-w", tmp_path / "work", "ingest", "listings", source)
    assert ended.code == code, ended.err
    assert source.name in ended.err
    assert word is None or word in ended.err
    assert len(ended.err.splitlines()) <= 3
    assert not (tmp_path / "work/tables/listings.parquet").exists()


def test_a_table_of_another_kind_is_refused(work: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", work, "train", "lda", "--favorites", work / "tables/listings.parquet")
    assert ended.code == 3
    assert "expected the favorites table, found table:listings" in ended.err


def test_an_ad_of_which_nothing_is_known_scores_near_the_rate_of_the_first_place(
    work: Path, etsyml: Etsyml, tmp_path: Path
) -> None:
    shown = read_table(work / "tables/impressions.parquet", "impressions").to_pydict()
    rate = np.mean([clicked for clicked, place in zip(shown["clicked"], shown["position"], strict=True) if place == 1])
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"listing_id": "no such listing"}\n{}\n')
    ended = etsyml("-w", work, "score", rows)
    for line in ended.out.splitlines():
        assert rate / 2 < json.loads(line)["score"] < rate * 2


def test_the_three_scripts_run_unchanged(tmp_path: Path, work: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "etsyml").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m etsyml_cli "$@"\n')
    (programs / "etsyml").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    shutil.copytree(work / "features", tmp_path / "work/features")
    for script in ("search", "personalization", "ads"):
        line = [REPOSITORY / f"scripts/{script}.sh", SAMPLE, tmp_path / "work"]
        done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
