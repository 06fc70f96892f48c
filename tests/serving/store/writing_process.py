"""A process that tells each id once its row is durable, as fast as it can; it is there to be killed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from serving.settings import Settings
from serving.store.records import new_id
from serving.store.store import Store
from tests.serving.store.rows import PREDICTION

_CLIENTS = 4


async def _ask(store: Store) -> None:
    while True:
        record = replace(PREDICTION, id=new_id(), answer='{"value": 1.5, "told": "' + "x" * 2600 + '"}')
        await store.predictions.append(record, "local")
        sys.stdout.write(record.id + "\n")
        sys.stdout.flush()


async def _all(store: Store) -> None:
    await asyncio.gather(*(_ask(store) for _ in range(_CLIENTS)))


if __name__ == "__main__":
    asyncio.run(_all(Store.open(Settings.from_environment())))
