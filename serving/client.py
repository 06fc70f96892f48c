"""A client of the service for Python: needs this file, its neighbours `client_*.py` and nothing installed.

with Client("https://rxplain.example.org", credential=key) as service:
    answer = service.predict("warfarin", patient, explain="top")
"""

from __future__ import annotations

import json
import secrets
import ssl
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from serving.client_answers import (
    Answer,
    Change,
    Explain,
    Explained,
    Feedback,
    Json,
    Model,
    ModelVerdict,
    Outcome,
    Ranking,
    Similar,
    Simulation,
    Verdict,
)
from serving.client_batch import BatchRow, stream
from serving.client_problems import NoAnswer
from serving.client_wire import Address, Wire

_TIMEOUT_S, _PATIENCE_S = 30.0, 60.0


class Client:
    """The service at an address, asked as the holder of an API key or bearer token.

    A response must begin, and go on, within `timeout_s`. What was refused for overload, and what got lost
    with its connection, is asked again for `patience_s`, after pauses that grow and differ. Every POST has
    an idempotency key, made here or given as `key`, so that asking again gives the same answer and does
    nothing twice (a worker that dies between an answer's row and its key's leaves a row more). Raises the
    errors of `serving.client_problems`. Any thread may use it; nothing that is logged tells of a patient.
    """

    def __init__(
        self,
        address: str,
        credential: str | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
        patience_s: float = _PATIENCE_S,
        allow_plain: bool = False,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._wire = Wire(Address(address, credential, allow_plain, trusted), timeout_s, patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what connections are kept; the next question opens another."""
        self._wire.close()

    def predict(
        self,
        study: str,
        patient: Mapping[str, object],
        *,
        drug: str | None = None,
        level: float | None = None,
        explain: Explain | None = None,
        key: str | None = None,
    ) -> Answer:
        """One patient's answer; `drug` where the study answers about several."""
        asked = _asked(study=study, patient=patient, drug=drug, level=level, explain=explain)
        answer: Answer = self.post("/v1/predict", asked, key)  # type: ignore[assignment]
        return answer

    def rank(
        self,
        study: str,
        patient: Mapping[str, object],
        *,
        options: Sequence[str] | None = None,
        level: float | None = None,
        explain: Explain | None = None,
        key: str | None = None,
    ) -> Ranking:
        """One patient's drugs or treatments side by side, all of them or some."""
        chosen = None if options is None else list(options)
        asked = _asked(study=study, patient=patient, options=chosen, level=level, explain=explain)
        ranking: Ranking = self.post("/v1/rank", asked, key)  # type: ignore[assignment]
        return ranking

    def simulate(
        self,
        study: str,
        patient: Mapping[str, object],
        changes: Sequence[Change],
        *,
        drug: str | None = None,
        level: float | None = None,
        explain: Explain | None = None,
        key: str | None = None,
    ) -> Simulation:
        """One patient's answer, and what becomes of it after each change."""
        asked = _asked(
            study=study, patient=patient, changes=list(changes), drug=drug, level=level, explain=explain
        )
        simulation: Simulation = self.post("/v1/simulate", asked, key)  # type: ignore[assignment]
        return simulation

    def explain(
        self,
        study: str,
        patient: Mapping[str, object],
        *,
        levels: Sequence[str] | None = None,
        top: int | None = None,
        drug: str | None = None,
        level: float | None = None,
        explain: Explain | None = None,
        key: str | None = None,
    ) -> Explained:
        """One patient's answer, explained by `feature`, `gene`, `pathway` or `block`, the `top` of each."""
        chosen = None if levels is None else list(levels)
        asked = _asked(
            study=study, patient=patient, levels=chosen, top=top, drug=drug, level=level, explain=explain
        )
        explained: Explained = self.post("/v1/explain", asked, key)  # type: ignore[assignment]
        return explained

    def similar(
        self,
        study: str,
        patient: Mapping[str, object],
        *,
        drug: str | None = None,
        level: float | None = None,
        key: str | None = None,
    ) -> Similar:
        """One patient's answer among patients trained on who are near, in sums of ten or more."""
        asked = _asked(study=study, patient=patient, drug=drug, level=level)
        similar: Similar = self.post("/v1/similar", asked, key)  # type: ignore[assignment]
        return similar

    def batch(
        self,
        study: str,
        patients: Iterable[Mapping[str, object]],
        *,
        drug: str | None = None,
        level: float | None = None,
        explain: Explain | None = None,
    ) -> Iterator[BatchRow]:
        """Each patient's row, in their order, while later patients are not yet drawn."""
        shared = _asked(study=study, drug=drug, level=level, explain=explain)
        return stream(self._wire, ({**shared, "patient": patient} for patient in patients))

    def report_outcome(
        self,
        prediction_id: str,
        name: str,
        value: float | bool,
        unit: str,
        *,
        option: str | None = None,
        observed: str | None = None,
        key: str | None = None,
    ) -> Outcome:
        """Tell what became of the patient; `observed` is a day as 2026-01-31."""
        told = _asked(name=name, value=value, unit=unit, option=option, observed=observed)
        kept: Outcome = self.post(_of(prediction_id, "outcomes"), told, key)  # type: ignore[assignment]
        return kept

    def outcomes(self, prediction_id: str) -> list[Outcome]:
        """What was reported of an answer, oldest first."""
        found: list[Outcome] = self.get(_of(prediction_id, "outcomes"))["outcomes"]
        return found

    def give_feedback(
        self, prediction_id: str, kind: str, detail: str | None = None, *, key: str | None = None
    ) -> Feedback:
        """Tell what was done with an answer."""
        told = _asked(kind=kind, detail=detail)
        kept: Feedback = self.post(_of(prediction_id, "feedback"), told, key)  # type: ignore[assignment]
        return kept

    def feedback(self, prediction_id: str) -> list[Feedback]:
        """What was said of an answer, oldest first."""
        found: list[Feedback] = self.get(_of(prediction_id, "feedback"))["feedback"]
        return found

    def sign(
        self,
        prediction_id: str,
        verdict: str,
        reasons: Sequence[str] = (),
        comment: str = "",
        *,
        key: str | None = None,
    ) -> Verdict:
        """Agree, disagree or be unsure of an answer; another one of the same reader amends it."""
        told = {"verdict": verdict, "reasons": list(reasons), "comment": comment}
        kept: Verdict = self.post(_of(prediction_id, "verdicts"), told, key)  # type: ignore[assignment]
        return kept

    def sign_model(
        self,
        study: str,
        version: int,
        verdict: str,
        reasons: Sequence[str] = (),
        comment: str = "",
        *,
        key: str | None = None,
    ) -> ModelVerdict:
        """Agree, disagree or be unsure of a version that answers, or that waits for its promotion."""
        told = {"version": version, "verdict": verdict, "reasons": list(reasons), "comment": comment}
        path = f"/v1/models/{_part(study)}/verdicts"
        kept: ModelVerdict = self.post(path, told, key)  # type: ignore[assignment]
        return kept

    def prediction(self, prediction_id: str) -> Json:
        """An answer, ranking or simulation as it was given."""
        return self.get(_of(prediction_id))

    def models(self) -> list[Model]:
        """Every model in service."""
        found: list[Model] = self.get("/v1/models")["models"]
        return found

    def model(self, study: str) -> Model:
        """One model in service, with its card."""
        found: Model = self.get(f"/v1/models/{_part(study)}")  # type: ignore[assignment]
        return found

    def card(self, study: str) -> Json:
        """The card of the model in service: what it is for, whom it learned from, how well it does."""
        return self.model(study)["card"]

    def schema(self, study: str) -> Json:
        """JSON Schema of what to ask of a study, with an example."""
        return self.get(f"/v1/models/{_part(study)}/schema")

    def get(self, path: str) -> Json:
        """The JSON document at any address of the service."""
        return _document(self._wire.ask("GET", path))

    def post(self, path: str, document: Mapping[str, object], key: str | None = None) -> Json:
        """The JSON answer of any address that takes an idempotency key."""
        body = json.dumps(document, allow_nan=False).encode()
        own = secrets.token_hex(16) if key is None else key
        headers = {"Content-Type": "application/json", "Idempotency-Key": own}
        return _document(self._wire.ask("POST", path, body, headers))


def _asked(**fields: object) -> dict[str, object]:
    """What was given; what was not is the service's to choose."""
    return {name: value for name, value in fields.items() if value is not None}


def _of(prediction_id: str, *parts: str) -> str:
    return "/".join(("/v1/predictions", _part(prediction_id), *parts))


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _document(body: bytes) -> Json:
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        raise NoAnswer("what came is not JSON; is the address that of the service?") from None
    return document
