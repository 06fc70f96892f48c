"""What was read and not found is 0, what was not read is NaN, and hotspots are where they should be."""

from __future__ import annotations

import doctest
import importlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cohort import Clinical, Cohort, Expression, Panel, Variants
from features.encode import FeatureSpec, column_for, encode
from features.errors import FeatureError
from features.knowledge.consequences import kind_of, kind_of_change, short_change
from features.knowledge.hotspots import hotspots, is_hotspot
from features.panel import KINDS, MUTATIONS, READINGS
from features.variants import BURDENS, MEASURES, tumour_columns

NAN = math.nan
GENES = ("TP53", "KRAS", "BRAF")
FULL = Panel("full", frozenset({"TP53", "KRAS"}), 2.0, frozenset(READINGS[:3]))
SMALL = Panel("small", frozenset({"TP53", "KRAS"}), NAN)
STATED = Panel("stated", None, NAN, frozenset({"stated_copies"}))
PANELS = {p.name: p for p in (FULL, SMALL, STATED)}


def tumours(*rows: tuple) -> Cohort:
    """Patients of the full panel, of small variants only, of stated copies only, and not sequenced."""
    sequenced = ("full", "small", "stated", None)
    return Cohort(("f", "s", "c", "n"), variants=Variants.from_rows(rows), sequenced=sequenced, panels=PANELS)


def numbers(cohort: Cohort, name: str) -> list[float]:
    return encode(cohort, FeatureSpec((name,))).values[:, 0].tolist()


def small(patient: int, gene: str, kind: str, change: str | None = None, vaf: float = NAN) -> tuple:
    return (patient, gene, kind, change, vaf, NAN)


def copies(patient: int, gene: str, kind: str, total: float = NAN) -> tuple:
    return (patient, gene, kind, None, NAN, total)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("altered", [0.0, 0.0, NAN, NAN]),
        ("mutated", [0.0, 0.0, NAN, NAN]),
        ("max_vaf", [0.0, 0.0, NAN, NAN]),
        ("amplified", [0.0, NAN, NAN, NAN]),
        ("deleted", [0.0, NAN, NAN, NAN]),
        ("fused", [0.0, NAN, NAN, NAN]),
        ("copy_number", [NAN, NAN, NAN, NAN]),
        ("loh", [NAN, NAN, NAN, NAN]),
    ],
)
def test_read_and_not_found_is_zero_and_not_read_is_missing(measure: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(numbers(tumours(), f"tumour.TP53.{measure}"), expected)


@pytest.mark.parametrize("measure", [m for m in MEASURES if m != "hotspot"])
def test_a_gene_that_no_panel_holds_is_missing_everywhere(measure: str) -> None:
    assert np.isnan(numbers(tumours(), f"tumour.MYC.{measure}")).all()


def test_mutations_are_told_apart() -> None:
    cohort = tumours(
        small(0, "TP53", "missense", "p.R175H", 0.4), small(0, "TP53", "nonsense", "p.Q317*", 0.2),
        small(1, "TP53", "synonymous", "p.P72=", 0.5),
    )  # fmt: skip
    expected = {"altered": 1, "truncating": 1, "missense": 1, "hotspot": 1, "n_mutations": 2, "max_vaf": 0.4}
    for measure, value in expected.items():
        assert numbers(cohort, f"tumour.TP53.{measure}")[:2] == [value, 0.0], measure
    assert numbers(cohort, "tumour.TP53.inframe")[:2] == [0.0, 0.0]


def test_a_mutation_of_unknown_fraction_has_no_highest_fraction() -> None:
    cohort = tumours(
        small(0, "TP53", "missense"), small(1, "TP53", "missense"), small(1, "TP53", "splice", None, 0.3)
    )
    np.testing.assert_array_equal(numbers(cohort, "tumour.TP53.max_vaf")[:2], [NAN, 0.3])


def test_copies_are_stated_or_follow_from_the_panel() -> None:
    cohort = tumours(
        copies(0, "KRAS", "amplification", 9.0), copies(0, "TP53", "deletion", 0.0),
        copies(2, "KRAS", "neutral", 2.0), copies(2, "MYC", "amplification", 12.0), copies(2, "MYC", "loh"),
        copies(2, "KRAS", "heterozygous"),
    )  # fmt: skip
    np.testing.assert_array_equal(numbers(cohort, "tumour.KRAS.amplified"), [1.0, NAN, 0.0, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.KRAS.copy_number"), [9.0, NAN, 2.0, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.MYC.gained"), [NAN, NAN, 1.0, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.TP53.lost"), [1.0, NAN, NAN, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.MYC.loh"), [NAN, NAN, 1.0, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.KRAS.loh"), [NAN, NAN, 0.0, NAN])


def test_a_gain_or_a_single_loss_does_not_alter_a_gene() -> None:
    cohort = tumours(copies(0, "KRAS", "gain", 6.0), copies(0, "TP53", "loss", 1.0))
    assert numbers(cohort, "tumour.KRAS.altered")[0] == numbers(cohort, "tumour.TP53.altered")[0] == 0.0


def test_a_gene_of_low_coverage_is_missing_unless_something_was_found() -> None:
    cohort = tumours(small(0, "TP53", "mutations_not_read"), small(1, "KRAS", "mutations_not_read"))
    np.testing.assert_array_equal(numbers(cohort, "tumour.TP53.mutated")[:2], [NAN, 0.0])
    np.testing.assert_array_equal(numbers(cohort, "tumour.KRAS.mutated")[:2], [0.0, NAN])


def test_the_burden_is_per_megabase_of_the_panel_and_unknown_for_one_of_unknown_size() -> None:
    rows = [small(0, "TP53", "missense"), small(0, "KRAS", "splice"), small(0, "TP53", "synonymous")]
    cohort = tumours(*rows, small(1, "TP53", "missense"), copies(0, "KRAS", "amplification"))
    np.testing.assert_array_equal(numbers(cohort, "tumour.burden.per_mb"), [1.0, NAN, NAN, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.burden.n_nonsynonymous"), [2.0, 1.0, NAN, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.burden.n_altered_genes"), [2.0, 1.0, NAN, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.burden.n_amplified"), [1.0, NAN, 0.0, NAN])


def test_values_of_the_sample_are_carried_through_whatever_their_name() -> None:
    rows = [(0, "tumour_ctdna_fraction", 0.12, None, 0.0), (1, "tumour_signature_3", 0.4, None, 0.0)]
    rows.append((0, "tumour_ploidy", 3.0, None, 30.0))
    cohort = Cohort(("a", "b"), clinical=Clinical.from_rows(rows))
    np.testing.assert_array_equal(numbers(cohort, "tumour.sample.ctdna_fraction"), [0.12, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.sample.signature_3"), [NAN, 0.4])
    np.testing.assert_array_equal(numbers(cohort, "tumour.sample.ploidy"), [NAN, NAN])


@pytest.mark.parametrize(
    "name",
    ["tumour.TP53", "tumour..altered", "tumour.TP53.happiness", "tumour.burden.happiness",
     "tumour.sample.Upper",
     "tumour.ZNF703.hotspot", "tumour.TP 53.altered", "tumour.tp53;.altered", "tumor.TP53.altered", "tumour"],
)  # fmt: skip
def test_a_name_that_is_no_feature_is_refused(name: str) -> None:
    assert column_for(name) is None
    with pytest.raises(FeatureError, match="not a feature known here"):
        FeatureSpec((name,))


def test_any_gene_is_a_feature_with_its_lineage_and_input() -> None:
    column = column_for("tumour.RP11-34P13.7.altered")
    assert column is not None
    assert column.feature.gene == "RP11-34P13.7"
    assert column.feature.block == "tumour"
    assert column.inputs == ("variants/RP11-34P13.7",)
    hla = column_for("tumour.HLA-A.loh")
    assert hla is not None
    assert hla.feature.label == "HLA-A loss of heterozygosity"
    assert set(tumour_columns()) >= {f"tumour.burden.{measure}" for measure in BURDENS}


def test_names_listed_and_open_ended_stand_in_one_specification_and_travel_as_plain_data() -> None:
    spec = FeatureSpec(("clinical.age.value", "tumour.TP53.altered", "tumour.burden.per_mb"))
    assert FeatureSpec.from_json(spec.to_json()) == spec
    assert [feature.block for feature in spec.features] == ["clinical", "tumour", "tumour"]
    with pytest.raises(FeatureError, match="named more than once"):
        FeatureSpec(("tumour.TP53.altered", "tumour.TP53.altered"))


def test_wide_and_narrow_features_stand_in_the_order_asked_for() -> None:
    expression = Expression(np.array([1, 0]), ("A", "B"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    cohort = Cohort(("x", "y"), expression=expression, sequenced=("full", None), panels=PANELS)
    spec = FeatureSpec(("expression.B.log2_tpm", "tumour.TP53.altered", "expression.A.log2_tpm"))
    np.testing.assert_array_equal(encode(cohort, spec).values, [[4.0, 0.0, 3.0], [2.0, NAN, 1.0]])
    alone = encode(cohort.take(["y"]), spec).values
    assert alone.tobytes() == encode(cohort, spec).values[1:].tobytes()


def test_every_hotspot_is_well_formed_and_of_a_kind_that_exists() -> None:
    assert len(hotspots()) > 90
    assert {kind for _, _, kind in hotspots()} <= KINDS
    assert is_hotspot("TERT", "promoter", "c.-124C>T")
    assert is_hotspot("NPM1", "frameshift", "p.W288Cfs*12")
    assert not is_hotspot("NPM1", "missense", "p.W288C")
    assert not is_hotspot("BRAF", "missense", "p.V60E")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("p.R882H", "missense"), ("p.R882R", "synonymous"), ("p.P72=", "synonymous"), ("p.Q317*", "nonsense"),
        ("p.W288Cfs*12", "frameshift"), ("p.P250fs*3+", "frameshift"), ("p.M1?", "start_lost"),
        ("p.*576Rext*3", "stop_lost"), ("p.*359S", "stop_lost"), ("p.G306delinsEQQR", "inframe"),
        ("p.A775_G776insYVMA", "inframe"), ("p.N771_P772>SVDNP", "inframe"), ("p.X477_splice", "splice"),
        ("p.A9_A12>?", "coding"), ("p.?", "coding"), ("p.M1_A11>?", "start_lost"), ("p.K10del", "inframe"),
    ],
)  # fmt: skip
def test_a_protein_change_spells_its_kind(change: str, kind: str) -> None:
    assert kind_of_change(change) == kind


def test_words_of_three_formats_mean_the_same() -> None:
    assert kind_of("Missense_Mutation") == kind_of("missense_variant") == kind_of("Missense") == "missense"
    assert kind_of("intron_variant,splice_donor_variant") == "splice"
    assert kind_of("missense_variant&nonsense_of_another_kind") is None
    assert short_change("ENSP00000269305.4:p.Arg175His") == "p.R175H"
    assert short_change("p.(Gln317Ter)") == "p.Q317*"


findings = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["TP53", "KRAS"]),
        st.sampled_from(sorted(MUTATIONS | {"synonymous", "amplification", "deletion", "fusion", "gain"})),
        st.none() | st.sampled_from(["p.R175H", "p.G12D", "p.Q61*"]),
        st.just(NAN) | st.floats(0, 1),
        st.just(NAN),
    ),
    max_size=25,
)
EVERYTHING = FeatureSpec(
    tuple(f"tumour.{g}.{m}" for g in GENES for m in MEASURES) + tuple(f"tumour.burden.{m}" for m in BURDENS)
)


@given(findings)
def test_a_patient_alone_equals_the_same_patient_in_a_batch(rows: list[tuple]) -> None:
    ids = tuple("abcdef")
    cohort = Cohort(ids, variants=Variants.from_rows(rows), sequenced=["full"] * 6, panels=PANELS)
    batch = encode(cohort, EVERYTHING).values
    for i, patient in enumerate(ids):
        alone = encode(cohort.take([patient]), EVERYTHING).values
        assert alone.tobytes() == batch[i : i + 1].tobytes()


@given(findings, st.randoms())
def test_the_order_of_findings_changes_nothing(rows: list[tuple], random: object) -> None:
    def values(order: list[tuple]) -> np.ndarray:
        cohort = Cohort(
            tuple("abcdef"), variants=Variants.from_rows(order), sequenced=["full"] * 6, panels=PANELS
        )
        return encode(cohort, EVERYTHING).values

    turned = list(rows)
    random.shuffle(turned)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(values(rows), values(turned))


@pytest.mark.parametrize(
    "name",
    [
        "panel",
        "variants",
        "knowledge.hotspots",
        "knowledge.consequences",
        "knowledge.gene_positions",
        "readers.segments",
    ],
)
def test_docstring_examples_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"features.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
