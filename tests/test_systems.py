"""The tables of `systems.py`, and the commands that read them, through the real command line."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path

import pytest

from etsyml_cli.cli.settings import CONFIGS
from etsyml_cli.core.registry import resolve
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.systems import EXPECTED_MODELS, KINDS, MODELS
from tests.conftest import REPOSITORY, Etsyml

SAMPLE = REPOSITORY / "sample_data"
FEW_TOPICS = ("--set", "n_topics=4", "--limit", "3000")
FEW_BITS = ("--limit", "20000", "--set", "bits=12")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of the sample data, a model of shops, a model of conversions and a ranker of feature rows."""
    from etsyml_cli.cli.main import run

    root = tmp_path_factory.mktemp("place") / "work"
    rows = root.parent / "rows.txt"
    rows.write_text("".join(f"1 qid:{q} 1:{1 + q / 9:.2f}\n0 qid:{q} 1:{q / 99:.2f}\n" for q in range(1, 40)))
    for table, file in (
        ("listings", "listings.csv"),
        ("searches", "searches.tsv.gz"),
        ("favorites", "favorites.jsonl"),
        ("impressions", "impressions.csv.gz"),
    ):
        assert run(["-w", str(root), "ingest", table, f"{SAMPLE}/{file}", "-q"]) == 0
    for command in (
        ["train", "lda", "--shops", *FEW_TOPICS],
        ["train", "ctr", "--label", "converted", *FEW_BITS],
        ["train", "ctr", "--source", "searches", *FEW_BITS],
        ["train", "ltr", "--features", str(rows), "--holdout", "0.5"],
    ):
        assert run(["-w", str(root), *command, "-q"]) == 0
    return root


OF_ITS_OWN = ("lda-shops", "ctr-converted", "ctr-searches", "ltr-rows")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_what_exists(kind: str) -> None:
    model = KINDS[kind]
    function = resolve({kind: model.evaluate}, kind, "model")
    fields = resolve({kind: model.evaluation_inputs}, kind, "model").__dataclass_fields__
    assert list(inspect.signature(function).parameters) == ["inputs", "metrics", "seed"]
    assert {"model", *model.inputs, *model.options} <= set(fields)
    assert set(model.required) <= set(model.options)
    assert CONFIGS[model.command] == model.config
    assert all(model.command in parse_metric(name).spec.models for name in model.default_metrics)
    assert kind in MODELS and MODELS[kind].kind == kind


def test_every_model_is_trained_into_a_directory_of_its_own(workspace: Path) -> None:
    assert {path.name for path in Workspace(workspace).all_models()} == set(OF_ITS_OWN)
    assert set(OF_ITS_OWN) < set(MODELS)
    assert not set(OF_ITS_OWN) & set(EXPECTED_MODELS)


def test_doctor_and_inspect_know_every_model_of_the_workspace(workspace: Path, etsyml: Etsyml) -> None:
    findings = json.loads(etsyml("-w", workspace, "doctor", "--json").out)["findings"]
    state = {finding["what"]: finding["state"] for finding in findings}
    assert {name: state[f"{name} model"] for name in OF_ITS_OWN} == dict.fromkeys(OF_ITS_OWN, "ok")
    assert {name: state[f"{name} model"] for name in EXPECTED_MODELS} == dict.fromkeys(EXPECTED_MODELS, "note")
    told = json.loads(etsyml("inspect", workspace, "--json").out)
    assert {f"models/{name}" for name in OF_ITS_OWN} <= set(told["holds"])
    assert {f"models/{name}" for name in EXPECTED_MODELS} == {one for one in told["missing"] if "models" in one}


def test_doctor_repairs_a_damaged_model_by_the_command_that_trained_it(
    workspace: Path, etsyml: Etsyml, tmp_path: Path
) -> None:
    for name in ("lda-shops", "of-my-own"):
        (tmp_path / "models" / name).mkdir(parents=True)
        for file in (workspace / "models/lda-shops").iterdir():
            os.link(file, tmp_path / "models" / name / file.name)
        (tmp_path / "models" / name / "model.safetensors").unlink()
    findings = json.loads(etsyml("-w", tmp_path, "doctor", "--json").out)["findings"]
    todo = {finding["what"]: finding["todo"] for finding in findings if finding["state"] == "bad"}
    own = tmp_path / "models/of-my-own"
    assert todo == {
        "lda-shops model": f"etsyml -w {tmp_path} train lda --shops --force",
        "of-my-own model": f"etsyml -w {tmp_path} train lda --out {own} --force",
    }


@pytest.mark.parametrize(
    ("name", "kind", "variant"),
    [("lda-shops", "lda", "mix"), ("ctr-converted", "ctr", "ensemble"), ("ctr-searches", "ctr", "ensemble")],
)
def test_every_model_is_evaluated_by_its_name(
    workspace: Path, etsyml: Etsyml, name: str, kind: str, variant: str
) -> None:
    ended = etsyml("-w", workspace, "evaluate", "--model", name, "--metric", KINDS[kind].default_metrics[0], "--json")
    assert ended.code == 0, ended.err
    [evaluation] = json.loads(ended.out)["evaluations"]
    assert evaluation["model"] == kind
    assert variant in {one["variant"] for one in evaluation["metrics"]}


def test_a_ranker_of_feature_rows_is_evaluated_and_ranked_on_rows_alone(workspace: Path, etsyml: Etsyml) -> None:
    rows = workspace.parent / "rows.txt"
    [evaluation] = json.loads(
        etsyml("-w", workspace, "evaluate", "--model", "ltr-rows", "--features", rows, "--json").out
    )["evaluations"]
    assert evaluation["model"] == "ltr-rows"
    assert {one["variant"] for one in evaluation["metrics"]} == {"random", "features"}
    by_default = etsyml("-w", workspace, "evaluate", "--metric", "map", "--features", rows, "--json")
    assert [one["model"] for one in json.loads(by_default.out)["evaluations"]] == ["ltr-rows"]
    assert len(etsyml("-w", workspace, "rank", "--features", rows).out.splitlines()) == 39
    gate = ("--model", "ltr-rows", "--features", rows, "--min", "map=1.01")
    assert etsyml("-w", workspace, "evaluate", *gate).code == 6


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("rank", "--query", "scarf", "--model", "MODEL"), 3, "was trained on feature rows"),
        (("rank", "--query", "scarf", "--before-after", "--model", "MODEL"), 3, "was trained on feature rows"),
        (("index", "ltr", "--model", "MODEL"), 3, "was trained on feature rows"),
        (("evaluate", "--model", "ltr-rows"), 2, "ltr-rows models are evaluated on rows of a file"),
        (("evaluate", "--model", "ltr-rows", "--features", "ROWS", "--truth", "DIR"), 2, "--truth applies to ltr and"),
        (("evaluate", "--model", "ctr-searches", "--features", "ROWS"), 2, "--features applies to ltr-rows models"),
    ],
)
def test_what_a_ranker_of_feature_rows_cannot_do_is_a_clear_error(
    workspace: Path, etsyml: Etsyml, arguments: tuple[str, ...], code: int, message: str
) -> None:
    real = {"MODEL": str(workspace / "models/ltr-rows"), "ROWS": str(workspace.parent / "rows.txt"), "DIR": str(SAMPLE)}
    ended = etsyml("-w", workspace, *(real.get(word, word) for word in arguments))
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert "Errno" not in ended.err and "--features" in ended.err + " ".join(arguments)
