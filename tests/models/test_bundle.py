"""Bundles: what is written is what is read, and nothing else is ever parsed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError
from features.synthetic import synthetic_cohort
from models import bundle
from models.bundle import FILES, MANIFEST
from models.manifest import Manifest
from models.strict import from_bytes, sha256, to_bytes
from tests.models.conftest import Trained, provenance, train, write


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that may be harmed."""
    return Path(shutil.copytree(written, tmp_path / "bundle"))


def reseal(folder: Path) -> None:
    """Give every file the digest it now has, as someone would who may write manifests."""
    manifest = Manifest.from_bytes((folder / MANIFEST).read_bytes())
    files = {name: sha256((folder / name).read_bytes()) for name in FILES}
    (folder / MANIFEST).write_bytes(manifest.with_files(files).to_bytes())


def test_a_loaded_bundle_answers_bit_for_bit(trained: Trained, written: Path) -> None:
    loaded = bundle.load(written).model.explain(trained.cohort)
    fresh = trained.model.explain(trained.cohort)
    for column in ("margin", "value", "lower", "upper", "contributions", "values"):
        assert np.array_equal(getattr(loaded, column), getattr(fresh, column), equal_nan=True)
    assert loaded.notices == fresh.notices


@pytest.mark.slow
def test_a_bundle_answers_without_the_frameworks_of_training(written: Path) -> None:
    """What a serving process leaves out must not be needed."""
    program = (
        "import sys\n"
        "for name in 'sklearn pandas pyarrow matplotlib mlflow dask'.split(): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from models import bundle\n"
        "bundle.load(Path(sys.argv[1]))\n"
    )
    root = Path(bundle.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program, str(written)], cwd=root, check=True, timeout=60)


def test_a_bundle_holds_its_files_and_no_other(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {MANIFEST, *FILES}


def test_the_digest_is_that_of_the_manifest(written: Path) -> None:
    loaded = bundle.load(written)
    assert loaded.digest == sha256((written / MANIFEST).read_bytes())
    assert bundle.load(written, loaded.digest).digest == loaded.digest
    with pytest.raises(BundleError, match="not the one that was published"):
        bundle.load(written, "0" * 64)


def test_refitting_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write(train(synthetic_cohort(600, seed=7)), tmp_path / "again")
    for name in (MANIFEST, *FILES):
        assert (tmp_path / "again" / name).read_bytes() == (written / name).read_bytes(), name


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
@pytest.mark.parametrize("at", [0.0, 0.37, 0.999])
def test_one_changed_byte_is_refused_with_a_remedy(folder: Path, name: str, at: float) -> None:
    raw = bytearray((folder / name).read_bytes())
    raw[int(at * len(raw))] ^= 0x01
    (folder / name).write_bytes(raw)
    with pytest.raises(BundleError, match=r"fetch the bundle again|another; retrain"):
        bundle.load(folder)


def test_two_hundred_flipped_bits_are_refused_before_anything_is_parsed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(bundle.learned, "read", lambda *given: parsed.append(given))
    rng = np.random.default_rng(12)
    for name in rng.choice([MANIFEST, *FILES], 200):
        raw = (folder / name).read_bytes()
        bit = int(rng.integers(8 * len(raw)))
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(flipped)
        with pytest.raises(BundleError):
            bundle.load(folder)
        (folder / name).write_bytes(raw)
    assert parsed == []


@pytest.mark.parametrize("name", FILES)
def test_digests_come_before_parsing(folder: Path, name: str) -> None:
    """Rubbish that no parser survives is refused as altered, by its name, not as unreadable."""
    (folder / name).write_bytes(b"\xff{" * 10)
    with pytest.raises(BundleError, match=f"{name}: is not what was written at training"):
        bundle.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is missing"):
        bundle.load(folder)


@pytest.mark.parametrize("name", ["evil.pkl", "code.py", ".hidden", "members.json.bak"])
def test_a_foreign_file_is_refused_unread(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(BundleError, match="does not belong into a bundle"):
        bundle.load(folder)


def test_links_and_folders_in_place_of_files_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "card.md", tmp_path / "elsewhere")
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=r"card\.md: is not a regular file"):
        bundle.load(folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(BundleError, match="no bundle directory"):
        bundle.load(tmp_path / "link")


def test_a_file_beyond_the_size_cap_is_refused_unread(folder: Path) -> None:
    with (folder / "boosters.json").open("r+b") as file:
        file.truncate(bundle.LARGEST_FILE + 1)
    with pytest.raises(BundleError, match="is larger than"):
        bundle.load(folder)


def test_another_model_under_valid_digests_fails_its_probes(folder: Path) -> None:
    members = from_bytes((folder / "members.json").read_bytes(), "members.json")
    members["models"]["warfarin"]["full"]["members"][0]["intercept"] += 1e-9
    (folder / "members.json").write_bytes(to_bytes(members))
    reseal(folder)
    with pytest.raises(BundleError, match=r"probes\.json: .*margin"):
        bundle.load(folder)


@pytest.mark.parametrize(
    "name", ["members.json", "boosters.json", "conformal.json", "applicability.json", "probes.json"]
)
def test_parts_of_another_shape_are_refused_even_under_valid_digests(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b'{"a": 1}')
    reseal(folder)
    with pytest.raises(BundleError):
        bundle.load(folder)


@pytest.mark.parametrize("raw", [b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[1]", b"{", b"[" * 100_000])
def test_ambiguous_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"x\.json"):
        from_bytes(raw, "x.json")


def test_a_manifest_of_another_format_or_with_unknown_fields_is_refused(folder: Path) -> None:
    data = json.loads((folder / MANIFEST).read_bytes())
    with pytest.raises(BundleError, match="another; retrain"):
        Manifest.from_bytes(to_bytes(data | {"format": 1}))
    with pytest.raises(BundleError, match="seal"):
        Manifest.from_bytes(to_bytes(data | {"code_path": "x"}))
    with pytest.raises(BundleError, match="lacks fields"):
        Manifest.from_bytes(to_bytes({k: v for k, v in data.items() if k != "outcomes"}))


def test_saving_twice_changes_nothing_and_saving_another_is_refused(trained: Trained, folder: Path) -> None:
    before = (folder / MANIFEST).stat().st_mtime_ns
    write(trained, folder)
    assert (folder / MANIFEST).stat().st_mtime_ns == before
    with pytest.raises(BundleError, match="holds something else"):
        write(trained, folder, provenance(created="2026-01-02T00:00:00Z"))
    assert not list(folder.parent.glob(".writing-*"))
