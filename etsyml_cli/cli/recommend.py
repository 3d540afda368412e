"""`etsyml recommend --user`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session

MODELS = {"listings": "lda", "shops": "lda-shops", "users": "lda"}
EVERYBODY = "all"
INPUTS = ("model", "listings", "images")


@common_options
def recommend(
    user: Annotated[list[str] | None, typer.Option("--user", metavar="ID", help="For whom; repeatable.")] = None,
    users: Annotated[
        str | None, typer.Option(metavar="all|FILE|-", help="All users, or a file with one a line, or - for stdin.")
    ] = None,
    favorites: Annotated[
        str | None, typer.Option(metavar="L1,L2|FILE", help="For somebody new, who favorited these listings.")
    ] = None,
    what: Annotated[str, typer.Option(metavar="listings|shops|users", help="What to recommend.")] = "listings",
    by_style: Annotated[bool, typer.Option("--by-style", help="A list for each of the user's main styles.")] = False,
    per_shop: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many of one shop.")] = None,
    new_listings: Annotated[
        bool, typer.Option("--new-listings", help="Only listings that nobody had favorited, by what they are like.")
    ] = False,
    k: options.TopK = 10,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen/--include-seen", help="Leave out what the user has favorited.")
    ] = True,
    recommender: Annotated[
        str | None, typer.Option(metavar="NAME", help="The recommender to use, such as item-knn [mix].")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what made each score.")] = False,
    method: Annotated[
        str | None, typer.Option(metavar="exact|lsh|minhash", help="How similar users are found [by their number].")
    ] = None,
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Recommend listings, shops or similar users by style profiles and by what is like a user's favorites.

    An unknown user gets the popular listings, marked "fallback": true; somebody new is known by --favorites.
    Sold-out listings and a user's own are left out. On a terminal the lists of --users go to
    lists/recommend.jsonl in the workspace; a run over all users that was stopped goes on where it was.

    \b
    Examples:
      etsyml recommend --user U17
      etsyml recommend --user U17 --by-style
      etsyml recommend --favorites L17,L42 --explain
      etsyml recommend --user U17 --what users
      etsyml recommend --users all -k 20 --per-shop 2 --out lists.jsonl
    """
    from etsyml_cli.core.errors import UsageError, did_you_mean
    from etsyml_cli.personalization import recommend as stage
    from etsyml_cli.personalization.model.recommender import MIX
    from etsyml_cli.personalization.store import LISTINGS, SHOPS, expect_things

    if what not in MODELS:
        raise UsageError(f"--what {what}: nothing is recommended by that name", hint=did_you_mean(what, MODELS))
    if what != "listings" and (per_shop or new_listings):
        raise UsageError("--per-shop and --new-listings are for listings")
    _refuse_without_effect(what, users, out, new_listings=new_listings, by_style=by_style)
    place = session.workspace
    if what == "users":
        if favorites or by_style or explain or not exclude_seen:
            raise UsageError("--what users takes --user or --users, -k and --method, and nothing of listings")
        from etsyml_cli.personalization.similar_users import similar_users

        named = None if users == EVERYBODY else _named(user, users)
        found = similar_users(model=model or place.model("lda"), users=named, k=k, method=method)
        _give(found, many=bool(users), out=out, text_format=text_format, force=force)
        return
    if method is not None:
        raise UsageError("--method says how similar users are found", hint="Add --what users.")
    named = None if favorites is not None or users == EVERYBODY else _named(user, users)
    styles = model or place.model(MODELS[what])
    expect_things(styles, SHOPS if what == SHOPS else LISTINGS)
    common: dict[str, Any] = {
        "model": styles,
        "listings": listings or place.table_if_exists("listings"),
        "wish": stage.ListOptions(k, exclude_seen, per_shop, by_style, explain, recommender or MIX),
    }
    new: dict[str, Any] = {}
    if new_listings:
        if favorites is not None or explain or by_style:
            raise UsageError("--new-listings goes with none of --favorites, --explain and --by-style")
        from etsyml_cli.photos.choose import features_to_train_on

        new = {"new_listings": True, "images": images or features_to_train_on(place.all_images())}
    if favorites is not None:
        if users or len(user or []) > 1:
            raise UsageError("--favorites are of one person", hint="Name the person with --user, or nobody.")
        asked = _listed(favorites) if Path(favorites).is_file() else [one for one in favorites.split(",") if one]
        found = stage.recommend_newcomer(name=user[0] if user else "new", favorites=asked, **common)
    elif users == EVERYBODY:
        _give_everybody(common | new, out or place.lists() / "recommend.jsonl", force=force or out is None)
        return
    else:
        found = stage.recommend(users=named, **new, **common)
    _give(found, many=bool(users), out=out, text_format=text_format, force=force)


def _refuse_without_effect(
    what: str, users: str | None, out: Path | None, *, new_listings: bool, by_style: bool
) -> None:
    lists.refuse_without_effect(out)
    if users == EVERYBODY:
        refuse("with --users all", "user")
        if what != "users":
            refuse("with --users all, which writes to a file", "text_format")
    if what == "users":
        refuse("with --what users", "listings", "recommender")
    if not new_listings:
        refuse("without --new-listings", "images")
    else:
        refuse("with --new-listings, which nobody has favorited", "exclude_seen")
    if by_style:
        refuse("with --by-style", "explain", "recommender")


def _give(
    found: Iterable[dict[str, Any]], *, many: bool, out: Path | None, text_format: str | None, force: bool
) -> None:
    if many and out is None and show.is_interactive() and text_format is None:
        out, force = session.workspace.lists() / "recommend.jsonl", True  # nobody reads many lists on a terminal
    lists.output_lists(found, subject="user_id", out=out, text_format=text_format, force=force)


def _named(user: list[str] | None, users: str | None) -> list[str]:
    named = [*(user or []), *(_listed(users) if users else [])]
    if not named:
        from etsyml_cli.core.errors import UsageError

        raise UsageError("nobody to recommend to", hint="Name a user with --user ID, or many with --users FILE.")
    return named


def _listed(path: str) -> list[str]:
    from etsyml_cli.io.text import read_text

    text = read_text(Path("/dev/stdin" if path == "-" else path))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _give_everybody(common: dict[str, Any], out: Path, *, force: bool) -> None:
    """Every user's lists into a file; JSON Lines go on where a stopped run left them."""
    import msgspec

    from etsyml_cli.io.artifact import Plan, source_of
    from etsyml_cli.io.runs import write_lists, write_lists_resumably
    from etsyml_cli.io.summary import Summary
    from etsyml_cli.personalization.recommend import recommend as run

    def from_user(first: int) -> Iterator[dict[str, Any]]:
        return run(users=None, first=first, **common)

    if out.suffix.lower() == ".jsonl" and not common["wish"].by_style:
        sources = {name: [source_of(path)] for name in INPUTS if (path := common.get(name)) is not None}
        settings = msgspec.to_builtins(common["wish"]) | {"new_listings": "new_listings" in common}
        plan = Plan(kind="lists", config=settings, inputs=sources)
        count = write_lists_resumably(from_user, out, plan, force=force)
    else:
        count = write_lists(from_user(0), out, subject="user_id", force=force)
    show.summary(Summary(kind="lists", path=str(out), rows={"lists": count}))
