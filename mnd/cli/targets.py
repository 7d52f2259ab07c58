"""`mnd targets` and `mnd targets get`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from ..base.distribution import pip_install
from ..base.jsonlines import finite
from ..base.near import did_you_mean
from .app import DONE, FAILED, UsageError, app
from .options import AsJson

if TYPE_CHECKING:
    from ..targets.registry import Entry
    from .meter import Meter

targets = App(
    name="targets",
    help="List the recognisers that can be fooled, download further ones, find out how one is asked.",
)
app.command(targets)
SMALL = "small"
KEYS = ("name", "kind", "unit", "threshold", "threshold_at", "licence", "source", "download", "code_licence",
        "trained_on", "lfw", "judge_only", "extra", "weights", "sha256", "template")  # fmt: skip
"""What a line of `--json` has of a card."""


@targets.default
def list_targets(
    *,
    faces: Annotated[bool, Parameter(show_default=False)] = False,
    everything: Annotated[bool, Parameter("--all", show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """List the recognisers that can be fooled: ready or how large to download, licence, threshold.

    Args:
        faces: Those of faces alone, which is what is listed where people read it.
        everything: Classifiers of pictures, too, which is what is listed as JSON.
    """
    if faces and everything:
        raise UsageError("got --faces and --all, expected one of the two")
    from ..targets.registry import available, installed

    rows = [
        {k: getattr(it.card, k) for k in KEYS}
        | {"ready": it.ready, "present": it.present, "installed": installed(it.card.extra)}
        for it in available()
    ]
    shown = rows if everything or (as_json and not faces) else [row for row in rows if row["kind"] == "face"]
    if as_json:
        for row in shown:
            print(json.dumps(finite(row)))
        return DONE
    from .terminal import advise_extras, advise_targets, show_targets

    show_targets(shown)
    advise_targets()
    advise_extras(row["extra"] for row in shown if not row["installed"])
    if others := len(rows) - len(shown):
        print(f"{others} classifiers of pictures: mnd targets --all")
    return DONE


@targets.command
def get(
    *names: Annotated[str, Parameter(required=True)],
    offline: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """Download the weights of recognisers; what breaks off is resumed, and every file is checked.

    Args:
        names: As `mnd targets` lists them; `small`: those of at most 15 MB that anybody may use.
        offline: Download nothing: only check what is there.
    """
    from ..targets import registry
    from ..targets.downloads import SMALL as OF_SMALL
    from .terminal import Meter

    chosen = dict.fromkeys(name for word in names for name in (OF_SMALL if word == SMALL else (word,)))
    try:
        entries = [registry.find(name) for name in chosen]
    except (ValueError, OSError) as error:
        # `small` is no target, so that nothing else knows the word
        near = next(filter(None, (did_you_mean(name, [SMALL]) for name in chosen)), "")
        raise UsageError(f"{error}{near if 'did you mean' not in str(error) else ''}") from error
    named, meter, well = set(names), Meter(quiet=as_json), True
    for word, entry in zip(chosen, entries, strict=True):
        lacks = not registry.installed(entry.card.extra)
        record = _got(entry, offline, meter) if word in named or not lacks else _skipped(entry)
        meter.rest()
        well = well and record["status"] != "failed"
        _tell(record, entry, lacks, as_json)
    return DONE if well else FAILED


def _got(entry: Entry, offline: bool, meter: Meter) -> dict[str, Any]:
    """What became of one: `there` already, `downloaded`, or `failed` and why."""
    from ..base.errors import OfflineError
    from ..base.files import sha256_of

    there, path, error = entry.present, None, None
    try:
        path = entry.weights.obtain(offline, lambda file, done, total: meter(f"download {file}", done, total))
    except ConnectionError as caught:
        error = {"kind": "download", "message": str(caught)}
    except OfflineError as caught:
        error = {"kind": "offline", "message": str(caught)}
    except (OSError, ValueError) as caught:
        error = {"kind": "weights", "message": str(caught)}
    status = "failed" if error else "there" if there else "downloaded"
    told = {"bytes": path.stat().st_size, "sha256": sha256_of(path)} if path else {"bytes": 0, "sha256": None}
    return {"name": entry.card.name, "status": status, "path": path and str(path), **told, "error": error}


def _skipped(entry: Entry) -> dict[str, Any]:
    """One of a group that could not be used here."""
    return {
        "name": entry.card.name, "status": "skipped", "path": None, "bytes": 0, "sha256": None, "error": None
    }  # fmt: skip


def _tell(record: dict[str, Any], entry: Entry, lacks: bool, as_json: bool) -> None:
    from .console import complain, console, line, printable
    from .meter import size_of

    card, name = entry.card, printable(record["name"])
    if as_json:
        print(
            json.dumps(finite(record | {"licence": card.licence, "judge_only": card.judge_only})), flush=True
        )
    elif record["error"]:
        complain(f"{name}: {printable(record['error']['message'])}")
    elif record["path"]:
        had = "there already" if record["status"] == "there" else "downloaded"
        told = f"{name}: {had}, {size_of(record['bytes'])}, {printable(card.licence)}"
        line(console(), f"{told}, {printable(record['path'])}")
        if card.judge_only:
            line(console(), f"{name}: judge only, by its licence: attacked only where it is named")
    if lacks and not as_json and not record["error"]:
        head = "left out, it" if record["status"] == "skipped" else "it"
        line(console(stderr=True), f"mnd: {name}: {head} needs {pip_install(f'[{card.extra}]')}")
