"""The model card of a style model, README.md: description, training data, perplexity and usage."""

from __future__ import annotations

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import FittedRecommenders
from etsyml_cli.personalization.model.mix import MixChoices
from etsyml_cli.personalization.model.mix_weights import CUTOFF
from etsyml_cli.personalization.model.recommender import MIX
from etsyml_cli.personalization.store import TrainingFigures
from etsyml_cli.splits.favorites import FavoriteSplit

TEMPLATE = """\
# Style model

Latent Dirichlet allocation (Blei, Ng, Jordan, 2003) of favorites, as in Hu, Hall, Attenberg, KDD'14: a user is a
document, a favorited listing is a word, a topic is a style. theta (users x styles) is each user's style profile, beta
(styles x listings) is the distribution of each style over listings.
{n_topics} styles, trained with the engine {engine}. Lists are ranked by a mix of recommenders:
{weights}, each divided by the standard deviation of its scores for the user.

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
        weights=" + ".join(f"{weight:g} x {name}" for name, weight in fitted.weights.items()),
        choices=_choices_text(fitted, config),
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=_describe(split),
        perplexity=figures.perplexity,
        unigram=figures.unigram_perplexity,
    )


def _choices_text(fitted: FittedRecommenders, config: LdaConfig) -> str:
    if fitted.passes is None:
        return "No user had enough favorites for a validation set, so passes and mix are the defaults."
    valid = f"{config.valid_share:.0%} of the training favorites"
    text = f"{fitted.passes} passes were chosen on {valid}; the model was then trained on all of them."
    mix = fitted.choices.get(MIX)
    if not isinstance(mix, MixChoices):
        return f"{text} They have too few users to learn a mix, which is the default."
    return "\n".join(
        [
            f"{text} The weights of the mix were learned on as many others, and those that did not help were dropped.",
            "",
            f"| recommender | weight | nDCG@{CUTOFF} on validation favorites |",
            "|---|---|---|",
            *(f"| {name} | {_weight(mix, name)} | {value:.4f} |" for name, value in mix.valid_ndcg.items()),
        ]
    )


def _weight(mix: MixChoices, name: str) -> str:
    return "" if name == MIX else f"{mix.weights.get(name, 0):g}"


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
