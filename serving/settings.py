"""How the service runs: the one file of `serving` that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from features.errors import Fault, SettingsError

MULTIPROCESS_METRICS = "PROMETHEUS_MULTIPROC_DIR"
TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT"
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and where the limits are; seconds and bytes.

    `home` holds the aliases, the bundles and, unless `store` is a PostgreSQL URL, every row kept. `keys` is
    the file of the keys that seal rows; None makes one in the home. Rows lose their content after
    `retention_days`; None keeps it. `head_deadline_s` closes a connection
    that sends no whole request head for so long, new or kept alive. `batch_ahead_bytes` is how much of a
    batch may wait in memory. A form with files, or a bundle, may have `file_limit_bytes`, and its files are
    read within `file_deadline_s` or refused. `metrics_folder` is where several
    workers keep their counters together; None counts within one process. `access` is the TOML file of who is
    let in; None lets in everybody on this machine and nobody else. `public_url` is where browsers find the
    service, for links on cards; web pages of `cds_origins` may call the CDS services. Traces go to the
    collector at `otlp_endpoint`; None traces nothing.
    """

    home: Path = Path("var")
    body_limit_bytes: int = 2 * 1024 * 1024
    body_deadline_s: float = 10.0
    batch_ahead_bytes: int = 64 * 1024 * 1024
    head_deadline_s: float = 10.0
    alias_poll_s: float = 1.0
    in_flight_limit: int = 512
    file_limit_bytes: int = 32 * 1024 * 1024
    file_deadline_s: float = 10.0
    metrics_folder: Path | None = None
    store: str | None = field(default=None, repr=False)
    keys: Path | None = None
    retention_days: float | None = None
    access: Path | None = None
    public_url: str | None = None
    cds_origins: tuple[str, ...] = ()
    otlp_endpoint: str | None = None

    def __post_init__(self) -> None:
        positive = (
            "body_limit_bytes",
            "body_deadline_s",
            "batch_ahead_bytes",
            "head_deadline_s",
            "alias_poll_s",
            "in_flight_limit",
            "file_limit_bytes",
            "file_deadline_s",
        )
        faults = [Fault(n, "must be greater than 0") for n in positive if not getattr(self, n) > 0]
        if self.retention_days is not None and not self.retention_days > 0:
            faults.append(Fault("retention_days", "must be greater than 0"))
        addresses = {"public_url": self.public_url, "cds_origins": " ".join(self.cds_origins)}
        faults += [
            Fault(name, "is no http address", "write it as https://rxplain.example.org")
            for name, told in addresses.items()
            if told and not all(one.startswith(("https://", "http://")) for one in told.split())
        ]
        if self.otlp_endpoint is not None and not self.otlp_endpoint.startswith(("http://", "https://")):
            faults.append(Fault("otlp_endpoint", "is no http:// or https:// address"))
        if faults:
            raise SettingsError(f"{len(faults)} settings cannot be used", faults)

    @property
    def store_url(self) -> str:
        """SQLAlchemy's URL of the database with one durable row for every answer."""
        return self.store or f"sqlite:///{self.home / 'store.db'}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Settings from `RXPLAIN_*` variables; what is not set keeps its default.

        >>> Settings.from_environment({"RXPLAIN_BODY_LIMIT_BYTES": "1000"}).body_limit_bytes
        1000
        """
        usual = cls()
        faults: list[Fault] = []
        body_limit = _number(environment, "RXPLAIN_BODY_LIMIT_BYTES", usual.body_limit_bytes, faults)
        body_deadline = _number(environment, "RXPLAIN_BODY_DEADLINE_S", usual.body_deadline_s, faults)
        head_deadline = _number(environment, "RXPLAIN_HEAD_DEADLINE_S", usual.head_deadline_s, faults)
        alias_poll = _number(environment, "RXPLAIN_ALIAS_POLL_S", usual.alias_poll_s, faults)
        in_flight = _number(environment, "RXPLAIN_IN_FLIGHT_LIMIT", usual.in_flight_limit, faults)
        file_limit = _number(environment, "RXPLAIN_FILE_LIMIT_BYTES", usual.file_limit_bytes, faults)
        file_deadline = _number(environment, "RXPLAIN_FILE_DEADLINE_S", usual.file_deadline_s, faults)
        retention = _number(environment, "RXPLAIN_RETENTION_DAYS", 0.0, faults)
        store = environment.get("RXPLAIN_STORE") or _text_of(environment, "RXPLAIN_STORE_FILE", faults)
        if faults:
            raise SettingsError(f"{len(faults)} environment variables cannot be used", faults)
        metrics, keys = environment.get(MULTIPROCESS_METRICS), environment.get("RXPLAIN_KEYS")
        access = environment.get("RXPLAIN_ACCESS")
        return cls(
            home=Path(environment.get("RXPLAIN_HOME") or usual.home),
            body_limit_bytes=body_limit,
            body_deadline_s=body_deadline,
            head_deadline_s=head_deadline,
            alias_poll_s=alias_poll,
            in_flight_limit=in_flight,
            file_limit_bytes=file_limit,
            file_deadline_s=file_deadline,
            metrics_folder=Path(metrics) if metrics else None,
            store=store,
            keys=Path(keys) if keys else None,
            retention_days=retention if "RXPLAIN_RETENTION_DAYS" in environment else None,
            access=Path(access) if access else None,
            public_url=(environment.get("RXPLAIN_PUBLIC_URL") or "").rstrip("/") or None,
            cds_origins=tuple(environment.get("RXPLAIN_CDS_ORIGINS", "").split()),
            otlp_endpoint=environment.get(TRACES) or None,
        )


def _number(environment: Mapping[str, str], variable: str, usual: _Number, faults: list[Fault]) -> _Number:
    """The variable as a number of the same kind as `usual`, which stands in where it is not set."""
    if variable not in environment:
        return usual
    try:
        return type(usual)(environment[variable])
    except ValueError:
        faults.append(Fault(variable, f"is not a number; the default is {usual}"))
        return usual


def _text_of(environment: Mapping[str, str], variable: str, faults: list[Fault]) -> str | None:
    """The first line of the file that a variable names: a secret comes in by a file; None where not set."""
    named = environment.get(variable)
    if not named:
        return None
    try:
        found = Path(named).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if not found or "\n" in found:
        faults.append(Fault(variable, "names no file of one line", "write the store's URL into it"))
    return found


def share_metrics(folder: Path) -> None:
    """Let the worker processes started from here on keep their counters together in `folder`."""
    os.environ[MULTIPROCESS_METRICS] = str(folder)


def silence_telemetry(is_traced: bool = False) -> None:
    """Keep BentoML and OpenTelemetry from calling anyone not named; must run before BentoML serves."""
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.environ["OTEL_SDK_DISABLED"] = "false" if is_traced else "true"
