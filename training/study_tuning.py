"""What a study asks of the search for its learners' settings: how long, among what, and judged how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from features.errors import Fault
from training.study_parts import LinearAsked, TreesAsked

_SECTIONS: Mapping[str, type[LinearAsked] | type[TreesAsked]] = {"linear": LinearAsked, "trees": TreesAsked}
_KEYS = {"low", "high", "log", "choices"}


@dataclass(frozen=True)
class Range:
    """Where one setting is looked for: whole numbers or numbers from `low` to `high`, or `choices`."""

    name: str
    is_whole: bool
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()  # Any: texts, numbers or truth values, as TOML has them

    def holds(self, value: object) -> bool:
        """Whether a value lies within it."""
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class TuningAsked:
    """A search for settings inside the training part, by the loss out of inner folds.

    It ends after `trials`, `budget_minutes`, or `stop_after` trials in a row that brought nothing better. One
    that minutes ended cannot be repeated exactly. If `nested`, each training part of the evaluation is
    searched anew by `nested_trials`; else all patients' settings serve everywhere, and the report says so.
    `space` has a `{low, high, log}` or a `{choices}` for each `linear.*` or `trees.*`.
    """

    space: Mapping[str, Mapping[str, Any]]  # Any: as TOML has it
    trials: int = 0
    budget_minutes: float = 0.0
    stop_after: int = 0
    nested: bool = True
    nested_trials: int = 10

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The space, in the order of its names."""
        return tuple(_range(name, self.space[name]) for name in sorted(self.space))

    def faults(self, parts: Mapping[str, Any]) -> list[Fault]:  # Any: the study's sections, by name
        """What cannot be meant, beside the study's other sections."""
        faults = []
        if self.trials < 0 or self.budget_minutes < 0 or not (self.trials or self.budget_minutes):
            faults.append(Fault("tuning", "has no end", "give trials or budget_minutes, above 0"))
        if self.stop_after < 0 or self.nested_trials < 1:
            faults.append(Fault("tuning", "needs nested_trials above 0, and stop_after of 0 or more"))
        if not self.space:
            faults.append(Fault("tuning.space", "is empty", "write what to look for, as trees.num_leaves"))
        if "panel" in parts:
            faults.append(Fault("tuning", "is not done for a panel"))
        for name, given in self.space.items():
            section = name.partition(".")[0]
            if _type_of(name) is None:
                known = ", ".join(f"{key}.{f.name}" for key, own in _SECTIONS.items() for f in _settings(own))
                faults.append(Fault("tuning.space", f"'{name}' is no setting", f"use {known}"))
            elif parts.get(section) is None:
                remedy = f"write [{section}], where the search begins"
                faults.append(Fault("tuning.space", f"'{name}': the study has no such learner", remedy))
            else:
                faults += _faults_of_range(name, given)
        return faults


def _settings(section: type[LinearAsked] | type[TreesAsked]) -> list[Any]:
    return [own for own in fields(section) if own.name != "blocks"]


def _type_of(name: str) -> str | None:
    section, _, setting = name.partition(".")
    known = {own.name: str(own.type) for own in _settings(_SECTIONS[section])} if section in _SECTIONS else {}
    return known.get(setting)


def _faults_of_range(name: str, given: Mapping[str, Any]) -> list[Fault]:
    where, kind = f"tuning.space.{name}", _type_of(name)
    strangers = sorted(set(given) - _KEYS)
    if strangers:
        return [
            Fault(where, f"'{key}' is not a known key", "use low, high, log or choices") for key in strangers
        ]
    if "choices" in given:
        accepts = str if kind == "str" else int if kind == "int" else (int, float)
        listed = given["choices"]
        fits = isinstance(listed, list) and len(listed) > 1 and all(_is(item, accepts) for item in listed)
        return (
            [] if fits and len(given) == 1 else [Fault(where, f"needs two or more choices, each of {kind}")]
        )
    if kind == "str":
        return [Fault(where, "is a word", "give choices")]
    low, high = given.get("low"), given.get("high")
    accepts = int if kind == "int" else (int, float)
    if not (_is(low, accepts) and _is(high, accepts) and isinstance(given.get("log", False), bool)):
        return [Fault(where, f"needs low and high, each of {kind}, and log true or false")]
    rises = _range(name, given).low < _range(name, given).high
    if not rises or (given.get("log", False) and _range(name, given).low <= 0):
        return [Fault(where, "needs low below high, and above 0 where log is true")]
    return []


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _range(name: str, given: Mapping[str, Any]) -> Range:
    is_whole = _type_of(name) == "int"
    if "choices" in given:
        kind = {"float": float, "int": int}.get(str(_type_of(name)), str)
        return Range(name, is_whole, choices=tuple(kind(item) for item in given["choices"]))
    return Range(name, is_whole, float(given["low"]), float(given["high"]), bool(given.get("log", False)))
