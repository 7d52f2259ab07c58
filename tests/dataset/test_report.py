"""The page about a data set: what it says is what the manifest says, and no clean face is on it."""

from __future__ import annotations

import base64
import io
import json
import math
import random
import re
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.dataset.manifest import ManifestError, latest, manifests
from mnd.dataset.report import examples, histogram, page
from mnd.dataset.report.histogram import Histogram, Spread
from mnd.dataset.report.page import Tally, remove_private, sentences, write_report
from mnd.photo.difference import difference_picture
from tests.helpers import tiny
from tests.helpers.html_reader import Reader

BEFORE, AFTER, DIFFERENCE = "before", "after", "difference"


def pictures(page: str) -> list[tuple[str, np.ndarray]]:
    """What each picture on a page is said to be, and its pixels."""
    found = re.findall(r'<img src="data:image/webp;base64,([^"]+)" alt="(\w+)"', page)
    return [
        (what, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")))
        for data, what in found
    ]


def record(name: str, ssim: float = 0.99, after: float = 0.7, **more: Any) -> dict[str, Any]:
    told = {"unit": "euclidean distance", "threshold": 0.6, "after": after, "fooled": after >= 0.6}
    told |= {"channel": {"jpeg75": after >= 0.65}}
    regions = [{"box": [1, 2, 30, 40], "kind": "face", "targets": {"dlib": told}}]
    quality = {"psnr": 50.0, "ssim": 0.999, "regions": [{"ssim": ssim}]}
    return {
        "input": name, "output": name, "status": "protected", "protected": True, "error": None, "seconds": 2,
        "output_sha256": "0" * 64, "regions": regions, "quality": quality,
    } | more  # fmt: skip


def failure(name: str, kind: str = "truncated", message: str = "broken") -> dict[str, Any]:
    error = {"kind": kind, "message": message}
    return {"input": name, "output": None, "protected": False, "status": "failed", "error": error}


def write_manifest(dst: Path, lines: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> Path:
    dst.mkdir(exist_ok=True)
    with (dst / "manifest.jsonl").open("w") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
    return dst


def page_of(dst: Path) -> str:
    return write_report(dst).read_text(encoding="utf-8")


# what a run leaves ------------------------------------------------------------------------------------------


@pytest.fixture
def done(protect: Callable[..., Any], src: Path, dst: Path) -> Path:
    """A folder of results, with a failure and a file that is no picture."""
    (src / "0" / "bad <b>.png").write_bytes(b"rubbish")
    (src / "notes.txt").write_text("no picture")
    summary = protect(src, dst)
    assert summary.report == dst / "report.html"
    return dst


def test_a_run_leaves_a_page_that_stands_alone(done: Path):
    page = (done / "report.html").read_text(encoding="utf-8")
    reader = Reader(page)
    for tag, attributes in reader.seen:
        for name in ("src", "href"):
            address = attributes.get(name) or "data:"
            assert address.startswith(("data:", "#", "./")), (tag, address)
            if address.startswith("./"):
                assert (done / address).is_file()
    assert "default-src 'none'" in page
    assert re.search(r"https?://", page) is None
    assert "6 of 7 photos are protected" in reader.words
    assert "bad <b>.png: starts with b'rubbish'" in reader.words
    assert "bad <b>" not in page


def test_its_figures_are_those_of_the_manifest(done: Path):
    words = Reader((done / "report.html").read_text(encoding="utf-8")).words
    lines = [line for line in latest(manifests(done)) if line["status"] == "protected"]
    ssim = [line["quality"]["ssim"] for line in lines]
    assert f"mean {sum(ssim) / len(ssim):.4f}" in words
    assert f"from {min(ssim):.4f} to {max(ssim):.4f}" in words
    [(name, told)] = lines[0]["regions"][0]["targets"].items()
    assert f"{name}, {told['unit']}" in words
    assert "0 of 6 regions recognised" in words


def test_no_photo_is_shown_as_it_was_unless_that_is_asked_for(protect, src: Path, dst: Path):
    protect(src, dst)
    plain = (dst / "report.html").read_text(encoding="utf-8")
    protect(src, dst, report_originals=True)
    private = (dst / "report.html").read_text(encoding="utf-8")
    clean = [tiny.crops(1, seed=number)[0] for number in range(6)]
    results = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(dst.glob("*/*"))]

    def those(page: str, some: list[np.ndarray]) -> int:
        return sum(any(np.array_equal(shown, one) for one in some) for _, shown in pictures(page))

    assert those(plain, results) == len(pictures(plain)) == 6
    assert those(plain, clean) == 0
    assert "Private." not in plain
    assert those(private, results) == those(private, clean) == 6
    assert len(pictures(private)) == 18
    assert Reader(private).words.index("Private.") < Reader(private).words.index("A protected data set:")
    protect(src, dst)
    assert (dst / "report.html").read_text(encoding="utf-8") == plain


@pytest.mark.parametrize(
    "told",
    [
        '<meta name="mnd:private" content="1"><p>In other words.</p>',
        "<p>This page shows photos as they were before they were protected. It lies in the folder ...</p>",
    ],
)
def test_a_private_page_is_known_by_its_mark_and_by_what_it_said_before(tmp_path: Path, told: str):
    page = tmp_path / "report.html"
    page.write_text(f"<html>{told}</html>")
    assert remove_private(tmp_path)
    assert not page.exists()
    page.write_text("<html>Counts alone.</html>")
    assert not remove_private(tmp_path)
    assert page.exists()


def test_a_private_page_goes_also_when_the_next_run_is_stopped(
    protect, src: Path, dst: Path, monkeypatch: pytest.MonkeyPatch
):
    """A page without originals stays until there is another."""
    page = dst / "report.html"
    protect(src, dst)

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mnd.dataset.protect.Protection._protect", stopped)
        with pytest.raises(KeyboardInterrupt):
            protect(src, dst)
        assert page.exists()
    protect(src, dst, report_originals=True)
    with monkeypatch.context() as patch:
        patch.setattr("mnd.dataset.protect.Protection._protect", stopped)
        with pytest.raises(KeyboardInterrupt):
            protect(src, dst, report_originals=True)
        assert page.exists()
        with pytest.raises(KeyboardInterrupt):
            protect(src, dst)
    assert not page.exists()
    summary = protect(src, dst)
    assert page.exists()
    assert summary.notes == ()


def test_before_after_and_difference_stand_beside_each_other(protect, src: Path, dst: Path):
    protect(src, dst, report_originals=True)
    shown = pictures((dst / "report.html").read_text(encoding="utf-8"))
    assert [what for what, _ in shown] == [BEFORE, AFTER, DIFFERENCE] * 6
    for place in range(0, 18, 3):
        (_, before), (_, after), (_, difference) = shown[place : place + 3]
        assert np.array_equal(difference, difference_picture(before, after))
        assert not np.array_equal(before, after)


def test_the_worst_come_first(done: Path):
    page = (done / "report.html").read_text(encoding="utf-8")
    lines = [line for line in latest(manifests(done)) if line["status"] == "protected"]
    ranked = sorted(lines, key=lambda line: line["quality"]["regions"][0]["ssim"])
    assert re.findall(r'<h4 class="path">([^<]+)</h4>', page) == [line["input"] for line in ranked]


def test_the_photos_of_a_list_and_of_shards_are_found(protect, tmp_path: Path):
    src, away = tmp_path / "src", tmp_path / "away.png"
    src.mkdir()
    away.write_bytes(tiny.picture(1))
    with tarfile.open(src / "shard.tar", "w") as tar:
        for number in (2, 3):
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(tiny.picture(number))
            tar.addfile(info, io.BytesIO(tiny.picture(number)))
    (src / "list.txt").write_text(f"{away}\nshard.tar\n")
    protect(src / "list.txt", tmp_path / "dst", report_originals=True)
    page = (tmp_path / "dst" / "report.html").read_text(encoding="utf-8")
    before = [pixels for what, pixels in pictures(page) if what == BEFORE]
    assert len(before) == 3
    for number in (1, 2, 3):
        assert any(np.array_equal(pixels, tiny.crops(1, seed=number)[0]) for pixels in before)


def test_what_is_not_there_any_more_is_said(protect, src: Path, dst: Path):
    protect(src, dst)
    (dst / "0/00000.png").unlink()
    (dst / "1/00001.bmp").write_bytes(tiny.picture(50, "BMP"))
    words = Reader(page_of(dst)).words
    assert "the result is not there any more" in words
    assert "the result has changed since" in words
    assert len(pictures(page_of(dst))) == 4


def test_a_run_does_not_fail_for_its_report(protect, src: Path, dst: Path):
    (dst / "report.html").mkdir(parents=True)
    summary = protect(src, dst)
    assert summary.done
    assert summary.report is None
    assert any("there is no report" in note for note in summary.notes)


def test_a_stopped_run_has_none(protect, src: Path, dst: Path):
    class Stopping:
        def loading(self, *told: Any) -> None: ...

        def note(self, text: str) -> None: ...

        def record(self, line: Any, known: bool) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protect(src, dst, watcher=Stopping())
    assert not (dst / "report.html").exists()


# made-up manifests ------------------------------------------------------------------------------------------


def test_counts_failures_and_names_that_are_no_text(tmp_path: Path):
    lines = [
        record("a.png"), record("b.png", status="whole"), record("a.png", after=0.61),
        {"input": "c.png", "output": "c.png", "protected": False, "status": "copied", "error": None},
        {"input": "d.png", "output": None, "protected": False, "status": "skipped", "error": None},
        failure("e\udcff.png"), failure("f.png", "no-face", "f.png: <no face>"), failure("x/", "unreadable"),
        {"input": "n.txt", "output": None, "protected": False, "status": "other", "error": None, "why": "-"},
    ]  # fmt: skip
    words = Reader(page_of(write_manifest(tmp_path / "dst", lines))).words
    assert "2 of 7 photos are protected" in words
    assert "3 failed and have no result" in words
    assert "f.png: <no face>" in words
    assert "\\udcff.png" in words
    assert "0 of 2 regions recognised" in words
    assert "50.0 % after jpeg75" in words  # the later line of a.png alone


def test_all_shards_are_counted_and_a_broken_end_is_passed_over(tmp_path: Path):
    dst = write_manifest(tmp_path / "dst", [record("a.png")])
    (dst / "manifest-1-of-2.jsonl").write_text(json.dumps(record("b.png")) + "\n")
    (dst / "manifest-2-of-2.jsonl").write_text(json.dumps(failure("c.png")) + '\n{"input": "d')
    words = Reader(page_of(dst)).words
    assert "2 of 3 photos are protected" in words
    assert "manifest-2-of-2.jsonl" in words


def test_more_failures_than_can_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(page, "LISTED", 10)
    dst = write_manifest(tmp_path / "dst", [failure(f"{n}.png", message=f"why {n}!") for n in range(25)])
    words = Reader(page_of(dst)).words
    assert sum(f"why {n}!" in words for n in range(25)) == 10
    assert "15 more than are listed here" in words


def test_nothing_at_all(tmp_path: Path):
    assert "There are no photos." in page_of(write_manifest(tmp_path / "dst", []))
    with pytest.raises(FileNotFoundError, match="has no manifest"):
        write_report(tmp_path)


def test_a_broken_manifest_is_refused(tmp_path: Path):
    dst = write_manifest(tmp_path / "dst", [failure("a.png")])
    (dst / "manifest.jsonl").write_text("rubbish\n" + json.dumps(failure("a.png")) + "\n")
    with pytest.raises(ManifestError, match="line 1"):
        write_report(dst)


def test_photos_without_the_person_of_the_gallery_are_counted():
    found = Tally()
    for place, person in enumerate((0, 1, 0, None)):
        gallery = None if person is None else {"photos": 4, "passed": [], "faces": 2, "person": person}
        found.add(place, record(f"{place}.png", gallery=gallery))
    assert found.strangers == 2
    text = "2 show nobody who is the person of the gallery, and are judged against themselves alone."
    assert text in sentences(found)


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        (["robust"], "in the saved file, also after a messenger (JPEG, WebP, half size)."),
        (["robust", "minimum"], "in the saved file, as saved only: do not send them through a messenger."),
        ([None], "in the saved file, as saved only"),
    ],
)
def test_whether_results_may_be_sent_is_said_first(levels: list[str | None], told: str):
    found = Tally()
    target = {"unit": "euclidean distance", "threshold": 0.6, "after": 0.7, "fooled": True}
    for number, level in enumerate(levels):
        line = {"input": f"{number}.jpg", "status": "protected", "regions": [{"targets": {"dlib": target}}]}
        found.add(number, line | {"level": level})
    assert told in sentences(found)[0]


def test_a_gallery_is_not_named(tmp_path: Path):
    header = {
        "mnd_manifest": 1, "source": "photos", "versions": {"torch": "2"},
        "settings": {"level": "strong", "gallery": [["me at home.jpg", "ab"]], "targets": [{"name": "dlib"}]},
    }  # fmt: skip
    page = page_of(write_manifest(tmp_path / "dst", [header, record("a.png")]))
    assert "me at home" not in page
    assert "1 photos" in Reader(page).words


def test_the_page_depends_on_the_lines_not_on_their_order(tmp_path: Path):
    lines = [record(f"{n:03d}.png", ssim=0.9 + n % 7 / 100, after=0.5 + n / 64) for n in range(40)]
    lines[0]["regions"][0]["targets"] |= {"facenet": lines[0]["regions"][0]["targets"]["dlib"]}
    lines += [failure(f"{n}.jpg", kind) for n, kind in enumerate(("empty", "missing", "empty", "missing"))]
    first = page_of(write_manifest(tmp_path / "a", lines))
    random.Random(0).shuffle(lines)
    assert page_of(write_manifest(tmp_path / "b", lines)) == first


def test_memory_stays_flat():
    """Beside the index, which keeps where lines are, nothing grows with their number."""

    def peak(count: int) -> int:
        tracemalloc.start()
        found, chance = Tally(), random.Random(0)
        for n in range(count):
            found.add(n, record(f"{n}.png", chance.random(), chance.gauss(0.7, 0.1)))
        assert found.statuses["protected"] == count
        assert len(found.worst) == page.WORST
        told = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return told

    assert peak(30_000) < 1.1 * peak(15_000)


def test_sentences_of_a_data_set_without_faces():
    found = Tally()
    for place in range(3):
        found.add(place, {"input": f"{place}", "status": "copied", "output": f"{place}"})
    assert sentences(found) == [
        "0 of 3 photos are protected.",
        "3 show no face that was found, and were copied as they are.",
    ]


def test_a_large_region_is_cut_and_never_resized():
    pixels = np.zeros((900, 1000, 3), np.uint8)
    line = record("a.png", regions=[{"box": [0, 0, 1000, 900], "kind": "face", "targets": {}}])
    rows, columns = examples._part(line, pixels)
    assert pixels[rows, columns].shape == (examples.SIDE, examples.SIDE, 3)


# distributions ----------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=200)


def spread_of(values: list[float]) -> Spread:
    found = Spread()
    for value in values:
        found.add(value)
    return found


@given(NUMBERS, st.one_of(st.none(), st.floats(-10, 10)))
def test_every_number_is_in_a_bar(values: list[float], mark: float | None):
    found = spread_of(values).histogram(mark)
    assert found is not None
    assert sum(found.heights) == len(values)
    assert len(found.heights) <= histogram.BARS + 2
    if mark is not None:
        assert -1e-6 <= found.share(mark) <= 1 + 1e-6
    assert all(-1e-6 <= at <= 1 + 1e-6 for at, _ in found.ticks())
    assert all(0 <= left < 1 and 0 < height <= 1 for left, height, _ in found.bars())


@given(NUMBERS, st.randoms())
def test_the_order_of_numbers_does_not_matter(values: list[float], chance: random.Random):
    first = spread_of(values).histogram()
    chance.shuffle(values)
    assert spread_of(values).histogram() == first


@given(NUMBERS)
def test_a_quantile_is_that_of_the_sorted_numbers(values: list[float]):
    found = spread_of(values)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
        assert found.quantile(share) == pytest.approx(exact, abs=found._width)


def test_bins_are_bounded_and_as_fine_as_they_can_be():
    found, chance = Spread(), random.Random(0)
    for _ in range(50_000):
        found.add(chance.random())
    assert histogram.MOST / 2 - 1 <= len(found._bins) <= histogram.MOST
    assert found.mean == pytest.approx(0.5, abs=0.01)
    assert found.quantile(0.25) == pytest.approx(0.25, abs=0.01)


def test_what_is_no_number_is_not_counted():
    found = spread_of([math.inf, math.nan])
    found.add(None)
    assert (found.count, found.mean, found.histogram()) == (0, None, None)
    with pytest.raises(ValueError, match="expected"):
        found.quantile(0.5)


def test_outliers_do_not_flatten_a_plot_and_are_counted():
    found = spread_of([0.99 + n / 1e6 for n in range(1000)] + [0.1])
    told = found.histogram()
    assert told is not None
    assert told.start > 0.98
    assert told.cut == (True, False)
    assert told.bars()[0][2].startswith("below 0.99")


def test_words_on_an_axis():
    told = Histogram(0.9, 0.01, (1, 0, 3), (False, True), 0.9)
    assert told.end == pytest.approx(0.93)
    assert [words for _, _, words in told.bars()] == ["0.90 to 0.91: 1", "0.92 and above: 3"]
    assert next(words for _, words in told.ticks()) == "0.900"
