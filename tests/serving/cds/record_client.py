"""An electronic record as a process of its own, which knows nothing but the specification and its own key.

`python record_client.py ADDRESS KEY.pem ISSUER` discovers, opens a record, selects and signs an order, shows
the cards, tells what was done with them, and tries one token twice; it writes what happened as one document.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import jwt

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.serving.cds.record import order, request
from tests.serving.cds.specified import response_faults, service_faults

Json = dict[str, Any]


class Record:
    """Signs each call with a token of its own, for that address and a minute."""

    def __init__(self, address: str, key: str, issuer: str) -> None:
        self.address, self.key, self.issuer = address, key, issuer

    def token(self, path: str, **more: Any) -> str:
        """A token as CDS Hooks asks for it."""
        now = int(time.time())
        told = {"iss": self.issuer, "aud": f"https://rx.example.org{path}", "iat": now, "exp": now + 60}
        told |= {"jti": str(uuid.uuid4()), **more}
        claims = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="ES384", headers={"kid": "ehr-1"})

    def post(self, path: str, document: Json, token: str | None = None) -> httpx.Response:
        """A call on a connection of its own, so that any worker may get it."""
        headers = {"authorization": f"Bearer {token or self.token(path)}"}
        return httpx.post(self.address + path, json=document, headers=headers, timeout=30)


def visit(record: Record) -> Json:
    """A whole visit, and what came of it."""
    services = httpx.get(f"{record.address}/cds-services", timeout=30).json()["services"]
    by_hook = {one["hook"]: one for one in services}
    faults = [fault for one in services for fault in service_faults(one)]
    shown: Json = {}
    for hook in ("patient-view", "order-select", "order-sign"):
        path = f"/cds-services/{by_hook[hook]['id']}"
        response = record.post(path, request(by_hook[hook], order()))
        response.raise_for_status()
        faults += response_faults(response.json())
        shown[hook] = [card["summary"] for card in response.json()["cards"]]
        for card in response.json()["cards"]:
            told = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-05-01T10:00:00Z"}
            record.post(f"{path}/feedback", {"feedback": [told]}).raise_for_status()
    return {"faults": faults, "shown": shown, "refused": _refused(record, by_hook["order-sign"])}


def _refused(record: Record, service: Json) -> Json:
    """How tokens fare that must not be honoured."""
    path, document = f"/cds-services/{service['id']}", request(service, order())
    used = record.token(path)
    record.post(path, document, used).raise_for_status()
    again = [record.post(path, document, used).status_code for _ in range(8)]
    wrong = {
        "no jti": {"jti": None},
        "another address": {"aud": "https://rx.example.org/cds-services/other"},
        "another service": {"aud": "https://evil.example" + path},
        "expired": {"exp": int(time.time()) - 120},
        "no expiry": {"exp": None},
        "another issuer": {"iss": "https://evil.example"},
        "a week": {"exp": int(time.time()) + 7 * 86400},
    }
    found = {
        what: record.post(path, document, record.token(path, **more)).status_code
        for what, more in wrong.items()
    }
    elsewhere = record.post("/v1/predict", {}, record.token(path)).status_code
    return {**found, "used before": sorted(set(again)), "elsewhere": elsewhere}


if __name__ == "__main__":
    address, key, issuer = sys.argv[1:]
    sys.stdout.write(json.dumps(visit(Record(address, Path(key).read_text(), issuer))))
