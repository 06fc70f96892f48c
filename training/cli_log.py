"""`rxplain log`: the record of what was answered, which the service's own process reads."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def log(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="verify|replay|export|signed|erase|retain|rotate [OPTIONS]")
    ] = None,
) -> None:
    """Prove the record of answers; give out or forget a patient; `rxplain log erase --help`."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "serving", "log", *(arguments or ["--help"])])
