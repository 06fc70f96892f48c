"""`python -m serving`: the prediction service on one port; `python -m serving keys`: its API keys."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["keys"]:
        sys.exit(importlib.import_module("serving.access.commands").main(sys.argv[2:]))
    sys.exit(importlib.import_module("serving.server").main())
