"""Train the search ranker: words and photos of listings, pairs of clicked and ignored ones of the same result page."""

from __future__ import annotations

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
from etsyml_cli.search.learn import learn_weights, objective_of
from etsyml_cli.search.model.choose import fit_on_all, with_pairs
from etsyml_cli.search.model.fit import Objective
from etsyml_cli.search.model.pairs import count_pairs
from etsyml_cli.search.model.score import Weights
from etsyml_cli.search.prepare import Inputs, TrainingData, load_training_data
from etsyml_cli.search.store import KIND, LtrModel, blocks_in, save_model
from etsyml_cli.splits.pages import describe

POSITIONS_TOLD = 10


def train_ltr(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Train text, image and multimodal rankers on the same pairs and write them to `out`."""
    objective = objective_of(inputs.config, inputs.seed)
    plan = _plan(inputs)
    if there := existing_result(out, plan, force=force):
        return there
    config = inputs.config
    with artifact(out, plan, force=force) as draft:
        ready = load_training_data(inputs)
        draft.rows = ready.rows | {"pairs": int(count_pairs(ready.pages, config.pairs).sum())}
        id_order = byte_order(ready.log.listing_ids)[ready.log.listing]
        variants, valid = learn_weights(ready.pages, ready.blocks, ready.part, id_order, config.l2, objective)
        model = LtrModel(ready.state, variants, _controls(ready, valid, objective, config.controls, inputs.seed))
        draft.facts = _facts(ready, model, valid)
        _write(draft, model, ready, valid)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=_printed_facts(draft.facts))


def export_ltr(inputs: Inputs, *, out: Path, force: bool = False) -> Summary:
    """Write the pairs that `train_ltr` would learn from with the same inputs to the file `out`; train nothing."""
    ready = load_training_data(inputs)
    count = export_pairs(out, ready.pages, ready.blocks, inputs.config.pairs, inputs.seed, force=force)
    ends = np.cumsum([block.width for block in ready.blocks.values()]).tolist()
    starts = [1, *(end + 1 for end in ends[:-1])]
    columns = {name: f"{start}…{end}" for name, start, end in zip(ready.blocks, starts, ends, strict=True)}
    return Summary(kind="pairs", path=str(out), rows={"pairs": count}, facts={"columns": columns})


def _plan(inputs: Inputs) -> Plan:
    settings = msgspec.to_builtins(inputs.config) | {"holdout": inputs.holdout, "limit": inputs.limit}
    tables = {"listings": inputs.listings, "searches": inputs.searches}
    sources = {name: [table_source(path, name)] for name, path in tables.items()}
    if inputs.images is not None:
        sources["images"] = [source_of(inputs.images)]
    return Plan(kind=KIND, config=settings, inputs=sources, seed=inputs.seed)


def _controls(ready: TrainingData, valid: dict[str, Any], objective: Objective, count: int, seed: int) -> list[Weights]:
    """The multimodal ranker trained anew, its photos dealt to other listings: what photos seem to add without a photo.

    A photo that tells nothing still tells listings apart; were that enough to gain, the gain of photos would be none.
    """
    if ready.photos is None or "multimodal" not in valid["variants"]:
        return []
    l2 = valid["variants"]["multimodal"]["l2"]
    shuffles = [shuffle_photos(ready.photos, ready.log.listing_ids, seed, number) for number in range(count)]
    found = []
    for number, wrong in enumerate(photo_blocks(ready.state, ready.photos, shuffles, rows_of_log(ready.log)), 1):
        useful, wrong_blocks = with_pairs(ready.pages, ready.blocks | wrong, objective)
        found.append(fit_on_all(useful, wrong_blocks, l2, objective, what=f"control {number}").weights)
    return found


def _facts(ready: TrainingData, model: LtrModel, valid: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "shape": model.state.config.shape,
        "photos": made_by(ready.photos.facts) if ready.photos else None,
        "blocks": blocks_in(model),
    }
    if valid["pages"]:
        facts[f"valid_{valid['metric']}"] = {name: found["value"] for name, found in valid["variants"].items()}
    if ready.bias is not None:
        curve = ready.bias.examination.tolist()
        facts["examination"] = {str(position): round(value, 4) for position, value in enumerate(curve, 1)}
    return facts


def _printed_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What the terminal shows of the facts."""
    told = {name: fact for name, fact in facts.items() if name != "blocks"}
    if "examination" in told:
        told["examination"] = dict(list(told["examination"].items())[:POSITIONS_TOLD])
    return told


def _write(draft: Draft, model: LtrModel, ready: TrainingData, valid: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, ready.split)
    metrics: dict[str, Any] = {"valid": valid}
    if ready.bias is not None:
        columns = ("examination", "impressions", "clicks")
        metrics["position_bias"] = {name: getattr(ready.bias, name).tolist() for name in columns}
    save_json(draft.path, METRICS, metrics)
    card = model_card(
        config=model.state.config,
        n_terms=model.state.terms.width,
        photos=draft.facts["photos"],
        rows=draft.rows,
        split=describe(ready.split),
        valid=valid,
        examination=draft.facts.get("examination"),
    )
    (draft.path / CARD).write_text(card, encoding="utf-8")
