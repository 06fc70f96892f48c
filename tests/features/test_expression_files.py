"""Hostile and broken expression files: a named error each, nothing partial, bounded memory."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import CohortError, DataError, RxplainError
from features.readers import byte_stream, raw_matrix
from features.readers.expression import Declared, read_expression

GENES = ("TP53", "CD8A", "GZMA", "PRF1", "ERBB2", "ESR1")
ROWS = [f"{gene},{n + 1}.5,{n + 2}.25" for n, gene in enumerate(GENES)]
SOUND = "\n".join(["gene,001,002", *ROWS]) + "\n"
CANARY = "SECRETVALUE"
TPM = Declared("tpm")


def told(path: Path, declared: Declared = TPM) -> str:
    """The whole message of the refusal; it names the file and repeats nothing that is a patient's."""
    with pytest.raises(RxplainError) as caught:
        read_expression(path, declared)
    message = str(caught.value)
    assert path.name in message
    assert str(path.parent) not in message
    assert CANARY not in message
    return message


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def changed(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def test_sound_small_file_is_read_and_ids_stay_text(tmp_path: Path) -> None:
    found = read_expression(written(tmp_path / "m.csv", SOUND), Declared("tpm"))
    assert found.patient_ids == ("001", "002")
    assert found.expression.genes == GENES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("gene,001,002\n", "ends before its data"),
        ("gene\n", "ends before its data"),
        ("gene\nTP53\n", "no column of numbers"),
        (changed("001,002", "001,001"), "line 1: column 3 has the name of column 2"),
        (changed("001,002", ",002"), "column 2: the patient has no printable id"),
        (changed("001,002", "0\x071,002"), "column 2: the patient has no printable id"),
        (changed("CD8A,2.5,3.25", "CD8A,2.5"), "line 3: 2 fields where the header names 3"),
        (changed("CD8A,2.5,3.25", "CD8A,2.5,3.25,9"), "line 3: 4 fields where the header names 3"),
        (changed("3.5", CANARY), "line 4 column 2: not a number"),
        (changed("3.5", "1_000"), "line 4 column 2: not a number"),
        (changed("3.5", '"3.5'), "line 4"),
        (changed("3.5", "3.5\0"), "embedded NUL"),
        (changed("3.5", "inf"), "infinite"),
        (changed("3.5", "1e999"), "infinite"),
        (changed("CD8A", "NA"), "row 3: the gene has no printable name"),
        (changed("CD8A", ""), "row 3: the gene has no printable name"),
        (changed("CD8A", "C" * 500), "row 3: the gene has no printable name"),
        (changed("CD8A", "C\x1bD"), "row 3: the gene has no printable name"),
        (SOUND[:-1], "the last line has no end"),
        (SOUND[:-9], "the last line has no end"),
        (changed("CD8A", "CD\xe9A").encode("latin-1"), "not UTF-8"),
        (SOUND.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + SOUND.encode(), "a zip archive or spreadsheet"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("#\n" * 1_500 + SOUND, "no header among the first thousand lines"),
        ("gene," + ",".join(f"p{n}" for n in range(200_001)) + "\nTP53\n", "more than 200,000 columns"),
    ],
)  # fmt: skip
def test_broken_text_is_refused_by_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message in told(written(tmp_path / "m.csv", text), Declared("tpm", "columns"))


def test_all_faults_of_a_file_are_told_together(tmp_path: Path) -> None:
    text = changed("1.5,2.25", "x,y").replace("CD8A,2.5,3.25", "CD8A,2.5")
    message = told(written(tmp_path / "m.csv", text))
    assert "line 2 column 2" in message
    assert "line 2 column 3" in message
    assert "line 3: 2 fields" in message


def test_gzip_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(SOUND.encode())
    for end in range(3, len(whole)):
        with pytest.raises(RxplainError):
            read_expression(written(tmp_path / "m.csv.gz", whole[:end]), Declared("tpm"))
    assert "are cut off" in told(written(tmp_path / "m.csv.gz", whole[:-4]))


def test_altered_gzip_is_refused(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(SOUND.encode()))
    whole[-6] ^= 1  # its checksum
    assert "are altered" in told(written(tmp_path / "m.csv.gz", bytes(whole)))


def test_blocked_gzip_is_read_whole(tmp_path: Path) -> None:
    half = len(SOUND) // 2
    parts = gzip.compress(SOUND[:half].encode()) + gzip.compress(SOUND[half:].encode())
    assert read_expression(written(tmp_path / "m.csv.gz", parts), Declared("tpm")).expression.genes == GENES


def test_bomb_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_stream, "_SMALL", 1_000_000)
    for inside in (b"gene," + b"p" * 40_000_000, SOUND.encode() + b"TP53,0,0\n" * 4_000_000):
        path = written(tmp_path / "m.csv.gz", gzip.compress(inside))
        tracemalloc.start()
        assert "more text" in told(path)
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
        tracemalloc.stop()


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in told(tmp_path / "absent.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "not a plain file" in told(tmp_path / "folder.csv")
    assert "the kind of file is not known" in told(written(tmp_path / "m.xlsx", SOUND))


GCT = "#1.2\n{rows}\t2\nName\tDescription\t001\t002\nTP53\tx\t1\t2\nCD8A\tx\t3\t4\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GCT.format(rows=3), "2 genes by 2 samples, where line 2 announces (3, 2)"),
        (GCT.format(rows="many"), "line 2: the sizes of a GCT matrix are missing"),
        (GCT.format(rows=-2), "line 2: the sizes of a GCT matrix are missing"),
        (GCT.format(rows=2).replace("#1.2", "#1.3"), "line 2: the sizes of a GCT matrix are missing"),
        ("#1.2\n", "ends before its data"),
    ],
)
def test_gct_that_is_not_what_it_announces_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in told(written(tmp_path / "m.gct", text))


def parquet(path: Path, columns: dict[str, object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_without_numbers_or_ids_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    assert "a column of ids" in told(parquet(path, {"p1": [1.0]}))
    assert "a column of ids" in told(parquet(path, {"gene": ["TP53"]}))
    assert "column 'p1': neither an id nor numbers" in told(parquet(path, {"gene": ["TP53"], "p1": [[1.0]]}))
    assert "column 'p1': neither an id nor numbers" in told(parquet(path, {"gene": ["TP53"], "p1": [CANARY]}))
    repeated = pa.Table.from_arrays(
        [pa.array(["TP53"]), pa.array([1.0]), pa.array([2.0])], ["gene", "p", "p"]
    )
    pq.write_table(repeated, path)
    assert "a column is repeated" in told(path)


def test_parquet_cut_off_or_altered_is_refused(tmp_path: Path) -> None:
    columns: dict[str, object] = {"gene": list(GENES), **{f"p{n}": np.arange(6.0) for n in range(20)}}
    whole = parquet(tmp_path / "m.parquet", columns).read_bytes()
    for end in (0, 3, 4, 8, len(whole) // 2, len(whole) - 1):
        assert "Parquet" in told(written(tmp_path / "m.parquet", whole[:end]))
    assert "Parquet" in told(written(tmp_path / "m.parquet", b"PAR1" + b"\xff" * 64 + b"PAR1"))


def test_parquet_bomb_is_refused_by_its_sizes(tmp_path: Path) -> None:
    n = 3_000_000
    table = pa.table({"gene": pa.array(["TP53"]).take(pa.array(np.zeros(n, dtype=np.int8)))})
    nothing = pa.nulls(n, pa.float64())
    for place in range(140):
        table = table.append_column(f"p{place}", nothing)
    pq.write_table(table, tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").stat().st_size < 3_000_000
    assert "3000000 patients by 140" in told(tmp_path / "m.parquet")


def test_matrix_too_large_is_refused_before_room_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_matrix, "MOST_CELLS", 5)
    assert "at most 5 numbers" in told(written(tmp_path / "m.csv", SOUND))
    assert "at most 5 numbers" in told(h5ad(tmp_path / "m.h5ad"))


def h5ad(path: Path, n: int = 3) -> Path:
    """A sound file of n patients and the genes."""
    with h5py.File(path, "w") as file:
        for name, ids in (("obs", [f"p{i}" for i in range(n)]), ("var", list(GENES))):
            file.create_group(name).attrs["_index"] = "_index"
            file[name].create_dataset("_index", data=np.array(ids, dtype=object), dtype=h5py.string_dtype())
        file.create_dataset("X", data=np.ones((n, len(GENES))))
    return path


def secret(folder: Path) -> Path:
    with h5py.File(folder / "secret.h5", "w") as file:
        file.create_dataset("X", data=np.full((3, len(GENES)), 7.0))
    (folder / "secret.bin").write_bytes(np.full((3, len(GENES)), 7.0).tobytes())
    return folder / "secret.h5"


def test_sound_h5ad_is_read_and_a_layer_too(tmp_path: Path) -> None:
    path = h5ad(tmp_path / "m.h5ad")
    with h5py.File(path, "a") as file:
        file.create_dataset("layers/tpm", data=np.full((3, len(GENES)), 3.0))
    assert read_expression(path, Declared("tpm")).expression.values[0, 0] == 1.0
    assert read_expression(path, Declared("tpm", layer="tpm")).expression.values[0, 0] == 2.0
    assert "the matrix is not there" in told(path, Declared("tpm", layer="none"))


def test_h5ad_that_reads_another_file_is_refused(tmp_path: Path) -> None:
    other, path = secret(tmp_path), tmp_path / "m.h5ad"
    with h5py.File(h5ad(path), "a") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(str(other), "/X")
    assert "/X: a link to another file" in told(path)
    with h5py.File(h5ad(path), "a") as file:
        del file["X"]
        file.create_dataset(
            "X", (3, 6), "f8", external=[(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        )
    assert "/X: its numbers are stored in another file" in told(path)
    with h5py.File(h5ad(path), "a") as file:
        del file["X"]
        layout = h5py.VirtualLayout((3, 6), "f8")
        layout[:] = h5py.VirtualSource(str(other), "X", (3, 6))
        file.create_virtual_dataset("X", layout)
    assert "/X: a virtual dataset" in told(path)


def test_danger_anywhere_in_an_h5ad_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "m.h5ad"
    with h5py.File(h5ad(path), "a") as file:
        file["uns/deep/er"] = h5py.ExternalLink(str(secret(tmp_path)), "/X")
        file["obs/soft"] = h5py.SoftLink("/X")
        file.create_dataset("uns/ref", data=file["X"].ref, dtype=h5py.ref_dtype)
    message = told(path)
    assert "/uns/deep/er: a link to another file" in message
    assert "/obs/soft: a soft link" in message
    assert "/uns/ref: references" in message


def test_h5ad_of_too_many_or_circling_groups_is_refused_or_read_in_time(tmp_path: Path) -> None:
    path = tmp_path / "m.h5ad"
    with h5py.File(h5ad(path), "a") as file:
        file["uns"] = file["/"]  # a hard link to the root
        file["obs/again"] = file["obs"]
    assert read_expression(path, Declared("tpm")).patient_ids == ("p0", "p1", "p2")
    with h5py.File(h5ad(path), "a") as file:
        group = file
        for _ in range(40):
            group = group.create_group("down")
    assert "more or deeper objects" in told(path)


def test_h5ad_announcing_numbers_it_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5ad"
    for shape, chunks in (((10**9, 10**6), (1, 1000)), ((3, 6), None)):
        with h5py.File(h5ad(path), "a") as file:
            del file["X"]
            file.create_dataset("X", shape, "f8", chunks=chunks) if chunks else file.create_dataset(
                "X", data=b"text"
            )
        assert "write patients by genes" in told(path)
    with h5py.File(h5ad(path), "a") as file:
        del file["X"]
        file.create_dataset(
            "X", (3, 6), "f8", chunks=(20_000, 20_000), maxshape=(None, None), compression="gzip"
        )
    assert "a chunk too large" in told(path)


def sparse(path: Path, indptr: list[int], indices: list[int], shape: tuple[int, int] = (3, 6)) -> Path:
    with h5py.File(h5ad(path), "a") as file:
        del file["X"]
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", shape
        group["data"], group["indices"], group["indptr"] = np.ones(len(indices)), indices, indptr
    return path


@pytest.mark.parametrize(
    ("indptr", "indices", "shape"),
    [
        ([0, 1, 2, 9], [0, 1, 2], (3, 6)),
        ([0, 2, 1, 3], [0, 1, 2], (3, 6)),
        ([1, 1, 2, 3], [0, 1, 2], (3, 6)),
        ([0, 1, 2, 3], [0, 1, 6], (3, 6)),
        ([0, 1, 2, 3], [0, 1, -1], (3, 6)),
        ([0, 1, 3], [0, 1, 2], (3, 6)),
        ([0, 1, 2, 3], [0, 1, 2], (3, 7)),
    ],
)
def test_sparse_matrix_that_points_outside_is_refused(
    tmp_path: Path, indptr: list[int], indices: list[int], shape: tuple[int, int]
) -> None:
    assert "write it" in told(sparse(tmp_path / "m.h5ad", indptr, indices, shape))


def test_h5ad_with_faulty_ids_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5ad"
    for ids, message in (
        (["p", "p", "q"], "the id stands for an earlier patient"),
        (["p", "", "q"], "no printable id"),
        (["p" * 500, "q", "r"], "over-long texts"),
    ):
        with h5py.File(h5ad(path), "a") as file:
            file["obs/_index"][:] = ids
        assert message in told(path)
    with h5py.File(h5ad(path), "a") as file:
        del file["obs/_index"]
        file["obs/_index"] = np.arange(3)
    assert "not a list of texts" in told(path)
    with h5py.File(h5ad(path), "a") as file:
        del file["obs"]
        file["obs"] = np.arange(3)
    assert "not a group of columns" in told(path)


def test_h5ad_cut_off_or_no_hdf5_at_all_is_refused(tmp_path: Path) -> None:
    whole = h5ad(tmp_path / "m.h5ad").read_bytes()
    for content in (b"", b"text", whole[:100], whole[: len(whole) // 2]):
        with pytest.raises((DataError, CohortError)):
            read_expression(written(tmp_path / "m.h5ad", content), Declared("tpm"))
    assert "damaged" in told(written(tmp_path / "m.h5ad", whole[:200]))
