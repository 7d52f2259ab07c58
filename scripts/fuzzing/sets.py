"""Cards, manifests, tar files and lists, damaged, and what their readers make of them."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnd.dataset import lists
from mnd.dataset.items import Item, Refused, Shard
from mnd.dataset.manifest import Index, Manifest, ManifestError, headers, latest, read_manifest, shortened
from mnd.dataset.shards import Stored, assemble, contents
from mnd.dataset.sources import Paths
from mnd.photo.photo import PhotoError
from mnd.targets.json_card import entry, read_card

from . import mutations
from .cases import ACCEPTED, Case, Verdict, refused
from .photos import FORMS, SMALL, save, searcher

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**70, 1e308, float("nan"), float("inf"), "", "x", "\0", "\ud800", [], {},
    [[]], [1, 2], [1.0, "a", None], {"a": 1}, "0.6", "ä" * 300, -0.5, [0, 0], [10**9, 10**9],
)  # fmt: skip
"""Values that stand where they should not."""
CARD = {
    "name": "own", "kind": "face", "unit": "cosine similarity", "threshold": 0.3, "size": [112, 112],
    "source": "nowhere", "licence": "CC0-1.0", "weights": "own.safetensors", "architecture": "mobilefacenet",
    "template": "arcface112", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "sha256": "ab" * 32,
    "judged_as": ["aligned", "mean"], "notes": "by hand", "download": 0, "threshold_at": "LFW",
}  # fmt: skip
CLASSIFIER = CARD | {"kind": "classifier", "unit": "logit margin", "threshold": 0, "template": "none",
                     "architecture": "timm:resnet18", "resize": 256, "interpolation": "bicubic"}  # fmt: skip


def odd_object(rng: random.Random, value: dict[str, Any], more: tuple[str, ...] = ()) -> dict[str, Any]:
    """The object with some values of another kind, missing, or too many."""
    value = dict(value)
    for _ in range(rng.randint(1, 2)):
        name, what = rng.choice([*value, *more] or ["a"]), rng.random()
        if what < 0.15:
            value.pop(name, None)
        elif what < 0.25:
            value[rng.choice(("", "x" * 3000, name.upper(), "\ud800"))] = rng.choice(ODD)
        elif what < 0.4 and isinstance(value.get(name), dict):
            value[name] = odd_object(rng, value[name] or {"a": 1})
        else:
            value[name] = rng.choice(ODD)
    return value


def strings(value: Any) -> Iterator[str]:
    """All texts in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def leaks(text: str) -> bool:
    """Whether the picture is in a text, or is one."""
    return len(text) > 200 and searcher().leaks(text.encode("utf-8", "surrogatepass"))


def _deep(rng: random.Random) -> bytes:
    """JSON within JSON within JSON."""
    count = rng.choice((500, 5_000, 100_000))
    return (b"[" * count + b"]" * count) if rng.random() < 0.5 else b'{"a":' * count + b"1" + b"}" * count


class Cards:
    """`card:PATH.json`."""

    def make(self, number: str) -> Case:
        """A card, with odd values or broken text."""
        rng = random.Random(number)
        card = dict(rng.choice((CARD, CLASSIFIER)))
        if rng.random() < 0.6:
            card = odd_object(rng, card, ("resize", "interpolation", "accuracy"))
        data = json.dumps(card).encode()
        if rng.random() < 0.4:
            data = mutations.damaged(rng, data)
        if rng.random() < 0.01:
            data = _deep(rng)
        return Case("card", data, ".json")

    def judge(self, case: Case, folder: Path) -> Verdict:
        """It is read, or refused with a message."""
        path = folder / "card.json"
        path.write_bytes(case.data)
        try:
            read_card(path)
            told = entry(str(path))
        except ValueError as error:
            return refused(error)
        float(told.card.threshold)
        hash(told.card.judged_as)
        return ACCEPTED


LINE: dict[str, Any] = {
    "input": "a/photo.jpg", "output": "a/photo.jpg", "status": "protected", "error": None, "seconds": 1.5,
    "input_sha256": "ab" * 32, "output_sha256": "cd" * 32, "input_stat": [1, 2], "output_stat": [3, 4],
    "settings_sha256": "ef" * 32, "worker": "1", "gallery": {"faces": 4, "person": 1, "passed": ["x"]},
    "regions": [{"kind": "face", "box": [1, 2, 3, 4], "targets": {"dlib": {
        "unit": "euclidean distance", "threshold": 0.6, "before": 0.0, "after": 0.74, "fooled": True,
        "channel": {}, "values": {}}}}],
    "quality": {"psnr": 45.0, "ssim": 0.99, "regions": [{"ssim": 0.98}]}, "suspected": False,
}  # fmt: skip
HEADER = {"mnd_manifest": 1, "settings": {"level": "minimum"}, "settings_sha256": "ef" * 32}
FAILED = LINE | {
    "input": "b.jpg",
    "output": None,
    "status": "failed",
    "error": {"kind": "empty", "message": "b"},
}
LONG = LINE | {"input": "x" * 200, "input_digest": "ab" * 16}


class Manifests:
    """`manifest.jsonl`: read, indexed, repaired, gone on with."""

    def make(self, number: str) -> Case:
        """Some lines, one of them odd or broken."""
        rng = random.Random(number)
        objects = [HEADER] + [rng.choice((LINE, FAILED, LONG)) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.6:
            at = rng.randrange(len(objects))
            objects[at] = odd_object(rng, objects[at], ("input_digest",))
        secret = base64.b64encode(FORMS["jpeg"]).decode()
        if rng.random() < 0.2:
            objects.append(
                LINE | {"input": secret, "error": {"kind": "missing", "message": f"{secret}: missing"}}
            )
        data = b"".join(json.dumps(line).encode() + b"\n" for line in objects)
        if rng.random() < 0.5:
            data = mutations.damaged(rng, data)
        if rng.random() < 0.01:
            data += _deep(rng) + b"\n"
        return Case("manifest", data, ".jsonl")

    def judge(self, case: Case, folder: Path) -> Verdict:
        """All readers agree on whether it can be read; what is told is short."""
        path = folder / "manifest.jsonl"
        path.write_bytes(case.data)
        try:
            list(read_manifest(path))
            whole = True
        except ManifestError as error:
            if (verdict := refused(error)).what != "refused":
                return verdict
            whole = False
        try:
            told = [*latest([path]), *headers(path)]
            with contextlib.closing(Index()) as index:
                index.add(path, torn=True)
                found = [index.get(line["input"]) for line in told if "input" in line and "status" in line]
            written = Manifest(path)
            written.append([LINE])
            written.close()
        except ManifestError as error:
            return Verdict("unlike", "whole, and yet refused") if whole else refused(error)
        if any(map(leaks, strings([told, found]))):
            return Verdict("leak", "in a line")
        if list(latest([path]))[-1]["input"] != LINE["input"]:
            return Verdict("unlike", "the last line is not the one that was appended")
        return ACCEPTED


NEW = save(255 - SMALL, "JPEG")


class Tars:
    """Shards: what is in them, and the same with other pictures."""

    def make(self, number: str) -> Case:
        """A tar file with pictures and others, of one of several formats, cut, joined or damaged."""
        rng = random.Random(number)
        data = self._tar(rng)
        if rng.random() < 0.3:
            data += self._tar(rng)
        what = rng.random()
        if what < 0.4:
            at = rng.randrange(len(data) // 512) * 512  # within a header, more often than not
            data = data[:at] + mutations.damaged(rng, data[at : at + 512]) + data[at + 512 :]
            if rng.random() < 0.7:
                data = self._summed(data, at)
        elif what < 0.6:
            at, to = (rng.randrange(len(data) // 512) * 512 for _ in range(2))
            data = data[:to] + data[at : at + 512 * rng.randint(1, 6)] + data[to:]
        elif what < 0.75:
            data = data[: rng.randrange(len(data))]
        else:
            data = mutations.damaged(rng, data)
        return Case("tar", data, ".tar")

    @staticmethod
    def _tar(rng: random.Random) -> bytes:
        buffer = io.BytesIO()
        kind = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
        jpeg, png = FORMS["jpeg"], FORMS["png"]
        code = json.dumps({"preview": base64.b64encode(jpeg).decode()}).encode()
        choices = [
            ("1.jpg", jpeg), ("1.png", png), ("1.json", b'{"caption": "a day"}'), ("2.json", code),
            ("1.cls", b"7"),
            ("1.dat", jpeg), ("._1.jpg", b"\0\5\x16\7" + bytes(90)), ("n" * 120 + ".jpg", jpeg),
            ("a/1.mp4", b"\0\0\0\x18ftypisom" + jpeg), ("ä.webp", FORMS["webp"]), ("1.heic", FORMS["heic"]),
        ]  # fmt: skip
        with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
            for name, body in rng.sample(choices, rng.randint(1, 4)):
                info = tarfile.TarInfo(name)
                info.size = len(body)
                if rng.random() < 0.1:
                    info.type = rng.choice(
                        (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE)
                    )
                    info.linkname, info.size, body = "1.jpg", 0, b""
                with contextlib.suppress(ValueError):  # names that the format has no room for
                    tar.addfile(info, io.BytesIO(body))
        return buffer.getvalue()

    @staticmethod
    def _summed(data: bytes, at: int) -> bytes:
        """The header at `at` with the sum that it should have."""
        head = bytearray(data[at : at + 512])
        if len(head) < 512:
            return data
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        return data[:at] + bytes(head) + data[at + 512 :]

    def judge(self, case: Case, folder: Path) -> Verdict:
        """No picture is in the result that was neither replaced nor told."""
        path = folder / "a.tar"
        path.write_bytes(case.data)
        shard = Shard("a.tar", str(path))
        try:
            found = contents(shard)
            made = assemble(shard, folder, lambda member: NEW if member.number % 3 else None)
            stored = Stored("a.tar", made)
        except PhotoError as error:
            return refused(error)
        kept = [member for member in found.pictures if member.number % 3]
        out = made.read_bytes()
        if out.count(NEW) < len(kept):
            return Verdict("unlike", "a picture was not replaced")
        # a later file of the name of a picture, which is no picture itself, is what a reader gets
        with tarfile.open(path, ignore_zeros=True) as tar:
            files = (info for info in tar if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES)
            names = Counter(f"{shard.name}/{info.name}" for info in files)
        if any(stored.get(member.name) != NEW for member in kept if names[member.name] == 1):
            return Verdict("unlike", "another picture is found")
        if not found.left and any(form in out for form in (FORMS["jpeg"], FORMS["png"], FORMS["webp"])):
            return Verdict("leak", "a picture that is neither replaced nor told")
        return ACCEPTED


class Lists:
    """Text and CSV lists of paths."""

    def make(self, number: str) -> Case:
        """A list in one of several encodings, with the picture as text in it, damaged."""
        rng = random.Random(number)
        secret = base64.b64encode(FORMS[rng.choice(("jpeg", "raw"))]).decode()
        values = [
            "a/1.jpg", "b c.png", "/x/y.webp", "../z.tif", secret, "data:image/png;base64," + secret,
            json.dumps([secret]), FORMS["jpeg"].hex(), str(FORMS["jpeg"]), "", "ä.jpg", "#", "a" * 5000,
        ]  # fmt: skip
        rows = rng.choices(values[:5], k=3) + rng.sample(values, 2)
        suffix = rng.choice((".txt", ".csv", ".tsv", ".lst"))
        code = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"))
        if suffix in (".csv", ".tsv"):
            mark = "," if suffix == ".csv" else "\t"
            lines = [f"id{mark}path{mark}caption"]
            lines += [f'{i}{mark}"{row}"{mark}some words' for i, row in enumerate(rows)]
        else:
            lines = rows
        text = rng.choice(("\n", "\r\n")).join(lines)
        data = mutations.damaged(rng, text.encode(code))
        return Case("list", data, suffix)

    def judge(self, case: Case, folder: Path) -> Verdict:
        """It is read or refused; what is not a path is not told further."""
        path = folder / f"list{case.suffix}"
        path.write_bytes(case.data)
        try:
            lists.check(path, "path")
            found = list(Paths(path, folder / "out", "path"))
        except ValueError as error:
            if leaks(str(error)):
                return Verdict("leak", "in a message")
            return refused(error)
        told = []
        for it in found:
            message = it.message if isinstance(it, Refused) else ""
            told.append(
                shortened({"input": it.name, "output": None, "error": {"kind": "x", "message": message}})
            )
            if isinstance(it, Item) and "\0" in it.path:
                return Verdict("traceback", "a path with a zero byte was handed on")
        if any(map(leaks, strings(told))):
            return Verdict("leak", "in the manifest")
        return ACCEPTED
