"""Shell completion of metrics, models, styles, columns, tables and settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from etsyml_cli.cli.session import session
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.systems import MODELS

# command -> its configuration, if their names differ
CONFIG_OF = {"extract-images": "images", "sample-data": "sample"}


def metrics(incomplete: str) -> list[str]:
    """Names of metrics, with a cutoff if one is required."""
    from etsyml_cli.metrics.registry import METRICS

    return _starting_with((name.replace("@k", "@10") for name in METRICS), incomplete)


def model_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of models, and the directories of those in the workspace."""
    return _starting_with([*MODELS, *_models(ctx)], incomplete)


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """The directories of the models in the workspace."""
    return _starting_with(_models(ctx), incomplete)


def styles(ctx: typer.Context, incomplete: str) -> list[str]:
    """The numbers of the styles of the model in the workspace."""
    manifest = _workspace(ctx).model("lda") / "manifest.json"
    try:
        n_topics = int(json.loads(manifest.read_bytes())["plan"]["config"]["n_topics"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return _starting_with(map(str, range(n_topics)), incomplete)


def tables(incomplete: str) -> list[str]:
    """The names of tables."""
    from etsyml_cli.io.schema import TABLES

    return _starting_with(TABLES, incomplete)


def presets(incomplete: str) -> list[str]:
    """The names of presets."""
    from etsyml_cli.ingest.presets import preset_names

    return _starting_with(preset_names(), incomplete)


def columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """The columns of the table to import, each as the beginning of OURS=THEIRS."""
    from etsyml_cli.io.schema import TABLES

    table = next((word for word in ctx.args if word in TABLES), None)  # not parsed as the argument TABLE yet
    return _starting_with((f"{name}=" for name in TABLES[table].names()), incomplete) if table else []


def config_names(incomplete: str) -> list[str]:
    """The names of configurations."""
    from etsyml_cli.cli.settings import CONFIGS

    return _starting_with(CONFIGS, incomplete)


def setting_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The keys of `--set`, each as the beginning of KEY=VALUE."""
    import msgspec

    from etsyml_cli.cli.settings import CONFIGS, settings

    name = CONFIG_OF.get(ctx.command.name or "", ctx.params.get("name") or ctx.command.name or "")
    if name not in CONFIGS:
        return []
    return _starting_with((f"{key}=" for key in _keys(msgspec.to_builtins(settings(name).value))), incomplete)


def _keys(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in tree.items():
        found += _keys(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]
    return found


def _models(ctx: typer.Context) -> list[str]:
    return [str(place) for place in _workspace(ctx).all_models()]


def _workspace(ctx: typer.Context) -> Workspace:
    given = ctx.params.get("workspace") or (ctx.parent and ctx.parent.params.get("workspace"))
    return Workspace(Path(given)) if given else session.workspace


def _starting_with(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
