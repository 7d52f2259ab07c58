"""What a release says of itself: one version, a citation, licences, forms for reports."""

from __future__ import annotations

import re
from pathlib import Path

import licences
import pytest
import yaml

import mnd

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_version_is_one():
    assert yaml.safe_load(read("CITATION.cff"))["version"] == mnd.__version__
    first = re.search(r"^## (\S+?):", read("CHANGELOG.md"), re.M)
    assert first is not None
    assert first[1] == mnd.__version__
    assert f"version = {{{mnd.__version__}}}" in read("README.md")


def test_the_citation_is_one():
    told = yaml.safe_load(read("CITATION.cff"))
    assert told["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license", "version"} <= set(told)
    assert all(set(author) & {"name", "family-names"} for author in told["authors"])
    assert any("2206.08638" in reference["url"] for reference in told["references"])


@pytest.mark.parametrize("name", ["bug.yml", "wish.yml"])
def test_forms_are_forms(name: str):
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}"))
    assert {"name", "description", "body"} <= set(form)
    for part in form["body"]:
        assert part["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes")
        assert part["type"] == "markdown" or {"label"} <= set(part["attributes"])
    texts = [part["attributes"].get("label") for part in form["body"]]
    assert name != "bug.yml" or "mnd doctor" in texts


def test_the_page_of_licences_has_every_package():
    page = read("docs/licences.md")
    named = re.findall(r"^\| ([\w.-]+) \| (.+?) \| (.+) \|$", page, re.M)
    assert [(name, how) for name, _, how in named if name != "package"] == [
        (name, f"with the extra `{extra}`" if extra else "always")
        for name, extra in licences.required().items()
    ], "run python scripts/licences.py"
    assert all(told.strip(" ?") for _, told, _ in named)
    assert licences.written(page).count(licences.BEGIN) == 1


def test_the_licence_is_whole():
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert (ROOT / "mnd" / "py.typed").exists()
