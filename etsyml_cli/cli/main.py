"""`etsyml`: the table of commands, and the one place that turns errors into messages and exit codes.

A command is one file in `commands/` and one line in COMMANDS. It imports nothing heavy until it runs.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from etsyml_cli import __version__
from etsyml_cli.cli.given import Command, Group
from etsyml_cli.cli.session import WORKSPACE_HELP, OutputClosed, in_this_workspace, session, start_session
from etsyml_cli.cli.shortage import shortage_of
from etsyml_cli.core.errors import EtsymlError, InputError, UsageError
from etsyml_cli.core.printable import printable
from etsyml_cli.core.registry import resolve

EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

HERE = "etsyml_cli.cli.commands"

COMMANDS = {  # in the order of the pipeline
    "demo": f"{HERE}.demo:demo",
    "sample-data": f"{HERE}.sample_data:sample_data",
    "ingest": f"{HERE}.ingest:ingest",
    "extract-images": f"{HERE}.extract_images:extract_images",
    "train": f"{HERE}.train:app",
    "evaluate": f"{HERE}.evaluate:evaluate",
    "compare": f"{HERE}.compare:compare",
    "index": f"{HERE}.index:app",
    "rank": f"{HERE}.rank:rank",
    "similar": f"{HERE}.similar:similar",
    "recommend": f"{HERE}.recommend:recommend",
    "styles": f"{HERE}.styles:styles",
    "score": f"{HERE}.score:score",
    "weights": f"{HERE}.weights:weights",
    "auction": f"{HERE}.auction:auction",
    "report": f"{HERE}.report:report",
    "inspect": f"{HERE}.inspect:inspect",
    "config": f"{HERE}.config:app",
    "doctor": f"{HERE}.doctor:doctor",
}


class InOrder(Group):
    """Lists the commands in the order of COMMANDS; typer would list groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)


app = typer.Typer(
    name="etsyml",
    cls=InOrder,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: quick to show, easy to paste
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"etsyml {__version__}")
        raise typer.Exit


@app.callback()
def root(
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", metavar="DIR", help=WORKSPACE_HELP)] = None,
    version: Annotated[  # noqa: ARG001  its callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search ranking, personalization and ad click prediction on a marketplace's own logs.

    The pipeline is ingest, extract-images, train and evaluate, then rank, recommend or score.
    `etsyml demo` runs all of it on sample data.
    """
    session.workspace_root = workspace


for name in COMMANDS:
    command = resolve(COMMANDS, name, "command")
    if isinstance(command, typer.Typer):
        for registered in command.registered_commands:
            registered.cls = Command
        app.add_typer(command, name=name)
    else:
        app.command(name, cls=Command)(command)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    start_session()
    open_streams()
    try:
        expect_text(sys.argv[1:] if arguments is None else arguments)
        code = app(args=arguments, prog_name="etsyml", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except EtsymlError as error:
        return _report_error(error)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            print(error.format_message(), file=sys.stderr)  # noqa: T201
            return EXIT_USAGE
        return _print_error(error.format_message(), hint=_help_of(error), code=EXIT_USAGE)
    except (OutputClosed, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not fail
        return EXIT_BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        return _print_error("interrupted", hint=None, code=EXIT_INTERRUPTED)
    except Exception as error:
        if shortage := shortage_of(error, session.workspace.root):
            return _report_error(shortage)
        return _report_error(_file_error(error)) if isinstance(error, OSError) else _report_bug(error)


def open_streams() -> None:
    """Write UTF-8 in any locale; a stream that is already closed is replaced by the null device."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  stays open until exit
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def expect_text(arguments: list[str]) -> None:
    """Raises UsageError if an argument is not text in the encoding of the locale."""
    for argument in arguments:
        if any("\udc80" <= character <= "\udcff" for character in argument):
            raise UsageError(f"the argument {argument!r} is not UTF-8 text")


def _file_error(error: OSError) -> InputError:
    """An error of the operating system, such as permission denied, with its message and path."""
    path = f"{error.filename}: " if error.filename else ""
    return InputError(f"{path}{(error.strerror or str(error)).lower()}")


def _help_of(error: TyperException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"See: {context.command_path} --help" if context else None


def _report_error(error: EtsymlError) -> int:
    if session.verbose > 1:
        traceback.print_exc()
    return _print_error(error.message, error.hint, error.exit_code)


def _report_bug(error: Exception) -> int:
    if session.verbose > 1:
        traceback.print_exc()
    return _print_error(
        f"internal error (please report): {type(error).__name__}: {error}",
        hint="Run the command again with -vv and report the output.",
        code=EXIT_BUG,
    )


def _print_error(message: str, hint: str | None, code: int) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"  {printable(in_this_workspace(hint))}", file=sys.stderr)  # noqa: T201
    return code
