"""What all resources of one answer share: its id, its time, its patient, its model, and what they are called.

Ids and times come from the prediction's own id, so the same answer gives the same document, byte for byte.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from serving.fhir.terms import OWN, Json, concept, identifier

_REFERENCE = re.compile(r"Patient/[A-Za-z0-9\-.]{1,64}|urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MS_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer's frame: `subject` refers to the patient as the request named them."""

    prediction_id: str
    time: str
    subject: Json
    study: str
    version: str
    digest: str

    @classmethod
    def of(cls, answer: Json) -> Self:
        """The frame of an answer's document."""
        patient, basis = answer["patient_id"], answer["basis"]
        named = _REFERENCE.fullmatch(patient) is not None
        subject = {"reference": patient} if named else {"identifier": {"value": patient}}
        version, digest = str(basis["model_version"]), basis["bundle_digest"]
        time = _time_of(answer["id"])
        return cls(answer["id"], time, {"type": "Patient", **subject}, answer["study"], version, digest)

    def url(self, part: str) -> str:
        """The fullUrl of one resource of this answer."""
        return uuid.uuid5(uuid.UUID(hex=self.prediction_id), part).urn

    def refer(self, part: str, kind: str) -> Json:
        """A Reference to another resource of this answer."""
        return {"reference": self.url(part), "type": kind}

    def entry(self, part: str, kind: str, content: Json) -> Json:
        """A Bundle's entry; `part` names the resource within this answer."""
        meta = {"source": f"{OWN}:bundle:{self.digest}", **content.get("meta", {})}
        body = {name: value for name, value in content.items() if name != "meta"}
        own = {"resourceType": kind, "id": f"{self.prediction_id}-{part}", "meta": meta}
        return {"fullUrl": self.url(part), "resource": own | body}

    def device(self) -> Json:
        """The model that answered: its study, version and the digest of its bundle."""
        versions = [
            {"type": concept(text="model version"), "value": self.version},
            {"type": concept(text="SHA-256 of the bundle"), "value": self.digest},
        ]
        device = {
            "identifier": [identifier("bundle", self.digest)],
            "deviceName": [{"name": f"Rxplain {self.study}", "type": "model-name"}],
            "type": concept(text="drug response model"),
            "version": versions,
        }
        return self.entry("model", "Device", device)


def _time_of(prediction_id: str) -> str:
    """The time that an id holds, as a FHIR instant.

    >>> _time_of("018bcfe568000000000000000000abcd")
    '2023-11-14T22:13:20.000Z'
    """
    seconds, ms = divmod(int(prediction_id[:_MS_DIGITS], 16), 1000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ms:03d}Z"
