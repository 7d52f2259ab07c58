"""Find faces and their five landmarks in photos of any size."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..base.errors import MndError
from ..base.types import Edges, Pixels
from .face import SMALLEST_BOX, Face, overlap, parse_box, select
from .looking import LIGHTS, TURNS, WAYS, Patch, Way, in_photo, overexposed, patch, reductions, tiles
from .mtcnn import LENIENT, THRESHOLDS, Measured, cascade, distinct, doubted, measure, slant, upside_down
from .mtcnn_nets import Nets, load

__all__ = [
    "SAME_PLACE",
    "Detector",
    "Face",
    "FaceError",
    "FinderSettings",
    "Search",
    "overlap",
    "parse_box",
    "select",
]

ADVICE = "say where it is with --box X0,Y0,X1,Y1 (pixels), or change the whole picture with --whole"
LOOKS = ("first", "tiles", "turned", "close", "equalised", "dimmed", "ranked", "grey")
"""At a copy of the whole photo; at less reduced tiles of a large one; at both turned, when no face was found,
doubtful ones alone, or a turned one; then, each only when nothing was found: at tiles at full scale, in four
other lights, of which those for what is overexposed also when doubtful ones alone were found."""
BRIGHT = LIGHTS[2:]
"""The lights that are for what is overexposed, and only looked at where something is."""
NAMED = 3
"""Places of suspects that a message names."""
DOUBTLESS = 0.996
"""Probability from which on a face is not also measured upside down: of LFW's, one in twenty is below it, and
of those measured the wrong way up all are."""
PROMISING = 0.8
"""Probability from which on, at one of the four turns, what the first look doubts is measured."""
HOPELESS = 0.9
"""Probability below which one look at it upside down is enough: a face then the right way up has more."""
AGREEING = 0.5
"""Intersection over union from which on two looks see the same face."""
SAME_PLACE = 0.15
"""Intersection over union of a face with the box it was looked for in: people draw boxes generously."""


class FaceError(MndError, ValueError):
    """A photo in which the asked-for face could not be found; `kind` is for programs, the text for people."""

    kind = "no-face"

    @classmethod
    def none_found(cls, size: tuple[int, int], search: Search | None = None) -> FaceError:
        """The error of a photo of `size` (width, height) without any face; `search` is what was done.

        >>> "--box" in str(FaceError.none_found((640, 480))), FaceError.none_found((640, 480)).kind
        (True, 'no-face')
        """
        done = "" if search is None else f" ({search.told()})"
        return cls(
            f"found no face in this photo of {size[0]}x{size[1]} pixels{done}, "
            f"expected at least one: {ADVICE}"
        )

    @classmethod
    def suspected(cls, size: tuple[int, int], suspects: Sequence[Face]) -> FaceError:
        """The error of a photo of `size` (width, height) in which no face is sure, but some may be.

        >>> face = Face((10.0, 20.0, 50.4, 70.0), np.zeros((5, 2), np.float32), 0.6, 90, "turned")
        >>> error = FaceError.suspected((640, 480), [face])
        >>> "10,20,50,70" in str(error), error.kind
        (True, 'suspected-face')
        """
        boxes = [",".join(str(round(edge)) for edge in face.box) for face in suspects[:NAMED]]
        more = f" and {len(suspects) - NAMED} more" if len(suspects) > NAMED else ""
        error = cls(
            f"found no face for sure in this photo of {size[0]}x{size[1]} pixels, but there may be one at "
            f"{' or '.join(boxes)}{more}, expected at least one: {ADVICE}"
        )
        error.kind = "suspected-face"
        return error


@dataclass(frozen=True)
class FinderSettings:
    """What counts as a face, and how hard to look for it."""

    minimum_probability: float = 0.9
    """Of the last network of the cascade, 0..1; below it a find is not reported."""
    minimum_probability_near: float = 0.5
    """The same where the place is already known."""
    minimum_probability_later: float = 0.97
    """The same of a face that the first look doubted, or that only a turned copy shows."""
    minimum_probability_beside: float = 0.998
    """The same of a turned face beside an upright one: people in one photo mostly hold their heads alike.
    Where all that the photo's own light shows is below it, a face on its side or a white one may be there."""
    minimum_probability_lit: float = 0.92
    """The same of a face that only another light shows: little is left of it."""
    minimum_probability_agreed: float = 0.99
    """The same of a face that several lights for what is overexposed show, none of them for sure: one minus
    the product of what each leaves open."""
    suspicion: float = 0.8
    """The same of what is no face yet, but is told."""
    doubt: float = 0.1
    """Of the cascade's coarse view, 0..1; what it sees less of is not looked at again. A face on its side
    beside one that is upright is hardly a face to it: it is looked at at the other turns."""
    minimum_size: int = 20
    """Pixels of the copy that is searched: the smallest side of a face."""
    first_look: int = 1280
    """Pixels: the longer side of the copy that is searched first."""
    most_reduced: float = 3.2
    """Where the copy of a photo is reduced by more it hides faces of 80 pixels, dlib's own limit: tiles are
    searched, too."""
    tile_reduced: float = 2.5
    """By how much these are."""
    tile: int = 1280
    """Pixels of the copy that is searched: the side of a tile."""

    every_turn: bool = False
    """Search the turned copies also where a face was found: four times the time, for faces on their side
    beside upright ones, of which the first look alone finds about two in three."""

    def __post_init__(self) -> None:
        for name in (
            "minimum_probability",
            "minimum_probability_near",
            "minimum_probability_later",
            "minimum_probability_beside",
            "minimum_probability_lit",
            "minimum_probability_agreed",
            "suspicion",
            "doubt",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number from 0 to 1")
        if self.minimum_size < 12:
            raise ValueError(f"minimum_size is {self.minimum_size!r}, expected at least 12 pixels")
        for name in ("most_reduced", "tile_reduced"):
            if not 1 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number of at least 1")
        for name in ("first_look", "tile"):
            if getattr(self, name) < 4 * self.minimum_size:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected at least 4 times minimum_size")


@dataclass(frozen=True)
class Search:
    """What a search of a photo found, and what was searched.

    Attributes:
        faces: largest first.
        smallest: pixels of the photo: what was looked for at every look were faces of at least this side.
        suspects: what may be a face, and is not one of `faces`; largest first.
        looks: those that were done, of `LOOKS`, in their order.
    """

    faces: tuple[Face, ...]
    smallest: float
    suspects: tuple[Face, ...]
    looks: tuple[str, ...]

    def told(self) -> str:
        """What was searched, in words.

        >>> Search((), 62.5, (), ("first", "turned", "equalised")).told()
        'looked for faces of 63 pixels or more, also on their side and upside down, and with more contrast'
        """
        ways = {
            "turned": "on their side and upside down",
            "equalised": "with more contrast",
            "dimmed": "with less light",
        }
        also = ", and ".join(words for look, words in ways.items() if look in self.looks)
        return f"looked for faces of {math.ceil(self.smallest)} pixels or more{also and f', also {also}'}"


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(
            f"got pixels of {pixels.dtype} {pixels.shape}, expected uint8 (height, width, 3), RGB"
        )
    return pixels


class _Place(NamedTuple):
    """A part of the photo, and the longer side of the copy in which it is searched."""

    box: Edges
    longest: float


class Detector:
    """MTCNN, loaded when it is first asked, for photos of any size.

    Deterministic: the same pixels give the same faces. Of Apple's MPS it works on the CPU beside it.

    >>> import skimage.data
    >>> [face] = Detector()(skimage.data.astronaut())
    >>> [round(float(x)) for x in face.landmarks[2]]
    [224, 129]
    """

    def __init__(self, device: torch.device | str = "cpu", settings: FinderSettings | None = None) -> None:
        asked = torch.device(device)
        # MPS averages areas only by whole numbers of pixels (pytorch issue 96056)
        self.device = torch.device("cpu") if asked.type == "mps" else asked
        self.settings = settings or FinderSettings()

    @functools.cached_property
    def _nets(self) -> Nets:
        return load(self.device)

    def __call__(self, pixels: Pixels) -> list[Face]:
        """The faces of a photo `(H, W, 3)` uint8 RGB; largest first. See `search`.

        Raises:
            ValueError: not such an array.
        """
        return list(self.search(pixels).faces)

    @torch.no_grad()
    def search(self, pixels: Pixels) -> Search:
        """Look for the faces of a photo `(H, W, 3)` uint8 RGB, and harder while there is none.

        Raises:
            ValueError: not such an array.

        >>> import skimage.data
        >>> search = Detector().search(np.rot90(skimage.data.astronaut()))
        >>> [face.turn for face in search.faces], search.looks
        ([270], ('first', 'turned'))
        """
        _checked(pixels)
        settings = self.settings
        height, width = pixels.shape[:2]
        scales = [max(1.0, max(height, width) / settings.first_look)]
        if scales[0] > settings.most_reduced:
            scales = reductions(scales[0], settings.tile_reduced)
        whole, *finer = (self._places(width, height, scales, i) for i in range(len(scales)))
        fine = [place for places in finer for place in places]
        close = self._places(width, height, [scales[-1], 1.0], 1) if scales[-1] > 1 else []
        plan = {
            "first": (whole, WAYS[:1]),
            "tiles": (fine, WAYS[:1]),
            "turned": (whole + fine, WAYS[1:4]),
            "close": (close, WAYS[:1]),
            "equalised": (whole + fine, WAYS[4:8]),
            "dimmed": (whole + fine, WAYS[8:12]),
            "ranked": (whole + fine, WAYS[12:16]),
            "grey": (whole + fine, WAYS[16:]),
        }
        once, later = settings.minimum_probability, settings.minimum_probability_later
        lit = settings.minimum_probability_lit
        faces: list[Face] = []
        suspects: list[Face] = []
        looks: list[str] = []
        for name, (places, ways) in plan.items():
            wanted = not faces or name in ("first", "tiles")
            if name == "turned":  # where one face is turned, others may be
                wanted |= settings.every_turn or any(face.turn for face in faces)
            if name in ("turned", *BRIGHT):  # all that was found may be a spot beside the face
                sure = settings.minimum_probability_beside
                wanted |= all(face.probability < sure and face.look not in BRIGHT for face in faces)
            if not places or not wanted:
                continue
            looks.append(name)
            for place, longest in places:
                part = patch(pixels, place, longest, self.device)
                if name in BRIGHT and not overexposed(part, settings.minimum_size):
                    continue
                for way in ways:
                    least = settings.doubt if way == WAYS[0] else settings.minimum_probability_near
                    for score, face in self._seen(pixels, part, way, settings.minimum_size, least, name):
                        at_once = way == WAYS[0] and score >= once
                        limit = once if at_once else lit if way.light != LIGHTS[0] else later
                        (faces if face.probability >= limit else suspects).append(face)
        sides = {face.turn for face in faces if face.look == "turned"}
        # what is turned like a sure face needs no more than an upright one
        alike = [s for s in suspects if s.look == "turned" and s.turn in sides and s.probability >= once]
        agreed = _agreed([s for s in suspects if s.look in BRIGHT], settings.minimum_probability_agreed)
        faces = _distinct(faces + alike + agreed)
        if any(not face.turn for face in faces):
            odd = [f for f in faces if f.turn and f.probability < settings.minimum_probability_beside]
            faces, suspects = [face for face in faces if face not in odd], suspects + odd
        suspects = _distinct([face for face in suspects if face.probability >= settings.suspicion])
        others = [s for s in suspects if all(overlap(s.box, face.box) < SAME_PLACE for face in faces)]
        return Search(tuple(faces), settings.minimum_size * scales[-1], tuple(others), tuple(looks))

    @torch.no_grad()
    def near(self, pixels: Pixels, box: str | Sequence[float], turn: int = 0) -> Face | None:
        """The face in `box`, or nothing; looks only around it, and more leniently than at a whole photo.

        First as it was found (`turn`, as a face has it), then in another light and at the other turns.

        Raises:
            ValueError: no such array, no box inside it, or a turn that is not one of `TURNS`.
        """
        _checked(pixels)
        if turn not in TURNS:
            raise ValueError(f"turn is {turn!r}, expected one of {', '.join(map(str, TURNS))}")
        x0, y0, x1, y1 = known = parse_box(box, (pixels.shape[1], pixels.shape[0]))
        side = max(x1 - x0, y1 - y0)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        around = (x - side, y - side, x + side, y + side)
        part = patch(pixels, around, 320, self.device)
        smallest = max(10.0, 0.4 * side * min(part.scale))
        settings = self.settings
        for way in sorted(WAYS, key=lambda way: way.turn != turn):
            known_way = way == Way(turn)
            least = settings.minimum_probability_near if known_way else settings.minimum_probability_later
            seen = self._seen(pixels, part, way, smallest, settings.minimum_probability_near, "near")
            faces = [face for _, face in seen if face.probability >= least]
            faces = [face for face in faces if overlap(face.box, known) >= SAME_PLACE]
            if faces:
                return max(faces, key=lambda face: overlap(face.box, known))
        return None

    def _places(self, width: int, height: int, scales: Sequence[float], number: int) -> list[_Place]:
        """What is searched at the scale of that number: the whole photo, or tiles.

        Neighbours share half as much again as the side of a face that the scale before could miss.
        """
        settings = self.settings
        if number == 0:
            longest = max(width, height)
            return [_Place((0.0, 0.0, float(width), float(height)), longest / scales[0])]
        side = round(settings.tile * scales[number])
        shared = min(round(1.5 * settings.minimum_size * scales[number - 1]), side // 2)
        return [_Place(box, settings.tile) for box in tiles(width, height, side, shared)]

    def _seen(
        self, pixels: Pixels, part: Patch, way: Way, smallest: float, least: float, look: str
    ) -> list[tuple[float, Face]]:
        """What may be a face in a patch, measured, with what the cascade thought of it: at least `least`."""
        size, copy = (pixels.shape[1], pixels.shape[0]), way.at(part)
        thresholds = LENIENT if way.light in BRIGHT else THRESHOLDS
        finds = cascade(self._nets, copy.image, smallest, least, thresholds)
        asked = least < self.settings.minimum_probability_near
        if asked:
            finds = doubted(self._nets, copy.image, finds, self.settings.minimum_probability, PROMISING)
        points = in_photo(finds.landmarks, copy)
        scores: list[float] = finds.scores.tolist()
        doubtful = [asked and score < self.settings.minimum_probability for score in scores]
        found = [
            _face(self._measured(pixels, each, way.light, doubt), size, look)
            for each, doubt in zip(points, doubtful, strict=True)
        ]
        return [(score, face) for score, face in zip(scores, found, strict=True) if face is not None]

    def _measured(self, pixels: Pixels, points: Tensor, light: str, doubtful: bool) -> Measured:
        """The face near these landmarks, the right way up, in the photo's own light or in that of the look.

        The surer one counts: in a photo darkened to a tenth landmarks are off by an eighth of the distance of
        the eyes, in its equalised copy by a fiftieth.
        """
        if doubtful:  # all turns have been looked at
            return measure(self._nets, pixels, points, self.device, light, HOPELESS)
        found = self._righted(pixels, points, LIGHTS[0])
        if light == LIGHTS[0]:
            return found
        return max(found, self._righted(pixels, points, light), key=lambda it: float(it.probability))

    def _righted(self, pixels: Pixels, points: Tensor, light: str) -> Measured:
        """The third network sees something in a face upside down, too, but is surer when it is upright.

        Between the two, measuring finds the turn by itself.
        """
        found = measure(self._nets, pixels, points, self.device, light)
        if found.probability >= DOUBTLESS:
            return found
        other = measure(self._nets, pixels, upside_down(found.landmarks), self.device, light, HOPELESS)
        return max(found, other, key=lambda it: float(it.probability))


def _face(found: Measured, size: tuple[int, int], look: str) -> Face | None:
    """What was measured, its box cut at the border of the photo; nothing where too little is in it."""
    width, height = size
    turn = round(slant(found.landmarks) / 90) * 90 % 360
    wide = found.size.flip(0) if turn in (90, 270) else found.size
    x0, y0 = (found.centre - wide / 2).tolist()
    x1, y1 = (found.centre + wide / 2).tolist()
    box = (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
    if not min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_BOX:
        return None
    landmarks = (found.landmarks - 0.5).cpu().numpy().astype(np.float32)
    return Face(box, landmarks, float(found.probability), turn, look)


def _agreed(suspects: Sequence[Face], least: float) -> list[Face]:
    """The surest of what several looks suspect at one place, where 1 - prod(1 - p) is at least `least`."""
    agreed = []
    for face in suspects:
        there = [s for s in suspects if overlap(s.box, face.box) >= AGREEING]
        surest = [max(s.probability for s in there if s.look == look) for look in {s.look for s in there}]
        if len(surest) > 1 and 1 - math.prod(1 - p for p in surest) >= least:
            agreed.append(max(there, key=lambda s: s.probability))
    return agreed


def _distinct(faces: Sequence[Face]) -> list[Face]:
    """Each face once, though several looks found it; largest first."""
    if not faces:
        return []
    boxes, scores = torch.tensor([f.box for f in faces]), torch.tensor([f.probability for f in faces])
    kept: list[int] = distinct(boxes, scores).tolist()
    return sorted((faces[i] for i in kept), key=lambda face: (-face.size, face.box))
