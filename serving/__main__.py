"""`python -m serving`: the service; `... log`: the record of its answers; `... keys`: its API keys."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["log"]:
        sys.exit(importlib.import_module("serving.store.commands").main(sys.argv[2:]))
    if sys.argv[1:2] == ["keys"]:
        sys.exit(importlib.import_module("serving.access.commands").main(sys.argv[2:]))
    sys.exit(importlib.import_module("serving.server").main())
