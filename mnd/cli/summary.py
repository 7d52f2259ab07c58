"""The end of `mnd protect` and `mnd watch`: what became of the photos, what failed, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from ..cloaking.levels import in_which_file
from ..photo.walking import counted
from .console import console, printable
from .terminal import OTHERS

if TYPE_CHECKING:
    from ..dataset.summary import Summary
    from ..dataset.watch import Watched

PEOPLE = 10
"""So many people are named."""
AGAIN = "run the same command again to go on"


def show_summary(summary: Summary, total: int | None, quiet: bool, verified: bool = False) -> None:
    """What became of a data set; on standard error where standard output is for JSON."""
    out = console(stderr=quiet)
    lines = (*_counts(summary), *_promise(summary), *_words(summary), *_failures(summary))
    for line in (*lines, *(_verified(summary) if verified else ())):
        out.print(Text(printable(line)), soft_wrap=True)
    for path in (summary.manifest, summary.report):
        if path is not None:
            out.print(Text(printable(path)), soft_wrap=True)
    if not summary.finished:  # the last line, which nobody has to look for
        out.print(Text(stopped(summary, total)), soft_wrap=True)


def show_watched(watched: Watched, again: bool, quiet: bool) -> None:
    """What came of watching a folder; `again`: it was stopped, and there is a command to go on with."""
    out, last = console(stderr=quiet), watched.last
    if last is not None:
        for line in (*_counts(last), *_promise(last), *_people(last), *_failures(last)):
            out.print(Text(printable(line)), soft_wrap=True)
        for path in (last.manifest, last.report):
            if path is not None:
                out.print(Text(printable(path)), soft_wrap=True)
    if watched.waiting:
        more = f" and {len(watched.waiting) - 1:,} more" if len(watched.waiting) > 1 else ""
        out.print(Text(f"not whole yet: {printable(watched.waiting[0])}{more}"), soft_wrap=True)
    told = f"{counted('photo', watched.done)} done in {watched.seconds:.0f} s"
    told += f", {watched.failed:,} without a result" if watched.failed else ""
    out.print(Text(f"{told}: {AGAIN}" if again else told), soft_wrap=True)


def _counts(summary: Summary) -> Iterator[str]:
    """A line for each of what can have become of a photo."""
    rows = (
        ("protected", summary.protected), ("protected as whole pictures, no face found", summary.whole),
        ("copied as they are, no face found", summary.copied), ("left out, no face found", summary.skipped),
        ("held back, may show a face", summary.held), ("failed", summary.failed),
        ("file that is no picture" if summary.others == 1 else "files that are no pictures", summary.others),
    )  # fmt: skip
    told = [(what, f"{number:,}") for what, number in rows if number or what in ("protected", "failed")]
    width = max(len(number) for _, number in told)
    yield from (f"{number:>{width}} {what}" for what, number in told)


def _promise(summary: Summary) -> Iterator[str]:
    """What "protected" means here: against whom, in which file, and what was not tried."""
    if not summary.against:
        return
    whom = ", ".join(summary.against)
    yield f"protected means: no longer matched by {whom}, {in_which_file(summary.levels)}"
    yield "not tried: any other recogniser; most will still match"


def _words(summary: Summary) -> Iterator[str]:
    """What there is to say beside the counts."""
    reasons = ("new", "changed", "lost", "retried")
    told = [f"{getattr(summary, name):,} {name}" for name in reasons if getattr(summary, name)]
    told += [f"{summary.kept:,} of earlier runs"] if summary.kept else []
    told += [f"{summary.undone:,} not done yet"] if summary.undone else []
    # of those that are gone nothing is in the sum
    gone = "not in this source" if summary.sources > 1 else "not in the source any more"
    told += [f"{summary.gone:,} {gone}"] if summary.gone else []
    yield f"{counted('photo', summary.photos)}: {', '.join(told) or 'none'}"
    if summary.photos and not (summary.protected or summary.whole):
        yield "nothing was protected"
    if summary.ssim is not None and summary.psnr is not None:
        yield f"mean PSNR {summary.psnr:.1f} dB, SSIM {summary.ssim:.4f}"
    yield from _people(summary)
    if summary.held:
        yield "what was held back has no result: --no-face copy copies it, --box says where a face is"


def _people(summary: Summary) -> Iterator[str]:
    """Who is in the photos, and how many show nobody of whom there are others."""
    if summary.people is None:
        if summary.strangers:
            yield f"{counted('photo', summary.strangers)} {OTHERS}"
        return
    ranked = sorted(summary.people.items(), key=lambda it: (-it[1], it[0]))
    named = [f"{name} in {number:,}" for name, number in ranked[:PEOPLE]]
    named += [f"{len(ranked) - PEOPLE:,} more people"] if len(ranked) > PEOPLE else []
    if named:
        yield f"people: {', '.join(named)}"
    if summary.unknown:
        themselves = "itself" if summary.unknown == 1 else "themselves"
        faces = f"{counted('face', summary.unknown)}, judged against {themselves} alone"
        verb = "shows" if summary.strangers == 1 else "show"
        yield f"{counted('photo', summary.strangers)} {verb} nobody of the galleries; unknown: {faces}"


def _failures(summary: Summary) -> Iterator[str]:
    """The first of those that failed or were held back, of this run and of earlier ones, by name."""
    number = summary.failed + summary.held
    if not number:
        return
    yield f"without a result ({number:,}):"
    yield from (f"  {line}" for line in summary.failures)
    if more := number - len(summary.failures):
        where = summary.manifest.name if summary.report is None else summary.report.name
        yield f"  and {more:,} more: see {where}"
    if old := summary.failed_before:
        yield f"{old:,} of these failed in earlier runs, and are tried again with --retry"


def _verified(summary: Summary) -> Iterator[str]:
    """What `--verify` found: without it the end reads like that of a run with nothing to do."""
    good = summary.protected + summary.whole + summary.copied
    bad = summary.failed + summary.held - summary.failed_before
    yield f"verified: {counted('result', good)} read and judged again, as before; {bad or 'none'} not"


def stopped(summary: Summary, total: int | None) -> str:
    """How a run that was stopped goes on."""
    left = max(total - summary.photos, 0) if total is not None else None
    told = (
        ""
        if left is None
        else f"; {left:,} photo{'' if left == 1 else 's'} {'is' if left == 1 else 'are'} left"
    )
    return f"stopped after {summary.seconds:.0f} s{told}: {AGAIN}"
