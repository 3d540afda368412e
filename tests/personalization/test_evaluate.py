"""`evaluate` of a style model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.model import load_tensors, save_ids, save_tensors
from etsyml_cli.io.truth import SCHEMAS
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.store import load_model
from tests.conftest import REPOSITORY
from tests.lda_chain import figures, held_out_pairs, ids, recommend, table_of, train, two_tastes

MARKET = REPOSITORY.parent / "shared/data/market"


@pytest.fixture(scope="module")
def favorites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_of(two_tastes(), tmp_path_factory.mktemp("tables") / "favorites.parquet")


@pytest.fixture(scope="module")
def model(favorites: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "lda"
    train(favorites, out)
    return out


def test_lda_beats_popularity_where_tastes_differ(model: Path, favorites: Path) -> None:
    names = ("recall@10", "ndcg@10", "hit@5", "map", "coverage@5", "perplexity")
    found = figures(model, favorites, *names)
    lists = {(name, variant) for name in names for variant in ("popularity", "lda", "item-knn", "mix")}
    assert set(found) == lists - {("perplexity", "item-knn"), ("perplexity", "mix")}
    for name, variant in sorted(set(found) - {(name, "popularity") for name in names}):
        popularity, lda = found[name, "popularity"], found[name, variant]
        better = -1 if name == "perplexity" else 1
        assert better * (lda.value - popularity.value) > 0
        assert popularity.low <= popularity.value <= popularity.high and lda.low <= lda.value <= lda.high
        assert popularity.against is None and lda.against is not None
        assert lda.against.value == pytest.approx(lda.value - popularity.value)
        assert lda.against.low <= lda.against.value <= lda.against.high
        assert lda.n == (120 if name == "perplexity" else 60)
    assert found["recall@10", "lda"].against.low > 0  # type: ignore[union-attr]


def test_lists_are_evaluated_by_their_listings_too(model: Path, favorites: Path, tmp_path: Path) -> None:
    """Judged by hand from `recommend`; even listings are of one shop, odd ones of another, L00 of none."""
    shops = {f"L{i:02}": "" if i == 0 else f"S{i % 2}" for i in range(40)}
    names = ("longtail@5", "novelty@5", "same_shop@5", "coverage@5", "gini@5")
    found = figures(model, favorites, *names, listings=shops_table(shops, tmp_path))
    loaded = load_model(model)
    counts = dict(zip(loaded.listing_ids, np.bincount(loaded.train.indices, minlength=40).tolist(), strict=True))
    most = max(counts, key=lambda listing: (counts[listing], listing))
    lists, same_shop = [], []
    for user, user_id in enumerate(loaded.user_ids):
        training = {loaded.listing_ids[i] for i in loaded.train.of(user)}
        [listed] = recommend(model=model, users=[user_id], k=40, exclude_seen=False)
        lists.append([listing for listing in ids(listed) if listing not in training][:5])
        known = {shops[listing] for listing in training} - {""}
        same_shop.append(np.mean([shops[listing] in known for listing in lists[-1]]))
    listed_times = sorted(sum(listing in one for one in lists) for listing in counts)
    unequal = sum(abs(x - y) for x in listed_times for y in listed_times) / (2 * 40 * 5 * 60)
    expected = {
        "longtail@5": np.mean([listing != most for one in lists for listing in one]),
        "novelty@5": np.mean([-np.log2(counts[listing] / 60) for one in lists for listing in one]),
        "same_shop@5": np.mean(same_shop),
        "coverage@5": np.mean([times > 0 for times in listed_times]),
        "gini@5": unequal,
    }
    for name in names:
        mix = found[name, "mix"]
        assert mix.value == pytest.approx(expected[name]) and mix.low <= mix.value <= mix.high, name
    assert found["gini@5", "popularity"].value > found["gini@5", "mix"].value


def shops_table(shops: dict[str, str], directory: Path) -> Path:
    source, out = directory / "listings.csv", directory / "listings.parquet"
    rows = (f"{listing},a thing,{shop}\n" for listing, shop in shops.items())
    source.write_text("listing_id,title,shop_id\n" + "".join(rows))
    ingest("listings", [str(source)], out=out, config=IngestConfig())
    return out


def test_without_shops_same_shop_reports_what_is_missing(model: Path, favorites: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="listings table not found"):
        figures(model, favorites, "same_shop@10", listings=tmp_path / "listings.parquet")
    with pytest.raises(DataError, match="none of the favorited listings has a shop_id"):
        figures(model, favorites, "same_shop@10", listings=shops_table({"L01": "", "other": "S"}, tmp_path))


def test_evaluated_lists_are_the_recommended_lists(model: Path, favorites: Path) -> None:
    """Judged by hand from `recommend`, which leaves out the held-out favorites only when it must."""
    loaded, held = load_model(model), held_out_pairs(model)
    recalls = []
    for user, user_id in enumerate(loaded.user_ids):
        training = {loaded.listing_ids[i] for i in loaded.train.of(user)}
        [listed] = recommend(model=model, users=[user_id], k=40, exclude_seen=False)
        judged = [listing for listing in ids(listed) if listing not in training][:5]
        own = {listing for name, listing in held if name == user_id}
        recalls.append(len(own & set(judged)) / len(own))
    assert figures(model, favorites, "recall@5")["recall@5", "mix"].value == pytest.approx(np.mean(recalls))


def test_popularitys_perplexity_is_that_of_the_unigram_over_listings_with_training_favorites(
    model: Path, favorites: Path
) -> None:
    loaded = load_model(model)
    counts = np.bincount(loaded.train.indices, minlength=40)
    held = counts[loaded.test.indices]
    expected = np.exp(-np.log(held[held > 0] / counts.sum()).mean())
    found = figures(model, favorites, "perplexity")["perplexity", "popularity"]
    assert found.value == pytest.approx(expected, rel=1e-6) and found.n == (held > 0).sum()


def test_users_without_training_favorites_are_evaluated_by_the_popular_listings(
    favorites: Path, tmp_path: Path
) -> None:
    everything = "".join(f"{user},{listing}\n" for user, listing, _ in two_tastes() if user == "U4")
    (tmp_path / "test.csv").write_text("user_id,listing_id\n" + everything)
    train(favorites, tmp_path / "lda", str(tmp_path / "test.csv"))
    found = figures(tmp_path / "lda", favorites, "recall@20")
    assert found["recall@20", "lda"].value == found["recall@20", "popularity"].value
    [listed] = recommend(model=tmp_path / "lda", users=["U4"], k=5)
    assert listed["fallback"]


def test_planted_styles_are_compared_by_id(model: Path, favorites: Path, tmp_path: Path) -> None:
    listing_ids = [*(f"L{i:02}" for i in range(39, -1, -1)), "unseen"]
    beta = [[float("L00" <= i <= "L19") / 20, float("L20" <= i <= "L39") / 20] for i in listing_ids]
    (tmp_path / "truth").mkdir()
    truth = pa.table({"listing_id": listing_ids, "probabilities": beta}, schema=SCHEMAS["styles"])
    pq.write_table(truth, tmp_path / "truth/styles.parquet")
    found = figures(model, favorites, "style_cosine", truth=tmp_path)["style_cosine", "lda"]
    assert found.value > 0.8 and found.n == 2


def test_without_a_test_set_evaluation_fails(favorites: Path, tmp_path: Path) -> None:
    train(favorites, tmp_path / "lda", "none")
    with pytest.raises(DataError, match="lda: trained with --holdout none") as caught:
        figures(tmp_path / "lda", favorites, "recall@5")
    assert caught.value.hint == "Train without it."


def test_too_few_favorites_per_user_are_reported(tmp_path: Path) -> None:
    few = table_of([row for row in two_tastes() if row[2] < "2014-05-04"], tmp_path / "f.parquet")
    train(few, tmp_path / "lda")
    with pytest.raises(DataError, match="lda: no held-out favorites, because no user has 5 favorites") as caught:
        figures(tmp_path / "lda", few, "recall@5")
    assert "none" not in str(caught.value.hint)


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("nobody,L01", "0 of 1 user_id values of test.csv are in favorites: test.csv has 'nobody'"),
        ("U1,L01 ", "0 of 1 listing_id values of test.csv are in favorites: test.csv has 'L01 ', favorites has 'L01'"),
        ("U0,L39", "none of its 1 pairs is in the favorites table"),  # the user and the listing are, the pair is not
    ],
)
def test_a_file_of_no_favorite_cannot_be_held_out(favorites: Path, tmp_path: Path, pair: str, problem: str) -> None:
    (tmp_path / "test.csv").write_text(f"user_id,listing_id\n{pair}\n")
    with pytest.raises(DataError, match=problem):
        train(favorites, tmp_path / "lda", str(tmp_path / "test.csv"))
    assert not (tmp_path / "lda").exists()


def test_other_favorites_than_the_trained_ones_are_refused(model: Path, tmp_path: Path) -> None:
    other = table_of(two_tastes(8), tmp_path / "f.parquet")
    with pytest.raises(InputError, match=r"f\.parquet: not the favorites"):
        figures(model, other, "recall@5")


@pytest.mark.parametrize("tensor", ["theta", "known", "train.indptr"])
def test_a_model_without_a_tensor_is_reported(model: Path, tmp_path: Path, tensor: str) -> None:
    damaged = shutil.copytree(model, tmp_path / "lda")
    tensors = load_tensors(damaged)
    del tensors[tensor]
    save_tensors(damaged, tensors)
    with pytest.raises(InputError, match=f"no tensor '{tensor}'") as caught:
        load_model(damaged)
    assert str(damaged) in caught.value.message and caught.value.hint == "Train the model again with --force."


@pytest.mark.parametrize("name", ["users", "listings", "titles"])
def test_a_model_with_too_few_ids_is_reported(model: Path, tmp_path: Path, name: str) -> None:
    damaged = shutil.copytree(model, tmp_path / "lda")
    save_ids(damaged, name, ["one"])
    with pytest.raises(InputError, match=str(damaged)) as caught:
        load_model(damaged)
    assert caught.value.hint == "Train the model again with --force."


def test_the_markets_favorites_are_predicted_better_than_by_popularity(tmp_path: Path) -> None:
    if not MARKET.is_dir():
        pytest.skip(f"needs {MARKET}")
    table, out = tmp_path / "favorites.parquet", tmp_path / "lda"
    ingest("favorites", [str(MARKET / "favorites.csv.gz")], out=table, config=IngestConfig())
    train(table, out, str(MARKET / "favorites_test.csv.gz"), config=LdaConfig())
    found = figures(out, table, "recall@20", "perplexity")
    assert found["recall@20", "lda"].value > 1.4 * found["recall@20", "popularity"].value
    assert found["perplexity", "lda"].against.high < 0  # type: ignore[union-attr]
