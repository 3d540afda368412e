"""The table of figures that a person sees."""

from __future__ import annotations

import pytest

from etsyml_cli.cli.click_table import draw_click_figures
from etsyml_cli.cli.commands.evaluate import draw_measurements
from etsyml_cli.metrics.measurement import Difference, Measurement, Observed, Spread

VARIANTS = ("shown", "random", "bm25", "text", "image", "multimodal", "permuted")


def measured(name: str, variant: str, slice_: str) -> Measurement:
    against = Difference(baseline="text", value=-0.4401, low=-0.4451, high=-0.4349, p_value=1.0, gained=1028, lost=1120)
    return Measurement(
        name=name,
        variant=variant,
        slice=slice_,
        value=0.5004,
        low=0.49534,
        high=0.50518,
        n=2353,
        against=None if variant == "text" else against,
    )


@pytest.mark.parametrize("variants", [VARIANTS, VARIANTS[:2]], ids=["seven", "two"])
def test_figures_of_thousands_of_pages_fit_in_80_columns(
    variants: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    kinds = [("pair_accuracy", "all"), ("pair_accuracy", "unseen"), ("ndcg(gains=exp)@10", "all")]
    draw_measurements("ltr", [measured(name, variant, slice_) for name, slice_ in kinds for variant in variants])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    figures = " ".join(lines).split()
    of_all, of_differences = len(kinds) * len(variants), len(kinds) * len(set(variants) - {"text"})
    for whole in (".5004", ".495….505"):
        assert figures.count(whole) == of_all
    for whole in ("-.4401", "-.445…-.435", "1.0000", "1028/1120"):
        assert figures.count(whole) == of_differences
    first_column = [line[1:9].strip() for line in lines if line[1:9].strip()]
    assert first_column[-5:] == ["ndcg@10", "gains=", "exp", "all", "n 2,353"]
    assert [label for label in first_column if label in ("accuracy", "unseen")] == ["accuracy"] * 2 + ["unseen"]


def of_clicks(name: str, slice_: str, variant: str) -> Measurement:
    against = Difference(baseline="baseline", value=-0.0123, low=-0.0235, high=-0.0101)
    return Measurement(
        name=name,
        variant=variant,
        slice=slice_,
        value=0.5 if variant == "baseline" else 0.4877,
        low=0.47534,
        high=0.50518,
        n=1_234_567,
        against=None if variant == "baseline" else against,
        observed=Observed(impressions=1_234_567, events=98_765, entropy=0.32508),
        days=Spread(mean=0.48765, sd=0.01234, values={"2024-03-01": 0.48765}),
    )


def test_click_models_differ_in_percent_of_the_auc_and_thousandths_of_the_losses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    kinds = [(slice_, name) for slice_ in ("mixed", "cold") for name in ("auc", "ne", "calibration")]
    variants = ("baseline", "historical", "content", "ensemble")
    draw_click_figures([of_clicks(name, slice_, variant) for slice_, name in kinds for variant in variants])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    auc, ne, calibration = "\n".join(lines).split("ctr, ")[1:]
    of_days = ".4876  .0123"
    for table, title, differences in [
        (auc, "AUC, differences in % of baseline", ".4877  .475….505  -2.46  -4.70…-2.02"),
        (ne, "normalized entropy, differences to baseline × 10³", ".4877  .475….505  -12.30   -24…-10"),
        (calibration, "calibration: predicted over observed", ".4877  .475….505"),
    ]:
        rows = [row for row in table.splitlines() if row]
        assert rows[0] == title
        assert [row for row in rows if row.endswith(f"ensemble    {differences}  {of_days}")] == [rows[-5], rows[-1]]
        assert [row[:16].strip() for row in rows[-4:]] == [
            "cold",
            "n 1,234,567",
            "events 98,765",
            "entropy .3251",
        ]


def test_a_table_shows_why_there_is_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    note = "no interval: 7 events, fewer than 20"
    observed = Observed(impressions=90, events=7, entropy=0.3)
    few = [
        Measurement(name="auc", variant=variant, value=0.6, low=None, high=None, n=90, note=note, observed=observed)
        for variant in ("baseline", "content")
    ]
    for draw in (draw_click_figures, lambda figures: draw_measurements("ltr", figures)):
        draw(few)
        out = capsys.readouterr().out
        assert out.count(note) == 1
        assert ".6000" in out and "…" not in out
