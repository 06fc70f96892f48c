"""The named-allele matcher: worked cases, a naive second matcher, and laws that hold for every patient."""

from __future__ import annotations

import doctest
import importlib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.knowledge.definitions import REFERENCE, definitions
from features.star_alleles import OTHER, UNREAD, DiplotypeCall, Observation, call_diplotype, genotype_rows

SMALL = ("UGT1A1", "CYP3A5", "NUDT15", "CYP2C19", "CYP4F2", "VKORC1", "IFNL3")


def _seen(gene: str, changes: dict[str, tuple[str | None, str | None, str | None]]) -> list[Observation]:
    """What is read of a gene: the reference, but for the sites (by rsid or change) that are given."""
    found = []
    for site in definitions()[gene].sites:
        names = [name for name in (site.rsid, *(c.name for c in site.changes)) if name in changes]
        first, second, phase = changes[names[0]] if names else (REFERENCE, REFERENCE, None)
        first, second = (site.changes[0].name if s == "alt" else s for s in (first, second))
        found.append(Observation(first, second, phase))
    return found


def _call(gene: str, **changes: tuple[str | None, str | None, str | None]) -> DiplotypeCall:
    return call_diplotype(gene, _seen(gene, changes))


HET = (REFERENCE, "alt", None)
HOM = ("alt", "alt", None)


@pytest.mark.parametrize("gene", definitions())
def test_nothing_but_the_reference_is_one_diplotype(gene: str) -> None:
    first, second = _call(gene).call.split("/")
    assert first == second == ("*38" if gene == "CYP2C19" else definitions()[gene].reference)


@pytest.mark.parametrize("gene", definitions())
def test_nothing_read_is_no_call(gene: str) -> None:
    call = call_diplotype(gene, [UNREAD] * len(definitions()[gene].sites))
    assert call.call is None
    assert call.candidates == ()
    assert call.reason == "no site of the gene was read"


def test_a_position_that_was_not_read_is_not_the_reference() -> None:
    call = _call("CYP3A5", rs776746=(None, None, None))
    assert call.call is None
    assert call.candidates == ("*1/*1", "*1/*3", "*3/*3")
    assert call.unread == ("rs776746",)
    assert call.simplest is None


def test_half_a_genotype_leaves_the_other_half_open() -> None:
    assert _call("CYP3A5", rs776746=(None, "alt", None)).candidates == ("*1/*3", "*3/*3")


def test_tpmt_without_phase_is_ranked_and_not_called() -> None:
    """*1/*3A, or one of its two variants on each chromosome; laboratories report the first (CPIC)."""
    call = _call("TPMT", rs1142345=HET, rs1800460=HET)
    assert call.call is None
    assert call.candidates == ("*1/*3A", "*3B/*3C")
    assert call.simplest == "*1/*3A"
    assert genotype_rows([call]) == []
    assert genotype_rows([call], simplest=True) == [("TPMT", "*1/*3A")]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ((REFERENCE, "alt", "a"), "*1/*3A"),
        (("alt", REFERENCE, "a"), "*3B/*3C"),
        ((REFERENCE, "alt", "b"), None),
    ],
)
def test_phase_decides_within_a_phase_set_only(second: tuple[str, str, str], expected: str | None) -> None:
    assert _call("TPMT", rs1142345=(REFERENCE, "alt", "a"), rs1800460=second).call == expected


def test_the_phenotype_may_be_certain_where_the_diplotype_is_not() -> None:
    call = _call("SLCO1B1", rs2306283=HET, rs4149056=HET)
    assert call.candidates == ("*1/*15", "*5/*37")
    assert call.phenotype == "decreased_function"


def test_repeats_are_told_apart() -> None:
    names = ["2-233760233-C-CAT", "2-233760233-C-CATAT", "2-233760233-CAT-C"]
    found = [_call("UGT1A1", rs34983651=(REFERENCE, name, None)).call for name in names]
    assert found == ["*1/*28", "*1/*37", "*1/*36"]


def test_two_variants_on_one_chromosome_have_their_own_name() -> None:
    changes = {"rs887829": (REFERENCE, "alt", "a"), "rs34983651": (REFERENCE, "2-233760233-C-CAT", "a")}
    assert call_diplotype("UGT1A1", _seen("UGT1A1", changes)).call == "*1/*80+*28"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rs3758581": HOM}, "*1/*1"),
        ({"rs3758581": HET}, "*1/*38"),
        ({"rs3758581": HOM, "rs12248560": HET}, "*1/*17"),
        ({"rs3758581": HOM, "rs12248560": HOM, "rs28399504": HET}, "*4/*17"),
        ({"rs3758581": HOM, "rs4244285": HOM, "rs12769205": HOM}, "*2/*2"),
        ({"rs3758581": HOM, "rs12769205": HET}, "*1/*35"),
    ],
)
def test_cyp2c19_is_called_by_pharmvar(changes: dict, expected: str) -> None:
    assert call_diplotype("CYP2C19", _seen("CYP2C19", changes)).call == expected


def test_a_combination_without_a_name_is_no_call() -> None:
    call = _call("CYP2C9", rs1799853=HET, rs749060448=HOM)
    assert call.candidates == ()
    assert call.reason == "no two named alleles explain what was read"


def test_a_letter_that_no_allele_has_is_no_call() -> None:
    assert _call("CYP2C9", rs1799853=(REFERENCE, OTHER, None)).candidates == ()


@pytest.mark.parametrize(
    ("changes", "expected", "score"),
    [
        ({}, "Reference/Reference", "normal_metabolizer"),
        ({"rs3918290": HET}, "Reference/c.1905+1G>A (*2A)", "intermediate_metabolizer"),
        ({"rs1801159": HOM}, "c.1627A>G (*5)/c.1627A>G (*5)", "normal_metabolizer"),
        ({"rs3918290": HOM, "rs1801159": HET}, "c.1905+1G>A (*2A)/c.1905+1G>A (*2A)", "poor_metabolizer"),
        ({"rs75017182": HET, "rs56038477": HET}, None, None),
    ],
)
def test_dpyd_is_named_by_the_least_active_variant(changes: dict, expected: str, score: str) -> None:
    call = call_diplotype("DPYD", _seen("DPYD", changes))
    if expected is None:
        assert "Reference/c.1129-5923C>G, c.1236G>A (HapB3)" in call.candidates
    else:
        assert (call.call, call.phenotype) == (expected, score)


def _naive(gene: str, seen: list[Observation]) -> set[str]:
    """Every pair of alleles tried on every way of ordering what was read, letter by letter."""
    definition = definitions()[gene]
    order = [allele.name for allele in definition.alleles]
    phases = sorted({o.phase for o in seen if o.phase is not None})
    groups = [*phases, *(i for i, o in enumerate(seen) if o.phase is None)]
    found = set()
    for turned in product((False, True), repeat=len(groups)):
        turn = dict(zip(groups, turned, strict=True))
        pairs = [
            (o.second, o.first) if turn[i if o.phase is None else o.phase] else (o.first, o.second)
            for i, o in enumerate(seen)
        ]
        fits = [
            [
                n
                for n in order
                if all(p[s] is None or p[s] in a for p, a in zip(pairs, definition.states[n], strict=True))
            ]
            for s in (0, 1)
        ]
        found |= {"/".join(sorted(pair, key=order.index)) for pair in product(*fits)}
    return found


@st.composite
def _observed(draw: st.DrawFn, gene: str, most: int) -> list[Observation]:
    """A gene read almost everywhere: two alleles' sequences, some sites forgotten, some of them phased."""
    definition = definitions()[gene]
    alleles = [draw(st.sampled_from([a.name for a in definition.alleles])) for _ in range(2)]
    forgotten = draw(st.sets(st.integers(0, len(definition.sites) - 1), max_size=2))
    found, het = [], 0
    for i in range(len(definition.sites)):
        one, two = (draw(st.sampled_from(sorted(definition.states[name][i]))) for name in alleles)
        het += one != two
        phase = draw(st.sampled_from(["a", "b", None])) if one != two else None
        found.append(
            UNREAD if i in forgotten or (one != two and het > most) else Observation(one, two, phase)
        )
    return found


@given(data=st.data(), gene=st.sampled_from(["UGT1A1", "CYP3A5", "VKORC1", "IFNL3"]))
def test_the_matcher_agrees_with_the_naive_one(data: st.DataObject, gene: str) -> None:
    seen = data.draw(_observed(gene, most=4))
    call = call_diplotype(gene, seen)
    if any(o.is_read for o in seen):
        assert set(call.candidates) == _naive(gene, seen)
        assert len(set(call.candidates)) == len(call.candidates)


@given(data=st.data(), gene=st.sampled_from(SMALL))
def test_what_was_there_is_always_among_the_candidates(data: st.DataObject, gene: str) -> None:
    definition = definitions()[gene]
    order = [allele.name for allele in definition.alleles]
    pair = sorted((data.draw(st.sampled_from(order)), data.draw(st.sampled_from(order))), key=order.index)
    seen = []
    for i in range(len(definition.sites)):
        one, two = (data.draw(st.sampled_from(sorted(definition.states[name][i]))) for name in pair)
        seen.append(data.draw(st.sampled_from([Observation(one, two), Observation(two, one), UNREAD])))
    if any(o.is_read for o in seen):
        assert "/".join(pair) in call_diplotype(gene, seen).candidates


@given(data=st.data(), gene=st.sampled_from(SMALL))
def test_reading_more_never_allows_more(data: st.DataObject, gene: str) -> None:
    seen = data.draw(_observed(gene, most=6))
    forgotten = data.draw(st.integers(0, len(seen) - 1))
    less = [UNREAD if i == forgotten else o for i, o in enumerate(seen)]
    if any(o.is_read for o in less):
        assert set(call_diplotype(gene, seen).candidates) <= set(call_diplotype(gene, less).candidates)


@given(data=st.data(), gene=st.sampled_from(SMALL))
def test_the_order_of_unphased_letters_does_not_matter(data: st.DataObject, gene: str) -> None:
    seen = data.draw(_observed(gene, most=6))
    turned = [Observation(o.second, o.first) if o.phase is None else o for o in seen]
    assert call_diplotype(gene, seen).candidates == call_diplotype(gene, turned).candidates


@pytest.mark.parametrize("name", ["features.star_alleles", "features.knowledge.definitions"])
def test_docstring_examples_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
