"""The README.md of a style model: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import Choices, Learned
from etsyml_cli.personalization.store import TrainingFigures
from etsyml_cli.splits.users import UserSplit

TEMPLATE = """\
# Style model

Latent Dirichlet allocation (Blei, Ng, Jordan, 2003) of favorites, as in Hu, Hall, Attenberg, KDD'14: a user is a
document, a favorited listing is a word, a topic is a style. theta (users x styles) is each user's style profile, beta
(styles x listings) is what each style looks like.
{n_topics} styles, learned by {engine}. A list ranks by {styles:.0%} theta x beta and {share:.0%} similarity to the
user's favorites (item-based neighbours, Deshpande and Karypis, 2004), each over its highest value for the user.

## Data

{rows}

Split: {split}.
The test favorites taught the model nothing: theta, beta, neighbours and popularity come from the training favorites
alone. {choices}

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


def model_card(
    *,
    config: LdaConfig,
    rows: dict[str, int],
    split: UserSplit,
    figures: TrainingFigures,
    learned: Learned,
) -> str:
    """The card as Markdown."""
    return TEMPLATE.format(
        n_topics=config.n_topics,
        engine=config.engine,
        styles=1 - learned.share,
        share=learned.share,
        choices=_chosen(learned.choices, config),
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=_describe(split),
        perplexity=figures.perplexity,
        unigram=figures.unigram_perplexity,
    )


def _chosen(choices: Choices | None, config: LdaConfig) -> str:
    if choices is None:
        return "Nobody had enough of them to choose passes and mix on."
    aside = f"{config.valid_share:.0%} of each user's training favorites"
    return f"{choices.passes} passes and the mix were chosen on {aside}, which then taught like the others."


def _describe(split: UserSplit) -> str:
    if split.rule == "none":
        return "nothing is held out"
    if split.rule == "file":
        return f"the test part is what {(split.file or {})['name']} names"
    which = "latest" if split.rule == "latest" else "random"
    return f"the {which} {split.share:.0%} of each user's favorites, of users with at least {split.min_favorites}"
