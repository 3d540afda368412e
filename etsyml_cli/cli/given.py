"""Options given on the command line: duplicates and options without effect are refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand, TyperGroup

from etsyml_cli.cli.session import session
from etsyml_cli.core.errors import UsageError


class Once:
    """A command that refuses a second value for an option that takes one value; the parser would keep the last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # completion parses unfinished lines
            _, _, found = self.make_parser(ctx).parse_args(list(args))  # type: ignore[attr-defined]
            options = [param for param in found if param.param_type_name == "option"]
            for param, times in Counter(options).items():
                if times > 1 and _takes_one(param):
                    hint = "Give it once. For several values, run the command once for each."
                    raise UsageError(f"{_spelling(param)}: given {times} times, but it takes one value", hint=hint)
            session.given = {param.name: _spelling(param) for param in options}
        return super().parse_args(ctx, args)  # type: ignore[misc,no-any-return]


class Command(Once, TyperCommand):
    """A command of `etsyml`."""


class Group(Once, TyperGroup):
    """A group of commands."""


def refuse(when: str, *names: str, hint: str | None = None) -> None:
    """Raises UsageError if any of these parameters was given; they have no effect `when`."""
    given = [session.given[name] for name in names if name in session.given]
    if given:
        raise UsageError(f"{', '.join(given)}: no effect {when}", hint=hint or f"Leave out {' and '.join(given)}.")


def refuse_force_without_out(*, out: object) -> None:
    """Raises UsageError for --force without --out, for commands that write a file only with --out."""
    if out is None or str(out) == "-":
        refuse("without a file to replace", "force", hint="Leave out --force, or give the file with --out.")


def _takes_one(param: Any) -> bool:
    on_or_off = param.is_flag and not param.secondary_opts
    return not (param.multiple or param.count or on_or_off)


def _spelling(param: Any) -> str:
    return "/".join([max(param.opts, key=len), *param.secondary_opts])
