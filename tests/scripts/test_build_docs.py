"""The docs as a site: made without a warning, whole, and asking nobody else for anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import api_page
import build_docs
import pytest
from build_docs import POLICY, ROOT, outside

DOCS = ROOT / "docs"


def pages() -> set[str]:
    return {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_every_page_is_in_the_menu_and_in_the_index():
    menu = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8"))
    assert len(menu) == len(set(menu))
    assert set(menu) == pages()
    index = re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "index.md").read_text("utf-8"))
    assert set(index) == pages() - {"index.md"}


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "lab").glob("*.md")))
def test_a_page_of_the_laboratory_begins_with_five_lines_of_conclusion(name: str):
    title, blank, *first = (DOCS / "lab" / name).read_text("utf-8").splitlines()[:8]
    assert title.startswith("# ")
    assert blank == "" == first.pop()
    assert all(re.match(r"- \*\*.+\*\*", line) for line in first)
    assert len(first) == 5


def test_links_of_pages_are_there():
    """Also where the site cannot be made; anchors are looked at when it is."""
    for page in pages():
        text = re.sub(r"```.*?```", "", (DOCS / page).read_text("utf-8"), flags=re.S)
        for place in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
            assert re.match(r"https?://", place) or ((DOCS / page).parent / place).exists(), (
                f"{page}: {place}"
            )


def test_twelve_words():
    text = (DOCS / "glossary.md").read_text("utf-8")
    assert len(re.findall(r"^\| \*\*", text, re.M)) == 12


def test_what_would_be_asked_for_is_seen():
    assert outside('<link rel="stylesheet" href="//a.b/c.css">') == ["//a.b/c.css"]
    assert outside("<img alt=x src=https://a.b/c.png>") == ["https://a.b/c.png"]
    assert outside("@import url('https://a.b/c.css'); url(//d.e/f)") == ["https://a.b/c.css", "//d.e/f"]
    assert (
        outside('<a href="https://a.b">x</a><link rel="canonical" href="https://a.b"><img src="a.png">') == []
    )


def test_the_extra_is_what_makes_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert [re.split("[<>=]", it)[0] for it in extras["docs"]] == ["zensical"]
    assert "mnd-cloak[docs]" in extras["dev"]


def test_the_api_has_every_public_name_once():
    surface = json.loads(api_page.SURFACE.read_text("utf-8"))
    text = api_page.page()
    heads = re.findall(r"^### (\S+)$", text, re.M)
    assert len(heads) == len(set(heads))
    for module in api_page.modules():
        part = re.search(rf"^## {re.escape(module)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
        assert part is not None
        for name in surface[module]:
            if f"{module}.{name}" not in api_page.modules():
                assert re.search(rf"^### {re.escape(module)}\.{name}$|\.{name}`", part[1], re.M), (
                    module,
                    name,
                )
    assert "```pycon\n>>> " in text
    assert api_page.markdown(">>> 1 + 1\n2") == "```pycon\n>>> 1 + 1\n2\n```\n\n"
    assert not re.search(r"0x[0-9a-f]{6}", text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("zensical", reason="needs the package zensical")
    out = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, str(ROOT / "scripts" / "build_docs.py"), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_is_whole(site: Path):
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert made == {page.replace(".md", ".html") for page in pages()} | {"404.html"}
    assert "mnd.losses.classifier_margin" in (site / "api.html").read_text("utf-8")
    assert (site / "search.json").is_file()


def test_no_page_asks_anybody_else(site: Path):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert text.index(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">') < 200
        assert outside(text) == []
    assert all(outside(path.read_text("utf-8")) == [] for path in site.rglob("*.css"))
    assert "http" not in POLICY.replace("http-equiv", "")


def test_markdown_is_not_left_over(site: Path):
    """Lists without a blank line before them, unclosed code: what GitHub shows and this does not."""
    for page in sorted(site.rglob("*.html")):
        found = re.search(r"<article.*?</article>", page.read_text("utf-8"), re.S)
        text = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", found[0] if found else "", flags=re.S)
        for part in re.findall(r"<p>.*?</p>|<td>.*?</td>", text, re.S):
            assert not re.search(r"\n(?:- |\d\. |\| |```)|`|\]\(", part), f"{page.name}: {part[:200]}"


def test_a_broken_link_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("zensical", reason="needs the package zensical")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "api.md").write_text("# API\n\n[nowhere](nowhere.md)\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\nnav = ["api.md"]\n')
    monkeypatch.setattr(build_docs, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"cannot be made:(.|\n)*nowhere"):
        build_docs.build(tmp_path / "out")
    assert not (tmp_path / "out").exists()
