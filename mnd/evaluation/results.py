"""The lines of `results.jsonl` with their types, and which measure is better when it is higher."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = "results.jsonl"
RUN = "run.json"
OURS = "mnd"
"""The attack that all others are compared with."""


@dataclass(frozen=True)
class Measure:
    """One column of the tables.

    Attributes:
        name: as in `results.jsonl`.
        title: as people write it.
        higher: whether a higher value is better.
        digits: after the point, in tables.
        unit: behind the number, empty where there is none.
    """

    name: str
    title: str
    higher: bool
    digits: int
    unit: str = ""

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is: `sign * (a - b) > 0` says that a is better."""
        return 1 if self.higher else -1


MEASURES = (
    Measure("ssimulacra2", "SSIMULACRA2", True, 2),
    Measure("butteraugli", "Butteraugli", False, 2),
    Measure("ssim", "SSIM", True, 5),
    Measure("ms_ssim", "MS-SSIM", True, 5),
    Measure("psnr", "PSNR", True, 2, "dB"),
    Measure("rlpips", "R-LPIPS", False, 6),
    Measure("lpips", "LPIPS", False, 5),
    Measure("elpips", "E-LPIPS", False, 6),
    Measure("ciede2000", "CIEDE2000", False, 2),
    Measure("ciede2000_p99", "CIEDE2000 p99", False, 2),
    Measure("above_jnd", "Above JND", False, 4),
    Measure("face_ssimulacra2", "Face SSIMULACRA2", True, 2),
    Measure("face_butteraugli", "Features Butteraugli", False, 2),
    Measure("face_elpips", "Face E-LPIPS", False, 6),
    Measure("face_iris", "Iris CIEDE2000", False, 2),
    Measure("face_strokes", "Strokes", False, 2),
    Measure("face_stitches", "Stitches", False, 2),
)
"""Of quality, in the order of the tables; those of a face are known where faces are attacked."""
COSTS = (
    Measure("passes", "Passes", False, 0),
    Measure("seconds", "Seconds", False, 2, "s"),
)
"""Of one run of an attack at the setting that is told; not of the sweep that led to it."""
_SWEEP_COSTS = ("passes_tried", "seconds_tried", "peak_mb")
_NUMBERS = (*(m.name for m in (*MEASURES, *COSTS)), *_SWEEP_COSTS)


@dataclass(frozen=True)
class Row:
    """What one attack did to one picture for one target.

    Attributes:
        success: the saved file fools the target.
        values: every measure and cost by name; `None` where it is not known.
        judges: by name, whether a recogniser that was not attacked is fooled too.
        channel: by step, whether the target is still fooled after it.
        setting: of the attack's dial; `None` where the attack broke down.
        tried: the settings of the sweep, in their order, as they are in the file.
        path: of the saved picture, relative to the folder, with `/`; `None` where there is none.
        original: of the clean picture, likewise.
        error: `{"kind": ..., "message": ...}` where the attack broke down.
    """

    attack: str
    target: str
    picture: str
    success: bool
    values: Mapping[str, float | None] = field(default_factory=dict)
    judges: Mapping[str, bool] = field(default_factory=dict)
    channel: Mapping[str, bool] = field(default_factory=dict)
    dial: str = ""
    setting: float | None = None
    tried: tuple[Mapping[str, Any], ...] = ()
    path: str | None = None
    original: str | None = None
    error: Mapping[str, Any] | None = None

    def value(self, name: str) -> float | None:
        """The measure or cost `name`, `None` where it is not known."""
        return self.values.get(name)


def read_results(path: Path, in_order: bool = False) -> list[Row]:
    """Every line of the file `path` but empty ones, sorted by target, attack and picture; or as they come.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is broken (an interrupted run leaves half a line at the end), misses a key, has a
            value of a wrong kind, or tells a picture, attack and target a second time; names file and line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "results.jsonl"
    ...     line = '{"attack": "pgd", "target": "dlib", "picture": "a.png", "success": true, "psnr": 40.5}'
    ...     _ = path.write_text(line)
    ...     [row] = read_results(path)
    >>> row.attack, row.success, row.value("psnr"), row.value("ssim")
    ('pgd', True, 40.5, None)
    """
    seen: dict[tuple[str, str, str], int] = {}
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = _row(_object(line, where), where)
        key = (row.target, row.attack, row.picture)
        if key in seen:
            raise ValueError(f"{where}: {key} is told already in line {seen[key]}, expected it once")
        seen[key] = number
        rows.append(row)
    return rows if in_order else sorted(rows, key=lambda row: (row.target, row.attack, row.picture))


def read_run(path: Path) -> dict[str, Any]:
    """The object in the file `path`, `run.json`: settings, versions, hardware, targets, attacks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not one JSON object; names the file.
    """
    return _object(path.read_bytes(), str(path))


def attack_order(names: Sequence[str]) -> list[str]:
    """Each name once: ours first, then its variants, then the others by name.

    >>> attack_order(["pgd", "mnd-plain", "cw", "mnd", "pgd"])
    ['mnd', 'mnd-plain', 'cw', 'pgd']
    """
    return sorted(set(names), key=lambda name: (name != OURS, not is_ours(name), name))


def is_ours(attack: str) -> bool:
    """Whether the name is MND's or one of its variants': all others are anchors.

    >>> is_ours("mnd-plain"), is_ours("mnist")
    (True, False)
    """
    return attack == OURS or attack.startswith(f"{OURS}-")


def _object(text: bytes, where: str) -> dict[str, Any]:
    def constant(name: str) -> Any:
        raise ValueError(f"{where}: got {name}, expected a finite number or null")

    try:
        found = json.loads(text.decode("utf-8"), parse_constant=constant)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{where}: {error.msg} at character {error.pos}, expected one JSON object"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: {error.reason} at byte {error.start}, expected JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where}: got a {type(found).__name__}, expected one JSON object")
    return found


def _row(told: Mapping[str, Any], where: str) -> Row:
    take = _Taker(told, where)
    return Row(
        attack=take.one("attack", str),
        target=take.one("target", str),
        picture=take.one("picture", str),
        success=take.one("success", bool),
        values={name: take.number(name) for name in _NUMBERS},
        judges=take.verdicts("judges"),
        channel=take.verdicts("channel"),
        dial=take.maybe("dial", str) or "",
        setting=take.number("setting"),
        tried=tuple(take.maybe("tried", list) or ()),
        path=take.maybe("path", str),
        original=take.maybe("original", str),
        error=take.maybe("error", dict),
    )


@dataclass(frozen=True)
class _Taker:
    """Takes what a line says, and checks its kind."""

    told: Mapping[str, Any]
    where: str

    def one(self, key: str, kind: type[Any]) -> Any:
        if key not in self.told:
            raise ValueError(f"{self.where}: has no {key!r}, expected one")
        return self._checked(key, self.told[key], kind, kind.__name__)

    def maybe(self, key: str, kind: type[Any]) -> Any:
        value = self.told.get(key)
        return None if value is None else self._checked(key, value, kind, f"{kind.__name__} or null")

    def number(self, key: str) -> float | None:
        value = self.told.get(key)
        if value is None:
            return None
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return float(self._checked(key, value, object, "a finite number or null", right))

    def verdicts(self, key: str) -> dict[str, bool]:
        """Yes and no by name; a name with null has no verdict and is left out."""
        told = self.maybe(key, dict) or {}
        known = {name: verdict for name, verdict in told.items() if verdict is not None}
        right = all(isinstance(verdict, bool) for verdict in known.values())
        self._checked(key, told, dict, "true, false or null by name", right)
        return known

    def _checked(self, key: str, value: Any, kind: type[Any], expected: str, right: bool = True) -> Any:
        if not isinstance(value, kind) or not right:
            raise ValueError(f"{self.where}: {key} is {value!r}, expected {expected}")
        return value


def by_target(rows: Sequence[Row]) -> dict[str, dict[str, list[Row]]]:
    """Target -> attack -> its rows; targets by name, attacks as `attack_order` has them, pictures by name.

    >>> rows = [Row("pgd", "b", "2", True), Row("pgd", "b", "1", True), Row("mnd", "b", "1", True)]
    >>> {a: [row.picture for row in some] for a, some in by_target(rows)["b"].items()}
    {'mnd': ['1'], 'pgd': ['1', '2']}
    """
    found: dict[str, dict[str, list[Row]]] = {}
    for target in sorted({row.target for row in rows}):
        here = sorted((row for row in rows if row.target == target), key=lambda row: row.picture)
        names = attack_order([row.attack for row in here])
        found[target] = {name: [row for row in here if row.attack == name] for name in names}
    return found
