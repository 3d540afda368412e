from __future__ import annotations

import pyarrow as pa
import pytest

from etsyml_cli.ads.columns import resolve_columns
from etsyml_cli.ads.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import UsageError
from tests.conftest import REPOSITORY

TEXT, TAGS, NUMBER, TIME = pa.string(), pa.list_(pa.string()), pa.float64(), pa.timestamp("us", tz="UTC")


def test_the_yaml_that_is_shipped_holds_the_defaults():
    text = (REPOSITORY / "configs" / "ctr.yaml").read_text(encoding="utf-8")
    assert resolve_config(CtrConfig, file_text=text).value == CtrConfig()


def test_lists_and_constants_can_be_set():
    config = resolve_config(CtrConfig, sets=["features.categorical=[query]", "bits=18", "l1=1"]).value
    assert (config.features.categorical, config.bits, config.l1) == (("query",), 18, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        "bits=40",
        "alpha=0",
        "l2=-1",
        "features.crosses=[[query]]",
        "history.counts=[[a, b, c]]",
        "cold=0",
        "days=0",
        "passes=0",
    ],
)
def test_impossible_values_are_refused(wrong):
    with pytest.raises(UsageError, match=wrong.partition("=")[0]):
        resolve_config(CtrConfig, sets=[wrong])


def test_defaults_take_what_is_there():
    found = resolve_columns(CtrConfig(), {"listing_id": TEXT, "title": TEXT, "created_at": TIME})
    assert found.features == AdFeatures(categorical=(), text=("title",), word_crosses=(), numeric=())
    assert found.history == AdHistory(categorical=("listing_id",), counts=(("listing_id",),))


def test_the_ads_own_counts_always_come_first():
    asked = CtrConfig(history=AdHistory(counts=(("query",),)))
    found = resolve_columns(asked, dict.fromkeys(["listing_id", "query"], TEXT))
    assert found.history.counts == (("listing_id",), ("query",))


def test_a_configured_column_must_exist():
    asked = CtrConfig(features=AdFeatures(categorical=("listing_id", "shop")))
    with pytest.raises(UsageError, match=r"features\.categorical: no column 'shop'") as error:
        resolve_columns(asked, dict.fromkeys(["listing_id", "shop_id", "clicked"], TEXT))
    assert error.value.hint == "Did you mean 'shop_id'?"
    asked = CtrConfig(history=AdHistory(counts=(("shop",),)))
    with pytest.raises(UsageError, match=r"history\.counts: no column 'shop'"):
        resolve_columns(asked, dict.fromkeys(["listing_id", "shop_id"], TEXT))


@pytest.mark.parametrize("label", ["clicked", "clicks", "impressions", "converted"])
def test_the_label_is_no_feature(label):
    with pytest.raises(UsageError, match="known only after"):
        resolve_columns(CtrConfig(features=AdFeatures(crosses=(("query", label),))), {"query": TEXT, label: pa.int8()})
    with pytest.raises(UsageError, match="known only after"):
        resolve_columns(CtrConfig(history=AdHistory(counts=((label,),))), {label: pa.int8()})


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (TEXT, {"categorical", "text", "crosses", "word_crosses", "numeric", "text_svd"}),
        (TAGS, {"text", "word_crosses", "text_svd"}),
        (NUMBER, {"categorical", "crosses", "numeric"}),
        (pa.int32(), {"categorical", "crosses", "numeric"}),
        (TIME, set()),
    ],
)
def test_what_a_column_holds_decides_which_roles_it_plays(kind, roles):
    def plays(role):
        asked = AdFeatures(**{role: (("x", "y"),) if "crosses" in role else ("x",)})
        try:
            return getattr(
                resolve_columns(CtrConfig(features=asked), {"x": kind, "y": TEXT}).features, role
            ) == getattr(asked, role)
        except UsageError:
            return False

    assert {role for role in AdFeatures.__struct_fields__ if plays(role)} == roles
