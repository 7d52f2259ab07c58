"""`scripts/make_2afc.py` and `scripts/rlpips/distortions.py`: sets made from photos of scikit-image."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import make_2afc
import numpy as np
import pytest
from PIL import Image
from rlpips import distortions as ways
from rlpips.distortions import DISTORTIONS, Distortion, distort, draw
from rlpips.panel import JUDGES, TAU, Judge, Panel
from skimage import data

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "camera")
WEIGHTLESS = ("gmsd", "ciede2000")
SETTINGS = make_2afc.Settings(train=13, val=5, seed=3, judges=WEIGHTLESS)
CHELSEA: ways.Pixels = data.chelsea()  # type: ignore[no-untyped-call]
PICTURE = CHELSEA[60:124, 120:184] / 255


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five photos, one of them in a folder inside it."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for name in PHOTOS:
        inner = folder / "more" if name == "rocket" else folder
        Image.fromarray(getattr(data, name)()[:300, :300]).save(inner / f"{name}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of those photos."""
    out = tmp_path_factory.mktemp("made") / "set"
    make_2afc.build(photos, out, SETTINGS)
    return out


def _files(folder: Path) -> dict[str, str]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _card(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return card


def _rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "triplets.csv", newline="") as file:
        return list(csv.DictReader(file))


# the set --------------------------------------------------------------------------------------------------


def test_layout_is_that_of_bapps(made: Path) -> None:
    counts = {"train": {"traditional": 5, "cnn": 4, "mix": 4}, "val": {"traditional": 2, "cnn": 2, "mix": 1}}
    for part, subsets in counts.items():
        assert {p.name for p in (made / part).iterdir()} == set(subsets)
        for subset, count in subsets.items():
            numbers = [f"{i:06}" for i in range(count)]
            for kind in ("ref", "p0", "p1"):
                paths = sorted((made / part / subset / kind).iterdir())
                assert [p.name for p in paths] == [f"{n}.png" for n in numbers]
                for path in paths:
                    with Image.open(path) as image:
                        assert (image.size, image.mode) == ((64, 64), "RGB")
            judgements = sorted((made / part / subset / "judge").iterdir())
            assert [p.name for p in judgements] == [f"{n}.npy" for n in numbers]
            for path in judgements:
                judgement = np.load(path)
                assert judgement.shape == (1,)
                assert judgement.dtype == np.float32
                assert 0 <= judgement[0] <= 1
    assert {p.name for p in made.iterdir()} == {"train", "val", "card.json", "triplets.csv"}
    assert [p.name for p in made.parent.iterdir()] == ["set"], "nothing is left beside it"


def test_same_seed_same_bytes(photos: Path, made: Path, tmp_path: Path) -> None:
    make_2afc.build(photos, tmp_path / "again", SETTINGS)
    assert _files(tmp_path / "again") == _files(made)


def test_another_seed_other_pictures(photos: Path, made: Path, tmp_path: Path) -> None:
    make_2afc.build(photos, tmp_path / "other", make_2afc.Settings(train=3, val=3, seed=4, judges=("gmsd",)))
    assert not {*_files(tmp_path / "other").values()} & {*_files(made).values()}


def test_pictures_of_val_do_not_depend_on_train_or_judges(photos: Path, made: Path, tmp_path: Path) -> None:
    settings = make_2afc.Settings(train=0, val=5, seed=3, judges=("ssim",))
    make_2afc.build(photos, tmp_path / "val", settings)
    assert not (tmp_path / "val" / "train").exists()
    before, after = _files(made), _files(tmp_path / "val")
    pictures = [name for name in after if name.endswith(".png")]
    assert len(pictures) == 15
    assert all(after[name] == before[name] for name in pictures)
    judged = [name for name in after if name.endswith(".npy")]
    assert any(after[name] != before[name] for name in judged)


def test_no_photo_is_in_both_splits(photos: Path, made: Path) -> None:
    used = {part: {r["photo"] for r in _rows(made) if r["split"] == part} for part in ("train", "val")}
    assert not used["train"] & used["val"]
    listed = {part: {p["name"] for p in own} for part, own in _card(made)["photos"].items()}
    assert used == listed
    assert len(listed["val"]) == 1
    assert len(listed["train"]) == 4
    splits = set()
    for seed in range(8):
        parts = make_2afc.split(make_2afc.survey(photos, 64)[0], seed)
        assert not set(parts["train"]) & set(parts["val"])
        splits.add(parts["val"][0].name)
    assert len(splits) > 1, "the seed decides"


def test_references_come_from_their_photo() -> None:
    photo = np.zeros((200, 150, 3), np.uint8)
    photo[..., 1] = np.random.default_rng(0).integers(100, 156, photo.shape[:2])
    deviations = []
    for seed in range(40):
        ref = make_2afc.patch(photo, 64, np.random.default_rng(seed))
        assert ref.shape == (64, 64, 3)
        assert not ref[..., [0, 2]].any()
        deviations.append(ref[..., 1].std())
    # independent pixels: their means deviate less, the more of them a patch takes together
    assert max(deviations) > 14
    assert min(deviations) < 9


def test_flat_patches_are_rare() -> None:
    photo = np.full((256, 256, 3), 90, np.uint8)
    photo[:, 192:] = CHELSEA[:256, 100:164]
    patches = [make_2afc.patch(photo, 64, np.random.default_rng(seed)) for seed in range(60)]
    assert sum(p.std() == 0 for p in patches) < 5, "two in three would be of one colour"
    faint = np.random.default_rng(0).integers(90, 94, photo.shape, np.uint8)
    faint[:, 192:] = photo[:, 192:]
    patches = [make_2afc.patch(faint, 64, np.random.default_rng(seed)) for seed in range(60)]
    assert 0 < sum(p.std() < 3 for p in patches) < 20, "two in three would be flat"
    assert make_2afc.patch(photo[:, :192], 64, np.random.default_rng(0)).std() == 0, (
        "it does not wait for ever"
    )


def test_card(photos: Path, made: Path) -> None:
    card = _card(made)
    assert (card["seed"], card["size"], card["train"], card["val"], card["temperature"]) == (
        3,
        64,
        13,
        5,
        0.25,
    )
    digests = {p["name"]: p["sha256"] for own in card["photos"].values() for p in own}
    assert digests == _files(photos)
    assert set(card["judges"]) == set(WEIGHTLESS)
    assert all(judge["version"] and judge["floor"] > 0 for judge in card["judges"].values())
    assert {name: (d["family"], d["low"], d["high"]) for name, d in card["distortions"].items()} == {
        name: (d.family, d.low, d.high) for name, d in DISTORTIONS.items()
    }
    assert {"numpy", "pillow", "torch", "mnd"} <= set(card["packages"])
    assert card["splits"]["train"]["triplets"] == sum(card["splits"]["train"]["judgements by tenths"]) == 13
    assert str(photos) not in (made / "card.json").read_text() + (made / "triplets.csv").read_text()


def test_table_says_what_was_done_and_judged(made: Path) -> None:
    rows = _rows(made)
    assert len(rows) == 18
    for row in rows:
        judgement = np.load(made / row["split"] / row["subset"] / "judge" / f"{row['number']}.npy")[0]
        votes = [
            JUDGES[name].vote(*(np.array([float(row[f"{name} {p}"])]) for p in ("p0", "p1")))
            for name in WEIGHTLESS
        ]
        assert judgement == pytest.approx(np.mean(votes), abs=1e-4)
        for p in ("p0", "p1"):
            names = [part.split()[0] for part in row[p].split(" + ")]
            families = {DISTORTIONS[name].family for name in names}
            expected = {"traditional": "traditional", "cnn": "network"}.get(row["subset"])
            assert families == {expected} if expected else len(families) == len(names)


# refusals -------------------------------------------------------------------------------------------------


def test_existing_out_stays_as_it_is(
    photos: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _files(made)
    assert make_2afc.main([str(photos), str(made), "--judges", "gmsd"]) == 1
    assert "there already" in capsys.readouterr().err
    assert _files(made) == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileExistsError, match="empty"):
        make_2afc.build(photos, tmp_path / "empty", SETTINGS)


def test_too_few_photos(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="0 photos can be used, expected at least 2"):
        make_2afc.build(tmp_path / "photos", tmp_path / "out", SETTINGS)
    with pytest.raises(NotADirectoryError, match="nowhere"):
        make_2afc.build(tmp_path / "nowhere", tmp_path / "out", SETTINGS)
    (tmp_path / "photos" / "bad.png").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"bad\.png: not-an-image"):
        make_2afc.build(tmp_path / "photos", tmp_path / "out", SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


def test_unknown_judge(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        make_2afc.main([str(photos), str(tmp_path / "out"), "--judges-val", "gmsd,eyes"])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert "'eyes'" in error
    assert all(name in error for name in JUDGES)
    with pytest.raises(ValueError, match="none twice"):
        make_2afc.Settings(judges=("gmsd", "gmsd"))


@pytest.mark.parametrize("wrong", [{"train": -1}, {"train": 0, "val": 0}, {"size": 16}, {"seed": -1}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected >= "):
        make_2afc.Settings(**wrong)  # type: ignore[arg-type]


def test_bad_photos_are_reported_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea", "coffee"):
        Image.fromarray(getattr(data, name)()[:128, :128]).save(folder / f"{name}.png")
    (folder / "a copy.png").write_bytes((folder / "coffee.png").read_bytes())
    (folder / "cut.png").write_bytes((folder / "coffee.png").read_bytes()[:9000])
    (folder / "notes.txt").write_text("no photo")
    Image.fromarray(CHELSEA[:20, :128]).save(folder / "small.png")
    arguments = ["--train", "3", "--val", "3", "--judges", "gmsd"]
    assert make_2afc.main([str(folder), str(tmp_path / "out"), *arguments]) == 0
    skipped = _card(tmp_path / "out")["skipped"]
    assert skipped == {
        "coffee.png": "the same file as a copy.png",
        "cut.png": "truncated",
        "small.png": "128x20 pixels, expected at least 64x64",
    }
    error = capsys.readouterr().err
    assert all(f"left out: {name}" in error for name in skipped)


def test_failure_leaves_nothing(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(make_2afc, "judge", fail)
    with pytest.raises(KeyboardInterrupt):
        make_2afc.build(photos, tmp_path / "out", SETTINGS)
    assert not list(tmp_path.iterdir())


# judgement ------------------------------------------------------------------------------------------------


def _copies(distortion: Distortion, strength: float, count: int = 6) -> np.ndarray[Any, np.dtype[np.uint8]]:
    ref = make_2afc.patch(CHELSEA, 64, np.random.default_rng(1))
    rngs = map(np.random.default_rng, range(count))
    return np.stack([distort(ref, [(distortion, strength)], rng) for rng in rngs])


@pytest.mark.parametrize("name", ["gmsd", "ciede2000", "ssim"])
def test_the_weaker_of_two_wins(name: str) -> None:
    panel = Panel([name])
    ref = make_2afc.patch(CHELSEA, 64, np.random.default_rng(1))[None].repeat(6, 0)
    for kind in ("white_noise", "gaussian_blur", "warp", "residual_network", "latent_quantisation"):
        strong, weak = (_copies(DISTORTIONS[kind], s) for s in (0.9, 0.25))
        assert panel(ref, strong, weak).mean() > 0.8, kind
        assert panel(ref, weak, strong) == pytest.approx(1 - panel(ref, strong, weak))


def test_equal_copies_are_equal() -> None:
    panel = Panel(WEIGHTLESS)
    copies = _copies(DISTORTIONS["jpeg"], 0.5)
    assert panel(copies, copies, copies) == pytest.approx(0.5)
    assert panel(copies[:1], copies[1:2], copies[1:2]) == pytest.approx(0.5)


def test_vote_in_closed_form() -> None:
    judge = Judge(lambda: lambda x, y: np.zeros(len(x)), power=2, floor=1e-9, package="mnd")
    # an amplitude of 1.25 times is a distance of 1.25^2 times: the odds are 1.25^(1 / tau)
    odds = 1.25 ** (1 / TAU)
    assert judge.vote(np.array([1.25**2]), np.array([1.0])) == pytest.approx(odds / (1 + odds))
    assert judge.vote(np.array([0.0]), np.array([0.0])) == 0.5


def test_real_weights(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))
    pytest.importorskip("lpips")
    panel = Panel(["lpips-squeeze"])
    ref = make_2afc.patch(CHELSEA, 64, np.random.default_rng(1))[None].repeat(6, 0)
    strong, weak = (_copies(DISTORTIONS["residual_network"], s) for s in (0.9, 0.25))
    assert panel(ref, strong, weak).mean() > 0.8


# distortions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DISTORTIONS)
def test_distortion(name: str) -> None:
    distortion = DISTORTIONS[name]
    changes = []
    for strength in (0, 0.25, 0.5, 0.75, 1):
        outs = [distortion(PICTURE, strength, np.random.default_rng(seed)) for seed in range(3)]
        for out in outs:
            assert out.shape == PICTURE.shape
            assert out.dtype == np.float64
            assert 0 <= out.min() <= out.max() <= 1
        assert (outs[0] == distortion(PICTURE, strength, np.random.default_rng(0))).all()
        changes.append(np.mean([np.abs(out - PICTURE).mean() for out in outs]))
    assert changes == sorted(changes), "more of it changes more"
    assert changes[-1] > 2.5 * changes[0]
    assert 0 < changes[0] < 4 / 255, "it starts where it can hardly be seen"


def test_distortions_leave_their_picture_alone() -> None:
    before = PICTURE.copy()
    for distortion in DISTORTIONS.values():
        distortion(PICTURE, 1.0, np.random.default_rng(0))
    assert (before == PICTURE).all()


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("picture", [np.zeros((32, 47, 3)), np.ones((33, 32, 3), np.float32)])
def test_distortions_of_flat_pictures(name: str, picture: ways.Picture) -> None:
    out = DISTORTIONS[name](picture, 1.0, np.random.default_rng(0))
    assert out.shape == picture.shape
    assert np.isfinite(out).all()


def test_law_is_geometric() -> None:
    noise = DISTORTIONS["sign_noise"]
    assert noise.amount(0) == pytest.approx(noise.low)
    assert noise.amount(1) == pytest.approx(noise.high)
    assert noise.amount(0.5) == pytest.approx((noise.low * noise.high) ** 0.5)


@pytest.mark.parametrize(
    ("picture", "strength", "message"),
    [
        (np.zeros((8, 8), np.float64), 0.5, "expected .H, W, 3. floating point"),
        (np.zeros((8, 8, 3), np.uint8), 0.5, "expected .H, W, 3. floating point"),
        (np.full((8, 8, 3), 255.0), 0.5, r"values 255\.\.255, expected \[0, 1\]"),
        (np.full((8, 8, 3), np.nan), 0.5, r"expected \[0, 1\]"),
        (np.zeros((8, 8, 3)), 1.5, r"strength is 1\.5"),
    ],
)
def test_distortion_refuses(picture: ways.Picture, strength: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ways.white_noise(picture, strength, np.random.default_rng(0))


def test_chroma_noise_keeps_the_luma() -> None:
    grey = np.full((64, 64, 3), 0.5)
    change = ways.chroma_noise(grey, 0.5, np.random.default_rng(0)) - grey
    assert np.abs(change @ ways.LUMA).max() < 1e-12
    assert np.sqrt(np.mean(change**2)) * 255 == pytest.approx(ways.chroma_noise.amount(0.5))


def test_sign_noise_has_whole_levels() -> None:
    grey = np.full((64, 64, 3), 128 / 255)
    levels = np.abs(ways.sign_noise(grey, 0.5, np.random.default_rng(0)) - grey) * 255
    assert set(levels.round(6).ravel()) == {2.0, 3.0}
    assert levels.mean() == pytest.approx(ways.sign_noise.amount(0.5), abs=0.03)


def test_patterns_repeat() -> None:
    ramp = np.tile(np.linspace(0.2, 0.8, 64)[:, None, None], (1, 60, 3))
    change = ways.checkerboard(ramp, 0.5, np.random.default_rng(0)) - ramp
    periods = [p for p in (2, 3, 4) if np.allclose(change[:, :-p], change[:, p:])]
    assert periods


def test_pairs() -> None:
    rng = np.random.default_rng(0)
    pairs = [draw(subset, rng) for subset in ("traditional", "cnn", "mix") for _ in range(300)]
    kinds = [([d.name for d, _ in a], [d.name for d, _ in b]) for a, b in pairs]
    same = np.mean([a == b for a, b in kinds])
    assert 0.22 < same < 0.36, "a quarter, and those that were drawn so"
    strengths = np.array([(a[0][1], b[0][1]) for a, b in pairs])
    assert strengths.min() >= 0
    assert strengths.max() <= 1
    assert (strengths[:, 0] != strengths[:, 1]).mean() > 0.999
    assert 0.4 < np.mean(np.abs(strengths[:, 0] - strengths[:, 1]) < 0.15) < 0.7
    assert np.mean([len(a) == 2 for a, _ in kinds[600:]]) == pytest.approx(0.6, abs=0.12)
    used = {name for a, b in kinds for name in a + b}
    assert used == set(DISTORTIONS)
    narrow = [s for _ in range(50) for r in draw("cnn", rng, 0.6, 0.8) for _, s in r]
    assert 0.6 <= min(narrow) < 0.65 < 0.75 < max(narrow) <= 0.8
