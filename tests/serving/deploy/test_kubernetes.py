"""The manifests by Kubernetes' own schemas, strictly, and by what the service really reads and answers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.access.access import Access
from serving.access.policy import OPEN
from serving.server import FAREWELL_S
from tests.serving.client import Client
from tests.serving.deploy.checks import DEPLOY, documents, pod_faults

FOLDER = DEPLOY / "kubernetes"
VERSION = "1.33"
BASE = {
    document["kind"]: document
    for file in sorted((FOLDER / "base").glob("*.yaml"))
    for document in documents(file.read_text())
}
MANIFESTS = {kind: document for kind, document in BASE.items() if kind != "Kustomization"}
DEPLOYMENT, CONFIGURATION = BASE["Deployment"], BASE["ConfigMap"]["data"]
POD = DEPLOYMENT["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def open_paths(client: Client) -> set[str]:
    """The routes of the real router that need no caller."""
    assert not Access(None).is_configured
    return {route.path for route in client.app.routes[0].app.routes if route.policy is OPEN}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_manifest_keeps_to_the_schema(kind: str) -> None:
    kubernetes_validate.validate(MANIFESTS[kind], VERSION, strict=True)


def test_everything_asked_for_is_there_and_listed() -> None:
    wanted = {
        "Deployment", "Service", "ServiceAccount", "ConfigMap", "HorizontalPodAutoscaler",
        "PodDisruptionBudget", "NetworkPolicy",
    }  # fmt: skip
    assert set(MANIFESTS) == wanted
    files = {file.name for file in (FOLDER / "base").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(BASE["Kustomization"]["resources"]) == files
    overlay = yaml.safe_load((FOLDER / "hospital" / "kustomization.yaml").read_text())
    assert [base for base in overlay["resources"] if not (FOLDER / "hospital" / base).is_dir()] == []


def test_pod_names_what_the_service_reads_and_answers(open_paths: set[str]) -> None:
    assert pod_faults(DEPLOYMENT, CONFIGURATION, open_paths) == []


def test_everybody_chooses_the_same_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()
    choosing = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        BASE["Service"]["spec"]["selector"],
        BASE["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        BASE["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(chosen.items() <= labels for chosen in choosing)
    port = POD["containers"][0]["ports"][0]
    assert BASE["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert BASE["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == port["containerPort"]
    assert POD["serviceAccountName"] == BASE["ServiceAccount"]["metadata"]["name"]
    assert BASE["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]


def test_a_pod_has_time_to_answer_what_it_took_on() -> None:
    waits = POD["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] >= waits + FAREWELL_S + 10


def _container(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any], dict], object]:
    return lambda deployment, _: change(deployment["spec"]["template"]["spec"]["containers"][0])


@pytest.mark.parametrize(
    "spoil",
    [
        _container(lambda c: c["livenessProbe"]["httpGet"].update(path="/healthz")),
        _container(lambda c: c["readinessProbe"]["httpGet"].update(path="/livez")),
        _container(lambda c: c.pop("startupProbe")),
        _container(lambda c: c["resources"].pop("limits")),
        _container(lambda c: c["resources"]["requests"].pop("memory")),
        _container(lambda c: c["securityContext"].update(readOnlyRootFilesystem=False)),
        _container(lambda c: c["volumeMounts"].pop()),
        lambda d, _: d["spec"]["template"]["spec"].update(automountServiceAccountToken=True),
        lambda d, _: d["spec"]["template"]["spec"]["securityContext"].pop("runAsNonRoot"),
        lambda _, configuration: configuration.update(RXPLAIN_ACCES="x"),
        lambda _, configuration: configuration.update(RXPLAIN_KEYS="/var/lib/elsewhere.json"),
    ],
)
def test_planted_mistake_is_found(spoil: Callable[..., object], open_paths: set[str]) -> None:
    deployment, configuration = copy.deepcopy(DEPLOYMENT), dict(CONFIGURATION)
    spoil(deployment, configuration)
    assert pod_faults(deployment, configuration, open_paths) != []


def test_misspelt_field_is_against_the_schema() -> None:
    spoilt = copy.deepcopy(DEPLOYMENT)
    spoilt["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, VERSION, strict=True)
