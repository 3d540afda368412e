"""`etsyml demo`: the whole pipeline on sample data, with the commands that a user would type."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.session import DEFAULT_WORKSPACE, common_options, session
from etsyml_cli.core.errors import EtsymlError, GateError
from etsyml_cli.systems import KINDS, DemoCheck

SAMPLE = Path("sample_data")


@common_options
def demo(
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Data of `etsyml sample-data` [default: sample_data, or generated]."),
    ] = None,
) -> None:
    """Run the whole pipeline on sample data.

    Each command is printed before it runs. At the end, each model is compared with a trivial baseline; the
    exit code is 6 if one of them is not better.

    \b
    Examples:
      etsyml demo
      etsyml demo --workspace /tmp/demo
    """
    for command in _pipeline(data or (SAMPLE if SAMPLE.exists() else session.workspace.root / "sample_data")):
        _run(command)
    evaluations = json.loads(_run(["evaluate", "--backtest", "5", "--json"], keep=True))["evaluations"]
    comparisons = [_comparison(evaluations, name, kind.demo) for name, kind in KINDS.items() if kind.demo]
    _show(comparisons)
    _run(["report"])
    typer.echo("\nOpen the page in a browser. To import your own logs, see: etsyml ingest --help", err=session.json)
    losers = [c["metric"] for c in comparisons if not c["better"]]
    if losers:
        raise GateError(f"no improvement over the baseline: {', '.join(losers)}")


def _pipeline(data: Path) -> Iterator[list[str]]:
    if not data.exists():
        yield ["sample-data", "--out", str(data)]
    yield ["ingest", "listings", f"{data}/listings.csv"]
    yield ["ingest", "searches", f"{data}/searches.tsv.gz"]
    yield ["ingest", "favorites", f"{data}/favorites.jsonl"]
    yield ["ingest", "impressions", f"{data}/impressions.csv.gz"]
    yield ["extract-images"]
    yield from (["train", kind.command] for kind in KINDS.values() if kind.demo)
    yield ["rank", "--query", "wool scarf", "-k", "5"]
    yield ["recommend", "--user", "U17", "-k", "5"]
    yield ["score", str(session.workspace.table("impressions"))]


def _run(command: list[str], *, keep: bool = False) -> str:
    """Print a command and run it; with `keep` its stdout is returned instead of shown."""
    root = session.workspace.root
    place = [] if root == DEFAULT_WORKSPACE else ["--workspace", str(root)]
    typer.echo(f"\n$ {shlex.join(['etsyml', *place, *command])}", err=session.json)
    sys.stdout.flush()
    stdout = sys.stderr if session.json else None  # --json promises one object on stdout
    quiet = ["--quiet"] if session.quiet else []
    line = [sys.executable, "-m", "etsyml_cli", "--workspace", str(root), *command, *quiet]
    done = subprocess.run(line, check=False, text=True, stdout=subprocess.PIPE if keep else stdout)  # noqa: S603
    if done.returncode:
        failed = EtsymlError(f"etsyml {command[0]} failed with exit code {done.returncode}")
        failed.exit_code = done.returncode
        raise failed
    return done.stdout or ""


def _comparison(evaluations: list[dict[str, Any]], name: str, check: DemoCheck) -> dict[str, Any]:
    kind, variant = KINDS[name], check.variant
    measured = next(e for e in evaluations if e["model"] == name)["metrics"]
    figures = {m["variant"]: m for m in measured if m["name"] == check.metric and m["slice"] == kind.main_slice}
    against = figures[variant]["against"]
    return {
        "system": kind.system,
        "metric": check.metric,
        "baseline": against["baseline"],
        "baseline_value": figures[against["baseline"]]["value"],
        "variant": variant,
        "value": figures[variant]["value"],
        "difference": against["value"],
        "low": against["low"],
        "high": against["high"],
        "better": against["low"] is not None and against["low"] > 0,
    }


def _show(comparisons: list[dict[str, Any]]) -> None:
    if session.json:
        show.print_json({"schema_version": show.SCHEMA_VERSION, "learned": comparisons})
        return
    header = ["system", "metric", "baseline", "learned", "gain", "95% interval"]
    rows = (
        [
            c["system"],
            c["metric"],
            f"{c['baseline']} {c['baseline_value']:.3f}",
            f"{c['value']:.3f}",
            f"{c['difference']:+.3f}",
            show.interval(c["low"], c["high"]),
        ]
        for c in comparisons
    )
    typer.echo("\nResults on held-out test data (intervals are paired):\n")
    show.table("", header, rows, numbers_from=3)
