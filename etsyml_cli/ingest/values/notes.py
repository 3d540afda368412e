"""What the summary of ingest says of a value: it was read in a particular way, which may not be what it means."""

from __future__ import annotations

from typing import Any

from etsyml_cli.ingest.formats.cells import Note
from etsyml_cli.ingest.values.lists import list_in_text
from etsyml_cli.ingest.values.numbers import notation
from etsyml_cli.ingest.values.photo_paths import split_at_commas
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.io.schema import Kind


def notes_of(value: Any, parsed: Any, kind: Kind, rules: Rules) -> tuple[Note, ...]:
    """The notes on a value that was parsed without an error."""
    if not isinstance(value, str) or parsed is None:
        return ()
    if kind in ("price", "number", "count", "position"):
        currency, thousands = notation(value, rules.decimal)
        return (Note.CURRENCY,) * currency + (Note.THOUSANDS,) * thousands
    if kind in ("tags", "paths") and list_in_text(value) is not None:
        return (Note.LIST_IN_TEXT,)
    if kind == "paths" and "|" not in value and split_at_commas(value, rules.image_root):
        return (Note.PATHS_AT_COMMAS,)
    return ()
