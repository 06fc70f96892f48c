"""The pages of models, in service or waiting for their promotion, and the form in which one is signed."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.access.caller import Caller, caller_of
from serving.access.policy import SIGNING
from serving.backend import Backend
from serving.errors import RequestError
from serving.pages import TOO_OLD, elsewhere, html
from serving.repository import Served
from serving.review.forms import Fields, form_token, is_good, read_form
from serving.review.model_drawing import draw_figures, draw_histogram
from serving.review.model_view import model_page
from serving.review.models_view import models_view
from serving.review.shell import MODELS, shell_for, template
from serving.review.signing_view import Form, SigningView, fault_words, filled, model_form
from serving.review.version_view import VersionView, version_view
from serving.verdicts import Version, model_verdict_of

ADDRESS = "/review/models"
_GONE = "That version is not on the shelf any more. Look again, then sign."


class ModelPages:
    """The pages that are only looked at."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def models(self, request: Request) -> Response:
        """The models in service, and which of them another version waits to replace."""
        repository = self._backend.repository
        view = models_view(repository.current, await asyncio.to_thread(repository.challengers))
        shell = shell_for(caller_of(request.scope), MODELS)
        return html(template("models.html").render(view=view, shell=shell))

    async def model(self, request: Request) -> Response:
        """One version of a model: how well it does, for whom, what it reads, and who signed it."""
        study, asked = request.path_params["study"], request.query_params.get("version", "")
        return await shown(self._backend, caller_of(request.scope), study, asked)


class ModelVerdictForm:
    """POST of the verdict that a model's page asks for; what is wrong with it is told on the same page."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backend, caller, study = self._backend, caller_of(scope), scope["path_params"]["study"]
        versions = await asyncio.to_thread(backend.versions, study)
        fields = await read_form(scope, receive, backend.settings)
        asked = fields.get("version", [""])[0]
        served = next((one for one in versions if str(one.version) == asked), None)
        faults = (_GONE,) if served is None else await self._sign(fields, served, caller)
        if served is None or faults:
            answer = await shown(backend, caller, study, asked if served else "", fields, faults)
        else:
            answer = elsewhere(f"{ADDRESS}/{quote(study)}?version={served.version}#signed")
        await answer(scope, receive, send)

    async def _sign(self, fields: Fields, served: Served, caller: Caller) -> tuple[str, ...]:
        """What is wrong; nothing once the verdict is on disk."""
        store = self._backend.store
        if not is_good(fields.get("token", [""])[0], store.keys, caller, _what(served)):
            return (TOO_OLD,)
        given = {name: told[0] for name, told in fields.items() if name in ("verdict", "comment")}
        document = {**given, "reasons": fields.get("reasons", []), "version": served.version}
        version = Version(served.study, served.version, served.bundle.digest)
        try:
            verdict = model_verdict_of(document, [version], caller)
        except RequestError as error:
            return fault_words(error.faults)
        await store.model_verdicts.append(verdict, caller.tenant)
        return ()


async def shown(
    backend: Backend,
    caller: Caller,
    study: str,
    asked: str,
    fields: Fields | None = None,
    faults: tuple[str, ...] = (),
) -> Response:
    """The page of one version, which `asked` gives by its number; else of the one in service."""
    versions = await asyncio.to_thread(backend.versions, study)
    served = next((one for one in versions if asked in ("", str(one.version))), None)
    if served is None:
        raise RequestError("not-found", "The version in service and the one that waits have a page.")
    history = await asyncio.to_thread(backend.repository.history, study)
    view = version_view(served, backend.repository.current.get(study), versions[-1], history)
    signing = _signing(backend, caller, served, fields, faults) if SIGNING.lets(caller) else None
    page = await asyncio.to_thread(_page, served, view, signing, caller)
    return html(page, 422 if faults else 200)


def _page(served: Served, version: VersionView, signing: SigningView | None, caller: Caller) -> str:
    page = model_page(served)
    return template("model.html").render(
        view=page,
        version=version,
        signing=signing,
        shell=shell_for(caller, MODELS),
        beside=[draw_figures(one) for one in page.beside],
        groups=[draw_figures(one) for one in page.groups],
        histograms={row: draw_histogram(row) for block in page.inputs for row in block.rows},
    )


def _signing(
    backend: Backend, caller: Caller, served: Served, fields: Fields | None, faults: tuple[str, ...]
) -> SigningView:
    told = backend.store.model_verdicts.of_version(served.bundle.digest, caller.tenant)
    form: Form = model_form(form_token(backend.store.keys, caller, _what(served)), served.version)
    form = form if fields is None else filled(form, fields, faults)
    return SigningView.of_model(told).with_form(form, caller.subject)


def _what(served: Served) -> str:
    """What a form's token is good for: this bundle and no other."""
    return f"model {served.bundle.digest}"
