"""`train ctr`, Vowpal Wabbit, scikit-learn and river on the same synthetic rows of 32 features, with 2**22 slots.

`python -m benchmarks ads` needs the extra `bench` and 5 GB of disk, and takes minutes. etsyml trains the content model
only, from Parquet to the saved model; Vowpal Wabbit reads its own text format. The last day of seven is the test set.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
from numba import njit

from benchmarks.ads_log import DAYS, FEATURES, INTERACTIONS, OF_ROW, draw, write_tables, write_text
from benchmarks.measure import Cost, cost_of, cpu_s_an_item, etsyml, median_cost
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.ads.log.log import counts, open_log
from etsyml_cli.ads.model.ftrl import learn, new_state, start_at
from etsyml_cli.core.types import F64
from etsyml_cli.io.tables import read_table
from etsyml_cli.metrics.probability import figures
from etsyml_cli.text.hashing import HashedRows

TRAIN, TEST = range(DAYS - 1), range(DAYS - 1, DAYS)
SETTINGS = CtrConfig(bits=22, alpha=0.05, beta=1.0)
BITS = SETTINGS.bits
CONFIG = {"bits": BITS, "alpha": SETTINGS.alpha, "beta": SETTINGS.beta, "features": FEATURES}
# the content model only; rows are scored at their own position
CONFIG |= {"history": None, "position": None, "photo_dim": 0}
SIZES = {1_000_000: 3, 10_000_000: 1}  # training rows -> number of runs, of which the median is reported
VW = [sys.executable, "-m", "vowpalwabbit", "--quiet"]
FTRL = ["--ftrl", "--ftrl_alpha", str(SETTINGS.alpha), "--ftrl_beta", str(SETTINGS.beta), "-b", str(BITS)]
FTRL += ["--l1", "0", "--l2", "0", "--loss_function", "logistic", *INTERACTIONS]
PEERS = {"sklearn": (1 << 15, 1 << 17), "river": (1 << 12, 1 << 14)}  # few and many rows: the difference is reported
KERNEL_ROWS = 500_000
RARE, RARE_ROWS = -6.3, 20_000_000  # an intercept that gives a click rate of half a percent


def main() -> None:
    for rows, runs in SIZES.items():
        with tempfile.TemporaryDirectory() as scratch:
            compare(Path(scratch), rows, runs)
    with tempfile.TemporaryDirectory() as scratch:
        kernel(Path(scratch))
        cold_start(Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        calibration(Path(scratch))


def compare(root: Path, n_rows: int, runs: int) -> None:
    write_log(root, n_rows)
    commands = {"etsyml": ours(root), "Vowpal Wabbit": [*VW, *FTRL, "-d", f"{root}/train.txt", "-f", f"{root}/vw"]}
    cost_of(ours(root))  # compiled, and the file is cached in memory
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(cost_of(command))
    cpu_s = {name: statistics.median(cost.cpu_s for cost in each) for name, each in costs.items()}
    peak = {name: max(cost.peak_mb for cost in each) for name, each in costs.items()}
    judged = {"etsyml": our_scores(root), "Vowpal Wabbit": vw_scores(root)}
    clicked = pq.read_table(root / "test/impressions.parquet", columns=["clicked"])["clicked"].to_numpy().astype(float)
    print(f"\n{n_rows:,} rows         rows/CPU-s   etsyml   peak MB      AUC  log loss")
    for name, p in judged.items():
        found = figures(p, clicked, np.ones(len(p)))
        times = f"{cpu_s[name] / cpu_s['etsyml']:8.1f}x"
        print(
            f"  {name:<22}{n_rows / cpu_s[name]:10,.0f}{times}{peak[name]:10,.0f}{found['auc']:9.5f}"
            f"{found['logloss']:10.5f}",
            flush=True,
        )
    if n_rows == min(SIZES):
        peers(root, cpu_s["etsyml"] / n_rows)


def write_log(root: Path, n_rows: int) -> None:
    """Write `n_rows` training rows of six days, and the rows of the seventh, as tables and as text."""
    for part, days in (("train", TRAIN), ("test", TEST)):
        (root / part).mkdir()
        write_tables(root / part, draw(n_rows * DAYS // len(TRAIN), days))
        write_text(root / f"{part}.txt", draw(n_rows * DAYS // len(TRAIN), days))
    (root / "ctr.yaml").write_bytes(msgspec.yaml.encode(CONFIG))


def ours(root: Path) -> list[str]:
    tables = ["--impressions", f"{root}/train/impressions.parquet", "--listings", f"{root}/train/listings.parquet"]
    options = ["--config", f"{root}/ctr.yaml", "--holdout", "none", "--out", f"{root}/model", "--force"]
    return etsyml("-w", f"{root}/work", "train", "ctr", *tables, *options)


def our_scores(root: Path) -> np.ndarray:
    places = ["--model", f"{root}/model", "--listings", f"{root}/test/listings.parquet"]
    scores = root / "scores.parquet"
    cost_of(etsyml("score", f"{root}/test/impressions.parquet", *places, "--out", str(scores), "--force"))
    return pq.read_table(scores)["score"].to_numpy()


def vw_scores(root: Path) -> np.ndarray:
    said = root / "said.txt"
    cost_of([*VW, "-t", "-i", f"{root}/vw", "-d", f"{root}/test.txt", "-p", str(said), "--link", "logistic"])
    return np.loadtxt(said)


def peers(root: Path, ours_s: float) -> None:
    """The cost per row of other libraries, which would take too long for a million rows."""
    for name, (few, many) in PEERS.items():
        row_s = cpu_s_an_item({name: lambda rows, name=name: peer(root, name, rows)}, few, many)[name]
        print(f"  {name:<22}{1 / row_s:10,.0f}{row_s / ours_s:8.1f}x", flush=True)


def peer(root: Path, name: str, n_rows: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.ads_peers", name, f"{root}/train.txt", str(n_rows)]


def kernel(root: Path) -> None:
    """Compare `learn` on hashed rows with a loop that only adds a constant to the same slots."""
    (root / "kernel").mkdir()
    write_tables(root / "kernel", draw(KERNEL_ROWS, range(DAYS)))
    parts, clicks = zip(*hashed(root / "kernel"), strict=True)
    steps: dict[str, Callable[[np.ndarray, HashedRows, np.ndarray], object]] = {
        "learn": lambda zn, rows, y: learn(zn, *rows, y, np.ones(len(y)), SETTINGS),
        "read, add, write": lambda zn, rows, _: add_to_each(zn, rows.slots),
    }
    zn = new_state(BITS)
    best = {name: min(seconds(step, zn, parts, clicks) for _ in range(5)) for name, step in steps.items()}
    print(f"\nkernel over {sum(len(rows.slots) for rows in parts) / KERNEL_ROWS:.1f} features per row, best of 5")
    for name, spent in best.items():
        print(f"  {name:<22}{KERNEL_ROWS / spent:10,.0f} rows/s {best['read, add, write'] / spent:6.0%} of the bound")


def seconds(step: Callable[..., object], zn: np.ndarray, parts: Sequence[HashedRows], clicks: Sequence[F64]) -> float:
    started = time.perf_counter()
    for rows, y in zip(parts, clicks, strict=True):
        step(zn, rows, y)
    return time.perf_counter() - started


@njit
def add_to_each(zn, slots):
    """A lower bound for any algorithm that reads and writes 16 bytes per slot."""
    for slot in slots:
        zn[slot, 0] += 1e-9
        zn[slot, 1] += 1e-9


def cold_start(root: Path) -> None:
    """A small log, with and without compiled kernels from earlier runs."""
    write_log(root, 10_000)
    warm = median_cost(ours(root), 3)
    cold = cost_of(["env", f"NUMBA_CACHE_DIR={root}/numba", *ours(root)])
    print(f"\n10,000 rows: {warm.cpu_s:.2f} CPU-s; first run, which compiles the kernels: {cold.cpu_s:.2f} CPU-s")


def calibration(root: Path) -> None:
    """Calibration of progressive predictions on the last tenth of a long stream of rare clicks."""
    write_tables(root, draw(RARE_ROWS, range(DAYS), RARE))
    zn, predicted, clicked = new_state(BITS), [], []
    for number, (rows, clicks) in enumerate(hashed(root)):
        if number == 0:
            start_at(zn, clicks.mean(), SETTINGS)
        predicted.append(learn(zn, *rows, clicks, np.ones(len(clicks)), SETTINGS).sum())
        clicked.append(clicks.sum())
    tail = slice(-len(clicked) // 10, None)
    observed = sum(clicked[tail])
    print(
        f"\n{RARE_ROWS:,} rows, {sum(clicked) / RARE_ROWS:.2%} clicked: calibration on the last tenth "
        f"{sum(predicted[tail]) / observed:.4f}; {observed:,.0f} clicks, so the standard error is {observed**-0.5:.4f}"
    )


def hashed(tables: Path) -> Iterator[tuple[HashedRows, F64]]:
    """The whole log as input of the content model, batch by batch, and the clicks."""
    hash_rows = RowHasher(**FEATURES, bits=BITS, listings=read_table(tables / "listings.parquet", "listings"))
    log = open_log(tables / "impressions.parquet", None)
    days = log.days()
    for rows in log.batches(["listing_id", *OF_ROW], int(days[0]), int(days[-1]) + 1):
        yield hash_rows(rows), counts(rows)[0]


if __name__ == "__main__":
    main()
