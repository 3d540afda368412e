"""Output of `etsyml ingest --check`: a table of columns, the invalid rows and the command to run next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.session import in_this_workspace, session

if TYPE_CHECKING:
    from etsyml_cli.ingest.check.check import CheckReport, ColumnInfo, Trial

SAMPLE_WIDTH = 30


def show_check(report: CheckReport) -> None:
    """Print the report: a JSON object with --json or in a pipe, else text and a table."""
    import msgspec

    command = None if report.command is None else in_this_workspace(report.command)
    if session.json or not show.is_interactive():
        fields = msgspec.to_builtins(report)
        trial = fields.pop("trial")
        show.print_json({"schema_version": show.SCHEMA_VERSION, **fields, **trial, "command": command})
        return
    for file in report.files:
        compression = "gzipped" if file.gzipped else f"compressed with {file.compression}"
        typer.echo(f"{file.name}: {file.format}{f', {compression}' if file.compression else ''}")
    if report.preset is not None:
        typer.echo(f"columns as in the preset {report.preset}")
    rows = (
        [column.name, _becomes(column), column.kind, _cut(", ".join(dict.fromkeys(column.samples)))]
        for column in report.columns
    )
    show.table("", ["column", "read as", "type", "examples"], rows, numbers_from=9)
    _show_urls(report)
    if not report.missing:
        _show_trial(report.trial)
        _show_events(report)
    if command is None:
        typer.echo(f"\nno command yet: {report.trial.problem}")
        typer.echo(f"  {report.trial.hint or 'Change the file or the options, and check again.'}")
    else:
        typer.echo(f"\nNext: {command}")


def _show_urls(report: CheckReport) -> None:
    from etsyml_cli.ingest.check.guess import URLS

    columns = [column.name for column in report.columns if column.kind == URLS]
    if report.table == "listings" and columns:
        typer.echo(f"URLs, not read: {', '.join(columns)}")
        typer.echo("for photos: download the files, write their paths into a column, and add --map images=COLUMN")


def _show_trial(trial: Trial) -> None:
    others = [f", {n:,} {name}" for name, n in trial.rows.items() if n and name not in ("in", "out", "rejected")]
    rejected = f"{trial.rows.get('rejected', 0):,} of the first {trial.rows_looked_at:,} rows would be rejected"
    typer.echo("".join([rejected, *others]))
    for line in show.facts(trial.notes):
        typer.echo(f"  {line}")
    for reject in trial.rejects:
        field = f"{reject.field}: " if reject.field else ""
        typer.echo(f"  {reject.file}:{reject.line}: {field}{reject.reason}: {_cut(reject.raw)}")


def _show_events(report: CheckReport) -> None:
    for kind, number in report.trial.events.items():
        by = "owners on their own listings" if kind == "owner" else "users with too many a day"
        state = "would be excluded" if kind in report.config.drop else "can be excluded"
        looked_at = f"{report.trial.rows_looked_at:,}"
        typer.echo(f"{number:,} of the first {looked_at} rows {state} by --drop {kind}: events of {by}")


def _cut(text: str) -> str:
    return text if len(text) <= SAMPLE_WIDTH else f"{text[: SAMPLE_WIDTH - 1]}…"


def _becomes(column: ColumnInfo) -> str:
    if column.becomes == [column.name]:
        return "the same"
    return ", ".join(column.becomes) or "-"
