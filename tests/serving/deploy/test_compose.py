"""compose.yaml by a strict schema of our own and by what it names; planted mistakes are found.

The compose specification's own JSON schema comes with no package that is installed here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from serving.access.rules import read_rules
from serving.server import FAREWELL_S
from tests.serving.deploy.checks import DEPLOY, compose_faults

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_compose_file_keeps_to_its_form_and_names_what_is_there() -> None:
    assert compose_faults(COMPOSE) == []
    assert set(COMPOSE["services"]) >= {"service", "mlflow", "postgres", "prometheus", "grafana"}


def test_service_is_let_in_and_stops_in_time() -> None:
    service = COMPOSE["services"]["service"]
    assert service["environment"]["RXPLAIN_ACCESS"] == "/etc/rxplain/access.toml"
    assert read_rules(DEPLOY / "access" / "access.toml").tenants == ("north",)
    assert int(service["stop_grace_period"].removesuffix("s")) >= FAREWELL_S + 10


def _unset(service: str, key: str) -> Callable[[dict[str, Any]], None]:
    return lambda compose: compose["services"][service].pop(key)


def _set(service: str, key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda compose: compose["services"][service].__setitem__(key, value)


@pytest.mark.parametrize(
    "spoil",
    [
        _set("service", "ports", ["8000:8000"]),
        _set("service", "port", ["127.0.0.1:8000:8000"]),
        _set("service", "secrets", ["nowhere"]),
        _set("service", "volumes", ["./nowhere:/etc/rxplain:ro"]),
        _set("mlflow", "depends_on", {"mysql": {"condition": "service_healthy"}}),
        _set("grafana", "environment", {"GF_SECURITY_ADMIN_PASSWORD": "admin"}),
        _unset("postgres", "healthcheck"),
        _unset("service", "read_only"),
        lambda compose: compose["services"]["service"]["environment"].update(RXPLAIN_STOREFILE="x"),
        lambda compose: compose["services"]["service"]["environment"].update(RXPLAIN_HOME="/var/elsewhere"),
        lambda compose: compose["services"]["service"]["healthcheck"]["test"].__setitem__(
            -1, "http://127.0.0.1:8000/healthz"
        ),
        lambda compose: compose["secrets"]["store_url"].clear(),
    ],
)
def test_planted_mistake_is_found(spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = copy.deepcopy(COMPOSE)
    spoil(spoilt)
    assert compose_faults(spoilt) != []
