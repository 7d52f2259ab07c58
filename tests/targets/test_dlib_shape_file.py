"""dlib's predictors' files, whole and damaged, and the cache of what was read."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mnd.base.weights import WeightsFile
from mnd.targets.dlib import shape_cache
from mnd.targets.dlib.file import FormatError
from mnd.targets.dlib.shape import FILES, Predictor
from mnd.targets.dlib.shape_file import Forests, parse

NAMES = shape_cache.NAMES


def written(value: int) -> bytes:
    """dlib's integer: how many bytes follow and the sign, then the size, little end first."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def number(value: float) -> bytes:
    """dlib's float32: a mantissa of 24 bits without zero bytes at its low end, and an exponent of two."""
    share, exponent = math.frexp(value)
    mantissa, exponent = int(share * 2**24), exponent - 24
    while mantissa and mantissa % 256 == 0:
        mantissa, exponent = mantissa // 256, exponent + 8
    return written(mantissa) + written(exponent if mantissa else 0)


def whole(*values: int) -> bytes:
    return b"".join(map(written, values))


def numbers(values) -> bytes:
    return b"".join(number(float(v)) for v in np.ravel(values))


def forests_of(seed: int = 0, levels: int = 2, trees: int = 3, depth: int = 2, points: int = 3) -> Forests:
    rng = np.random.default_rng(seed)
    splits, features = 2**depth - 1, 300
    # few bits, so that mantissas end in zero bytes, and numbers far apart
    some = [0.0, 1.0, -1.0, 0.5, -3.0, 255.0, 1e-3, -1e-30, 1e-42, 3e38, 1 + 2**-15, 2**-149]

    def values(*shape: int) -> np.ndarray:
        plain = rng.normal(0, 10, shape)
        return np.where(rng.random(shape) < 0.3, rng.choice(some, shape), plain).astype(np.float32)

    return Forests(
        mean=values(2 * points),
        first=rng.integers(0, features, (levels, trees, splits)).astype(np.uint16),
        second=rng.integers(0, features, (levels, trees, splits)).astype(np.uint16),
        thresholds=values(levels, trees, splits),
        leaves=values(levels, trees, splits + 1, 2 * points),
        anchors=rng.integers(0, points, (levels, features)).astype(np.uint16),
        deltas=values(levels, features, 2),
    )


def file_of(f: Forests, version: int = 1) -> bytes:
    levels, trees, splits = f.first.shape
    shape = whole(-f.mean.size, -1)
    out = [whole(version), shape, numbers(f.mean), whole(levels)]
    for level in range(levels):
        out.append(whole(trees))
        for tree in range(trees):
            out.append(whole(splits))
            for s in range(splits):
                at = level, tree, s
                out.append(whole(int(f.first[at]), int(f.second[at])) + number(float(f.thresholds[at])))
            out.append(whole(splits + 1))
            out += [shape + numbers(leaf) for leaf in f.leaves[level, tree]]
    out.append(whole(levels))
    out += [whole(len(row), *map(int, row)) for row in f.anchors]
    out.append(whole(levels))
    out += [whole(len(row)) + numbers(row) for row in f.deltas]
    return b"".join(out)


def same(a: Forests, b: Forests) -> bool:
    return all(
        getattr(a, n).dtype == getattr(b, n).dtype and np.array_equal(getattr(a, n), getattr(b, n))
        for n in NAMES
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_number_comes_back(seed):
    made = forests_of(seed, depth=1 + seed % 3, points=1 + 20 * seed)
    assert same(parse(file_of(made)), made)


def test_trees_are_walked_as_the_paper_says():
    """A second, plain way to do it: split by split, tree by tree."""
    made = forests_of(7, depth=3)
    brightness = np.random.default_rng(1).integers(0, 256, (4, 300)).astype(np.float32)
    shapes = np.zeros((4, made.mean.size), np.float32)
    got = Predictor(made)._moved(shapes, 1, brightness)
    for face in range(4):
        want = np.zeros(made.mean.size, np.float32)
        for tree in range(3):
            node = 0
            while node < 7:
                at = 1, tree, node
                brighter = brightness[face, made.first[at]] - brightness[face, made.second[at]]
                node = 2 * node + (1 if brighter > made.thresholds[at] else 2)
            want += made.leaves[1, tree, node - 7]
        assert np.array_equal(got[face], want)


@pytest.fixture(scope="module", params=[5, 68])
def data(request) -> bytes:
    path = FILES[request.param].find()
    assert path is not None
    return path.read_bytes()


@pytest.mark.parametrize("cut", [0, 1, 500, 100_000])
def test_file_cut_off(data, cut):
    with pytest.raises(FormatError, match="ends inside"):
        parse(data[:cut])


def test_file_cut_anywhere_or_with_more_in_it():
    data = file_of(forests_of())
    for cut in range(0, len(data), 17):
        with pytest.raises(FormatError):
            parse(data[:cut])
    with pytest.raises(FormatError, match="1 bytes are left over"):
        parse(data + b"\0")


def test_file_with_any_byte_changed_is_refused_or_another_predictor():
    data, rng = file_of(forests_of()), np.random.default_rng(0)
    for at in rng.integers(0, len(data), 200):
        changed = bytearray(data)
        changed[at] ^= int(rng.integers(1, 256))
        try:
            parse(bytes(changed)).check()
        except FormatError:
            continue


def test_file_of_another_version_or_kind():
    with pytest.raises(FormatError, match="version of a shape predictor is 2, expected 1"):
        parse(file_of(forests_of(), version=2))
    for junk in (b"not a predictor", b"\x01\x01" + b"\x80" * 40, whole(1, 5, -1), whole(1, -(10**9), -1)):
        with pytest.raises(FormatError):
            parse(junk)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("first", 300, "leads to a pixel"),
        ("second", 65535, "leads to a pixel"),
        ("anchors", 3, "or a point"),
    ],
)
def test_indices_that_lead_nowhere(name, value, message):
    made = forests_of()
    getattr(made, name).flat[5] = value
    with pytest.raises(FormatError, match=message):
        parse(file_of(made))


def test_numbers_that_are_none():
    # dlib's infinity, one that float32 cannot hold, a mantissa and an index that are too long
    short = whole(1, -2, -1)
    for first in (whole(1, 32000), whole(1, 400), whole(1 << 24, 0), whole(1 << 40, 0)):
        with pytest.raises(FormatError, match="is no float32"):
            parse(short + first + number(1.0))
    made = forests_of()
    old, new = numbers(made.mean[:2]), whole(0xFFFFFF, 200) + number(float(made.mean[1]))
    with pytest.raises(FormatError, match="infinite"):
        parse(file_of(made).replace(old, new, 1))
    leaf = whole(-2, -1) + numbers([0, 0])
    tree = whole(1, 1, 1, 70000, 0) + number(0) + whole(2) + 2 * leaf
    with pytest.raises(FormatError, match="out of range"):
        parse(short + numbers([0, 0]) + tree + whole(1, 1, 0, 1, 1) + numbers([0, 0]))


def test_trees_of_different_sizes():
    # the second tree, or the second level's trees, are others than the first's
    first, deeper = file_of(forests_of(depth=1)), file_of(forests_of(depth=2))
    start = len(whole(1, -6, -1) + numbers(forests_of().mean) + whole(2))
    with pytest.raises(FormatError, match="number of splits is 3, expected 1"):
        parse(first[:start] + whole(3) + _trees(1) + _trees(1) + _trees(2) + deeper)
    with pytest.raises(FormatError, match="number of trees is 1, expected 2"):
        parse(first[:start] + whole(2) + _trees(1) + _trees(1) + whole(1) + _trees(1) + deeper)
    with pytest.raises(FormatError, match="number of leaves is 3, expected 2"):
        parse(first[:start] + whole(2) + whole(1, 0, 0) + number(1) + whole(3) + deeper)
    with pytest.raises(FormatError, match="another shape than the mean"):
        parse(first[:start] + whole(2) + whole(1, 0, 0) + number(1) + whole(2, -4, -1) + deeper)


def _trees(depth: int) -> bytes:
    splits = 2**depth - 1
    leaf = whole(-6, -1) + numbers(np.ones(6))
    return whole(splits) + splits * (whole(0, 0) + number(1)) + whole(splits + 1) + (splits + 1) * leaf


# the cache


@pytest.fixture
def file(homes) -> WeightsFile:
    content = file_of(forests_of())
    (homes / "points.dat").write_bytes(content)
    return WeightsFile("points.dat", folder=lambda: homes, sha256=hashlib.sha256(content).hexdigest())


def kept(homes: Path) -> list[Path]:
    return sorted((homes / "mnd" / "predictors").iterdir())


def test_what_was_read_is_kept_and_mapped(file, homes):
    first = shape_cache.obtain(file)
    (homes / "points.dat").unlink()
    again = shape_cache.obtain(file)
    assert same(first, forests_of())
    assert same(again, first)
    assert not again.leaves.flags.owndata
    assert not again.leaves.flags.writeable
    assert len(kept(homes)) == 1


def test_damage_is_seen_and_mended(file, homes):
    shape_cache.obtain(file)
    [path] = kept(homes)
    good = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(good), 60)
    damaged = [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :] for at in places.tolist()]
    damaged += [good[: len(good) // 2], b"", b"nonsense" * 100, good[:128] + bytes(len(good) - 128)]
    for bad in damaged:
        path.write_bytes(bad)
        # what NumPy fills up a header with may change without a loss
        assert shape_cache.read(path) is None or same(shape_cache.read(path), forests_of())
        assert same(shape_cache.obtain(file), forests_of())
    path.write_bytes(good[:-40])
    assert shape_cache.read(path) is None
    shape_cache.obtain(file)
    assert path.read_bytes() == good
    np.save(path.with_suffix(""), np.array([{"a": 1}], object), allow_pickle=True)
    assert shape_cache.read(path.with_suffix("")) is None


def test_leaves_of_two_trees_swapped_are_seen(file, homes):
    shape_cache.obtain(file)
    [path] = kept(homes)
    record = np.load(path)
    record["leaves"][0, 0, :2] = record["leaves"][0, 0, 1::-1]
    np.save(path, record)
    assert shape_cache.read(path) is None


@pytest.mark.parametrize("place", ["file", "folder"])
def test_folder_that_cannot_be_written(file, homes, monkeypatch, place):
    if place == "file":
        (homes / "mnd").write_text("")
    else:
        shape_cache._place(file).mkdir(parents=True)
    for _ in range(2):
        assert same(shape_cache.obtain(file), forests_of())
    if place == "folder":
        assert [p.is_dir() for p in kept(homes)] == [True]  # no parts are left


def test_many_at_once(file, homes):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shape_cache.obtain(file), range(24)))
    assert all(same(f, forests_of()) for f in found)
    assert len(kept(homes)) == 1


def test_another_file_is_refused_and_not_kept(file, homes):
    (homes / "points.dat").write_bytes(b"\1\1")
    with pytest.raises(ValueError, match="sha256"):
        shape_cache.obtain(file)
    wrong = WeightsFile("points.dat", folder=lambda: homes, sha256=hashlib.sha256(b"\1\1").hexdigest())
    with pytest.raises(FormatError, match=r"points\.dat: .*ends inside"):
        shape_cache.obtain(wrong)
    assert not (homes / "mnd").exists()
