"""The docs as a site: `python scripts/build_docs.py [--out site]`, then `python -m http.server -d site`.

Zensical (MIT) makes it from `docs/` and `zensical.toml`; a broken link or anchor is an error. The page of the
API is filled from docstrings. Every page gets a Content-Security-Policy, so that no browser asks anybody else
for anything, and a page that would is an error.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import api_page

ROOT = Path(__file__).resolve().parents[1]
API = re.compile(r"<!-- api -->.*?<!-- /api -->", re.DOTALL)
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
    ]
)
ASKED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\b(?:src|srcset)=["']?((?:https?:)?//[^\s"'>]+)"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|preconnect|icon|manifest))[^>]*?"""
    r"""href=["']?((?:https?:)?//[^\s"'>]+)"""
    r"""|(?:@import\s+(?:url\()?|url\()["']?((?:https?:)?//[^\s"')]+)"""
)
"""What a browser asks for by itself when it shows a page: not the links that a reader may follow."""


def outside(text: str) -> list[str]:
    """Addresses elsewhere that a page or a style sheet has loaded.

    >>> outside('<a href="https://a.b/">a</a><script src="https://c.d/e.js"></script>')
    ['https://c.d/e.js']
    """
    return [next(filter(None, groups)) for groups in ASKED.findall(text)]


def build(out: Path) -> None:
    """Makes the site in a folder, which is replaced.

    Raises:
        SystemExit: the site cannot be made without a warning, or a page asks for something elsewhere.
    """
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        shutil.copytree(ROOT / "docs", room / "docs", ignore=shutil.ignore_patterns("*.json"))
        shutil.copy(ROOT / "zensical.toml", room)
        api = room / "docs" / "api.md"
        api.write_text(API.sub(lambda _: api_page.page(), api.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
        done = subprocess.run(command, cwd=room, capture_output=True, text=True)
        if done.returncode or "No issues found" not in done.stdout + done.stderr:
            told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).partition("Traceback")[0]
            raise SystemExit(f"the site cannot be made:\n{told}")
        for page in (room / "site").rglob("*.html"):
            policy = f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            text = re.sub(r"<head>", policy, page.read_text("utf-8"), count=1)
            page.write_text(text, "utf-8")
        asked = {
            f"{path.relative_to(room / 'site')}: {address}"
            for path in (room / "site").rglob("*")
            if path.suffix in (".html", ".css")
            for address in outside(path.read_text("utf-8"))
        }
        if asked:
            raise SystemExit("the site would ask elsewhere: " + "; ".join(sorted(asked)))
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(room / "site", out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    build(parser.parse_args().out)
