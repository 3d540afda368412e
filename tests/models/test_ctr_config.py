from __future__ import annotations

from pathlib import Path

import pytest

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import UsageError
from etsyml_cli.models.ctr.config import AdFeatures, CtrConfig, fed_by

REPOSITORY = Path(__file__).parents[2]


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
    found = fed_by(AdFeatures(), ["listing_id", "title", "created_at"])
    assert found == AdFeatures(categorical=("listing_id",), text=("title",), crosses=(), numeric=())


def test_a_column_that_was_asked_for_must_be_there():
    asked = AdFeatures(categorical=("listing_id", "shop"))
    with pytest.raises(UsageError, match=r"features\.categorical: no column 'shop'") as error:
        fed_by(asked, ["listing_id", "shop_id", "clicked"])
    assert error.value.hint == "Did you mean 'shop_id'?"


@pytest.mark.parametrize("label", ["clicked", "clicks", "impressions", "converted"])
def test_the_label_is_no_feature(label):
    with pytest.raises(UsageError, match="known only after"):
        fed_by(AdFeatures(crosses=(("query", label),)), ["query", label])
