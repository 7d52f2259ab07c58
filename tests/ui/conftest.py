"""A browser, where one is installed; without it these tests are left out, and say so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
)  # fmt: skip
"""So that a browser asks for nothing by itself: what is left is what the page asks for."""


@pytest.fixture(autouse=True)
def _once(one_attempt) -> None:
    """The searches here are too short to fool anybody."""


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("MND_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed, and MND_CHROMIUM is not set")
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, which is not installed")
    with sync_api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(chromium: str, playwright: Any) -> Iterator[Any]:
    running = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
    yield running
    running.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages; what the browser complains of fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def opened(address: str, context: Any = None, **options: Any) -> Any:
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
            contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.goto(address)
        return page

    opened.complaints = complaints  # type: ignore[attr-defined]
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@contextmanager
def watched(playwright: Any, chromium: str, log: Path) -> Iterator[Any]:
    """A browser that writes down what it asks for; what it asks for by itself finds nobody."""
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    arguments = [*QUIET, alone, f"--log-net-log={log}", "--net-log-capture-mode=Everything"]
    running = playwright.chromium.launch(executable_path=chromium, args=arguments)
    try:
        yield running
    finally:
        running.close()


def connections(log: Path) -> tuple[set[str], set[tuple[str, str]]]:
    """The addresses that a browser has connected to; who asked for something, and which host."""
    text = log.read_text("utf-8").rstrip().rstrip(",")
    told = json.loads(text if text.endswith("}") else text + "]}")
    names = {number: name for name, number in told["constants"]["logEventTypes"].items()}
    connected: set[str] = set()
    asked: set[tuple[str, str]] = set()
    for event in told["events"]:
        params = event.get("params") or {}
        if names[event["type"]] == "TCP_CONNECT_ATTEMPT" and "address" in params:
            connected.add(params["address"].rsplit(":", 1)[0])
        initiator = params.get("initiator", "not an origin")
        if names[event["type"]] == "URL_REQUEST_START_JOB" and initiator != "not an origin":
            asked.add((initiator, urlsplit(params["url"]).hostname or ""))
    return connected, asked
