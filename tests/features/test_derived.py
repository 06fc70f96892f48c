"""Products and logarithms of features: from one patient's own values, missing where they must be."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from features.cohort import Clinical, Cohort
from features.encode import FeatureSpec, encode
from features.errors import FeatureError
from features.knowledge.tables import ClinicalVariable

ARM = ClinicalVariable("arm", "category", "arm", "1", 0, 0, ("control", "tested"), "")
STAT1 = ClinicalVariable("stat1", "quantity", "STAT1", "1", -9.0, 9.0, (), "", "mrna", "STAT1")
PRODUCT, LOG = "interaction.clinical.arm.is_tested:mrna.stat1.value", "log2.mrna.stat1.value"


def spec(*names: str) -> FeatureSpec:
    """A specification that knows both declared variables."""
    return FeatureSpec(names, True, (ARM, STAT1))


@pytest.mark.parametrize(
    ("arm", "stat1", "product", "log"),
    [
        ("tested", 3.0, 3.0, 2.0),
        ("control", 3.0, 0.0, 2.0),
        ("control", math.nan, 0.0, math.nan),
        ("tested", math.nan, math.nan, math.nan),
        ("tested", -2.0, -2.0, math.nan),
    ],
)
def test_product_and_logarithm_by_hand(arm: str, stat1: float, product: float, log: float) -> None:
    rows = [(0, "arm", math.nan, arm, 0.0)] + ([] if math.isnan(stat1) else [(0, "stat1", stat1, None, 0.0)])
    cohort = Cohort(("p",), clinical=Clinical.from_rows(rows))
    np.testing.assert_equal(encode(cohort, spec(PRODUCT, LOG)).values[0], [product, log])


def test_a_derived_feature_says_what_it_is_made_of() -> None:
    product, log = spec(PRODUCT, LOG).features
    assert (product.block, product.gene, product.label) == ("interaction", "STAT1", "arm: tested with STAT1")
    assert (log.block, log.gene) == ("mrna", "STAT1")
    assert spec(PRODUCT).inputs[PRODUCT] == ("clinical/arm", "clinical/stat1")


@pytest.mark.parametrize(
    "name",
    [
        "interaction.clinical.arm.is_tested",
        "interaction.clinical.arm.is_tested:clinical.nobody.value",
        f"interaction.{PRODUCT}:mrna.stat1.value",
        "log2.clinical.nobody.value",
        f"log2.{LOG}",
    ],
)
def test_what_is_made_of_nothing_known_is_refused(name: str) -> None:
    with pytest.raises(FeatureError, match="not a feature known here"):
        spec(name)


def test_a_specification_travels_as_data_and_between_processes() -> None:
    asked = spec(PRODUCT, LOG)
    assert FeatureSpec.from_json(asked.to_json()) == asked
    assert pickle.loads(pickle.dumps(asked)).features == asked.features


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        (ClinicalVariable("age", "quantity", "age", "a", 0, 99, (), ""), "known here already"),
        (ClinicalVariable("Stat 1", "quantity", "x", "1", 0, 9, (), ""), "not a name"),
        (ClinicalVariable("x", "ordinal", "x", "1", 0, 9, (), ""), "no known kind"),
        (ClinicalVariable("x", "category", "x", "1", 0, 9, (), ""), "categories"),
        (ClinicalVariable("x", "flag", "x", "1", 0, 9, (), "", "tumour"), "block that is taken"),
    ],
)
def test_a_wrong_declaration_is_named(variable: ClinicalVariable, said: str) -> None:
    with pytest.raises(FeatureError, match=said):
        FeatureSpec(("clinical.age.value",), True, (variable,))
