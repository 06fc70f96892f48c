"""A model as a directory that proves itself: listed files only, digests first, then parsing, then probes.

Nothing in it is code or names a type: numbers, text and LightGBM's own format. What scikit-learn learned
is kept as plain numbers, so that nothing can be smuggled in and serving needs no scikit-learn.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from features.errors import BundleError, Fault, RxplainError
from features.synthetic import probe_documents
from models import learned
from models import probes as probing
from models.manifest import Manifest
from models.model_set import ModelSet
from models.neighbourhood import KEY as NEIGHBOURHOOD
from models.neighbourhood import Neighbourhood
from models.response import ResponseModel
from models.strict import from_bytes, sha256, to_bytes

MANIFEST = "manifest.json"
FILES = (
    "members.json",
    "boosters.json",
    "conformal.json",
    "applicability.json",
    "reference.json",
    "probes.json",
    "card.md",
    "card.json",
)
LARGEST_FILE = 64 * 2**20
REMEDY = "fetch the bundle again from the registry, or retrain with rxplain fit"


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle that has proved itself in this process."""

    models: ModelSet
    manifest: Manifest
    digest: str
    reference: Mapping[str, object]
    card: Mapping[str, object]
    card_markdown: str
    neighbourhood: Neighbourhood | None = None

    @property
    def model(self) -> ResponseModel:
        """The only model of a bundle that answers about one drug."""
        return self.models.model


def save(
    models: ModelSet,
    folder: Path,
    manifest: Manifest,
    reference: Mapping[str, object],
    card: tuple[str, Mapping[str, object]],
    probes: Sequence[object] | None = None,
) -> str:
    """Write `folder` in one step and return its digest; `probes` are patient documents.

    The bundle is loaded, and so proved, before it takes its name. Writing the same bundle again
    changes nothing; another bundle of that name is refused.
    """
    contents = _contents(
        models, reference, card, probe_documents(spec=models.spec) if probes is None else probes
    )
    raw = manifest.with_files({name: sha256(data) for name, data in contents.items()}).to_bytes()
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as temporary:
        written = Path(temporary) / "bundle"
        written.mkdir()
        for name, data in {**contents, MANIFEST: raw}.items():
            _write(written / name, data)
        digest = load(written).digest
        _take_place(written, folder, digest)
    return digest


def copy(source: Path, folder: Path, expected_digest: str | None = None) -> LoadedBundle:
    """Copy a bundle in one step and return it loaded from the copy; an equal copy is left as it is."""
    digest = load(source, expected_digest).digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".copying-", dir=folder.parent) as temporary:
        written = Path(temporary) / "bundle"
        shutil.copytree(source, written, symlinks=True)
        _take_place(written, folder, digest)
    return load(folder, digest)


def load(folder: Path, expected_digest: str | None = None) -> LoadedBundle:
    """The bundle in `folder`, refused before parsing unless it is whole and unaltered, and after unless it
    answers its probe patients as it did when it was written."""
    contents = _read(Path(folder))
    digest = sha256(contents[MANIFEST])
    if expected_digest is not None and digest != expected_digest:
        raise BundleError(f"the bundle's manifest.json is not the one that was published; {REMEDY}")
    manifest = Manifest.from_bytes(contents.pop(MANIFEST))
    _check_digests(manifest, contents)
    try:
        models = learned.read(manifest, contents)
    except RxplainError:
        raise
    except Exception as error:
        raise BundleError(f"the bundle's parts do not fit together; {REMEDY}") from error
    probing.check(models, from_bytes(contents["probes.json"], "probes.json"))
    reference, card = (from_bytes(contents[n], n) for n in ("reference.json", "card.json"))
    near = _neighbourhood(models, reference)
    return LoadedBundle(models, manifest, digest, reference, card, contents["card.md"].decode(), near)


def _neighbourhood(models: ModelSet, reference: Mapping[str, object]) -> Neighbourhood | None:
    """The neighbourhoods of the training patients; None of a bundle written before there were any."""
    if NEIGHBOURHOOD not in reference:
        return None
    return Neighbourhood.from_json(
        reference[NEIGHBOURHOOD], models.models[0].absent, models.spec.names, models.options
    )


def _contents(
    models: ModelSet,
    reference: Mapping[str, object],
    card: tuple[str, Mapping[str, object]],
    probes: Sequence[object],
) -> dict[str, bytes]:
    return {
        **learned.write(models),
        "reference.json": to_bytes(reference),
        "probes.json": to_bytes(probing.record(models, probes)),
        "card.md": card[0].encode(),
        "card.json": to_bytes(card[1]),
    }


def _read(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, once; the same bytes are digested and parsed."""
    if folder.is_symlink() or not folder.is_dir():
        raise BundleError(f"no bundle directory '{folder.name}' is there; {REMEDY}")
    found = {entry.name: entry for entry in os.scandir(folder)}
    faults = [Fault(name, "is missing", REMEDY) for name in (MANIFEST, *FILES) if name not in found]
    for name, entry in sorted(found.items()):
        if name not in (MANIFEST, *FILES):
            faults.append(Fault(name, "does not belong into a bundle and was not read", "remove it"))
            continue
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            faults.append(Fault(name, "is not a regular file", REMEDY))
        elif status.st_size > LARGEST_FILE:
            faults.append(Fault(name, f"is larger than {LARGEST_FILE} bytes", REMEDY))
    if faults:
        raise BundleError(f"{len(faults)} faults in the bundle", faults)
    return {name: (folder / name).read_bytes() for name in (MANIFEST, *FILES)}


def _check_digests(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    if set(manifest.files) != set(FILES):
        raise BundleError(f"manifest.json does not list exactly the bundle's files; {REMEDY}")
    altered = [name for name, data in contents.items() if sha256(data) != manifest.files[name]]
    if altered:
        faults = [Fault(name, "is not what was written at training", REMEDY) for name in altered]
        raise BundleError(f"{len(faults)} files of the bundle were altered", faults)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _take_place(written: Path, folder: Path, digest: str) -> None:
    if not folder.exists():
        try:
            os.rename(written, folder)
            return
        except OSError:
            if not folder.exists():
                raise
    try:
        load(folder, digest)
    except BundleError as error:
        raise BundleError(f"'{folder.name}' holds something else; remove it or choose another") from error
