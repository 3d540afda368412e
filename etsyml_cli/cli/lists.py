"""Output of ranked lists: a table on a terminal, JSON Lines or another format in a pipe, a file with --out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.given import refuse, refuse_force_without_out
from etsyml_cli.cli.session import session

if TYPE_CHECKING:
    from etsyml_cli.io.runs import RankedList

Format = Annotated[
    str | None,
    typer.Option("--format", metavar="jsonl|csv|trec", help="Format of the output on stdout [default: jsonl]."),
]


def refuse_without_effect(out: Path | None) -> None:
    """Raises UsageError if --force or --format has no effect."""
    refuse_force_without_out(out=out)
    if out is not None and str(out) != "-":
        refuse("with --out, which sets the format by the file extension", "text_format")
    elif session.json:
        refuse("with --json", "text_format")


def output_lists(
    ranked: Iterable[RankedList], *, subject: str, out: Path | None, text_format: str | None, force: bool
) -> None:
    """Show or write lists; `subject` is the key of what a list is for: query, user_id or listing_id."""
    from etsyml_cli.io.runs import print_lists

    if out is not None and str(out) != "-":
        write(ranked, subject, out, force)
    elif session.json:
        lists = list(ranked)
        show.print_json(lists[0] if len(lists) == 1 else {"schema_version": show.SCHEMA_VERSION, "lists": lists})
    elif show.is_interactive() and out is None and text_format is None:
        for one in ranked:
            _draw(one, subject)
    else:
        print_lists(ranked, sys.stdout, text_format or "jsonl", subject=subject)


def write(
    ranked: Iterable[RankedList], subject: str, out: Path, force: bool, columns: Sequence[str] | None = None
) -> None:
    """Write lists to a file; `columns` replaces the default columns of CSV and Parquet files."""
    from etsyml_cli.io.runs import write_lists
    from etsyml_cli.io.summary import Summary

    count = write_lists(ranked, out, subject=subject, columns=columns, force=force)
    show.summary(Summary(kind="lists", path=str(out), rows={"lists": count}))


def _draw(one: RankedList, subject: str) -> None:
    items = one["items"]
    if not items:
        typer.echo(f"{one[subject]}: no results")
        return
    thing = str(one.get("what", "listings")).removesuffix("s")
    words = {"title": _title, thing: _id, "why": _why}
    shown = [name for name in words if name == thing or any(item.get(name) for item in items)]
    rows = [[*(words[name](item) for name in shown), str(item["rank"]), f"{item['score']:.4g}"] for item in items]
    show.table(f"{one[subject]}{_note(one)}", [*shown, "rank", "score"], rows, numbers_from=len(shown))


def _note(one: RankedList) -> str:
    """A note on the source of a list, for its title."""
    if one.get("fallback"):
        return " (popular listings: no style profile)"
    return f", from style {one['style']} ({one['share']:.0%} of the profile)" if "style" in one else ""


def _title(item: dict[str, Any]) -> str:
    return item.get("title") or ""


def _id(item: dict[str, Any]) -> str:
    return str(item["id"])


def _why(item: dict[str, Any]) -> str:
    return ", ".join(f"{_name_of_reason(reason)} {reason['adds']:.2g}" for reason in item.get("why", []))


def _name_of_reason(reason: dict[str, Any]) -> str:
    """A short name of a reason: the word itself, a style with its number, a favorite with its id."""
    which = next((str(reason[name]) for name in ("style", "id") if name in reason), "")
    return str(reason.get("word") or f"{reason['what']} {which}".strip())
