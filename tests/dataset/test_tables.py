"""Parquet files with pictures in them, in and out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mnd.dataset import held
from mnd.dataset.items import Item, Other, Refused, Shard
from mnd.dataset.members import assemble, contents, stored
from mnd.dataset.sources import source
from mnd.dataset.tables import picture_columns
from mnd.photo.photo import Photo, PhotoError
from tests.helpers import tiny
from tests.helpers.data_sets import ROOT, command, files, lines, told

pa: Any = pytest.importorskip("pyarrow", reason="needs pyarrow, which is not installed")
pq: Any = pytest.importorskip("pyarrow.parquet")

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def hugging_face(path: Path, count: int, group: int = 2, **more: Any) -> Path:
    """A file as the library `datasets` writes it."""
    rows = [{"bytes": tiny.picture(n), "path": f"cats/{n}.png"} for n in range(count)]
    columns = {"image": pa.array(rows, PICTURE), "label": pa.array([n % 2 for n in range(count)])} | more
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    table = pa.table(columns).replace_schema_metadata(metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group, compression={"image.bytes": "NONE", "label": "ZSTD"})
    return path


def test_a_table_comes_out_as_it_went_in(protect, tmp_path: Path, dst: Path):
    texts = pa.array([[f"a caption {n}"] for n in range(5)])
    path = hugging_face(tmp_path / "train.parquet", 5, captions=texts)
    summary = protect(path, dst)
    assert told(summary, "protected", "failed") == [5, 0]
    assert files(dst) == ["train.parquet"]
    before, after = pq.ParquetFile(path), pq.ParquetFile(dst / "train.parquet")
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert [after.metadata.row_group(i).num_rows for i in range(after.num_row_groups)] == [2, 2, 1]
    packed = [after.metadata.row_group(0).column(i).compression for i in range(4)]
    assert packed == [before.metadata.row_group(0).column(i).compression for i in range(4)]
    for name in ("label", "captions"):
        assert after.read([name]).equals(before.read([name]))
    rows = zip(before.read()["image"].to_pylist(), after.read()["image"].to_pylist(), strict=True)
    for number, (clean, made) in enumerate(rows):
        assert made["path"] == clean["path"]
        line = lines(dst)[f"train.parquet/image/{number:08d}-{number}.png"]
        assert line["status"] == "protected"
        assert Photo.from_bytes(made["bytes"]).pixels.shape == (32, 32, 3)
        assert made["bytes"] != clean["bytes"]
    again = protect(path, dst)
    assert told(again, "protected", "kept", "new") == [5, 5, 0]
    assert protect(path, dst, verify=True).done


def test_the_results_are_those_of_the_pictures_alone(protect, tmp_path: Path, dst: Path):
    tiny.write_pictures(tmp_path / "alone", 4)
    protect(tmp_path / "alone", dst / "alone")
    for n in range(4):
        (tmp_path / f"{n}.png").write_bytes(tiny.picture(n))
    protect(hugging_face(tmp_path / "t.parquet", 4), dst / "table")
    made = [row["bytes"] for row in pq.read_table(dst / "table" / "t.parquet")["image"].to_pylist()]
    for n in (0, 2):  # those of the others are BMP there
        assert made[n] == (dst / "alone" / f"{n % 3}" / f"{n:05d}.png").read_bytes()


@pytest.mark.parametrize("kind", ["binary", "large binary", "dictionary", "struct with more"])
def test_other_columns_of_pictures(protect, tmp_path: Path, dst: Path, kind: str):
    data: list[Any] = [tiny.picture(0), None, tiny.picture(1), tiny.picture(0)]
    array = {
        "binary": lambda: pa.array(data, pa.binary()),
        "large binary": lambda: pa.array(data, pa.large_binary()),
        "dictionary": lambda: pa.array(data, pa.binary()).dictionary_encode(),
        "struct with more": lambda: pa.array(
            [None if d is None else {"path": None, "bytes": d, "n": 7} for d in data],
            pa.struct([("path", pa.string()), ("bytes", pa.large_binary()), ("n", pa.int8())]),
        ),
    }[kind]()
    pq.write_table(pa.table({"photo": array, "id": range(4)}), tmp_path / "t.parquet", row_group_size=3)
    summary = protect(tmp_path / "t.parquet", dst)
    assert told(summary, "protected", "failed") == [3, 0]
    table = pq.read_table(dst / "t.parquet")
    assert table.schema.equals(pq.read_table(tmp_path / "t.parquet").schema)
    made = table["photo"].to_pylist()
    assert made[1] is None
    values = [row["bytes"] if kind.startswith("struct") else row for row in made if row is not None]
    assert values[0] == values[2] != data[0]
    if kind.startswith("struct"):
        assert [row["n"] for row in made if row] == [7, 7, 7]
        assert made[0]["path"] is None


def test_a_row_without_a_result_keeps_its_place_and_is_told(protect, tmp_path: Path, dst: Path):
    rows = [tiny.picture(0), b"\x89PNG rubbish", None, tiny.picture(2)]
    structs = [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(rows)]
    table = pa.table({"image": pa.array(structs, PICTURE), "id": [10, 11, 12, 13]})
    pq.write_table(table, tmp_path / "t.parquet")
    summary = protect(tmp_path / "t.parquet", dst)
    assert told(summary, "protected", "failed") == [2, 1]
    made = pq.read_table(dst / "t.parquet")
    assert made["id"].to_pylist() == [10, 11, 12, 13]
    there = made["image"].to_pylist()
    assert there[1] is None
    assert there[2] == {"bytes": None, "path": "2.png"}
    assert summary.left == {"unembedded picture": 1}
    assert not summary.done
    assert lines(dst)["t.parquet"]["left"] == {"unembedded picture": 1}
    assert b"rubbish" not in (dst / "t.parquet").read_bytes()


def test_all_columns_of_pictures_are_worked_on_unless_one_is_named(protect, tmp_path: Path, dst: Path):
    masks = pa.array([{"bytes": tiny.picture(50 + n), "path": None} for n in range(3)], PICTURE)
    sounds = pa.array([b"RIFF....WAVE"] * 3)
    path = hugging_face(tmp_path / "t.parquet", 3, mask=masks, sound=sounds)
    assert picture_columns(path) == ["image", "mask"]
    assert protect(path, dst / "all").protected == 6
    one = protect(path, dst / "one", column="image", exclude="*-2.png")
    assert told(one, "protected", "left") == [2, {"picture column": 1, "picture left alone": 1}]
    assert any("may show faces: t.parquet/mask" in note for note in one.notes)
    table = pq.read_table(dst / "one" / "t.parquet")
    assert table["mask"].to_pylist() == masks.to_pylist()
    assert table["image"].to_pylist()[2]["bytes"] == tiny.picture(2)
    # another column later: what was done once is done with it again, and nothing of it comes back
    both = protect(path, dst / "one", overwrite=True)
    assert both.protected == 6
    assert pq.read_table(dst / "one" / "t.parquet").equals(pq.read_table(dst / "all" / "t.parquet"))


def test_tables_in_a_folder_and_by_a_pattern(protect, tmp_path: Path, dst: Path):
    for n in range(2):
        hugging_face(tmp_path / "src" / "data" / f"train-{n}.parquet", 2)
    pq.write_table(pa.table({"label": [1]}), tmp_path / "src" / "labels.parquet")
    (tmp_path / "src" / "broken.parquet").write_bytes(b"PAR1 rubbish PAR1")
    found = list(source(tmp_path / "src", dst))
    assert [type(it) for it in found] == [Refused, Shard, Shard, Other]
    summary = protect(tmp_path / "src", dst / "a")
    assert told(summary, "protected", "failed", "others") == [4, 1, 1]
    assert files(dst / "a") == ["data/train-0.parquet", "data/train-1.parquet"]
    several = tmp_path / "src" / "data" / "train-{0..1}.parquet"
    assert protect(several, dst / "b").protected == 4
    assert files(dst / "b") == ["train-0.parquet", "train-1.parquet"]
    with pytest.raises(ValueError, match="without pictures, expected some in each"):
        source(tmp_path / "src" / "{labels,labels}.parquet", dst)


def test_a_column_of_another_type_says_which_would_do(tmp_path: Path):
    path = hugging_face(tmp_path / "t.parquet", 1, text=["a.png"], boxes=[[1, 2]])
    says = r"'boxes' holds list<.*>, expected paths .*would do: of pictures: image; of text: text"
    with pytest.raises(ValueError, match=says):
        source(path, tmp_path / "out", "boxes")
    with pytest.raises(
        ValueError, match="has the columns image, label, text, boxes, expected one named 'imgae'"
    ):
        source(path, tmp_path / "out", "imgae")


def test_a_table_that_changes_or_breaks_is_no_result(tmp_path: Path):
    path = hugging_face(tmp_path / "t.parquet", 3)
    shard = Shard("t.parquet", str(path), ("image",))
    with pytest.raises(PhotoError, match="has gone"):
        assemble(shard, tmp_path, lambda member: (_ for _ in ()).throw(PhotoError("missing", "has gone")))
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
    path.write_bytes(path.read_bytes()[:-40] + b"PAR1")
    with pytest.raises(PhotoError, match=r"t\.parquet: no whole Parquet file"):
        contents(shard)


def test_a_large_row_group_is_not_in_memory_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = hugging_face(tmp_path / "t.parquet", 40, group=40)
    monkeypatch.setattr("mnd.dataset.tables.LARGEST_GROUP", 12_000)
    shard = Shard("t.parquet", str(path), ("image",))
    made = pq.ParquetFile(assemble(shard, tmp_path, lambda member: b"x" * 1000))
    assert made.metadata.num_rows == 40
    assert 1 < made.num_row_groups <= 5
    assert {row["bytes"] for row in made.read()["image"].to_pylist()} == {b"x" * 1000}


def test_rows_of_several_columns_are_found_in_any_order(tmp_path: Path):
    masks = pa.array([{"bytes": tiny.picture(90 + n), "path": None} for n in range(9)], PICTURE)
    path = hugging_face(tmp_path / "t.parquet", 9, mask=masks)
    before = stored("t.parquet", path)
    for number in (0, 8, 3, 4, 2, 7):
        assert before.get(f"t.parquet/image/{number:08d}-{number}.png") == tiny.picture(number)
        assert before.get(f"t.parquet/mask/{number:08d}.png") == tiny.picture(90 + number)
    assert before.get("t.parquet/image/00000009-9.png") is None
    assert before.get("t.parquet/label/00000001.png") is None
    assert before.get("t.parquet/image/no-number.png") is None
    assert stored("u.parquet", tmp_path / "u.parquet").get("u.parquet/image/00000000.png") is None
    assert len(held._readers) <= held._OPEN


def test_a_run_that_is_killed_goes_on(card: str, tmp_path: Path, dst: Path):
    path = hugging_face(tmp_path / "t.parquet", 24)
    flags = ("--targets", card, *tiny.FLAGS, "--workers", "1", "--no-face", "whole")
    run = subprocess.Popen(command(path, dst, *flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 240
    while time.monotonic() < end and len(list((dst / ".mnd-parts").rglob("*-0"))) < 3 and run.poll() is None:
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (dst / "t.parquet").exists()
    assert subprocess.run(command(path, dst, *flags), capture_output=True).returncode == 0
    assert pq.read_table(dst / "t.parquet")["image"].null_count == 0
    assert files(dst) == ["t.parquet"]
    statuses = [line["status"] for line in lines(dst).values()]
    assert statuses.count("protected") == 24
    assert sum(json.loads(text).get("status") == "protected" for text in manifest(dst)) == 24  # none twice


def manifest(dst: Path) -> list[str]:
    return (dst / "manifest.jsonl").read_text("utf-8").splitlines()


def test_the_items_of_a_table_say_where_they_are(tmp_path: Path):
    path = hugging_face(tmp_path / "t.parquet", 2)
    [shard] = source(path, tmp_path / "out")
    assert shard == Shard("t.parquet", str(path), ("image",))
    items = [member.item(shard) for member in contents(shard).pictures]
    assert items[1] == Item(
        "t.parquet/image/00000001-1.png", str(path), None, ".mnd-parts/t.parquet/00000001-0", row=("image", 1)
    )
    assert [item.read()[0] for item in items] == [tiny.picture(0), tiny.picture(1)]


@pytest.mark.slow
def test_memory_does_not_follow_the_number_of_rows(tmp_path: Path):
    """With a search that does nothing: what is left is reading, waiting and writing."""
    peaks = []
    for count in (100, 600):
        path = tmp_path / f"{count}" / "t.parquet"
        path.parent.mkdir()
        with pq.ParquetWriter(path, pa.schema([("image", PICTURE)])) as writer:
            for first in range(0, count, 50):
                rows = [
                    {"bytes": tiny.picture(n) + os.urandom(200_000), "path": None}
                    for n in range(first, first + 50)
                ]
                writer.write_table(pa.table({"image": pa.array(rows, PICTURE)}))
        done = subprocess.run(
            [sys.executable, ROOT / "tests" / "helpers" / "trivial.py", path, tmp_path / f"out{count}"],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(json.loads(done.stdout)["peaks"])
    few, many = peaks
    assert all(big <= 1.1 * small for small, big in zip(few, many, strict=True)), peaks
