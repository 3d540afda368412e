"""`etsyml ingest TABLE FILE…`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import complete, options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.cli.settings import pairs, settings

if TYPE_CHECKING:
    from etsyml_cli.core.config import Resolved
    from etsyml_cli.ingest.config import IngestConfig

# option -> columns that it applies to
ACTS_ON = {
    "event_map": {"event"},
    "weight_map": {"weight"},
    "drop": {"user_id"},
    "image_root": {"image", "images"},
}
FAVORITES_OF_EVENTS = (
    " To make favorites from events, take some with --only COLUMN=VALUE, or weigh them with --map weight=COLUMN "
    "--weight-map VALUE=NUMBER,…"
)


@common_options
def ingest(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="Table to write: listings, searches, favorites or impressions.",
            autocompletion=complete.tables,
        ),
    ],
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files or globs to read, or - for stdin.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show guessed columns and the first invalid rows.")
    ] = False,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Read column OURS from THEIRS: a column, a path (price.amount) or several (a,b); `OURS=` skips it; "
            "repeatable.",
            autocompletion=complete.columns,
        ),
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map-file", metavar="FILE", help="Read the column mapping from a YAML file of `ours: theirs` lines."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Read the export of a known program, such as shopify or opensearch-ubi, or by your own YAML file.",
            autocompletion=complete.presets,
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Names of the columns of a file without a header.")
    ] = None,
    explode: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Read each element of the lists in COLUMN as a row; COLUMN.# is its position."
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Field delimiter, such as ; or :: or tab [default: guessed].")
    ] = None,
    quote: Annotated[str | None, typer.Option(metavar="CHARACTER|none", help="Quote character of CSV.")] = None,
    escape: Annotated[str | None, typer.Option(metavar="CHARACTER", help="Escape character of CSV.")] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Encoding of text files, such as latin-1 [default: utf-8].")
    ] = None,
    decimal: Annotated[str | None, typer.Option(metavar=".|,", help="Decimal mark of numbers.")] = None,
    tz: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone of local timestamps, such as Europe/Berlin.")
    ] = None,
    time_unit: Annotated[
        str | None,
        typer.Option(metavar="s|ms|us|ns|excel", help="Unit of numeric timestamps; excel: days, as Excel writes them."),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Format of timestamps, as in Python's strptime, such as '%d.%m.%Y %H:%M'."),
    ] = None,
    event_map: Annotated[
        list[str] | None, typer.Option(metavar="THEIRS=OURS", help="Read event THEIRS as event OURS; repeatable.")
    ] = None,
    weight_map: Annotated[
        str | None,
        typer.Option(metavar="THEIRS=NUMBER,…", help="Weight of each text in the column read as weight."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE,…", help="Take only rows with one of these values in COLUMN; repeatable."),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="owner,bots",
            help="Exclude events of owners on their own listings, and of bots.",
        ),
    ] = None,
    max_bad_rate: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Fail if the share of invalid rows is higher [default: 0.01].")
    ] = None,
    image_root: Annotated[
        str | None, typer.Option(metavar="DIR", help="Base directory of image paths [default: that of the first file].")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an existing table even if the new one has fewer rows.")
    ] = False,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Import log files into a table.

    Reads CSV, TSV, JSON Lines, Parquet and Arrow files, compressed or not. Invalid rows are written to a rejects file
    next to the table, each with its line and reason. A table with fewer rows than the existing one needs
    --replace.

    \b
    Examples:
      etsyml ingest listings sample_data/listings.csv
      etsyml ingest favorites sample_data/favorites.jsonl --check
      zcat logs/*.gz | etsyml ingest impressions - --map listing_id=ad --time-unit s
    """
    _refuse_without_effect(table)
    if check:
        refuse("with --check, which writes nothing", "out", "limit", "force", "replace")
    mapping = {**_saved_map(map_file), **pairs(map_, "--map", may_be_empty=True)}
    found = settings(
        "ingest",
        config,
        set_,
        {
            "map": mapping or None,
            "columns": columns.split(",") if columns else None,
            "explode": explode,
            "delimiter": delimiter,
            "quote": quote,
            "escape": escape,
            "encoding": encoding,
            "decimal": decimal,
            "tz": tz,
            "time_unit": time_unit,
            "time_format": time_format,
            "event_map": pairs(event_map, "--event-map") or None,
            "weight_map": _weights(weight_map) if weight_map is not None else None,
            "only": {column: _parts(values) for column, values in pairs(only, "--only").items()} or None,
            "drop": _kinds(drop) if drop is not None else None,
            "max_bad_rate": max_bad_rate,
            "image_root": image_root,
        },
    )
    chosen = found.value if preset is None else _completed(found, preset, table)
    if check:
        from etsyml_cli.cli.check_report import show_check
        from etsyml_cli.ingest.check.check import check as look

        show_check(look(table, files, config=chosen, listings=session.workspace.table("listings")))
        return
    from etsyml_cli.ingest.ingest import ingest as run_ingest

    show.summary(
        run_ingest(
            table,
            files,
            out=out or session.workspace.table(table),
            config=chosen,
            force=force,
            limit=limit,
            may_shrink=replace,
            listings=session.workspace.table("listings"),
        )
    )


def _refuse_without_effect(table: str) -> None:
    """Raises UsageError for an unknown table, and for an option about columns that the table does not have."""
    from etsyml_cli.io.schema import TABLES, table_schema

    table_schema(table)
    for option, columns in ACTS_ON.items():
        takers = [name for name, one in TABLES.items() if columns & set(one.names())]
        if table not in takers:
            instead = FAVORITES_OF_EVENTS if (table, option) == ("favorites", "event_map") else ""
            refuse(f"on {table}", option, hint=f"It applies to {', '.join(takers)} only.{instead}")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] or [text]


def _kinds(text: str) -> list[str]:
    from typing import get_args

    from etsyml_cli.core.errors import UsageError, did_you_mean
    from etsyml_cli.ingest.config import Dropped

    for kind in _parts(text):
        if kind not in get_args(Dropped):
            raise UsageError(f"--drop {kind}: invalid value", hint=did_you_mean(kind, get_args(Dropped)))
    return _parts(text)


def _weights(text: str) -> dict[str, float]:
    from etsyml_cli.core.errors import UsageError

    weights = {}
    for name, number in pairs(_parts(text), "--weight-map").items():
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise UsageError(f"--weight-map {name}={number}: not a number", hint=f"For example: {name}=1") from None
    return weights


def _completed(found: Resolved[IngestConfig], preset: str, table: str) -> IngestConfig:
    """The configuration completed by the preset."""
    from etsyml_cli.ingest.presets import load_preset, with_preset

    given = [key for key, origin in found.origins.items() if origin != "default"]
    return with_preset(found.value, given, load_preset(preset), table)


def _saved_map(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    from etsyml_cli.core.config import parse_yaml
    from etsyml_cli.core.errors import UsageError
    from etsyml_cli.io.text import read_text

    saved = parse_yaml(read_text(file), str(file))
    if not isinstance(saved, dict) or not all(isinstance(name, str) for pair in saved.items() for name in pair):
        raise UsageError(f"{file}: expected lines of `ours: theirs`")
    return saved
