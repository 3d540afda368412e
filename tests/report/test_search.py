"""The search section of the report: its numbers equal those of the commands, and missing parts are reported."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.tables import read_table
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.report.cards import Card, Cards
from etsyml_cli.report.missing import Missing
from etsyml_cli.report.query_changes import compare
from etsyml_cli.report.search import LEAST_MATCHING, QUERIES, Search, Similar, search
from etsyml_cli.report.thumbnails import Photo
from etsyml_cli.search.evaluate import EvaluationInputs, PageFigures, figures_of_pages
from tests.conftest import Etsyml
from tests.report.sample_workspace import json_of, page, sample

TINY = "extract-images --set backbone=tiny --set engine=torch"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("search") / "work"
    return sample(root, ["listings", "searches"], TINY, "train ltr --limit 600 --set controls=1")


@pytest.fixture(scope="module")
def found(place: Workspace) -> Search:
    section = search(place)
    assert isinstance(section, Search)
    return section


@pytest.fixture(scope="module")
def without_photos(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace without photos."""
    root = tmp_path_factory.mktemp("words") / "work"
    return sample(root, ["listings", "searches"], "train ltr --limit 600")


def test_the_figures_are_those_of_evaluate(place: Workspace, found: Search, etsyml: Etsyml) -> None:
    assert (
        msgspec.to_builtins(found.ranking.figures)
        == json_of(etsyml, place, "evaluate", "--model", "ltr")["evaluations"][0]["metrics"]
    )


def test_changes_per_query_add_up_to_the_difference_of_evaluate(
    place: Workspace, found: Search, etsyml: Etsyml
) -> None:
    [images] = place.all_images()
    tables = {name: place.table(name) for name in ("listings", "searches")}
    metric = parse_metric("ndcg@10")
    pages = figures_of_pages(EvaluationInputs(model=place.model("ltr"), **tables, images=images), metric, 0)
    changes = compare(pages, "ndcg@10", "text", "multimodal").changes
    figures = json_of(etsyml, place, "evaluate", "--model", "ltr", "--metric", "ndcg@10")["evaluations"][0]["metrics"]
    multimodal = next(one for one in figures if one["variant"] == "multimodal")
    assert sum(one.pages for one in changes) == multimodal["n"] == len(pages.queries)
    assert sum(one.weight for one in changes) / multimodal["n"] == pytest.approx(multimodal["against"]["value"])
    shown = found.ranking.changes
    assert (shown.before, shown.after, shown.queries) == ("text", "multimodal", len(changes))
    weights = [one.weight for one in changes]
    assert [one.weight for one in shown.gained] == sorted((w for w in weights if w > 0), reverse=True)[:8]
    assert [one.weight for one in shown.lost] == sorted(w for w in weights if w < 0)[:8]
    for series in shown.distribution.series:
        assert sum(series.y) == len(changes) and len(series.y) == len(series.x) == 10


def test_pages_are_counted_for_their_own_query() -> None:
    values = {"text": np.array([0.2, 0.5, 0.4]), "multimodal": np.array([0.3, 0.9, 0.0])}
    pages = PageFigures(["S1", "S2", "S3"], ["ring", "mug", "ring"], values)
    first, second = compare(pages, "ndcg@10", "text", "multimodal").changes
    assert (first.query, first.pages, first.before, first.after) == ("mug", 1, 0.5, 0.9)
    assert (second.query, second.pages) == ("ring", 2)
    assert (second.before, second.after) == pytest.approx((0.3, 0.15))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_changes_count_every_page_once(rows: list[tuple[str, float, float]]) -> None:
    queries, before, after = zip(*rows, strict=True)
    values = {"text": np.array(before), "image": np.array(after)}
    comparison = compare(PageFigures([*map(str, range(len(rows)))], list(queries), values), "map", "text", "image")
    assert sum(one.weight for one in comparison.changes) == pytest.approx(sum(after) - sum(before), abs=1e-9)
    weights = [abs(one.weight) for one in comparison.changes]
    assert weights == sorted(weights, reverse=True)
    assert [sum(series.y) for series in comparison.summary().distribution.series] == [len(set(queries))] * 2


def test_results_equal_rank_for_the_queries_with_the_largest_changes(
    place: Workspace, found: Search, etsyml: Etsyml
) -> None:
    results = found.ranking.results
    assert len(results) == QUERIES
    weights = [abs(one.change.weight) for one in results]
    assert weights == sorted(weights, reverse=True)
    for one in results:
        assert one.matching >= LEAST_MATCHING
        ranked = json_of(etsyml, place, "rank", "--query", one.query, "--before-after")
        assert one.matching == ranked["matching"]
        assert [p.percentile for p in one.places] == [90, 80, 70, 60, 50]
        for side in ("text", "multimodal"):
            assert [getattr(p, side).id for p in one.places] == [row[side]["id"] for row in ranked["rows"]]
            assert [p.rank for p in one.places] == [row[side]["rank"] for row in ranked["rows"]]


def test_given_queries_are_shown_even_without_matches(place: Workspace) -> None:
    section = search(place, ["wool scarf", "zebra"])
    assert isinstance(section, Search)
    scarf, zebra = section.ranking.results
    assert (scarf.query, len(scarf.places)) == ("wool scarf", 5)
    assert (zebra.query, zebra.matching, zebra.places, zebra.change) == ("zebra", 0, [], None)
    assert '“<bdi class="title">zebra</bdi>”' in page(place, search=section)


def test_similar_listings_equal_the_output_of_similar(place: Workspace, found: Search, etsyml: Etsyml) -> None:
    assert len(found.similar) == len({one.listing.id for one in found.similar}) == 3
    for one in found.similar:
        for side, variant in (("control", "text"), ("variant", "multimodal")):
            arguments = ("similar", "--listing", one.listing.id, "--variant", variant, "-k", "5")
            assert [card.id for card in getattr(one, side)] == [
                item["id"] for item in json_of(etsyml, place, *arguments)["items"]
            ]


def test_the_page_shows_photos_titles_prices_and_metrics(place: Workspace, found: Search) -> None:
    html = page(place, search=found)
    cards = [card for row in found.ranking.results[0].places for card in (row.text, row.multimodal)]
    for card in cards:
        assert card.title in html and f"{card.price:,.2f} {card.currency or ''}" in html
    pictures = {card.photo.image for card in cards}
    assert None not in pictures and html.count("data:image/webp;base64,") >= len(cards)
    assert all(f"{one.value:.4f}" in html for one in found.ranking.figures)
    assert "<svg" in html and "Largest gains" in html and "Largest losses" in html


def test_without_photos_the_text_ranker_is_compared_with_the_logged_order(without_photos: Workspace) -> None:
    section = search(without_photos)
    assert isinstance(section, Search)
    ranking = section.ranking
    assert (ranking.changes.before, ranking.changes.after) == ("shown", "text")
    assert isinstance(ranking.results, Missing) and "no multimodal ranker" in ranking.results.what
    assert ranking.results.command == "etsyml extract-images && etsyml train ltr"
    assert section.similar == Missing("no photo features", "etsyml extract-images")
    html = page(without_photos, search=section)
    assert "no photo features" in html and "etsyml extract-images &amp;&amp; etsyml train ltr" in html


def test_a_model_without_a_test_set_shows_only_given_queries(place: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "work"
    (root / "models").mkdir(parents=True)
    for shared in ("tables", "features"):
        (root / shared).symlink_to(place.root / shared)
    no_test_set = sample(root, [], "train ltr --limit 200 --holdout none")
    default, given_query = search(no_test_set), search(no_test_set, ["wool scarf"])
    assert isinstance(default, Search) and isinstance(given_query, Search)
    assert isinstance(default.ranking.results, Missing) and "--holdout none" in default.ranking.results.what
    for section in (default, given_query):
        assert isinstance(section.ranking.changes, Missing) and isinstance(section.ranking.figures, Missing)
    assert [(one.query, len(one.places), one.change) for one in given_query.ranking.results] == [
        ("wool scarf", 5, None)
    ]
    assert "--holdout none" in page(no_test_set, search=default)
    assert "wool scarf" in page(no_test_set, search=given_query)


def test_a_workspace_without_searches_shows_the_next_commands(tmp_path: Path) -> None:
    assert search(Workspace(tmp_path)) == Missing("no listings table", "etsyml ingest listings FILE")
    place = sample(tmp_path / "work", ["listings"])
    section = search(place)
    assert isinstance(section, Missing)
    assert section.what == "no search ranker; no photo features"
    assert section.command == "etsyml ingest searches FILE && etsyml extract-images && etsyml train ltr"


def test_listings_without_photos_do_not_suggest_extract_images(tmp_path: Path) -> None:
    source = tmp_path / "listings.csv"
    source.write_text("listing_id,title\nL1,red scarf\n")
    place = Workspace(tmp_path)
    ingest("listings", [str(source)], out=place.table("listings"), config=IngestConfig())
    section = search(place)
    assert isinstance(section, Missing)
    assert section.what == "no search ranker; the listings have no photos"
    assert section.command == "etsyml ingest searches FILE && etsyml train ltr"


def test_similar_listings_need_no_ranker(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/listings.parquet").symlink_to(place.table("listings"))
    (tmp_path / "features").symlink_to(place.root / "features")
    section = search(Workspace(tmp_path))
    assert isinstance(section, Search)
    assert section.ranking == Missing("no search ranker", "etsyml ingest searches FILE && etsyml train ltr")
    assert len(section.similar) == 3


def test_a_ranker_of_feature_rows_is_not_the_search_ranker(tmp_path: Path) -> None:
    rows = tmp_path / "rows.txt"
    rows.write_text("".join(f"1 qid:{page} 1:0.{page}\n0 qid:{page} 1:0.01\n" for page in range(1, 6)))
    section = search(sample(tmp_path / "work", ["listings"], f"train ltr --features {rows}"))
    assert isinstance(section, Missing)
    assert section.what == "no search ranker; no photo features"


def test_a_card_equals_the_row_of_the_table(place: Workspace) -> None:
    [row] = read_table(place.table("listings"), "listings").slice(7, 1).to_pylist()
    cards = Cards(place)
    assert cards(row["listing_id"]) == Card(
        id=row["listing_id"],
        title=row["title"],
        price=row["price"],
        currency=row.get("currency"),
        photo=Photo(row["listing_id"], row["image"]),
    )
    id_and_title = Card(id="X", title="sold", price=None, currency=None, photo=Photo("X", None))
    assert cards("X", "sold") == Cards(Workspace(place.root / "nowhere"))("X", "sold") == id_and_title


def test_titles_are_escaped(place: Workspace) -> None:
    title = '<script>alert("1")</script>\u202e' + "x" * 10_000
    hostile = Card(id='"><b>', title=title, price=None, currency="<i>", photo=Photo('"><b>', "../<img>"))
    priced = Card(id="L", title=None, price=1.5, currency="<i>", photo=Photo("L", None))
    section = Search(
        ranking=Missing("<u>", "<u>"), similar=[Similar(listing=hostile, control=[hostile], variant=[priced])]
    )
    html = page(place, search=section)
    for raw in ("<script", "<b>", "<i>", "<u>", "<img>"):
        assert raw not in html
    assert html.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;") == 2
    assert "1.50 &lt;i&gt;" in html
