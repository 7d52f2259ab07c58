"""The levels: what a cloak withstands, and every number that the name of a level stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..optimizer.settings import Keep

HARDER, STEP = 1.5, 0.05
"""What head-room is multiplied by from one attempt to the next, and the least that is added."""
CAP, CALMER = 6.0, 2 / 3
"""A cap on features that costs next to nothing, and what a cap that was too wide is multiplied by."""
HEADROOMS = {"euclidean distance": "headroom", "cosine similarity": "similarity", "logit margin": "logits"}
"""Which head-room is that of targets with this unit."""
Level = Literal["minimum", "robust", "strong"]
MovesFrom = Literal["nearest", "both", "mean"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a cloak is searched for, and what its file has to withstand."""

    steps: int
    """Forward and backward passes of a search."""
    headroom: float
    """How far past the threshold of a distance, as a share of it: the worst of the looks that judge where
    there are trials, else what the search sees."""
    similarity: float
    """The same of a similarity, whose threshold lies nearer to what strangers have."""
    alone: float
    """What both are multiplied by where one recogniser alone is fooled: it knows less of what others see."""
    logits: float
    """How far below the best other class, in logits, where a classifier is the target."""
    jitter: float
    """How much landmarks shake, as a share of the distance of the eyes."""
    misplaced: float
    """How far whole faces are out of place in a look (`mnd.faces.landmarks.misplaced`). Above 0 the mean of
    all looks is fooled, not the worst: what crops out of place share is what other recognisers see."""
    flips: float
    """The share of looks at the mirrored face."""
    reference: MovesFrom
    """What a search moves away from, see `CloakSettings`."""
    draws: int
    """Ways through the channel that each step looks at, beside the saved file."""
    looks: int
    """Looks at each face, each shaken anew, in the saved file and in each way through the channel."""
    seen_as: tuple[tuple[str, ...], ...]
    """How the search looks at a face (`mnd.targets.looks`): each row has a limit of its own, and its looks
    take turns."""
    settle: float
    """The share of steps, the last ones, that look at all rows; the others look at one of them, in turn."""
    trials: tuple[float, ...]
    """When the search is judged as the file will be, and its head-room follows: shares of its steps."""
    aside: float
    """The head-room of rows of whose kind no look judges at this level, as a share of the threshold."""
    level: Level
    """Whose looks judge."""
    jpeg: tuple[int, int]
    """Qualities of the JPEGs in the channel."""
    scale: tuple[float, float]
    """New sizes over the old in the channel."""
    spread: float
    """Of the distance: how much many small changes are preferred to a few large ones."""
    flat: float
    """Of the distance: how much more the same change counts where the photo is flat."""
    lightness: bool
    """The three channels change alike, so that colours stay: JPEG takes most of their change away anyhow. A
    photo that is too visible then is tried once more with its colours (`freer`)."""
    feature_cap: float | None
    """How far a feature may change, in grey levels; beside it the cap fades. None: as far as it likes."""
    looser: float | None
    """The same where the colours may change, too."""
    least_ssim: float
    """The least SSIM of a cloaked region."""
    most_iris: float
    """How far the mean colour of an iris may move, in CIEDE2000."""
    most_stitches: int
    """How many stitches a face may have (`mnd.metrics.appearance`)."""
    withstands: tuple[str, ...]
    """Ways of sharing (`mnd.channel.sent`) after which every target has to be fooled still."""

    @property
    def keep(self) -> Keep:
        """What a search returns: where looks differ from step to step, the cheapest picture was lucky."""
        return "last" if self.drawn else "cheapest"

    @property
    def ready(self) -> int:
        """The first step whose picture counts: before the last trial less was asked for."""
        return max(self.tried, default=0)

    @property
    def patience(self) -> int:
        """So many more steps where a picture is not accepted, four times at most: about an eighth of all."""
        return max(1, self.steps // 8)

    @property
    def tried(self) -> tuple[int, ...]:
        """The steps of the trials."""
        return tuple(int(share * self.steps) for share in self.trials)

    @property
    def settled(self) -> int:
        """The first step that looks at all rows; the last one always does."""
        return min(round((1 - self.settle) * self.steps), self.steps - 1)

    @property
    def drawn(self) -> bool:
        """Whether looks differ from step to step in more than where the landmarks are."""
        return bool(self.draws or self.flips or self.looks > 1)

    @property
    def momentum(self) -> tuple[float, float]:
        """How slowly gradients are forgotten, first and last: those of looks that differ longest."""
        return (0.3, 0.98 if self.drawn else 0.95)

    @property
    def gain(self) -> float:
        """How quickly the aim follows what was missed: slowly where looks differ, and a miss may be luck."""
        return 0.3 if self.drawn else 0.7

    def calmer(self, passed: Collection[str]) -> Plan:
        """The plan of another attempt, when a file went past these limits of what may be seen.

        More freedom makes structure last longer; less of it keeps irises and contours. It is the same plan
        where nothing else is known to help.
        """
        if "ssim" in passed:
            return self.freer()
        plan = self
        if "iris" in passed:
            plan = replace(plan, lightness=True)
        if "stitches" in passed:
            cap = CAP if plan.feature_cap is None else CALMER * plan.feature_cap
            plan = replace(plan, feature_cap=cap)
        return plan

    def freer(self) -> Plan:
        """The plan of another attempt, when this one was too visible: first with the colours, then freely."""
        if self.lightness:
            return replace(self, lightness=False, feature_cap=self.looser)
        return replace(self, feature_cap=None)

    def harder(self, units: Collection[str]) -> Plan:
        """The plan of another attempt, when targets with these `units` recognised the saved file."""
        now = {name: getattr(self, name) for unit, name in HEADROOMS.items() if unit in units}
        return replace(self, **{name: max(HARDER * share, share + STEP) for name, share in now.items()})


FACE = ("aligned", "68 points", "upright", "shifted")
"""The face with the margins and places that programs differ in: what moves all of them moves each."""
WIDE = ("aligned", "68 points", "box 1.00", "upright", "box 1.00", "shifted")
"""The same, and the box of OpenCV's detector: a file that withstands the channel is past its limit anyhow."""
MIRROR = ("jitters", "68 points, jitters", "mirrored")
"""The same with its mirror image, which needs a pull of its own."""
OPENCV = ("box 1.00", "box 1.10")
"""The box of OpenCV's detector, which is now this large and now that large."""
BOX = (*OPENCV, "box .80")
"""The boxes of all detectors."""
TRIALS = (0.45, 0.75)
MINIMUM = Plan(
    steps=51, headroom=0.02, similarity=0.02, alone=1.0, logits=0.1, jitter=0.01, misplaced=0.0, flips=0.0,
    reference="nearest", draws=0, looks=1, seen_as=(FACE, MIRROR, OPENCV), settle=0.18,
    trials=TRIALS, aside=-0.08, level="minimum", jpeg=(70, 95), scale=(0.45, 0.6), spread=1.5, flat=0.6,
    least_ssim=0.85, most_iris=6.0, most_stitches=8, lightness=False, feature_cap=None, looser=None,
    withstands=(),
)  # fmt: skip
# half size and then JPEG 75 asks for more than all else that has to be withstood: no draw is much milder
ROBUST = Plan(
    steps=40, headroom=0.02, similarity=0.02, alone=1.0, logits=2.0, jitter=0.012, misplaced=0.0, flips=0.0,
    reference="both", draws=1, looks=1, seen_as=(WIDE, MIRROR), settle=0.3, trials=TRIALS,
    aside=-0.08, level="robust", jpeg=(72, 85), scale=(0.46, 0.54), spread=1.0, flat=1.9, least_ssim=0.93,
    most_iris=5.0, most_stitches=4, lightness=True, feature_cap=6.0, looser=10.0,
    withstands=("jpeg90", "jpeg75", "webp80", "half", "half-jpeg75"),
)  # fmt: skip
STRONG = replace(
    ROBUST, steps=60, headroom=0.03, similarity=0.08, alone=2.0, logits=4.0, misplaced=0.06,
    jpeg=(70, 95), scale=(0.45, 0.6),
    looks=2, seen_as=(WIDE, MIRROR, BOX), level="strong", spread=2.0, flat=2.0, least_ssim=0.85,
    most_iris=6.0, most_stitches=8, feature_cap=10.0, looser=16.0,
)  # fmt: skip

PLANS: dict[tuple[Level, bool], Plan] = {
    ("minimum", True): MINIMUM,
    # of the photo itself: whoever is told from it is told from most others, which are less like it
    ("minimum", False): replace(MINIMUM, headroom=0.04, similarity=0.03, logits=0.05),
    ("robust", True): ROBUST,
    # of the photo itself, which is nearer than others of the person in every check
    ("robust", False): replace(ROBUST, headroom=0.05, similarity=0.05),
    ("strong", True): STRONG,
    # away from the photo itself a search by crops out of place may go on until no face is left
    ("strong", False): replace(STRONG, headroom=0.05, similarity=0.15, jitter=0.05, misplaced=0.0),
}
"""By level and whether there is a gallery: `docs/lab/transfer.md` has the figures of others."""


def in_which_file(levels: Iterable[str]) -> str:
    """Whether results of these levels hold after a messenger, in words that go on behind "no longer matched".

    >>> in_which_file(["robust"]), in_which_file(["robust", "minimum"])[:13]
    ('also after a messenger (JPEG, WebP, half size)', 'as saved only')
    """
    promised = {name for (name, _), plan in PLANS.items() if plan.withstands}
    if (asked := set(levels)) and asked <= promised:  # a manifest without levels promises nothing
        return "also after a messenger (JPEG, WebP, half size)"
    return "as saved only: do not send them through a messenger"


def told(name: str) -> str:
    """What a number of the plans is by default, in words for the help: by level, with and without a gallery.

    >>> told("steps")
    '51 (minimum), 40 (robust), 60 (strong)'
    """
    by_value: dict[str, list[str]] = {}
    levels: tuple[Level, ...] = ("minimum", "robust", "strong")
    for level in levels:
        known, alone = (_shown(getattr(PLANS[level, gallery], name)) for gallery in (True, False))
        text = known if known == alone else f"{known} with a gallery and {alone} without"
        by_value.setdefault(text, []).append(level)
    return ", ".join(f"{text} ({', '.join(names)})" for text, names in by_value.items())


def _shown(value: object) -> str:
    return ",".join(str(v) for v in value) if isinstance(value, tuple) else str(value)
