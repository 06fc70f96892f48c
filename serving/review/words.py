"""Numbers, units and names as a reader says them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_UNITS = {"1": "", "a": "years", "mo": "months", "m2": "m²", "mg/wk": "mg a week", "{log2(TPM+1)}": ""}
_YES_NO = ("is_", "flag", "taken", "dvt_pe")
_CAPITALS = {w: w.upper() for w in ("auc", "inr", "her2", "hr", "er", "pr", "dna", "rna", "tmb", "iwpc")} | {
    "pcr": "pCR"
}
MINUS = "\N{MINUS SIGN}"


def number(value: float) -> str:
    """Three figures at most, and no more than one decimal from 1 upwards.

    >>> number(33.42), number(0.5), number(120.0)
    ('33.4', '0.5', '120')
    """
    size = abs(value)
    text = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 1 else f"{value:.2f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def percent(share: float) -> str:
    """A probability in percent: whole ones, except near the ends, which are never reached.

    >>> percent(0.344), percent(0.004), percent(0.99999)
    ('34%', '0.4%', '>99.9%')
    """
    value = 100.0 * share
    if value < 0.05:
        return "<0.1%"
    if value > 99.95:
        return ">99.9%"
    return f"{value:.0f}%" if 1.0 <= value <= 99.0 else f"{value:.1f}%"


def signed(value: float, decimals: int = 2) -> str:
    """So many decimals with a sign; what rounds to nothing has none."""
    text = f"{value:+.{decimals}f}"
    nothing = text.strip("+-0.") == ""
    return text[1:] if nothing else text.replace("-", MINUS)


def odds(amount: float) -> str:
    """What a step in log-odds does to the odds; the sign of multiplication says that it multiplies.

    >>> odds(0.6931), odds(-0.6931), odds(0.0)
    ('2.00\N{MULTIPLICATION SIGN}', '0.50\N{MULTIPLICATION SIGN}', '1.00\N{MULTIPLICATION SIGN}')
    """
    return f"{math.exp(amount):.2f}\N{MULTIPLICATION SIGN}"


def unit(code: str) -> str:
    """A UCUM code in words; no word for a bare number."""
    return _UNITS.get(code, code)


def feature_value(name: str, value: float | None, code: str) -> str:
    """A feature's value with its unit; yes or no where it is one."""
    if value is None:
        return "not recorded"
    if name.rsplit(".", 1)[-1].startswith(_YES_NO):
        return {0.0: "no", 1.0: "yes"}.get(value, number(value))
    return f"{value:.4g} {unit(code)}".strip().replace("-", MINUS)


def spoken(name: str) -> str:
    """An identifier as words, with what is always written in capitals.

    >>> spoken("target_inr")
    'target INR'
    """
    return " ".join(_CAPITALS.get(word, word) for word in name.replace("_", " ").split(" "))


def sentence(text: str) -> str:
    """The text with a capital first letter, the rest as it is; an rsid keeps its small one."""
    is_rsid = text.startswith("rs") and text[2:3].isdigit()
    return text if is_rsid else text[:1].upper() + text[1:]


def enumerated(names: Sequence[str], most: int) -> str:
    """The names with commas; of more than `most` the first ones, and how many are left.

    >>> enumerated(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = len(names) - most
    return f"{', '.join(names[:most])} and {more:,} more" if more > 0 else ", ".join(names)


def figure(metrics: Mapping[str, object], name: str, decimals: int = 1) -> tuple[str, str]:
    """A metric's value and its interval in words; a dash and nothing where it is not told."""
    match metrics.get(name):
        case {
            "value": int() | float() as value,
            "lower": int() | float() as low,
            "upper": int() | float() as high,
        }:
            return f"{value:.{decimals}f}", f"{low:.{decimals}f} to {high:.{decimals}f}"
        case {"value": int() | float() as value} | (int() | float() as value):
            return f"{value:.{decimals}f}", ""
    return "\N{EN DASH}", ""
