from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from etsyml_cli.sample.ads import DECAY, POSITIONS, AdRows, click_probability, draw_impressions
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.slices import ROWS_AT_ONCE, examination
from etsyml_cli.sample.world import World, build_world

Drawn = tuple[World, AdRows]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    world = build_world(SampleConfig(impressions=300_000), seed=3)
    parts = list(draw_impressions(world))
    return world, AdRows(**{name: np.concatenate([getattr(rows, name) for rows in parts]) for name in vars(parts[0])})


def test_the_number_of_ads_is_as_configured_in_order_of_time(drawn: Drawn) -> None:
    assert drawn[1].impression.tolist() == list(range(300_000))
    assert (np.diff(drawn[1].second) >= 0).all()


def test_no_ad_is_shown_before_its_creation_and_new_listings_are_shown(drawn: Drawn) -> None:
    world, rows = drawn
    created = world.listings.created
    assert (rows.second >= created[rows.listing]).all()
    shown_since = rows.second - created[rows.listing]
    new_listings = np.unique(rows.listing[created[rows.listing] >= 0])
    assert len(new_listings) == (created >= 0).sum() == 120
    assert np.median([shown_since[rows.listing == listing].min() for listing in new_listings]) < 2 * 86_400


def test_click_rates_match_their_probabilities(drawn: Drawn) -> None:
    world, rows = drawn
    p = click_probability(world, rows.query, rows.listing, rows.position)
    assert (p == rows.probability).all()
    assert abs(rows.clicked.sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    assert 0.03 < rows.clicked.mean() < 0.07


def test_clicks_by_position_recover_the_true_examination(drawn: Drawn) -> None:
    _, rows = drawn
    rate = np.bincount(rows.position, rows.clicked)[1:] / np.bincount(rows.position)[1:]
    assert np.abs(rate / rate[0] - examination(POSITIONS, DECAY)).max() < 0.06


def test_the_true_probabilities_rank_clicks_better_than_chance_but_not_perfectly(drawn: Drawn) -> None:
    assert 0.72 < roc_auc_score(drawn[1].clicked, drawn[1].probability) < 0.85


def test_memory_does_not_grow_with_the_rows() -> None:
    few, many = (peak_of_drawing(slices * ROWS_AT_ONCE) for slices in (2, 8))
    assert many < 1.1 * few


def peak_of_drawing(impressions: int) -> int:
    """Peak memory in bytes while the ads of a day are drawn."""
    world = build_world(SampleConfig(days=1, impressions=impressions), seed=0)
    tracemalloc.start()
    try:
        assert sum(len(rows.impression) for rows in draw_impressions(world)) == impressions
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_only_clicked_ads_convert(drawn: Drawn) -> None:
    rows = drawn[1]
    assert rows.converted.any()
    assert not (rows.converted & ~rows.clicked).any()
