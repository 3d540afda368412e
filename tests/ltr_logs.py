"""Search logs to try a ranker on: one with every kind of block, one with planted weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from etsyml_cli.search.crosses import SEED, Tokens, cross, pair_words
from etsyml_cli.search.model.blocks import ListingPhotos, ListingTerms, PhotoCrosses, Rows
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.text.hashing import hash_together

BLOCKS = ("overlap", "text", "image", "word_crosses", "photo_crosses")


@dataclass
class Log:
    """Pages, and every kind of block for their rows, with the equivalent dense matrix."""

    pages: Pages
    blocks: dict
    dense: dict


def random_tokens(n, rng):
    ptr = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))])
    return Tokens(ptr, rng.choice(2**32, 6).astype(np.uint32)[rng.integers(0, 6, ptr[-1])])


def crossed_row(words, tokens):
    """How often each of 8 slots but the fourth, which is not known, is that of a word and a token; length 1 or less."""
    row = np.zeros(8)
    for word in words:
        for token in tokens:
            slot = hash_together([np.array([word]), np.array([token])], SEED)[0] % 8
            row[slot] += (len(words) * len(tokens)) ** -0.5
    return np.delete(row, 3)


def log_of(sizes, rng, n_listings=20, n_queries=5):
    n = sum(sizes)
    listing, query = rng.integers(0, n_listings, n), rng.integers(0, n_queries, n)
    terms = sparse.random(n_listings, 6, 0.5, "csr", random_state=rng)
    photos = rng.random((n_listings - 2, 4)).astype(np.float32)
    photo = rng.permutation(np.append(np.arange(n_listings - 2), [-1, -1]))
    unit = np.zeros((n_listings, 5))
    unit[photo >= 0] = [[*(row / np.linalg.norm(row)), 1] for row in photos[photo[photo >= 0]].astype(float)]
    query_words, tokens = random_tokens(n_queries, rng), random_tokens(n_listings, rng)
    crosses = cross(pair_words(query_words, tokens, query, listing, bits=3), np.array([0, 1, 2, 4, 5, 6, 7], np.uint32))
    crossed = np.array(
        [
            crossed_row(
                query_words.hashes[slice(*query_words.ptr[q : q + 2])], tokens.hashes[slice(*tokens.ptr[i : i + 2])]
            )
            for q, i in zip(query, listing, strict=True)
        ]
    )
    words, z = sparse.random(n_queries, 3, 0.6, "csr", random_state=rng), rng.normal(size=(n_listings, 2))
    overlap = rng.random((n, 3))
    level = rng.choice([0, 0, 0, 1, 2, 3], n).astype(np.int8)
    return Log(
        Pages(level, np.arange(n) + 1, np.ones(n), np.cumsum([0, *sizes])),
        {
            "overlap": Rows(overlap),
            "text": ListingTerms(terms, listing),
            "image": ListingPhotos(photos, photo, listing),
            "word_crosses": crosses,
            "photo_crosses": PhotoCrosses(words, z, query, listing),
        },
        {
            "overlap": overlap,
            "text": terms.toarray()[listing],
            "image": unit[listing],
            "word_crosses": crossed,
            "photo_crosses": np.array(
                [np.outer(words.toarray()[q], z[i]).ravel() for q, i in zip(query, listing, strict=False)]
            ),
        },
    )


def planted(seed, n_pages=600, size=8):
    """Pages on which the row of the greatest noisy planted score is clicked; only the first 3 of 8 features matter."""
    rng = np.random.default_rng(seed)
    truth = np.array([3.0, -2, 2, 0, 0, 0, 0, 0])
    x = rng.normal(size=(n_pages * size, 8)) * 0.5
    utility = x @ truth + rng.gumbel(size=len(x))
    level = np.zeros(len(x), np.int8)
    level[np.arange(n_pages) * size + utility.reshape(n_pages, size).argmax(axis=1)] = 1
    position = np.tile(np.arange(size) + 1, n_pages)
    return Pages(level, position, np.ones(len(x)), np.arange(n_pages + 1) * size), x, truth
