"""The README.md of a style model: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

from etsyml_cli.ingest.user_split import UserSplit
from etsyml_cli.models.lda.config import LdaConfig

TEMPLATE = """\
# Style model

Latent Dirichlet allocation (Blei, Ng, Jordan, 2003) of favorites, as in Hu, Hall, Attenberg, KDD'14: a user is a
document, a favorited listing is a word, a topic is a style. theta (users x styles) is each user's style profile, beta
(styles x listings) is what each style looks like; the score of a listing for a user is theta x beta.
{n_topics} styles, learned by {engine}; theta's prior was learned and started at {alpha:g}, beta's is {eta:g}.

## Data

{rows}

Split: {split}.
The test favorites taught the model nothing: theta, beta and popularity come from the training favorites alone. No
choice was made on this data, so no validation part was set aside.

## While training

| perplexity of the training favorites | |
|---|---|
| model | {perplexity:,.0f} |
| unigram (popularity) | {unigram:,.0f} |

Lower is better; the model has seen these favorites. Like the held-out perplexity that `evaluate` prints, it is that of
99% model + 1% unigram, over the listings with at least one training favorite.

## Use

    etsyml evaluate --metric recall@20
    etsyml recommend --user U17

`evaluate` ranks all listings but the user's training favorites; `recommend` leaves out the test favorites too, as the
user has them already. Of a user with no favorite to learn from both show the popular listings. `map` looks at the
first 1,000 ranks. A listing that nobody favorited is never recommended.
"""


def model_card(*, config: LdaConfig, rows: dict[str, int], split: UserSplit, figures: dict[str, float]) -> str:
    """The card as Markdown. `figures` is what `metrics.json` holds under `train`."""
    return TEMPLATE.format(
        n_topics=config.n_topics,
        engine=config.engine,
        alpha=config.alpha,
        eta=config.eta,
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=_describe(split),
        perplexity=figures["perplexity"],
        unigram=figures["unigram_perplexity"],
    )


def _describe(split: UserSplit) -> str:
    if split.rule == "none":
        return "nothing is held out"
    if split.rule == "file":
        return f"the test part is what {(split.file or {})['name']} names"
    which = "latest" if split.rule == "latest" else "random"
    return f"the {which} {split.share:.0%} of each user's favorites, of users with at least {split.min_favorites}"
