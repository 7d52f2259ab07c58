"""The session as the page is sent it: plain data, without a pixel and without an embedding."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..base.files import cloaked_path
from ..base.jsonlines import finite
from ..cloaking.sentences import told, told_check
from ..cloaking.settings import CloakSettings
from . import words
from .session import Job, Result, Session, Upload


def state(session: Session, settings: CloakSettings) -> dict[str, Any]:
    """All that the page shows; `docs/ui.md` has the fields."""
    with session.reading():
        return {
            "version": session.version,
            "engine": session.engine,
            "error": session.error,
            "targets": [{"name": name, "told": words.TARGETS.get(name, name)} for name in session.targets],
            "levels": list(words.LEVELS),
            "level": settings.level,
            "limits": {"bytes": session.bytes, "photos": session.most},
            "gallery": [
                {"id": known.id, "name": known.name, "error": known.error}
                for known in session.gallery.values()
            ],
            "photos": [_photo(session, photo) for photo in session.photos.values()],
        }


def _photo(session: Session, photo: Upload) -> dict[str, Any]:
    width, height = photo.size
    jobs = [job for job in session.jobs if job.photo == photo.id and not job.stopped]
    return {
        "id": photo.id,
        "name": photo.name,
        "path": photo.path is not None,
        "width": width,
        "height": height,
        "format": photo.format,
        "state": photo.state,
        "error": None if photo.error is None else asdict(photo.error),
        "faces": _faces(photo),
        "suspects": [list(face.box) for face in photo.searched[0].suspects] if photo.searched else [],
        "me": photo.me,
        "nobody": _nobody(photo),
        "turn": photo.turn,
        "metadata": photo.metadata,
        "strip": photo.strip,
        "job": _job(session, jobs[0]) if jobs else None,
        "waiting": [job.level for job in jobs if job.level is not None],
        "results": {name: _result(photo, result) for name, result in photo.results.items()},
        "returned": [_returned(name, record) for name, record in photo.returned],
    }


def _faces(photo: Upload) -> list[dict[str, Any]]:
    own = len(photo.searched[0].faces) if photo.searched else 0
    return [
        {
            "number": number,
            "box": [round(edge, 1) for edge in subject.box],
            "chosen": number in photo.chosen,
            "drawn": number >= own,
            "seen": subject.found,
            "person": subject.person if photo.me is None else number == photo.me,
            "likeness": words.likeness(subject),
        }
        for number, subject in enumerate(photo.judged)
    ]


def _nobody(photo: Upload) -> str:
    """That nobody is like the photos of the user, and how near the nearest comes."""
    known = [subject for subject in photo.judged if subject.likeness is not None]
    if not known or photo.me is not None or any(subject.person for subject in known):
        return ""
    return f"nobody here looks like the photos of you ({words.nearest(known)})"


def _job(session: Session, job: Job) -> dict[str, Any]:
    before = 0 if job is session.running else session.jobs.index(job)
    if session.running is not None and job is not session.running:
        before = max(before, 1)
    return {
        "level": job.level,
        "kind": job.kind,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "left": job.left,
        "queued": before,
    }


def _result(photo: Upload, result: Result) -> dict[str, Any]:
    record = result.record
    answer: dict[str, Any] = asdict(words.here(told(record))) | {
        "regions": [region["box"] for region in record["regions"]],
        "has_file": result.data is not None,
        "saved": result.saved,
        "file": cloaked_path(Path(photo.name)).name,
        "seconds": record["seconds"],
        "rows": words.rows(record),
        "quality": record["quality"],
        "removed": record["removed"],
    }
    made: dict[str, Any] = finite(answer)
    return made


def _returned(name: str, record: Any) -> dict[str, Any]:
    return {"name": name} | asdict(words.here(told_check(record)))
