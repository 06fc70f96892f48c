"""`python -m serving`: the service on one port; `python -m serving log`: the record of its answers."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["log"]:
        sys.exit(importlib.import_module("serving.store.commands").main(sys.argv[2:]))
    sys.exit(importlib.import_module("serving.server").main())
