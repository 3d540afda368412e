"""The baseline of click models against a slow reference: FTRL by dictionaries, its rate chosen on the last days."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.ads import baseline as ctr_baseline
from etsyml_cli.ads.baseline import ALPHAS, baseline_rates
from etsyml_cli.ads.config import AdHistory, CtrConfig
from etsyml_cli.ads.log.log import open_log
from etsyml_cli.ads.split import split_days
from etsyml_cli.core.rng import generator
from etsyml_cli.io.tables import read_table
from tests.ads.test_train import ADS_A_DAY, LISTINGS, draw_log, write_table

IDS = ("listing_id", "shop_id", "position")
SHOPS = {listing["listing_id"]: f"S{i % 7}" for i, listing in enumerate(LISTINGS)}
BASE_RATE = 0.2
SELECTION_DAYS = 2


class SlowModel:
    """Algorithm 1 of McMahan et al. (KDD'13), one weight per name, with a bias that starts at the base rate."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.z: dict[str, float] = defaultdict(float)
        self.n: dict[str, float] = defaultdict(float)
        self.z["bias"] = -np.log(BASE_RATE / (1 - BASE_RATE)) / alpha

    def weight(self, name: str) -> float:
        return -self.z[name] * self.alpha / (1 + np.sqrt(self.n[name]))

    def predict(self, names: list[str]) -> float:
        return 1 / (1 + np.exp(-sum(map(self.weight, names))))

    def learn(self, names: list[str], clicked: int) -> float:
        p = self.predict(names)
        for name, w in [(name, self.weight(name)) for name in names]:
            sigma = (np.sqrt(self.n[name] + (p - clicked) ** 2) - np.sqrt(self.n[name])) / self.alpha
            self.z[name] += (p - clicked) - sigma * w
            self.n[name] += (p - clicked) ** 2
        return -np.log(p if clicked else 1 - p)


def names_of(row: dict) -> list[str]:
    return ["bias", f"ad {row['listing_id']}", f"shop {SHOPS[row['listing_id']]}", f"position {row['position']}"]


def slow_baseline(log: list[dict], test_from: int) -> tuple[float, list[float]]:
    """The chosen alpha and the model's predictions for the rows from `test_from` on."""
    learned, tested = log[:test_from], log[test_from:]
    losses, rates = {}, {}
    for alpha in ALPHAS:
        model = SlowModel(alpha)
        of_rows = [model.learn(names_of(row), row["clicked"]) for row in learned]
        losses[alpha] = sum(of_rows[-SELECTION_DAYS * ADS_A_DAY :])
        rates[alpha] = [model.predict(names_of(row)) for row in tested]
    best = min(losses, key=lambda alpha: losses[alpha])
    return best, rates[best]


def with_noise_from(day: int, log: list[dict]) -> list[dict]:
    """From this day on ids say nothing about clicks."""
    rng = generator(3, "labels")
    start = day * ADS_A_DAY
    return [*log[:start], *({**row, "clicked": int(rng.random() < BASE_RATE)} for row in log[start:])]


@pytest.mark.parametrize(("noise_from", "alpha"), [(8, 0.5), (4, 0.02)])
def test_the_baseline_is_the_best_of_five_rates_on_the_last_training_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise_from: int, alpha: float
) -> None:
    monkeypatch.setattr(ctr_baseline, "SELECTION_DAYS", SELECTION_DAYS)
    log = with_noise_from(noise_from, draw_log())
    listings = [{**listing, "shop_id": SHOPS[listing["listing_id"]]} for listing in LISTINGS]
    shops = write_table("listings", listings, tmp_path / "listings.parquet")
    opened = open_log(write_table("impressions", log, tmp_path / "log.parquet"), None)
    config = CtrConfig(bits=20, history=AdHistory(categorical=IDS))
    found = baseline_rates(opened, read_table(shops, "listings"), config, split_days(opened.days(), None), BASE_RATE)
    best, expected = slow_baseline(log, 7 * ADS_A_DAY)
    assert best == alpha
    assert found == pytest.approx(expected, abs=1e-9)


def test_without_ids_it_is_the_base_rate(tmp_path: Path) -> None:
    opened = open_log(write_table("impressions", draw_log(), tmp_path / "log.parquet"), None)
    config = CtrConfig(bits=12, history=AdHistory(categorical=()))
    found = baseline_rates(opened, None, config, split_days(opened.days(), None), BASE_RATE)
    assert found.tolist() == [BASE_RATE] * ADS_A_DAY
