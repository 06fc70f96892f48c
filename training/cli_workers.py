"""Where a command's work is done, by its `--cluster`; Dask is imported only when it is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


def workers_at(address: str | None) -> AbstractContextManager[None]:
    """Inside, work is spread over a Dask scheduler's workers, or without an address over this machine."""
    if address is None:
        return nullcontext()
    from training.cluster import cluster

    return cluster(address)
