"""The 10 most similar users of all users: by hyperplanes, weighted MinHash and exactly; recall@10 and CPU seconds.

`python -m benchmarks users` needs the Gowalla check-ins next to the checkout for trained profiles; a larger set is
synthetic. The exact lists are computed in two ways: by a matrix product and a partition of its rows, and by etsyml.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pyarrow.csv as pa_csv
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.search import SHARED
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.lda_cvb0 import fit
from etsyml_cli.personalization.similar_profiles.lists import recall
from etsyml_cli.personalization.similar_profiles.search import similar_users

GOWALLA = SHARED / "gowalla" / "train.csv.gz"
K = 10
MADE, STYLES, FAVORED = 200_000, 100, 2.0  # FAVORED: the sum of the Dirichlet's parameters
SOME = 4096  # for many users, the exact lists of this many represent all
HASHED = 30_000  # MinHash of more takes minutes
AT_ONCE = 512

Result = TypeVar("Result")


def main() -> None:
    if GOWALLA.is_file():
        compare("learned", learned())
    else:
        print("the Gowalla data set was not found next to the checkout")
    compare("synthetic", made_up())


def learned() -> np.ndarray:
    table = pa_csv.read_csv(GOWALLA)
    users, listings = (column.to_numpy() for column in table.columns)
    counts = sparse.csr_matrix((np.ones(len(users), np.float32), (users, listings)))
    return fit(counts, LdaConfig(n_topics=96, passes=3), 0).theta


def made_up() -> np.ndarray:
    rng = np.random.default_rng(0)
    popular = rng.gamma(1.0, 1.0, STYLES)
    theta = rng.gamma(np.broadcast_to(FAVORED * popular / popular.sum(), (MADE, STYLES))) + 1e-9
    return (theta / theta.sum(axis=1, keepdims=True)).astype(np.float32)


def compare(name: str, theta: np.ndarray) -> None:
    """CPU seconds for the lists of all users; those of SOME are scaled up."""
    everyone = np.arange(len(theta), dtype=np.int32)
    some = np.random.default_rng(1).permutation(everyone)[:SOME]
    similar_users(theta[:6000], everyone[:6000], K, method="lsh")  # compiles
    exact, ours = cpu_of(lambda: similar_users(theta, some, K, method="exact"))
    rows = {"exact, etsyml": (ours * len(theta) / SOME, 1.0, "")}
    for label, threads in (("textbook, one BLAS thread", 1), ("textbook, BLAS threads as they come", None)):
        with threadpool_limits(threads, user_api="blas"):
            cosines, cost = cpu_of(lambda: textbook(theta, some))
        rows[label] = (cost * len(theta) / SOME, recall(cosines, exact.lists.cosines), "")
    for method in ("lsh", "minhash") if len(theta) <= HASHED else ("lsh",):
        found, cost = cpu_of(lambda method=method: similar_users(theta, everyone, K, method=method))
        tables = f"{found.tables} tables, {found.bits} bits; reported: {found.recall:.3f}" if found.tables else ""
        rows[method] = (cost, recall(found.lists.cosines[some], exact.lists.cosines), tables)
    print(f"{len(theta):,} {name} profiles of {theta.shape[1]} styles: CPU-s for all users, recall@{K}")
    for label, (cost, share, more) in rows.items():
        print(f"  {label:<40}{cost:>10.2f}{share:>8.3f}  {more}", flush=True)


def textbook(theta: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The K highest cosines of each query user, (B, K)."""
    unit = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    found = np.empty((len(asked), K), np.float32)
    for start in range(0, len(asked), AT_ONCE):
        users = asked[start : start + AT_ONCE]
        cosines = unit[users] @ unit.T
        cosines[np.arange(len(users)), users] = -np.inf
        best = np.argpartition(cosines, -K, axis=1)[:, -K:]
        found[start : start + AT_ONCE] = -np.sort(-np.take_along_axis(cosines, best, axis=1), axis=1)
    return found


def cpu_of(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.process_time()
    return work(), time.process_time() - started
