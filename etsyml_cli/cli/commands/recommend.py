"""`etsyml recommend --user`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session

if TYPE_CHECKING:
    from etsyml_cli.io.ranked import RankedList
    from etsyml_cli.personalization.recommend import ListOptions, RecommendInputs

MODELS = {"listings": "lda", "shops": "lda-shops", "users": "lda"}
ALL_USERS = "all"


@common_options
def recommend(
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="ID", help="User to recommend for; repeatable.")
    ] = None,
    users: Annotated[
        str | None,
        typer.Option(
            metavar="all|FILE|-", help="Recommend for all users, or for those in a file or stdin, one per line."
        ),
    ] = None,
    favorites: Annotated[
        str | None,
        typer.Option(
            metavar="L1,L2|FILE", help="Recommend for a new user with these favorites; in a file one per line."
        ),
    ] = None,
    what: Annotated[str, typer.Option(metavar="listings|shops|users", help="Kind of recommendations.")] = "listings",
    by_style: Annotated[bool, typer.Option("--by-style", help="Write one list per main style of the user.")] = False,
    per_shop: Annotated[
        int | None, typer.Option(callback=options.within(1), metavar="N", help="List at most N listings per shop.")
    ] = None,
    new_listings: Annotated[
        bool,
        typer.Option(
            "--new-listings", help="Recommend only listings without favorites, by their similarity to others."
        ),
    ] = False,
    candidates: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recommend only the listings in this file: lines, CSV or Parquet."),
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Never recommend the listings in this file.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help='Recommend only listings that meet this, such as "price < 50".'),
    ] = None,
    diversity: Annotated[
        float,
        typer.Option(
            callback=options.within(0.0, 1.0), metavar="0..1", help="Prefer listings of different styles by this much."
        ),
    ] = 0.0,
    k: options.TopK = 10,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen/--include-seen", help="Exclude or include the user's own favorites.")
    ] = True,
    recommender: Annotated[
        str | None, typer.Option(metavar="NAME", help="Recommender to use, such as item-knn [default: mix].")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add the reasons for each score.")] = False,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="exact|lsh|minhash", help="Search method for similar users [default: by number of users]."
        ),
    ] = None,
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Recommend listings, shops or similar users.

    Scores combine style profiles and neighbors of the user's favorites. Unknown users get popular listings,
    marked "fallback": true; describe a new user with --favorites. Sold-out listings and the user's own are
    excluded. On a terminal the lists of --users are written to lists/recommend.jsonl in the workspace; an
    interrupted run over all users resumes where it stopped.

    \b
    Examples:
      etsyml recommend --user U17
      etsyml recommend --user U17 --by-style
      etsyml recommend --favorites L17,L42 --explain
      etsyml recommend --user U17 --what users
      etsyml recommend --user U17 --where "price < 50" --diversity 0.3
      etsyml recommend --users all -k 20 --per-shop 2 --out lists.jsonl
    """
    from etsyml_cli.core.errors import UsageError, did_you_mean
    from etsyml_cli.personalization import recommend as stage
    from etsyml_cli.personalization.model.recommender import MIX
    from etsyml_cli.personalization.store import LISTINGS, SHOPS, expect_things

    if what not in MODELS:
        raise UsageError(f"--what {what}: expected listings, shops or users", hint=did_you_mean(what, MODELS))
    if what != "listings" and (per_shop or new_listings):
        raise UsageError("--per-shop and --new-listings need --what listings")
    _refuse_without_effect(what, users, out, new_listings=new_listings, by_style=by_style)
    if diversity and ".trec" in (out and out.suffix.lower(), f".{text_format}"):
        raise UsageError("--diversity: TREC runs are ordered by score only", hint="Write .jsonl, .csv or .parquet.")
    place = session.workspace
    if what == "users":
        if favorites or by_style or explain or not exclude_seen:
            raise UsageError(
                "--what users cannot be combined with --favorites, --by-style, --explain and --include-seen"
            )
        from etsyml_cli.personalization.similar_users import similar_users

        user_ids = None if users == ALL_USERS else _user_ids(user, users)
        found = similar_users(model=model or place.model("lda"), users=user_ids, k=k, method=method)
        _output(found, many=bool(users), out=out, text_format=text_format, force=force)
        return
    if method is not None:
        raise UsageError("--method needs --what users")
    user_ids = None if favorites is not None or users == ALL_USERS else _user_ids(user, users)
    styles = model or place.model(MODELS[what])
    expect_things(styles, SHOPS if what == SHOPS else LISTINGS)
    if new_listings and (favorites is not None or explain or by_style):
        raise UsageError("--new-listings cannot be combined with --favorites, --explain or --by-style")
    if new_listings and images is None:
        from etsyml_cli.photos.choose import features_to_train_on

        images = features_to_train_on(place.all_images())
    inputs = stage.RecommendInputs(styles, listings or place.table_if_exists("listings"), images, candidates, exclude)
    wanted = stage.ListOptions(
        k, exclude_seen, per_shop, by_style, explain, recommender or MIX, diversity, new_listings, where
    )
    if favorites is not None:
        if users or len(user or []) > 1:
            raise UsageError("--favorites describes a single user", hint="Give one name with --user ID, or none.")
        ids = _read_ids(favorites) if Path(favorites).is_file() else [one for one in favorites.split(",") if one]
        found = stage.recommend_to_new_user(inputs, user[0] if user else "new", ids, wanted)
    elif users == ALL_USERS:
        _write_for_all_users(inputs, wanted, out or place.lists() / "recommend.jsonl", force=force or out is None)
        return
    else:
        found = stage.recommend(inputs, user_ids, wanted)
    _output(found, many=bool(users), out=out, text_format=text_format, force=force)


def _refuse_without_effect(
    what: str, users: str | None, out: Path | None, *, new_listings: bool, by_style: bool
) -> None:
    lists.refuse_without_effect(out)
    if users == ALL_USERS:
        refuse("with --users all", "user")
        if what != "users":
            refuse("with --users all, which writes to a file", "text_format")
    if what == "users":
        refuse("with --what users", "listings", "recommender", "diversity")
    if what != "listings":
        refuse(f"with --what {what}", "candidates", "exclude", "where")
    if not new_listings:
        refuse("without --new-listings", "images")
    else:
        refuse("with --new-listings, which have no favorites", "exclude_seen")
    if by_style:
        refuse("with --by-style", "explain", "recommender", "diversity")


def _output(found: Iterable[RankedList], *, many: bool, out: Path | None, text_format: str | None, force: bool) -> None:
    if many and out is None and show.is_interactive() and text_format is None:
        out, force = session.workspace.lists() / "recommend.jsonl", True  # too many lists for a terminal
    lists.output_lists(found, subject="user_id", out=out, text_format=text_format, force=force)


def _user_ids(user: list[str] | None, users: str | None) -> list[str]:
    user_ids = [*(user or []), *(_read_ids(users) if users else [])]
    if not user_ids:
        from etsyml_cli.core.errors import UsageError

        raise UsageError("no user given", hint="Give a user with --user ID, or several with --users FILE.")
    return user_ids


def _read_ids(path: str) -> list[str]:
    from etsyml_cli.io.text import read_text

    text = read_text(Path("/dev/stdin" if path == "-" else path))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _write_for_all_users(inputs: RecommendInputs, wanted: ListOptions, out: Path, *, force: bool) -> None:
    """Write the lists of all users; an interrupted run to JSON Lines resumes where it stopped."""
    from dataclasses import asdict

    from etsyml_cli.io.artifact import Plan, source_of
    from etsyml_cli.io.runs import write_lists, write_lists_resumably
    from etsyml_cli.io.summary import Summary
    from etsyml_cli.personalization.recommend import recommend as run

    def from_user(first: int) -> Iterator[RankedList]:
        return run(inputs, None, wanted, first=first)

    if out.suffix.lower() == ".jsonl" and not wanted.by_style:
        sources = {name: [source_of(path)] for name, path in asdict(inputs).items() if path is not None}
        plan = Plan(kind="lists", config=asdict(wanted), inputs=sources)
        count = write_lists_resumably(from_user, out, plan, force=force)
    else:
        count = write_lists(from_user(0), out, subject="user_id", force=force)
    show.summary(Summary(kind="lists", path=str(out), rows={"lists": count}))
