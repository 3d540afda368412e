"""Rank the listings that match a query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.features.text import tokenize
from etsyml_cli.metrics.ranking import best_first, byte_order
from etsyml_cli.models.ltr.score import score
from etsyml_cli.stages.ltr_inputs import Listings, read_listings
from etsyml_cli.stages.ltr_model import load_model, photos_for, query_features


def rank(*, model: Path, listings: Path, images: Path | None, query: str, k: int) -> dict[str, Any]:
    """The k best listings for `query` among those with one of its words in title or tags, as `rank --json` shows them.

    The multimodal ranker scores them, or the text ranker where the model has no photos. Ties go as in the metrics.
    """
    ranker = load_model(model)
    photos = photos_for(model, images)
    catalogue = read_listings(listings)
    matching = catalogue.take(_matching(query, catalogue))
    if not matching.ids:
        logger.warning("no listing holds a word of %r", query)
    features = query_features(ranker.vocabulary, matching, photos, query)
    weights = ranker.weights["multimodal" if photos is not None else "text"]
    scores = score(weights, features.blocks, features.overlap, np.arange(len(matching.ids))).astype(np.float32)
    best = best_first(scores, byte_order(matching.ids))[:k]
    items = [
        {"rank": place, "id": matching.ids[row], "score": float(scores[row]), "title": matching.titles[row]}
        for place, row in enumerate(best.tolist(), start=1)
    ]
    return {"schema_version": 1, "query": query, "items": items}


def _matching(query: str, catalogue: Listings) -> list[int]:
    """The rows of the listings with a word of the query."""
    wanted = set(tokenize(query))
    texts = zip(catalogue.title_words, catalogue.tag_words, strict=True)
    return [row for row, (title, tags) in enumerate(texts) if not wanted.isdisjoint([*title, *tags])]
