"""A verdict as a row: sealed, and bound to the row before it in the one chain of all verdicts.

A verdict on a prediction stands under the prediction's id and goes with its patient. One on a model version
stands under `model:` and the bundle's digest in the same columns; it is of no patient, so that neither
erasing one nor the age of answers takes it away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from features.errors import IntegrityError
from serving.store.chain import VERDICT_LOG, Head, content_hash, link
from serving.store.keys import KeyRing
from serving.store.tables import HEADS, VERDICTS

OF_NOBODY = b""
"""The patient's hash of a verdict that is about no patient: it is nobody's."""

_MODEL = "model:"
_PLAIN = ("id", "time", "prediction_id")


def model_subject(digest: str) -> str:
    """What stands in the place of a prediction's id when a bundle is signed."""
    return f"{_MODEL}{digest}"


def on_models() -> ColumnElement[bool]:
    """Chooses the verdicts on model versions."""
    return VERDICTS.c.prediction_id.startswith(_MODEL, autoescape=True)


def locked_head(connection: Connection, keys: KeyRing) -> Head:
    """Where the chain ends, held until this transaction does; raises IntegrityError for a wrong one."""
    named = HEADS.c.name == VERDICT_LOG.head
    found = connection.execute(select(HEADS).where(named).with_for_update()).one_or_none()
    if found is None:
        raise IntegrityError("the head of the log of verdicts is missing")
    return Head(found.n, bytes(found.chain)).checked(keys, found.mac, VERDICT_LOG.head)


def add(connection: Connection, keys: KeyRing, head: Head, row: Mapping[str, Any]) -> None:
    """Put a sealed row behind the head."""
    row = {"seq": head.n + 1, **row}
    head = Head(head.n + 1, link(head.link, row, VERDICT_LOG))
    connection.execute(insert(VERDICTS).values({**row, "chain": head.link}))
    values = {"n": head.n, "chain": head.link, "mac": head.mac(keys, VERDICT_LOG.head)}
    connection.execute(update(HEADS).where(HEADS.c.name == VERDICT_LOG.head).values(values))


def sealed(keys: KeyRing, tenant: str, told: Mapping[str, Any], patient_key: bytes) -> dict[str, Any]:
    """The row of what was told; all but `id`, `time` and `prediction_id` is sealed."""
    plain = {name: told[name] for name in _PLAIN}
    inside = {name: value for name, value in told.items() if name not in plain}
    content = keys.close(_place(tenant, plain), json.dumps(inside, allow_nan=False).encode())
    return {
        **plain,
        "tenant": tenant,
        "key_id": keys.current,
        "patient_key": patient_key,
        "content": content,
        "content_hash": content_hash(patient_key, content),
    }


def opened(keys: KeyRing, row: Mapping[Any, Any]) -> dict[str, Any]:
    """What was told in a row; raises IntegrityError when it does not open."""
    plain = {name: row[name] for name in _PLAIN}
    inside = json.loads(keys.open(row["key_id"], _place(row["tenant"], plain), bytes(row["content"])))
    return {**plain, **inside, "reasons": tuple(inside["reasons"])}


def _place(tenant: str, plain: Mapping[str, Any]) -> str:
    return "/".join(("verdicts", tenant, *(plain[name] for name in _PLAIN)))
