"""Alarms that may be looked at after every patient and still rarely cry wolf.

A bet against the promise grows while the promise is broken; by Ville's inequality its wealth ever reaches
1/a with chance a at most, however often one looks (Ramdas et al. 2023, doi:10.1214/23-STS894).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_N_BETS = 40


@dataclass(frozen=True)
class Alarm:
    """Evidence against a promised rate of misses: `evidence` is the highest wealth reached, `limit` what
    it takes to raise the alarm, `raised_after` the number of patients it took, or None."""

    evidence: float
    limit: float
    raised_after: int | None

    @property
    def raised(self) -> bool:
        """Whether the promise is broken."""
        return self.raised_after is not None


def coverage_alarm(held: Numbers, promised: float, chance: float = 0.05) -> Alarm:
    """Whether intervals hold what is observed less often than promised; `held` (n,) is 0 or 1, in order.

    Bets on every rate of misses between the promised and certainty at once, which a mixture of likelihood
    ratios is. If the promise is kept, the alarm is ever raised with at most this `chance`.
    """
    missed = 1.0 - np.asarray(held, dtype=np.float64)
    return _alarm(_log_wealth(missed, 1.0 - promised), chance)


def rate_alarm(happened: Numbers, answered: Numbers, chance: float = 0.05) -> Alarm:
    """Whether an event (n,) of 0 and 1 is more or less frequent than the probabilities answered (n,).

    Bets on odds that are too low or too high by factors up to 4; calibrated answers raise it with at most
    this `chance`.
    """
    p = np.clip(np.asarray(answered, dtype=np.float64), 1e-9, 1.0 - 1e-9)[:, None]
    factors = np.exp(np.linspace(-np.log(4.0), np.log(4.0), _N_BETS))
    shifted = p * factors / (1.0 - p + p * factors)
    y = np.asarray(happened, dtype=np.float64)[:, None]
    ratios = np.where(y > 0.5, shifted / p, (1.0 - shifted) / (1.0 - p))
    return _alarm(np.cumsum(np.log(ratios), axis=0), chance)


def _log_wealth(missed: Numbers, rate: float) -> Numbers:
    """Each bet's log wealth (n, bets) after each patient."""
    bets = rate + (1.0 - rate) * (np.arange(1, _N_BETS + 1) / (_N_BETS + 1)) ** 2
    won, lost = np.log(bets / rate), np.log((1.0 - bets) / (1.0 - rate))
    return np.cumsum(np.where(missed[:, None] > 0.5, won, lost), axis=0)


def _alarm(log_wealth: Numbers, chance: float) -> Alarm:
    if not len(log_wealth):
        return Alarm(1.0, 1.0 / chance, None)
    top = log_wealth.max(axis=1, keepdims=True)
    mixed = (top + np.log(np.exp(log_wealth - top).mean(axis=1, keepdims=True))).ravel()
    over = np.flatnonzero(mixed >= -np.log(chance))
    evidence = float(np.exp(min(max(mixed.max(), 0.0), 700.0)))
    return Alarm(evidence, 1.0 / chance, int(over[0]) + 1 if len(over) else None)
