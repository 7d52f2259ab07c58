"""The page is blind, stands alone, shows the very pixels, and its key lies apart."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd.base.files import PhotoError
from mnd.study import StudySettings, create, rating
from tests.helpers.order import order
from tests.helpers.rated import STRENGTHS, TARGET, clean_picture, noisy

SECRET = b"not a secret"


class Reader(HTMLParser):
    """The elements with their attributes, and the text of scripts by their id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.inside: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") or "" if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside is not None:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data

    @property
    def study(self) -> dict:
        return json.loads(self.scripts["study"])

    def picture(self, asset: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.file(asset))))

    def file(self, asset: str) -> bytes:
        head, _, data = self.scripts[asset].partition(",")
        assert head == "data:image/png;base64"
        return base64.b64decode(data, validate=True)


def read(page: Path) -> Reader:
    return Reader(page.read_text(encoding="utf-8"))


def key_of(page: Path) -> dict:
    return json.loads((page.parent / "key.json").read_text(encoding="utf-8"))


@pytest.fixture
def made(report: Path, tmp_path: Path) -> Path:
    return create(report, tmp_path / "study", pictures=3, secret=SECRET)


def chunks(file: bytes) -> list[bytes]:
    """The types of a PNG's chunks."""
    at, types = 8, []
    while at < len(file):
        types.append(file[at + 4 : at + 8])
        at += 12 + int.from_bytes(file[at : at + 4], "big")
    return types


def test_every_content_with_every_attack_and_with_itself(made):
    key = key_of(made)["trials"]
    assert len(key) == 3 * (len(STRENGTHS) + 1)
    kinds = Counter((trial["kind"], trial["attack"]) for trial in key.values())
    assert kinds == {("hidden", "reference"): 3, **{("test", attack): 3 for attack in STRENGTHS}}
    assert {trial["target"] for trial in key.values()} == {TARGET}
    shown = {trial["id"]: trial for trial in read(made).study["trials"]}
    assert shown.keys() == key.keys()


def test_the_pixels_are_those_of_the_files(made, report):
    page, key = read(made), key_of(made)
    for trial in [*page.study["trials"], *page.study["training"]]:
        told = (key["trials"] | key["training"])[trial["id"]]
        for asset, path in ((trial["reference"], told["reference"]), (trial["test"], told["path"])):
            there = np.asarray(Image.open(report / path))
            assert np.array_equal(page.picture(asset), there)
            assert (trial["height"], trial["width"]) == there.shape[:2]
        same = np.array_equal(page.picture(trial["reference"]), page.picture(trial["test"]))
        assert same == (told["attack"] == "reference")


def test_nothing_in_the_page_says_what_a_trial_is(made, report):
    data = made.read_bytes()
    pictures = {
        line["picture"] for line in map(json.loads, (report / "results.jsonl").read_text().splitlines())
    }
    secrets = [*STRENGTHS, TARGET, *pictures, "zq-person", SECRET.decode(), SECRET.hex(), str(report)]
    for word in secrets:
        assert word.encode() not in data
        # in base64 a word looks different at each of three places
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + word.encode() + b"\0" * 3)
            assert coded[4 if shift else 0 : -8] not in data
    for name, asset in read(made).scripts.items():
        if asset.startswith("data:"):
            file = read(made).file(name)
            assert set(chunks(file)) == {b"IHDR", b"IDAT", b"IEND"}
            assert not any(word.encode() in file for word in secrets)


def test_the_words_of_the_page_name_no_attack(made):
    plain = re.sub(r"data:image/png;base64,[^<]*", "", made.read_text(encoding="utf-8")).lower()
    words = set(re.split(r"[^a-z0-9]+", plain))
    names = "mnd fgsm ifgsm bim pgd mi cw deepfool ddn fmn alma perc attack adversarial cloak"
    assert not words & set(names.split())


def test_a_hidden_reference_looks_like_any_other_trial(made):
    study = read(made).study
    assert all(trial["reference"] != trial["test"] for trial in study["trials"])
    assert len({trial["test"] for trial in study["trials"]}) == len(study["trials"])
    assert {tuple(sorted(trial)) for trial in study["trials"]} == {
        ("content", "height", "id", "reference", "test", "width")
    }
    ids = [trial["id"] for trial in study["trials"]]
    assert ids == sorted(ids)
    assets = [name for name, text in read(made).scripts.items() if text.startswith("data:")]
    assert assets == sorted(assets)


def test_the_page_stands_alone(made):
    text = made.read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(|%%", re.sub(r"base64,[^<]*|sha256-[^']*", "", text))
    page = read(made)
    assert not [tag for tag, _ in page.seen if tag in ("link", "iframe", "object", "embed", "base", "audio")]
    assert not [attrs for tag, attrs in page.seen if tag == "script" and "src" in attrs]
    assert not [attrs for _, attrs in page.seen if any(name.startswith("on") for name in attrs)]
    assert not re.search(r"fetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource|eval\(|innerHTML", text)


def test_the_policy_forbids_connections_and_knows_script_and_style(made):
    text = made.read_text(encoding="utf-8")
    metas = [attrs for tag, attrs in read(made).seen if tag == "meta" and "http-equiv" in attrs]
    [policy] = [attrs["content"] for attrs in metas]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["img-src"] == "data:"
    assert "connect-src" not in parts
    assert "unsafe" not in policy
    for element in ("script", "style"):
        [body] = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        coded = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert parts[f"{element}-src"] == f"'sha256-{coded}'"


def test_it_says_that_it_needs_javascript_and_labels_what_it_asks(made):
    text = made.read_text(encoding="utf-8")
    assert "needs JavaScript" in re.findall(r"<noscript>(.*?)</noscript>", text, re.DOTALL)[0]
    page = read(made)
    grades = [attrs["value"] for tag, attrs in page.seen if tag == "input" and attrs["name"] == "grade"]
    assert grades == ["5", "4", "3", "2", "1"]
    assert ("html", {"lang": "en"}) in page.seen
    assert all("alt" in attrs for tag, attrs in page.seen if tag == "img")
    wanted = set(re.findall(r'\$\("([\w-]+)"\)', text))
    assert wanted <= {attrs.get("id") for _, attrs in page.seen}


def test_the_same_secret_gives_the_same_page_and_chance_another(report, tmp_path):
    pages = [create(report, tmp_path / str(n), pictures=2, secret=SECRET).read_bytes() for n in range(2)]
    assert pages[0] == pages[1]
    keys = [key_of(create(report, tmp_path / f"c{n}", pictures=2)) for n in range(2)]
    assert not keys[0]["trials"].keys() & keys[1]["trials"].keys()
    assert keys[0]["study"] != keys[1]["study"]
    drawn = [sorted({trial["picture"] for trial in key["trials"].values()}) for key in keys]
    assert drawn[0] == drawn[1]


def test_the_seed_draws_the_contents(report, tmp_path):
    drawn = set()
    for seed in range(12):
        key = key_of(create(report, tmp_path / str(seed), pictures=2, seed=seed))
        drawn.add(tuple(sorted({trial["picture"] for trial in key["trials"].values()})))
    assert len(drawn) > 4  # of 10 pairs


def test_an_observer_sees_no_content_twice_in_succession(made):
    contents = {trial["id"]: trial["content"] for trial in read(made).study["trials"]}
    assert len(set(contents.values())) == 3
    for n in range(20):
        shown = [contents[name] for name in order(contents, f"study{n}")]
        assert all(a != b for a, b in pairwise(shown))


def test_training_spans_the_range_on_other_pictures(made):
    key = key_of(made)
    training = list(key["training"].values())
    assert [trial["attack"] for trial in training][:2] == ["zq-strong-attack", "reference"]
    assert training[-1]["attack"] == "zq-faint-attack"
    assert len(training) == 5
    assert not {t["picture"] for t in training} & {t["picture"] for t in key["trials"].values()}
    assert not key["training"].keys() & key["trials"].keys()


def test_without_other_pictures_training_uses_those_of_the_test(report, tmp_path):
    key = key_of(create(report, tmp_path / "study", pictures=99, training=1))
    assert [trial["attack"] for trial in key["training"].values()] == ["zq-strong-attack"]
    assert len(key["trials"]) == 5 * 4
    none = key_of(create(report, tmp_path / "none", training=0))
    assert none["training"] == {}


def test_only_pictures_on_which_all_succeeded_unless_asked(make_report, tmp_path):
    report = make_report(failed=(("zq-faint-attack", 0), ("zq-middle-attack", 1)))
    key = key_of(create(report, tmp_path / "equal"))
    assert sorted({t["picture"][-8:-4] for t in key["trials"].values()}) == ["0002", "0003", "0004"]
    key = key_of(create(report, tmp_path / "two", attacks=["zq-middle-attack", "zq-strong-attack"]))
    assert len({t["picture"] for t in key["trials"].values()}) == 4
    assert {t["attack"] for t in key["trials"].values()} == {
        "zq-middle-attack", "zq-strong-attack", "reference",
    }  # fmt: skip
    key = key_of(create(report, tmp_path / "all", failures=True))
    assert len({t["picture"] for t in key["trials"].values()}) == 5


def test_large_pictures_are_cut_to_where_they_were_changed(make_report, tmp_path):
    report = make_report(size=(90, 30), pictures=2)
    for path in report.glob("pictures/zq-target-net/*/*.png"):
        number = int(path.stem[-4:])
        clean = clean_picture(number, (90, 30))
        changed = clean.copy()
        changed[:, 60:] = noisy(clean, 9, number)[:, 60:]
        Image.fromarray(changed).save(path)
    made = create(report, tmp_path / "study", largest=40)
    page, key = read(made), key_of(made)
    for trial in page.study["trials"]:
        told = key["trials"][trial["id"]]
        x0, y0, x1, y1 = told["window"]
        assert (x1 - x0, y1 - y0) == (trial["width"], trial["height"]) == (40, 30)
        assert x1 == 90  # the change's middle is 74.5, nearer to the border than half a window
        there = np.asarray(Image.open(report / told["path"]))[y0:y1, x0:x1]
        assert np.array_equal(page.picture(trial["test"]), there)


def test_a_study_is_not_written_over(made, report):
    before = made.read_bytes()
    with pytest.raises(FileExistsError, match="expected a folder without a study"):
        create(report, made.parent)
    assert made.read_bytes() == before


@pytest.mark.parametrize("which", ["key.json", "rating.html"])
def test_a_full_disk_leaves_no_half_of_a_study(report, tmp_path, monkeypatch, which):
    """Its key once outlived the page, and kept the next try out."""
    usual = rating.write_atomic

    def full(path, data):
        if path.name == which:
            raise PhotoError("disk-full", f"{path}: no room")
        return usual(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(rating, "write_atomic", full)
        with pytest.raises(PhotoError, match="no room"):
            create(report, tmp_path / "study")
    assert list((tmp_path / "study").iterdir()) == []
    assert create(report, tmp_path / "study").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "another"}, "target is 'another', expected one of zq-target-net"),
        ({"attacks": ("another",)}, "attacks are another, expected some of zq-faint-attack"),
        ({"attacks": ("a", "a")}, "expected each of them once"),
        ({"megabytes": 0.01}, "expected at most 0.01"),
        ({"pictures": 0}, "pictures is 0"),
        ({"seconds": 0}, "seconds is 0"),
        ({"grey": float("nan")}, "grey is nan"),
        ({"zoom": 1.5}, "zoom is 1.5"),
        ({"settings": StudySettings(), "seed": 1}, "got settings and seed"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(report, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        create(report, tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_several_targets_need_a_name(make_report, tmp_path):
    report = make_report(targets=("one", "two"), pictures=2)
    with pytest.raises(ValueError, match="target is None, expected one of one, two"):
        create(report, tmp_path / "study")
    key = key_of(create(report, tmp_path / "study", target="two"))
    assert all(trial["path"].startswith("pictures/two/") for t in ("trials",) for trial in key[t].values()
               if trial["kind"] == "test")  # fmt: skip


def test_without_any_common_success_it_says_who_failed(make_report, tmp_path):
    report = make_report(pictures=2, failed=(("zq-faint-attack", 0), ("zq-faint-attack", 1)))
    with pytest.raises(ValueError, match="zq-faint-attack 0, zq-middle-attack 2"):
        create(report, tmp_path / "study")


def test_missing_and_damaged_files(report, tmp_path):
    with pytest.raises(FileNotFoundError):
        create(tmp_path / "nowhere", tmp_path / "study")
    broken = next(report.glob("pictures/clean/*"))
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"zq-person_\d+\.png: expected a picture"):
        create(report, tmp_path / "study")
    with (report / "results.jsonl").open("a") as file:
        file.write('{"attack": "zq')
    with pytest.raises(ValueError, match=r"line 16.*finish the evaluation first"):
        create(report, tmp_path / "study")


def test_pictures_of_another_size_or_depth_are_refused(report, tmp_path):
    for path in report.glob("pictures/zq-target-net/zq-faint-attack/*.png"):
        Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(ValueError, match=r"zq-person_\d+\.jpg: got a test picture of \(8, 8, 3\)"):
        create(report, tmp_path / "study")
    for path in report.glob("pictures/clean/*.png"):
        Image.new("RGBA", (40, 32)).save(path)
    with pytest.raises(ValueError, match="got mode RGBA"):
        create(report, tmp_path / "study")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium, to open the page")
def test_a_browser_opens_it_from_disk(made, tmp_path):
    options = [
        "--headless",
        "--no-sandbox",
        "--virtual-time-budget=3000",
        f"--user-data-dir={tmp_path / 'b'}",
    ]
    ran = subprocess.run(
        ["chromium", *options, "--dump-dom", made.resolve().as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    shown = re.findall(r'<main id="(\w+)" class="screen[^"]*"(?![^>]*hidden)', ran.stdout)
    assert shown == ["start"]
    assert "There are 20 pairs, the first 5 for practice; this takes about 10 minutes." in ran.stdout
