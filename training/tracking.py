"""What was done and found, kept in MLflow: parameters, figures, the cohort's digest, and the bundle."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException

from models.registry import artifact_root, open_client
from training.study import Study

_PROCESS = "rxplain.process"


@dataclass(frozen=True)
class RunRecord:
    """What one run leaves: `files` go to its root, `folders` to folders of their names."""

    study: Study
    dataset_digest: str
    dataset_source: str
    parameters: Mapping[str, object]
    document: Mapping[str, object]
    files: tuple[Path, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)


def track(home: Path, record: RunRecord) -> str:
    """Writes the run and answers its id; runs that were cut short before are closed first."""
    client = open_client(home)
    experiment = _experiment(client, home, record.study.name)
    close_interrupted(client, experiment)
    run_id = client.create_run(
        experiment, tags={_PROCESS: str(os.getpid())}, run_name=record.study.name
    ).info.run_id
    try:
        _write(client, run_id, record)
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def kept_document(home: Path, run_id: str) -> dict[str, object] | None:
    """The evaluation's document that a run kept; None when the run or its file is gone."""
    client = open_client(home)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        files = [found.path for found in client.list_artifacts(run_id) if found.path.endswith(".json")]
        texts = [Path(client.download_artifacts(run_id, path)).read_text(encoding="utf-8") for path in files]
    except (MlflowException, OSError):
        return None
    documents = (json.loads(text) for text in texts)
    return next((found for found in documents if "protocols" in found), None)


def close_interrupted(client: MlflowClient, experiment: str) -> int:
    """Marks runs whose process is gone as killed; a run keeps saying RUNNING after a kill."""
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'")
    gone = [run.info.run_id for run in running if not _is_alive(run.data.tags.get(_PROCESS, ""))]
    for run_id in gone:
        client.set_terminated(run_id, "KILLED")
    return len(gone)


def _is_alive(process: str) -> bool:
    if not process.isdigit() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _experiment(client: MlflowClient, home: Path, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return known.experiment_id
    return client.create_experiment(name, (artifact_root(home) / "runs").resolve().as_uri())


def _write(client: MlflowClient, run_id: str, record: RunRecord) -> None:
    study = record.study
    learners = {"linear": study.linear, "ridge": study.ridge, "trees": study.trees}
    asked = (_flat(name, asdict(own)) for name, own in learners.items() if own is not None)
    settings = {name: value for own in asked for name, value in own.items()}
    parameters = {"seed": study.seed, "study_sha256": study.sha256, **settings, **record.parameters}
    now = int(time.time() * 1000)
    figures = [Metric(name, value, now, 0) for name, value in _figures(record.document)]
    client.log_batch(run_id, figures, [Param(name, str(value)[:500]) for name, value in parameters.items()])
    digest = record.dataset_digest[:36]
    dataset = Dataset(name=study.dataset, digest=digest, source_type="local", source=record.dataset_source)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    for path in record.files:
        client.log_artifact(run_id, str(path))
    for name, folder in record.folders.items():
        client.log_artifacts(run_id, str(folder), name)


def _flat(prefix: str, settings: Mapping[str, object]) -> dict[str, object]:
    return {f"{prefix}.{name}": value for name, value in settings.items()}


def _figures(document: Mapping) -> Iterator[tuple[str, float]]:
    """`protocol.who.metric` and its value; MLflow knows no plus sign in a name."""
    for protocol, whos in document["protocols"].items():
        for who, metrics in whos.items():
            for metric, figure in metrics.items():
                yield f"{protocol}.{who.replace('+', '/')}.{metric}", float(figure["value"])
