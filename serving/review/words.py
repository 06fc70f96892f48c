"""Numbers, units and names as a reader says them."""

from __future__ import annotations

from collections.abc import Mapping

_UNITS = {"1": "", "a": "years", "mo": "months", "m2": "m²", "mg/wk": "mg a week"}
_YES_NO = ("is_", "flag", "taken", "dvt_pe")
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


def signed(value: float) -> str:
    """Two decimals with a sign; what rounds to nothing has none."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def reached(value: float) -> str:
    """An outcome along the way, always with as many decimals, so that a column of them lines up."""
    return f"{value:.1f}"


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
    """An identifier as words."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """The text with a capital first letter, the rest as it is; an rsid keeps its small one."""
    is_rsid = text.startswith("rs") and text[2:3].isdigit()
    return text if is_rsid else text[:1].upper() + text[1:]


def figure(metrics: Mapping[str, object], name: str) -> tuple[str, str]:
    """A metric's value and its interval in words; a dash and nothing where it is not told."""
    match metrics.get(name):
        case {
            "value": int() | float() as value,
            "lower": int() | float() as low,
            "upper": int() | float() as high,
        }:
            return f"{value:.1f}", f"{low:.1f} to {high:.1f}"
        case {"value": int() | float() as value} | (int() | float() as value):
            return f"{value:.1f}", ""
    return "\N{EN DASH}", ""
