"""The table of figures that a person sees."""

from __future__ import annotations

import pytest

from etsyml_cli.cli.evaluate import draw_measurements
from etsyml_cli.metrics.measurement import Difference, Measurement

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
