"""What was done and found, kept in MLflow: parameters, figures, the cohort's digest, and the bundle."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from models.registry import artifact_root, open_client
from training.study import Study

_PROCESS, _LEVEL = "rxplain.process", "rxplain.level"
_BATCH = 1000


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


@dataclass(frozen=True)
class Child:
    """A run within a run: of one split, or of one drug."""

    level: str
    name: str
    parameters: Mapping[str, object]
    figures: Mapping[str, float]


class Recording:
    """One run in MLflow; it says RUNNING from `begin` until `finish` or `end`."""

    def __init__(self, home: Path, study: Study) -> None:
        self._client, self._study = open_client(home), study
        self._experiment = _experiment(self._client, home, study.name)
        self._run_id: str | None = None

    def begin(self) -> str:
        """Starts the run, unless it runs already; runs that were cut short before are closed first."""
        if self._run_id is None:
            close_interrupted(self._client, self._experiment)
            self._run_id = self._made(self._study.name, {_LEVEL: "study"})
        return self._run_id

    def finish(self, record: RunRecord) -> str:
        """Writes all that was found, a nested run for each split and each drug, and answers the run's id."""
        run_id = self.begin()
        _write(self._client, run_id, record)
        for child in children(record.document):
            nested = {MLFLOW_PARENT_RUN_ID: run_id, _LEVEL: child.level}
            own = self._made(child.name, nested)
            self._client.log_batch(own, _metrics(child.figures), _params(child.parameters))
            self._client.set_terminated(own, "FINISHED")
        self.end("FINISHED")
        return run_id

    def end(self, status: str) -> None:
        """Closes the run, if it was begun."""
        if self._run_id is not None:
            self._client.set_terminated(self._run_id, status)

    def _made(self, name: str, tags: Mapping[str, str]) -> str:
        made = self._client.create_run(
            self._experiment, tags={_PROCESS: _this_process(), **tags}, run_name=name
        )
        return made.info.run_id


@contextmanager
def recording(home: Path, study: Study) -> Iterator[Recording]:
    """A run that is closed as failed, or as killed, when what it records does not end well."""
    run = Recording(home, study)
    try:
        yield run
    except KeyboardInterrupt:
        run.end("KILLED")
        raise
    except BaseException:
        run.end("FAILED")
        raise


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


def _this_process() -> str:
    return f"{platform.node()}:{os.getpid()}"


def _is_alive(process: str) -> bool:
    """Whether it may still run; of another machine's process nobody here can tell, so it may."""
    machine, _, number = process.rpartition(":")
    if machine != platform.node():
        return bool(number)
    if not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
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
    client.log_batch(run_id, _metrics(dict(_figures(record.document))), _params(parameters))
    for steps in _steps(record.document):
        client.log_batch(run_id, steps)
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
    """`protocol.who.metric` and its value."""
    for protocol, whos in document["protocols"].items():
        for who, metrics in whos.items():
            for metric, figure in metrics.items():
                yield f"{protocol}.{_spelled(who)}.{metric}", float(figure["value"])


def _metrics(figures: Mapping[str, float]) -> list[Metric]:
    now = int(time.time() * 1000)
    return [Metric(name, value, now, 0) for name, value in figures.items()]


def _params(parameters: Mapping[str, object]) -> list[Param]:
    return [Param(name, str(value)[:500]) for name, value in parameters.items()]


def _steps(document: Mapping) -> Iterator[list[Metric]]:
    """The leading figure of everybody split by split, a step each, in batches that MLflow takes."""
    now, leading = int(time.time() * 1000), document["leading"]
    steps = [
        Metric(f"{protocol}.{_spelled(who)}.{leading}.split", figures[leading], now, i)
        for protocol, splits in document.get("splits", {}).items()
        for i, split in enumerate(splits)
        for who, figures in split["figures"].items()
        if leading in figures
    ]
    return (steps[i : i + _BATCH] for i in range(0, len(steps), _BATCH))


def children(document: Mapping) -> Iterator[Child]:
    """The splits of every protocol, and of a panel its drugs, as runs of their own."""
    for protocol, splits in document.get("splits", {}).items():
        for split in splits:
            sizes = {"protocol": protocol, "n_train": split["n_train"], "n_test": split["n_test"]}
            yield Child("split", f"{protocol} {split['name']}", sizes, _of_whom(split["figures"]))
    for protocol, drugs in document.get("drugs", {}).items():
        for drug, told in drugs.items():
            figures = {who: own for who, own in told.items() if isinstance(own, Mapping)}
            yield Child("drug", drug, {"protocol": protocol, "n": told.get("n", "")}, _of_whom(figures))


def _of_whom(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {
        f"{_spelled(who)}.{metric}": float(value)
        for who, own in figures.items()
        for metric, value in own.items()
        if isinstance(value, int | float)
    }


def _spelled(who: str) -> str:
    """A name that MLflow takes; it knows no plus sign."""
    return who.replace("+", "/")
