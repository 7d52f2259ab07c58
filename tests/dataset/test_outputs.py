"""Where results may go, and where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.dataset.outputs import Claims, Places, aside, check_places, folded, is_reserved, shard_of


@pytest.mark.parametrize(
    ("src", "dst"),
    [("s", "s"), ("s", "s/d"), ("s/a", "s"), ("s", "link"), ("link", "s/d"), ("s", "s/../s/x")],
)
def test_neither_may_lie_in_the_other(tmp_path: Path, src: str, dst: str):
    (tmp_path / "s" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(ValueError, match=r"lies inside"):
        check_places(tmp_path / src, tmp_path / dst)


def test_names_that_only_look_alike_are_apart(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    check_places(tmp_path / "photos", tmp_path / "photos2")


def test_a_shard_is_never_its_own_result(tmp_path: Path):
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds a.tar itself"):
        check_places(tmp_path / "a.tar", tmp_path)
    with pytest.raises(ValueError, match="this is a file"):
        check_places(tmp_path, tmp_path / "a.tar")


@given(st.lists(st.text(max_size=4), max_size=30))
def test_no_two_names_get_one_place(names: list[str]):
    claims = Claims()
    taken: dict[str, str] = {}
    for name in names:
        first = folded(name) not in taken
        owner = taken.setdefault(folded(name), name)
        assert claims.take(name) == ("free" if first else "twice" if owner == name else "taken")


@given(st.text(), st.integers(1, 40))
def test_every_name_belongs_to_one_machine(name: str, count: int):
    assert 1 <= shard_of(name, count) <= count
    assert shard_of(name, count) == shard_of(name, count)


def test_machines_get_equal_parts():
    parts = [shard_of(f"{n}.jpg", 4) for n in range(4000)]
    assert all(900 < parts.count(part) < 1100 for part in (1, 2, 3, 4))
    assert [shard_of("a/b.jpg", n) for n in (2, 3, 1000)] == [2, 2, 596]  # for ever


def test_what_is_written_by_mnd_itself_is_reserved():
    assert all(
        map(is_reserved, ("manifest.jsonl", "Manifest-1-of-2.JSONL", "report.html", ".mnd-parts/a.png"))
    )
    assert not any(map(is_reserved, ("a/manifest.jsonl", "manifest.png", "report.html/a.png", "mnd.png")))


def test_a_link_out_of_the_results_is_refused_before_anything_is_made(tmp_path: Path):
    (tmp_path / "dst").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "dst" / "a").symlink_to(tmp_path / "src")
    with pytest.raises(ValueError, match="a link out of"):
        Places(tmp_path / "dst").path("a/b/c.png")
    assert list((tmp_path / "src").iterdir()) == []
    assert Places(tmp_path / "dst").path("b/c.png").parent.is_dir()


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path):
    with aside(tmp_path, "") as folder:
        (folder / "x.tmp").write_bytes(b"half")
    (tmp_path / ".mnd-tmp").mkdir()
    (tmp_path / ".mnd-tmp" / "y.tmp").write_bytes(b"half")
    with aside(tmp_path, "") as folder:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []
