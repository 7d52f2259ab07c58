"""Which pictures an evaluation attacks, and what it knows of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.evaluation.data import labelled, people


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_people_come_one_of_each_in_turn_and_never_meet_themselves(tmp_path: Path):
    touch(tmp_path, *(f"{person}/{i}.jpg" for person in "abc" for i in range(4)), "a/notes.txt", ".x/0.jpg")
    touch(tmp_path, "alone/0.png")
    found = people(tmp_path, 0.5, seed=0)
    assert [p.name.split("/")[0] for p in found] == ["a", "b", "c", "a", "b", "c"]
    for picture in found:
        assert picture.path == tmp_path / picture.name
        assert len(picture.gallery) == 2
        assert picture.path not in picture.gallery
        assert {p.parent.name for p in picture.gallery} == {picture.path.parent.name}
    assert found == people(tmp_path, 0.5, seed=0)


def test_another_seed_splits_differently(tmp_path: Path):
    touch(tmp_path, *(f"{person}/{i}.jpg" for person in "abcdef" for i in range(6)))
    splits = {tuple(p.name for p in people(tmp_path, 0.5, seed)) for seed in range(5)}
    assert len(splits) == 5


@given(count=st.integers(2, 12), known=st.floats(0.01, 0.99))
def test_gallery_and_attacked_are_both_there(tmp_path_factory, count: int, known: float):
    folder = touch(tmp_path_factory.mktemp("people"), *(f"a/{i:02}.jpg" for i in range(count)))
    found = people(folder, known, seed=0)
    assert len(found) >= 1
    assert len(found[0].gallery) >= 1
    assert len(found) + len(found[0].gallery) == count


def test_labels_of_names_and_folders(tmp_path: Path):
    touch(tmp_path, "281_n02123045.jpg", "7.png", "12/x.jpg", "tiger_cat/y.jpg", "008_duck/z.webp", "a.txt")
    touch(tmp_path, "n02123045/w.jpg")
    found = {p.name: p.label for p in labelled(tmp_path)}
    assert found == {
        "281_n02123045.jpg": 281,
        "7.png": 7,
        "12/x.jpg": 12,
        "tiger_cat/y.jpg": 282,
        "n02123045/w.jpg": 281,
        "008_duck/z.webp": 8,
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "expected labelled photos"),
        (("cat.jpg", "1_dog.jpg"), r"class of cat.jpg cannot be told \(1 such"),
        (("nothing/a.jpg",), "class of nothing/a.jpg cannot be told"),
    ],
)
def test_data_without_labels_say_what_was_expected(tmp_path: Path, names: tuple[str, ...], message: str):
    with pytest.raises(ValueError, match=message):
        labelled(touch(tmp_path, *names))


def test_data_that_are_not_there(tmp_path: Path):
    with pytest.raises(ValueError, match="no such folder"):
        labelled(tmp_path / "gone")
    with pytest.raises(ValueError, match="no such folder"):
        people(tmp_path / "gone", 0.5, 0)
    with pytest.raises(ValueError, match="at least two photos; found none"):
        people(touch(tmp_path, "a/1.jpg", "b/1.jpg", "2.jpg"), 0.5, 0)
