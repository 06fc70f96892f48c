"""The BentoML service: the routes mounted in it, its models proved and warm before it is ready.

`bentoml serve serving.service:RxplainService` serves it for development. `python -m serving` runs the
same application under uvicorn's workers, without BentoML's own pages, tracing and control port.
"""

from __future__ import annotations

import asyncio
import gc

import bentoml
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from serving.answering import warm_up
from serving.api import router
from serving.backend import Backend
from serving.guard import Guard
from serving.logs import configure_logs
from serving.settings import Settings, silence_telemetry
from serving.tracing import tracer_of

_GC_THRESHOLD = 50_000


def rxplain_service(settings: Settings, extra: tuple[BaseRoute, ...] = ()) -> bentoml.Service:
    """The service over these settings; `extra` routes are for benchmarks beside the product."""
    silence_telemetry(settings.otlp_endpoint is not None)
    backend, tracer = Backend(settings), tracer_of(settings)

    class Rxplain:
        """Predicts drug response and explains every answer."""

        @bentoml.on_startup
        async def start(self) -> None:
            """Load and warm the models, then keep watching the aliases."""
            backend.open()
            warm_up(backend)
            self.watcher = asyncio.create_task(backend.repository.watch(settings.alias_poll_s))
            self.keeper = asyncio.create_task(
                backend.store.keep(settings.retention_days, backend.metrics.retained)
            )
            self.lister = asyncio.create_task(backend.store.keep_listed())
            gc.collect()
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)

        @bentoml.on_shutdown
        async def stop(self) -> None:
            """Stop watching; every answer given is already on disk."""
            self.watcher.cancel()
            self.keeper.cancel()
            self.lister.cancel()
            await backend.files.close()
            backend.close()
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

        async def __is_ready__(self) -> bool:
            return bool(backend.repository.current)

    service = bentoml.service(
        name="rxplain",
        metrics={"enabled": False},
        logging={"access": {"enabled": False}},
        traffic={"timeout": 30},
    )(Rxplain)
    service.mount_asgi_app(router(backend, extra), path="/", name="rxplain")
    service.add_asgi_middleware(Guard, settings=settings, metrics=backend.metrics, tracer=tracer)
    return service


def asgi(service: bentoml.Service) -> Starlette:
    """The service's ASGI application with nothing in it but our guard and our routes."""
    application: Starlette = service.to_asgi(is_main=False)
    application.router.routes[:] = [r for r in application.router.routes if isinstance(r, Mount)]
    application.user_middleware[:] = [m for m in application.user_middleware if m.cls is Guard]
    return application


def application(extra: tuple[BaseRoute, ...] = ()) -> Starlette:
    """What each worker of `python -m serving` runs."""
    configure_logs()
    return asgi(RxplainService if not extra else rxplain_service(Settings.from_environment(), extra))


RxplainService = rxplain_service(Settings.from_environment())
