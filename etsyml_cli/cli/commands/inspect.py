"""`etsyml inspect PATH`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.session import common_options, session


@common_options
def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Table, features, model or workspace to describe.")],
) -> None:
    """Describe a file or directory that etsyml wrote.

    Shows its contents, inputs and settings, and whether all files are intact.

    \b
    Examples:
      etsyml inspect work/tables/listings.parquet
      etsyml inspect work/models/ltr
    """
    import msgspec

    from etsyml_cli.workspace.inspect import inspect as look

    found = msgspec.to_builtins(look(path))
    if session.json or not show.is_interactive():
        show.print_json({"schema_version": show.SCHEMA_VERSION, **found})
        return
    _draw(found)


def _draw(found: dict[str, Any]) -> None:
    first_rows = found.pop("first_rows", [])
    intact = {"intact": "no" if found["damaged"] else "yes"} if "damaged" in found else {}
    show.table(found["path"], ["what", "value"], list(_rows(found | intact, "")), numbers_from=9)
    if first_rows:
        cells = ([row[name] for row in first_rows] for name in found["columns"])
        lines = [[name, *row] for name, row in zip(found["columns"], cells, strict=True)]
        show.table("first rows", ["column", *map(str, range(1, len(first_rows) + 1))], lines, numbers_from=9)


def _rows(tree: dict[str, Any], prefix: str) -> list[list[str]]:
    rows = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            rows += _rows(value, f"{prefix}{key}.")
        elif value not in (None, [], {}):
            rows.append([f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)])
    return rows
