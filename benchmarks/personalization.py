"""Styles, lists and the whole chain on Gowalla (LightGCN's split), compared with gensim, tomotopy and implicit.

`python -m benchmarks personalization` needs the data sets next to the checkout and the extra `bench`; it takes minutes.
Perplexity is that of `metrics.recommendation`, recall@20 is over all test users.
"""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gensim
import numpy as np
import pyarrow.csv as pa_csv
import tomotopy
from implicit.cpu.topk import topk
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.measure import cost_of, etsyml, median_cost, require
from benchmarks.photo_folders import REPOSITORY
from etsyml_cli.metrics.definitions.recall import recall
from etsyml_cli.metrics.recommendation import hits_of, log_likelihood
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_cvb0 import fit, passes_over
from etsyml_cli.personalization.model.lda_parameters import LdaParameters
from etsyml_cli.personalization.model.mix import Mix
from etsyml_cli.personalization.model.neighbors import nearest_listings
from etsyml_cli.personalization.model.recommender import Users
from etsyml_cli.personalization.model.top_k import top_listings

GOWALLA = REPOSITORY.parent / "shared/data/gowalla"
K, ETA = 96, 0.02
AT = 20
SOME = 4096  # users whose lists are compared with argpartition's
LIGHTGCN = 0.1824  # recall@20 reported by its README


class Data(NamedTuple):
    counts: sparse.csr_matrix
    train: Favorites
    test: Favorites


def main() -> None:
    require(GOWALLA)
    data = read()
    fit(data.counts[:300], LdaConfig(n_topics=K, passes=2), 0)  # compiles before the timing
    print(f"Gowalla, {K} styles                   CPU-s  wall s  perplexity  recall@{AT}")
    to_reach(data, tuned_gensim(data))
    learned = beside_tomotopy(data)
    lists(data, learned)
    with tempfile.TemporaryDirectory() as scratch:
        chain(Path(scratch))


def read() -> Data:
    pairs = [_columns(GOWALLA / f"{part}.csv.gz") for part in ("train", "test")]
    shape = tuple(1 + max(int(part[side].max()) for part in pairs) for side in (0, 1))
    train, test = (favorites_of(*part, n_users=shape[0]) for part in pairs)
    counts = sparse.csr_matrix((np.ones(len(train.indices)), train.indices, train.indptr), shape)
    return Data(counts, train, test)


def _columns(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = pa_csv.read_csv(path)
    return table["user_id"].to_numpy(), table["item_id"].to_numpy()


def tuned_gensim(data: Data) -> float:
    """The perplexity of gensim with settings tuned for this data."""
    corpus = [[(int(i), 1) for i in data.train.of(user)] for user in range(data.counts.shape[0])]
    names = {i: str(i) for i in range(data.counts.shape[1])}
    tuned = {"alpha": "auto", "eta": 0.1, "offset": 64, "decay": 0.7, "chunksize": 1000, "passes": 5}

    def train() -> gensim.models.LdaModel:
        return gensim.models.LdaModel(corpus, K, names, random_state=1, dtype=np.float32, **tuned)

    with threadpool_limits(1):
        model, cost = timed(train)
        gamma, _ = model.inference(corpus)
    learned = LdaParameters(_rows_to_1(gamma), model.get_topics(), model.alpha, 0.1)
    report("gensim, tuned", cost, data, learned)
    return perplexity(data, learned)


def to_reach(data: Data, target: float) -> None:
    """The shortest etsyml run whose perplexity is at most `target`."""
    cpu = wall = 0.0
    passes = passes_over(data.counts, LdaConfig(n_topics=K, eta=ETA), 0)
    while True:
        (_, state), cost = timed(lambda: next(passes))
        cpu, wall = cpu + cost[0], wall + cost[1]
        if perplexity(data, state.parameters()) <= target:
            return report("etsyml, as good as gensim", (cpu, wall), data, state.parameters())


def beside_tomotopy(data: Data) -> LdaParameters:
    model = tomotopy.LDAModel(k=K, seed=1, rm_top=0, min_cf=0)
    for user in range(data.counts.shape[0]):
        model.add_doc([str(i) for i in data.train.of(user)])
    _, cost = timed(lambda: model.train(200, workers=2))
    beta = np.zeros((K, data.counts.shape[1]), np.float32)
    beta[:, [int(word) for word in model.used_vocabs]] = [model.get_topic_word_dist(k) for k in range(K)]
    theta = np.array([document.get_topic_dist() for document in model.docs], np.float32)
    report("tomotopy, 200 sweeps", cost, data, LdaParameters(theta, beta, model.alpha, model.eta))
    learned, cost = timed(lambda: fit(data.counts, LdaConfig(n_topics=K, eta=ETA, passes=3), 0))
    report("etsyml, as good as tomotopy", cost, data, learned)
    return learned


def lists(data: Data, learned: LdaParameters) -> None:
    """The best listings of all users without their favorites."""
    theta, beta, seen = learned.theta, learned.beta, data.train
    by_listing, liked = np.ascontiguousarray(beta.T), data.counts.astype(np.float32)
    lda, knn = Lda(learned), ItemKnn(nearest_listings(data.counts, LdaConfig().neighbours))
    mix = Mix.of({"lda": lda, "item-knn": knn}, {"lda": 1.0, "item-knn": 1.0})
    users = Users(np.arange(len(theta)), seen)
    ways: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        "implicit, 2 threads": lambda: topk(by_listing, theta, AT, filter_query_items=liked, num_threads=2),
        "etsyml, styles": lambda: top_listings(lda, users, seen, AT),
        "etsyml, mix": lambda: top_listings(mix, users, seen, AT),
    }
    print(f"\ntop {AT} of all users: users per CPU-s, per s")
    for name, way in ways.items():
        way()
        cpu, wall = sorted(timed(way)[1] for _ in range(3))[1]
        print(f"  {name:<30}{len(theta) / cpu:8,.0f}{len(theta) / wall:8,.0f}", flush=True)
    found = top_listings(lda, users.span(0, SOME), seen.span(0, SOME), AT)[0]
    same = (np.sort(found) == np.sort(by_argpartition(theta[:SOME] @ beta, seen))).mean()
    print(f"  ranks equal to argpartition's, {SOME} users: {same:.3%}")


def by_argpartition(scores: np.ndarray, seen: Favorites) -> np.ndarray:
    for user, row in enumerate(scores):
        row[seen.of(user)] = -1
    return np.argpartition(scores, -AT)[:, -AT:]


def chain(root: Path) -> None:
    """The commands: quality of the default mix, and the cost of recommending to one user in a new process."""
    test, model = root / "test.csv", ["-w", str(root / "work")]
    with test.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user_id", "listing_id"])
        rows.writerows(zip(*(column.tolist() for column in _columns(GOWALLA / "test.csv.gz")), strict=True))
    files = [str(GOWALLA / f"{part}.csv.gz") for part in ("train", "test")]
    cost_of(etsyml(*model, "ingest", "favorites", *files, "--map", "listing_id=item_id"))
    trained = cost_of(etsyml(*model, "train", "lda", "--set", "n_topics=208", "--holdout", str(test)))
    line = etsyml(*model, "evaluate", "--model", "lda", "--metric", f"recall@{AT}", "--json")
    printed = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    of = {one["variant"]: one["value"] for one in json.loads(printed)["evaluations"][0]["metrics"]}
    print(f"\ntrain lda, 208 styles: {trained.cpu_s:.1f} CPU-s; recall@{AT}:")
    print("  " + ", ".join(f"{name} {value:.4f}" for name, value in of.items()) + f", LightGCN {LIGHTGCN}")
    one = median_cost(etsyml(*model, "recommend", "--user", "17"))
    none = median_cost(etsyml("--version"))
    print(f"recommend --user: {one.cpu_s:.2f} CPU-s; etsyml --version {none.cpu_s:.2f} CPU-s")


def perplexity(data: Data, learned: LdaParameters) -> float:
    favorites = np.asarray(data.counts.sum(axis=0)).ravel()
    known = favorites[data.test.indices] > 0
    user, listing = data.test.users()[known], data.test.indices[known]
    found = log_likelihood(learned.theta, learned.beta, favorites / favorites.sum(), user, listing)
    return float(np.exp(-found.mean()))


def report(name: str, cost: tuple[float, float], data: Data, learned: LdaParameters) -> None:
    users = np.flatnonzero(data.test.per_user())
    seen, held = data.train.take(users), data.test.take(users)
    top, _ = top_listings(Lda(learned), Users(users, seen), seen, AT)
    found = recall(hits_of(top, held.indptr, held.indices), held.per_user()).mean()
    print(f"  {name:<30}{cost[0]:8.2f}{cost[1]:8.2f}{perplexity(data, learned):12,.0f}{found:11.4f}", flush=True)


def timed(run: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """The result; CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = run()
    return result, (time.process_time() - cpu, time.perf_counter() - wall)


def _rows_to_1(rows: np.ndarray) -> np.ndarray:
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    main()
