"""The pairwise ranker: its objective is the talk's Algorithm 2 with every pair written out, and it finds planted weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

from etsyml_cli.core.errors import DataError
from etsyml_cli.metrics.definitions.ndcg import ndcg
from etsyml_cli.metrics.ranking import rank_pages
from etsyml_cli.search.model import blocks as blocks_module
from etsyml_cli.search.model.blocks import ListingPhotos, Rows
from etsyml_cli.search.model.choose import choose_l2
from etsyml_cli.search.model.fit import Objective, fit, loss_of
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.search.model.score import score, take, variants_of
from tests.conftest import REPOSITORY
from tests.ltr_logs import BLOCKS, log_of, planted

EXAMPLE = REPOSITORY.parent / "shared/data/lightgbm-rank"


def pairwise_instances(d, levels, offsets, rng):
    """Algorithm 2: for each page, (x, y) with x = d+ - d- and y = 1, or both turned round by the flip of a coin."""
    instances = []
    for start, end in pairwise(offsets):
        of_page = []
        for better in range(start, end):
            for worse in range(start, end):
                if levels[better] > levels[worse]:
                    sign = 1 if rng.random() > 0.5 else -1
                    of_page.append((sign * (d[better] - d[worse]), sign))
        instances.append(of_page)
    return instances


def reference(w, d, levels, offsets, seed=0):
    """Logistic loss and gradient over stored instances; a page's instances share the weight 1, pages have equal weight."""
    pages = [page for page in pairwise_instances(d, levels, offsets, np.random.default_rng(seed)) if page]
    loss, gradient = 0.0, np.zeros(len(w))
    for page in pages:
        for x, y in page:
            loss += np.logaddexp(0, -y * (w @ x)) / len(page) / len(pages)
            gradient += -y * x * np.exp(-np.logaddexp(0, y * (w @ x))) / len(page) / len(pages)
    return loss, gradient


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_equals_its_dense_matrix(monkeypatch, name):
    monkeypatch.setattr(blocks_module, "ROWS_AT_ONCE", 3)
    rng = np.random.default_rng(6)
    log = log_of([9, 4, 8], rng)
    block, dense = log.blocks[name], log.dense[name]
    w, c = rng.normal(size=block.width), rng.normal(size=len(dense))
    assert block.width == dense.shape[1]
    np.testing.assert_allclose(block.scores(w), dense @ w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(block.sums(c), dense.T @ c, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(block.matrix().toarray(), dense, rtol=1e-6, atol=1e-7)
    columns, values = block.addends(c)
    np.testing.assert_allclose(np.bincount(columns, values, block.width), dense.T @ c, rtol=1e-5, atol=1e-6)
    for rows in (np.array([20, 3, 3, 0]), rng.random(21) > 0.5):
        np.testing.assert_allclose(block.take(rows).matrix().toarray(), dense[rows], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(block.take(rows).scores(w), dense[rows] @ w, rtol=1e-5, atol=1e-6)


def test_photos_may_be_a_memory_map_of_half_precision(tmp_path):
    rows = np.random.default_rng(2).random((6, 4)).astype(np.float16)
    np.save(tmp_path / "features.npy", rows)
    block = ListingPhotos(
        np.load(tmp_path / "features.npy", mmap_mode="r"), np.array([5, -1, 0]), np.array([0, 1, 2, 0])
    )
    w = np.array([1.0, -2, 3, 4, 0.5])
    unit = rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    of_listing = [unit[5] @ w[:4] + 0.5, 0, unit[0] @ w[:4] + 0.5]
    np.testing.assert_allclose(block.scores(w), [*of_listing, of_listing[0]], rtol=1e-5)


def test_a_photo_of_zeros_and_a_catalog_without_photos_are_scored():
    two = np.arange(2)
    block = ListingPhotos(np.zeros((1, 4), np.float32), np.array([0, -1]), two)
    assert block.scores(np.ones(5)).tolist() == [1, 0]  # there is a photo, that is all
    none = ListingPhotos(np.zeros((0, 4), np.float32), np.array([-1, -1]), two)
    assert none.scores(np.ones(5)).tolist() == [0, 0]


def test_the_objective_equals_the_reference_over_all_blocks():
    rng = np.random.default_rng(1)
    log = log_of([5, 1, 7, 4], rng)
    weights = {name: rng.normal(size=log.blocks[name].width) for name in BLOCKS}
    l2 = dict(zip(BLOCKS, [0.1, 0.2, 0.3, 0.4, 0.5], strict=False))
    loss, gradient = loss_of(weights, log.pages, log.blocks, l2, Objective())
    d, w = np.hstack([log.dense[name] for name in BLOCKS]), np.concatenate([*weights.values()])
    penalty = np.concatenate([np.full(len(weights[name]), l2[name]) for name in BLOCKS])
    expected_loss, expected_gradient = reference(w, d, log.pages.level, log.pages.offsets)
    assert loss == pytest.approx(expected_loss + 0.5 * (penalty * w) @ w, rel=1e-5)
    np.testing.assert_allclose(np.concatenate([*gradient.values()]), expected_gradient + penalty * w, atol=1e-5)


def fitted(pages, x, l2=1e-4, **objective):
    start = {"features": np.zeros(x.shape[1])}
    settings = Objective(**{"max_iterations": 200} | objective)
    return fit(pages, {"features": Rows(x)}, {"features": l2}, settings, start=start)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_planted_weights_are_recovered(loss):
    pages, x, truth = planted(7)
    found = fitted(pages, x, loss=loss)
    w = found.weights["features"]
    assert w @ truth / np.linalg.norm(w) / np.linalg.norm(truth) > 0.99
    assert found.settled


def test_l1_keeps_what_matters_and_makes_exact_zeros_of_the_rest():
    pages, x, truth = planted(7)
    found = fitted(pages, x, l1=0.02)
    assert (found.weights["features"] != 0).tolist() == (truth != 0).tolist()
    plain = fitted(pages, x, l1=1e-9)
    np.testing.assert_allclose(plain.weights["features"], fitted(pages, x).weights["features"], atol=1e-2)


def test_the_optimum_under_l1_meets_its_conditions():
    """|gradient| <= l1 if a weight is 0, gradient = -l1 * sign otherwise."""
    pages, x, _ = planted(4, n_pages=200)
    w = fitted(pages, x, l1=0.02, max_iterations=1000).weights
    _, gradient = loss_of(w, pages, {"features": Rows(x)}, {"features": 1e-4}, Objective())
    g, w = gradient["features"], w["features"]
    assert np.all(np.abs(g[w == 0]) <= 0.02 + 1e-4)
    np.testing.assert_allclose(g[w != 0], -0.02 * np.sign(w[w != 0]), atol=1e-4)


def test_the_order_of_pages_and_of_rows_in_a_page_does_not_matter():
    pages, x, _ = planted(3, n_pages=60)
    rng = np.random.default_rng(0)
    rows = np.concatenate([q * 8 + rng.permutation(8) for q in rng.permutation(60)])
    shuffled = Pages(pages.level[rows], pages.position[rows], pages.weight[rows], pages.offsets)
    one, other = fitted(pages, x, 1e-2), fitted(shuffled, x[rows], 1e-2)
    np.testing.assert_allclose(other.weights["features"], one.weights["features"], atol=1e-4)


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="LightGBM's ranking example is not beside the checkout")
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_lightgbms_ranking_example_comes_out_as_with_other_linear_solvers(loss):
    """All linear pairwise solvers reach an nDCG@10 (exponential gain) of .71 to .73 there, a random order .58."""
    pages, x = {}, {}
    for part in ("train", "test"):
        features, levels = load_svmlight_file(str(EXAMPLE / f"rank.{part}.gz"), n_features=301)
        sizes = np.loadtxt(EXAMPLE / f"rank.{part}.query", dtype=int)
        n = len(levels)
        pages[part] = Pages(levels.astype(np.int8), np.arange(n), np.ones(n), np.cumsum([0, *sizes]))
        x[part] = features.tocsr()
    weights = fitted(pages["train"], x["train"], 1e-2, loss=loss, max_iterations=100).weights
    scores = score(weights, {"features": Rows(x["test"])})
    ranked = rank_pages(scores, pages["test"].level.astype(float), pages["test"].offsets, np.arange(len(scores)))
    assert 0.71 < ndcg(ranked, 10, gains="exp")[ranked.has_relevant()].mean() < 0.73


def test_a_feature_that_is_not_finite_is_refused():
    pages, x, _ = planted(3, n_pages=20)
    x[0, 0] = np.nan
    with pytest.raises(DataError, match="not a finite number"):
        fitted(pages, x)


def test_the_walk_over_the_grid_finds_the_best_of_each_block_and_keeps_the_strongest_of_equals():
    log = log_of([5, 6, 7, 4], np.random.default_rng(5))
    names, grid = ("overlap", "text", "image"), (1e-3, 1e-1, 1e-2)
    best, _ = choose_l2(log.pages, log.blocks, names, grid, Objective(max_iterations=2), lambda _: 0.5)
    assert best.l2 == {"overlap": 1e-6, "text": 1e-1, "image": 1e-1}

    def small_image(weights):
        return float(np.abs(weights["image"]).sum() - np.abs(weights["text"]).sum())

    best, tried = choose_l2(log.pages, log.blocks, names, grid, Objective(), small_image)
    assert (best.l2["text"], best.l2["image"]) == (1e-1, 1e-3)
    assert best in tried and best.value == max(one.value for one in tried)


def test_variants_use_the_blocks_that_are_there():
    assert variants_of(["text", "overlap"]) == {"text": ("overlap", "text")}
    assert variants_of(["text", "image"])["multimodal"] == ("text", "image")
    assert variants_of(["features"]) == {"features": ("features",)}
    assert set(take({"features": Rows(np.ones((3, 1)))}, np.array([0]))) == {"features"}
