"""Click models of search results: every listing that a page showed is an impression, whatever came of it a click."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etsyml_cli.ads.config import AdFeatures, CtrConfig
from etsyml_cli.ads.score import Inputs, score_table
from etsyml_cli.core.errors import InputError, UsageError
from tests.ads.test_train import LISTINGS, draw_log, evaluate, state, train, write_table

ENGAGED = ["click", "cart", "purchase"]


@pytest.fixture(scope="module")
def log() -> list[dict]:
    return draw_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, log) -> Path:
    """Two tables, and a model that learned from the ads."""
    root = tmp_path_factory.mktemp("shop")
    write_table("listings", LISTINGS, root / "listings.parquet")
    write_table("impressions", log, root / "impressions.parquet")
    train(root, root / "model")
    return root


@pytest.fixture(scope="module")
def pages(log) -> list[dict]:
    """The log as pages of search results, four listings each."""
    searched = []
    for i, row in enumerate(log):
        event = ENGAGED[i % 3] if row["clicked"] else "impression"
        kept = {name: row[name] for name in ("created_at", "listing_id", "query", "position")}
        searched.append({"search_id": f"S{i // 4}", **kept, "event": event})
    return searched


def test_listings_on_pages_of_results_are_impressions_too(shop, log, pages, tmp_path):
    """Whatever came of a listing that was shown, but a mere impression, is a click."""
    table = write_table("searches", pages, tmp_path / "searches.parquet")
    train(shop, tmp_path / "model", impressions=table, source="searches")
    assert state(tmp_path / "model", shop) == state(shop / "model", shop)
    found = evaluate(shop, tmp_path / "model", impressions=None, searches=table)
    assert found == evaluate(shop, shop / "model")
    with pytest.raises(UsageError, match="trained on searches"):
        evaluate(shop, tmp_path / "model")
    with pytest.raises(UsageError, match="clicks on searches"):
        evaluate(shop, tmp_path / "model", searches=table, truth=tmp_path)
    scored = {}
    for name, rows in [("searches", table), ("impressions", shop / "impressions.parquet")]:
        out = tmp_path / f"{name}.scores.parquet"
        score_table(Inputs(tmp_path / "model", shop / "listings.parquet"), rows, out=out)
        scored[name] = pq.read_table(out)
    assert scored["searches"]["score"].equals(scored["impressions"]["score"])
    assert scored["searches"].column_names == ["search_id", "created_at", "listing_id", "score"]
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "a listing among search results is clicked" in card
    assert "1,400 rows of the searches table" in card


def test_purchases_on_pages_of_results_are_conversions(shop, log, pages, tmp_path):
    bought = [{**row, "converted": int(page["event"] == "purchase")} for row, page in zip(log, pages, strict=True)]
    table = write_table("searches", pages, tmp_path / "searches.parquet")
    train(shop, tmp_path / "model", impressions=table, source="searches", label="converted")
    ads = write_table("impressions", bought, tmp_path / "impressions.parquet")
    train(shop, tmp_path / "expected", impressions=ads, label="converted")
    assert state(tmp_path / "model", shop) == state(tmp_path / "expected", shop)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda row: {name: row[name] for name in row if name != "created_at"},
            "has no created_at column, so no test day can be held out",
        ),
        (
            lambda row: row | {"created_at": row["created_at"] if row["position"] > 1 else None},
            "rows without created_at",
        ),
    ],
)
def test_searches_without_times_have_no_days(shop, pages, tmp_path, change, problem):
    table = write_table("searches", [change(row) for row in pages], tmp_path / "searches.parquet")
    with pytest.raises(InputError, match=problem) as error:
        train(shop, tmp_path / "model", impressions=table, source="searches")
    assert error.value.hint.startswith("Ingest the searches")
    assert not (tmp_path / "model").exists()


def test_a_source_that_is_none_and_a_table_that_is_another(shop, tmp_path):
    with pytest.raises(UsageError, match="'favorites'"):
        train(shop, tmp_path / "model", source="favorites")
    with pytest.raises(InputError, match="expected the searches table, found table:impressions"):
        train(shop, tmp_path / "model", source="searches")


def test_what_became_of_a_listing_is_no_feature(shop, pages, tmp_path):
    table = write_table("searches", pages, tmp_path / "searches.parquet")
    with pytest.raises(UsageError, match=r"features\.categorical: no column 'event'"):
        config = CtrConfig(features=AdFeatures(categorical=("event",)))
        train(shop, tmp_path / "model", impressions=table, source="searches", config=config)
