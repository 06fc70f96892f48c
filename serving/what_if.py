"""POST of the what-if form of a page: the question is answered and recorded like any other, then shown."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.types import Receive, Scope, Send

from features.errors import Fault
from serving.access.caller import Caller, caller_of
from serving.answering import keep
from serving.backend import Backend
from serving.errors import RequestError
from serving.more_answers import simulate_request
from serving.pages import elsewhere, prediction_page, what_if_token
from serving.review.forms import is_good, read_form
from serving.review.list_view import ADDRESS
from serving.review.what_if_view import Field, WhatIfForm, change_of, fields_of, patient_after, refilled
from serving.store.records import PredictionRecord

_MOST_EXPLAINED = 200
"""Inputs whose every share of a difference is told; of more the largest are."""

_TOO_OLD = "This page lay open for too long. Look again, then ask."
_SAME = "Change something first: this is the patient as recorded."


class WhatIfEndpoint:
    """Asks what becomes of a recorded answer when something that can be changed is changed."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, backend, caller = time.perf_counter(), self._backend, caller_of(scope)
        record = backend.record(scope["path_params"]["id"], caller.tenant)
        form = await read_form(scope, receive, backend.settings)
        given = {name: told[0] for name, told in form.items()}
        request = json.loads(record.request)
        models = backend.served(record.study).bundle.models
        if "ranked" in json.loads(record.answer):
            raise RequestError("not-found", "A ranking has no what-if form; ask about one option.")
        fields = fields_of(patient_after(request), models)
        if not is_good(given.get("token", ""), backend.store.keys, caller, f"what-if {record.id}"):
            page = await self._again(record, caller, fields, given, [_TOO_OLD])
            await page(scope, receive, send)
            return
        change = change_of(request["patient"], fields_of(request["patient"], models), given)
        if change is None:
            page = await self._again(record, caller, fields, given, [_SAME])
            await page(scope, receive, send)
            return
        depth = "full" if len(models.spec.names) <= _MOST_EXPLAINED else "top"
        body = json.dumps(_asked(request, asdict(change), depth)).encode()
        try:
            answered = simulate_request(backend, body, began)
        except RequestError as error:
            if error.kind != "invalid-request":
                raise
            faults = [_said(fault, fields) for fault in error.faults]
            page = await self._again(record, caller, fields, given, faults)
            await page(scope, receive, send)
            return
        await keep(backend, answered, caller.tenant)
        await elsewhere(f"{ADDRESS}/{answered.record.id}#what-if")(scope, receive, send)

    async def _again(
        self,
        record: PredictionRecord,
        caller: Caller,
        fields: tuple[Field, ...],
        given: Mapping[str, str],
        faults: list[str],
    ) -> Any:
        """The page with the form as it was filled in, and what was wrong."""
        token = what_if_token(self._backend, caller, record)
        form = WhatIfForm(token, refilled(fields, given), tuple(faults))
        return await prediction_page(self._backend, record, caller, what_if=form, status=422)


def _asked(request: Mapping[str, Any], change: Mapping[str, Any], depth: str) -> dict[str, object]:
    kept = {name: request[name] for name in ("study", "patient", "level", "drug") if name in request}
    return {**kept, "explain": depth, "changes": [change]}


def _said(fault: Fault, fields: tuple[Field, ...]) -> str:
    name = fault.where.rpartition("/clinical/")[2].partition("/")[0]
    labels = {field.name.partition(".")[2]: field.label for field in fields}
    remedy = f" ({fault.remedy})" if fault.remedy else ""
    return f"{labels.get(name, 'The change')}: {fault.what}{remedy}."
