"""Output of ranked lists: a table on a terminal, JSON Lines or another format in a pipe, a file with --out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import show
from etsyml_cli.cli.given import refuse, refuse_force_without_out
from etsyml_cli.cli.session import session

if TYPE_CHECKING:
    from etsyml_cli.io.ranked import RankedItem, RankedList, Reason
    from etsyml_cli.io.runs import Document

KINDS = 2  # of reasons of an item, on a terminal
WIDTH_OF_TITLE = 40

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
    from etsyml_cli.io.runs import print_lists, write_lists

    if out is not None and str(out) != "-":
        show_count(write_lists(ranked, out, subject=subject, force=force), out)
    elif session.json:
        lists = list(ranked)
        show.print_json(lists[0] if len(lists) == 1 else {"schema_version": show.SCHEMA_VERSION, "lists": lists})
    elif show.is_interactive() and out is None and text_format is None:
        for one in ranked:
            _draw(one, subject)
    else:
        print_lists(ranked, sys.stdout, text_format or "jsonl", subject=subject)


def write_documents(documents: Iterable[Document], out: Path, force: bool, columns: Sequence[str]) -> None:
    """Write documents that are not ranked lists to a file, with these columns in CSV and Parquet."""
    from etsyml_cli.io.runs import write_documents

    show_count(write_documents(documents, out, columns=columns, force=force), out)


def show_count(count: int, out: Path) -> None:
    from etsyml_cli.io.summary import Summary

    show.summary(Summary(kind="lists", path=str(out), rows={"lists": count}))


def _draw(one: RankedList, subject: str) -> None:
    if not one.items:
        typer.echo(f"{one.subject(subject)}: no results")
        return
    thing = (one.what or "listings").removesuffix("s")
    reasons = {"because": _because} if subject == "user_id" else {"why": _why}
    columns = {"title": _title, thing: _id, **reasons}
    cells = {name: [column(item) for item in one.items] for name, column in columns.items()}
    shown = {name: texts for name, texts in cells.items() if name == thing or any(texts)}
    numbers = [[str(item.rank) for item in one.items], [f"{item.score:.4g}" for item in one.items]]
    rows = map(list, zip(*shown.values(), *numbers, strict=True))
    show.table(f"{one.subject(subject)}{_note(one)}", [*shown, "rank", "score"], rows, numbers_from=len(shown))


def _note(one: RankedList) -> str:
    """A note on the source of a list, for its title."""
    if one.fallback:
        return " (popular listings: no style profile)"
    return "" if one.style is None else f", from the style {one.label} ({one.share:.0%} of the profile)"


def _title(item: RankedItem) -> str:
    return item.title or ""


def _id(item: RankedItem) -> str:
    return item.id


def _why(item: RankedItem) -> str:
    return ", ".join(f"{_name_of_reason(reason)} {reason.adds:.2g}" for reason in item.why or [])


def _name_of_reason(reason: Reason) -> str:
    """A short name of a reason, such as the word itself."""
    return reason.word or (reason.what if reason.id is None else f"{reason.what} {reason.id}")


def _because(item: RankedItem) -> str:
    """The strongest reason of each kind in words, such as a style and a favorite."""
    strongest: dict[str, Reason] = {}
    for reason in item.why or []:
        if reason.id is not None or reason.style is not None:
            strongest.setdefault(reason.what, reason)
    return "; ".join(map(_in_words, list(strongest.values())[:KINDS] or (item.why or [])[:1]))


def _in_words(reason: Reason) -> str:
    if reason.style is not None:
        return f"style {reason.label}"
    if reason.id is None:
        return reason.what
    name = f"‘{shortened(reason.title, WIDTH_OF_TITLE)}’" if reason.title else reason.id
    if reason.shared_users is None:
        return f"{reason.what} {name}"
    return f"you liked {name} ({_users(reason.shared_users)})"


def _users(shared: int) -> str:
    few = {0: "no other user", 1: "one other user"}
    return few.get(shared) or f"shared by {shared:,} users"


def shortened(text: str, width: int) -> str:
    """The text, cut to a width."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
