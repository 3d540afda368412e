"""What the documents name must be there: functions, commands, options, settings, papers."""

from __future__ import annotations

import ast
import re
import shlex
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import typer.main

from etsyml_cli.cli.main import app
from etsyml_cli.cli.settings import settings
from tests.conftest import REPOSITORY

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
EQUATIONS = REPOSITORY / "docs/equations.md"
PACKAGE = REPOSITORY / "etsyml_cli"
ROOMS = "|".join(sorted(room.name for room in PACKAGE.iterdir() if (room / "__init__.py").exists()))
NAME = re.compile(rf"`((?:{ROOMS})(?:\.\w+)+)`")
VENUE = re.compile(r"\b[A-Z]\w+'\d\d\b")
COMMAND = re.compile(r"`(etsyml [^`\n]+)`|^(?:\$ )?(etsyml .*)$", re.MULTILINE)
CONFIG_OF = {"extract-images": "images", "sample-data": "sample"}
END_OF_COMMAND = {"|", ";", "&&", "#", ">", "<"}


def commands_of(text: str) -> list[str]:
    """Every command in inline code and in blocks, as one line each."""
    joined = re.sub(r"\\\n>? *", "", text)
    return [inline or line for inline, line in COMMAND.findall(joined)]


def check_command(line: str) -> None:
    """Raises AssertionError if a command, option or setting does not exist."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((i for i, word in enumerate(words) if word in END_OF_COMMAND), len(words))]
    command: Any = typer.main.get_command(app)
    path: list[str] = []
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word.startswith("-"):
            assert word in options_of(command), line
            words = words[1:]
            continue
        assert word in command.commands, line
        command, path = command.commands[word], [*path, word]
    for word in words:
        assert not re.match(r"--?[a-z]", word) or word.split("=")[0] in options_of(command), f"{word}: {line}"
    assignments = [value for option, value in pairwise(words) if option == "--set"]
    if assignments:
        name = words[0] if path == ["config", "show"] else path[-1]
        settings(CONFIG_OF.get(name, name), None, assignments)


def options_of(command: Any) -> set[str]:
    return {"--help", *(option for one in command.params for option in [*one.opts, *one.secondary_opts])}


@pytest.mark.parametrize("document", [path.name for path in DOCUMENTS])
def test_commands_options_and_settings_in_the_documents_are_there(document: str) -> None:
    text = next(path for path in DOCUMENTS if path.name == document).read_text(encoding="utf-8")
    for line in commands_of(text):
        check_command(line)


def test_functions_on_the_page_of_equations_are_there() -> None:
    named = NAME.findall(EQUATIONS.read_text(encoding="utf-8"))
    assert len(named) > 50
    for name in named:
        assert resolve_name(f"etsyml_cli.{name}"), name


def test_the_page_of_equations_names_every_paper_that_the_code_cites() -> None:
    page = EQUATIONS.read_text(encoding="utf-8")
    cited = {venue for path in PACKAGE.rglob("*.py") for venue in VENUE.findall(" ".join(docstrings(path)))}
    assert cited
    assert not {venue for venue in cited if venue not in page}


def docstrings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]


def test_what_is_not_there_is_noticed() -> None:
    for lie in ("etsyml foretell", "etsyml train ctr --depth 3", "etsyml rank --query x --style 3"):
        with pytest.raises(AssertionError):
            check_command(lie)
    with pytest.raises(Exception, match="alhpa"):
        check_command("etsyml train ctr --set alhpa=0.1")
    with pytest.raises(AttributeError):
        resolve_name("etsyml_cli.ads.model.ftrl.unlearn")
    assert commands_of("a `etsyml doctor` b\n```sh\netsyml rank --query a \\\n  -k 3\n```\n") == [
        "etsyml doctor",
        "etsyml rank --query a -k 3",
    ]
