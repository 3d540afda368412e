from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.config import MAX_BYTES, Config, parse_yaml, resolve_config
from etsyml_cli.core.errors import UsageError


class Inner(Config, frozen=True):
    rate: float = 0.5
    name: str = "a"


class Outer(Config, frozen=True):
    inner: Inner = Inner()
    steps: int = 3
    columns: dict[str, str] = {}


def test_set_overrides_the_file_and_the_file_overrides_the_defaults() -> None:
    resolved = resolve_config(
        Outer,
        file_text="inner: {rate: 0.1, name: file}\nsteps: 7\n",
        file_name="my.yaml",
        sets=["inner.name=set", "steps=8"],
        options={"steps": 9, "columns": None},
    )
    assert resolved.value == Outer(inner=Inner(rate=0.1, name="set"), steps=9)
    assert resolved.origins == {
        "inner.rate": "my.yaml",
        "inner.name": "--set",
        "steps": "option",
        "columns": "default",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-2", -2),
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("2014-05-01", "2014-05-01"),
        ("1:30", "1:30"),
        ("1_0", "1_0"),
        ("0x10", "0x10"),
    ],
)
def test_yaml_scalars_have_the_expected_types(text: str, value: Any) -> None:
    read = parse_yaml(f"key: {text}", "f.yaml")["key"]
    assert read == value
    assert type(read) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_yaml_reads_every_float_in_python_notation(number: float) -> None:
    assert parse_yaml(f"key: {number!r}", "f.yaml") == {"key": number}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("stepz: 1", "f.yaml: unknown key 'stepz'", "Did you mean 'steps'?"),
        ("inner: {rat: 1}", "f.yaml: unknown key 'inner.rat'", "Did you mean 'rate'?"),
        ("steps: 1\nsteps: 2", "f.yaml:2: duplicate key 'steps'", None),
        ("inner: &a {rate: 1}\ncolumns: *a", "f.yaml:2: YAML aliases are not allowed", None),
        ("inner: 3", "f.yaml: inner is a section; set one of its keys: rate, name", None),
        ("inner: {rate: fast}", "f.yaml: inner.rate: expected `float`, got `str`", None),
        ("steps: !!bool abc", "f.yaml: 'abc'", None),
        ("? [a, b]\n: 1", "f.yaml:1: keys must be scalars", None),
        ("steps: " + "[" * 5000, "f.yaml: nested too deeply", None),
        ("- 1", "f.yaml: the top level must be a mapping of keys to values", None),
        ("a: " + "x" * MAX_BYTES, "f.yaml: larger than 1 MiB, the limit for configuration files", None),
        ("!!python/object/apply:os.system ['true']", "f.yaml:1: could not determine a constructor", None),
    ],
)
def test_an_invalid_file_is_reported_with_line_and_hint(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_config(Outer, file_text=text, file_name="f.yaml")
    assert caught.value.message.startswith(message)
    assert caught.value.hint == hint


@pytest.mark.parametrize("assignment", ["steps", "=3", "inner.rate.x=1"])
def test_an_invalid_set_is_a_usage_error(assignment: str) -> None:
    with pytest.raises(UsageError):
        resolve_config(Outer, sets=[assignment])
