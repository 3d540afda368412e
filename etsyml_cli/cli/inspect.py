"""`etsyml inspect PATH`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.session import common_options, session


@common_options
def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A table, features, a model or a workspace.")],
) -> None:
    """Show what etsyml wrote into a file or directory.

    What it holds, what it was made from, and whether it is whole.

    \b
    Examples:
      etsyml inspect work/tables/listings.parquet
      etsyml inspect work/models/ltr
    """
    from etsyml_cli.stages.inspect import inspect as look

    found = look(path)
    if session.json or not show.for_a_person():
        show.print_json({"schema_version": 1, **found})
        return
    _draw(found)


def _draw(found: dict[str, Any]) -> None:
    show.table(found["path"], ["what", "value"], list(_rows(found, "")), numbers_from=9)


def _rows(tree: dict[str, Any], prefix: str) -> list[list[str]]:
    rows = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            rows += _rows(value, f"{prefix}{key}.")
        elif value not in (None, [], {}):
            rows.append([f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)])
    return rows
