"""`etsyml config show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from etsyml_cli.cli import complete, options, show
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.cli.settings import CONFIGS, settings

app = typer.Typer(no_args_is_help=True, help="Show settings.")


@app.command("show")
@common_options
def show_config(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=f"Name of the settings: {', '.join(CONFIGS)}.", autocompletion=complete.config_names
        ),
    ],
    config: options.ConfigFile = None,
    set_: options.Set = None,
) -> None:
    """Print the settings and the source of each value.

    \b
    Examples:
      etsyml config show ltr
      etsyml config show ctr --config configs/ctr.yaml --set bits=20
    """
    import msgspec

    resolved = settings(name, config, set_)
    values = msgspec.to_builtins(resolved.value)
    if session.json:
        show.print_json({"schema_version": 1, "name": name, "values": values, "origins": resolved.origins})
        return
    lines = [(f"{key}: {_yaml(_value_at(values, key))}", origin) for key, origin in resolved.origins.items()]
    width = max(len(line) for line, _ in lines)
    for line, origin in lines:
        typer.echo(f"{line:<{width}}  # {origin}")


def _value_at(values: dict[str, Any], dotted: str) -> Any:
    value: Any = values
    for key in dotted.split("."):
        value = value[key]
    return value


def _yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000)).removesuffix("\n").removesuffix("\n...")
