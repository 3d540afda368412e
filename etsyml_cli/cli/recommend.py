"""`etsyml recommend --user`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.session import common_options, session


@common_options
def recommend(
    user: Annotated[list[str] | None, typer.Option("--user", metavar="ID", help="For whom; repeatable.")] = None,
    users: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="A file with one user a line, or - for stdin.")
    ] = None,
    k: options.TopK = 10,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen/--include-seen", help="Leave out what the user has favorited.")
    ] = True,
    model: options.Model = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Recommend listings to users by their style profiles.

    An unknown user gets the popular listings, marked "fallback": true. On a terminal the lists of --users
    go to lists/recommend.jsonl in the workspace.

    \b
    Examples:
      etsyml recommend --user U17
      etsyml recommend --user U17 --user U18 -k 20 --out lists.jsonl
    """
    from etsyml_cli.core.errors import UsageError
    from etsyml_cli.stages.recommend import recommend as run_recommend

    asked = [*(user or []), *_listed(users)]
    if not asked:
        raise UsageError("nobody to recommend to", hint="Name a user with --user ID, or many with --users FILE.")
    place = session.workspace
    recommended = run_recommend(model=model or place.model("lda"), users=asked, k=k, exclude_seen=exclude_seen)
    if users and out is None and show.for_a_person() and text_format is None:
        out, force = place.lists() / "recommend.jsonl", True  # nobody reads many lists on a terminal
    lists.give(recommended, subject="user_id", out=out, text_format=text_format, force=force)


def _listed(users: str | None) -> list[str]:
    if users is None:
        return []
    from etsyml_cli.io.text import read_text

    text = read_text(Path("/dev/stdin" if users == "-" else users))
    return [line.strip() for line in text.splitlines() if line.strip()]
