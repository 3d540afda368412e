"""Configuration: the defaults of a msgspec Struct, overridden by a YAML file, overridden by `--set a.b=c`.

Unknown keys are errors that name the path of the key. The YAML dialect is stricter than YAML 1.1: `1e-3` is a
number, `NO` is text, and duplicate keys and aliases are errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from etsyml_cli.core.errors import UsageError, did_you_mean

MAX_BYTES = 1 << 20

ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Base class of all configurations: immutable, unknown keys are errors. Subclasses repeat `frozen=True`."""


@dataclass(frozen=True)
class Resolved(Generic[ConfigT]):
    """A configuration and the origin of the value of each dotted key."""

    value: ConfigT
    origins: dict[str, str]


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML text into plain data. Raises UsageError, with `where` and the line, if it is invalid."""
    import yaml

    if len(text.encode()) > MAX_BYTES:
        raise UsageError(f"{where}: larger than 1 MiB, the limit for configuration files")
    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506  a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{where}{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, KeyError, AttributeError) as error:  # such as `!!bool abc`
        raise UsageError(f"{where}: {error}") from None
    except RecursionError:
        raise UsageError(f"{where}: nested too deeply") from None


def resolve_config(
    kind: type[ConfigT],
    *,
    file_text: str | None = None,
    file_name: str = "--config",
    sets: list[str] | None = None,
    options: dict[str, Any] | None = None,
) -> Resolved[ConfigT]:
    """Merge the defaults of `kind`, the file, `--set` and `options` (dotted key -> value or None); the last one wins.

    Raises UsageError if a key is unknown or a value is invalid.
    """
    tree = msgspec.to_builtins(kind())
    shape = _shape(kind)
    origins = dict.fromkeys(_leaves(shape), "default")
    if file_text is not None:
        data = parse_yaml(file_text, file_name)
        if data is not None and not isinstance(data, dict):
            raise UsageError(f"{file_name}: the top level must be a mapping of keys to values")
        _overlay(tree, shape, data or {}, "", file_name, origins)
    set_keys = set[str]()
    for assignment in sets or []:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: expected KEY=VALUE")
        if key.strip() in set_keys:
            raise UsageError(f"--set {key.strip()}: duplicate key", hint="Set each key once.")
        set_keys.add(key.strip())
        _overlay(tree, shape, _nested(key.strip(), parse_yaml(text, f"--set {key}")), "", "--set", origins)
    for key, value in (options or {}).items():
        if value is not None:
            _overlay(tree, shape, _nested(key, value), "", "option", origins)
    try:
        return Resolved(msgspec.convert(tree, kind), origins)
    except msgspec.ValidationError as error:
        raise UsageError(_with_key_path(str(error), origins)) from None


def _loader() -> type:
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()  # type: ignore[no-untyped-call]
                raise yaml.MarkedYAMLError(problem="YAML aliases are not allowed", problem_mark=event.start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key_node, _ in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise yaml.MarkedYAMLError(problem="keys must be scalars", problem_mark=key_node.start_mark)
                if key_node.value in seen:
                    problem = f"duplicate key {key_node.value!r}"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
                seen.add(key_node.value)
            return super().construct_mapping(node, deep)

    resolvers = {
        first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":bool", ":int", ":float", ":timestamp"))]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.yaml_implicit_resolvers = resolvers
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(
            r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf)$|^\.(?:nan|NaN)$"
        ),
        list("-+0123456789."),
    )
    return Loader


def _shape(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The keys of a configuration: nested keys for a nested Struct, None for a plain value."""
    shape: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        nested = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        shape[field.name] = _shape(field.type) if nested else None
    return shape


def _leaves(shape: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, nested in shape.items():
        found += [f"{prefix}{key}"] if nested is None else _leaves(nested, f"{prefix}{key}.")
    return found


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    *parents, last = dotted.split(".")
    tree = {last: value}
    for key in reversed(parents):
        tree = {key: tree}
    return tree


def _overlay(
    tree: dict[str, Any], shape: dict[str, Any], data: dict[str, Any], prefix: str, origin: str, origins: dict[str, str]
) -> None:
    for key, value in data.items():
        path = f"{prefix}{key}"
        if key not in shape:
            raise UsageError(f"{origin}: unknown key {path!r}", hint=did_you_mean(str(key), shape))
        if shape[key] is None:
            tree[key] = value
            origins[path] = origin
        elif isinstance(value, dict):
            _overlay(tree[key], shape[key], value, f"{path}.", origin, origins)
        else:
            raise UsageError(f"{origin}: {path} is a section; set one of its keys: {', '.join(shape[key])}")


def _with_key_path(message: str, origins: dict[str, str]) -> str:
    """Rewrite ``Expected `int`, got `str` - at `$.a.b` `` of msgspec to begin with the origin and the key `a.b`."""
    problem, _, path = message.partition(" - at `$.")
    key = path.rstrip("`")
    if not key:
        return message
    origin = origins.get(re.sub(r"\[.*", "", key), "configuration")
    return f"{origin}: {key}: {problem[0].lower()}{problem[1:]}"
