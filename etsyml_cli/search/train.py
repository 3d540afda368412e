"""Train the search ranker on pairs of clicked and ignored listings of the same result page."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import table_source
from etsyml_cli.metrics.ranking import byte_order
from etsyml_cli.photos.reduced import shuffle_photos
from etsyml_cli.photos.store import made_by
from etsyml_cli.search.card import model_card
from etsyml_cli.search.export_pairs import export_pairs
from etsyml_cli.search.features import photo_blocks, rows_of_log
from etsyml_cli.search.learn import Validation, learn_weights, objective_of
from etsyml_cli.search.model.choose import fit_on_all, with_pairs
from etsyml_cli.search.model.fit import Objective
from etsyml_cli.search.model.pairs import count_pairs
from etsyml_cli.search.model.score import Weights
from etsyml_cli.search.prepare import Inputs, TrainingData, load_training_data
from etsyml_cli.search.store import KIND, LtrFacts, LtrModel, blocks_in, save_model
from etsyml_cli.splits.pages import describe
from etsyml_cli.text.tokenize import WORDS_VERSION

POSITIONS_PRINTED = 10


class PositionBias(msgspec.Struct, frozen=True):
    """The examination of positions 1, 2, … relative to the top, and the impressions and clicks it was fitted on."""

    examination: list[float]
    impressions: list[int]
    clicks: list[int]


class LtrMetrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a ranker's metrics.json."""

    valid: Validation
    position_bias: PositionBias | None = None


def train_ltr(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Train text, image and multimodal rankers on the same pairs and write them to `out`.

    Raises UsageError for settings that exclude each other, InputError for missing inputs, and DataError if no training
    page has both a stronger and a weaker event.
    """
    objective = objective_of(inputs.config, inputs.seed)
    plan = _plan(inputs)
    if done := existing_result(out, plan, force=force):
        return done
    config = inputs.config
    with artifact(out, plan, force=force) as draft:
        data = load_training_data(inputs)
        draft.rows = data.rows | {"pairs": int(count_pairs(data.pages, config.pairs).sum())}
        id_order = byte_order(data.log.listing_ids)[data.log.listing]
        variants, valid = learn_weights(data.pages, data.blocks, data.part, id_order, config.l2, objective)
        model = LtrModel(data.state, variants, _controls(data, valid, objective, config.controls, inputs.seed))
        facts = _facts(data, model, valid)
        draft.facts = msgspec.to_builtins(facts)
        _write(draft, model, data, facts, valid)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=_printed_facts(facts))


def export_ltr(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Write the training pairs of `train_ltr` with the same inputs to the file `out`, without training."""
    data = load_training_data(inputs)
    count = export_pairs(out, data.pages, data.blocks, inputs.config.pairs, inputs.seed, force=force)
    ends = np.cumsum([block.width for block in data.blocks.values()]).tolist()
    starts = [1, *(end + 1 for end in ends[:-1])]
    columns = {name: f"{start}…{end}" for name, start, end in zip(data.blocks, starts, ends, strict=True)}
    return Summary(kind="pairs", path=str(out), rows={"pairs": count}, facts={"columns": columns})


def _plan(inputs: Inputs) -> Plan:
    settings = msgspec.to_builtins(inputs.config) | {"holdout": inputs.holdout, "limit": inputs.limit}
    tables = {"listings": inputs.listings, "searches": inputs.searches}
    sources = {name: [table_source(path, name)] for name, path in tables.items()}
    if inputs.images is not None:
        sources["images"] = [source_of(inputs.images)]
    return Plan(kind=KIND, config=settings, inputs=sources, seed=inputs.seed, format_version=WORDS_VERSION)


def _controls(data: TrainingData, valid: Validation, objective: Objective, count: int, seed: int) -> list[Weights]:
    """The weights of `count` controls: the multimodal ranker trained again on photos shuffled among the listings.

    Shuffled photos still distinguish listings, so a gain that remains with them does not come from the photos' content.
    """
    if data.photos is None or "multimodal" not in valid.variants:
        return []
    l2 = valid.variants["multimodal"].l2
    shuffles = [shuffle_photos(data.photos, data.log.listing_ids, seed, number) for number in range(count)]
    controls = []
    for number, shuffled in enumerate(photo_blocks(data.state, data.photos, shuffles, rows_of_log(data.log)), 1):
        pages, blocks = with_pairs(data.pages, data.blocks | shuffled, objective)
        controls.append(fit_on_all(pages, blocks, l2, objective, what=f"control {number}").weights)
    return controls


def _facts(data: TrainingData, model: LtrModel, valid: Validation) -> LtrFacts:
    examination = [] if data.bias is None else data.bias.examination.tolist()
    return LtrFacts(
        shape=model.state.config.shape,
        photos=made_by(data.photos.facts) if data.photos else None,
        blocks=blocks_in(model),
        valid_ndcg={name: variant.value for name, variant in valid.variants.items()} if valid.pages else {},
        examination={str(position): round(value, 4) for position, value in enumerate(examination, 1)},
    )


def _printed_facts(facts: LtrFacts) -> dict[str, Any]:
    """The facts to print: without blocks, and with the examination of the first positions only."""
    first = dict(islice(facts.examination.items(), POSITIONS_PRINTED))
    printed: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(facts, examination=first))
    del printed["blocks"]
    return printed


def _write(draft: Draft, model: LtrModel, data: TrainingData, facts: LtrFacts, valid: Validation) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, data.split)
    save_json(draft.path, METRICS, LtrMetrics(valid, _position_bias(data)))
    card = model_card(
        config=model.state.config,
        n_terms=model.state.terms.width,
        facts=facts,
        rows=draft.rows,
        split=describe(data.split),
        valid=valid,
    )
    (draft.path / CARD).write_text(card, encoding="utf-8")


def _position_bias(data: TrainingData) -> PositionBias | None:
    bias = data.bias
    if bias is None:
        return None
    return PositionBias(bias.examination.tolist(), bias.impressions.tolist(), bias.clicks.tolist())
