"""Ranked lists: a table for a person, JSON Lines for a pipe, a file where --out says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from etsyml_cli.cli import show
from etsyml_cli.cli.session import session
from etsyml_cli.core.log import logger

RankedList = dict[str, Any]


def give(ranked: Iterable[RankedList], *, subject: str, out: Path | None, force: bool) -> None:
    """Show or write lists; `subject` is the key that says what a list is for: query, user_id or listing_id."""
    if out is not None and str(out) != "-":
        _write(ranked, subject, out, force)
    elif session.json:
        lists = list(ranked)
        show.print_json(lists[0] if len(lists) == 1 else {"schema_version": show.SCHEMA_VERSION, "lists": lists})
    elif show.for_a_person() and out is None:
        for one in ranked:
            _draw(one, subject)
    else:
        for one in ranked:
            show.print_json(one)


def _write(ranked: Iterable[RankedList], subject: str, out: Path, force: bool) -> None:
    from etsyml_cli.io.artifact import refuse_to_overwrite
    from etsyml_cli.io.runs import write_lists

    refuse_to_overwrite(out, force=force)
    count = write_lists(ranked, out, subject=subject)
    logger.info("%s: written (%s lists)", out, f"{count:,}")


def _draw(one: RankedList, subject: str) -> None:
    note = " (popular listings: this user is not known)" if one.get("fallback") else ""
    rows = ([item.get("title") or "", item["id"], str(item["rank"]), f"{item['score']:.5g}"] for item in one["items"])
    show.table(f"{one[subject]}{note}", ["title", "listing", "rank", "score"], rows, numbers_from=2)
