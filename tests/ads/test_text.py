"""The words of a click model: the form of a text makes no difference, and the decision on plurals is the model's."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from etsyml_cli.ads.config import AdFeatures, CtrConfig
from etsyml_cli.ads.prepare import Inputs
from etsyml_cli.ads.train import train_ctr
from etsyml_cli.core.errors import InputError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.artifact import MANIFEST, read_manifest, to_json
from etsyml_cli.io.model import load_config, load_tensors
from tests.ads.test_train import write_table

CONFIG = CtrConfig(bits=12, features=AdFeatures(text_svd=("title",)), svd_dim=2)
TITLES = {
    "english": ["The lovely mugs with flowers", "A plain mug of glass", "Two bowls from Kaunas", "Red cups and plates"],
    "none": [
        "Schöne Tassen mit Blüten",
        "Schlichte Tasse aus Glas",
        "Zwei Schalen für Gäste",
        "Rote Becher und Teller",
    ],
}
QUERIES = {"english": ["mugs for the garden", "red cups"], "none": ["Tassen für Gäste", "Becher aus Glas"]}


def make_shop(root: Path, language: str, form: str = "NFC") -> Path:
    rng = generator(7, "ads")
    titles, queries = ([unicodedata.normalize(form, t) for t in texts[language]] for texts in (TITLES, QUERIES))
    listings = [{"listing_id": f"L{i}", "title": titles[i % 4]} for i in range(12)]
    impressions = [
        {
            "created_at": datetime(2024, 3, 1 + i // 50, tzinfo=UTC) + timedelta(seconds=i),
            "listing_id": f"L{rng.integers(12)}",
            "query": queries[int(rng.integers(2))],
            "clicked": int(rng.random() < 0.3),
        }
        for i in range(250)
    ]
    root.mkdir()
    write_table("listings", listings, root / "listings.parquet")
    write_table("impressions", impressions, root / "impressions.parquet")
    return root


def train(root: Path, name: str, *, listings: bool = True, config: CtrConfig = CONFIG, **options) -> Path:
    inputs = Inputs(
        log=root / "impressions.parquet",
        listings=root / "listings.parquet" if listings else None,
        config=config,
        **options,
    )
    train_ctr(inputs, out=root / name)
    return root / name


@pytest.mark.parametrize("language", TITLES)
def test_auto_is_decided_by_the_titles_or_else_by_the_texts_of_the_log(tmp_path: Path, language: str) -> None:
    root = make_shop(tmp_path / "shop", language)
    without = msgspec.structs.replace(CONFIG, features=AdFeatures())
    for model in (train(root, "both"), train(root, "log", listings=False, config=without)):
        assert load_config(model, CtrConfig).plurals == language
    other = {"english": "none", "none": "english"}[language]
    chosen = train(root, "chosen", config=msgspec.structs.replace(CONFIG, plurals=other))
    assert load_config(chosen, CtrConfig).plurals == other


def test_both_unicode_forms_of_the_tables_give_the_same_content_model(tmp_path: Path) -> None:
    models = [train(make_shop(tmp_path / form, "none", form), "model") for form in ("NFC", "NFD")]
    composed, decomposed = map(load_tensors, models)
    for name in ("content.slots", "content.zn", "words.idf"):
        assert composed[name].tobytes() == decomposed[name].tobytes()


def test_a_model_with_older_words_must_be_trained_again(tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop", "english")
    model = train(root, "model", holdout="none")
    manifest = read_manifest(model)
    plan = msgspec.structs.replace(manifest.plan, format_version=1)
    (model / MANIFEST).write_bytes(to_json(msgspec.structs.replace(manifest, plan=plan)))
    with pytest.raises(InputError, match="format version 1") as caught:
        train(root, "next", warm_start=model)
    assert caught.value.hint == "Make it again with: etsyml train ctr"
    train(root, "model", holdout="none")
    assert read_manifest(model).plan.format_version == 2
