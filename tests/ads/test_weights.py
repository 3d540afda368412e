"""A click model's weights as text: all of them, by the names of the features that share a slot."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from etsyml_cli.ads.score import Inputs, score_rows
from etsyml_cli.ads.weights import model_weights, write_weights
from etsyml_cli.core.errors import InputError, UsageError
from tests.ads.test_train import CONFIG, ad_shop, draw_log, train, write_table


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return ad_shop(tmp_path_factory.mktemp("shop"), draw_log())


def inputs(shop: Path) -> dict[str, Path]:
    return {"model": shop / "model", "log": shop / "impressions.parquet", "listings": shop / "listings.parquet"}


def test_every_weight_is_named_and_the_largest_come_first(shop):
    found = model_weights(**inputs(shop))
    assert all(one.features for one in found)
    sizes = [abs(one.weight) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    named = {(one.model, name) for one in found for name in one.features}
    assert {("content", "bias"), ("content", "query*title:mug*mug"), ("historical", "listing_id=L1")} < named
    assert ("historical", "listing_id.rate") in named


def test_the_text_shows_the_contribution_of_a_feature_to_a_score(shop, tmp_path):
    write_weights(**inputs(shop), out=tmp_path / "weights.tsv")
    with (tmp_path / "weights.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    weight = {(row["model"], name): float(row["weight"]) for row in rows for name in row["features"].split(" | ")}
    lines = [b'{"query": "mug", "position": 2}']
    (scored,) = score_rows(Inputs(shop / "model", shop / "listings.parquet"), lines, explain=True)
    said = {reason.what: reason.adds for reason in scored["why"]}
    metrics = json.loads((shop / "model" / "metrics.json").read_text())["blend"]
    share, slope = metrics["weights"][1], metrics["platt"][0]
    assert said["query:mug"] == pytest.approx(slope * share * weight["content", "query:mug"], rel=1e-6)


def test_the_command_shows_the_largest_and_writes_all(shop, tmp_path, etsyml):
    place = ["-w", tmp_path, "weights", "--model", shop / "model", "--impressions", shop / "impressions.parquet"]
    place += ["--listings", shop / "listings.parquet"]
    lines = etsyml(*place, "-k", 3).out.splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0])["features"] == ["bias"]
    assert len(json.loads(etsyml(*place, "--json").out)["weights"]) == 20
    ended = etsyml(*place, "--out", tmp_path / "weights.tsv")
    assert (ended.code, len((tmp_path / "weights.tsv").read_text().splitlines()) > 20) == (0, True)
    assert etsyml(*place, "--out", tmp_path / "weights.tsv").code == 0  # its own output
    (tmp_path / "weights.tsv").write_text("edited")
    assert etsyml(*place, "--out", tmp_path / "weights.tsv").code == 2
    assert etsyml(*place, "--out", tmp_path / "weights.tsv", "--force").code == 0


def test_names_with_tabs_and_line_ends_stay_in_their_cell(shop, tmp_path):
    log = [row | {"query": "a\tb\nc"} for row in draw_log()]
    table = write_table("impressions", log, tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=CONFIG)
    write_weights(model=tmp_path / "model", log=table, listings=shop / "listings.parquet", out=tmp_path / "weights.tsv")
    rows = (tmp_path / "weights.tsv").read_text(encoding="utf-8").splitlines()
    assert {line.count("\t") for line in rows} == {3}
    assert any("query=a b c" in line for line in rows)


def test_no_model_and_a_file_that_is_there(shop, tmp_path):
    with pytest.raises(InputError, match="model:ctr not found"):
        model_weights(**{**inputs(shop), "model": tmp_path})
    (tmp_path / "there.tsv").write_text("mine")
    with pytest.raises(UsageError, match=r"there\.tsv"):
        write_weights(**inputs(shop), out=tmp_path / "there.tsv")
