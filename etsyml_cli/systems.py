"""The kinds of models of the three systems, and the models that a workspace can hold.

These two tables are the only place that lists them: `evaluate`, `doctor`, `inspect`, `demo`, `report`, completion and
settings read them. Functions and classes are written as "module:attribute"; `core/registry.py` imports them on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoCheck:
    """The metric and the variant that must beat the baseline in `etsyml demo`."""

    metric: str
    variant: str


@dataclass(frozen=True)
class ModelKind:
    """How models of one kind are trained, evaluated and shown."""

    system: str  # also the model's section of the report
    command: str  # `etsyml train COMMAND`; its configuration and its metrics have the same name
    config: str
    evaluate: str
    evaluation_inputs: str  # the dataclass of inputs of `evaluate`
    inputs: tuple[str, ...]  # tables and features that `evaluate` reads
    default_metrics: tuple[str, ...]  # those that need the ground truth are skipped without it
    main_variants: tuple[str, ...]  # a gate checks the first one that was measured
    main_slice: str = "all"  # the slice that a gate checks
    options: tuple[str, ...] = ()  # further options of `evaluate`
    required: tuple[str, ...] = ()  # options without which the model cannot be evaluated
    demo: DemoCheck | None = None


KINDS = {
    "ltr": ModelKind(
        system="search",
        command="ltr",
        config="etsyml_cli.search.config:LtrConfig",
        evaluate="etsyml_cli.search.evaluate:evaluate",
        evaluation_inputs="etsyml_cli.search.evaluate:EvaluationInputs",
        inputs=("listings", "searches", "images"),
        default_metrics=("ndcg@10", "map", "mrr"),
        main_variants=("multimodal", "text"),
        options=("truth", "qrels", "baseline", "runs"),
        demo=DemoCheck("ndcg@10", "multimodal"),
    ),
    "ltr-rows": ModelKind(
        system="search",
        command="ltr",
        config="etsyml_cli.search.config:LtrConfig",
        evaluate="etsyml_cli.search.svmlight_ranker:evaluate_rows",
        evaluation_inputs="etsyml_cli.search.svmlight_ranker:EvaluationInputs",
        inputs=(),
        default_metrics=("ndcg@10", "map", "mrr"),
        main_variants=("features",),
        options=("features", "groups"),
        required=("features",),
    ),
    "lda": ModelKind(
        system="personalization",
        command="lda",
        config="etsyml_cli.personalization.config:LdaConfig",
        evaluate="etsyml_cli.personalization.evaluate:evaluate",
        evaluation_inputs="etsyml_cli.personalization.evaluate:EvaluationInputs",
        inputs=("favorites",),
        default_metrics=("recall@20", "ndcg@20", "hit@10", "coverage@20", "longtail@20", "perplexity", "style_cosine"),
        main_variants=("mix", "lda"),
        options=("truth", "diversity", "backtest"),
        demo=DemoCheck("recall@20", "lda"),
    ),
    "ctr": ModelKind(
        system="ads",
        command="ctr",
        config="etsyml_cli.ads.config:CtrConfig",
        evaluate="etsyml_cli.ads.evaluate:evaluate",
        evaluation_inputs="etsyml_cli.ads.evaluate:EvaluationInputs",
        inputs=("impressions", "searches", "listings", "images"),
        default_metrics=("auc", "logloss", "ne", "calibration"),
        main_variants=("ensemble", "content"),
        main_slice="mixed",
        options=("truth", "baseline", "backtest"),
        demo=DemoCheck("auc", "ensemble"),
    ),
}


@dataclass(frozen=True)
class WorkspaceModel:
    """A model with a directory of its own in the workspace: its kind, and the command that trains it."""

    kind: str
    train: str
    optional: bool = False  # `doctor` and `inspect` do not list it as missing


MODELS = {
    "ltr": WorkspaceModel("ltr", "etsyml train ltr"),
    "ltr-rows": WorkspaceModel("ltr-rows", "etsyml train ltr --features FILE", optional=True),
    "lda": WorkspaceModel("lda", "etsyml train lda"),
    "lda-shops": WorkspaceModel("lda", "etsyml train lda --shops", optional=True),
    "ctr": WorkspaceModel("ctr", "etsyml train ctr"),
    "ctr-converted": WorkspaceModel("ctr", "etsyml train ctr --label converted", optional=True),
    "ctr-searches": WorkspaceModel("ctr", "etsyml train ctr --source searches", optional=True),
    "ctr-searches-converted": WorkspaceModel(
        "ctr", "etsyml train ctr --source searches --label converted", optional=True
    ),
}

EXPECTED_MODELS = tuple(name for name, model in MODELS.items() if not model.optional)


def train_command(kind: str, directory: Path) -> str:
    """The command that trains the model of this kind in `directory`."""
    model = MODELS.get(directory.name)
    if model is not None and model.kind == kind:
        return model.train
    return f"{MODELS[kind].train} --out {directory}"
