"""What the common options said, and how this run speaks: stdout for data, stderr for talk."""

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
COMMAND = re.compile(r"(?<!`)\betsyml (?!-w )")  # one to run, not one that a text talks of


@dataclass
class Session:
    """The common options of the command that runs; `main` starts each run with a new one."""

    workspace_root: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    given: dict[str, str] = field(default_factory=dict)  # parameters on the command line, by name: how they are written

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.workspace_root or Path(os.environ.get("ETSYML_WORKSPACE") or DEFAULT_WORKSPACE))


session = Session()


class OutputClosed(Exception):  # noqa: N818  nothing went wrong: the reader has read enough
    """Whoever read our stdout has closed it."""


def in_this_workspace(text: str) -> str:
    """`text` whose commands name the workspace that this run was given, so that they work as they are written."""
    if session.workspace_root is None:
        return text
    return COMMAND.sub(f"etsyml -w {shlex.quote(str(session.workspace_root))} ", text)


def start_session() -> None:
    """Forget what an earlier command in this process was told."""
    session.__dict__.update(Session().__dict__)


_COMMON: dict[str, Any] = {
    "workspace": Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", metavar="DIR", help="Where stages find each other [$ETSYML_WORKSPACE or work]."
        ),
    ],
    "json": Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")],
    "verbose": Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv shows tracebacks.")],
}


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that every command has; what they say is found in `session`."""

    @functools.wraps(command)
    def with_session(**arguments: Any) -> None:
        said = {name: arguments.pop(name) for name in _COMMON}
        if said["workspace"] and session.workspace_root:
            raise UsageError("--workspace: given before and after the command", hint="Give it once.")
        session.workspace_root = said["workspace"] or session.workspace_root
        session.json |= said["json"]
        session.quiet |= said["quiet"]
        session.verbose = max(session.verbose, said["verbose"])
        talk_to_stderr()
        try:
            command(**arguments)
        except BrokenPipeError as error:
            raise OutputClosed from error  # typer would end the program with 1

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


def talk_to_stderr() -> None:
    """Log lines to stderr; a progress bar only where a person looks at it."""
    log.logger.handlers = [_ToStderr()]
    log.logger.propagate = False
    log.logger.setLevel(logging.WARNING if session.quiet else logging.DEBUG if session.verbose else logging.INFO)
    looked_at = sys.stderr.isatty() and not session.quiet and os.environ.get("TERM") != "dumb"
    log.show_progress_with(_bar if looked_at else log.progress_lines)


class _ToStderr(logging.Handler):
    """Writes to what stderr is at the time: a progress bar puts itself in its place and makes room for the line."""

    def emit(self, record: logging.LogRecord) -> None:
        warning = "warning: " if record.levelno >= logging.WARNING else ""
        print(f"{warning}{printable(record.getMessage())}", file=sys.stderr)  # noqa: T201


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
