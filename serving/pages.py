"""The pages for reviewers, and the forms on them."""

from __future__ import annotations

import asyncio
import importlib
import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.access.caller import Caller, caller_of
from serving.backend import Backend
from serving.errors import RequestError
from serving.fhir.document import MEDIA_TYPE as FHIR
from serving.fhir.document import fhir_text
from serving.review.forms import Fields, form_token, is_good, read_form
from serving.review.list_view import ADDRESS, SIZE, Query, list_view
from serving.review.page import page_of
from serving.review.shell import HEADERS, WORKLIST, shell_for, template
from serving.review.signing_view import Form, SigningView, fault_words, filled
from serving.review.what_if_view import WhatIfForm, fields_of, patient_after
from serving.store.glance import RANKING, glance_of
from serving.store.records import PredictionRecord
from serving.verdicts import verdict_of

TOO_OLD = "This page lay open for too long, or was another reader's. Look again, then sign."
"""Why a form is not taken."""

_ID_LENGTH = 32


class ReviewPages:
    """The pages that are only looked at."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def worklist(self, request: Request) -> Response:
        """The answers to review, filtered by the address."""
        return await self.listed(Query.of(request.query_params), caller_of(request.scope))

    async def listed(self, query: Query, caller: Caller) -> Response:
        """The same of a query."""
        ends = query.before or None, query.after or None
        worklist = self._backend.store.worklist
        page = await asyncio.to_thread(worklist.page, caller.tenant, query.asked, SIZE, *ends)
        view = list_view(query, page, sorted(self._backend.repository.current))
        shell = shell_for(caller, WORKLIST, has_keys=True)
        return html(template("worklist.html").render(view=view, shell=shell))

    async def prediction(self, request: Request) -> Response:
        """One recorded answer, with who signed it and the form to do so."""
        caller = caller_of(request.scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        return await prediction_page(self._backend, record, caller)

    async def paper(self, request: Request) -> Response:
        """One recorded answer with its verdicts as PDF."""
        caller, store = caller_of(request.scope), self._backend.store
        record = self._backend.record(request.path_params["id"], caller.tenant)
        place = store.predictions.place(record.id, caller.tenant)
        if place is None:
            raise RequestError("unknown-prediction", "There is no such prediction.")
        signing = SigningView.of(store.verdicts.of_prediction(record.id, caller.tenant))
        bundle = self._backend.repository.bundle(record.digest)
        paper = await asyncio.to_thread(_paper, record, bundle, signing, place)
        return _file(paper, f"rxplain-{record.id}.pdf", "application/pdf")

    async def fhir(self, request: Request) -> Response:
        """One recorded answer as a FHIR Bundle to be kept as a file."""
        caller = caller_of(request.scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        bundle = await asyncio.to_thread(fhir_text, record.answer, record.request, caller.genomic)
        return _file(bundle, f"rxplain-{record.id}.json", FHIR)


def _file(content: bytes, name: str, media: str) -> Response:
    """What a browser keeps instead of showing it."""
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media, headers=headers)


class FindForm:
    """POST of a patient's id, or a prediction's: neither stands in an address or a log."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fields, caller = await read_form(scope, receive, self._backend.settings), caller_of(scope)
        sought = fields.get("sought", [""])[0].strip()
        store = self._backend.store
        if len(sought) == _ID_LENGTH and store.predictions.find(sought, caller.tenant) is not None:
            await elsewhere(f"{ADDRESS}/{sought}")(scope, receive, send)
            return
        who = store.worklist.hidden(caller.tenant, sought).hex()
        await elsewhere(Query.of({"who": who, "show": "all"}).address())(scope, receive, send)


class VerdictForm:
    """POST of the verdict that a page asks for; what is wrong with it is told on the same page."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backend, caller = self._backend, caller_of(scope)
        record = backend.record(scope["path_params"]["id"], caller.tenant)
        fields = await read_form(scope, receive, backend.settings)
        faults = await self._sign(fields, record, caller)
        if faults:
            form = filled(Form(_token(backend, caller, record)), fields, faults)
            page = await prediction_page(backend, record, caller, form, status=422)
            await page(scope, receive, send)
            return
        await elsewhere(f"{ADDRESS}/{record.id}#signed")(scope, receive, send)

    async def _sign(self, fields: Fields, record: PredictionRecord, caller: Caller) -> tuple[str, ...]:
        """What is wrong; nothing once the verdict is on disk."""
        store = self._backend.store
        if not is_good(fields.get("token", [""])[0], store.keys, caller, record.id):
            return (TOO_OLD,)
        given = {name: told[0] for name, told in fields.items() if name in ("verdict", "comment")}
        try:
            verdict = verdict_of({**given, "reasons": fields.get("reasons", [])}, record.id, caller)
        except RequestError as error:
            return fault_words(error.faults)
        await store.verdicts.append(verdict, caller.tenant)
        return ()


async def prediction_page(
    backend: Backend,
    record: PredictionRecord,
    caller: Caller,
    form: Form | None = None,
    what_if: WhatIfForm | None = None,
    status: int = 200,
) -> Response:
    """The page of one recorded answer."""
    told = backend.store.verdicts.of_prediction(record.id, caller.tenant)
    form = form or Form(_token(backend, caller, record))
    signing = SigningView.of(told).with_form(form, caller.subject)
    bundle = backend.repository.bundle(record.digest)
    what_if = what_if or _what_if(backend, record, caller)
    page = await asyncio.to_thread(page_of, record, bundle, signing, shell_for(caller), what_if)
    return html(page, status)


def _what_if(backend: Backend, record: PredictionRecord, caller: Caller) -> WhatIfForm | None:
    """The form for a patient whose study is still served; None where nothing can be changed."""
    served = backend.repository.current.get(record.study)
    request = json.loads(record.request)
    if served is None or glance_of(record.answer).kind == RANKING:
        return None
    fields = fields_of(patient_after(request), served.bundle.models)
    return WhatIfForm(what_if_token(backend, caller, record), fields) if fields else None


def what_if_token(backend: Backend, caller: Caller, record: PredictionRecord) -> str:
    """What the what-if form of a page carries."""
    return form_token(backend.store.keys, caller, f"what-if {record.id}")


def _token(backend: Backend, caller: Caller, record: PredictionRecord) -> str:
    return form_token(backend.store.keys, caller, record.id)


def _paper(*told: object) -> bytes:
    """`serving.review.pdf.pdf_of`, which is only imported by who needs it: it takes a second."""
    paper: bytes = importlib.import_module("serving.review.pdf").pdf_of(*told)
    return paper


def html(page: str, status: int = 200) -> Response:
    """A page as it goes to the browser."""
    return Response(page, status, media_type="text/html", headers=HEADERS)


def elsewhere(address: str) -> Response:
    """Where the browser goes after a form was taken."""
    return Response(status_code=303, headers={**HEADERS, "location": address})
