"""The ads section of the report: metrics equal those of evaluate, and plots agree with the metrics."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etsyml_cli.io.model import load_json
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.ads import Ads, ads
from etsyml_cli.report.ads_features import by_spread
from etsyml_cli.report.missing import Missing
from tests.conftest import Etsyml
from tests.report.hostile_shop import N_LISTINGS, QUERY
from tests.report.sample_workspace import SAMPLE, json_of, page, sample


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    work = tmp_path_factory.mktemp("ads") / "work"
    return sample(
        work, ["listings"], f"ingest impressions {SAMPLE}/impressions.csv.gz", "train ctr --limit 12000 --set bits=16"
    )


@pytest.fixture(scope="module")
def found(place: Workspace) -> Ads:
    section = ads(place)
    assert isinstance(section, Ads)
    return section


def test_every_figure_is_that_of_evaluate(place: Workspace, found: Ads, etsyml: Etsyml) -> None:
    measured = json_of(etsyml, place, "evaluate", "--model", "ctr")["evaluations"][0]["metrics"]
    in_table = {
        (one.metric, row.variant, slice_.name): (one.value, one.low, one.high)
        for slice_ in found.table
        for row in slice_.rows
        for one in row.figures
    }
    assert in_table == {
        (one["name"], one["variant"], one["slice"]): (one["value"], one["low"], one["high"]) for one in measured
    }
    observed = {one["slice"]: one["observed"] for one in measured}
    for slice_ in found.table:
        counts = {"impressions": slice_.impressions, "events": slice_.events, "entropy": slice_.entropy}
        assert counts == observed[slice_.name]


def test_changes_have_the_units_of_the_paper(place: Workspace, found: Ads, etsyml: Etsyml) -> None:
    for slice_ in found.table:
        baseline, *others = slice_.rows
        assert baseline.variant == "baseline" and [one.change for one in baseline.figures] == [None] * 4
        assert [row.variant for row in others[:3]] == ["historical", "content", "ensemble"]
        for row in others:
            for one, reference in zip(row.figures, baseline.figures, strict=True):
                if one.metric == "calibration":
                    assert one.change is None
                    continue
                unit = reference.value / 100 if one.metric == "auc" else 1e-3
                assert one.change is not None
                assert one.change.value == pytest.approx((one.value - reference.value) / unit, abs=1e-9)
                if slice_.events < 20:
                    assert one.change.low is None and one.change.high is None
                else:
                    assert one.change.low <= one.change.value <= one.change.high


def test_the_area_under_the_roc_curve_is_the_auc(found: Ads) -> None:
    [mixed] = [slice_ for slice_ in found.table if slice_.name == "mixed"]
    of_variant = {row.variant: row.figures[0].value for row in mixed.rows}
    for series in found.roc.series:
        assert np.trapezoid(series.y, series.x) == pytest.approx(of_variant[series.name], abs=0.01)


def test_the_groups_of_the_calibration_plot_average_to_the_calibration(found: Ads) -> None:
    [mixed] = [slice_ for slice_ in found.table if slice_.name == "mixed"]
    ensemble = next(row for row in mixed.rows if row.variant == "ensemble")
    calibrated = next(series for series in found.reliability.series if series.name == "calibrated")
    ratio = np.mean(calibrated.x) / np.mean(calibrated.y)  # groups of one size
    assert ratio == pytest.approx(ensemble.figures[-1].value, rel=0.02)
    assert calibrated.x == sorted(calibrated.x)
    for low, observed, high in zip(calibrated.low, calibrated.y, calibrated.high, strict=True):
        assert low <= observed <= high
    assert [series.name for series in found.reliability.series] == ["before calibration", "calibrated"]


def test_progressive_losses_are_those_of_training(place: Workspace, found: Ads) -> None:
    days = load_json(place.model("ctr"), "metrics.json")["progressive"]
    for series in found.progressive.series:
        assert series.x == [day["day"] - days[0]["day"] for day in days]
        assert series.y == [day[series.name] / day["impressions"] for day in days]


def test_prices_do_not_exceed_bids(found: Ads) -> None:
    auctions = found.auctions
    assert not isinstance(auctions, Missing)
    bids, prices = auctions.prices.series
    assert all(price <= bid for price, bid in zip(prices.y, bids.y, strict=True))
    scores = [one.bid * one.rate for one in auctions.example]
    assert scores == sorted(scores, reverse=True)
    for one, below in zip(auctions.example, auctions.example[1:], strict=False):
        least = Decimal(repr(below.bid * below.rate / one.rate))
        assert Decimal(repr(one.price)) == min(Decimal(repr(one.bid)), least.quantize(Decimal("0.01"), "ROUND_CEILING"))


def test_features_are_sorted_by_spread() -> None:
    rows = [{"bias": -3.0, "same": 2.0, "a": 1.0}, {"bias": -3.0, "same": 2.0, "a": -1.0}, {"bias": -3.0, "same": 2.0}]
    first, second = by_spread(rows)
    assert (first.name, first.share, first.adds) == ("a", 2 / 3, 0.0)
    assert first.spread == pytest.approx(np.std([1, -1, 0]))
    assert (second.name, second.share, second.adds, second.spread) == ("same", 1.0, 2.0, 0.0)


def test_the_page_shows_the_metrics(place: Workspace, found: Ads) -> None:
    html = page(place, ads=found)
    for slice_ in found.table:
        assert f"{slice_.impressions:,.0f} impressions, {slice_.events:,.0f} clicks" in html
        for row in slice_.rows:
            for one in row.figures:
                assert f"{one.value:.4f}" in html
                if one.change:
                    assert f"{one.change.value:+.2f}" in html
    for feature in found.telling.features:
        assert feature.name.replace("&", "&amp;") in html


def test_a_log_without_bids_or_history_is_reported(tmp_path: Path, etsyml: Etsyml) -> None:
    work = tmp_path / "work"
    log = tmp_path / "log.csv"
    rows = [f"2024-01-{1 + n // 40:02}T00:00:00Z,L{n % N_LISTINGS},{QUERY},{int(n % 3 == 0)}" for n in range(400)]
    log.write_text("\n".join(["created_at,listing_id,query,clicked", *rows]))
    assert etsyml("-w", work, "ingest", "impressions", log).code == 0
    assert etsyml("-w", work, "train", "ctr", "--set", "history=null", "--set", "bits=12").code == 0
    section = ads(Workspace(work))
    assert isinstance(section, Ads)
    assert isinstance(section.by_history, Missing) and isinstance(section.auctions, Missing)
    assert "bid" in section.auctions.what
    html = page(Workspace(work), ads=section)
    assert section.auctions.command in html and "the model has no history features" in html
    assert [series.name for series in section.reliability.series] == ["not calibrated"]
    assert msgspec.json.encode(section)


def test_a_model_without_a_test_set_is_reported(tmp_path: Path, place: Workspace, etsyml: Etsyml) -> None:
    out = tmp_path / "work"
    for table in ("listings", "impressions"):
        (out / "tables").mkdir(parents=True, exist_ok=True)
        (out / f"tables/{table}.parquet").symlink_to(place.table(table))
    trained = etsyml("-w", out, "train", "ctr", "--holdout", "none", "--limit", "3000", "--set", "bits=12")
    assert trained.code == 0
    assert etsyml("-w", out, "report").code == 0
    section = msgspec.json.decode((out / "reports/report.json").read_bytes())["ads"]
    assert section["state"] == "missing" and "--holdout none" in section["what"]
