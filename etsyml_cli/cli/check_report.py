"""Output of `etsyml ingest --check`: a table of columns, the invalid rows and the command to run next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.session import in_this_workspace, session

if TYPE_CHECKING:
    from etsyml_cli.ingest.check import CheckReport, ColumnInfo

SAMPLE_WIDTH = 30


def show_check(report: CheckReport) -> None:
    """Print the report: a JSON object with --json or in a pipe, else text and a table."""
    import msgspec

    report = msgspec.structs.replace(report, command=in_this_workspace(report.command))
    if session.json or not show.is_interactive():
        show.print_json({"schema_version": show.SCHEMA_VERSION, **msgspec.to_builtins(report)})
        return
    for file in report.files:
        compression = "gzipped" if file.gzipped else f"compressed with {file.compression}"
        typer.echo(f"{file.name}: {file.format}{f', {compression}' if file.compression else ''}")
    rows = (
        [column.name, _becomes(column), column.kind, _cut(", ".join(dict.fromkeys(column.samples)))]
        for column in report.columns
    )
    show.table("", ["column", "read as", "type", "examples"], rows, numbers_from=9)
    for column in report.missing:
        typer.echo(f"no column found for the required {column}")
    if not report.missing:
        rejected = sum(report.rejected.values())
        typer.echo(f"{rejected:,} of the first {report.rows_looked_at:,} rows would be rejected")
        if rejected > report.config.max_bad_rate * report.rows_looked_at:
            typer.echo("too many: fix them, skip a column (--map COLUMN=), or raise --max-bad-rate")
    _show_excluded(report)
    for reason, number in report.emptied.items():
        typer.echo(f"{number:,} cells would be emptied: {reason}")
    for reject in report.rejects:
        field = f"{reject.field}: " if reject.field else ""
        typer.echo(f"  {reject.file}:{reject.line}: {field}{reject.reason}: {_cut(reject.raw)}")
    for hint in report.hints:
        typer.echo(hint)
    typer.echo(f"\nNext: {report.command}")


def _show_excluded(report: CheckReport) -> None:
    if report.excluded:
        typer.echo(f"{report.excluded:,} of the first {report.rows_looked_at:,} rows would be excluded by --only")
    for kind, number in report.events.items():
        by = "owners on their own listings" if kind == "owner" else "users with too many a day"
        state = "would be excluded" if kind in report.config.drop else "can be excluded"
        typer.echo(f"{number:,} of the first {report.rows_looked_at:,} rows {state} by --drop {kind}: events of {by}")


def _cut(text: str) -> str:
    return text if len(text) <= SAMPLE_WIDTH else f"{text[: SAMPLE_WIDTH - 1]}…"


def _becomes(column: ColumnInfo) -> str:
    if column.becomes == [column.name]:
        return "the same"
    return ", ".join(column.becomes) or "-"
