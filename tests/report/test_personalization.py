"""The personalization section of the report: its numbers equal those of the commands, and missing parts are reported."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from etsyml_cli.io.tables import read_table
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.store import load_model
from etsyml_cli.report.cards import Card
from etsyml_cli.report.missing import Missing
from etsyml_cli.report.personalization import GALLERY, MIN_SHARE, Personalization, personalization
from etsyml_cli.report.thumbnails import Photo
from etsyml_cli.report.user_page import FAVORITES
from tests.conftest import Etsyml
from tests.lda_chain import table_of, train, two_tastes
from tests.report.sample_workspace import json_of, page, sample

QUALITY = "recall@5 recall@10 recall@20 recall@50 coverage@20 longtail@20 gini@20 ndcg@20 hit@10 novelty@20 perplexity"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("styles") / "work"
    return sample(root, ["listings", "favorites"], "train lda --set n_topics=8")


@pytest.fixture(scope="module")
def found(place: Workspace) -> Personalization:
    return _shown(place)


@pytest.fixture
def bare(tmp_path: Path) -> Workspace:
    """A workspace with favorites, without a listings table."""
    (tmp_path / "tables").mkdir()
    table_of(two_tastes(), tmp_path / "tables/favorites.parquet")
    return Workspace(tmp_path)


def _shown(place: Workspace, user: str | None = None) -> Personalization:
    section = personalization(place, user)
    assert isinstance(section, Personalization)
    return section


def _ids(cards: list[Card]) -> list[str]:
    return [card.id for card in cards]


def test_the_gallery_equals_the_output_of_styles(place: Workspace, found: Personalization, etsyml: Etsyml) -> None:
    styles = json_of(etsyml, place, "styles", "-k", "6")["styles"]
    assert len(found.gallery) == found.n_styles == 8
    for row, style in zip(found.gallery, styles, strict=True):
        assert (row.number, row.share, row.coherence) == (style["style"], style["share"], style["coherence"])
        assert row.label == style["label"]
        assert row.shops == [shop["shop_id"] for shop in style["shops"]]
        assert _ids(row.listings) == [item["id"] for item in style["items"]]
        assert row.lifts == [item["lift"] for item in style["items"]]
    [sizes] = found.sizes.series
    assert sizes.y == pytest.approx([100 * style["share"] for style in styles]) and sum(sizes.y) == pytest.approx(100)


def test_the_example_user_has_favorites_in_the_training_set(place: Workspace, found: Personalization) -> None:
    model = load_model(place.model("lda"))
    user = found.user
    row = model.user_ids.index(user.user_id)
    assert user.n_favorites == len(model.train.of(row)) == FAVORITES
    assert _ids(user.favorites) == [model.listing_ids[listing] for listing in model.train.of(row)]
    table = read_table(place.table("favorites"), "favorites").to_pylist()
    assert {one["listing_id"] for one in table if one["user_id"] == user.user_id} >= set(_ids(user.favorites))


@pytest.mark.parametrize("chosen", [None, "U17"])
def test_the_page_of_a_user_equals_the_output_of_the_commands(
    place: Workspace, etsyml: Etsyml, chosen: str | None
) -> None:
    user = _shown(place, chosen).user
    assert chosen in (None, user.user_id)
    profile = json_of(etsyml, place, "styles", "--user", user.user_id)["items"][:8]
    assert [(part.style, part.probability, part.lift) for part in user.profile] == [
        (item["style"], item["probability"], item["lift"]) for item in profile
    ]
    assert [part.label for part in user.profile] == [item["label"] for item in profile]
    rows = json_of(etsyml, place, "recommend", "--user", user.user_id, "--by-style", "-k", "6")["lists"]
    assert [(row.style, row.label, row.share, _ids(row.listings)) for row in user.rows] == [
        (row["style"], row["label"], row["share"], [item["id"] for item in row["items"]]) for row in rows
    ]
    listed = json_of(etsyml, place, "recommend", "--user", user.user_id, "--explain", "-k", "6")
    assert (user.fallback, listed["fallback"]) == (False, False)
    for one, item in zip(user.recommended, listed["items"], strict=True):
        assert (one.listing.id, one.score) == (item["id"], item["score"])
        assert [(reason.what, reason.adds) for reason in one.why] == [(why["what"], why["adds"]) for why in item["why"]]
        for name in ("style", "label", "shared_users"):
            assert [getattr(reason, name) for reason in one.why] == [why.get(name) for why in item["why"]]
        assert [reason.favorite and reason.favorite.id for reason in one.why] == [why.get("id") for why in item["why"]]
        assert sum(reason.adds for reason in one.why) == pytest.approx(one.score, rel=1e-4)


def test_the_quality_is_that_of_evaluate(place: Workspace, found: Personalization, etsyml: Etsyml) -> None:
    asked = [word for metric in QUALITY.split() for word in ("--metric", metric)]
    figures = json_of(etsyml, place, "evaluate", "--model", "lda", *asked)["evaluations"][0]["metrics"]
    assert msgspec.to_builtins(found.quality.figures) == figures
    by_name = {(one["name"], one["variant"]): one for one in figures}
    recall, long_tail = found.quality.recall, found.quality.long_tail
    for plot in (recall, long_tail):
        assert [series.name for series in plot.series] == ["popularity", "lda", "item-knn", "ease", "text-knn", "mix"]
    for series in recall.series:
        assert series.x == [5, 10, 20, 50]
        assert series.y == [by_name[f"recall@{depth:g}", series.name]["value"] for depth in series.x]
    for series in long_tail.series:
        assert series.x == ["coverage@20", "longtail@20", "gini@20"]
        measured = [by_name[name, series.name] for name in series.x]
        assert (series.low, series.high) == ([one["low"] for one in measured], [one["high"] for one in measured])


def test_the_page_shows_styles_photos_and_reasons(place: Workspace, found: Personalization) -> None:
    html = page(place, personalization=found)
    assert found.photos is None and 'class="unpictured"' not in html
    for row in found.gallery:
        assert f"Style #{row.number}: <bdi>{row.label}</bdi>" in html
        assert f"share {row.share:.1%}, coherence {row.coherence:.2f}" in html
        assert f"×{row.lifts[0]:.1f}" in html
    shown = [*found.user.favorites, *found.gallery[0].listings, *found.user.rows[0].listings]
    assert all(card.title in html and f"{card.price:,.2f}" in html for card in shown)
    assert html.count("data:image/webp;base64,") >= len(shown)
    assert f"From your style #{found.user.rows[0].style}" in html
    first = found.user.recommended[0]
    assert f"{first.why[0].adds / first.score:.1%} style <bdi>{first.why[0].label}</bdi>" in html
    assert html.count("<svg") == 3


def test_an_unknown_user_is_reported_and_the_rest_is_shown(place: Workspace) -> None:
    section = _shown(place, "nobody")
    assert isinstance(section.user, Missing) and "no user 'nobody'" in section.user.what
    assert section.user.command == "etsyml report --user ID"
    assert len(section.gallery) == 8 and not isinstance(section.quality, Missing)
    assert "no user &#39;nobody&#39;" in page(place, personalization=section)


def test_without_a_listings_table_ids_replace_titles_and_photos(bare: Workspace) -> None:
    train(bare.table("favorites"), bare.model("lda"))
    section = _shown(bare)
    assert all(row.shops == [] and "listing L" in row.label and len(row.listings) == 6 for row in section.gallery)
    all_cards = [card for row in section.gallery for card in row.listings]
    assert all(
        card == Card(id=card.id, title=None, price=None, currency=None, photo=Photo(card.id, None))
        for card in all_cards
    )
    html = page(bare, personalization=section)
    assert "data:image" not in html and 'class="unpictured"' in html
    assert section.photos == Missing(
        "no listings table, so no titles, words, shops or photos", "etsyml ingest listings FILE"
    )
    assert "no listings table" in html
    assert all(f'<bdi class="title">{card.id}</bdi>' in html for card in all_cards)


def test_a_user_without_training_favorites_gets_popular_listings(bare: Workspace, tmp_path: Path) -> None:
    held = tmp_path / "held.csv"
    own = [f"{user},{listing}" for user, listing, _ in two_tastes() if user == "U7"]
    held.write_text("\n".join(["user_id,listing_id", *own]) + "\n")
    train(bare.table("favorites"), bare.model("lda"), holdout=str(held))
    user = _shown(bare, "U7").user
    assert (user.fallback, user.n_favorites, user.favorites, user.rows) == (True, 0, [], [])
    assert len(user.recommended) == 6 and all(one.why == [] for one in user.recommended)
    html = page(bare, personalization=_shown(bare, "U7"))
    assert "popular listings are recommended" in html and "From your style" not in html


def test_a_model_without_a_test_set_is_shown_without_metrics(bare: Workspace) -> None:
    train(bare.table("favorites"), bare.model("lda"), holdout="none")
    section = _shown(bare)
    assert isinstance(section.quality, Missing) and "--holdout none" in section.quality.what
    assert "--holdout none" in page(bare, personalization=section)
    assert not isinstance(section.user, Missing)


def test_only_the_largest_of_many_styles_are_shown(bare: Workspace) -> None:
    train(bare.table("favorites"), bare.model("lda"), config=LdaConfig(n_topics=GALLERY + 4, passes=3))
    section = _shown(bare)
    shares = load_model(bare.model("lda")).parameters.theta.mean(axis=0)
    expected = [share for share in np.sort(shares)[::-1][:GALLERY].tolist() if share >= MIN_SHARE]
    assert len(expected) < section.n_styles == GALLERY + 4
    assert [row.share for row in section.gallery] == pytest.approx(expected, rel=1e-4)
    assert len(section.sizes.series[0].y) == GALLERY + 4
    assert f"The {len(expected)} largest styles are shown." in page(bare, personalization=section)


def test_styles_of_shops_are_shown(place: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (root / "tables").symlink_to(place.root / "tables")
    shop_styles = sample(root, [], f"train lda --shops --set n_topics=4 --out {root}/models/lda")
    section = _shown(shop_styles)
    assert section.things == "shops" and len(section.gallery) == 4
    html = page(shop_styles, personalization=section)
    assert "over 60 shops" in html and "shops have no photos. " in html and 'class="unpictured"' in html


@pytest.mark.parametrize(
    ("tables", "command"),
    [([], "etsyml ingest favorites FILE && etsyml train lda"), (["favorites"], "etsyml train lda")],
    ids=["no tables", "favorites"],
)
def test_without_a_model_the_section_shows_the_next_commands(tmp_path: Path, tables: list[str], command: str) -> None:
    assert personalization(sample(tmp_path / "work", tables)) == Missing("no style model", command)


def test_titles_words_and_shops_are_escaped(place: Workspace, found: Personalization) -> None:
    title = "<script>alert('1')</script>\u202e"
    card = Card(id="<b>", title=title, price=None, currency=None, photo=Photo("<b>", None))
    row = msgspec.structs.replace(found.gallery[0], label='<i> "', shops=["=1+1", "<u>"], listings=[card], lifts=[1])
    user = msgspec.structs.replace(found.user, user_id="<em>&", favorites=[card])
    html = page(place, personalization=msgspec.structs.replace(found, gallery=[row], user=user))
    for raw in ("<script", "<b>", "<i>", "<u>", "<em>"):
        assert raw not in html
    assert html.count("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;") == 2
    assert "&lt;em&gt;&amp;" in html and "=1+1, &lt;u&gt;" in html
