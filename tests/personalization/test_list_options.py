"""Options of lists: by style, of shops, for new users, with reasons, with a limit per shop, for all users."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.model import load_tensors, save_tensors
from etsyml_cli.io.runs import write_lists_resumably
from etsyml_cli.personalization.recommend import ListOptions, RecommendInputs, recommend_to_new_user
from etsyml_cli.personalization.store import load_model
from etsyml_cli.personalization.styles import styles
from tests.conftest import Etsyml
from tests.lda_chain import CONFIG, ids, recommend, table_of, train, two_tastes
from tests.places import names_in


@pytest.fixture(scope="module")
def favorites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_of(two_tastes(), tmp_path_factory.mktemp("tables") / "favorites.parquet")


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """L00..L39: four shops of ten, S1 owned by U2; L05 is sold out; L39 has no shop."""
    place = tmp_path_factory.mktemp("tables")
    rows = [
        f"L{i:02},Thing {i},{'' if i == 39 else f'S{i // 10}'},{'U2' if i // 10 == 1 else ''},{0 if i == 5 else 3}"
        for i in range(40)
    ]
    (place / "listings.csv").write_text("\n".join(["listing_id,title,shop_id,owner_id,quantity", *rows]) + "\n")
    ingest("listings", [str(place / "listings.csv")], out=place / "listings.parquet", config=IngestConfig())
    return place / "listings.parquet"


@pytest.fixture(scope="module")
def model(favorites: Path, listings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "lda"
    train(favorites, out, listings=listings)
    return out


def shop_of(listing_id: str) -> int:
    return int(listing_id[1:]) // 10


def test_sold_out_and_own_listings_are_left_out(model: Path, listings: Path) -> None:
    everything = {
        one for listed in recommend(model=model, users=["U2"], k=40, exclude_seen=False) for one in ids(listed)
    }
    [listed] = recommend(model=model, users=["U2"], k=40, exclude_seen=False, listings=listings)
    assert set(ids(listed)) == {one for one in everything if one != "L05" and shop_of(one) != 1}
    assert "L05" in everything
    [other] = recommend(model=model, users=["U4"], k=40, listings=listings)
    assert {shop_of(one) for one in ids(other)} >= {0, 1}


@pytest.mark.parametrize("per_shop", [1, 3])
def test_the_number_of_listings_per_shop_is_limited(model: Path, listings: Path, per_shop: int) -> None:
    users = [f"U{i}" for i in range(8)]
    whole = recommend(model=model, users=users, k=40, listings=listings)
    thinned = recommend(model=model, users=users, k=7, listings=listings, per_shop=per_shop)
    for all_of_them, listed in zip(whole, thinned, strict=True):
        expected, count = [], {}
        for one in ids(all_of_them):
            shop = one if one == "L39" else shop_of(one)
            count[shop] = count.get(shop, 0) + 1
            expected += [one] if count[shop] <= per_shop else []
        assert ids(listed) == expected[:7]


def test_each_main_style_has_a_list_of_its_own(model: Path) -> None:
    lists = list(recommend(model=model, users=["U3", "nobody"], k=4, by_style=True))
    of_known = [one for one in lists if one["user_id"] == "U3"]
    loaded = load_model(model)
    theta = loaded.parameters.theta[loaded.user_ids.index("U3")]
    assert [one["style"] for one in of_known] == np.argsort(-theta, kind="stable")[:3].tolist()
    assert [one["share"] for one in of_known] == pytest.approx(np.sort(theta)[::-1][:3].tolist())
    shown = [listing for one in of_known for listing in ids(one)]
    assert len(shown) == len(set(shown)) == 12
    first = of_known[0]
    beta = loaded.parameters.beta[first["style"]]
    best = [i["score"] for i in first["items"]]
    assert best == pytest.approx([beta[loaded.listing_ids.index(one)] for one in ids(first)])
    assert [one["fallback"] for one in lists] == [False] * 3 + [True]
    assert "style" not in lists[-1]


@pytest.mark.parametrize(("recommender", "kind"), [("lda", "style"), ("item-knn", "favorite"), ("mix", None)])
def test_reasons_add_up_to_the_score_and_name_what_the_user_favorited(
    model: Path, recommender: str, kind: str | None
) -> None:
    own = {listing for user, listing, _ in two_tastes() if user == "U3"}
    [listed] = recommend(model=model, users=["U3"], k=6, explain=True, recommender=recommender)
    for item in listed["items"]:
        assert sum(reason["adds"] for reason in item["why"]) == pytest.approx(item["score"], rel=1e-4)
        assert {reason["id"] for reason in item["why"] if reason["what"] == "favorite"} <= own
        assert item["why"] and (kind is None or any(reason["what"] == kind for reason in item["why"]))


def test_reasons_name_styles_and_titles_and_count_the_other_users_of_both_listings(model: Path, listings: Path) -> None:
    loaded = load_model(model)
    users: dict[str, set[int]] = {}
    for user, listing in zip(loaded.train.users().tolist(), loaded.train.indices.tolist(), strict=True):
        users.setdefault(loaded.listing_ids[listing], set()).add(user)
    labels = {style.style: style.label for style in styles(model=model, listings=listings, k=1)}
    me = loaded.user_ids.index("U3")
    reasons = []
    for recommender in ("lda", "item-knn"):
        ask = {"explain": True, "exclude_seen": False, "recommender": recommender, "listings": listings}
        [listed] = recommend(model=model, users=["U3"], k=40, **ask)
        reasons += [(item["id"], reason) for item in listed["items"] for reason in item["why"]]
    favorites = [(listing, reason) for listing, reason in reasons if reason["what"] == "favorite"]
    assert favorites
    for listing, reason in favorites:
        assert reason["title"] == f"Thing {int(reason['id'][1:])}"
        assert reason["shared_users"] == len((users[listing] & users[reason["id"]]) - {me})
    of_styles = [reason for _, reason in reasons if reason["what"] == "style"]
    assert of_styles and all(reason["label"] == labels[reason["style"]] for reason in of_styles)
    assert all({"title", "label", "shared_users"}.isdisjoint(why) for _, why in reasons if "other" in why["what"])


def test_a_list_of_one_style_has_its_label(model: Path, listings: Path) -> None:
    labels = {style.style: style.label for style in styles(model=model, listings=listings, k=1)}
    lists = list(recommend(model=model, users=["U3"], k=2, by_style=True, listings=listings))
    assert [one["label"] for one in lists] == [labels[one["style"]] for one in lists]


@pytest.mark.parametrize(
    ("others", "words"), [(0, "no other user"), (1, "one other user"), (3, "shared by 3 users")], ids=str
)
def test_a_terminal_says_how_many_users_a_reason_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etsyml: Etsyml, others: int, words: str
) -> None:
    """U likes red and blue scarves, as do `others`; a crowd likes other things."""
    pairs = [("U", "red"), ("U", "blue")]
    pairs += [(f"V{i}", listing) for i in range(others) for listing in ("red", "blue")]
    pairs += [(f"W{i}", f"other{j}") for i in range(9) for j in range(i % 2, 6, 2)]
    rows = [f"{user},{listing}" for user, listing in pairs]
    (tmp_path / "f.csv").write_text("\n".join(["user_id,listing_id", *rows]) + "\n")
    names = ["red,Red scarf", "blue,Blue scarf", *(f"other{j},Thing {j}" for j in range(6))]
    (tmp_path / "l.csv").write_text("\n".join(["listing_id,title", *names]) + "\n")
    work = ["-w", tmp_path / "work"]
    for line in (["ingest", "listings", tmp_path / "l.csv"], ["ingest", "favorites", tmp_path / "f.csv"]):
        assert etsyml(*work, *line).code == 0
    assert etsyml(*work, "train", "lda", "--n-topics", "2", "--holdout", "none").code == 0
    monkeypatch.setattr("etsyml_cli.cli.show.is_interactive", lambda: True)
    monkeypatch.setenv("COLUMNS", "250")
    ask = ["recommend", "--user", "U", "-k", "1", "--explain", "--recommender", "item-knn", "--include-seen"]
    shown = etsyml(*work, *ask).out
    assert any(f"you liked ‘{liked} scarf’ ({words})" in shown for liked in ("Red", "Blue"))


def test_a_newcomer_with_a_users_favorites_gets_nearly_that_users_list(model: Path) -> None:
    loaded = load_model(model)
    row = loaded.user_ids.index("U3")
    mine = [loaded.listing_ids[i] for i in loaded.train.of(row)]
    [listed] = msgspec.to_builtins(list(recommend_to_new_user(RecommendInputs(model), "new", mine, ListOptions(8))))
    [known] = recommend(model=model, users=["U3"], k=12, exclude_seen=True)
    assert listed["user_id"] == "new" and not listed["fallback"]
    assert not set(mine) & set(ids(listed))
    assert all(int(one[1:]) >= 20 for one in ids(listed))  # U3's taste
    assert len(set(ids(listed)) & set(ids(known))) >= 6


def test_unknown_favorites_of_a_new_user_are_reported(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    list(recommend_to_new_user(RecommendInputs(model), "new", ["L01", "nope"], ListOptions(3)))
    assert "ignored 1 favorites that are not in the model: 'nope'" in caplog.text
    with pytest.raises(InputError, match="contains none of these favorites") as caught:
        list(recommend_to_new_user(RecommendInputs(model), "new", ["L0l"], ListOptions(3)))
    assert (caught.value.hint or "").startswith("Did you mean 'L")


def test_shops_are_learned_and_listed_but_not_the_users_own(favorites: Path, listings: Path, tmp_path: Path) -> None:
    train(favorites, tmp_path / "shops", "none", listings=listings, shops=True)
    loaded = load_model(tmp_path / "shops")
    assert loaded.listing_ids == ["S0", "S1", "S2", "S3"] and loaded.things == "shops"
    counts: dict[tuple[str, str], int] = {}
    for user, listing, _ in two_tastes():
        if listing != "L39":
            counts[user, f"S{shop_of(listing)}"] = counts.get((user, f"S{shop_of(listing)}"), 0) + 1
    assert len(loaded.train.indices) == len(counts)
    [even] = recommend(model=tmp_path / "shops", users=["U4"], k=4, listings=listings, exclude_seen=False)
    assert even["what"] == "shops" and set(ids(even)[:2]) == {"S0", "S1"}
    [owner] = recommend(model=tmp_path / "shops", users=["U2"], k=4, listings=listings, exclude_seen=False)
    assert "S1" not in ids(owner) and ids(owner)[0] == "S0"


def test_shops_need_listings_that_name_them(favorites: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no listings table"):
        train(favorites, tmp_path / "shops", shops=True)
    (tmp_path / "bare.csv").write_text("listing_id,title\nL00,a\n")
    ingest("listings", [str(tmp_path / "bare.csv")], out=tmp_path / "bare.parquet", config=IngestConfig())
    with pytest.raises(DataError, match="no favorited listing has a shop_id"):
        train(favorites, tmp_path / "shops", listings=tmp_path / "bare.parquet", shops=True)


def test_an_interrupted_run_over_all_users_resumes(model: Path, tmp_path: Path) -> None:
    plan, asked = Plan(kind="lists", config={"k": 3}), []

    def lists_from(first: int):
        asked.append(first)
        return recommend(model=model, users=None, k=3, first=first)

    def stopped(first: int):
        for at, one in enumerate(lists_from(first)):
            if at == 25:
                raise KeyboardInterrupt
            yield one

    assert write_lists_resumably(lists_from, tmp_path / "whole.jsonl", plan) == 60
    with pytest.raises(KeyboardInterrupt):
        write_lists_resumably(stopped, tmp_path / "lists.jsonl", plan)
    assert not (tmp_path / "lists.jsonl").exists()
    with (tmp_path / ".lists.jsonl.resumable").open("a") as file:
        file.write('{"half a li')
    assert write_lists_resumably(lists_from, tmp_path / "lists.jsonl", plan) == 60
    assert asked == [0, 0, 25]
    assert (tmp_path / "lists.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert names_in(tmp_path) == ["lists.jsonl", "whole.jsonl"]


def test_a_run_of_another_plan_starts_again(tmp_path: Path) -> None:
    one = {"user_id": "a", "items": []}
    (tmp_path / ".lists.jsonl.resumable").write_text(json.dumps({"user_id": "old"}) + "\n")
    (tmp_path / ".lists.jsonl.plan.json").write_text("{}")
    assert write_lists_resumably(lambda first: [one][first:], tmp_path / "lists.jsonl", Plan(kind="lists")) == 1
    assert [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text().splitlines()] == [one]


@pytest.mark.parametrize("name", ["neighbours.listings", "train.indices"])
def test_numbers_that_point_outside_are_damage(favorites: Path, name: str, tmp_path: Path) -> None:
    train(favorites, tmp_path / "lda")
    tensors = load_tensors(tmp_path / "lda")
    tensors[name][0] = 10**6
    save_tensors(tmp_path / "lda", tensors)
    with pytest.raises(InputError, match="its arrays are inconsistent"):
        load_model(tmp_path / "lda")


def test_a_crawler_has_no_more_influence_than_a_person(tmp_path: Path) -> None:
    rows = [*two_tastes(), *(("crawler", f"L{i:02}", f"2014-06-{1 + i % 28:02}T00:00:00Z") for i in range(40))]
    table = table_of(rows, tmp_path / "f.parquet")
    import msgspec

    summary = train(table, tmp_path / "lda", "none", config=msgspec.structs.replace(CONFIG, max_user_favorites=10))
    assert summary.rows["left_out"] == 30
    assert summary.rows["learned_from"] == summary.rows["train"] - 30


def test_training_continues_from_a_model_with_new_users_and_listings(
    favorites: Path, model: Path, tmp_path: Path
) -> None:
    rows = [
        *two_tastes(),
        *(("V", one, f"2014-06-0{day}T00:00:00Z") for day, one in enumerate(("L21", "L30", "M1"), 1)),
    ]
    rows += [(f"U{user}", "M1", "2014-06-01T00:00:00Z") for user in range(1, 30, 2)]
    grown = table_of(rows, tmp_path / "grown.parquet")
    train(grown, tmp_path / "lda", "none", start=model)
    before, after = load_model(model), load_model(tmp_path / "lda")
    assert "M1" in after.listing_ids and "V" in after.user_ids
    places = [after.listing_ids.index(one) for one in before.listing_ids]
    old, new = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (before.parameters.beta, after.parameters.beta[:, places])
    )
    assert (old * new).sum(axis=1).max() > 0.9  # a style of a user is the same style as by its number
    [listed] = recommend(model=tmp_path / "lda", users=["V"], k=5)
    assert all(one == "M1" or int(one[1:]) >= 20 for one in ids(listed))


def test_a_new_listing_has_the_style_of_what_it_is_like(favorites: Path, model: Path, tmp_path: Path) -> None:
    rows = [f"L{i:02},{'Red wool scarf' if i < 20 else 'Blue lamp'} {i}" for i in range(40)]
    rows += ["N1,Scarf of red wool", "N2,A blue lamp", "N3,Gravel"]
    (tmp_path / "listings.csv").write_text("\n".join(["listing_id,title", *rows]) + "\n")
    ingest("listings", [str(tmp_path / "listings.csv")], out=tmp_path / "l.parquet", config=IngestConfig())
    asked = {"model": model, "k": 3, "listings": tmp_path / "l.parquet", "new_listings": True}
    even, odd, stranger = recommend(users=["U4", "U3", "nobody"], **asked)
    assert (ids(even)[0], ids(odd)[0]) == ("N1", "N2")
    assert set(ids(even)) == set(ids(odd)) == set(ids(stranger)) == {"N1", "N2", "N3"}
    assert even["items"][0]["title"] == "Scarf of red wool" and stranger["fallback"]


def test_no_new_listings_are_reported(model: Path, listings: Path) -> None:
    with pytest.raises(DataError, match="no new listing"):
        list(recommend(model=model, users=["U4"], k=3, listings=listings, new_listings=True))
    with pytest.raises(InputError, match="no listings table found"):
        list(recommend(model=model, users=["U4"], k=3, new_listings=True))
