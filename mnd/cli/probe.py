"""`mnd targets probe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..base.files import PhotoError, check_free, write_atomic
from .app import DONE, FAILED, UsageError
from .talk import PLAIN, AsTalk
from .targets import targets

if TYPE_CHECKING:
    from ..targets.onnx.probe import Probe

SHOWN = 8
"""Ways in the table; all with --verbose."""


@targets.command
def probe(
    file: Path,
    /,
    *,
    people: Path | None = None,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    output: str | None = None,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    talk: AsTalk = PLAIN,
) -> int:
    """Look at an ONNX file of a recogniser and propose a card for it, as JSON.

    With photos of people every way to show it a face is tried: where the face is cut out, the range of the
    numbers, the order of colours. Without them those fields stay null.

    Args:
        file: The network. It needs the extra onnx of this package.
        people: Folder with a folder of photos for each person: two people with two photos each at least; ten
            with ten tell more. At most 200 photos are looked at, and of each the largest face.
        out: Write the card to this .json file, too; --people has to be given.
        output: Name of the output that is the embedding, where the file has several that could be.
        overwrite: Replace an earlier card.
    """
    from . import terminal

    meter, _ = talk.begin()
    if out is not None and (people is None or out.suffix != ".json"):
        told = (
            "a name that ends with .json, and --people" if people is None else "a name that ends with .json"
        )
        raise UsageError(f"--out is {str(out)!r}, expected {told}")
    if people is not None and not people.is_dir():
        raise UsageError(f"--people is {str(people)!r}, expected a folder with a folder of photos a person")
    from ..targets.onnx import probe as probing

    try:
        if out is not None:
            check_free(out, overwrite)
        meter("loading", 0, 0)
        if people is None:
            found = probing.look(file, output)
        else:
            from ..faces.detector import Detector

            found = probing.probe(file, people, Detector("cpu"), output, meter)
        meter.rest()
        _show(found, talk.verbose, talk.quiet)
        if people is not None and not found.works:
            terminal.complain(_useless(found))
            return FAILED
        card = _written(found.card(Path(".") if out is None else out.parent))
        print(card)
        if people is None:
            terminal.complain(f"{file}: no --people given, so the fields that are null are not known")
        if out is not None:
            write_atomic(out, f"{card}\n".encode(), overwrite)
    except PhotoError as error:
        terminal.complain(str(error))
        return FAILED
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    return DONE


def _written(card: dict[str, Any]) -> str:
    """JSON for people: a field a line."""
    lines = (f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in card.items())
    return "\n".join(["{", ",\n".join(lines), "}"])


def _useless(found: Probe) -> str:
    best = found.tried[0][1]
    pairs = f"d' {best.distance:.1f}, {best.tar:.0%} of the pairs of one person above the threshold"
    told = f"does not tell these people apart ({pairs})"
    why = "expected a network that recognises faces, or clearer photos: there is no card"
    return f"{found.file.path}: {told}, {why}"


def _show(found: Probe, verbose: bool, quiet: bool) -> None:
    """What the file is, and how well each way did, on standard error: the card alone is on the other."""
    from .console import console, line, printable
    from .tables import table_of

    if quiet:
        return
    out = console(stderr=True)
    sides = " x ".join("any" if n is None else str(n) for n in found.file.shape)
    outputs = ", ".join(printable(name) for name in found.file.outputs)
    line(out, f"{printable(found.file.path)}: operator set {found.file.opset}")
    line(out, f"input {printable(found.file.input)}, {sides}; outputs {outputs}: {found.numbers} numbers")
    if found.faces is None:
        return
    for passed in found.faces.passed if verbose else ():
        line(out, printable(passed))
    best = found.tried[0][1]
    photos, people = len(found.faces.people), len(set(found.faces.people))
    pairs = f"{best.same:,} pairs of one, {best.different:,} of different people"
    line(out, f"{photos} photos of {people} people: {pairs}")
    table = table_of(
        "Template", "Range", "Colours", "d'", "Same person above threshold", "Threshold", "Photos"
    )
    for place, (way, its) in enumerate(found.tried if verbose else found.tried[:SHOWN]):
        numbers = (f"{its.distance:.2f}", f"{100 * its.tar:.1f} %", f"{its.threshold:.4f}")
        table.add_row(
            way.template, way.range, way.channels, *numbers, "all" if place < found.compared else "some"
        )
    out.print(table)
    for way in found.rivals:
        told = f"{way.template}, {way.range}, {way.channels}"
        line(
            out, f"{told} does about as well: more people, or what the network's own program does, would tell"
        )
