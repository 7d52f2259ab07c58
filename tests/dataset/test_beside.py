"""What lies beside photos: tables about them, and arrays that may be pictures."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from mnd.dataset.arrays import pictures_in
from mnd.dataset.items import Item, Other, Refused
from mnd.dataset.sources import source
from tests.helpers import tiny
from tests.helpers.data_sets import files, told


def imagefolder(folder: Path, table: str, rows: int = 4) -> str:
    """As the library `datasets` reads one: pictures, and a table that names them; the last one is broken."""
    (folder / "train").mkdir(parents=True)
    named = [{"file_name": f"{n}.png", "text": f'a "caption", ü {n}'} for n in range(rows)]
    for n in range(rows):
        (folder / "train" / f"{n}.png").write_bytes(tiny.picture(n) if n < rows - 1 else b"\x89PNG rubbish")
    text = io.StringIO(newline="")
    if table.endswith("jsonl"):
        text.writelines(json.dumps(row, ensure_ascii=n % 2 > 0) + "\n" for n, row in enumerate(named))
    else:
        writer = csv.DictWriter(text, ["file_name", "text"])
        writer.writeheader()
        writer.writerows(named)
    (folder / "train" / table).write_bytes(text.getvalue().encode())
    return text.getvalue()


@pytest.mark.parametrize("table", ["metadata.jsonl", "metadata.csv"])
def test_a_table_beside_pictures_comes_out_without_those_that_have_no_result(
    protect, tmp_path: Path, dst: Path, table: str
):
    text = imagefolder(tmp_path / "src", table)
    summary = protect(tmp_path / "src", dst)
    assert told(summary, "protected", "failed", "others") == [3, 1, 1]
    assert files(dst) == ["train/0.png", "train/1.png", "train/2.png", f"train/{table}"]
    lines = text.splitlines(keepends=True)
    assert (dst / "train" / table).read_bytes().decode() == "".join(lines[:-1])
    assert f"train/{table}: 1 row, whose picture has no result, is left out" in summary.notes
    # the picture is mended: so is the table
    (tmp_path / "src" / "train" / "3.png").write_bytes(tiny.picture(3))
    again = protect(tmp_path / "src", dst)
    assert (dst / "train" / table).read_bytes().decode() == text
    assert again.notes == ()


def test_a_table_that_is_not_ours_or_hides_pictures_is_not_touched(protect, tmp_path: Path, dst: Path):
    imagefolder(tmp_path / "src", "metadata.jsonl", 2)
    (dst / "train").mkdir(parents=True)
    (dst / "train" / "metadata.jsonl").write_text('{"mine": 1}\n')
    summary = protect(tmp_path / "src", dst)
    assert any("with other rows is there, not replaced" in note for note in summary.notes)
    assert (dst / "train" / "metadata.jsonl").read_text() == '{"mine": 1}\n'
    protect(tmp_path / "src", dst, overwrite=True)
    assert "mine" not in (dst / "train" / "metadata.jsonl").read_text()
    (dst / "train" / "metadata.jsonl").unlink()
    row = {"file_name": "0.png", "preview": "data:image/png;base64,AAAA", "more": "x" * 400}
    (tmp_path / "src" / "train" / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    summary = protect(tmp_path / "src", dst)
    assert "train/metadata.jsonl: a text with pictures in it, not copied" in summary.notes
    (tmp_path / "src" / "train" / "metadata.jsonl").write_text("no json\n")
    [note] = [note for note in protect(tmp_path / "src", dst).notes if "not copied" in note]
    assert note.startswith("train/metadata.jsonl: not copied (Expecting value")
    assert files(dst) == ["train/0.png"]


@pytest.fixture
def table_file(tmp_path: Path):
    """An imagefolder whose last picture is broken, with a `metadata.parquet`; and what writes another one."""
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    imagefolder(tmp_path / "src", "metadata.jsonl")
    (tmp_path / "src/train/metadata.jsonl").unlink()

    def write(folder: str = "src", rows: int = 4, **columns: object) -> object:
        names = [f"{n}.png" for n in range(rows)]
        boxes = [{"bbox": [[n, 2, 3, 4]]} for n in range(rows)]
        table = pyarrow.table({"file_name": names, "text": [f"ü {n}" for n in range(rows)], "objects": boxes}
                              | columns)  # fmt: skip
        table = table.replace_schema_metadata({"huggingface": '{"info": {}}'})
        (tmp_path / folder / "train").mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, tmp_path / folder / "train/metadata.parquet", compression="zstd")
        return table

    return write


def test_a_parquet_beside_pictures_comes_out_with_those_that_are_there(
    protect, table_file, tmp_path: Path, dst: Path
):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = table_file()
    summary = protect(tmp_path / "src", dst)
    assert told(summary, "protected", "failed", "others") == [3, 1, 1]
    assert "train/metadata.parquet: 1 row, whose picture has no result, is left out" in summary.notes
    made = parquet.ParquetFile(dst / "train/metadata.parquet")
    assert made.read().equals(table.slice(0, 3))
    assert made.schema_arrow.metadata[b"huggingface"] == b'{"info": {}}'
    assert made.metadata.row_group(0).column(0).compression == "ZSTD"
    (tmp_path / "src" / "train" / "3.png").write_bytes(tiny.picture(3))
    assert protect(tmp_path / "src", dst).notes == ()
    there, source_ = (it / "train/metadata.parquet" for it in (dst, tmp_path / "src"))
    assert there.read_bytes() == source_.read_bytes()


def test_a_parquet_that_is_not_ours_or_hides_pictures_is_not_touched(
    protect, table_file, tmp_path: Path, dst: Path
):
    table_file()
    table_file("dst", 2, text=["mine", "too"])
    own = (dst / "train/metadata.parquet").read_bytes()
    [note] = [note for note in protect(tmp_path / "src", dst).notes if "not replaced" in note]
    assert "metadata.parquet: a file of that name with other rows is there" in note
    assert (dst / "train/metadata.parquet").read_bytes() == own
    (dst / "train/metadata.parquet").unlink()
    table_file(objects=[{"mask": [b"12"]}] * 4)
    summary = protect(tmp_path / "src", dst)
    assert any("column objects is of struct<mask: list<" in n and "not copied" in n for n in summary.notes)
    table_file(text=["data:image/png;base64,AAAA"] * 4)
    summary = protect(tmp_path / "src", dst)
    assert "train/metadata.parquet: not copied (a text with pictures in it)" in summary.notes
    assert not (dst / "train/metadata.parquet").exists()


def test_rows_that_name_several_pictures_need_all_of_them(protect, tmp_path: Path, dst: Path):
    imagefolder(tmp_path / "src", "metadata.jsonl")
    rows = [
        {"image_file_name": "0.png", "mask_file_name": "1.png"},
        {"image_file_name": "0.png", "mask_file_name": "3.png"},
        {"images_file_names": ["0.png", "2.png"]},
        {"images_file_names": ["0.png", "3.png"]},
    ]
    (tmp_path / "src/train/metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = protect(tmp_path / "src", dst)
    kept = [json.loads(line) for line in (dst / "train" / "metadata.jsonl").read_text().splitlines()]
    assert kept == [rows[0], rows[2]]
    assert "train/metadata.jsonl: 2 rows, whose pictures have no result, are left out" in summary.notes


PICTURES = ["uint8 (64, 48)", "uint8 (64, 48, 1)", "uint8 (5, 64, 48)", "float32 (64, 48, 3)",
            "uint16 (5, 64, 48, 4)", "uint8 (2, 3, 64, 48)"]  # fmt: skip
NONE = ["float32 (500, 128)", "float32 (64, 48)", "uint8 (9,)", "uint8 (500, 10, 3)", "uint8 ()",
        "uint8 (2, 2, 2, 2, 2)"]  # fmt: skip


def zeros(told: str) -> np.ndarray:
    kind, shape = told.split(" ", 1)
    return np.zeros(ast.literal_eval(shape), kind)


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_arrays_that_can_be_pictures_are_refused_by_name(tmp_path: Path, form: str):
    def write(name: str, array: np.ndarray) -> Path:
        path = tmp_path / f"{name}.{form}"
        if form == "npz":
            np.savez(path, labels=np.arange(3), pictures=array)
        else:
            np.save(path, array)
        return path

    for one in PICTURES:
        assert pictures_in(write("a", zeros(one))) == one
    for one in NONE:
        assert pictures_in(write("a", zeros(one))) == ""
    write("photos", np.zeros((5, 64, 48, 3), np.uint8))
    (tmp_path / f"broken.{form}").write_bytes(b"\x93NUMPY rubbish")
    (tmp_path / "b.png").write_bytes(tiny.picture(0))
    found = list(source(tmp_path, tmp_path / "out"))
    assert [type(it) for it in found] == [Other, Item, Other, Refused]
    assert isinstance(found[-1], Refused)
    says = (
        f"photos.{form}: a NumPy file that can hold pictures (uint8 (5, 64, 48, 3)), expected photos in files"
    )
    assert found[-1].message.startswith(says)
    with pytest.raises(ValueError, match="a NumPy file, expected photos in files of their own"):
        source(tmp_path / f"photos.{form}", tmp_path / "out")
