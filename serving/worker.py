"""What a worker process imports first: serving without the libraries that only training needs.

LightGBM imports scikit-learn, pandas and others when they are there, which costs a worker a second
and 130 MB; told that they are absent, it does without.
"""

from __future__ import annotations

import importlib
import sys

from starlette.types import ASGIApp

_FOR_TRAINING_ONLY = ("sklearn", "pandas", "pyarrow", "matplotlib", "dask", "mlflow", "shap")


def lean_imports() -> None:
    """Make later imports of training's libraries fail at once; those already loaded stay."""
    for name in _FOR_TRAINING_ONLY:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def application() -> ASGIApp:
    """The service's ASGI application, in a lean process."""
    lean_imports()
    return importlib.import_module("serving.service").application()
