"""`etsyml styles`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etsyml_cli.cli import complete, lists, options, show
from etsyml_cli.cli.given import refuse_force_without_out
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.errors import UsageError

if TYPE_CHECKING:
    from etsyml_cli.personalization.style_output import NamedListing, Style, StyleListing, StyleProfile

OF_STYLE = ("style", "label", "share", "coherence", "rank", "id", "score", "probability", "lift", "title")
OF_SUBJECT = ("rank", "style", "label", "probability", "lift")
SHORT, LONG = 10, 30  # listings and words of each style
TITLES_DRAWN, WIDTH_OF_TITLE = 2, 40


@common_options
def styles(
    style: Annotated[
        list[int] | None,
        typer.Option(
            "--style",
            metavar="N",
            help="Show this style, with longer lists; repeatable.",
            autocompletion=complete.styles,
        ),
    ] = None,
    listing: Annotated[
        list[str] | None, typer.Option("--listing", metavar="ID", help="Show the styles of this listing; repeatable.")
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="ID", help="Show the style profile of this user; repeatable.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="share|coherence|number", help="Order of the styles [default: share].")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "-k", callback=options.within(1), metavar="N", help="Listings per style [default: 10, or 30 with --style]."
        ),
    ] = None,
    model: options.Model = None,
    listings: options.Listings = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Show the learned styles, or the profile of a user.

    Styles are numbered as in the model of `etsyml train lda`. Share is the mean share of a style in the
    profiles of all users. Coherence is how often its top listings are favorited together, from -1 (never)
    to 1 (always); 0 is chance. CSV and Parquet files have one row per listing of a style, or per style of
    a user or listing.

    \b
    Examples:
      etsyml styles
      etsyml styles --sort coherence -k 20 --out styles.csv
      etsyml styles --style 3 --style 7
      etsyml styles --user U17
      etsyml styles --listing L17
    """
    from etsyml_cli.personalization.styles import styles as run_styles
    from etsyml_cli.personalization.styles import styles_of

    if [bool(style), bool(listing), bool(user)].count(True) > 1:
        raise UsageError("give at most one of --style, --listing and --user")
    if sort and (listing or user):
        raise UsageError("--sort cannot be combined with --listing or --user")
    refuse_force_without_out(out=out)
    place = session.workspace
    length = k or (LONG if style else SHORT)
    inputs: dict[str, Any] = {"model": model or place.model("lda"), "k": length}
    inputs["listings"] = listings or place.table_if_exists("listings")
    if listing or user:
        subject = "user_id" if user else "listing_id"
        profiles = list(styles_of(**inputs, users=user or [], of_listings=listing or []))
        if not _output(profiles, subject, (subject, *OF_SUBJECT), out, force):
            for profile in profiles:
                _draw_parts(profile)
    else:
        found = run_styles(**inputs, numbers=style, order=sort, n_words=LONG if style else SHORT)
        if not _output(found, "style", OF_STYLE, out, force):
            _draw_styles(found, in_full=bool(style))


def _output(
    found: Sequence[Style | StyleProfile], subject: str, columns: Sequence[str], out: Path | None, force: bool
) -> bool:
    """Write or print the objects; False if they are to be drawn as tables."""
    from msgspec import to_builtins

    from etsyml_cli.io.runs import print_documents

    if out is None and not session.json and show.is_interactive():
        return False
    plain = to_builtins(found)
    if out is not None and str(out) != "-":
        lists.write_documents(plain, out, force, columns)
    elif session.json:
        whole = {"schema_version": show.SCHEMA_VERSION, "styles" if subject == "style" else "lists": plain}
        show.print_json(plain[0] if len(plain) == 1 else whole)
    else:
        print_documents(plain, sys.stdout)
    return True


def _draw_styles(found: list[Style], *, in_full: bool) -> None:
    if not in_full:
        _draw_all(found)
        return
    for one in found:
        _draw_style(one)


def _draw_all(found: list[Style]) -> None:
    """A table with one row per style."""
    rows = [
        [
            str(one.style),
            one.label,
            _titles(one.items),
            f"{one.share:.1%}",
            f"{one.coherence:.2f}",
        ]
        for one in found
    ]
    show.table("", ["style", "label", "typical listings", "share", "coherence"], rows, numbers_from=3)


def _draw_style(one: Style) -> None:
    """The words, shops, nearest styles and listings of one style."""
    near = ", ".join(f"{other.style} ({other.similarity:.2f})" for other in one.nearest)
    typer.echo(f"style {one.style}: {one.label}")
    typer.echo(f"  share: {one.share:.1%}, coherence: {one.coherence:.2f}")
    names = {"words": [word.word for word in one.words], "shops": [shop.shop_id for shop in one.shops]}
    for name, typical in names.items():
        if typical:
            typer.echo(f"  {name}: {', '.join(typical)}")
    if near:
        typer.echo(f"  near: {near}")
    rows = [
        [item.title or "", item.id, str(item.rank), f"{item.probability:.4f}", f"{item.lift:.1f}"] for item in one.items
    ]
    show.table("", ["title", "listing", "rank", "probability", "lift"], rows, numbers_from=2)


def _draw_parts(one: StyleProfile) -> None:
    """The styles whose share of a user or listing is above their average over users."""
    above = [item for item in one.items if item.lift > 1]
    rows = [
        [
            str(item.style),
            item.label,
            _titles(item.listings),
            f"{item.probability:.1%}",
            f"{item.lift:.1f}",
        ]
        for item in above
    ]
    title = f"{one.subject}: {len(above)} of {len(one.items)} styles are above average"
    show.table(title, ["style", "label", "typical listings", "part", "lift"], rows, numbers_from=3)


def _titles(items: Sequence[StyleListing | NamedListing]) -> str:
    """The first titles, each cut to a width; ids if there are no titles."""
    names = [item.title or item.id for item in items[:TITLES_DRAWN]]
    return "; ".join(lists.shortened(name, WIDTH_OF_TITLE) for name in names)
