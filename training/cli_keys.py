"""`rxplain keys`: API keys of the service, which the service's own process issues and revokes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def keys(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="issue|list|revoke [OPTIONS]")] = None,
) -> None:
    """Issue, list and revoke API keys of a service with access; `rxplain keys issue --help`."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "serving", "keys", *(arguments or ["--help"])])
