"""What is found in folders and lists, and under which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mnd.dataset.braces import expanded, is_pattern
from mnd.dataset.items import Item, Other, Refused, Shard
from mnd.dataset.sources import Folder, Paths, listed_name, looks_like_picture, source
from tests.helpers.tiny import picture


def names(found, kind: type) -> list[str]:
    return [it.name for it in found if isinstance(it, kind)]


def write(root: Path, *files: str, data: bytes = b"") -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(data or picture(0))


def test_a_folder_is_walked_in_one_order_and_sorted_by_kind(tmp_path: Path):
    write(tmp_path / "s", "b.png", "a/z/2.JPG", "a/1.webp", "a.jpeg", "photo without suffix", "shards/1.tar")
    write(tmp_path / "s", "notes.txt", "a/.hidden.png", ".git/x.png", "bm.txt", data=b"BM is how this begins")
    found = list(source(tmp_path / "s", tmp_path / "d"))
    assert names(found, Item) == ["a/1.webp", "a/z/2.JPG", "a.jpeg", "b.png", "photo without suffix"]
    assert names(found, Other) == [".git/", "a/.hidden.png", "bm.txt", "notes.txt"]
    assert names(found, Shard) == ["shards/1.tar"]
    assert found == list(source(tmp_path / "s", tmp_path / "d"))


def test_pictures_that_are_not_supported_are_not_passed_over_in_silence(tmp_path: Path):
    write(tmp_path, "a.heic", "b.gif", data=b"GIF89a")
    write(tmp_path, "c", data=b"GIF89a..........")
    write(tmp_path, "d", data=b"%PDF-1.4........")
    found = list(Folder(tmp_path, tmp_path / "d"))
    assert names(found, Item) == ["a.heic", "b.gif", "c"]
    assert names(found, Other) == ["d"]


def test_links_are_followed_but_never_in_a_circle_nor_into_the_results(tmp_path: Path):
    src, dst, far = tmp_path / "s", tmp_path / "d", tmp_path / "far"
    write(src, "a/1.png")
    write(dst, "2.png")
    write(far, "deep/3.png")
    (src / "a" / "up").symlink_to(src)
    (src / "results").symlink_to(dst)
    (src / "far").symlink_to(far)
    (src / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = list(Folder(src, dst))
    assert names(found, Item) == ["a/1.png", "far/deep/3.png", "gone.png"]
    assert names(found, Other) == ["a/up/", "results/"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path):
    write(tmp_path, "a/1.png")
    (tmp_path / "a").chmod(0)
    try:
        [found] = Folder(tmp_path, tmp_path / "d")
    finally:
        (tmp_path / "a").chmod(0o700)
    assert isinstance(found, Refused)
    assert found.kind == "unreadable"


def test_no_folder_is_too_deep(tmp_path: Path):
    deep = "/".join(["d"] * 200)
    write(tmp_path, f"{deep}/1.png")
    assert names(Folder(tmp_path, tmp_path / "out"), Item) == [f"{deep}/1.png"]


@pytest.mark.parametrize("form", ["txt", "csv", "tsv", "parquet"])
def test_lists_of_paths(tmp_path: Path, form: str):
    lists = tmp_path / "lists"
    far = tmp_path / "far" / "x, y.png"
    write(lists, "a.png", "b/c.png")
    write(far.parent, far.name)
    rows = ["a.png", "./b/../b/c.png", str(far), "missing.png", ""]
    path = lists / f"list.{form}"
    if form == "txt":
        path.write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    elif form == "parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow, which is not installed")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"n": range(5), "path": rows}), path)
    else:
        mark = "," if form == "csv" else "\t"
        path.write_text("".join(f'{n}{mark}"{row}"\n' for n, row in enumerate(rows)).replace("", "", 1))
        path.write_text(f"n{mark}path\n" + path.read_text())
    found = list(source(path, tmp_path / "out"))
    assert names(found, Item) == ["a.png", "b/c.png", str(far).lstrip("/"), "missing.png"]
    assert Path(found[1].path) == lists / "b/c.png"


def test_another_column(tmp_path: Path):
    write(tmp_path, "a.png")
    (tmp_path / "list.csv").write_text("file,label\na.png,3\n")
    assert names(source(tmp_path / "list.csv", tmp_path / "out", "file"), Item) == ["a.png"]
    with pytest.raises(ValueError, match="has the columns file, label, expected one named 'path'"):
        list(source(tmp_path / "list.csv", tmp_path / "out"))


def test_a_damaged_parquet_file_is_named(tmp_path: Path):
    pytest.importorskip("pyarrow", reason="needs pyarrow, which is not installed")
    (tmp_path / "list.parquet").write_bytes(b"PAR1 rubbish PAR1")
    with pytest.raises(ValueError, match=r"list.parquet: no readable Parquet"):
        list(source(tmp_path / "list.parquet", tmp_path / "out"))


def test_parquet_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "list.parquet").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "mnd-cloak\[parquet\]"'):
        list(source(tmp_path / "list.parquet", tmp_path / "out"))


def test_a_list_may_not_name_results_nor_folders(tmp_path: Path):
    write(tmp_path, "out/a.png", "b/c.png")
    (tmp_path / "list.txt").write_text("out/a.png\nb\nz\0.png\n")
    found = list(Paths(tmp_path / "list.txt", tmp_path / "out", "path"))
    assert [it.kind for it in found if isinstance(it, Refused)] == ["original", "folder", "missing"]


@pytest.mark.parametrize(
    ("name", "error"), [("x.zip", "expected a folder"), ("a.tar.gz", "compressed"), ("a.png", "mnd cloak")]
)
def test_what_is_no_source_is_refused(tmp_path: Path, name: str, error: str):
    write(tmp_path, name)
    with pytest.raises(ValueError, match=error):
        source(tmp_path / name, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="there is no such"):
        source(tmp_path / "gone", tmp_path / "out")


def test_a_name_in_a_list_depends_on_nothing_else():
    assert listed_name("/a/b/c.png", "/a") == "b/c.png"
    assert listed_name("/ab/c.png", "/a") == "ab/c.png"
    assert listed_name("/c.png", "/") == "c.png"


def test_a_name_that_is_no_text_survives(tmp_path: Path):
    name = os.fsdecode(b"\xff\xfe.png")
    write(tmp_path, name)
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe.png\n")
    assert names(Folder(tmp_path, tmp_path / "out"), Item) == [name]
    [item] = source(tmp_path / "list.txt", tmp_path / "out")
    assert isinstance(item, Item)
    assert item.read()[0] == picture(0)


def test_what_looks_like_a_picture():
    assert looks_like_picture(picture(0, "BMP")[:16])
    assert looks_like_picture(b"\xff\xd8\xff\xe0")
    assert not looks_like_picture(b"BM is no picture")
    assert not looks_like_picture(b"")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a-{000..002}.tar", ["a-000.tar", "a-001.tar", "a-002.tar"]),
        ("a-{8..10}.tar", ["a-8.tar", "a-9.tar", "a-10.tar"]),
        ("a-{08..10}.tar", ["a-08.tar", "a-09.tar", "a-10.tar"]),
        ("a-{2..1}.tar", ["a-2.tar", "a-1.tar"]),
        ("{x,y}/{0..1}.tar", ["x/0.tar", "x/1.tar", "y/0.tar", "y/1.tar"]),
        ("a{,-b}.tar", ["a.tar", "a-b.tar"]),
        ("a{x}.tar", ["a{x}.tar"]),
        ("a.tar", ["a.tar"]),
    ],
)
def test_braces_are_those_of_a_shell(pattern: str, names: list[str]):
    assert expanded(pattern) == names
    assert is_pattern(pattern) is (names != [pattern])


def test_braces_that_stand_for_too_much():
    for pattern in ("{0..99999999}.tar", "{0..9999}{0..9999}.tar"):
        with pytest.raises(ValueError, match="expected at most 1,000,000"):
            expanded(pattern)


def test_shards_by_a_pattern(tmp_path: Path):
    write(tmp_path, "train/shard-000.tar", "train/shard-001.tar", "train/shard-002.tar", "val/shard-000.tar")
    found = source(tmp_path / "train" / "shard-{000..001}.tar", tmp_path / "out")
    assert found.root == tmp_path / "train"
    assert names(found, Shard) == ["shard-000.tar", "shard-001.tar"]
    both = source(tmp_path / "{train,val}" / "shard-{000..000}.tar", tmp_path / "out")
    assert names(both, Shard) == ["train/shard-000.tar", "val/shard-000.tar"]
    assert [Path(it.path).is_file() for it in both if isinstance(it, Shard)] == [True, True]
    with pytest.raises(FileNotFoundError, match=r"there is no .*shard-003.tar and 1 more, expected all 5"):
        source(tmp_path / "train" / "shard-{000..004}.tar", tmp_path / "out")
    with pytest.raises(ValueError, match=r"names that end with .tar"):
        source(tmp_path / "train" / "{a,b}", tmp_path / "out")


def test_a_file_whose_name_has_braces_is_that_file(tmp_path: Path):
    write(tmp_path, "a-{0..1}.tar")
    assert names(source(tmp_path / "a-{0..1}.tar", tmp_path / "out"), Shard) == ["a-{0..1}.tar"]
