"""A client of the application in this process: its real ASGI stack, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import warnings
from typing import Self

import httpx

from serving.settings import Settings
from tests.serving.tiny import PATIENT, STUDY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from serving.service import asgi, rxplain_service


class Client:
    """Starts the application on entering and stops it on leaving; requests run one after the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = asgi(rxplain_service(settings))
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        self._runner.run(self._stack.enter_async_context(self.app.router.lifespan_context(self.app)))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://rxplain")
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self.http.aclose())
        self._runner.run(self._stack.aclose())
        self._runner.close()
        gc.unfreeze()

    def run(self, work: object) -> object:
        """Run a coroutine in the application's event loop."""
        return self._runner.run(work)

    def get(self, path: str) -> httpx.Response:
        """GET a path."""
        return self._runner.run(self.http.get(path))

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        """Any request."""
        return self._runner.run(self.http.request(method, path, **options))

    def post(self, body: bytes, media: str = "application/json") -> httpx.Response:
        """POST bytes to /v1/predict."""
        return self.request("POST", "/v1/predict", content=body, headers={"content-type": media})

    def predict(self, patient: object = PATIENT, **options: object) -> httpx.Response:
        """POST a patient to /v1/predict."""
        return self.request("POST", "/v1/predict", json={"study": STUDY, "patient": patient, **options})

    def ask(self, study: str, patient: object, **options: object) -> httpx.Response:
        """POST a patient to /v1/predict of any study."""
        return self.request("POST", "/v1/predict", json={"study": study, "patient": patient, **options})

    def rank(self, study: str, patient: object, **options: object) -> httpx.Response:
        """POST a patient to /v1/rank."""
        return self.request("POST", "/v1/rank", json={"study": study, "patient": patient, **options})
