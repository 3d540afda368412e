"""No option is ignored in silence: what has no effect is refused, and what a hint advises helps."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Etsyml

SAMPLE = REPOSITORY / "sample_data"
A_FILE = "README.md"  # any that exists: these commands end before they read it


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("evaluate --model ltr --model lda", "--model"),
        ("train lda --seed 1 --seed 2", "--seed"),
        ("rank --query mug --query cup", "--query"),
        ("recommend --user U1 --include-seen --exclude-seen", "--exclude-seen/--include-seen"),
        ("auction --out a.csv -o b.csv", "--out"),
        ("-w a -w b doctor", "--workspace"),
        ("config show ltr --config a.yaml --config b.yaml", "--config"),
    ],
)
def test_a_second_value_for_an_option_that_takes_one_is_refused(command: str, option: str, etsyml: Etsyml) -> None:
    ended = etsyml(*command.split())
    assert ended.code == 2
    assert ended.err.startswith(f"error: {option}: given 2 times, but it takes one value\n")


def test_a_workspace_before_and_after_the_command_is_refused(etsyml: Etsyml) -> None:
    assert etsyml("-w", "a", "doctor", "-w", "b").code == 2


def test_a_setting_given_twice_is_refused(etsyml: Etsyml) -> None:
    assert etsyml("config", "show", "ctr", "--set", "bits=20", "--set", "bits=18").code == 2


def test_options_that_may_be_repeated_still_are(etsyml: Etsyml) -> None:
    ended = etsyml("config", "show", "ctr", "--set", "bits=20", "--set", "l1=2", "--json", "--json", "-v", "-v")
    assert (ended.code, json.loads(ended.out)["values"]["bits"]) == (0, 20)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("ingest favorites f.csv --event-map view=impression", "--event-map"),
        ("ingest favorites f.csv --image-root .", "--image-root"),
        ("ingest favorites f.csv --check --limit 3", "--limit"),
        ("ingest favorites f.csv --check --replace", "--replace"),
        ("auction bids.csv --force", "--force"),
        ("auction bids.csv --out - --force", "--force"),
        ("rank --query mug --out a.csv --format jsonl", "--format"),
        ("rank --query mug --json --format csv", "--format"),
        ("rank --query mug --before-after -k 3", "-k"),
        (f"rank --features rows.svm --listings {A_FILE}", "--listings"),
        (f"similar --listing L1 --favorites {A_FILE}", "--favorites"),
        (f"similar --listing L1 --variant text --images {A_FILE}", "--images"),
        (f"similar --judge --favorites {A_FILE} --searches {A_FILE}", "--searches"),
        ("recommend --users all --user U1", "--user"),
        ("recommend --users all --format csv", "--format"),
        (f"recommend --user U1 --images {A_FILE}", "--images"),
        (f"recommend --user U1 --what users --listings {A_FILE}", "--listings"),
        ("recommend --user U1 --new-listings --include-seen", "--exclude-seen/--include-seen"),
        ("recommend --user U1 --by-style --explain", "--explain"),
        ("styles --force", "--force"),
        ("score ads.jsonl --force", "--force"),
        ("weights --out all.tsv -k 5", "-k"),
        ("train ltr --export-pairs pairs.svm --out model", "--out"),
        (f"train ltr --features rows.svm --searches {A_FILE}", "--searches"),
        ("train lda --from model --n-topics 5", "n_topics"),
        ("train lda --from model --set n_topics=5", "n_topics"),
        (f"train ctr --set photo_dim=0 --images {A_FILE}", "--images"),
        ("evaluate --qrels grades.txt --truth market", "--truth"),
    ],
)
def test_an_option_without_an_effect_is_refused(command: str, option: str, etsyml: Etsyml) -> None:
    ended = etsyml(*command.split())
    assert ended.code == 2
    assert ended.err.startswith(f"error: {option}: no effect ")


@pytest.mark.parametrize("table", ["listings", "favorites", "impressions"])
def test_an_event_map_is_for_the_table_that_has_events(table: str, etsyml: Etsyml) -> None:
    ended = etsyml("ingest", table, "f.csv", "--event-map", "view=impression")
    assert ended.code == 2
    assert ended.err.startswith(f"error: --event-map: no effect on {table}\n  It applies to searches only.")


@pytest.fixture
def styles(tmp_path: Path, etsyml: Etsyml) -> Path:
    """A workspace with listings, favorites and a small model of styles."""
    work = tmp_path / "my work"
    for line in (
        ["ingest", "listings", SAMPLE / "listings.csv"],
        ["ingest", "favorites", SAMPLE / "favorites.jsonl"],
        ["train", "lda", "--n-topics", "2", "--limit", "2000"],
    ):
        ended = etsyml("-w", work, *line, "-q")
        assert ended.code == 0, ended.err
    return work


def test_an_input_that_no_evaluated_model_reads_is_refused(styles: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", styles, "evaluate", "--model", "lda", "--impressions", SAMPLE / "impressions.csv.gz")
    assert ended.code == 2
    assert "--impressions is not read for any of the models" in ended.err
    table = styles / "tables/favorites.parquet"
    assert etsyml("-w", styles, "evaluate", "--metric", "hit@5", "--favorites", table).code == 0


def test_the_advice_for_shops_helps_when_followed_to_the_letter(styles: Path, etsyml: Etsyml) -> None:
    asked = ["-w", styles, "recommend", "--user", "U17", "--what", "shops", "--json"]
    refused = etsyml(*asked)
    assert refused.code == 3
    advised = re.search(r"etsyml (.*)", refused.err)
    assert advised and advised[1].endswith("train lda --shops")
    assert etsyml(*shlex.split(advised[1]), "--set", "n_topics=2", "-q").code == 0
    assert json.loads(etsyml(*asked).out)["what"] == "shops"


def test_a_model_of_other_things_is_refused(styles: Path, etsyml: Etsyml) -> None:
    model = styles / "models/lda"
    ended = etsyml("-w", styles, "recommend", "--user", "U17", "--what", "shops", "--model", model)
    assert (ended.code, ended.err) == (
        2,
        f"error: {model}: a model of listings, not of shops\n  Add --what listings.\n",
    )


def test_advice_names_the_workspace_that_was_given(tmp_path: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", tmp_path, "train", "lda")
    assert ended.err.endswith(f"Make it with: etsyml -w {tmp_path} ingest favorites FILE\n")
    command = etsyml("-w", tmp_path, "ingest", "favorites", SAMPLE / "favorites.jsonl", "--check", "--json").out
    assert f'"command":"etsyml -w {tmp_path} ingest favorites' in command


def test_a_given_input_that_is_missing_is_no_reason_to_make_another_one(etsyml: Etsyml) -> None:
    ended = etsyml("recommend", "--user", "U1", "--model", "models/typo")
    assert ended.code == 3
    assert ended.err == "error: --model models/typo: not found\n  Check the path, or leave out --model.\n"
