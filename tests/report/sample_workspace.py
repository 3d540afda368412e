"""Workspaces with sample data, and report pages with a single section."""

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
    """Create a workspace with these tables of the sample data and run the commands in it."""
    for table in tables:
        assert run(["-w", str(place), "ingest", table, f"{SAMPLE}/{LOGS[table]}"]) == 0
    for command in commands:
        assert run(["-w", str(place), *command.split()]) == 0
    return Workspace(place)


def json_of(etsyml: Etsyml, place: Workspace, *arguments: str) -> Any:
    """The parsed output of a command with --json."""
    return json.loads(etsyml("-w", place.root, *arguments, "--json").out)


def page(place: Workspace, **sections: Any) -> str:
    """The report page with these sections only."""
    missing = Missing("missing", "")
    return page_of(Report(**dict.fromkeys(["search", "personalization", "ads", "run"], missing) | sections), place)
