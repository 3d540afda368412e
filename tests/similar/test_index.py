"""The index of similar listings: nearly the exact lists, exact scores; stale is ignored, damaged refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import read_manifest
from etsyml_cli.similar import photos as similar_photos
from etsyml_cli.similar.index import index_similar
from tests.conftest import Etsyml
from tests.search.test_train import write_photos, write_table
from tests.similar.test_search import lists

N, WITH_PHOTO, WIDTH, K = 900, 860, 48, 10
WORDS = [f"w{i}" for i in range(60)]


def write_shop(root: Path, seed: int = 1) -> dict[str, Path]:
    rng = np.random.default_rng(seed)
    rows = [
        {"listing_id": f"L{i:03}", "title": " ".join(rng.choice(WORDS, rng.integers(0, 9))), "shop_id": f"S{i % 7}"}
        for i in range(N)
    ]
    rows[5]["shop_id"] = None
    spread = 1 / np.arange(1, WIDTH + 1)  # a few directions hold most, as in photos
    photos = 0.5 + rng.normal(size=(WITH_PHOTO, WIDTH)) * spread
    return {
        "listings": write_table("listings", rows, root / "work/tables/listings.parquet"),
        "images": write_photos(
            [row["listing_id"] for row in rows[:WITH_PHOTO]], photos, root / "work/features/images/tiny"
        ),
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def index(shop: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("index") / "similar"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar_photos, "DIMENSION", 6)  # too few to be exact
        index_similar(**shop, out=out, recall=0.95)
    return out


@pytest.fixture(autouse=True)
def short_sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar_photos, "DIMENSION", 6)


def lists_of(shop: dict[str, Path], **options) -> dict[str, dict[str, float]]:
    found = lists(**shop, **({"k": K} | options))
    return {one.listing_id: {item.id: item.score for item in one.items} for one in found}


@pytest.mark.parametrize("variant", ["text", "image", "multimodal"])
@pytest.mark.parametrize("other_shops", [False, True])
def test_the_index_finds_nearly_the_exact_lists_with_the_same_scores(
    shop: dict[str, Path], index: Path, variant: str, other_shops: bool
) -> None:
    options = {"variant": variant, "other_shops": other_shops}
    exact = lists_of(shop, **options)
    found = lists_of(shop, **options, index=index)
    recall = np.mean([len(exact[name].keys() & found[name].keys()) / K for name in exact])
    assert recall >= (1 if variant == "text" else 0.93)
    for name in exact:
        for other in exact[name].keys() & found[name].keys():
            assert found[name][other] == exact[name][other]
        assert list(found[name].values()) == sorted(found[name].values(), reverse=True)
        if other_shops and name != "L005":
            assert all(other == "L005" or int(other[1:]) % 7 != int(name[1:]) % 7 for other in found[name])


def test_the_measured_recall_is_the_recall_and_the_scan_reaches_no_further_than_it_must(
    shop: dict[str, Path], index: Path
) -> None:
    facts = read_manifest(index).facts
    assert facts["factor"]["image"] > 1
    exact, found = lists_of(shop, variant="image"), lists_of(shop, variant="image", index=index)
    with_photo = list(exact)[:WITH_PHOTO]
    recall = np.mean([len(exact[name].keys() & found[name].keys()) / K for name in with_photo])
    assert facts["recall@10"]["image"] == pytest.approx(recall, abs=0.02)  # 200 lists of 860


def test_a_list_does_not_depend_on_other_queries(shop: dict[str, Path], index: Path) -> None:
    every = lists_of(shop, index=index)
    for name in ("L000", "L500", "L899"):
        assert lists_of(shop, index=index, listing_ids=[name])[name] == every[name]


def test_an_unreachable_recall_is_reported(shop: dict[str, Path], tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("etsyml_cli.similar.index.FACTORS", (1,))
    with caplog.at_level(logging.WARNING, "etsyml"):
        index_similar(**shop, out=tmp_path / "similar", recall=1.0)
    assert "image: the index reaches a recall of 0." in caplog.text


@pytest.mark.parametrize("changed", ["listings", "images", "no images"])
def test_a_stale_index_is_named_and_left_out(
    shop: dict[str, Path], index: Path, tmp_path: Path, caplog, changed: str
) -> None:
    now = shop | ({"images": None} if changed == "no images" else {changed: write_shop(tmp_path, seed=2)[changed]})
    with caplog.at_level(logging.WARNING, "etsyml"):
        found = lists_of(now, index=index, listing_ids=["L001"])
    assert str(index) in caplog.text
    assert "rebuild with: etsyml index similar" in caplog.text
    assert found == lists_of(now, listing_ids=["L001"])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def shorten(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


def point_outside(path: Path) -> None:
    numbers = np.load(path)
    numbers[0] = 10**6
    np.save(path, numbers)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("listings.arrow", cut),
        ("terms.arrow", Path.unlink),
        ("sketches.npy", shorten),
        ("sketches.npy", cut),
        ("words_values.npy", shorten),
        ("words_ptr.npy", point_outside),
        ("words_terms.npy", point_outside),
        ("words_listings.npy", point_outside),
        ("manifest.json", cut),
        ("manifest.json", Path.unlink),
    ],
)
def test_a_damaged_index_is_refused(
    shop: dict[str, Path], tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    index_similar(**shop, out=tmp_path / "similar", recall=0.5)
    damage(tmp_path / "similar" / name)
    with pytest.raises(InputError) as refused:
        lists_of(shop, index=tmp_path / "similar", listing_ids=["L001"])
    assert str(tmp_path / "similar") in refused.value.message
    assert "etsyml index similar" in refused.value.hint or "--force" in refused.value.hint


@pytest.mark.parametrize("variant", ["text", "image", "multimodal"])
def test_the_reasons_for_a_score_add_up_to_it(shop: dict[str, Path], index: Path, variant: str) -> None:
    for place in (None, index):
        (one,) = lists(**shop, listing_ids=["L011"], k=30, variant=variant, explain=True, index=place)
        for item in one.items:
            assert sum(reason.adds for reason in item.why) == pytest.approx(item.score, abs=1e-6)
            words = [reason for reason in item.why if reason.what == "word"]
            assert len(words) <= 5
            assert all(reason.word in item.title.split() for reason in words)
            assert ("photo" in {reason.what for reason in item.why}) == (variant != "text")


@pytest.mark.parametrize(("asked", "meant"), [("l011", "L011"), ("L8999", "L899"), ("011", "L011"), ("xyzzy-9", None)])
def test_an_unknown_id_brings_the_nearest_to_mind(shop: dict[str, Path], asked: str, meant: str | None) -> None:
    with pytest.raises(InputError, match=f"no listing '{asked}'") as refused:
        lists_of(shop, listing_ids=["L001", asked])
    assert refused.value.hint == (f"Did you mean {meant!r}?" if meant else "Check the id (ids are case-sensitive).")


def test_the_commands_index_once_and_then_search_it(tmp_path: Path, etsyml: Etsyml) -> None:
    write_shop(tmp_path)
    work = ["-w", tmp_path / "work"]
    made = json.loads(etsyml(*work, "index", "similar", "--json").out)
    assert (made["kind"], made["up_to_date"]) == ("index:similar", False)
    assert made["rows"] == {"listings": N, "words": len(WORDS), "with_photo": WITH_PHOTO}
    assert json.loads(etsyml(*work, "index", "similar", "--json").out)["up_to_date"]
    ask = [*work, "similar", "--listing", "L011", "--explain", "-k", "4"]
    found, exact = etsyml(*ask), etsyml(*ask, "--exact")
    assert (found.code, found.err) == (0, "")
    scores = [{item["id"]: item["score"] for item in json.loads(ended.out)["items"]} for ended in (found, exact)]
    shared = scores[0].keys() & scores[1].keys()
    assert len(shared) >= 3
    assert all(scores[0][name] == scores[1][name] for name in shared)
    (tmp_path / "work/indexes/similar/terms.arrow").unlink()
    refused = etsyml(*ask)
    assert (refused.code, "index similar --force" in refused.err) == (3, True)
    assert etsyml(*ask, "--exact").code == 0
