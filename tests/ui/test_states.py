"""Ways through the page that are not the shortest: frames by keyboard, other tabs, drops, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from mnd import CloakSettings
from mnd.cloaking.page import PhotoRow, page
from tests.helpers.photos import save
from tests.helpers.served import served

SETTINGS = CloakSettings(targets=("dlib",), steps=3, offline=True, keep_best=True, rho=0.0, level="minimum")
FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])
ONE = save(FACE, "PNG")
TWO = save(np.concatenate([FACE, FACE[:, ::-1]], axis=1), "PNG")
SLOW = 120_000
"""Milliseconds that a search may take on a busy machine."""


@pytest.fixture(scope="module")
def running():
    with served(SETTINGS) as made:
        yield made


@pytest.fixture
def server(running):
    """Without photos."""
    running[1].ask("DELETE", "/photos")
    return running


def drop(tab: Any, name: str, content: bytes, where: str = "body") -> None:
    """Drag a file over the page, then drop it on a part of it."""
    script = """async ([name, bytes, where]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
      const told = { dataTransfer, bubbles: true, cancelable: true };
      document.body.dispatchEvent(new DragEvent("dragover", told));
      await new Promise((later) => setTimeout(later, 100));
      document.querySelector(where).dispatchEvent(new DragEvent("drop", told));
    }"""
    tab.evaluate(script, [name, list(content), where])


def test_frames_are_drawn_and_dropped_by_keyboard(server, tab) -> None:
    served_by, client = server
    seen = tab(served_by.address)
    drop(seen, "two.png", TWO)
    seen.locator("button.frame").nth(1).wait_for(timeout=SLOW)
    draw = seen.get_by_role("button", name="Draw a frame")
    draw.click()
    seen.locator(".frame.new:focus").wait_for()
    box = seen.locator(".frame.new").bounding_box()
    for key in ("ArrowRight", "Shift+ArrowUp"):
        seen.keyboard.press(key)
    seen.wait_for_timeout(100)
    now = seen.locator(".frame.new").bounding_box()
    assert now["x"] > box["x"]
    assert now["height"] > box["height"]
    seen.keyboard.press("Enter")
    seen.get_by_text("drawn by you").wait_for(timeout=SLOW)
    client.idle()
    assert [face["drawn"] for face in client.state()["photos"][0]["faces"]] == [False, False, True]
    draw.click()
    seen.keyboard.press("Escape")
    seen.get_by_role("button", name="Remove frame 3").click()
    seen.get_by_text("drawn by you").wait_for(state="detached", timeout=SLOW)


def test_a_frame_is_drawn_by_a_finger_on_a_photo_that_is_shown_turned(server, tab) -> None:
    served_by, client = server
    seen = tab(served_by.address)
    drop(seen, "two.png", TWO)
    seen.locator("button.frame").nth(1).wait_for(timeout=SLOW)
    seen.get_by_role("button", name="Turn").click()
    client.wait(lambda state: state["photos"][0]["turn"] == 90)
    client.idle()
    seen.wait_for_timeout(500)
    seen.get_by_role("button", name="Draw a frame").click()
    box = seen.locator(".stage").bounding_box()
    left, top, width, height = (box[key] for key in ("x", "y", "width", "height"))
    seen.mouse.move(left + 0.5 * width, top + 0.1 * height)
    seen.mouse.down()
    seen.mouse.move(left + 0.9 * width, top + 0.2 * height, steps=4)
    seen.mouse.up()
    client.wait(lambda state: any(face["drawn"] for face in state["photos"][0]["faces"]))
    [drawn] = [face["box"] for face in client.state()["photos"][0]["faces"] if face["drawn"]]
    # right of the middle is the upper half, from top to bottom goes from left to right
    wanted = (0.1 * 474, 0.1 * 203, 0.2 * 474, 0.5 * 203)
    assert np.allclose(drawn, wanted, atol=3)


def test_another_tab_shows_what_was_asked_for_in_the_first(server, tab) -> None:
    served_by, client = server
    one = tab(served_by.address)
    other = tab(served_by.address, one.context)
    drop(one, "me.png", ONE)
    other.locator("button.frame").wait_for(timeout=SLOW)
    one.get_by_role("button", name="Cloak this face").click()
    other.locator(".viewer-stage").wait_for(timeout=SLOW)
    other.get_by_role("button", name="Forget this photo").click()
    one.get_by_role("heading", name="Change the faces").wait_for(timeout=SLOW)
    assert client.state()["photos"] == []


def test_what_is_dropped_on_a_result_is_checked_and_elsewhere_is_a_new_photo(server, tab) -> None:
    served_by, client = server
    seen = tab(served_by.address)
    drop(seen, "me.png", ONE)
    seen.get_by_role("button", name="Cloak this face").click(timeout=SLOW)
    seen.locator(".viewer-stage").wait_for(timeout=SLOW)
    drop(seen, "back.jpg", save(FACE, "JPEG", quality=75), "[data-drop=back]")
    seen.locator(".returned li").wait_for(timeout=SLOW)
    assert "back.jpg" in seen.locator(".returned li").inner_text()
    drop(seen, "new.png", ONE, "[data-drop=photos]")
    seen.locator("nav.strip li").nth(1).wait_for(timeout=SLOW)
    assert [photo["name"] for photo in client.idle()["photos"]] == ["me.png", "new.png"]


def test_a_photo_of_the_disk_is_saved_beside_it_and_nothing_is_replaced_unasked(
    server, tab, tmp_path
) -> None:
    served_by, _ = server
    photo, saved = tmp_path / "me.png", tmp_path / "me.cloaked.png"
    photo.write_bytes(ONE)
    saved.write_bytes(b"mine")
    served_by.add([photo])
    seen = tab(served_by.address)
    seen.get_by_role("button", name="Cloak this face").click(timeout=SLOW)
    save_it = seen.get_by_role("button", name="Save beside the original")
    save_it.click(timeout=SLOW)
    seen.get_by_role("button", name="Leave it").click(timeout=SLOW)
    assert saved.read_bytes() == b"mine"
    save_it.click()
    seen.get_by_role("button", name="Replace it").click(timeout=SLOW)
    seen.get_by_text(f"Saved as {saved}").wait_for(timeout=SLOW)
    assert saved.read_bytes()[:4] == b"\x89PNG"
    tab.complaints.clear()  # of the refusal


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_page_of_the_command_line(tab, tmp_path: Path, width: int, scheme: str) -> None:
    told = {"unit": "euclidean distance", "threshold": 0.6, "before": 0.0, "after": 0.66, "fooled": True}
    regions = [
        {"box": box, "kind": "face", "targets": {"dlib": {**told, "channel": {"jpeg75": False}}}}
        for box in ([500, 300, 640, 460], [900, 700, 1000, 800])
    ]
    record = {
        "input": "a long name of a photo with a face in it.jpg", "output": "a.cloaked.jpg", "protected": True,
        "level": "minimum", "seed": 0, "seconds": 2.9, "regions": regions, "quality": None, "error": None,
    }  # fmt: skip
    before = np.random.default_rng(0).integers(0, 255, (1200, 1600, 3), np.uint8)
    path = tmp_path / "a.html"
    path.write_text(page([PhotoRow(record, before, before ^ 3)], record["input"]), encoding="utf-8")
    seen = tab(path.as_uri(), viewport={"width": width, "height": 780}, color_scheme=scheme)
    asked: list[str] = []
    seen.on("request", lambda request: asked.append(request.url))
    slider, note = seen.get_by_role("slider"), seen.locator(".viewer-note")
    seen.keyboard.press("Space")
    assert slider.input_value() == "100"
    assert note.inner_text() == "Face 1 · 100 % · before"
    seen.get_by_role("button", name="Face 2").click()
    seen.get_by_role("button", name="2 times").click()
    assert note.inner_text().startswith("Face 2 · 200 %")
    seen.get_by_role("button", name="Difference").click()
    assert "16 times enlarged" in note.inner_text()
    seen.get_by_text("Details").click()
    assert seen.evaluate("document.documentElement.scrollWidth") <= width
    assert {url[:5] for url in asked} <= {"data:"}
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
    ).Axe()
    assert [
        f["id"] for f in axe.run(seen).response["violations"] if f["impact"] in ("serious", "critical")
    ] == []
