"""The evaluation itself: every attack on every picture and target, saved, read back, judged, written down."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import attacks
from ..attacks.attack import Attack
from ..attacks.problem import Counted
from ..base import runtime
from ..base.files import PhotoError, write_atomic
from ..base.jsonlines import Appender, finite
from ..base.plugins import PluginError
from ..base.runtime import versions
from ..base.types import Pixels, Progress, nobody
from ..targets import registry
from . import levels, saved
from .cases import Bench, Case, Judgement
from .line_record import FORMAT
from .measures import FACE, brief, measures, of_face
from .results import RESULTS, RUN
from .settings import EvaluationSettings

if TYPE_CHECKING:
    from .report.page import Report

log = logging.getLogger(__name__)
Line = dict[str, Any]
Key = tuple[str, str, str]
"""Target, picture and attack of a line."""


class Evaluation:
    """An evaluation in a folder, which goes on where an earlier run of it was stopped.

    Every attack has one dial. Its settings are tried upwards until the saved file fools; so all attacks are
    compared at equal success, each with the smallest setting of its own that works.

    Args:
        settings: see `EvaluationSettings`.
        out: the folder of the report; it is created.
        progress: called with what is being done, how much of it is done, and of how much.
        command: how it was started, for the report.

    Raises:
        ValueError: there is no such attack or target, the folder has an evaluation with other settings, or
            the data do not suit the targets.
        ModuleNotFoundError: an attack needs a package that is not installed.
        FileNotFoundError: weights are not there and may not be downloaded.
    """

    def __init__(
        self,
        settings: EvaluationSettings,
        out: Path,
        progress: Progress | None = None,
        command: Sequence[str] = (),
    ) -> None:
        self.attacks = [_swept(_load(name), settings) for name in settings.attacks or attacks.NAMES]
        names = [attack.name for attack in self.attacks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"attacks are named twice: {', '.join(twice)}; expected each once")
        for name in {part.strip() for target in settings.targets for part in target.split("+")}:
            registry.find(name)
        self.settings, self.out, self.progress = settings, out, progress or nobody
        self.benches = [Bench(name, settings) for name in settings.targets]
        heard = {registry.find(name).card.name for name in settings.judges}
        if idle := sorted(heard - {t.card.name for bench in self.benches for t in bench.judges}):
            raise ValueError(f"judges {', '.join(idle)} suit no target: expected others of the same kind")
        self.told: dict[str, Line] = {}
        """What an earlier run said of its attacks, which may be others than those of this one."""
        self.lines = self._earlier()
        self.not_counted: dict[str, list[str]] = {bench.name: [] for bench in self.benches}
        self.unreadable: dict[str, str] = {}
        self.command = list(command)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")

    def run(self) -> list[Line]:
        """Do what is not done yet; all lines of this evaluation, in the order of the file.

        Raises:
            ValueError: no picture is recognised while clean: there is nothing to attack.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        self._write_run(0.0)
        start = time.perf_counter()
        for bench in self.benches:
            self._bench(bench)
        self._write_run(time.perf_counter() - start)
        if not self.lines:
            named = ", ".join(bench.name for bench in self.benches)
            raise ValueError(f"{self.settings.data}: no picture is recognised by {named} while it is clean")
        return list(self.lines.values())

    def _bench(self, bench: Bench) -> None:
        for number, picture in enumerate(bench.pictures):
            self.progress(f"{bench.name}: pictures", number, len(bench.pictures))
            try:
                case = bench.case(picture)
            except PhotoError as error:
                self.unreadable[picture.name] = str(error)
                continue
            if case is None or not case.clean.known:
                self.not_counted[bench.name].append(picture.name)
                continue
            for attack in self.attacks:
                if (bench.name, picture.name, attack.name) not in self.lines:
                    self._append(self._line(bench, case, attack))
        self.unreadable |= bench.unreadable
        self.progress(f"{bench.name}: pictures", len(bench.pictures), len(bench.pictures))

    # one line ---------------------------------------------------------------------------------------------

    def _line(self, bench: Bench, case: Case, attack: Attack) -> Line:
        clean = self._path(bench.name, "clean", case, ".png")
        if not (self.out / clean).exists():
            saved.write(self.out / clean, case.pixels, "png", 100)
        line: Line = {
            "mnd_results": FORMAT, "attack": attack.name, "target": bench.name, "picture": case.picture.name,
            "counted": True, "success": False, "dial": attack.dial, "setting": None, "tried": [],
        }  # fmt: skip
        try:
            line |= self._swept(bench, case, attack)
        except PluginError:
            raise  # no line of it is kept: it is mended, and tried again
        except Exception as error:  # told in full; the next attack has its turn
            log.exception("%s: a fault of this attack", attack.name)
            line |= _NOTHING | {"error": {"kind": type(error).__name__, "message": str(error)}}
        return line | {"original": clean}

    def _swept(self, bench: Bench, case: Case, attack: Attack) -> Line:
        tried: list[Line] = []
        for setting in attack.sweep:
            suffix = f".{attack.dial}-{setting:g}{saved.SUFFIX[self.settings.form]}"
            path = self._path(bench.name, attack.name, case, suffix)
            shown, costs = self._attacked(bench, case, attack, setting, path)
            verdict = case.verdict(shown)
            tried.append(
                {"setting": setting, "success": verdict.success, **brief(case.pixels, shown), **costs}
            )
            tried[-1]["path"] = path
            if verdict.success:
                break
        return {
            "success": verdict.success,
            "setting": setting,
            "tried": tried,
            **measures(case.pixels, shown, self.settings.draws),
            **of_face(case.subject, case.pixels, shown),
            **{name: costs[name] for name in ("passes", "forwards", "backwards")},
            "passes_tried": sum(one["passes"] for one in tried) if attack.dial != "level" else None,
            "seconds": costs["seconds"],
            "seconds_tried": sum(one["seconds"] for one in tried),
            "peak_mb": costs["peak_mb"],
            **self._verdicts(case, shown, verdict),
            "path": path,
            "error": None,
        }

    def _attacked(
        self, bench: Bench, case: Case, attack: Attack, setting: float, path: str
    ) -> tuple[Pixels, Line]:
        """What the saved file shows, and what it cost to make it."""
        problem = None if attack.dial == "level" else Counted(case.problem(bench.device))
        peak = runtime.Peak(bench.device)
        peak.start()
        start = time.perf_counter()
        made: Pixels | bytes
        if problem is None:
            made = bench.levels.cloaked(case, attack.name)
        else:
            # pasting the result waits for a GPU
            made = case.pasted(attack.run(problem, setting, self.settings.seed))
        costs: Line = {"seconds": time.perf_counter() - start, "peak_mb": peak.megabytes}
        costs |= {name: getattr(problem, name, None) for name in ("passes", "forwards", "backwards")}
        return saved.write(self.out / path, made, self.settings.form, self.settings.quality), costs

    def _verdicts(self, case: Case, shown: Pixels, verdict: Judgement) -> Line:
        scores = {
            after.target: {
                "unit": after.unit, "threshold": after.threshold,
                "before": before.value, "after": after.value, "fooled": after.fooled,
            }
            for before, after in zip(case.clean.margins, verdict.margins, strict=True)
        }  # fmt: skip
        # a judge who did not recognise the clean picture says nothing
        judges = {
            after.target: None if before.fooled else after.fooled
            for before, after in zip(case.clean.judges, verdict.judges, strict=True)
        }
        ways = dict.fromkeys((*saved.CHANNEL, *self.settings.through))
        channel = {name: case.verdict(saved.after(name, shown)).success for name in ways}
        return {"scores": scores, "judges": judges, "channel": channel}

    def _path(self, target: str, attack: str, case: Case, suffix: str) -> str:
        folder = re.sub(r"[^A-Za-z0-9._+-]", "_", target)
        stem, _, _ = case.picture.name.rpartition(".")
        return f"pictures/{folder}/{attack}/{stem}{suffix}"

    # what is written down ---------------------------------------------------------------------------------

    def _append(self, line: Line) -> None:
        """At once and to the disk: what is done is not done again."""
        line = finite(line)
        with contextlib.closing(Appender(self.out / RESULTS)) as file:
            file.append([line])
        self.lines[_key(line)] = line

    def _earlier(self) -> dict[Key, Line]:
        """The lines of this evaluation that are there already, without one that a crash left unfinished."""
        if not (self.out / RESULTS).exists():
            return {}
        run = json.loads((self.out / RUN).read_text(encoding="utf-8"))
        before, self.told = {"through": [], **run["settings"]}, run["attacks"]  # older runs do not say
        now = self.settings.decisive()
        if other := sorted(name for name in now if now[name] != before.get(name)):
            got, want = ({name: where.get(name) for name in other} for where in (now, before))
            raise ValueError(f"{self.out} has an evaluation with other settings: got {got}, expected {want}")
        self._same_code()
        text = (self.out / RESULTS).read_text(encoding="utf-8")
        whole, _, rest = text.rpartition("\n")
        if rest:
            write_atomic(self.out / RESULTS, (whole + "\n" if whole else "").encode(), overwrite=True)
        lines = [json.loads(line) for line in whole.splitlines()]
        return {_key(line): line for line in lines}

    def _same_code(self) -> None:
        """Refuse to go on with an attack whose file has changed since.

        Raises:
            ValueError: it has.
        """
        for attack in self.attacks:
            before = self.told.get(attack.name, {}).get("library", attack.library)
            if before != attack.library and "sha256" in attack.library:
                got = f"attack {attack.name} of {attack.library}"
                raise ValueError(f"{self.out} has results of {before}, got {got}: expected another folder")

    def _write_run(self, seconds: float) -> None:
        device = self.benches[0].device
        told = {
            "settings": self.settings.as_json(),
            "command": self.command,
            "versions": versions(*runtime.PACKAGES),
            "hardware": runtime.hardware(device),
            "targets": {t.card.name: asdict(t.card) for bench in self.benches for t in bench.targets},
            "judges": {t.card.name: asdict(t.card) for bench in self.benches for t in bench.judges},
            "attacks": self.told | {a.name: {name: getattr(a, name) for name in _TOLD} for a in self.attacks},
            "not_counted": self.not_counted,
            "unreadable": self.unreadable,
            "pictures": {bench.name: len(bench.pictures) for bench in self.benches},
            "started": self.started,
            "seconds": round(seconds, 1),
        }
        data = json.dumps(finite(told), indent=1, default=str) + "\n"
        write_atomic(self.out / RUN, data.encode(), overwrite=True)


_TOLD = ("title", "dial", "sweep", "source", "library", "note")
_NOTHING: Line = {
    **dict.fromkeys((
        "psnr", "ssim", "ms_ssim", "ciede2000", "ciede2000_p99", "lpips", "rlpips", "elpips", "above_jnd",
        "ssimulacra2", "butteraugli", "passes", "forwards", "backwards", "passes_tried", "seconds",
        "seconds_tried", "peak_mb", "path", *FACE,
    )),
    "scores": {}, "judges": {}, "channel": {},
}  # fmt: skip
"""What a line says when the attack broke down."""


def _load(name: str | Attack | Callable[..., Any]) -> Attack:
    """One of the attacks, a level, or somebody's own.

    Raises:
        ValueError: there is no attack of this name, or what was given is none.
        ModuleNotFoundError: it is of a package that is not installed.
    """
    if not isinstance(name, str):
        return attacks.own(name)
    return levels.attack(name) if name in levels.LEVELS else attacks.load(name)


def _swept(attack: Attack, settings: EvaluationSettings) -> Attack:
    sweeps = {"eps": settings.sweep_eps, "headroom": settings.sweep_headroom}
    sweep = sweeps.get(attack.dial)
    return replace(attack, sweep=sweep) if sweep else attack


def _key(line: Line) -> Key:
    return line["target"], line["picture"], line["attack"]


def compare(
    settings: EvaluationSettings, out: Path, progress: Progress | None = None, command: Sequence[str] = ()
) -> Report:
    """Run an evaluation, or what is left of it, and make its report.

    Raises:
        ValueError: see `Evaluation` and `Evaluation.run`.
        ModuleNotFoundError: an attack needs a package that is not installed.
        FileNotFoundError: weights are not there and may not be downloaded.
    """
    from .report.page import make_report

    Evaluation(settings, out, progress, command).run()
    return make_report(out)


def evaluate(
    data: Path | str | EvaluationSettings | None = None,
    out: Path | str = "",
    progress: Progress | None = None,
    command: Sequence[str] = (),
    *,
    settings: EvaluationSettings | None = None,
    **options: Any,
) -> Path:
    """Compare attacks as a paper would; the report's path.

    The folder gets `results.jsonl` (a line a picture, attack and target), `run.json`, `summary.csv`, plots
    and `report.html`; what was there of the same evaluation is not done again.

    Args:
        data: the folder of pictures; or settings that name it, which `settings` may be as well.
        out: the folder of the report; it is made.
        progress: called with what is being done, how much of it is done, and of how much.
        command: how it was started, for the report.
        settings: see `EvaluationSettings`, whose `data` gives way to `data`; or give its fields as keywords.

    Raises:
        ValueError: settings are not as described; see also `Evaluation` and `Evaluation.run`.
        ModuleNotFoundError: an attack needs a package that is not installed.
        FileNotFoundError: weights are not there and may not be downloaded.
    """
    if not str(out):
        raise ValueError("got no out, expected the folder of the report")
    return compare(EvaluationSettings.of(data, settings, options), Path(out), progress, command).path
