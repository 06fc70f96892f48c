"""What deployment files must keep to: lists of faults, empty for ours, not for a planted mistake."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from serving.settings import Settings

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"
ELSEWHERE = {"TMPDIR", "MPLCONFIGDIR", "RXPLAIN_DATA", "MLFLOW_DISABLE_TELEMETRY"}
"""Variables of our containers that not the settings read, but Python, matplotlib, training and MLflow."""

_TEXTS = {"type": "array", "items": {"type": "string"}}
_TIME = {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"}
_HEALTH = {
    "type": "object",
    "required": ["test", "interval", "timeout", "retries"],
    "additionalProperties": False,
    "properties": {
        "test": {**_TEXTS, "minItems": 2, "contains": {"enum": ["CMD", "CMD-SHELL"]}},
        "interval": _TIME, "timeout": _TIME, "start_period": _TIME, "retries": {"type": "integer"},
    },
}  # fmt: skip
_SERVICE = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("command", "entrypoint", "secrets", "cap_drop", "security_opt", "tmpfs"), _TEXTS),
        **dict.fromkeys(("networks", "profiles", "volumes"), _TEXTS),
        "image": {"type": "string"},
        "user": {"type": "string"},
        "ports": {"type": "array", "items": {"pattern": r"^127\.0\.0\.1:[0-9]+:[0-9]+$"}},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "read_only": {"type": "boolean"},
        "stop_grace_period": _TIME,
        "healthcheck": _HEALTH,
        "build": {
            "type": "object", "additionalProperties": False,
            "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
        },
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "depends_on": {
            "additionalProperties": {
                "type": "object", "required": ["condition"], "additionalProperties": False,
                "properties": {"condition": {"enum": ["service_healthy", "service_started"]}},
            }
        },
        "deploy": {
            "additionalProperties": False,
            "properties": {
                "resources": {
                    "additionalProperties": False,
                    "properties": {
                        "limits": {
                            "additionalProperties": False,
                            "properties": {"cpus": {"type": "string"}, "memory": {"type": "string"}},
                        }
                    },
                }
            },
        },
    },
}  # fmt: skip
COMPOSE_SCHEMA = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": _SERVICE},
        "networks": {
            "additionalProperties": {
                "additionalProperties": False,
                "properties": {"internal": {"type": "boolean"}},
            }
        },
        "volumes": {"additionalProperties": {"type": "object", "maxProperties": 0}},
        "secrets": {
            "additionalProperties": {
                "required": ["file"],
                "additionalProperties": False,
                "properties": {"file": {"type": "string"}},
            }
        },
    },
}


class _Asked(dict):
    """An environment that remembers which variables were asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: object = None) -> object:
        self.names.add(name)
        return default

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return False


def known_variables() -> set[str]:
    """Every variable that the settings read."""
    asked = _Asked()
    Settings.from_environment(asked)
    return asked.names


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Variables given to a container of ours that nothing reads."""
    known = known_variables() | ELSEWHERE
    return [f"nothing reads {name}" for name in names if name not in known]


def documents(text: str) -> list[dict[str, Any]]:
    """The YAML documents of a text."""
    return [found for found in yaml.safe_load_all(text) if found]


def compose_faults(compose: Mapping[str, Any]) -> list[str]:
    """What is wrong with a compose file, in form and in what it names."""
    checked = jsonschema.Draft202012Validator(COMPOSE_SCHEMA)
    faults = [f"{error.json_path}: {error.message[:80]}" for error in checked.iter_errors(compose)]
    if faults:
        return faults
    for name, service in compose["services"].items():
        faults += [f"{name}: {fault}" for fault in _service_faults(name, service, compose)]
    return faults


def _service_faults(name: str, service: Mapping[str, Any], compose: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("secrets", "networks"):
        yield from (f"no {kind} {one}" for one in service.get(kind, ()) if one not in compose[kind])
    yield from (
        f"no service {one}" for one in service.get("depends_on", ()) if one not in compose["services"]
    )
    for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
        if source.startswith("./"):
            if not (DEPLOY / source).exists():
                yield f"no file {source}"
        elif source not in compose["volumes"]:
            yield f"no volume {source}"
    targets = [volume.split(":")[1] for volume in service.get("volumes", ())]
    for variable, value in service.get("environment", {}).items():
        if re.search(r"password|secret|token", variable, re.IGNORECASE) and not value.startswith(
            "/run/secrets/"
        ):
            yield f"{variable} is no file"
        if (
            value.startswith("/run/secrets/")
            and value.removeprefix("/run/secrets/") not in service["secrets"]
        ):
            yield f"{variable} names a secret that is not given"
        elif value.startswith(("/var", "/etc")) and not any(value.startswith(t) for t in targets):
            yield f"{variable} lies on no volume"
    if service["image"].startswith("rxplain"):
        yield from unknown_variables(service["environment"])
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"] or "user" not in service:
            yield "is not locked up"
    if "profiles" not in service and "healthcheck" not in service:
        yield "has no healthcheck"
    for path in re.findall(
        r"127\.0\.0\.1:8000(/\w+)", " ".join(service.get("healthcheck", {}).get("test", ()))
    ):
        if path not in ("/livez", "/readyz"):
            yield f"{path} is no page of health"


def pod_faults(deployment: Mapping[str, Any], configuration: Mapping[str, str], paths: set[str]) -> list[str]:
    """What is wrong with our Deployment beyond its schema; `paths` are the routes that are open."""
    spec = deployment["spec"]["template"]["spec"]
    faults = [] if spec.get("automountServiceAccountToken") is False else ["a token is mounted"]
    if not spec.get("securityContext", {}).get("runAsNonRoot"):
        faults.append("may run as root")
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        own = container.get("securityContext", {})
        if not own.get("readOnlyRootFilesystem") or own.get("allowPrivilegeEscalation") is not False:
            faults.append(f"{container['name']}: the root is not read-only, or more can be had")
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            faults.append(f"{container['name']}: keeps capabilities")
        for kind in ("requests", "limits"):
            given = set(container.get("resources", {}).get(kind, ()))
            faults += [f"{container['name']}: no {kind}"] * (not {"cpu", "memory"} <= given)
        mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", ())}
        faults += [f"no volume {name}" for name in mounts if name not in volumes]
        for variable, value in configuration.items():
            if value.startswith("/") and not any(value.startswith(path) for path in mounts.values()):
                faults.append(f"{container['name']}: {variable} lies on no volume")
    for container in spec["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            path = container.get(probe, {}).get("httpGet", {}).get("path")
            wanted = "/livez" if probe == "livenessProbe" else "/readyz"
            if path != wanted or path not in paths:
                faults.append(f"{probe}: {path} instead of {wanted}")
    return faults + unknown_variables(configuration)


_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
_FUNCTIONS = {
    "sum", "max", "min", "rate", "increase", "histogram_quantile", "topk", "time", "by", "or", "and",
    "unless",
}  # fmt: skip


def expression_faults(expression: str, exported: Mapping[str, set[str]]) -> list[str]:
    """Metrics and labels of a PromQL expression that nothing exports; `exported` is labels by metric."""
    if expression.count("(") != expression.count(")") or expression.count("{") != expression.count("}"):
        return [f"unbalanced: {expression}"]
    bare = re.sub(r'"[^"]*"', '""', expression)
    faults, labels = [], set()
    for metric, chosen in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", bare):
        own = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen)
        faults += [f"{metric} has no label {one}" for one in own if one not in exported.get(metric, ())]
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    for grouped in re.findall(r"\bby\s*\(([^)]*)\)", bare):
        labels |= set(_WORD.findall(grouped))
    bare = re.sub(r"\bby\s*\([^)]*\)", " by ", bare)
    metrics = {word for word in _WORD.findall(bare) if word not in _FUNCTIONS}
    if not metrics:
        faults.append(f"no metric: {expression}")
    faults += [f"nothing exports {metric}" for metric in metrics if metric not in exported]
    known = set().union(*(exported.get(metric, set()) for metric in metrics))
    return faults + [f"no metric of it has the label {one}" for one in labels - known]


def exported_names(text: str) -> dict[str, set[str]]:
    """The labels of each sample in Prometheus' text format, by its name."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels = re.match(r"([\w:]+)(\{.*\})? ", line).groups()
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return found


def containerfile_faults(text: str, lock_options: str = "--require-hashes") -> list[str]:
    """What is promised of the image and not kept by its Containerfile."""
    lines = _instructions(text)
    stages = [i for i, (word, _) in enumerate(lines) if word == "FROM"]
    last = lines[stages[-1] :]
    faults = [
        f"{rest} is no plain slim image" for word, rest in lines if word == "FROM" and "slim" not in rest
    ]
    faults += ["names a registry" for word, rest in lines if word == "FROM" and "/" in rest]
    users = [rest for word, rest in last if word == "USER"]
    if not users or users[-1].split(":")[0] in ("root", "0"):
        faults.append("runs as root")
    for word, rest in lines:
        if word == "RUN" and re.search(r"(curl|wget)\b.*\|\s*(ba)?sh|(curl|wget) ", rest):
            faults.append("runs what it downloaded")
        if word == "ADD":
            faults.append("ADD fetches and unpacks; use COPY")
        for call in re.findall(r"pip install ([^&]*)", rest) if word == "RUN" else ():
            if lock_options not in call and "--no-index" not in call:
                faults.append(f"pip install without hashes: {call.strip()}")
        if "--trusted-host" in rest or "--extra-index-url" in rest:
            faults.append("another index")
    wanted = {"HEALTHCHECK", "USER", "ENTRYPOINT", "STOPSIGNAL"}
    faults += [f"no {word}" for word in sorted(wanted - {word for word, _ in last})]
    if any(re.search(r"\b(gcc|g\+\+|build-essential|make|git)\b", rest) for _, rest in last):
        faults.append("build tools in the last stage")
    health = " ".join(rest for word, rest in last if word == "HEALTHCHECK")
    if health and "/livez" not in health:
        faults.append("HEALTHCHECK asks another page than /livez")
    entry = [word for kind, rest in last if kind in ("ENTRYPOINT", "CMD") for word in json.loads(rest)]
    if entry[:2] != ["rxplain", "serve"]:
        faults.append("does not serve")
    environment = [part.split("=")[0] for word, rest in last if word == "ENV" for part in shlex.split(rest)]
    ours = [name for name in environment if name.startswith("RXPLAIN")]
    return faults + unknown_variables(ours)


def _instructions(text: str) -> list[tuple[str, str]]:
    joined = re.sub(
        r"\\\n", " ", "\n".join(li for li in text.splitlines() if not li.lstrip().startswith("#"))
    )
    return [
        (line.split()[0], line.split(maxsplit=1)[1].strip()) for line in joined.splitlines() if line.strip()
    ]
