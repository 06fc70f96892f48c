"""`python -m serving`: the prediction service on one port."""

from __future__ import annotations

import sys

from serving.server import main

if __name__ == "__main__":
    sys.exit(main())
