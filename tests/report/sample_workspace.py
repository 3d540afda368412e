"""A workspace of the sample data as the sections of the report find it, and pages with one section alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from etsyml_cli.cli.main import run
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.missing import Missing
from etsyml_cli.report.page import Report, page_of
from tests.conftest import REPOSITORY, Etsyml

SAMPLE = REPOSITORY / "sample_data"
LOGS = {"listings": "listings.csv", "searches": "searches.tsv.gz", "favorites": "favorites.jsonl"}


def sample(place: Path, tables: list[str], *commands: str) -> Workspace:
    """A workspace with these tables of the sample data, after these commands."""
    for table in tables:
        assert run(["-w", str(place), "ingest", table, f"{SAMPLE}/{LOGS[table]}"]) == 0
    for command in commands:
        assert run(["-w", str(place), *command.split()]) == 0
    return Workspace(place)


def told(etsyml: Etsyml, place: Workspace, *arguments: str) -> Any:
    """What a command prints with --json."""
    return json.loads(etsyml("-w", place.root, *arguments, "--json").out)


def page(place: Workspace, **sections: Any) -> str:
    """The report's page with these sections and no other."""
    nothing = Missing("nothing", "")
    return page_of(Report(**dict.fromkeys(["search", "personalization", "ads", "run"], nothing) | sections), place)
