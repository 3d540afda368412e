"""Train the style model: users are documents, favorited listings are words, styles are topics."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_config, save_json
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import read_table, table_source
from etsyml_cli.metrics.recommendation import log_likelihood
from etsyml_cli.personalization.card import model_card
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.holdout import holdout_file
from etsyml_cli.personalization.learn import FittedRecommenders, learn
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start, one_style
from etsyml_cli.personalization.model.recommender import TrainingSet
from etsyml_cli.personalization.prepare import Inputs, TrainingData, load_training_data
from etsyml_cli.personalization.store import (
    KIND,
    LISTINGS,
    SHOPS,
    Facts,
    LdaModel,
    TrainingFigures,
    load_model,
    save_model,
    start_of,
)


def train_lda(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Train all recommenders on the training favorites and write the model to `out`.

    With `inputs.start`, training continues from the styles of that model. With `inputs.shops`, styles and lists are of
    shops.
    """
    plan = _plan(inputs)
    if done := existing_result(out, plan, force=force):
        return done
    data = load_training_data(inputs)
    start = None if inputs.start is None else _start(inputs.start, inputs.favorites, data.listing_ids)
    config = inputs.config
    if start is not None:
        config = msgspec.structs.replace(config, n_topics=len(start.alpha))
    with artifact(out, plan, force=force) as draft:
        fitted = learn(training_set(data, start), config, inputs.seed)
        model = model_of(fitted, data, inputs)
        draft.rows = _rows(model) | {"learned_from": data.counts.nnz}
        if data.left_out:
            draft.rows["left_out"] = data.left_out
        _write(draft, model, config, data, fitted)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _start(directory: Path, favorites: Path, listing_ids: list[str]) -> Start:
    """The start from the model in `directory`. Raises DataError if it has none of these listings."""
    model = load_model(directory)
    learned = Ids(f"{model.things} of the model", directory, model.listing_ids)
    check_join(Ids("listings of favorites", favorites, listing_ids), learned)
    return start_of(model, listing_ids)


def training_set(data: TrainingData, start: Start | None = None) -> TrainingSet:
    """What the recommenders learn from, without the test set."""
    weigh, valid = (part if len(part.indices) else None for part in (data.weigh, data.valid))
    return TrainingSet(
        data.counts,
        data.train,
        weigh=weigh,
        valid=valid,
        ages=data.ages,
        photos=data.photos,
        texts=data.texts,
        start=start,
    )


def model_of(fitted: FittedRecommenders, data: TrainingData, inputs: Inputs) -> LdaModel:
    """The fitted recommenders with ids, titles and all favorites."""
    return LdaModel(
        recommenders=fitted.recommenders,
        known=np.diff(data.counts.indptr) > 0,
        user_ids=data.user_ids,
        listing_ids=data.listing_ids,
        titles=[] if inputs.shops else _titles(inputs.listings, data.listing_ids),
        train=data.train,
        test=data.test,
        things=SHOPS if inputs.shops else LISTINGS,
    )


def _plan(inputs: Inputs) -> Plan:
    file = holdout_file(inputs.holdout)
    sources = {"favorites": [table_source(inputs.favorites, "favorites")]}
    if inputs.listings is not None:
        sources["listings"] = [table_source(inputs.listings, "listings")]
    if inputs.images is not None:
        sources["images"] = [source_of(inputs.images)]
    if inputs.start is not None:
        sources["start"] = [source_of(inputs.start)]
    if file is not None:
        sources["holdout"] = [source_of(file)]
    holdout = "file" if file else inputs.holdout
    further = {"holdout": holdout, "limit": inputs.limit, "things": SHOPS if inputs.shops else LISTINGS}
    settings = msgspec.to_builtins(inputs.config) | further
    return Plan(kind=KIND, config=settings, inputs=sources, seed=inputs.seed)


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


def _write(draft: Draft, model: LdaModel, config: LdaConfig, data: TrainingData, fitted: FittedRecommenders) -> None:
    figures, choices = _training_figures(model), fitted.choices
    draft.facts = msgspec.to_builtins(
        Facts(
            things=model.things,
            n_topics=config.n_topics,
            engine=config.engine,
            recommenders=list(model.recommenders),
            split=data.split.rule,
            cut=data.split.cut,
            without_time=data.split.without_time,
            decided_by_ties=data.split.decided_by_ties,
            note=data.split.note,
            passes=fitted.passes,
            weights=fitted.weights,
            train_perplexity=figures.perplexity,
            train_unigram_perplexity=figures.unigram_perplexity,
        )
    )
    save_model(draft.path, model)
    save_config(draft.path, config)
    save_json(draft.path, SPLIT, msgspec.structs.replace(data.split, rows=draft.rows))
    save_json(draft.path, METRICS, {"train": figures, "choices": choices})
    card = model_card(config=config, rows=draft.rows, split=data.split, figures=figures, fitted=fitted)
    (draft.path / CARD).write_text(card, encoding="utf-8")


def _training_figures(model: LdaModel) -> TrainingFigures:
    """The perplexity of the training favorites, of the model and of popularity."""
    users, listings = model.train.users(), model.train.indices
    counts = np.bincount(listings, minlength=len(model.listing_ids))

    def perplexity(parameters: LdaParameters) -> float:
        log_p = log_likelihood(parameters.theta, parameters.beta, counts / counts.sum(), users, listings)
        return float(np.exp(-log_p.mean()))

    popular = one_style(counts, len(model.user_ids))
    return TrainingFigures(perplexity=perplexity(model.parameters), unigram_perplexity=perplexity(popular))
