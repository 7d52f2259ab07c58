"""The report stands alone, believes no name, hides no loss, and says what the results say."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from mnd.evaluation.curves import Curve
from mnd.evaluation.report import examples
from mnd.evaluation.report import page as report_page
from mnd.evaluation.report.page import write_report
from mnd.evaluation.report.plots import inline
from mnd.evaluation.report.tables import equal_success_table, mos_table, quality_table
from mnd.evaluation.report.verdicts import sentences, verdicts
from mnd.evaluation.results import MEASURES, Row, by_target, read_results
from mnd.evaluation.summary import Outcome, summarise
from mnd.photo.difference import difference_picture
from tests.helpers.evaluations import ATTACKS, TARGETS, make_report, run_card, write_lines
from tests.helpers.html_reader import Reader

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_report(tmp_path_factory.mktemp("report"))
    assert write_report(made) == made / "report.html"
    return made


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Reader:
    return Reader(text)


def pixels(uri: str | None) -> np.ndarray:
    assert uri is not None
    head, data = uri.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


# --- alone ---


def test_the_page_needs_nothing_else(text: str, page: Reader) -> None:
    own = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "data:", text)
    assert not re.search(r"https?:|//|@import|xmlns", own)
    assert set(re.findall(r"url\([\"']?([^)\"']*)", own)) <= {"data:", *re.findall(r"url\((#[^)]*)\)", own)}
    for tag, attributes in page.seen:
        assert tag not in {"link", "iframe", "object", "base", "form"}
        assert (attributes.get("src") or "data:").startswith(
            "data:image/webp;base64,"
        ) or "src" not in attributes
        assert (attributes.get("href") or "#").startswith(("#", "./"))
        assert not any(name.startswith("on") for name in attributes)


def test_only_our_script_runs(text: str, page: Reader) -> None:
    policy = next(a["content"] or "" for _, a in page.seen if a.get("http-equiv"))
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_ids_are_there_once_and_all_that_are_meant(page: Reader) -> None:
    ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    meant = [a["href"][1:] for _, a in page.seen if (a.get("href") or "").startswith("#")]  # type: ignore[index]
    assert set(meant) <= set(ids)
    assert len(meant) > 20, "markers of the plots, and the list of sections"


def test_links_lead_to_files(folder: Path, page: Reader) -> None:
    links = [a["href"] for _, a in page.seen if (a.get("href") or "").startswith("./")]
    assert len(links) > 20
    for link in links:
        assert (folder / unquote(str(link))).is_file(), link


def test_it_says_that_it_is_private_before_all_else(page: Reader) -> None:
    assert page.words.split("Attacks compared at equal success", 1)[1].lstrip().startswith("Private.")
    assert "original photos" in page.words


def test_again_gives_the_same_bytes(folder: Path) -> None:
    files = ["report.html", "summary.csv", *(f"plots/{p.name}" for p in (folder / "plots").iterdir())]
    before = {name: (folder / name).read_bytes() for name in files}
    write_report(folder)
    assert {name: (folder / name).read_bytes() for name in files} == before
    assert not list(folder.rglob(".mnd-*"))


# --- what it says ---


def test_every_part_is_there(page: Reader) -> None:
    headings = [
        "Means over the successes", "Means over all pictures", "Differences to MND, picture by picture",
        "Quality against success", "At equal success", "At equal quality", "Transfer", "After the channel",
        "Examples", "Attacks that broke down", "Pictures that do not count", "To reproduce",
        "Attacks and their sources", "Settings", "Versions", "Hardware",
    ]  # fmt: skip
    for heading in headings:
        assert heading in page.words, heading
    told = [
        *TARGETS, "MND", "DDN", "facenet", "jpeg75", "mnd evaluate --data 'my photos' --out report",
        "arXiv 1811.09600", "foolbox 3.3.4", "the gradient is <zero> everywhere", "Tony_Blair_0009.jpg",
        "a processor", "3.11.7", "broken.jpg: the file has 0 bytes",
    ]  # fmt: skip
    for word in told:
        assert word in page.words, word


def test_tables_hold_the_means(folder: Path, page: Reader) -> None:
    for summary in summarise(read_results(folder / "results.jsonl")):
        for measure in MEASURES:
            mean = summary.quality[measure.name].mean
            if mean is None:  # of a classifier, which has no faces
                assert measure.name.startswith("face_")
                continue
            assert f"{mean:.{measure.digits}f}" in page.words


def summaries_of(**values: list[float | None]) -> tuple[list[Outcome], dict[str, dict[str, Curve]]]:
    """SSIMULACRA2 of each picture; `None`: not fooled."""
    from mnd.evaluation.curves import curve

    rows = [
        Row(name.replace("_", "-"), "dlib", f"{i:02d}", v is not None, {"ssimulacra2": v}, path="x.png")
        for name, some in values.items()
        for i, v in enumerate(some)
    ]
    [attacks] = by_target(rows).values()
    return summarise(rows), {n: {m.name: curve(r, m) for m in MEASURES} for n, r in attacks.items()}


def test_the_headline_tells_a_win() -> None:
    summaries, curves = summaries_of(mnd=[90.0, 91.0, 92.0], pgd=[80.0, 82.0, 81.0])
    found = verdicts(summaries, curves, {})
    assert (found[0].better, found[0].ahead, found[0].behind) == (("pgd",), ("pgd",), ())
    said = " ".join(sentences(summaries, found, {}))
    assert "MND fools 3 of 3 pictures" in said
    assert "Clearly better than every anchor in SSIMULACRA2." in said


def test_the_headline_tells_a_loss() -> None:
    summaries, curves = summaries_of(mnd=[70.0, 71.0, None], pgd=[80.0, 82.0, 81.0], cw=[70.1, 70.8, None])
    found = verdicts(summaries, curves, {"pgd": "PGD", "cw": "C&W"})
    said = " ".join(sentences(summaries, found, {"pgd": "PGD"}))
    assert "More pictures than MND are fooled by PGD." in said
    assert "SSIMULACRA2: better than 0 of 2 anchors; worse than PGD; undecided against C&W." in said
    assert found[0].behind == ("C&W", "PGD")


def test_without_mnd_nothing_is_claimed() -> None:
    summaries, curves = summaries_of(pgd=[80.0], cw=[81.0])
    assert verdicts(summaries, curves, {}) == []
    assert "MND was not run" in sentences(summaries, [], {})[0]
    assert equal_success_table(curves, MEASURES[:1], {}) is None


def test_a_variant_of_mnd_is_no_anchor() -> None:
    summaries, curves = summaries_of(mnd=[70.0, 71.0], mnd_plain=[80.0, 82.0], pgd=[60.0, 61.0])
    [found] = verdicts(summaries, curves, {})
    assert (found.count, found.worse, found.better) == (1, (), ("pgd",))


def test_bold_is_for_those_that_fool_as_many() -> None:
    summaries, _ = summaries_of(mnd=[70.0] * 10, fgsm=[99.0] + [None] * 9)
    table = quality_table(summaries, {})
    tones = {row[0].text: row[2].tone for row in table.rows}
    assert tones == {"mnd": "best", "fgsm": ""}


def test_an_undecided_difference_is_marked() -> None:
    summaries, _ = summaries_of(mnd=[70.0, 72.0, 74.0], cw=[71.0, 71.0, 74.0], pgd=[60.0, 61.0, 62.0])
    marks = {row[0].text: row[2].mark for row in quality_table(summaries, {}).rows}
    assert marks == {"mnd": "", "cw": "≈", "pgd": ""}


def test_equal_success_tells_the_smallest_lead() -> None:
    _, curves = summaries_of(
        mnd=[90.0, 80.0, None, None], cw=[85.0, 81.0, None, None], pgd=[50.0, 40.0, 30.0, None]
    )
    table = equal_success_table(curves, MEASURES[:1], {})
    assert table is not None
    found = {row[0].text: (row[1].text, row[1].small, row[1].tone) for row in table.rows}
    assert found["cw"][0] == "−1.00"
    assert found["cw"][2] == "worse"
    assert found["pgd"][0] == "not reached"


def test_opinion_scores_are_sorted() -> None:
    scores = {
        ("pgd", "dlib"): (2.0, 1.5, 2.5),
        ("mnd", "dlib"): (4.5, 4.2, 4.8),
        ("cw", "other"): (1.0, None, None),
    }
    table = mos_table(scores, "dlib", {"mnd": "MND"})
    assert table is not None
    assert [(row[0].text, row[1].text, row[1].small) for row in table.rows] == [
        ("MND", "4.50", "4.20–4.80"), ("pgd", "2.00", "1.50–2.50"),
    ]  # fmt: skip
    assert mos_table({}, "dlib", {}) is None


def test_scores_are_joined_where_people_were_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(report_page, "_scores", lambda _: {("mnd", TARGETS[0]): (4.25, 4.0, 4.5)})
    for name in ("results.jsonl", "run.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "pictures").symlink_to(folder / "pictures")
    words = Reader(write_report(tmp_path).read_text(encoding="utf-8")).words
    assert "What people say" in words
    assert "4.25" in words


def test_scores_of_something_else_are_refused(tmp_path: Path) -> None:
    folder = make_report(tmp_path, ("mnd",), TARGETS[:1], pictures=1)
    (folder / "mos.json").write_text("{}")
    with pytest.raises(ValueError, match=r"mos\.json"):
        write_report(folder)


# --- pictures ---


def test_examples_show_the_saved_files_to_the_bit(folder: Path) -> None:
    rows = by_target(read_results(folder / "results.jsonl"))
    found = examples.examples(folder, rows, {})
    assert len(found) == 10
    for example in found:
        assert [one.title for one in example.shown] == list(rows[example.target])
        line = rows[example.target]["mnd"][
            [r.picture for r in rows[example.target]["mnd"]].index(example.picture)
        ]
        before = np.asarray(Image.open(folder / str(line.original)))
        after = np.asarray(Image.open(folder / str(line.path)))
        [mnd] = [one for one in example.shown if one.ours]
        assert np.array_equal(pixels(example.before), before)
        assert np.array_equal(pixels(mnd.after), after)
        assert np.array_equal(pixels(mnd.difference), difference_picture(before, after, example.gain))


def test_examples_are_spread_and_have_the_worst(folder: Path) -> None:
    rows = by_target(read_results(folder / "results.jsonl"))
    found = [e for e in examples.examples(folder, rows, {}) if e.target == TARGETS[0]]
    quality = {row.picture: row.value("ssimulacra2") or 0.0 for row in rows[TARGETS[0]]["mnd"]}
    shown = [quality[example.picture] for example in found]
    assert (shown[0], shown[2]) == (min(quality.values()), max(quality.values()))
    assert "the worst by MND's SSIMULACRA2" in found[0].place
    assert len({example.picture for example in found}) == 5


def test_pictures_keep_to_their_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = by_target(read_results(folder / "results.jsonl"))
    one = examples.examples(folder, rows, {})[0].weight
    monkeypatch.setattr(examples, "BUDGET", 4 * one)
    few = examples.examples(folder, rows, {})
    assert 3 <= len(few) < 10
    assert sum(example.weight for example in few) <= 4 * one
    monkeypatch.setattr(examples, "BUDGET", one)
    monkeypatch.setattr(examples, "_LEAST_SIDE", 4)
    small = examples.examples(folder, rows, {})
    assert all(example.scale < 1 for example in small)
    assert sum(example.weight for example in small) <= one


def test_large_pictures_are_reduced(tmp_path: Path) -> None:
    clean = [np.full((30, 1500, 3), 90, np.uint8)]
    folder = make_report(tmp_path, ("mnd", "pgd"), TARGETS[:1], pictures=1, clean=clean)
    text = write_report(folder).read_text(encoding="utf-8")
    assert "shown at 80 % of its size" in text
    [example] = examples.examples(folder, by_target(read_results(folder / "results.jsonl")), {})
    assert pixels(example.before).shape[1] == 1200


def test_a_lost_picture_is_told(tmp_path: Path) -> None:
    folder = make_report(tmp_path, ("mnd", "pgd"), TARGETS[:1], pictures=2)
    for file in (folder / "pictures").rglob("pgd/*.png"):
        file.unlink()
    assert "The saved picture is no longer there." in write_report(folder).read_text(encoding="utf-8")
    for file in (folder / "pictures").rglob("*.png"):
        file.unlink()
    assert "Examples" not in Reader(write_report(folder).read_text(encoding="utf-8")).words


def test_a_picture_of_another_size_is_an_error(tmp_path: Path) -> None:
    folder = make_report(tmp_path, ("mnd",), TARGETS[:1], pictures=1)
    [file] = (folder / "pictures").rglob("mnd/*.png")
    Image.new("RGB", (9, 9)).save(file)
    with pytest.raises(ValueError, match="got 9 x 9 pixels, expected 56 x 40"):
        write_report(folder)


# --- hostile and poor input ---

EVIL = "<script>alert('x')</script>&amp;\"'$x$-->]]>.png"


def poison(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: poison(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [poison(inner) for inner in value]
    return EVIL + value if isinstance(value, str) else value


def test_no_name_is_believed(tmp_path: Path) -> None:
    attacks, target = ("mnd", "pgd", "fgsm"), EVIL + "/../a"
    folder = make_report(tmp_path / "made", attacks, TARGETS[:1], pictures=3)
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    for told in lines:
        told["picture"], told["target"] = EVIL + told["picture"], target
        told["dial"] = EVIL
        told["judges"], told["channel"] = {EVIL: True}, {EVIL: False}
        if told["error"]:
            told["error"] = poison(told["error"])
    write_lines(folder, lines)
    run = run_card(attacks, [target])
    card = {
        key: poison(value) for key, value in run.items() if key not in ("attacks", "targets", "not_counted")
    }
    card["attacks"] = {name: poison(told) for name, told in run["attacks"].items()}
    card |= {"not_counted": {EVIL: [EVIL]}, "targets": {EVIL: {EVIL: EVIL}}, "unreadable": {EVIL: EVIL}}
    (folder / "run.json").write_text(json.dumps(card))
    text = write_report(folder).read_text(encoding="utf-8")
    assert text.count("<script") == 1
    reader = Reader(text)
    assert sum(tag == "script" for tag, _ in reader.seen) == 1
    assert reader.words.count("<script>alert('x')</script>&amp;") > 20, "told, as text"
    for _, attributes in reader.seen:
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith(("#", "./"))
    assert all(path.parent == folder / "plots" for path in (folder / "plots").iterdir())


def test_a_path_is_no_address(tmp_path: Path) -> None:
    folder = make_report(tmp_path, ("mnd",), TARGETS[:1], pictures=1)
    [told] = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    name = "javascript:alert(1)#?.png"
    (folder / told["path"]).rename(folder / name)
    write_lines(folder, [told | {"path": name}])
    reader = Reader(write_report(folder).read_text(encoding="utf-8"))
    links = [a["href"] for _, a in reader.seen if "alert" in (a.get("href") or "")]
    assert links == ["./javascript%3Aalert%281%29%23%3F.png"]


def test_little_is_enough(tmp_path: Path) -> None:
    told = {"attack": "pgd", "target": "dlib", "picture": "a.png", "success": False}
    write_lines(tmp_path, [told])
    (tmp_path / "run.json").write_text("{}")
    words = Reader(write_report(tmp_path).read_text(encoding="utf-8")).words
    assert "0 / 1" in words
    assert (tmp_path / "summary.csv").read_text().splitlines()[1].startswith("pgd,dlib,1,0,0,0,")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path)
    write_lines(tmp_path, [])
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="has no line"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_without_matplotlib_the_tables_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    folder = make_report(tmp_path, ATTACKS[:2], TARGETS[:1], pictures=2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = Reader(write_report(folder).read_text(encoding="utf-8")).words
    assert "matplotlib is not installed" in words
    assert "Means over the successes" in words


def test_an_svg_becomes_a_part_of_the_page() -> None:
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><!-- x -->'
        '<path id="m1" style="fill: #d55e00"/><use xlink:href="#m1" clip-path="url(#m1)"/></svg>'
    )
    assert inline(svg, "a+b") == (
        '<svg viewBox="0 0 4 4" aria-hidden="true"><path id="a_b-m1" style="fill: var(--ours)"/>'
        '<use href="#a_b-m1" clip-path="url(#a_b-m1)"/></svg>'
    )
    with pytest.raises(ValueError, match="expected an SVG file"):
        inline("<p>", "a")
