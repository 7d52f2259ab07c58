"""The options of the commands: what each is called, what its help says, and how its words are read."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from ..base.runtime import Device
from ..cloaking.levels import Level, Plan, Reference, told
from ..cloaking.settings import CloakSettings
from .app import UsageError

DEFAULT = CloakSettings()
N = TypeVar("N", int, float)


@functools.cache
def attribute_docs(cls: type) -> dict[str, str]:
    """The docstrings under the fields of a class, in one line each; empty where its source is not there.

    >>> attribute_docs(CloakSettings).keys() >= {"targets", "seed"}
    True
    """
    try:
        [body] = ast.parse(inspect.getsource(cls)).body
    except (OSError, TypeError):
        return {}
    assert isinstance(body, ast.ClassDef)
    told = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = " ".join(text.split())
    return told


def option(field: str) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    default = getattr(DEFAULT, field)
    words = attribute_docs(CloakSettings).get(field, "")
    if default is None and field in {it.name for it in fields(Plan)}:
        words += f" By default {told(field)}."
    return Parameter(help=words, show_default=default not in (None, ()) and not isinstance(default, bool))


Targets = Annotated[list[str] | None, option("targets")]
Gallery = Annotated[Path | None, option("gallery")]
OnDevice = Annotated[Device, option("device")]
Offline = Annotated[bool, option("offline")]
AsJson = Annotated[bool, Parameter("--json", help="Print JSON, one object a line.", show_default=False)]


@dataclass(frozen=True)
class CloakFlags:
    """The options of every command that cloaks: one for each field of `CloakSettings`."""

    targets: Targets = None
    level: Annotated[Level, option("level")] = DEFAULT.level
    gallery: Gallery = None
    faces: Annotated[str, option("faces")] = DEFAULT.faces
    box: Annotated[list[str] | None, option("box")] = None
    whole: Annotated[bool, option("whole")] = DEFAULT.whole
    seed: Annotated[int, option("seed")] = DEFAULT.seed
    steps: Annotated[int | None, option("steps")] = DEFAULT.steps
    headroom: Annotated[float | None, option("headroom")] = DEFAULT.headroom
    jitter: Annotated[float | None, option("jitter")] = DEFAULT.jitter
    flips: Annotated[float | None, option("flips")] = DEFAULT.flips
    reference: Annotated[Reference | None, option("reference")] = DEFAULT.reference
    draws: Annotated[int | None, option("draws")] = DEFAULT.draws
    looks: Annotated[int | None, option("looks")] = DEFAULT.looks
    jpeg: Annotated[str | None, option("jpeg")] = None
    scale: Annotated[str | None, option("scale")] = None
    spread: Annotated[float | None, option("spread")] = DEFAULT.spread
    flat: Annotated[float | None, option("flat")] = DEFAULT.flat
    least_ssim: Annotated[float | None, option("least_ssim")] = DEFAULT.least_ssim
    strip_names: Annotated[bool, option("strip_names")] = DEFAULT.strip_names
    keep_best: Annotated[bool, option("keep_best")] = DEFAULT.keep_best
    rho: Annotated[float, option("rho")] = DEFAULT.rho
    device: OnDevice = DEFAULT.device
    offline: Offline = DEFAULT.offline

    def settings(self) -> CloakSettings:
        """What was asked for, as far as it can be judged before anything is loaded.

        Raises:
            UsageError: a value is wrong, there is no such target, card or gallery.
        """
        told = {field.name: getattr(self, field.name) for field in fields(self)} | {
            "targets": split_names(self.targets),
            "box": _boxes(self.box),
            "jpeg": None if self.jpeg is None else _two("--jpeg", self.jpeg, int),
            "scale": None if self.scale is None else _two("--scale", self.scale, float),
        }
        return cloak_settings(**told)


AsCloak = Annotated[CloakFlags, Parameter(name="*")]
"""A command with an argument of this type has all of these options."""
NO_FLAGS = CloakFlags()


def _boxes(texts: list[str] | None) -> Any:
    """One box as four numbers, several as as many."""
    if not texts:
        return None
    boxes = []
    for text in texts:
        try:
            x0, y0, x1, y1 = (float(word) for word in text.split(","))
        except ValueError:
            raise UsageError(f"--box is {text!r}, expected four numbers X0,Y0,X1,Y1 in pixels") from None
        boxes.append((x0, y0, x1, y1))
    return boxes[0] if len(boxes) == 1 else tuple(boxes)


def _two(flag: str, text: str, kind: Callable[[str], N]) -> tuple[N, N]:
    try:
        low, high = (kind(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"{flag} is {text!r}, expected two numbers such as LOWEST,HIGHEST") from None
    return low, high


def split_names(targets: list[str] | None) -> tuple[str, ...]:
    """`--targets a,b`, or the option several times."""
    return tuple(name.strip() for text in targets or () for name in text.split(","))


def cloak_settings(**given: Any) -> CloakSettings:
    """The settings, as far as they can be judged before anything is loaded.

    Raises:
        UsageError: a value is wrong, there is no such target, card or gallery.
    """
    assert given.keys() <= {field.name for field in fields(CloakSettings)}
    try:
        settings = CloakSettings(**given)
        if settings.gallery is not None and not settings.gallery.is_dir():
            raise UsageError(f"--gallery is {str(settings.gallery)!r}, expected a folder of photos")
        if settings.targets:
            from ..targets import registry

            for name in settings.targets:
                registry.find(name)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return settings
