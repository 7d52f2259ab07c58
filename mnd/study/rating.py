"""From the folder of an evaluation to a rating page and its key."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..base.files import sha256_of, write_atomic
from ..evaluation.results import RESULTS, read_results
from . import contents as chosen
from .design import Design, Names, Trial, design
from .settings import StudySettings

PAGE, KEY = "rating.html", "key.json"
FORMAT = "rating-key-1"
PRIVATE = "Stays with the researcher: it says which presentation is what. Send rating.html alone."
MEGABYTE = 1e6


def create(
    report: Path,
    out: Path,
    settings: StudySettings | None = None,
    *,
    secret: bytes | None = None,
    **options: Any,
) -> Path:
    """Make `rating.html`, one self-contained page to send to observers, and `key.json`, which stays here.

    Each drawn content is rated once clean, as a hidden reference, and once for each attack, all by the
    double-stimulus impairment scale of ITU-R BT.500, variant I (one showing, reference first). Pictures are
    stored as PNG with the very pixels of the files; those larger than `largest` are cut to a window around
    what was changed, the same for all files of a content.

    Args:
        report: the folder of an evaluation, with `results.jsonl` and `pictures`.
        out: the folder to write both files to; made if it is not there.
        settings: of the study, or its fields as keywords.
        secret: what the opaque ids are made with; drawn by chance unless given. The same secret, settings
            and results give the same page.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: results or a picture are missing.
        FileExistsError: there is a study in `out` already, whose answers need its key.
        ValueError: no such target or attack, no picture that fits, a bad setting, or too large a page.
        PhotoError: one of the two files cannot be written; then there is neither.
    """
    settings = StudySettings.of(settings, options)
    page_path, key_path = Path(out) / PAGE, Path(out) / KEY
    if taken := [path for path in (page_path, key_path) if path.exists()]:
        raise FileExistsError(f"{taken[0]} is there already, expected a folder without a study")
    report = Path(report)
    try:
        rows = read_results(report / RESULTS, in_order=True)
    except ValueError as error:
        raise ValueError(f"{error}; finish the evaluation first") from error
    target = chosen.choose_target(rows, settings.target)
    rows = [row for row in rows if row.target == target]
    attacks = chosen.choose_attacks(rows, settings.attacks)
    contents = chosen.contents_of(rows, attacks, settings.failures)
    secret = secrets.token_bytes(32) if secret is None else secret
    names = Names(secret)
    made = design(contents, attacks, settings, names)
    page, shown = _page(report, made, settings, names)
    key = _key(report, made, settings, target, shown) | {"secret": secret.hex()}
    Path(out).mkdir(parents=True, exist_ok=True)
    write_atomic(key_path, (json.dumps(key, indent=1) + "\n").encode())
    try:
        write_atomic(page_path, page.encode())
    except BaseException:  # a key without its page would keep another study out
        key_path.unlink(missing_ok=True)
        raise
    return page_path


def _page(
    report: Path, made: Design, settings: StudySettings, names: Names
) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The page, and the window that is shown of each content."""
    from .page import Presentation, page

    assets: dict[str, str] = {}
    windows: dict[str, tuple[int, ...]] = {}
    shown: dict[str, Presentation] = {}
    size = 0
    trials = (*made.trials, *made.training)
    for content in dict.fromkeys(trial.content for trial in trials):
        of_content = [trial for trial in trials if trial.content == content]
        for trial, asset, uri, window in _pictures(report, of_content, settings, names):
            size += len(uri) if asset not in assets else 0
            assets[asset] = uri
            windows[content] = window
            if trial is not None:
                wide, high = window[2] - window[0], window[3] - window[1]
                shown[trial.id] = Presentation(trial.id, content, names("clean", content), asset, wide, high)
        if size > settings.megabytes * MEGABYTE:
            raise ValueError(
                f"the page has over {size / MEGABYTE:.0f} MB, expected at most {settings.megabytes:g}: "
                "take fewer pictures or attacks, or a smaller largest side"
            )
    text = page(
        made.study,
        [shown[trial.id] for trial in made.trials],
        [shown[trial.id] for trial in made.training],
        dict(sorted(assets.items())),
        settings,
    )
    return text, windows


def _pictures(
    report: Path, trials: list[Trial], settings: StudySettings, names: Names
) -> Iterator[tuple[Trial | None, str, str, tuple[int, int, int, int]]]:
    """The pictures of one content as `(trial, asset's id, data URI, window)`; the reference has no trial.

    A hidden reference has an asset of its own, so that the page's source does not show that it is one.
    """
    from ..base.html import data_uri
    from .pictures import cut, read_picture, window_of

    clean = read_picture(report / trials[0].reference)
    tests = [read_picture(report / trial.path) for trial in trials]
    try:
        window = window_of(clean, tests, settings.largest)
    except ValueError as error:
        raise ValueError(f"{trials[0].picture}: {error}") from error
    yield None, names("clean", trials[0].content), data_uri(cut(clean, window), kind="png"), window
    for trial, test in zip(trials, tests, strict=True):
        yield trial, names("asset", trial.id), data_uri(cut(test, window), kind="png"), window


def _key(
    report: Path, made: Design, settings: StudySettings, target: str, windows: dict[str, tuple[int, ...]]
) -> dict[str, Any]:
    from mnd import __version__

    def told(trial: Trial) -> dict[str, Any]:
        row = asdict(trial) | {"target": target, "window": list(windows[trial.content])}
        del row["id"]
        return row | {"sha256": sha256_of(report / trial.path)}

    return {
        "format": FORMAT,
        "private": PRIVATE,
        "study": made.study,
        "mnd": __version__,
        "target": target,
        "settings": asdict(settings),
        "trials": {trial.id: told(trial) for trial in made.trials},
        "training": {trial.id: told(trial) for trial in made.training},
    }
