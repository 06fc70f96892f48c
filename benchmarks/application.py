"""The product's application with two routes more in the same server: an echo (the floor) and the plain way.

`python -m benchmarks.application PORT WORKERS STUDY FACTORY` serves it through the same guard, server and
workers; the factory `lean` leaves the plain way out, so that workers stay as lean as the product's.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access.policy import OPEN
from serving.access.route import Route
from serving.body import read_json
from serving.guard import send_whole
from serving.server import Address, serve
from serving.settings import Settings
from serving.worker import lean_imports

_SETTINGS = Settings()
_STUDY = "RXPLAIN_BENCH_STUDY"


class EchoEndpoint:
    """POST /echo: the body read strictly and written again, with nothing done in between."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = await read_json(scope, receive, _SETTINGS)
        answer = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        await send_whole(send, 200, answer.encode(), b"application/json")


def lean() -> ASGIApp:
    """Product and echo, with the product's own imports only."""
    lean_imports()
    echo = Route("/echo", EchoEndpoint(), OPEN, methods=["POST"])
    return importlib.import_module("serving.service").application((echo,))


def with_plain_way() -> ASGIApp:
    """Product, echo and the plain way, which needs pandas, scikit-learn and shap in the worker."""
    plain = importlib.import_module("benchmarks.plain").endpoint(os.environ[_STUDY])
    routes = (
        Route("/echo", EchoEndpoint(), OPEN, methods=["POST"]),
        Route("/plain", plain, OPEN, methods=["POST"]),
    )
    return importlib.import_module("serving.service").application(routes)


if __name__ == "__main__":
    port, workers, study, factory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    os.environ[_STUDY] = study
    serve(
        Address(port=port, workers=workers), Settings.from_environment(), f"benchmarks.application:{factory}"
    )
