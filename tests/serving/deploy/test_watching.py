"""Alerts and dashboard ask only for what a started service, or `rxplain monitor --metrics`, exports."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.serving.client import Client
from tests.serving.deploy.checks import DEPLOY, exported_names, expression_faults
from tests.serving.tiny import PATIENT
from training.monitoring.monitor import Watched, metrics_text

RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
OTHERS = {"up": {"job", "instance"}, "node_textfile_mtime_seconds": {"file"}}
"""Of Prometheus itself, and of the exporter that tells the monitor's file."""


@pytest.fixture(scope="module")
def exported(client: Client) -> dict[str, set[str]]:
    """Labels by the names of every sample that there is."""
    client.predict(PATIENT)
    client.post(b"{")
    drug = {"field": {"coverage": {"value": 0.9}}}
    document = {"drift": [{"feature": "age", "psi": 0.1}], "drugs": {"warfarin": drug}}
    watched = Watched("tiny", 1, "0" * 64, document, ())
    return OTHERS | exported_names(client.get("/metrics").text) | exported_names(metrics_text(watched))


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_asks_for_what_is_exported(alert: str, exported: dict[str, set[str]]) -> None:
    rule = ALERTS[alert]
    assert expression_faults(rule["expr"], exported) == []
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "warn")
    assert rule["annotations"]["summary"]


def test_alerts_cover_what_an_operator_must_hear_of() -> None:
    wanted = {"FieldCoverageLow", "FieldDrift", "ServerErrors", "Slow", "StoreUnwritable", "ServiceDown"}
    assert wanted <= set(ALERTS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"][:40])
def test_panel_asks_for_what_is_exported(target: dict, exported: dict[str, set[str]]) -> None:
    assert expression_faults(target["expr"], exported) == []


def test_every_metric_of_ours_is_shown_or_watched(exported: dict[str, set[str]]) -> None:
    asked = " ".join([rule["expr"] for rule in ALERTS.values()] + [target["expr"] for target in TARGETS])
    families = {name.rsplit("_bucket")[0] for name in exported if name.endswith("_bucket")}
    families |= {name for name in exported if name.endswith("_total")}
    assert [name for name in families if name.startswith("rxplain_") and name not in asked] == []


def test_dashboard_is_provisioned_with_its_source() -> None:
    sources = yaml.safe_load((DEPLOY / "grafana" / "datasources.yaml").read_text())["datasources"]
    assert {target["datasource"]["uid"] for target in TARGETS} == {source["uid"] for source in sources}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_reads_the_rules_and_asks_services_of_the_compose_file() -> None:
    own = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    targets = [
        t for job in own["scrape_configs"] for config in job["static_configs"] for t in config["targets"]
    ]
    assert own["rule_files"] == ["rules.yml"]
    assert {target.split(":")[0] for target in targets} <= set(services)
    jobs = {job["job_name"] for job in own["scrape_configs"]}
    assert 'job="rxplain"' in ALERTS["ServiceDown"]["expr"]
    assert "rxplain" in jobs


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(rxplain_request_total[5m]))",
        'rxplain_problems_total{kind="overloaded"}',
        "sum by (drug) (rate(rxplain_predictions_total[5m]))",
        "rxplain_request_seconds",
        "sum(rate(rxplain_requests_total[5m])",
        "1 > 0",
    ],
)
def test_planted_mistake_is_found(expression: str, exported: dict[str, set[str]]) -> None:
    assert expression_faults(expression, exported) != []
