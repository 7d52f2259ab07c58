"""Which trials a study has: every content with every attack and with its own clean file, under opaque ids."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..evaluation.report.opinions import HIDDEN
from .contents import Content
from .settings import StudySettings

Kind = Literal["test", "hidden", "training"]


@dataclass(frozen=True)
class Trial:
    """One presentation: a reference, then a test picture.

    Attributes:
        id: opaque, and so is that of the `content`.
        kind: `test`; `hidden`: the test picture is the reference; `training`: not counted.
        attack: its name, or `reference`.
        picture: the content's name in the evaluation.
        reference, path: both files, relative to the report's folder.
    """

    id: str
    content: str
    kind: Kind
    attack: str
    picture: str
    reference: str
    path: str


class Names:
    """Opaque ids: the first 16 hexadecimal digits of HMAC-SHA256 of what is named.

    Without the secret, nobody can tell from an id which attack or picture it means, nor try names out.

    >>> names = Names(b"secret")
    >>> names("test", "an attack", "a picture") == names("test", "an attack", "a picture")
    True
    >>> names("test") == Names(b"another")("test")
    False
    """

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def __call__(self, *words: str) -> str:
        return hmac.new(self.secret, "\0".join(words).encode(), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True)
class Design:
    """A study before its pictures are read.

    Attributes:
        study: its id.
        trials: those that are counted, sorted by id, so that their places say nothing.
        training: those of the beginning, in the order in which they are shown.
    """

    study: str
    trials: tuple[Trial, ...]
    training: tuple[Trial, ...]


def design(
    contents: Sequence[Content], attacks: Sequence[str], settings: StudySettings, names: Names
) -> Design:
    """Draw the contents by the seed, and cross them with the attacks and the hidden reference.

    The design is complete: whoever answers grades each attack on the same contents.
    """
    drawn = random.Random(f"contents {settings.seed}").sample(
        list(contents), min(settings.pictures, len(contents))
    )
    trials = []
    for content in drawn:
        trials.append(_trial(content, HIDDEN, "hidden", names))
        trials += [_trial(content, attack, "test", names) for attack in attacks]
    chosen = {content.picture for content in drawn}
    spare = [content for content in contents if content.picture not in chosen]
    training = _training(spare or drawn, attacks, settings, names)
    trials.sort(key=lambda trial: trial.id)
    study = names("study", *(trial.id for trial in (*trials, *training)))
    return Design(study, tuple(trials), tuple(training))


def _trial(content: Content, attack: str, kind: Kind, names: Names, place: int = 0) -> Trial:
    return Trial(
        id=names(kind, attack, content.picture, str(place)),
        content=names("content", content.picture),
        kind=kind,
        attack=attack,
        picture=content.picture,
        reference=content.original,
        path=content.original if attack == HIDDEN else content.paths[attack],
    )


def _training(
    contents: Sequence[Content], attacks: Sequence[str], settings: StudySettings, names: Names
) -> list[Trial]:
    """Examples that span the range: the strongest change, a clean file, then evenly from strong to faint.

    BT.500 wants them on other pictures than the test's; that is kept while the evaluation has others.
    Their strength is that of the measure that all lines have; without any, chance decides.
    """
    draw = random.Random(f"training {settings.seed}")
    pairs = [(content, attack) for content in contents for attack in attacks]
    draw.shuffle(pairs)
    pairs.sort(key=lambda pair: pair[0].quality.get(pair[1], 0.0))
    count = min(settings.training, len(pairs) + 1)
    if count == 0:
        return []
    steps = max(1, count - 2)
    picked = [pairs[round(step * (len(pairs) - 1) / steps)] for step in range(count - 1 or 1)]
    shown = [_trial(content, attack, "training", names, at) for at, (content, attack) in enumerate(picked)]
    clean = [_trial(draw.choice(list(contents)), HIDDEN, "training", names)] if count > 1 else []
    return shown[:1] + clean + shown[1:]
