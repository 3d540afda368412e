"""`etsyml styles`: planted styles in words, styles of users and listings, and errors."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from etsyml_cli.cli.main import run
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.personalization import styles as stage
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.store import load_model
from etsyml_cli.sample.words import STYLES
from tests.conftest import REPOSITORY, Etsyml
from tests.lda_chain import table_of, train, two_tastes

SAMPLE = REPOSITORY / "sample_data"


def styles(**asked: object) -> list[dict]:
    return msgspec.to_builtins(stage.styles(**asked))  # type: ignore[arg-type]


def styles_of(**asked: object) -> list[dict]:
    return msgspec.to_builtins(list(stage.styles_of(**asked)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Listings of the first taste are red scarves, the others blue rings; L39 is in no table, L40 in no model."""
    place = tmp_path_factory.mktemp("tables")
    table_of(two_tastes(), place / "favorites.parquet")
    what = ["red scarf,wool|gift", "blue ring,silver|gift"]
    lines = [f"L{i:02},S{i % 2},{what[i >= 20]}" for i in [*range(39), 40]]
    (place / "listings.csv").write_text("\n".join(["listing_id,shop_id,title,tags", *lines]) + "\n")
    ingest("listings", [str(place / "listings.csv")], out=place / "listings.parquet", config=IngestConfig())
    return place


@pytest.fixture(scope="module")
def model(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "lda"
    train(tables / "favorites.parquet", out)
    return out


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the sample data, with as many styles as were planted."""
    place = tmp_path_factory.mktemp("sample") / "work"
    for line in (
        ["ingest", "listings", f"{SAMPLE}/listings.csv"],
        ["ingest", "favorites", f"{SAMPLE}/favorites.jsonl"],
        ["train", "lda", "--set", "n_topics=8", "--seed", "1"],
    ):
        assert run(["-w", str(place), *line]) == 0
    return place


def test_planted_styles_have_their_own_word_and_listings(work: Path, etsyml: Etsyml) -> None:
    told = [json.loads(line) for line in etsyml("-w", work, "styles").out.splitlines()]
    assert len(told) == 8 and {style["schema_version"] for style in told} == {1}
    planted = pq.read_table(SAMPLE / "truth/listings.parquet", columns=["listing_id", "style"])
    style_of = dict(zip(planted["listing_id"].to_pylist(), planted["style"].to_pylist(), strict=True))
    assert {style["words"][0]["word"] for style in told} == set(STYLES[:8])
    for style in told:
        own = STYLES.index(style["words"][0]["word"])
        top = [item["id"] for item in style["items"]]
        assert len(top) == 10 and sum(style_of[listing] == own for listing in top) >= 9
        assert style["words"][0]["lift"] > 4 and style["coherence"] > 0.2
        assert len(style["nearest"]) == 3 and style["style"] not in [near["style"] for near in style["nearest"]]
    assert sum(style["share"] for style in told) == pytest.approx(1)


def test_a_label_names_the_planted_style_first_then_what_is_typical(work: Path, etsyml: Etsyml) -> None:
    told = [json.loads(line) for line in etsyml("-w", work, "styles").out.splitlines()]
    for style in told:
        terms = style["label"].split(" · ")[0].split(", ")
        assert terms[0] == style["words"][0]["word"] in STYLES
        assert len(terms) == 2 and terms[1] not in STYLES
        assert style["items"][0]["title"][:30] in style["label"]  # one title, because the shops are only numbers
    assert len({style["label"] for style in told}) == 8
    part = json.loads(etsyml("-w", work, "styles", "--user", "U17", "--json").out)["items"][0]
    assert part["label"] == next(style["label"] for style in told if style["style"] == part["style"])


@pytest.mark.parametrize("key", ["share", "coherence", "style"])
def test_styles_are_sorted_as_requested(work: Path, etsyml: Etsyml, key: str) -> None:
    order = "number" if key == "style" else key
    told = json.loads(etsyml("-w", work, "styles", "--sort", order, "--json").out)
    values = [style[key] for style in told["styles"]]
    assert told["schema_version"] == 1 and len(set(values)) == 8
    assert values == sorted(values, reverse=key != "style")


def test_a_style_requested_by_number_is_shown_in_full(work: Path, etsyml: Etsyml) -> None:
    told = json.loads(etsyml("-w", work, "styles", "--style", "3", "--json").out)
    short = json.loads(etsyml("-w", work, "styles", "--style", "3", "-k", "2").out)
    assert told["style"] == 3 and len(told["items"]) == 30
    assert short["items"] == told["items"][:2] and short["coherence"] == told["coherence"]


def test_every_file_holds_the_same_listings(work: Path, etsyml: Etsyml, tmp_path: Path) -> None:
    ask = ["-w", work, "styles", "-k", "2"]
    told = [json.loads(line) for line in etsyml(*ask).out.splitlines()]
    expected = [(style["style"], item["id"], item["lift"]) for style in told for item in style["items"]]
    for extension in ("jsonl", "csv", "parquet"):
        assert etsyml(*ask, "--out", tmp_path / f"styles.{extension}").code == 0
    rows = list(csv.DictReader((tmp_path / "styles.csv").open()))
    assert [(int(row["style"]), row["id"], float(row["lift"])) for row in rows] == expected
    table = pq.read_table(tmp_path / "styles.parquet", columns=["style", "id", "lift"]).to_pylist()
    assert [tuple(row.values()) for row in table] == expected
    assert [json.loads(line) for line in (tmp_path / "styles.jsonl").open()] == told
    refused = etsyml(*ask, "--out", tmp_path / "styles.trec")
    assert (refused.code, "Choose from: .csv, .jsonl, .parquet." in refused.err) == (2, True)


def test_a_table_for_a_person_has_a_row_a_style(work: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etsyml_cli.cli.show.is_interactive", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    told = etsyml("-w", work, "styles").out.splitlines()
    rows = [line.split(maxsplit=1) for line in told if line[1:2].isdigit()]
    assert {label.split(",")[0] for _, label in rows} == set(STYLES[:8])
    [first] = [label for number, label in rows if number == "0"]
    heading, facts, *_ = etsyml("-w", work, "styles", "--style", "0").out.splitlines()
    assert heading.startswith("style 0: ") and heading[9:20] == first[:11]
    assert facts.startswith("  share: ")
    of_user = etsyml("-w", work, "styles", "--user", "U17").out
    assert "of 8 styles are above average" in of_user and "folk" in of_user


def test_a_users_styles_are_theta_those_above_their_share_first(model: Path, tables: Path) -> None:
    [told] = styles_of(model=model, listings=tables / "listings.parquet", k=2, users=["U2"])
    loaded = load_model(model)
    theta = loaded.parameters.theta[loaded.user_ids.index("U2")]
    assert {item["style"]: item["probability"] for item in told["items"]} == pytest.approx(dict(enumerate(theta)))
    above = [item["lift"] > 1 for item in told["items"]]
    assert above == sorted(above, reverse=True) and [item["rank"] for item in told["items"]] == [1, 2, 3, 4]
    first = told["items"][0]
    assert first["words"] == ["wool", "scarf", "red"] and len(first["listings"]) == 2
    assert first["probability"] == max(item["probability"] for item in told["items"])


def test_a_listings_styles_are_bayes_of_beta_and_share(model: Path, tables: Path) -> None:
    [told] = styles_of(model=model, listings=tables / "listings.parquet", k=2, of_listings=["L25"])
    loaded = load_model(model)
    joint = loaded.parameters.theta.mean(axis=0) * loaded.parameters.beta[:, loaded.listing_ids.index("L25")]
    found = {item["style"]: item["probability"] for item in told["items"]}
    assert found == pytest.approx(dict(enumerate(joint / joint.sum())), rel=1e-4)
    assert told["listing_id"] == "L25" and told["items"][0]["words"] == ["silver", "ring", "blue"]


def test_words_are_those_that_a_style_has_more_of_only(model: Path, tables: Path, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="etsyml"):
        told = styles(model=model, listings=tables / "listings.parquet", k=3)
    words = [{word["word"]: word for word in style["words"]} for style in told]
    assert all("gift" not in of_style for of_style in words)  # every listing's
    assert {"red", "scarf", "wool"} in [set(of_style) for of_style in words]
    red = next(of_style["red"] for of_style in words if "red" in of_style)
    assert red["share"] > 0.9 and red["lift"] == pytest.approx(red["share"] / 0.5, rel=0.1)
    assert all(style["shops"] == [] for style in told)  # both shops sell to both tastes
    assert caplog.messages == ["39 of 40 listings of the model are in listings"]


def test_without_a_listings_table_there_are_ids_and_one_warning(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="etsyml"):
        told = styles(model=model, listings=None, k=3)
    assert caplog.messages == ["no listings table: styles are shown without words and shops"]
    assert all(style["words"] == [] and "title" not in style["items"][0] for style in told)
    assert all(style["items"][0]["id"].startswith("L") for style in told)


def test_a_style_without_common_favorites_is_not_coherent(tmp_path: Path) -> None:
    rows = [(f"U{i}", f"L{i % 15:02}", "2014-05-01T00:00:00Z") for i in range(60)]
    train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda", "none")
    told = styles(model=tmp_path / "lda", listings=None, k=3)
    assert all(-1 <= style["coherence"] < -0.2 for style in told)


def test_styles_of_one_listing_and_one_user(tmp_path: Path) -> None:
    train(table_of([("U", "L", "2014-05-01T00:00:00Z")], tmp_path / "f.parquet"), tmp_path / "lda", "none")
    told = styles(model=tmp_path / "lda", listings=None, k=3)
    assert [item["id"] for style in told for item in style["items"]] == ["L"] * 4
    assert all(np.isfinite([style["coherence"], style["share"], style["items"][0]["lift"]]).all() for style in told)


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"users": ["u22"]}, "no user 'u22'", "Did you mean 'U22'?"),
        ({"of_listings": ["L111"]}, "no listing 'L111'", "Did you mean 'L11'?"),
        ({"users": ["zzz"]}, "no user 'zzz'", "Check the id (ids are case-sensitive)."),
    ],
    ids=["user", "listing", "nothing-like-it"],
)
def test_unknown_ids_are_reported_with_the_nearest(model: Path, asked: dict, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(styles_of(model=model, listings=None, k=3, **asked))
    assert caught.value.hint == hint


def test_what_is_no_style_or_no_order_is_refused(model: Path) -> None:
    with pytest.raises(UsageError, match="unknown --style 4") as caught:
        styles(model=model, listings=None, k=3, numbers=[0, 4])
    assert caught.value.hint == f"{model} has the styles 0 to 3."
    with pytest.raises(UsageError, match="--sort shar") as caught:
        styles(model=model, listings=None, k=3, order="shar")
    assert caught.value.hint == "Did you mean 'share'?"


@pytest.mark.parametrize("more", [["--user", "U1", "--style", "0"], ["--user", "U1", "--sort", "share"]])
def test_questions_that_do_not_go_together_are_refused(work: Path, etsyml: Etsyml, more: list[str]) -> None:
    assert etsyml("-w", work, "styles", *more).code == 2


def test_a_user_without_training_favorites_is_reported_and_excluded_from_shares(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*two_tastes(), ("one", "L03", "2014-05-01T00:00:00Z")]
    config = LdaConfig(n_topics=4, min_user_favorites=2)
    train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda", config=config)
    list(styles_of(model=tmp_path / "lda", listings=None, k=3, users=["one"]))
    assert "user 'one' has no training favorites" in caplog.text
    loaded = load_model(tmp_path / "lda")
    taught = np.array(loaded.user_ids) != "one"
    share = {style["style"]: style["share"] for style in styles(model=tmp_path / "lda", listings=None, k=3)}
    assert share == pytest.approx(dict(enumerate(loaded.parameters.theta[taught].mean(axis=0))), rel=1e-5)
