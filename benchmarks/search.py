"""Search: quality on the market data with its true grades, and the cost of training over all pairs.

The cost is compared with other solvers. `python -m benchmarks search` needs the data sets next to the checkout; it
extracts 6,000 photos and trains, for minutes.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit
from scipy import sparse
from sklearn.svm import LinearSVC

from benchmarks.measure import etsyml, require
from benchmarks.photo_folders import REPOSITORY
from etsyml_cli.metrics.definitions.ndcg import ndcg
from etsyml_cli.metrics.ranking import byte_order, rank_pages
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.model.blocks import Rows
from etsyml_cli.search.model.choose import with_pairs
from etsyml_cli.search.model.descent import descend
from etsyml_cli.search.model.fit import Fitted, Objective, fit
from etsyml_cli.search.model.pairs import Pages, iterate_pairs
from etsyml_cli.search.model.score import take
from etsyml_cli.search.prepare import Inputs, load_training_data
from etsyml_cli.search.svmlight import read_svmlight
from etsyml_cli.search.svmlight_ranker import pages_of

SHARED = REPOSITORY.parent / "shared/data"
MARKET, EXAMPLE = SHARED / "market", SHARED / "lightgbm-rank"
METRICS = ("ndcg(gains=exp)@10", "pair_accuracy")


def main() -> None:
    require(MARKET)
    require(EXAMPLE)
    example()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch) / "work"
        market_quality(workspace)
        market_training(workspace)


def example() -> None:
    """LightGBM's ranking example, nDCG@10 with exponential gains."""
    print("lightgbm-rank: CPU seconds of training, nDCG@10 (exp) on the test file")
    train, test = (
        read_svmlight(EXAMPLE / f"rank.{part}.gz", EXAMPLE / f"rank.{part}.query", n_features=301)
        for part in ("train", "test")
    )
    pages, of_test = pages_of(train, EXAMPLE), pages_of(test, EXAMPLE)
    compare(pages, train.features, lambda w: _ndcg(np.asarray(test.features @ w), of_test, exponential=True), l2=1e-2)


def market_quality(workspace: Path) -> None:
    """The whole chain of commands, evaluated with the true grades and with clicks."""
    for table, file in (("listings", "listings.csv"), ("searches", "searches.csv.gz")):
        root = ["--image-root", str(MARKET)] if table == "listings" else []
        _run("ingest", table, str(MARKET / file), *root, workspace=workspace)
    for command in (["extract-images"], ["train", "ltr"]):
        _run(*command, workspace=workspace)
    asked = [word for metric in METRICS for word in ("--metric", metric)]
    print("\nmarket, days 25-30 against the true grades:")
    print(
        _run("evaluate", "--model", "ltr", *asked, "--qrels", str(MARKET / "search_qrels.txt.gz"), workspace=workspace)
    )
    print("against clicks:")
    print(_run("evaluate", "--model", "ltr", "--metric", "ndcg@10", workspace=workspace))


def market_training(workspace: Path) -> None:
    """Fit the text ranker on the market data, with fixed strengths."""
    print("market, text ranker: CPU seconds of training, nDCG@10 of clicks on the last 10% of the training days")
    tables = {name: workspace / "tables" / f"{name}.parquet" for name in ("listings", "searches")}
    ready = load_training_data(Inputs(**tables, images=None, config=LtrConfig(), seed=0))
    train, last = ready.part == 0, ready.part == 1
    pages, blocks = with_pairs(ready.pages.take(train), take(ready.blocks, ready.pages.rows(train)), Objective())
    strengths = {"overlap": 1e-6, "text": 3e-3, "word_crosses": 3e-5}
    # a block's l2 as a scale of its features, so that solvers with one strength minimize the same objective
    names = list(strengths)
    x = sparse.hstack([blocks[n].matrix() * (3e-5 / strengths[n]) ** 0.5 for n in names], format="csr")
    rows = ready.pages.rows(last)
    held = sparse.hstack(
        [ready.blocks[n].take(rows).matrix() * (3e-5 / strengths[n]) ** 0.5 for n in names], format="csr"
    )
    compare(pages, x, lambda w: _ndcg(np.asarray(held @ w), ready.pages.take(last)), l2=3e-5)


def compare(pages: Pages, x: sparse.csr_matrix, ndcg_of: Callable[[np.ndarray], float], l2: float) -> None:
    """All pairs by L-BFGS and by descent, LinearSVC on stored differences, single pairs, on the same features."""
    width = x.shape[1]
    better, worse = (np.concatenate(part) for part in zip(*iterate_pairs(pages), strict=True))
    _descend(x.indptr, x.indices, x.data, better[:9], worse[:9], width, 9, l2, 0.1, 0)  # compiles before the timing

    def ours(solve: Callable[..., Fitted]) -> Callable[[], np.ndarray]:
        start, blocks, strength = {"features": np.zeros(width)}, {"features": Rows(x)}, {"features": l2}
        return lambda: solve(pages, blocks, strength, Objective(), start=start).weights["features"]

    def stored() -> np.ndarray:
        sign = np.where(np.arange(len(better)) % 2, 1, -1)
        differences = sparse.diags_array(sign.astype(float)) @ (x[better] - x[worse])
        return LinearSVC(C=1 / (l2 * len(better)), fit_intercept=False, max_iter=1000).fit(differences, sign).coef_[0]

    def one_pair() -> np.ndarray:
        steps = 20 * len(better)
        return _descend(x.indptr, x.indices, x.data, better, worse, width, steps, l2, 0.5, 0)

    trainers = {
        "L-BFGS": ours(fit),
        "descent": ours(descend),
        "LinearSVC, stored": stored,
        "one pair at a time": one_pair,
    }
    for name in ("L-BFGS", "descent"):
        trainers[name]()
    base = 0.0
    for name, train in trainers.items():
        started = time.process_time()
        w = train()
        cost = time.process_time() - started
        base = base or cost
        print(f"  {name:<20}{cost:8.2f} s  ({cost / base:6.1f} x)  {ndcg_of(w):.4f}", flush=True)


def _ndcg(scores: np.ndarray, pages: Pages, *, exponential: bool = False) -> float:
    order = byte_order([str(row) for row in range(len(scores))])
    ranked = rank_pages(scores, pages.level.astype(float), pages.offsets, order)
    return float(ndcg(ranked, 10, gains="exp" if exponential else "linear")[ranked.has_relevant()].mean())


@njit(cache=True)
def _descend(indptr, indices, data, better, worse, width, steps, l2, eta, seed):  # type: ignore[no-untyped-def]
    """Stochastic pairwise descent (Sculley, 2009) with the logistic loss; L2 by a scale (Pegasos)."""
    np.random.seed(seed)  # noqa: NPY002  numba's own
    w, scale = np.zeros(width), 1.0
    for t in range(1, steps + 1):
        p = np.random.randint(len(better))  # noqa: NPY002
        i, j = better[p], worse[p]
        margin = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            margin += w[indices[k]] * data[k]
        for k in range(indptr[j], indptr[j + 1]):
            margin -= w[indices[k]] * data[k]
        rate = eta / (1 + l2 * eta * t)
        pull = rate / (1 + np.exp(min(margin * scale, 30.0)))
        scale *= 1 - rate * l2
        for k in range(indptr[i], indptr[i + 1]):
            w[indices[k]] += pull * data[k] / scale
        for k in range(indptr[j], indptr[j + 1]):
            w[indices[k]] -= pull * data[k] / scale
    return w * scale


def _run(*command: str, workspace: Path) -> str:
    line = etsyml("-w", str(workspace), *command)
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
