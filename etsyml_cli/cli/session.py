"""Values of the common options, and where a run writes: data to stdout, log messages to stderr."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.core import log
from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.printable import printable
from etsyml_cli.io.workspace import Workspace

DEFAULT_WORKSPACE = Path("work")
COMMAND = re.compile(r"(?<!`)\betsyml (?!-w )")  # a command to run, not one that a text mentions


@dataclass
class Session:
    """The common options of the current command; `main` resets it before each run."""

    workspace_root: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    given: dict[str, str] = field(default_factory=dict)  # parameters on the command line: name -> spelling

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.workspace_root or Path(os.environ.get("ETSYML_WORKSPACE") or DEFAULT_WORKSPACE))


session = Session()


class OutputClosed(Exception):  # noqa: N818  not an error: the reader needs no more output
    """The reader of stdout has closed the pipe."""


def in_this_workspace(text: str) -> str:
    """`text` with `-w` added to its commands if this run was given a workspace, so that they work as written."""
    if session.workspace_root is None:
        return text
    return COMMAND.sub(f"etsyml -w {shlex.quote(str(session.workspace_root))} ", text)


def start_session() -> None:
    """Reset the options of an earlier command in this process."""
    session.__dict__.update(Session().__dict__)


WORKSPACE_HELP = "Directory of tables, features, models and reports [default: $ETSYML_WORKSPACE or work]."

_COMMON: dict[str, Any] = {
    "workspace": Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help=WORKSPACE_HELP),
    ],
    "json": Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")],
    "verbose": Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Print more details; -vv prints tracebacks."
        ),
    ],
}


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every command has; their values are stored in `session`."""

    @functools.wraps(command)
    def with_session(**arguments: Any) -> None:
        values = {name: arguments.pop(name) for name in _COMMON}
        if values["workspace"] and session.workspace_root:
            raise UsageError("--workspace: given before and after the command", hint="Give it once.")
        session.workspace_root = values["workspace"] or session.workspace_root
        session.json |= values["json"]
        session.quiet |= values["quiet"]
        session.verbose = max(session.verbose, values["verbose"])
        log_to_stderr()
        try:
            command(**arguments)
        except BrokenPipeError as error:
            raise OutputClosed from error  # typer would exit with 1

    signature = inspect.signature(command, eval_str=True)
    common = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default={"workspace": None, "verbose": 0}.get(name, False),
            annotation=kind,
        )
        for name, kind in _COMMON.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    with_session.__signature__ = signature.replace(parameters=[*parameters, *common])  # type: ignore[attr-defined]
    with_session.__annotations__ = {p.name: p.annotation for p in [*parameters, *common]}
    return with_session


def log_to_stderr() -> None:
    """Send log messages to stderr, and progress bars too if it is a terminal."""
    log.logger.handlers = [_ToStderr()]
    log.logger.propagate = False
    log.logger.setLevel(logging.WARNING if session.quiet else logging.DEBUG if session.verbose else logging.INFO)
    has_bar = sys.stderr.isatty() and not session.quiet and os.environ.get("TERM") != "dumb"
    log.show_progress_with(_bar if has_bar else log.progress_lines)


class _ToStderr(logging.Handler):
    """Writes to the current sys.stderr, which a progress bar replaces to make room for the line."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        warning = "warning: " if record.levelno >= logging.WARNING else ""
        line = f"{warning}{printable(record.getMessage())}"
        if getattr(record, "once", False):
            if line in self._shown:
                return
            self._shown.add(line)
        print(line, file=sys.stderr)  # noqa: T201


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[log.Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def advance(n: int = 1) -> None:
            bar.advance(task, n)

        yield advance
