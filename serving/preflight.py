"""Whether every model proves itself and every route has its policy, asked in a process of its own.

`python -m serving.preflight` exits with 0, or with 3 and one line that says what to do. A damaged
booster may crash or hang whoever parses it: then it is this process and not the supervisor. The store's
tables are brought up to date here as well, before any worker starts.
"""

from __future__ import annotations

import importlib
import subprocess
import sys

from features.errors import RegistryError, RxplainError
from serving.settings import Settings
from serving.worker import lean_imports

REFUSED = 3
_LONGEST_S = 60.0


def refusal() -> str | None:
    """Why the models cannot be served, in one line, or None; asked in a child process."""
    command = [sys.executable, "-m", "serving.preflight"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return "the models did not prove themselves in time; fetch their bundles again from the registry"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode == REFUSED and lines:
        return lines[-1]
    last = lines[-1] if lines else f"exit code {done.returncode}"
    return f"checking the models crashed ({last}); fetch their bundles again from the registry, or retrain"


def check(settings: Settings) -> int:
    """The number of models that can be served; raises the first error found."""
    lean_imports()
    backend = importlib.import_module("serving.backend").Backend(settings)
    importlib.import_module("serving.api").router(backend)
    backend.repository.load_all()
    if not backend.repository.current:
        raise RegistryError(
            "no study has a champion to serve; run `rxplain fit STUDY`, then `rxplain promote STUDY`"
        )
    importlib.import_module("serving.store.store").Store.open(settings).close()
    return len(backend.repository.current)


def main() -> int:
    """Check, and say in one line on standard error what is wrong."""
    try:
        check(Settings.from_environment())
    except RxplainError as error:
        sys.stderr.write(" · ".join(line.strip() for line in str(error).splitlines()) + "\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
