"""The definition of a metric: its name, direction, cutoff, parameters and functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from etsyml_cli.metrics.shapes import Shape

Value = str | float
S = TypeVar("S", bound=Shape)


@dataclass(frozen=True)
class Choice:
    """A parameter with a fixed set of values; the first value is the default."""

    name: str
    values: tuple[str, ...]

    @property
    def default(self) -> str:
        return self.values[0]

    @property
    def allowed(self) -> str:
        return " or ".join(self.values)

    def parse(self, text: str) -> str | None:
        """The value, or None if it is not allowed."""
        return text if text in self.values else None


@dataclass(frozen=True)
class Number:
    """A numeric parameter greater than `above` and less than `below`."""

    name: str
    default: float
    above: float
    below: float

    @property
    def allowed(self) -> str:
        return f"a number greater than {self.above:g} and less than {self.below:g}"

    def parse(self, text: str) -> float | None:
        """The value, or None if it is not a number or out of range."""
        try:
            value = float(text)
        except ValueError:
            return None
        return value if self.above < value < self.below else None


@dataclass(frozen=True)
class Metric:
    """A metric: its name, its definition with the source, and one function per kind of data (`shapes`)."""

    name: str
    definition: str
    better: Literal["higher", "lower", "one"]
    cutoff: Literal["required", "optional", "none"]
    shapes: tuple[Shape, ...]
    parameters: tuple[Choice | Number, ...] = ()
    source: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(model for shape in self.shapes for model in shape.models)

    @property
    def needs_truth(self) -> bool:
        return all(shape.needs_truth for shape in self.shapes)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(table for shape in self.shapes for table in shape.needs)

    def shape(self, kind: type[S]) -> S | None:
        """Its shape of this kind, or None if it has none."""
        return next((shape for shape in self.shapes if isinstance(shape, kind)), None)
