"""`mnd doctor`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from ..base.jsonlines import finite
from .app import DONE, FAILED, app
from .options import AsJson

STEPS = ("forward", "backward", "search")


@app.command
def doctor(*, as_json: AsJson = False) -> int:
    """Look at this machine: versions, what is ready, and what each device does. Paste it into bug reports.

    Each device runs a recogniser forwards, its gradient and a small search; that takes seconds. Nothing is
    downloaded, and no photo is looked at. Where Apple's MPS works, `--device auto` takes it from then on.
    """
    from .terminal import Meter, complain, printable

    meter = Meter(quiet=as_json)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            from ..cloaking.machine import machine

            told = machine(lambda stage: meter(stage, 0, 0))
    finally:
        meter.rest()
    if as_json:
        print(json.dumps(finite(told), allow_nan=False))
    else:
        for line in lines(told):
            print(printable(line))
        for problem in told["problems"]:
            complain(printable(problem))
    return FAILED if told["problems"] else DONE


def lines(told: dict[str, Any]) -> Iterator[str]:
    """What people read of it."""
    hardware = told["hardware"]
    yield f"mnd {told['mnd']} ({told['distribution']}), Python {told['python']}, {told['platform']}"
    cores, memory = f"{hardware['cores']} cores", f"{hardware['ram_gb']} GB"
    yield f"{hardware['cpu']}, {cores}, {hardware['threads']} threads, {memory}"
    yield ", ".join(f"{name} {version or 'missing'}" for name, version in told["versions"].items())
    for name, folder in told["folders"].items():
        state = "" if folder["there"] else ", not there yet"
        yield f"{name} in {folder['path']}{state}, {folder['free_gb']} GB free"
    if told["environment"]:
        yield "set: " + ", ".join(f"{name}={value}" for name, value in told["environment"].items())
    yield f"formats: {' '.join(told['formats'])}"
    ready = [target["name"] for target in told["targets"] if target["ready"]]
    others = len(told["targets"]) - len(ready)
    yield f"recognisers that are ready: {', '.join(ready) or 'none'}; {others} others: mnd targets"
    yield "extras: " + (", ".join(name for name, there in told["extras"].items() if there) or "none")
    for device in told["devices"]:
        yield _device(device)


def _device(told: dict[str, Any]) -> str:
    """A line on what a device does.

    >>> _device({"device": "cpu", "forward": None, "backward": None, "search": None, "seconds": 1.0,
    ...          "works": True, "auto": True})
    'cpu: forward, backward and search work (1.0 s); auto takes it'
    """
    if told["works"]:
        done = f"forward, backward and search work ({told['seconds']} s)"
    else:
        done = "; ".join(f"{step}: {told[step] or 'works'}" for step in STEPS)
    return f"{told['device']}: {done}; auto {'takes it' if told['auto'] else 'leaves it alone'}"
