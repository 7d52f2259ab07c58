"""Ask the clients: one process a client that judges all pairs, and embeddings kept from run to run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
CLIENTS = {
    "fr": ("fr-small-1", "fr-large-1", "fr-small-10", "fr-large-10"),
    "faceapi": ("faceapi-ssd", "faceapi-tiny", "faceapi-canvas"),
    "deepface": ("deepface-opencv", "deepface-dlib", "deepface-mtcnn"),
}
"""The judges of each client: what one process answers for."""


class Answer(NamedTuple):
    """What a client says of two photos."""

    distance: float | None
    """Of the faces nearest to the middle; None where it finds no face in one of the photos."""
    match: bool
    nearest: float | None
    """The least distance of all faces in both."""


@dataclass
class Asked:
    """What a judge said."""

    client: str
    threshold: float
    answers: dict[tuple[Path, Path], Answer] = field(default_factory=dict)
    faces: dict[Path, int] = field(default_factory=dict)
    """How many faces it found in each photo."""


def chosen(names: str) -> list[str]:
    """The judges that names stand for: a client's name for all of its judges.

    Raises:
        ValueError: there is no such client or judge.
    """
    known = [judge for judges in CLIENTS.values() for judge in judges]
    judges = [judge for name in names.split(",") for judge in CLIENTS.get(name, (name,))]
    if wrong := sorted(set(judges) - set(known)):
        raise ValueError(f"got clients {', '.join(wrong)}, expected of {', '.join([*CLIENTS, *known])}")
    return list(dict.fromkeys(judges))


class Clients:
    """The clients that `install.sh` put into a folder.

    Args:
        folder: that of `install.sh`; embeddings of photos are kept in its `cache`, by the photos' bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.cache = self.folder / "cache"
        self.cache.mkdir(parents=True, exist_ok=True)

    def ask(self, judges: Sequence[str], pairs: Sequence[tuple[Path, Path]]) -> dict[str, Asked]:
        """What each judge says of each pair.

        Raises:
            RuntimeError: a client stopped; its last lines are told.
        """
        asked = {}
        for client, names in CLIENTS.items():
            if wanted := [name for name in names if name in judges]:
                asked |= self._ask(client, wanted, pairs)
        return asked

    def _ask(
        self, client: str, judges: Sequence[str], pairs: Sequence[tuple[Path, Path]]
    ) -> dict[str, Asked]:
        keys = {path: _digest(path) for pair in pairs for path in pair}
        paths = {key: path for path, key in keys.items()}
        kept = {judge: self._kept(judge) for judge in judges}
        known = {judge: {key: kept[judge][key] for key in paths if key in kept[judge]} for judge in judges}
        photos = {}
        for key, path in paths.items():
            if new := [judge for judge in judges if key not in known[judge]]:
                photos[key] = {"path": str(path.absolute()), "judges": new}
        several = list(dict.fromkeys((keys[a], keys[b]) for a, b in pairs))
        request = {
            "judges": judges,
            "known": known,
            "photos": photos,
            "pairs": [(judge, *pair) for judge in judges for pair in several],
        }
        about, said, done = {}, {}, 0
        for line in self._lines(client, request):
            if "about" in line:
                about = line["about"]
            elif "photo" in line:
                self._keep(line)
                known[line["judge"]][line["photo"]] = line["faces"]
                if line["judge"] == photos[line["photo"]]["judges"][-1] and not (done := done + 1) % 20:
                    print(f"{client}: {done} of {len(photos)} new photos", file=sys.stderr, flush=True)
            else:
                judge, one, other = line.pop("pair")
                said[judge, one, other] = Answer(**line)
        return {
            judge: Asked(
                **about[judge],
                answers={(a, b): said[judge, keys[a], keys[b]] for a, b in pairs},
                faces={path: len(known[judge][key]) for path, key in keys.items()},
            )
            for judge in judges
        }

    def _lines(self, client: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The lines that a client answers; it reads the whole request first."""
        home = {"DEEPFACE_HOME": str(self.folder / "deepface"), "DEEPFACE_LOG_LEVEL": "40"}
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        env |= home | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "DEEPFACE_BACKEND_ENGINE": "onnx"}
        command, where = self._command(client)
        with (
            tempfile.TemporaryFile("w+") as asked,
            tempfile.TemporaryFile("w+", errors="replace") as complaints,
        ):
            json.dump(request, asked)
            asked.seek(0)
            with subprocess.Popen(
                command, stdin=asked, stdout=subprocess.PIPE, stderr=complaints, text=True, env=env, cwd=where
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    yield json.loads(line)
            if process.returncode:
                complaints.seek(0)
                raise RuntimeError(f"{client} stopped:\n{complaints.read()[-2000:]}")

    def _command(self, client: str) -> tuple[list[str], Path]:
        if client == "faceapi":
            return ["node", str(HERE.absolute() / "run_faceapi.cjs")], self.folder / "node"
        script = {"fr": "run_face_recognition.py", "deepface": "run_deepface.py"}[client]
        return [str(self.folder / "venv" / "bin" / "python"), str(HERE.absolute() / script)], self.folder

    def _kept(self, judge: str) -> dict[str, Any]:
        path = self.cache / f"{judge}.jsonl"
        if not path.exists():
            return {}
        lines = (json.loads(line) for line in path.read_text().splitlines())
        return {line["photo"]: line["faces"] for line in lines}

    def _keep(self, line: dict[str, Any]) -> None:
        with (self.cache / f"{line['judge']}.jsonl").open("a") as file:
            file.write(json.dumps({"photo": line["photo"], "faces": line["faces"]}) + "\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
