"""The model card of a style model, README.md: description, training data, perplexity and usage."""

from __future__ import annotations

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import Choices, FittedRecommenders
from etsyml_cli.personalization.store import TrainingFigures
from etsyml_cli.splits.favorites import FavoriteSplit

TEMPLATE = """\
# Style model

Latent Dirichlet allocation (Blei, Ng, Jordan, 2003) of favorites, as in Hu, Hall, Attenberg, KDD'14: a user is a
document, a favorited listing is a word, a topic is a style. theta (users x styles) is each user's style profile, beta
(styles x listings) is the distribution of each style over listings.
{n_topics} styles, trained with the engine {engine}. Lists are ranked by {styles:.0%} theta x beta and {share:.0%}
similarity to the user's favorites (item-based neighbors, Deshpande and Karypis, 2004), each divided by its highest
value for the user.

## Data

{rows}

Split: {split}.
The test favorites were not used: theta, beta, neighbors and popularity come from the training favorites only.
{choices}

## Training

| perplexity of the training favorites | |
|---|---|
| model | {perplexity:,.0f} |
| unigram (popularity) | {unigram:,.0f} |

Lower is better; these favorites are in the training set. Like the held-out perplexity that `evaluate` prints, it is
the perplexity of a mixture of 99% model and 1% unigram, over the listings with at least one training favorite.

## Use

    etsyml evaluate --metric recall@20
    etsyml recommend --user U17

`evaluate` ranks all listings except the user's training favorites; `recommend` also excludes the test favorites,
because the user already has them. For a user without training favorites, both return the popular listings. `map` uses
the first 1,000 ranks. A listing without favorites is never recommended.
"""


def model_card(
    *,
    config: LdaConfig,
    rows: dict[str, int],
    split: FavoriteSplit,
    figures: TrainingFigures,
    fitted: FittedRecommenders,
) -> str:
    """The card as Markdown."""
    return TEMPLATE.format(
        n_topics=config.n_topics,
        engine=config.engine,
        styles=1 - fitted.share,
        share=fitted.share,
        choices=_choices_text(fitted.choices, config),
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=_describe(split),
        perplexity=figures.perplexity,
        unigram=figures.unigram_perplexity,
    )


def _choices_text(choices: Choices | None, config: LdaConfig) -> str:
    if choices is None:
        return "No user had enough favorites for a validation set, so passes and mix are the defaults."
    valid = f"two parts of the training favorites, {config.valid_share:.0%} each"
    return f"{choices.passes} passes and the mix were chosen on {valid}; the model was then trained on all of them."


def _describe(split: FavoriteSplit) -> str:
    if split.rule == "none":
        return "no test set"
    if split.rule == "file":
        return f"the test set is the favorites in {(split.file or {})['name']}"
    if split.rule == "time":
        return f"the test set is all favorites from {split.cut} on, about {split.share:.0%} of them"
    which = "latest" if split.rule == "user" else "random"
    held_out = f"the {which} {split.share:.0%} of each user's favorites, for users with at least {split.min_favorites}"
    return f"{held_out}; {split.note}" if split.note else held_out
