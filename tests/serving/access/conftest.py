"""An issuer's process, and an access file that trusts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.access.issuer_process import AUDIENCE, NAME, IssuerProcess

RULES = """
tenants = ["north", "south"]
keys = "keys.json"

[[issuers]]
issuer = "{name}"
jwks_uri = "{uri}"
audience = "{audience}"
tenant_claim = "org"
tenants = {{ "org-1" = "north", "org-2" = "south" }}
genomic_roles = ["genomics"]
genomic_scopes = ["system/MolecularSequence.r"]
{more}

[issuers.roles]
app = ["application"]
doctor = ["clinician"]
board = ["reviewer"]
analyst = ["data_scientist"]
operator = ["administrator"]

[issuers.scopes]
"system/RiskAssessment.c" = ["application"]
"""


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IssuerProcess]:
    """An issuer that keeps its keys; tests that change them start their own."""
    with IssuerProcess(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def access_file(tmp_path: Path, issuer: IssuerProcess) -> Callable[..., Path]:
    """Writes an access file; `more` are lines of the issuer, `uri` where its keys lie."""

    def write(more: str = "", uri: str = "") -> Path:
        path = tmp_path / "access.toml"
        path.write_text(RULES.format(name=NAME, uri=uri or issuer.uri, audience=AUDIENCE, more=more))
        return path

    return write
