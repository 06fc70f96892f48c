"""Features made of other features of the same patient: products of two, and logarithms of one.

    interaction.<feature>:<feature>     interaction.clinical.arm.is_pembrolizumab:mrna.stat1.value
    log2.<feature>                      log2.tumour.sample.tmb, the logarithm of what lies above -1, plus 1

A product is missing where either factor is, and 0 where one of them is 0. Nothing is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from features.cohort import Cohort
from features.column import Column, Numbers
from features.matrix import Feature

BLOCK, LOG2 = "interaction", "log2"

Resolve = Callable[[str], Column | None]


def column_of(name: str, resolve: Resolve) -> Column | None:
    """The feature of this name, or None when it is not made of features that `resolve` knows.

    >>> from features.encode import column_for
    >>> column_of("interaction.clinical.age.value:clinical.sex.is_male", column_for).feature.label
    'age with sex: male'
    >>> column_of("log2.clinical.age.value", column_for).feature.label
    'age, log2(x + 1)'
    """
    prefix, _, rest = name.partition(".")
    if prefix == LOG2:
        return _logarithm(name, resolve(rest))
    return _interaction(name, rest, resolve) if prefix == BLOCK else None


def parts_of(name: str) -> tuple[str, ...]:
    """The features that a derived one is made of; none of any other name.

    >>> parts_of("interaction.a.b.c:d.e.f"), parts_of("log2.a.b.c"), parts_of("a.b.c")
    (('a.b.c', 'd.e.f'), ('a.b.c',), ())
    """
    prefix, _, rest = name.partition(".")
    if prefix == BLOCK:
        own = tuple(rest.split(":"))
        return tuple(part for one in own for part in (parts_of(one) or (one,)))
    return (rest,) if prefix == LOG2 else ()


def _interaction(name: str, rest: str, resolve: Resolve) -> Column | None:
    first, colon, second = rest.partition(":")
    if not colon or ":" in second:
        return None
    one, other = (_factor(part, resolve) for part in (first, second))
    if one is None or other is None:
        return None
    label = f"{one.feature.label} with {other.feature.label}"
    gene = one.feature.gene or other.feature.gene
    inputs = tuple(dict.fromkeys((*one.inputs, *other.inputs)))
    return Column(Feature(name, BLOCK, gene, "1", label), inputs, _product(one, other))


def _factor(name: str, resolve: Resolve) -> Column | None:
    """A factor of a product: any feature but a product."""
    return _logarithm(name, resolve(name.partition(".")[2])) if name.startswith("log2.") else resolve(name)


def _product(one: Column, other: Column) -> Callable[[Cohort], Numbers]:
    def numbers(cohort: Cohort) -> Numbers:
        pairs = zip(one.numbers(cohort), other.numbers(cohort), strict=True)
        return [_times(a, b) for a, b in pairs]

    return numbers


def _times(a: float, b: float) -> float:
    """The product; what is known to be 0 stays 0 whatever the other factor is."""
    return 0.0 if a == 0.0 or b == 0.0 else math.nan if a != a or b != b else a * b


def _logarithm(name: str, of: Column | None) -> Column | None:
    if of is None or not name.startswith("log2."):
        return None
    whole = of.feature
    feature = Feature(name, whole.block, whole.gene, "1", f"{whole.label}, log2(x + 1)")
    return Column(feature, of.inputs, lambda cohort: [_log2(x) for x in of.numbers(cohort)])


def _log2(x: float) -> float:
    """log2(x + 1); missing where there is none."""
    return math.log2(x + 1.0) if x > -1.0 else math.nan
