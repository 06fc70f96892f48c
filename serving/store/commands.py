"""`python -m serving log`: prove the log, answer it again, give a patient's rows out, forget.

Every command tells what it did as one JSON object on standard output and exits with 0, or with 1 when the
chain does not hold or something could not be cleared.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from features.errors import IntegrityError, RxplainError, SettingsError
from serving.access.caller import LOCAL
from serving.settings import Settings
from serving.store.chain import Head, Verified
from serving.store.export import patient_lines, signed_lines, study_lines
from serving.store.keys import rotate_keys
from serving.store.store import Store, key_file
from serving.worker import lean_imports

_STANDARD_INPUT = "-"


def main(arguments: Sequence[str]) -> int:
    """Run one command; 2 for a wrong option or setting."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.from_environment()
        if options.command == "rotate":
            return _tell({"key": rotate_keys(key_file(settings))})
        _require_store(settings)
        with closing(Store.open(settings)) as store:
            run: Callable[[Store, Settings, argparse.Namespace], int] = _COMMANDS[options.command]
            return run(store, settings, options)
    except RxplainError as error:
        sys.stderr.write(f"log {options.command}: {error}\n")
        return 2
    except BrokenPipeError:  # whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _verify(store: Store, _: Settings, options: argparse.Namespace) -> int:
    given = (Head.read(head) if head else None for head in (options.head, options.verdict_head))
    walks = [walk(known) for walk, known in zip((store.verify, store.verify_verdicts), given, strict=True)]
    holds = all(found.broken is None for found in walks)
    predictions, verdicts = map(_found, walks)
    _tell({"holds": holds, **predictions, "verdicts": verdicts})
    return 0 if holds else 1


def _found(walk: Verified) -> dict[str, object]:
    told = {"rows": walk.n_rows, "erased": walk.n_erased, "broken": walk.broken, "why": walk.why}
    return {**told, "head": str(walk.head)}


def _export(store: Store, _: Settings, options: argparse.Namespace) -> int:
    if options.study:
        lines = study_lines(store, options.study)
    else:
        lines = patient_lines(store, options.tenant, _patient(options))
    if options.to is None:
        for line in lines:
            sys.stdout.write(line + "\n")
        return 0
    return _tell({"rows": _written(Path(options.to), lines), "to": options.to})


def _signed(store: Store, _: Settings, options: argparse.Namespace) -> int:
    walk = store.verify_verdicts()
    if walk.broken is not None:
        raise IntegrityError(f"the log of verdicts does not hold at row {walk.broken}: {walk.why}")
    for line in signed_lines(store, options.study):
        sys.stdout.write(line + "\n")
    return 0


def _erase(store: Store, _: Settings, options: argparse.Namespace) -> int:
    erasure = store.erase(options.tenant, _patient(options), options.by)
    _tell(asdict(erasure))
    return 1 if erasure.traces else 0


def _retain(store: Store, settings: Settings, options: argparse.Namespace) -> int:
    days = settings.retention_days if options.days is None else options.days
    if days is None or not days > 0:
        raise SettingsError("say how many days are kept: --days, or RXPLAIN_RETENTION_DAYS")
    done = store.retain(days)
    _tell({"days": days, "erasures": [asdict(erasure) for erasure in done]})
    return 1 if any(erasure.traces for erasure in done) else 0


def _replay(store: Store, settings: Settings, options: argparse.Namespace) -> int:
    lean_imports()
    found = importlib.import_module("serving.replay").replay(settings, store, options.sample, options.seed)
    _tell(asdict(found))
    return 1 if found.n_differing else 0


_COMMANDS = {
    "verify": _verify, "replay": _replay, "export": _export, "signed": _signed, "erase": _erase,
    "retain": _retain,
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """What `rxplain log` can be asked."""
    asked = argparse.ArgumentParser(prog="rxplain log", description="The record of what was answered.")
    commands = asked.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="walk along the chain; exit code 1 where it does not hold")
    verify.add_argument(
        "--head", help="an earlier head, as this command printed it, that must lie on the chain"
    )
    verify.add_argument("--verdict-head", metavar="HEAD", help="the same of the verdicts' chain")
    replay = commands.add_parser(
        "replay", help="answer what was asked again; exit code 1 where an answer is not the same to the bit"
    )
    replay.add_argument("--sample", type=int, help="only so many rows, drawn (default: all)")
    replay.add_argument("--seed", type=int, default=0, help="which rows are drawn (default: %(default)s)")
    export = commands.add_parser("export", help="rows in plain, one JSON object a line")
    chosen = export.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--study", help="what a study was asked, of every tenant, with the outcomes reported")
    chosen.add_argument("--patient", help="everything of one patient; - reads the id from standard input")
    export.add_argument("--to", metavar="FILE.jsonl", help="a new file, the owner's alone (default: output)")
    signed = commands.add_parser(
        "signed", help="who signed the versions of a study, once the chain of verdicts is proved to hold"
    )
    signed.add_argument("--study", required=True, help="whose versions, of every tenant")
    erase = commands.add_parser("erase", help="leave nothing of one patient; the chain still holds")
    erase.add_argument("--patient", required=True, help="the id; - reads it from standard input")
    erase.add_argument("--by", default="", help="who asked for it, or the ticket")
    retain = commands.add_parser("retain", help="erase the content of what is older than so many days")
    retain.add_argument("--days", type=float, help="default: RXPLAIN_RETENTION_DAYS")
    commands.add_parser("rotate", help="add a key, which seals new rows when the service starts again")
    for command in (export, erase):
        command.add_argument("--tenant", default=LOCAL.tenant, help="whose patient (default: %(default)s)")
    return asked


def _require_store(settings: Settings) -> None:
    """A look at a home without rows must not make a store there."""
    if settings.store is None and not any(
        (settings.home / name).is_file() for name in ("store.db", "predictions.db")
    ):
        raise SettingsError(f"no prediction log under {settings.home}; serve a study first, or name a folder")


def _patient(options: argparse.Namespace) -> str:
    given: str = options.patient
    return sys.stdin.readline().rstrip("\r\n") if given == _STANDARD_INPUT else given


def _written(path: Path, lines: Iterator[str]) -> int:
    n = 0
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be written ({error.strerror}); name a new file") from error
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")
            n += 1
    return n


def _tell(document: dict[str, object]) -> int:
    sys.stdout.write(json.dumps(document) + "\n")
    return 0
