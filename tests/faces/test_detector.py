"""Faces are found in photos of all sizes; their landmarks stay when a photo is treated harmlessly."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.faces import looking
from mnd.faces.detector import Detector, Face, FaceError, FinderSettings, overlap, parse_box, select
from mnd.faces.looking import TURNS, WAYS, Way, in_photo, patch, tiles

Pixels = np.ndarray


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def face(detector: Detector, astronaut: Pixels) -> Face:
    [found] = detector(astronaut)
    return found


def eyes(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


def noise(moved: np.ndarray, face: Face) -> float:
    """Root mean square of the landmarks' differences, as a share of the distance of the eyes."""
    return float(np.sqrt(((moved - face.landmarks) ** 2).sum(1).mean()) / eyes(face))


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def scaled(pixels: Pixels, factor: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def turned(points: np.ndarray, degrees: float, size: tuple[int, int]) -> np.ndarray:
    """Where points of a picture that Pillow turned by `degrees` were before."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(size) - 1) / 2
    return (points - middle) @ matrix.T + middle


def canvas(width: int, height: int, faces: list[tuple[int, int, int, float]]) -> Pixels:
    """A gradient with the astronaut's head at (x, y), its face `size` pixels high, turned by some degrees."""
    y, x = np.mgrid[0:height:8, 0:width:8]
    tint = np.stack([255 * x / width, 255 * y / height, np.full(x.shape, 128)], -1).astype(np.uint8)
    picture = Image.fromarray(tint).resize((width, height))
    head = Image.fromarray(skimage.data.astronaut()).crop((124, 0, 324, 250))
    for left, top, size, degrees in faces:
        shape = round(200 * size / 112), round(250 * size / 112)
        part = head.resize(shape, Image.Resampling.BICUBIC).rotate(
            degrees, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)
        )
        picture.paste(part, (left, top))
    return np.asarray(picture)


# --- what the user says ---


def some_faces(sizes: list[float]) -> list[Face]:
    return [Face((0.0, 0.0, s, s), np.zeros((5, 2), np.float32), 1.0) for s in sizes]


@pytest.mark.parametrize(
    ("which", "sizes"), [("all", [9, 8, 7]), ("largest", [9]), ("0,2", [9, 7]), ("1,1", [8])]
)
def test_select(which: str, sizes: list[float]) -> None:
    assert [f.size for f in select(some_faces([9, 8, 7]), which)] == sizes


@pytest.mark.parametrize("which", ["3", "0,5"])
def test_select_names_how_many_faces_there_are(which: str) -> None:
    with pytest.raises(ValueError, match=r"no face [35]: found 3 .* 0 to 2"):
        select(some_faces([9, 8, 7]), which)


@pytest.mark.parametrize("which", ["", "-1", "smallest", "0;1", "0,", "1.0"])
def test_select_refuses_other_words(which: str) -> None:
    with pytest.raises(ValueError, match="expected 'all', 'largest' or numbers"):
        select(some_faces([9]), which)


def test_select_from_no_faces() -> None:
    assert select([], "largest") == select([], "all") == []
    with pytest.raises(ValueError, match="found 0 in this photo"):
        select([], "0")


@given(st.floats(0, 50), st.floats(0, 50), st.floats(60, 100), st.floats(60, 80))
def test_parse_box_reads_what_it_wrote(x0: float, y0: float, x1: float, y1: float) -> None:
    assert (
        parse_box(f"{x0},{y0},{x1},{y1}", (100, 80))
        == parse_box((x0, y0, x1, y1), (100, 80))
        == (x0, y0, x1, y1)
    )


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("1,2,3", "four numbers"),
        ("a,b,c,d", "four numbers"),
        ("0,0,nan,50", "four numbers"),
        ("-1,0,50,50", "inside the photo, which is 0,0,100,80"),
        ("0,0,50,81", "inside the photo"),
        ("50,0,10,50", "X0 < X1"),
        ("0,0,9,50", "at least 10 pixels"),
    ],
)
def test_parse_box_says_what_is_wrong(box: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_box(box, (100, 80))


def test_no_face_offers_the_other_ways() -> None:
    error = FaceError.none_found((640, 480))
    assert isinstance(error, ValueError)
    assert error.kind == "no-face"
    for word in ("640x480", "--box", "--whole"):
        assert word in str(error)


def test_no_face_says_what_was_searched(detector: Detector) -> None:
    search = detector.search(np.full((100, 120, 3), 128, np.uint8))
    assert search.looks == ("first", "turned", "equalised", "dimmed", "ranked", "grey")
    text = str(FaceError.none_found((120, 100), search))
    for word in ("20 pixels or more", "on their side", "more contrast", "less light", "--box", "--whole"):
        assert word in text


def test_suspects_are_named() -> None:
    faces = [
        Face((i, 2.0, i + 30.4, 40.0), np.zeros((5, 2), np.float32), 0.8) for i in (1.0, 50.0, 99.0, 7.0)
    ]
    error = FaceError.suspected((640, 480), faces)
    assert error.kind == "suspected-face"
    assert FaceError.kind == "no-face"
    for word in ("640x480", "1,2,31,40 or 50,2,80,40 or 99,2,129,40 and 1 more", "--box", "--whole"):
        assert word in str(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum_probability": 1.5},
        {"doubt": -1},
        {"most_reduced": 0.5},
        {"tile_reduced": float("nan")},
        {"minimum_size": 5},
        {"first_look": 10},
        {"tile": 1},
    ],
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FinderSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "pixels", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)]
)
def test_pixels_are_checked(detector: Detector, pixels: Pixels) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(height, width, 3\)"):
        detector(pixels)


# --- finding ---


def test_astronaut(face: Face) -> None:
    """By eye, to two pixels: pupils, tip of the nose and corners of the mouth."""
    seen = [(203.5, 100.5), (246, 103), (223.5, 129), (200.5, 139), (245, 141)]
    assert np.abs(face.landmarks - seen).max() < 2
    assert face.landmarks.dtype == np.float32
    assert face.probability > 0.99
    x0, y0, x1, y1 = face.box
    assert 170 < x0 < 190
    assert 50 < y0 < 75
    assert 260 < x1 < 280
    assert 165 < y1 < 185


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (19, 19), (100, 100), (11, 1400)])
def test_pictures_without_a_face(detector: Detector, size: tuple[int, int]) -> None:
    """The package's own cascade raises on some of these."""
    for value in (0, 255):
        assert detector(np.full((*size, 3), value, np.uint8)) == []


def test_noise_holds_no_face(detector: Detector) -> None:
    assert detector(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)) == []


def test_the_same_pixels_give_the_same_faces(astronaut: Pixels, face: Face) -> None:
    [again] = Detector()(astronaut.copy())
    assert again.box == face.box
    assert again.probability == face.probability
    assert np.array_equal(again.landmarks, face.landmarks)


def test_several_faces_largest_first(detector: Detector) -> None:
    picture = canvas(
        1500, 1100, [(20, 700, 60, 0), (400, 20, 250, 15), (20, 20, 120, -15), (900, 100, 380, 0)]
    )
    found = detector(picture)
    sizes = [f.size for f in found]
    assert len(found) == 4
    assert sizes == sorted(sizes, reverse=True)
    assert np.allclose(sizes, [350, 240, 110, 55], rtol=0.12)


def test_a_face_too_small_for_the_first_look_is_found_in_the_second() -> None:
    picture = canvas(1600, 1200, [(900, 700, 56, 0)])
    narrow = Detector(settings=FinderSettings(first_look=320, tile=800))
    copy = np.asarray(Image.fromarray(picture).resize((320, 240)))
    assert narrow(copy) == []
    [found] = narrow(picture)
    [wide] = Detector()(picture)
    assert noise(found.landmarks, wide) < 0.01


def test_a_face_cut_by_the_border_keeps_its_landmarks(
    detector: Detector, astronaut: Pixels, face: Face
) -> None:
    """Cut through the hair and the chin: what is left of the face must not be stretched."""
    [found] = detector(np.ascontiguousarray(astronaut[70:165, 185:]))
    assert noise(found.landmarks + np.array([185, 70]), face) < 0.06
    assert found.box[0] >= 0
    assert found.box[1] >= 0
    assert found.box[3] <= 95


def test_finds_what_the_package_finds(detector: Detector, astronaut: Pixels, face: Face) -> None:
    """The package's own cascade is coarser, and its points are half a pixel and a rounding further on."""
    from facenet_pytorch import MTCNN

    boxes, _, points = MTCNN(keep_all=True).detect(astronaut, landmarks=True)
    assert len(boxes) == 1
    assert np.abs(boxes[0].astype(float) - face.box).max() < 0.2 * face.size
    assert noise(points[0].astype(float) - 1, face) < 0.1


# --- near ---


def test_near_finds_the_same_face(detector: Detector, astronaut: Pixels, face: Face) -> None:
    found = detector.near(astronaut, face.box)
    assert found is not None
    assert noise(found.landmarks, face) < 0.003


@pytest.mark.parametrize("box", ["150,20,300,220", "190,80,260,160", (160, 40, 290, 190)])
def test_near_takes_rough_boxes(detector: Detector, astronaut: Pixels, face: Face, box: str) -> None:
    found = detector.near(astronaut, box)
    assert found is not None
    assert noise(found.landmarks, face) < 0.003


def test_near_finds_nothing_where_there_is_nothing(detector: Detector, astronaut: Pixels) -> None:
    assert detector.near(astronaut, (330, 300, 430, 420)) is None
    with pytest.raises(ValueError, match="inside the photo"):
        detector.near(astronaut, (500, 500, 600, 600))


def test_near_looks_at_every_turn(detector: Detector, astronaut: Pixels, face: Face) -> None:
    x0, y0, x1, y1 = face.box
    for way, box, turn in (
        (2, (512 - x1, 512 - y1, 512 - x0, 512 - y0), 180),
        (1, (y0, 512 - x1, y1, 512 - x0), 270),
    ):
        pixels = np.ascontiguousarray(np.rot90(astronaut, way))
        blind, known = detector.near(pixels, box), detector.near(pixels, box, turn)
        assert blind is not None
        assert known is not None
        assert blind.turn == known.turn == turn
        for found in (blind, known):
            assert noise(turned(found.landmarks.astype(float), 90 * way, (512, 512)), face) < 0.003
    with pytest.raises(ValueError, match="turn is 45, expected one of 0, 90, 180, 270"):
        detector.near(astronaut, face.box, 45)


# --- turned, in another light, large photos ---


@pytest.mark.parametrize(("way", "turn"), [(1, 270), (2, 180), (3, 90)])
def test_turning_the_photo_turns_the_landmarks(
    detector: Detector, astronaut: Pixels, face: Face, way: int, turn: int
) -> None:
    [found] = detector(np.ascontiguousarray(np.rot90(astronaut, way)))
    assert found.turn == turn
    assert noise(turned(found.landmarks.astype(float), 90 * way, (512, 512)), face) < 0.003
    corners = np.array(found.box).reshape(2, 2) - 0.5
    back = np.sort(turned(corners, 90 * way, (512, 512)), 0) + 0.5
    assert np.allclose(back.ravel(), face.box, atol=0.5)


@pytest.mark.parametrize("degrees", [45, 120, -135])
def test_four_turns_suffice(detector: Detector, astronaut: Pixels, face: Face, degrees: int) -> None:
    head = Image.fromarray(astronaut[:256, 96:352])
    [found] = detector(np.asarray(head.rotate(degrees, Image.Resampling.BICUBIC)))
    back = turned(found.landmarks.astype(float), degrees, (256, 256))
    assert noise(back + np.array([96, 0]), face) < 0.01


def test_one_face_upright_and_one_on_its_side(detector: Detector, astronaut: Pixels) -> None:
    head = astronaut[:250, 100:350]
    thorough = Detector(settings=FinderSettings(every_turn=True))
    for way, turn in ((1, 270), (2, 180), (3, 90)):
        both = np.concatenate([head, np.rot90(head, way)], 1)
        assert sorted(face.turn for face in thorough(both)) == [0, turn]
        if way != 3:  # the first look alone misses some
            assert sorted(face.turn for face in detector(both)) == [0, turn]


@pytest.mark.parametrize("factor", [0.05, 0.1])
def test_dark(detector: Detector, astronaut: Pixels, face: Face, factor: float) -> None:
    dark = np.round(astronaut * factor).astype(np.uint8)
    search = detector.search(dark)
    [found] = search.faces
    assert found.look == search.looks[-1]
    assert noise(found.landmarks, face) < 0.1
    near = detector.near(dark, face.box)
    assert near is not None
    assert noise(near.landmarks, face) < 0.1


@pytest.mark.parametrize(("factor", "look"), [(2.0, "dimmed"), (2.5, "ranked")])
def test_overexposed(detector: Detector, astronaut: Pixels, face: Face, factor: float, look: str) -> None:
    """The astronaut's face is white early: of what dlib's own detector finds the last is at 2."""
    bright = np.clip(np.round(astronaut[:256, 96:352] * factor), 0, 255).astype(np.uint8)
    [found] = detector.search(bright).faces
    assert found.look == look
    x0, y0, x1, y1 = face.box
    assert overlap(found.box, (x0 - 96, y0, x1 - 96, y1)) > 0.7


def test_ranks() -> None:
    """Half of the pixels are as good as white: the rest is spread over what is below."""
    levels = np.full((2, 4, 3), 255, np.uint8)
    levels[0] = np.array([100, 200, 201, 250])[:, None]
    part = patch(levels, (0, 0, 4, 2), 4, torch.device("cpu"))
    shares = (looking.lit(part, "ranked").image[0, 0] * 128 + 127.5) / 255
    assert np.allclose(shares[0] * 6 / looking.WHITE, [0.5, 1.5, 2.5, 3.5], atol=1e-4)
    assert np.allclose(shares[1], looking.WHITE, atol=1e-4)


def test_equalising_keeps_the_place(astronaut: Pixels) -> None:
    part = patch(astronaut, (0, 0, 512, 512), 256, torch.device("cpu"))
    for way in WAYS:
        seen = way.at(part)
        assert (seen.turn, seen.scale, seen.origin) == (way.turn, part.scale, part.origin)
        assert seen.image.abs().max() <= 1


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(TURNS), st.floats(0, 1), st.floats(0, 1))
def test_a_patch_knows_the_way_back(width: int, height: int, turn: int, x: float, y: float) -> None:
    part = patch(np.zeros((height, width, 3), np.uint8), (0, 0, width, height), 50, torch.device("cpu"))
    middle = torch.tensor([x * part.image.shape[3], y * part.image.shape[2]], dtype=torch.float64)
    place = middle
    size = part.image.shape[3], part.image.shape[2]
    for _ in range(turn // 90):
        place, size = torch.stack([place[1], size[0] - place[0]]), size[::-1]
    back = in_photo(place, Way(turn).at(part))
    assert np.allclose(back, [x * width, y * height], atol=1e-6 * max(width, height))


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(40, 900), st.integers(0, 20))
def test_tiles_cover_and_overlap(width: int, height: int, side: int, overlap: int) -> None:
    boxes = tiles(width, height, side, overlap)
    for axis, length in ((0, width), (1, height)):
        edges = sorted({(box[axis], box[axis + 2]) for box in boxes})
        assert edges[0][0] == 0
        assert edges[-1][1] == length
        assert all(b - a <= side for a, b in edges)
        assert all(a[1] - b[0] >= overlap for a, b in itertools.pairwise(edges))


def test_strips_are_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = canvas(1203, 1107, [(100, 200, 500, 0)])
    box, device = (0.0, 0.0, 1203.0, 1107.0), torch.device("cpu")
    whole = patch(photo, box, 150, device)
    monkeypatch.setattr(looking, "STRIP", 2**16)
    strips = patch(photo, box, 150, device)
    assert strips.scale == whole.scale
    assert (strips.image - whole.image).abs().max() < 8 / 128


# --- landmarks stay where they are ---

TREATMENTS: dict[str, tuple[Callable[[Pixels], Pixels], Callable[[np.ndarray], np.ndarray], float]] = {
    "shift": (lambda p: np.pad(p, ((3, 0), (5, 0), (0, 0)), "edge"), lambda q: q - [5, 3], 0.003),
    "mirror": (lambda p: p[:, ::-1], lambda q: (q * [-1, 1] + [511, 0])[[1, 0, 2, 4, 3]], 0.003),
    "double": (lambda p: scaled(p, 2), lambda q: (q + 0.5) / 2 - 0.5, 0.004),
    "half": (lambda p: scaled(p, 0.5), lambda q: (q + 0.5) * 2 - 0.5, 0.012),
    "jpeg 75": (lambda p: jpeg(p, 75), lambda q: q, 0.006),
    "turn 15": (
        lambda p: np.asarray(Image.fromarray(p).rotate(15, Image.Resampling.BICUBIC)),
        lambda q: turned(q, 15, (512, 512)),
        0.006,
    ),
    "turn -30": (
        lambda p: np.asarray(Image.fromarray(p).rotate(-30, Image.Resampling.BICUBIC)),
        lambda q: turned(q, -30, (512, 512)),
        0.006,
    ),
}


@pytest.mark.parametrize("name", TREATMENTS)
def test_landmarks_stay(detector: Detector, astronaut: Pixels, face: Face, name: str) -> None:
    treat, back, limit = TREATMENTS[name]
    found = detector(np.ascontiguousarray(treat(astronaut)))[0]
    assert noise(back(found.landmarks.astype(float)), face) < limit


def test_every_lfw_photo_has_its_face(detector: Detector, shared) -> None:
    """One photo of each person; the middle of LFW's photos is the person's face."""
    for path in sorted(shared("faces/lfw10").glob("*/*_0001.jpg")):
        found = detector(np.asarray(Image.open(path)))
        assert found, path.name
        assert min(np.abs(f.landmarks.mean(0) - 125).max() for f in found) < 25, path.name


def test_other_devices_agree(astronaut: Pixels, face: Face, device: torch.device) -> None:
    [found] = Detector(device)(astronaut)
    assert noise(found.landmarks, face) < 0.003


@pytest.mark.slow
def test_lfw_noise(detector: Detector, shared) -> None:
    """The median noise on photos of ten people, as a share of the distance of the eyes."""
    limits = {"shift": 0.002, "double": 0.003, "half": 0.01, "jpeg 75": 0.005}
    noises: dict[str, list[float]] = {name: [] for name in limits}
    for path in sorted(shared("faces/lfw10").glob("*/*_0001.jpg")):
        pixels = np.asarray(Image.open(path))
        box = min(detector(pixels), key=lambda f: np.abs(f.landmarks.mean(0) - 125).max())
        for name in limits:
            treat, back, _ = TREATMENTS[name]
            places = [back(f.landmarks.astype(float)) for f in detector(np.ascontiguousarray(treat(pixels)))]
            noises[name].append(min(noise(place, box) for place in places))
    medians = {name: float(np.median(values)) for name, values in noises.items()}
    assert all(medians[name] < limits[name] for name in limits), medians


@pytest.mark.slow
def test_twelve_megapixels_six_faces(detector: Detector) -> None:
    heads = [
        (100, 100, 1200, 0),
        (2500, 200, 600, 15),
        (2500, 1700, 300, -30),
        (3300, 1700, 150, 0),
        (3600, 2400, 100, 0),
    ]
    found = detector(canvas(4000, 3000, heads))
    assert np.allclose([f.size for f in found], [1080, 540, 270, 135, 90], rtol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height", "near", "size"), [(20_000, 4_000, 1500, 126), (8_660, 5_774, 1500, 80)]
)
def test_small_faces_in_large_photos(
    detector: Detector, width: int, height: int, near: int, size: int
) -> None:
    """One near face, eight small ones, some of which lie where tiles meet."""
    step = (width - 3500) // 8
    heads = [(200, 300, near, 0.0)] + [
        (3300 + i * step, 400 + 977 * i % (height - 900), size, 0.0) for i in range(8)
    ]
    search = detector.search(canvas(width, height, heads))
    assert search.looks == ("first", "tiles")
    assert search.smallest <= 64
    assert np.allclose([f.size for f in search.faces], [0.9 * near] + [0.9 * size] * 8, rtol=0.15)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
@pytest.mark.parametrize("faces", [[(900, 700, 600, 0)], []])
def test_memory_of_twelve_megapixels(tmp_path, faces: list[tuple[int, int, int, float]]) -> None:
    """Less than 400 MB above what the imports take, the second look at full scale included."""
    file = tmp_path / "photo.npy"
    np.save(file, canvas(4000, 3000, faces))
    script = """
        import json, resource, sys
        import numpy as np
        import torch, torchvision, facenet_pytorch
        from mnd.faces import Detector
        unit = 2**20 if sys.platform == "darwin" else 2**10
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        detector = Detector()
        detector(np.zeros((64, 64, 3), np.uint8))
        before = peak()
        faces = detector(np.load(sys.argv[1]))
        print(json.dumps([len(faces), peak() - before]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(file)]
    count, grown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert count == len(faces)
    assert grown < 400


def test_the_grey_light_is_a_power_of_the_mean_colour() -> None:
    pixels = np.full((4, 4, 3), (255, 255, 0), np.uint8)
    part = looking.patch(pixels, (0, 0, 4, 4), 4, torch.device("cpu"))
    shares = (looking.lit(part, "grey").image * 128 + 127.5) / 255
    assert shares.shape == (1, 3, 4, 4)
    assert torch.allclose(shares, torch.full_like(shares, (2 / 3) ** 6), atol=1e-5)


@pytest.mark.parametrize(
    ("probability", "looks"), [(0.97, ("first", "turned", "dimmed", "ranked", "grey")), (0.999, ("first",))]
)
def test_a_doubtful_find_is_looked_past(
    monkeypatch, detector: Detector, probability: float, looks: tuple[str, ...]
) -> None:
    """A spot was all that was found, beside a face that is white, and in a photo that lay on its side."""
    marks = np.array([[20, 20], [30, 20], [25, 25], [21, 30], [29, 30]], np.float32)
    spot = Face((15.0, 15.0, 35.0, 35.0), marks, probability, 0, "first")

    def seen(self, pixels, part, way, smallest, least, look):
        return [(probability, spot)] if look == "first" else []

    monkeypatch.setattr(Detector, "_seen", seen)
    search = detector.search(np.full((200, 200, 3), 255, np.uint8))
    assert search.looks == looks
    assert search.faces == (spot,)


@pytest.mark.parametrize(
    ("shown", "probability"),
    [
        ({"dimmed": 0.91, "ranked": 0.8, "grey": 0.7}, 0.91),
        ({"dimmed": 0.91, "ranked": 0.8}, None),  # .982 is too little
        ({"dimmed": 0.919}, None),  # one look alone agrees with nobody
        ({"equalised": 0.91, "dimmed": 0.8, "ranked": 0.7}, None),  # dark and overexposed at once is neither
    ],
)
def test_what_several_lights_suspect_at_one_place_is_a_face(
    monkeypatch, detector: Detector, shown: dict[str, float], probability: float | None
) -> None:
    marks = np.array([[20, 20], [30, 20], [25, 25], [21, 30], [29, 30]], np.float32)

    def seen(self, pixels, part, way, smallest, least, look):
        if look not in shown or way.turn:
            return []
        shift = 2.0 * len(look) % 5  # they do not see it at quite the same place
        return [(0.9, Face((15.0 + shift, 15.0, 35.0 + shift, 35.0), marks, shown[look], way.turn, look))]

    monkeypatch.setattr(Detector, "_seen", seen)
    search = detector.search(np.full((200, 200, 3), 255, np.uint8))
    assert [face.probability for face in search.faces] == ([] if probability is None else [probability])
    assert bool(search.suspects) == (probability is None)
