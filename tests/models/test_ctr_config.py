from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import UsageError
from etsyml_cli.models.ctr.columns import fed_by
from etsyml_cli.models.ctr.config import AdFeatures, CtrConfig

REPOSITORY = Path(__file__).parents[2]
TEXT, TAGS, NUMBER, TIME = pa.string(), pa.list_(pa.string()), pa.float64(), pa.timestamp("us", tz="UTC")


def test_the_yaml_that_is_shipped_holds_the_defaults():
    text = (REPOSITORY / "configs" / "ctr.yaml").read_text(encoding="utf-8")
    assert resolve_config(CtrConfig, file_text=text).value == CtrConfig()


def test_lists_and_constants_can_be_set():
    config = resolve_config(CtrConfig, sets=["features.categorical=[query]", "bits=18", "l1=1"]).value
    assert (config.features.categorical, config.bits, config.l1) == (("query",), 18, 1.0)


@pytest.mark.parametrize("wrong", ["bits=40", "alpha=0", "l2=-1", "features.crosses=[[query]]", "passes=0"])
def test_impossible_values_are_refused(wrong):
    with pytest.raises(UsageError, match=wrong.partition("=")[0]):
        resolve_config(CtrConfig, sets=[wrong])


def test_defaults_take_what_is_there():
    found = fed_by(AdFeatures(), {"listing_id": TEXT, "title": TEXT, "created_at": TIME})
    assert found == AdFeatures(categorical=("listing_id",), text=("title",), crosses=(), numeric=())


def test_a_column_that_was_asked_for_must_be_there():
    asked = AdFeatures(categorical=("listing_id", "shop"))
    with pytest.raises(UsageError, match=r"features\.categorical: no column 'shop'") as error:
        fed_by(asked, dict.fromkeys(["listing_id", "shop_id", "clicked"], TEXT))
    assert error.value.hint == "Did you mean 'shop_id'?"


@pytest.mark.parametrize("label", ["clicked", "clicks", "impressions", "converted"])
def test_the_label_is_no_feature(label):
    with pytest.raises(UsageError, match="known only after"):
        fed_by(AdFeatures(crosses=(("query", label),)), {"query": TEXT, label: pa.int8()})


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (TEXT, {"categorical", "text", "crosses", "numeric"}),
        (TAGS, {"text"}),
        (NUMBER, {"categorical", "crosses", "numeric"}),
        (pa.int32(), {"categorical", "crosses", "numeric"}),
        (TIME, set()),
    ],
)
def test_what_a_column_holds_decides_which_roles_it_plays(kind, roles):
    def plays(role):
        asked = AdFeatures(**{role: (("x", "y"),) if role == "crosses" else ("x",)})
        try:
            return getattr(fed_by(asked, {"x": kind, "y": TEXT}), role) == getattr(asked, role)
        except UsageError:
            return False

    assert {role for role in ("categorical", "text", "crosses", "numeric") if plays(role)} == roles
