"""What a study serves once its cohort is known: `*` opened, masks combined, products unknown too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.cohort import Clinical, Cohort, Expression, Panel, Variants
from features.errors import CohortError
from features.knowledge.signatures import signatures
from tests.training.tiny_blocks import PRODUCT, tiny_cohort, tiny_study
from training.design import build_design
from training.served import masks_of, served_spec, unknown_without
from training.study import Study

N = 30


def asking(*names: str, least: int = 10) -> Study:
    """The tiny study, of these features."""
    study = tiny_study("binary")
    return replace(study, spec=replace(study.spec, names=names, least_patients=least))


def patients(measured: dict[str, int], carried: dict[tuple[str, str], int]) -> Cohort:
    """`N` patients of whom so many have each gene measured, and so many carry each finding."""
    genes = tuple(measured)
    levels = np.tile(np.linspace(1.0, 9.0, N)[:, None], len(genes))
    for column, n in enumerate(measured.values()):
        levels[n:, column] = np.nan
    found = [(i, gene, kind, None, np.nan, np.nan) for (gene, kind), n in carried.items() for i in range(n)]
    panel = Panel("exome", None, np.nan, frozenset(("mutations", "copy_number")))
    return Cohort(
        tuple(f"p{i}" for i in range(N)),
        expression=Expression(np.arange(N), genes, levels),
        variants=Variants.from_rows(found),
        sequenced=np.full(N, "exome", dtype=object),
        panels={"exome": panel},
    )


def test_a_star_is_every_gene_measured_in_enough_patients() -> None:
    cohort = patients({"CD8A": 10, "GZMB": 9, "ESR1": 30}, {})
    spec = served_spec(asking("expression.*.log2_tpm"), cohort)
    assert spec.names == ("expression.CD8A.log2_tpm", "expression.ESR1.log2_tpm")
    least = served_spec(asking("expression.*.log2_tpm", least=9), cohort)
    assert "expression.GZMB.log2_tpm" in least.names


def test_a_star_is_every_tumour_gene_in_which_enough_carry_that_very_finding() -> None:
    carried = {("TP53", "missense"): 12, ("KRAS", "missense"): 4, ("ERBB2", "amplification"): 15}
    carried[("ERBB2", "missense")] = 3
    study = asking("tumour.*.mutated", "tumour.*.amplified")
    names = served_spec(study, patients({"CD8A": 30}, carried)).names
    assert names == ("tumour.TP53.mutated", "tumour.ERBB2.amplified")


def test_a_star_is_every_variable_that_is_declared_and_only_used_ones_travel() -> None:
    cohort, _ = tiny_cohort("question", 60)
    study = tiny_study("question")
    spec = served_spec(study, cohort)
    assert {f"clinical.synthetic_{i}.value" for i in (1, 2, 3, 4)} <= set(spec.names)
    assert {f"clinical.arm.is_{arm}" for arm in ("control", "tested", "harmful")} <= set(spec.names)
    only = served_spec(
        replace(study, spec=replace(study.spec, names=("clinical.synthetic_2.value",))), cohort
    )
    assert [variable.name for variable in only.variables] == ["synthetic_2"]
    through = served_spec(replace(study, spec=replace(study.spec, names=(PRODUCT,))), cohort)
    assert [variable.name for variable in through.variables] == ["arm"]


def test_a_star_is_every_signature_whose_genes_are_there() -> None:
    genes = next(own.genes for own in signatures().values() if "cytolytic" in own.name)
    spec = served_spec(asking("signature.*.score"), patients(dict.fromkeys(genes, N), {}))
    assert all(name.startswith("signature.") and name.endswith(".score") for name in spec.names)
    assert 0 < len(spec.names) < len(signatures())


def test_a_star_that_stands_for_nothing_declared_is_refused_by_name() -> None:
    with pytest.raises(CohortError, match=r"'rna\.\*': no declared variable"):
        served_spec(asking("rna.*"), patients({"CD8A": N}, {}))


def test_a_name_written_twice_is_one_column() -> None:
    spec = served_spec(asking("expression.CD8A.log2_tpm", "expression.*.log2_tpm"), patients({"CD8A": N}, {}))
    assert spec.names == ("expression.CD8A.log2_tpm",)


def test_every_combination_of_blocks_may_be_missing() -> None:
    study, (cohort, _) = tiny_study("binary"), tiny_cohort("binary", 200)
    spec = served_spec(study, cohort)
    masks = masks_of(study, spec)
    one, other = masks["missing:expression"], masks["missing:tumour"]
    assert set(masks) == {"missing:expression", "missing:tumour", "missing:expression+tumour"}
    assert {name.partition(".")[0] for name in one} == {"expression"}
    assert set(masks["missing:expression+tumour"]) == {*one, *other}
    assert not set(one) & set(other)


def test_who_lacks_expression_lacks_the_signatures_too() -> None:
    genes = next(own.genes for own in signatures().values() if "cytolytic" in own.name)
    study = asking("clinical.age.value", "expression.*.log2_tpm", "signature.*.score")
    study = replace(study, model=replace(study.model, mask_blocks=("expression",)))
    spec = served_spec(study, patients(dict.fromkeys(genes, N), {}))
    assert set(masks_of(study, spec)["missing:expression"]) == set(spec.names) - {"clinical.age.value"}


def test_a_block_that_the_cohort_does_not_have_is_missing_to_nobody() -> None:
    study, (cohort, _) = tiny_study("binary"), tiny_cohort("binary", 200)
    bare = replace(cohort, variants=Variants.from_rows([]))
    design = build_design(study, bare)
    assert set(design.masks) == {"missing:expression"}
    lacking = set(bare.patient_ids) - {bare.patient_ids[i] for i in bare.expression.patient.tolist()}
    told = {p for p, s in zip(bare.patient_ids, design.strata, strict=True) if s == "missing:expression"}
    assert told == lacking


def test_a_product_is_unknown_with_either_factor() -> None:
    cohort, _ = tiny_cohort("question", 200)
    spec = served_spec(tiny_study("question"), cohort)
    assert PRODUCT in spec.names
    assert unknown_without(spec, ["expression.SYN00001.log2_tpm"]) == (
        "expression.SYN00001.log2_tpm",
        PRODUCT,
    )
    assert PRODUCT in unknown_without(spec, ["clinical.arm.is_tested"])
    assert PRODUCT not in unknown_without(spec, ["expression.SYN00002.log2_tpm"])


def test_which_genes_are_served_does_not_depend_on_the_outcome() -> None:
    study, (cohort, _) = tiny_study("binary"), tiny_cohort("binary", 120)
    assert served_spec(study, replace(cohort, outcomes=type(cohort.outcomes).from_rows([]))) == served_spec(
        study, cohort
    )
    assert served_spec(study, replace(cohort, clinical=Clinical.from_rows([]))).names[:2] == (
        "clinical.synthetic_1.value",
        "clinical.synthetic_2.value",
    )
