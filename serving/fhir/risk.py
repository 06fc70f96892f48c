"""The chance of an event as a FHIR R4 RiskAssessment; of several options each is a prediction of its own.

Only a chance becomes one: R4's RiskAssessment has a probability and no quantity, and what was declined has
none either. Those are told by the GuidanceResponse and its numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.fhir.frame import Frame
from serving.fhir.terms import OWN, Json, coding, concept, identifier

INTERVAL = f"{OWN}:fhir:interval"
"""Our extension of a prediction: its level and ends, decimals on the scale of the probability."""


def risk_assessment(answer: Json, frame: Frame, rests_on: Sequence[Json]) -> Json | None:
    """The entry of the chances given, or None where there are none; `rests_on` are references."""
    if "event" not in answer:
        return None
    rows = answer.get("ranked", [answer])
    told = [_prediction(answer["event"], row) for row in rows if row["value"] is not None]
    if not told:
        return None
    resource = {
        "identifier": [identifier("prediction", frame.prediction_id)],
        "status": "final",
        "method": concept(coding(f"{OWN}:study", frame.study), text=f"Rxplain {frame.study}"),
        "code": concept(text=answer["outcome"]),
        "subject": frame.subject,
        "occurrenceDateTime": frame.time,
        "performer": frame.refer("model", "Device"),
        "prediction": told,
        "note": [{"text": answer["advice"]}],
    }
    return frame.entry("risk", "RiskAssessment", resource | ({"basis": list(rests_on)} if rests_on else {}))


def _prediction(event: str, row: Json) -> Json:
    under = row.get("option") or row.get("drug")
    outcome = event if under is None else f"{event}, with {under}"
    interval = row["interval"]
    told = {name: interval[name] for name in ("level", "lower", "upper") if interval[name] is not None}
    ends = [{"url": name, "valueDecimal": value} for name, value in told.items()]
    return {
        "extension": [{"url": INTERVAL, "extension": ends}],
        "outcome": concept(text=outcome),
        "probabilityDecimal": row["value"],
    }
