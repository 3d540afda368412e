"""`etsyml auction`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse_force_without_out
from etsyml_cli.cli.session import common_options, session


@common_options
def auction(
    bids: Annotated[
        str, typer.Argument(metavar="FILE|-", help="JSON Lines or .csv file of ads, or - for JSON Lines on stdin.")
    ] = "-",
    reserve: Annotated[
        str, typer.Option("--reserve", metavar="R", help="Reserve price: lower bids are excluded.")
    ] = "0",
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots", callback=options.within(1), metavar="N", help="Number of ad slots [default: one for each ad]."
        ),
    ] = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Rank ads by bid times click probability, with prices.

    Each line is an ad with listing_id, bid, and ctr or score (as written by `etsyml score`); ads with the
    same auction_id compete. The price of a click is the lowest bid that keeps the rank (generalized second
    price): the next ad's score divided by the ad's own ctr, rounded up to the cent, at most the bid and at
    least the reserve. The last ad and ads with a ctr of 0 pay the reserve. The output is a table on a
    terminal and JSON Lines in a pipe; --out writes .jsonl, .csv or .parquet.

    \b
    Examples:
      etsyml auction bids.jsonl
      etsyml score ads.jsonl | etsyml auction --reserve 0.05 --slots 3
      etsyml auction bids.csv --out prices.csv
    """
    from etsyml_cli.ads.auction import COLUMNS, auction_rows

    refuse_force_without_out(out=out)
    rows = auction_rows(source=bids, reserve=reserve, slots=slots)
    if out is not None and str(out) != "-":
        _write(rows, COLUMNS, out, force)
    elif session.json:
        show.print_json({"schema_version": show.SCHEMA_VERSION, "rows": list(rows)})
    elif show.is_interactive() and out is None:
        _draw(list(rows))
    else:
        for row in rows:
            show.print_json(row)


def _write(rows: Iterable[dict[str, Any]], columns: tuple[str, ...], out: Path, force: bool) -> None:
    from etsyml_cli.io.runs import write_documents
    from etsyml_cli.io.summary import Summary

    count = write_documents(rows, out, columns=columns, force=force)
    show.summary(Summary(kind="auction", path=str(out), rows={"ads": count}))


def _draw(rows: list[dict[str, Any]]) -> None:
    named = [name for name in ("auction_id", "listing_id") if rows and name in rows[0]]
    drawn = [
        [
            *(row[name] for name in named),
            str(row["place"]),
            f"{row['bid']:f}",
            f"{row['ctr']:.4g}",
            f"{row['score']:.5g}",
            f"{row['price']:f}",
        ]
        for row in rows
    ]
    header = [*(name.removesuffix("_id") for name in named), "place", "bid", "ctr", "score", "price"]
    show.table("", header, drawn, numbers_from=len(named))
