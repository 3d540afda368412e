"""Train the style model: users are documents, favorited listings are words, styles are topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_config, save_json
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import read_table, table_source
from etsyml_cli.metrics.recommendation import log_likelihood
from etsyml_cli.personalization.card import model_card
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import learn
from etsyml_cli.personalization.log import (
    FavoritesTable,
    holdout_file,
    of_shops,
    read_favorites,
    split_favorites,
    training_mask,
    validation_mask,
    weights_of,
)
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, one_style
from etsyml_cli.personalization.store import KIND, LISTINGS, SHOPS, LdaModel, load_model, save_model, start_of
from etsyml_cli.splits.small_parts import warn_of_few_events
from etsyml_cli.splits.users import UserSplit


def train_lda(
    *,
    favorites: Path,
    listings: Path | None,
    out: Path,
    config: LdaConfig,
    seed: int,
    holdout: str | None = None,
    limit: int | None = None,
    shops: bool = False,
    start: Path | None = None,
    force: bool = False,
) -> Summary:
    """Learn styles from the favorites that are not held out and write the model to `out`.

    It goes on from the styles of the model `start` where one is named. With `shops` each listing is replaced by its
    shop, as `listings` names it: styles and lists are of shops then.
    `holdout` is None (the last `config.holdout_share` of each user's favorites), "none", another share, or a CSV or
    Parquet file of favorites. `listings` gives titles to the lists; `limit` takes the first favorites only.
    """
    plan = _plan(favorites, listings, config, seed, holdout, limit, shops=shops, start=start)
    if there := existing_result(out, plan, force=force):
        return there
    table = read_favorites(favorites, weights=config.use_weights, limit=limit)
    if shops:
        if listings is None:
            raise InputError(
                "no listings table here to name the shops", hint="Make it with: etsyml ingest listings FILE"
            )
        table = of_shops(table, listings)
    held, split = split_favorites(table, holdout, config, seed)
    if split.not_in_favorites:
        logger.warning("%s: %d pairs are no favorites and are left out", holdout, split.not_in_favorites)
    used = training_mask(table, ~held, config, seed)
    counts = _counts(table, used, weights_of(table, used, config))
    valid = _favorites(table, validation_mask(table, used, split.rule, config, seed))
    listing_ids = table.listing_ids.to_pylist()
    _warn_of_small_parts(valid, _favorites(table, held))
    begun = None if start is None else start_of(load_model(start), listing_ids)
    if begun is not None:
        config = msgspec.structs.replace(config, n_topics=len(begun.alpha))
    with artifact(out, plan, force=force) as draft:
        learned = learn(counts, valid, config, seed, begun)
        model = LdaModel(
            parameters=learned.parameters,
            neighbors=learned.neighbors,
            share=learned.share,
            known=np.diff(counts.indptr) > 0,
            user_ids=table.user_ids.to_pylist(),
            listing_ids=listing_ids,
            titles=[] if shops else _titles(listings, listing_ids),
            train=_favorites(table, ~held),
            test=_favorites(table, held),
            things=SHOPS if shops else LISTINGS,
        )
        draft.rows = _rows(model) | {"learned_from": counts.nnz}
        if too_many := int((~held & ~used).sum()):
            draft.rows["left_out"] = too_many
        _write(draft, model, config, split, learned.choices)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _plan(
    favorites: Path,
    listings: Path | None,
    config: LdaConfig,
    seed: int,
    holdout: str | None,
    limit: int | None,
    *,
    shops: bool,
    start: Path | None,
) -> Plan:
    file = holdout_file(holdout)
    inputs = {"favorites": [table_source(favorites, "favorites")]}
    if listings is not None:
        inputs["listings"] = [table_source(listings, "listings")]
    if start is not None:
        inputs["start"] = [source_of(start)]
    if file is not None:
        inputs["holdout"] = [source_of(file)]
    further = {"holdout": "file" if file else holdout, "limit": limit, "things": SHOPS if shops else LISTINGS}
    settings = msgspec.to_builtins(config) | further
    return Plan(kind=KIND, config=settings, inputs=inputs, seed=seed)


def _favorites(table: FavoritesTable, part: NDArray[np.bool_]) -> Favorites:
    return favorites_of(table.user[part], table.listing[part], len(table.user_ids))


def _warn_of_small_parts(valid: Favorites, test: Favorites) -> None:
    for name, part in (("validation", valid), ("test", test)):
        if len(part.indices):
            warn_of_few_events(name, int((part.per_user() > 0).sum()), "users with held-out favorites")


def _counts(table: FavoritesTable, used: NDArray[np.bool_], weight: NDArray[np.float64]) -> sparse.csr_matrix:
    shape = (len(table.user_ids), len(table.listing_ids))
    counts = sparse.csr_matrix((weight[used], (table.user[used], table.listing[used])), shape)
    counts.sort_indices()
    return counts


def _titles(listings: Path | None, listing_ids: list[str]) -> list[str | None]:
    if listings is None:
        return []
    table = read_table(listings, "listings", ["listing_id", "title"])
    title_of = dict(zip(table["listing_id"].to_pylist(), table["title"].to_pylist(), strict=True))
    return [title_of.get(listing_id) for listing_id in listing_ids]


def _rows(model: LdaModel) -> dict[str, int]:
    return {
        "users": len(model.user_ids),
        "listings": len(model.listing_ids),
        "train": len(model.train.indices),
        "test": len(model.test.indices),
        "test_users": int((model.test.per_user() > 0).sum()),
    }


def _write(draft: Draft, model: LdaModel, config: LdaConfig, split: UserSplit, choices: dict[str, Any]) -> None:
    figures = _training_figures(model)
    draft.facts = {"things": model.things, "n_topics": config.n_topics, "engine": config.engine, "split": split.rule}
    draft.facts |= {name: choices[name] for name in ("passes", "share") if name in choices}
    draft.facts |= {f"train_{name}": value for name, value in figures.items()}
    save_model(draft.path, model)
    save_config(draft.path, config)
    save_json(draft.path, SPLIT, msgspec.structs.replace(split, rows=draft.rows))
    save_json(draft.path, METRICS, {"train": figures, "choices": choices})
    card = model_card(config=config, rows=draft.rows, split=split, figures=figures, share=model.share, choices=choices)
    (draft.path / CARD).write_text(card, encoding="utf-8")


def _training_figures(model: LdaModel) -> dict[str, float]:
    """Perplexity of the training favorites, by the model and by popularity."""
    users, listings = model.train.users(), model.train.indices
    counts = np.bincount(listings, minlength=len(model.listing_ids))

    def perplexity(learned: LdaParameters) -> float:
        log_p = log_likelihood(learned.theta, learned.beta, counts / counts.sum(), users, listings)
        return float(np.exp(-log_p.mean()))

    popular = one_style(counts, len(model.user_ids))
    return {"perplexity": perplexity(model.parameters), "unigram_perplexity": perplexity(popular)}
