"""Photos side by side: the same bytes in any company, fewer calls of the networks, nobody hurts another."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd import Cloaker
from mnd.cloaking import eot
from mnd.cloaking.settings import CloakSettings
from mnd.dataset import engines, fingerprint
from mnd.dataset.engines import local
from mnd.dataset.items import Item
from mnd.dataset.manifest import manifest_path, read_manifest
from mnd.dataset.settings import ProtectSettings, both_settings
from mnd.dataset.worker import DiskFullError, ProtectJob, Protector
from mnd.optimizer import batching
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of, command, files, lines, run, timeless, tried, workers_of
from tests.helpers.fakes import FakeJob

PHOTOS = 8


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    names = tiny.write_pictures(tmp_path / "src", PHOTOS)
    return [Item(name, str(tmp_path / "src" / name)) for name in names]


@pytest.fixture
def protector(tmp_path: Path, card: str) -> Callable[..., Protector]:
    """A worker that has its own folder of results."""

    def make(side_by_side: bool = True, **options: Any) -> Protector:
        dst = tmp_path / f"dst-{len(list(tmp_path.iterdir()))}"
        (dst / "aside").mkdir(parents=True)
        cloak = CloakSettings(**{"targets": (card,)} | tiny.OPTIONS | options)
        return ProtectJob(cloak, "copy", dst, dst / "aside", "0", side_by_side)()

    return make


def sums(records: list[dict[str, Any]]) -> dict[str, str]:
    """The results of those that are protected."""
    return {r["input"]: r["output_sha256"] for r in records if r["status"] == "protected"}


def in_batches(protector: Protector, items: list[Item], size: int) -> list[dict[str, Any]]:
    return [r for first in range(0, len(items), size) for r in protector(items[first : first + size])]


# the worker -------------------------------------------------------------------------------------------


def test_results_are_the_same_bytes_in_any_company_and_order(protector, items: list[Item]):
    alone = in_batches(protector(), items, 1)
    assert len(sums(alone)) == PHOTOS
    assert [record["input"] for record in alone] == [item.name for item in items]
    chance = random.Random(0)
    for size in (2, 3, 8):
        mixed = chance.sample(items, PHOTOS)
        records = in_batches(protector(), mixed, size)
        assert [record["input"] for record in records] == [item.name for item in mixed]
        assert sums(records) == sums(alone)
    margins = [
        {name: told for name, told in r.items() if name in ("input", "regions", "quality")} for r in alone
    ]
    again = sorted(in_batches(protector(), items, 5), key=lambda r: r["input"])
    assert margins == [{name: r[name] for name in told} for told, r in zip(margins, again, strict=True)]


def test_without_the_setting_a_batch_is_what_it_was(protector, items: list[Item], card: str):
    plain = protector(side_by_side=False)
    assert plain.batcher is None
    cloaker = Cloaker(CloakSettings(targets=(card,), **tiny.OPTIONS))
    for record, item in zip(plain(items[:3]), items, strict=False):
        made, _ = cloaker.encoded(Path(item.path).read_bytes(), item.name)
        assert made == (plain.job.dst / item.name).read_bytes()
        assert record["status"] == "protected"


def test_photos_side_by_side_cost_the_calls_of_one(
    protector, items: list[Item], monkeypatch: pytest.MonkeyPatch
):
    forward, calls = batching.Batcher._forward, [0, 0]

    def counted(self: batching.Batcher, net: Any, asked: list[Any]) -> list[Any]:
        calls[0] += 1
        calls[1] += len(asked)
        return forward(self, net, asked)

    monkeypatch.setattr(batching.Batcher, "_forward", counted)
    worker = protector(keep_best=True)
    worker(items[:1])
    attempts, calls[:] = calls[0] // tiny.OPTIONS["steps"], [0, 0]
    assert attempts >= 1
    worker(items[:4])
    # three searches at most, and whoever comes in late
    assert calls[0] <= 3 * tiny.OPTIONS["steps"] + 3
    assert calls[1] >= 4 * tiny.OPTIONS["steps"]


@contextlib.contextmanager
def trouble(
    monkeypatch: pytest.MonkeyPatch, side: int, error: Callable[[], Exception | None]
) -> Iterator[None]:
    """The third step of a photo of that height raises."""
    usual = eot.Views.__call__

    def call(self: eot.Views, y: Any) -> Any:
        self.steps_done = getattr(self, "steps_done", 0) + 1  # type: ignore[attr-defined]
        if y.shape[2] == side and self.steps_done == 3 and (raised := error()):  # type: ignore[attr-defined]
            raise raised
        return usual(self, y)

    with monkeypatch.context() as patch:
        patch.setattr(eot.Views, "__call__", call)
        yield


@pytest.fixture
def odd(items: list[Item]) -> Item:
    """One of another size."""
    path = Path(items[3].path)
    path.write_bytes(png(tiny.crops(1, 40)[0]))
    return items[3]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photo_that_raises_in_the_middle_of_its_search_hurts_nobody(
    protector,
    items: list[Item],
    odd: Item,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    well = sums(in_batches(protector(), items, 1))
    assert len(well) == PHOTOS
    with trouble(monkeypatch, 40, lambda: ValueError("bad luck")):
        records = {r["input"]: r for r in protector()(items)}
    assert records[odd.name]["error"] == {"kind": "value", "message": f"{odd.name}: bad luck"}
    del well[odd.name]
    assert sums(list(records.values())) == well
    with trouble(monkeypatch, 40, lambda: ZeroDivisionError("a bug")):
        records = {r["input"]: r for r in protector()(items)}
    assert records[odd.name]["error"]["kind"] == "unexpected"
    assert sums(list(records.values())) == well
    assert "ZeroDivisionError" in caplog.text


def test_what_is_too_much_for_the_memory_together_is_done_alone(
    protector, items: list[Item], odd: Item, monkeypatch: pytest.MonkeyPatch
):
    well = sums(in_batches(protector(), items, 1))
    worker = protector()
    assert worker.batcher is not None
    with trouble(monkeypatch, 40, lambda: MemoryError() if worker.batcher._members else None):
        assert sums(worker(items)) == well
    with trouble(monkeypatch, 40, MemoryError):
        records = {r["input"]: r for r in protector()(items)}
    assert records[odd.name]["error"]["kind"] == "memory"


def test_a_full_disk_ends_a_batch(protector, items: list[Item], monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mnd.dataset.worker.write_checked", full)
    with pytest.raises(DiskFullError):
        protector()(items)


def test_real_faces_and_a_photo_without_one(tmp_path: Path):
    """The recogniser that comes with the package, on three versions of a photo."""
    face = np.ascontiguousarray(data.astronaut()[:203, 120:357])
    pictures = {"a": face, "b": face[:, ::-1], "c": data.coffee()[:128, :128], "d": face // 2 + 60}
    for name, pixels in pictures.items():
        (tmp_path / f"{name}.png").write_bytes(png(np.ascontiguousarray(pixels)))
    every = [Item(f"{name}.png", str(tmp_path / f"{name}.png")) for name in pictures]
    cloak = CloakSettings(targets=("dlib",), level="minimum", offline=True, steps=10, rho=0.0, headroom=0.0)
    found = []
    for size in (1, 4):
        dst = tmp_path / str(size)
        (dst / "aside").mkdir(parents=True)
        worker = ProtectJob(cloak, "copy", dst, dst / "aside", "0", True)()
        records = in_batches(worker, every, size)
        assert [r["status"] for r in records] == ["protected", "protected", "copied", "protected"]
        found.append([r["output_sha256"] for r in records])
    assert found[0] == found[1]


# the settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [0, 257, -1, 2.5])
def test_a_batch_has_photos(batch: Any):
    with pytest.raises(ValueError, match=f"batch is {batch}, expected a whole number from 1 to 256"):
        ProtectSettings(batch=batch)


def test_the_sum_of_the_settings_knows_of_chunks_where_they_change_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def told(**options: Any) -> Any:
        header = fingerprint.header(*both_settings(options), [], tmp_path)
        return header["settings_sha256"], header["settings"].get("chunk")

    assert told(batch=2) == told(batch=8, workers=3) == told(batch=256, device="cpu")
    assert told() == told(batch=1) == told(device="cpu")
    assert told(batch=2)[0] != told()[0]
    assert (told(batch=2)[1], told()[1]) == (batching.CHUNK, None)
    # on a GPU there are chunks in any case
    monkeypatch.setattr("mnd.base.runtime.pick_device", lambda name: "cuda" if name == "auto" else name)
    assert told(batch=2) == told() == told(batch=8, device="cuda")


def test_on_a_gpu_there_is_a_batcher_in_any_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, card: str, items: list[Item]
):
    """As far as that can be seen without one: what is said to be on it is on the CPU."""
    monkeypatch.setattr("mnd.base.runtime.pick_device", lambda name: "cuda")
    made: dict[str, Any] = {}

    class Spy:
        def __init__(self, settings: CloakSettings, batcher: Any) -> None:
            made.update(batcher=batcher)
            self.settings = settings

    monkeypatch.setattr("mnd.cloaking.cloaker.Cloaker", Spy)
    ProtectJob(CloakSettings(targets=(card,)), "copy", tmp_path, tmp_path, "0")()
    assert made["batcher"].chunk == batching.CHUNK_ON_GPU


# the engine -------------------------------------------------------------------------------------------


def engine(folder: Path, names: list[str], workers: int, batch: int | None) -> list[dict[str, Any]]:
    given = (Item(name, name) for name in names)
    settings = ProtectSettings(workers=workers, batch=batch)
    return list(engines.load("local")(FakeJob(folder), given, settings))


def test_workers_get_batches(tmp_path: Path):
    names = [f"{n} ok" for n in range(42)]
    records = engine(tmp_path, names, 2, 8)
    assert sorted(record["input"] for record in records) == sorted(names)
    assert max(record["batch"] for record in records) == 8
    assert sum(record["batch"] == 8 for record in records) >= 32
    assert all(len(tried(tmp_path, name)) == 1 for name in names)


def test_of_a_batch_whose_worker_dies_each_item_is_tried_again_alone(tmp_path: Path):
    names = [f"{n} ok" for n in range(20)]
    names[5:5] = ["x die"]
    names[13:13] = ["y die-once"]
    records = {record["input"]: record for record in engine(tmp_path, names, 2, 4)}
    assert records.keys() == set(names)
    died = records.pop("x die")["error"]
    assert died["kind"] == "worker-died"
    assert "died of it 2 times (signal 9)" in died["message"]
    assert all(record["error"] is None for record in records.values())
    assert len(tried(tmp_path, "x die")) == len(tried(tmp_path, "y die-once")) == 2
    again = [name for name in names if len(tried(tmp_path, name)) == 2]
    assert 2 <= len(again) <= 8
    assert all(records[name]["batch"] == 1 for name in again if name in records)
    assert all(len(tried(tmp_path, name)) <= 2 for name in names)


def test_batches_are_taken_as_they_are_needed(tmp_path: Path):
    taken = 0

    def endless() -> Iterator[Item]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield Item(f"{number} ok", "")

    settings = ProtectSettings(workers=2, batch=5)
    with contextlib.closing(local.run(FakeJob(tmp_path), endless(), settings)) as records:
        for number, _ in enumerate(records, start=1):
            assert taken <= number + 4 * 5
            if number == 60:
                break
    assert taken <= 80


@pytest.mark.parametrize(
    ("gpus", "options", "workers", "batch"),
    [(0, {}, 6, 1), (0, {"batch": 4}, 6, 4), (1, {}, 1, 16), (2, {}, 2, 16), (1, {"batch": 1}, 6, 1),
     (1, {"batch": 4}, 2, 4), (4, {"batch": 2}, 6, 2), (2, {"workers": 9}, 9, 16)],
)  # fmt: skip
def test_how_many_workers_there_are_and_what_each_has(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    gpus: int,
    options: dict[str, int],
    workers: int,
    batch: int,
):
    monkeypatch.setattr(local, "cores", lambda: 6)
    monkeypatch.setattr(local, "gpus", lambda make: [str(n) for n in range(gpus)])
    pool = local._Pool(FakeJob(tmp_path), iter([]), ProtectSettings(**options))
    assert (pool.count, pool.batch) == (workers, batch)


def test_workers_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(local, "gpus", lambda make: ["3", "7"])
    records = engine(tmp_path, [f"{n} meet-2" for n in range(16)], 2, 1)
    assert {record["gpus"] for record in records} == {"3", "7"}
    assert len({(record["gpus"], record["pid"]) for record in records}) == 2


# the command ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_kill_9_of_a_worker_in_a_batch(tmp_path: Path, card: str):
    """Each photo is done once, and with the bytes of an undisturbed run that had other batches."""
    src, clean, dst = (tmp_path / name for name in ("src", "clean", "dst"))
    tiny.write_pictures(src, 12)
    arguments = ("--targets", card, *tiny.FLAGS, "--workers", 2)
    done = run(src, clean, *arguments, "--batch", 3)
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        command(src, dst, *arguments, "--batch", 4), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not dst.exists() or not files(dst):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert bytes_of(dst) == bytes_of(clean)
    assert timeless(dst) == timeless(clean)
    told = [line["input"] for _, line in read_manifest(manifest_path(dst)) if "input" in line]
    assert sorted(told) == sorted(files(src))
    assert {line["status"] for line in lines(dst).values()} == {"protected"}
