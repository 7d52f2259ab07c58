"""What people have met with data sets, galleries, lists and tar files; each once as it was, and as a kind."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnd.cloaking.settings import CloakSettings
from mnd.dataset import fingerprint, worker
from mnd.dataset.manifest import manifest_path
from mnd.dataset.members import contents
from mnd.dataset.settings import ProtectSettings
from mnd.dataset.sources import source
from mnd.photo.walking import photos
from tests.helpers import tiny
from tests.helpers.data_sets import files, lines, told

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases"


def shared_case(name: str) -> Path:
    """A file of the real cases beside the project; without it the test is left out, and says so."""
    path = (CASES / name).resolve()
    if not path.exists():
        pytest.skip(f"needs ../shared/cases/{name}, which is not there")
    return path


def table(path: Path, **columns: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow, which is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


def written(dst: Path) -> str:
    """All that is told about a data set in its folder."""
    return "".join(p.read_text("utf-8", "replace") for p in [*dst.glob("*.jsonl"), *dst.glob("*.html")])


# 7: columns that hold pictures ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["struct", "binary"])
def test_pictures_in_a_column_are_read_and_never_written_as_text(
    protect, tmp_path: Path, dst: Path, kind: str
):
    data = [tiny.picture(n) for n in range(3)]
    column: list[Any] = [{"bytes": d, "path": f"cats/{n}.png"} for n, d in enumerate(data)]
    summary = protect(
        table(tmp_path / "list.parquet", image=column if kind == "struct" else data), dst, column="image"
    )
    assert told(summary, "protected", "failed") == [3, 0]
    assert files(dst) == ["list.parquet"]
    assert summary.done
    assert protect(tmp_path / "list.parquet", dst, column="image").kept == 3
    assert protect(tmp_path / "list.parquet", dst, column="image", verify=True).done
    assert "PNG\\r" not in written(dst)


def test_pictures_that_a_column_only_names_are_files(protect, tmp_path: Path, dst: Path):
    """As the library `datasets` writes a set of files that it has not been told to embed."""
    tiny.write_pictures(tmp_path, 2)
    rows = [
        {"bytes": None, "path": "0/00000.png"},
        {"bytes": None, "path": str(tmp_path / "1" / "00001.bmp")},
    ]
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow, which is not installed")
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    summary = protect(table(tmp_path / "list.parquet", image=pyarrow.array(rows, kind)), dst)
    assert told(summary, "protected", "failed") == [2, 0]
    assert [name.rpartition("/")[2] for name in files(dst)] == ["00000.png", "00001.bmp"]


def test_rows_of_a_column_are_found_in_any_order(tmp_path: Path):
    data = [tiny.picture(n) for n in range(7)]
    path = table(tmp_path / "list.parquet", image=[*data[:6], None, data[6]])
    [shard] = source(path, tmp_path / "out", "image")
    items = [member.item(shard) for member in contents(shard).pictures]
    assert [item.row for item in items] == [("image", n) for n in (0, 1, 2, 3, 4, 5, 7)]
    for place in (5, 0, 3, 4, 6, 1):
        assert items[place].read()[0] == data[place]


PICTURE = base64.b64encode(tiny.picture(0)).decode()
NO_PATHS = {
    "base64": PICTURE,
    "data URI": f"data:image/png;base64,{PICTURE}",
    "JSON": json.dumps([[n, n + 1] for n in range(30)]),
    "JSON with a picture": json.dumps({"bytes": PICTURE}),
    "bytes": repr(tiny.picture(0)),
    "hexadecimal": tiny.picture(0).hex(),
    "long": "a long text " * 500,
}


@pytest.mark.parametrize("form", ["txt", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("kind", NO_PATHS)
def test_a_column_of_texts_that_are_no_paths_is_refused_before_anything_is_done(
    protect, tmp_path: Path, dst: Path, kind: str, form: str
):
    value, path = NO_PATHS[kind], tmp_path / f"list.{form}"
    if form == "parquet":
        table(path, image=["a.png", value])
    elif form == "txt":
        path.write_text(f"a.png\n{value}\n")
    else:
        quoted = value.replace('"', '""')
        path.write_text(f'image\na.png\n"{quoted}"\n')
    with pytest.raises(ValueError, match=r"not paths: .* of [0-9,]+ characters in row 2") as caught:
        protect(path, dst, column="image")
    assert value[20:60] not in str(caught.value)
    assert not dst.exists()


def test_a_column_of_another_type_is_refused(tmp_path: Path):
    path = table(tmp_path / "list.parquet", label=[1, 2])
    with pytest.raises(ValueError, match="'label' holds int64, expected paths"):
        source(path, tmp_path / "out", "label")


def test_what_is_no_path_far_down_a_list_is_refused_by_its_row(protect, tmp_path: Path, dst: Path):
    tiny.write_pictures(tmp_path, 1)
    (tmp_path / "list.txt").write_text("0/00000.png\n" * 150 + f"{PICTURE}\n" + "x" * 3000 + ".png\n")
    summary = protect(tmp_path / "list.txt", dst)
    assert told(summary, "protected", "failed") == [1, 2]
    assert lines(dst)["list.txt, row 151"]["error"]["message"].endswith("characters, expected a path")
    assert PICTURE[:40] not in written(dst)


def test_names_are_never_told_in_full_where_they_are_long(protect, tmp_path: Path, dst: Path):
    deep = "/".join(["a-folder-of-some-length"] * 12)
    (tmp_path / "src" / deep).mkdir(parents=True)
    for n in range(2):
        (tmp_path / "src" / deep / f"{n}.png").write_bytes(tiny.picture(n))
    (tmp_path / "src" / deep / "bad.png").write_bytes(b"rubbish")
    summary = protect(tmp_path / "src", dst)
    assert told(summary, "protected", "failed") == [2, 1]
    assert (dst / deep / "0.png").is_file()
    assert deep not in written(dst)
    for line in lines(dst).values():
        assert len(line["input"]) == 200
    assert protect(tmp_path / "src", dst).kept == 3
    assert protect(tmp_path / "src", dst, verify=True).protected == 2


def test_the_real_list_of_pictures(protect, dst: Path):
    summary = protect(shared_case("list_of_bytes.parquet"), dst, column="image")
    assert told(summary, "protected", "failed") == [2, 0]
    assert "JFIF" not in written(dst)


# 14, 15, 16: a gallery is a folder like every other ---------------------------------------------------------


def test_what_systems_leave_beside_photos_is_no_photo(tmp_path: Path):
    for name in ("._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir/a.jpg", "__MACOSX/._a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"rubbish")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.JFIF").write_bytes(tiny.picture(0))
    (tmp_path / "a.dib").write_bytes(tiny.picture(0, "BMP"))
    (tmp_path / "empty.jpg").touch()
    for n in range(3):
        (tmp_path / f"{n}.JXL").write_bytes(b"\xff\x0a")
    (tmp_path / "cut.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "really a.heic").write_bytes(tiny.picture(0))
    found = photos(tmp_path, read=True)
    assert [p.relative_to(tmp_path).as_posix() for p in found.files] == [
        "a.dib",
        "more/b.JFIF",
        "really a.heic",
    ]
    jxl, heic, empty = found.passed
    assert jxl == "3 JPEG XL files were passed over"
    assert "cut.heic: " in heic
    assert empty.endswith("empty.jpg: the file has 0 bytes, expected a photo")


def gallery(folder: Path) -> Path:
    folder.mkdir()
    for n in range(2):
        (folder / f"{n}.png").write_bytes(tiny.picture(100 + n))
    return folder


def test_a_system_file_in_the_gallery_does_not_redo_a_data_set(protect, src: Path, dst: Path, tmp_path: Path):
    people = gallery(tmp_path / "people")
    assert protect(src, dst, gallery=people).new == 6
    (people / ".DS_Store").write_bytes(b"Bud1")
    (people / "notes.txt").write_text("me in 2019")
    (people / "cut short.jpg").write_bytes(b"\xff\xd8\xff")
    summary = protect(src, dst, gallery=people)
    assert told(summary, "kept", "changed", "new") == [6, 0, 0]
    assert any("cut short.jpg" in note for note in summary.notes)
    (people / "more").mkdir()
    (people / "more" / "3.png").write_bytes(tiny.picture(103))
    assert protect(src, dst, gallery=people).changed == 6


def test_the_sum_of_a_plain_gallery_is_that_of_earlier_versions(tmp_path: Path):
    people = gallery(tmp_path / "people")
    cloak, settings = CloakSettings(gallery=people), ProtectSettings()
    header = fingerprint.header(cloak, settings, [], tmp_path)
    sums = [[p.name, identity_sum(p)] for p in sorted(people.iterdir())]
    assert header["settings"]["gallery"] == sums
    copied = fingerprint.header(cloak, ProtectSettings(no_face="copy"), [], tmp_path)
    assert header["settings_sha256"] == copied["settings_sha256"]


def identity_sum(path: Path) -> str:
    from mnd.base.files import sha256_of

    return sha256_of(path)


@pytest.mark.parametrize("name", ["a.jxl", ".a.jpg", "a.txt"])
def test_a_gallery_without_photos_says_what_is_there(
    protect, src: Path, dst: Path, tmp_path: Path, name: str
):
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / name).write_bytes(b"\xff\x0a and more")
    what = {"a.jxl": "1 JPEG XL file", ".a.jpg": "1 hidden or system file", "a.txt": "1 other picture"}[name]
    with pytest.raises(ValueError, match=f"there: ({what})"):
        protect(src, dst, gallery=tmp_path / "people")


def test_the_real_gallery_with_system_files():
    found = photos(shared_case("gallery_appledouble"), read=True)
    assert [p.name for p in found.files] == ["photo.jpg"]
    assert found.passed == ()


# 2: photos that may show a face are held back ---------------------------------------------------------------


class Doubtful:
    """Stands for the Cloaker: what it says of a photo stands in the photo's name."""

    def encoded(
        self, data: bytes, name: str, path: Path, settings: Any = None
    ) -> tuple[bytes | None, dict[str, Any]]:
        kind = Path(name).stem
        record = {"input": name, "protected": False, "regions": [], "quality": None}
        error = {"kind": kind, "message": f"{name}: {kind}"}
        if kind == "not-proven":
            record["status"] = "changed, not proven"
        return None, record | {"error": error}


@pytest.fixture
def doubtful(protect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("mnd.cloaking.cloaker.Cloaker", lambda *_, **__: Doubtful())
    (tmp_path / "in").mkdir()
    for number, kind in enumerate(worker.DOUBTS):
        (tmp_path / "in" / f"{kind}.png").write_bytes(tiny.picture(number))
    return protect


HELD = ["not-proven.png", "suspected-face.png"]


@pytest.mark.parametrize(
    ("no_face", "held", "copied"),
    [("hold", HELD, ["no-face.png"]), ("copy", [], ["no-face.png", *HELD]), ("skip", [], []),
     ("fail", [], []), ("whole", HELD, [])],
)  # fmt: skip
def test_suspects_are_held_back(doubtful, tmp_path: Path, dst: Path, no_face: str, held: list, copied: list):
    summary = doubtful(tmp_path / "in", dst, no_face=no_face)
    assert sorted(n for n, line in lines(dst).items() if line["status"] == "held") == held
    assert sorted(n for n, line in lines(dst).items() if line["status"] == "copied") == sorted(copied)
    assert files(dst) == sorted(copied)
    assert summary.held == len(held)
    assert summary.done == (no_face in ("copy", "skip"))
    assert all(lines(dst)[name]["error"]["kind"] == name[:-4] for name in held)
    assert doubtful(tmp_path / "in", dst, no_face=no_face).kept == 3
    if held:
        assert "held back" in (dst / "report.html").read_text()
        assert doubtful(tmp_path / "in", dst, no_face=no_face, retry=True).retried >= 2


def test_suspects_are_copied_and_taken_back_as_the_setting_says(doubtful, tmp_path: Path, dst: Path):
    doubtful(tmp_path / "in", dst)
    assert told(doubtful(tmp_path / "in", dst, no_face="copy"), "changed", "kept", "copied") == [2, 1, 3]
    assert told(doubtful(tmp_path / "in", dst), "changed", "kept", "held") == [2, 1, 2]
    assert files(dst) == ["no-face.png"]


def test_what_earlier_versions_copied_is_looked_at_again(doubtful, tmp_path: Path, dst: Path):
    doubtful(tmp_path / "in", dst, no_face="copy")
    manifest = manifest_path(dst)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text(
        "".join(json.dumps({k: v for k, v in r.items() if k != "suspected"}) + "\n" for r in rows)
    )
    assert told(doubtful(tmp_path / "in", dst), "changed", "held", "copied") == [3, 2, 1]


# 19, 22, 23, 26: tar files ----------------------------------------------------------------------------------


def shard(path: Path, **members: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def names_in(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_joined_tar_files_are_read_to_the_end(protect, tmp_path: Path, dst: Path):
    parts = [
        shard(tmp_path / f"{n}.tar", **{f"{n}.png": tiny.picture(n), f"{n}.txt": b"x"}).read_bytes()
        for n in range(3)
    ]
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "all.tar").write_bytes(b"".join(parts))
    assert told(protect(tmp_path / "s", dst), "protected", "failed") == [3, 0]
    assert names_in(dst / "all.tar") == [f"{n}.{suffix}" for n in range(3) for suffix in ("png", "txt")]
    (tmp_path / "s" / "all.tar").write_bytes(parts[0] + b"something else" * 60)
    summary = protect(tmp_path / "s", dst)
    assert summary.failed == 1
    assert "stands something else" in lines(dst)["all.tar"]["error"]["message"]


def test_the_zeros_at_the_end_of_a_tar_file_may_be_missing(protect, tmp_path: Path, dst: Path):
    path = shard(tmp_path / "s" / "a.tar", **{"a.png": tiny.picture(0)})
    with tarfile.open(path) as tar:
        [info] = tar.getmembers()
    end = info.offset_data + -(-info.size // 512) * 512
    path.write_bytes(path.read_bytes()[:end])
    assert told(protect(tmp_path / "s", dst), "protected", "failed") == [1, 0]
    path.write_bytes(path.read_bytes()[: end - 600])
    assert protect(tmp_path / "s", dst).failed == 1


DEPTH = {"1.png": tiny.picture(0), "1.depth.png": b"\x89PNG\r\n\x1a\nrubbish", "1.json": b"{}"}


def test_pictures_can_be_left_alone(protect, tmp_path: Path, dst: Path):
    shard(tmp_path / "s" / "a.tar", **DEPTH)
    (tmp_path / "s" / "b.png").write_bytes(tiny.picture(1))
    (tmp_path / "s" / "B.DEPTH.PNG").write_bytes(DEPTH["1.depth.png"])
    assert protect(tmp_path / "s", dst).failed == 2
    summary = protect(tmp_path / "s", dst, exclude="*.depth.png")
    assert told(summary, "protected", "failed", "kept", "others") == [2, 0, 2, 1]
    assert summary.left == {"picture left alone": 1}
    assert any("a.tar/1.depth.png" in note for note in summary.notes)
    assert summary.done
    assert names_in(dst / "a.tar") == list(DEPTH)
    assert "1 picture left alone" in (dst / "report.html").read_text()
    assert protect(tmp_path / "s", dst, exclude=("*.depth.png",)).kept == 2
    assert protect(tmp_path / "s", dst, exclude=("*.depth.png",), verify=True).done
    only = protect(tmp_path / "s", tmp_path / "only", include=("b.*",), exclude=("*.depth.png",))
    assert only.protected == 1


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [("1.mp4", b"", "video"), ("1.bin", b"\0\0\0\x18ftypmp42", "video"), ("1.npz", b"", "file of arrays"),
     ("1.x", b"PK\3\4", "archive"), (".1.png", b"", "hidden picture"), ("1.pdf", b"", "document"),
     ("1.json", json.dumps({"image": PICTURE}).encode(), "text with pictures in it")],
)  # fmt: skip
def test_what_may_show_faces_in_a_tar_file_is_named(protect, tmp_path: Path, dst: Path, name, data, kind):
    shard(tmp_path / "s" / "a.tar", **{"1.png": tiny.picture(0), name: data, "1.txt": b"a note"})
    summary = protect(tmp_path / "s", dst)
    assert summary.left == {kind: 1}
    assert any(f"may show faces: a.tar/{name}" in note for note in summary.notes)
    assert f"1 {kind}" in (dst / "report.html").read_text()
    assert summary.done


@pytest.mark.parametrize(
    ("name", "pictures", "left"),
    [("shard_concatenated.tar", 2, {}), ("shard_with_archive.tar", 1, {"archive": 1}),
     ("shard_with_depth.tar", 1, {"picture left alone": 1})],
)  # fmt: skip
def test_the_real_tar_files(protect, tmp_path: Path, dst: Path, name: str, pictures: int, left: dict):
    (tmp_path / "s").mkdir()
    shutil.copyfile(shared_case(name), tmp_path / "s" / name)
    summary = protect(tmp_path / "s", dst, exclude="*.depth.png")
    assert told(summary, "protected", "failed") == [pictures, 0]
    assert summary.left == left
    with tarfile.open(tmp_path / "s" / name, ignore_zeros=True) as tar:
        assert names_in(dst / name) == tar.getnames()


# 24, 25: lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["txt", "csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-8"])
def test_lists_as_windows_writes_them(tmp_path: Path, encoding: str, form: str):
    text = ("path\r\n" if form == "csv" else "") + "photos/a.jpg\r\nphotos/ä.jpg\r\n"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / f"list.{form}").write_bytes((mark + text).encode(encoding))
    found = [it.name for it in source(tmp_path / f"list.{form}", tmp_path / "out")]
    assert found == ["photos/a.jpg", "photos/ä.jpg"]


def test_fields_of_any_length_beside_the_path(tmp_path: Path):
    (tmp_path / "list.csv").write_text(f'caption,path\n"{"x" * 200_000}",a.png\n')
    assert [it.name for it in source(tmp_path / "list.csv", tmp_path / "out")] == ["a.png"]


def test_the_real_list_of_powershell(tmp_path: Path):
    found = list(source(shared_case("list_utf16.txt"), tmp_path / "out"))
    assert [it.name for it in found] == ["photos/a.jpg", "photos/b.jpg"]


# 30: a folder without photos --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [(), ("notes.txt", ".a.jpg"), ("b.jpg",)])
def test_a_source_without_photos_is_not_done(protect, tmp_path: Path, dst: Path, names: tuple[str, ...]):
    (tmp_path / "s").mkdir()
    for name in names:
        (tmp_path / "s" / name).write_text("a note")
    summary = protect(tmp_path / "s", dst, exclude="b.*")
    assert not summary.done
    assert summary.empty
    there = {0: "nothing", 2: "1 hidden or system file, 1 file that is no picture", 1: "1 picture left alone"}
    assert summary.notes[-1].endswith(f"found no photos, expected at least one; there: {there[len(names)]}")
    (tmp_path / "s" / "a.png").write_bytes(tiny.picture(0))
    assert protect(tmp_path / "s", dst, exclude="b.*").done
    # a part of a data set may have none
    parts = [protect(tmp_path / "s", tmp_path / "parts", shard=f"{n}/3", exclude="b.*") for n in (1, 2, 3)]
    assert all(part.done for part in parts)


@pytest.mark.parametrize("name", ["a.dng", "a.NEF"])
def test_raw_pictures_are_named_not_read_as_tiff(protect, tmp_path: Path, dst: Path, name: str):
    (tmp_path / "s").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "s" / "x.tif")
    (tmp_path / "s" / "x.tif").rename(tmp_path / "s" / name)
    assert protect(tmp_path / "s", dst).failed == 1
    assert "a RAW picture" in lines(dst)[name]["error"]["message"]
