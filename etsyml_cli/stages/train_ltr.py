"""Train the search ranker: words and photos of listings, pairs of clicked and ignored ones of the same result page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.ingest.page_split import PageSplit, describe, parts, split_pages
from etsyml_cli.ingest.split import TEST, TRAIN, VALID, held_out_share
from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.features import ImageFeatures, made_by, read_image_features
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_json
from etsyml_cli.io.tables import table_source
from etsyml_cli.metrics.ranking import byte_order
from etsyml_cli.models.ltr.blocks import Block
from etsyml_cli.models.ltr.choose import fit_on_all, with_pairs
from etsyml_cli.models.ltr.config import LtrConfig
from etsyml_cli.models.ltr.pairs import Pages, count_pairs
from etsyml_cli.models.ltr.propensity import Propensities, fit_propensities, inverse_propensity
from etsyml_cli.models.ltr.score import Weights
from etsyml_cli.stages.ltr_card import model_card
from etsyml_cli.stages.ltr_export import export_pairs
from etsyml_cli.stages.ltr_features import Known, asked_in, learn, log_blocks, permuted, photo_blocks
from etsyml_cli.stages.ltr_inputs import Listings, SearchLog, read_listings, read_searches
from etsyml_cli.stages.ltr_learn import learn_weights, objective_of
from etsyml_cli.stages.ltr_model import KIND, LtrModel, blocks_in, save_model
from etsyml_cli.stages.summary import Summary, made_before

POSITIONS_TOLD = 10


def train_ltr(
    *,
    listings: Path,
    searches: Path,
    images: Path | None,
    out: Path,
    config: LtrConfig,
    seed: int,
    holdout: str | None = None,
    limit: int | None = None,
    force: bool = False,
    replace: bool = True,
) -> Summary:
    """Train text, image and multimodal rankers on the same pairs and write them to `out`.

    `holdout` is None (the last `config.test_share` of the days), "none", or another share; `limit` takes the first
    pages only. Without `images` the text ranker is the only one.
    """
    settings = msgspec.to_builtins(config) | {"holdout": holdout, "limit": limit}
    inputs = {"listings": [table_source(listings, "listings")], "searches": [table_source(searches, "searches")]}
    if images is not None:
        inputs["images"] = [source_of(images)]
    plan = Plan(kind=KIND, config=settings, inputs=inputs, seed=seed)
    if there := made_before(out, plan, force=force):
        return there
    with artifact(out, plan, replace=replace) as draft:
        ready = prepare(listings, searches, images, config, seed, holdout, limit)
        draft.rows = ready.rows | {"pairs": int(count_pairs(ready.pages, config.pairs).sum())}
        id_order = byte_order(ready.log.listing_ids)[ready.log.listing]
        variants, valid = learn_weights(ready.pages, ready.blocks, ready.part, id_order, config)
        model = LtrModel(ready.known, variants, _controls(ready, valid, config, seed))
        draft.facts = _facts(ready, model, valid)
        _write(draft, model, ready, valid)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=_told(draft.facts))


def export_ltr(
    *,
    listings: Path,
    searches: Path,
    images: Path | None,
    out: Path,
    config: LtrConfig,
    seed: int,
    holdout: str | None = None,
    limit: int | None = None,
    force: bool = False,
) -> Summary:
    """Write the pairs that `train_ltr` would learn from with the same arguments to the file `out`; train nothing."""
    ready = prepare(listings, searches, images, config, seed, holdout, limit)
    count = export_pairs(out, ready.pages, ready.blocks, config.pairs, seed, force=force)
    ends = np.cumsum([block.width for block in ready.blocks.values()]).tolist()
    starts = [1, *(end + 1 for end in ends[:-1])]
    columns = {name: f"{start}…{end}" for name, start, end in zip(ready.blocks, starts, ends, strict=True)}
    return Summary(kind="pairs", path=str(out), rows={"pairs": count}, facts={"columns": columns})


@dataclass(frozen=True)
class Ready:
    """What the ranker learns from: the log without its test part, its pages, their parts and blocks of features."""

    rows: dict[str, int]
    split: PageSplit
    part: NDArray[np.int8]
    log: SearchLog
    photos: ImageFeatures | None
    bias: Propensities | None
    known: Known
    blocks: dict[str, Block]
    pages: Pages


def prepare(
    listings: Path,
    searches: Path,
    images: Path | None,
    config: LtrConfig,
    seed: int,
    holdout: str | None,
    limit: int | None,
) -> Ready:
    """Read the inputs, set the test part aside and make the features of the rest."""
    test_share = _test_share(holdout, config)
    catalogue = read_listings(listings)
    log = read_searches(searches, limit)
    keys = log.queries if config.split == "query" else log.search_ids
    split = split_pages(log.days, test_share=test_share, valid_share=config.valid_share, seed=seed, by=config.split)
    part = parts(split, keys, log.days)
    photos = read_image_features(images) if images else None
    shown = log.take(part != TEST)
    bias = _position_bias(shown, config)
    known = learn(catalogue, shown, photos, config)
    return Ready(
        rows=_rows(catalogue, log, part),
        split=split,
        part=part[part != TEST],
        log=shown,
        photos=photos,
        bias=bias,
        known=known,
        blocks=log_blocks(known, catalogue, photos, shown),
        pages=_pages(shown, bias if config.debias == "position" else None),
    )


def _test_share(holdout: str | None, config: LtrConfig) -> float:
    """The share of the log that is held out for the test; 0 for "none"."""
    share = config.test_share if holdout is None else held_out_share(holdout)
    if share + config.valid_share >= 1:
        raise UsageError(f"test {share:g} and validation {config.valid_share:g} together leave nothing to train on")
    return share


def _rows(catalogue: Listings, log: SearchLog, part: NDArray[np.int8]) -> dict[str, int]:
    sizes = {name: int((part == code).sum()) for name, code in (("train", TRAIN), ("valid", VALID), ("test", TEST))}
    return {
        "listings": len(catalogue.ids),
        "search_rows": len(log.listing),
        **{f"{name}_pages": size for name, size in sizes.items()},
    }


def _pages(log: SearchLog, bias: Propensities | None) -> Pages:
    """The log's pages; with `bias` a pair weighs the inverse of how likely its better row was looked at."""
    weight = np.ones(len(log.listing)) if bias is None else inverse_propensity(bias, log.position)
    return Pages(log.level, log.position, weight, log.offsets)


def _position_bias(log: SearchLog, config: LtrConfig) -> Propensities | None:
    """How likely each position is looked at; None where the log cannot tell, but then `debias: position` raises."""
    asked = asked_in(log)
    group = asked.query * len(log.listing_ids) + asked.listing
    try:
        return fit_propensities(np.unique(group, return_inverse=True)[1], log.position, log.level > 0)
    except DataError:
        if config.debias == "position":
            raise
        return None


def _controls(ready: Ready, valid: dict[str, Any], config: LtrConfig, seed: int) -> list[Weights]:
    """The multimodal ranker trained anew, its photos dealt to other listings: what photos seem to add without a photo.

    A photo that tells nothing still tells listings apart; were that enough to gain, the gain of photos would be none.
    """
    if ready.photos is None or "multimodal" not in valid["variants"]:
        return []
    objective = objective_of(config)
    l2 = valid["variants"]["multimodal"]["l2"]
    asked = asked_in(ready.log)
    found = []
    for number in range(config.controls):
        dealt = permuted(ready.photos, ready.log.listing_ids, seed, number)
        wrong = ready.blocks | photo_blocks(ready.known, ready.photos, dealt, asked)
        useful, wrong_blocks = with_pairs(ready.pages, wrong, objective)
        found.append(fit_on_all(useful, wrong_blocks, l2, objective, what=f"control {number + 1}").weights)
    return found


def _facts(ready: Ready, model: LtrModel, valid: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "shape": model.known.config.shape,
        "photos": made_by(ready.photos.facts) if ready.photos else None,
        "blocks": blocks_in(model),
    }
    if valid["pages"]:
        facts[f"valid_{valid['metric']}"] = {name: found["value"] for name, found in valid["variants"].items()}
    if ready.bias is not None:
        curve = ready.bias.examination.tolist()
        facts["examination"] = {str(position): round(value, 4) for position, value in enumerate(curve, 1)}
    return facts


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """What the terminal shows of the facts."""
    told = {name: fact for name, fact in facts.items() if name != "blocks"}
    if "examination" in told:
        told["examination"] = dict(list(told["examination"].items())[:POSITIONS_TOLD])
    return told


def _write(draft: Draft, model: LtrModel, ready: Ready, valid: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_json(draft.path, SPLIT, ready.split)
    metrics: dict[str, Any] = {"valid": valid}
    if ready.bias is not None:
        columns = ("examination", "impressions", "clicks")
        metrics["position_bias"] = {name: getattr(ready.bias, name).tolist() for name in columns}
    save_json(draft.path, METRICS, metrics)
    card = model_card(
        config=model.known.config,
        n_terms=model.known.terms.width,
        photos=draft.facts["photos"],
        rows=draft.rows,
        split=describe(ready.split),
        valid=valid,
        examination=draft.facts.get("examination"),
    )
    (draft.path / CARD).write_text(card, encoding="utf-8")
