"""`etsyml compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import options
from etsyml_cli.cli.commands.evaluate import show_measurements
from etsyml_cli.cli.session import common_options


@common_options
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="TREC run, plain or .gz, or - for stdin.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="TREC run to compare with it.")],
    qrels: Annotated[Path, typer.Option("--qrels", metavar="FILE", help="TREC qrels file, plain or .gz.")],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", metavar="NAME", help="Metric such as ndcg@10, map, mrr or p@5; repeatable."),
    ] = None,
    seed: options.Seed = 0,
) -> None:
    """Compare two TREC runs on the same judged queries.

    Each difference, RUN_B minus RUN_A, is shown with a 95% bootstrap interval, the p-value of a paired
    randomization test, and the number of queries that gained and lost.

    \b
    Examples:
      etsyml compare text.trec multimodal.trec --qrels qrels.txt
      etsyml compare text.trec multimodal.trec --qrels qrels.txt.gz --metric ndcg@5 --metric p@10
    """
    from etsyml_cli.search import compare_runs as stage

    comparison = stage.compare(runs=(run_a, run_b), qrels=qrels, metrics=metric or [], seed=seed)
    show_measurements(str(qrels), comparison.metrics, comparison)
