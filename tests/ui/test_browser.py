"""The page in a real browser: a newcomer's way, ways to break it, and nothing that is sent anywhere."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd import Cloaker, CloakSettings
from tests.helpers.photos import save
from tests.helpers.served import served
from tests.ui.conftest import connections, watched

SETTINGS = CloakSettings(targets=("dlib",), steps=3, offline=True, keep_best=True, rho=0.0, level="minimum")
FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])
TWO = save(np.concatenate([FACE, FACE[:, ::-1]], axis=1), "PNG")
SLOW = 120_000
"""Milliseconds that a search may take on a busy machine."""
HOSTILE = "<img src=x onerror=alert(1)>'\"&{{7*7}}.png"


@pytest.fixture(scope="module")
def page():
    with served(SETTINGS) as made:
        yield made


@pytest.fixture
def address(page):
    server, client = page
    client.ask("DELETE", "/photos")
    return server.address


def drop(tab: Any, *photos: tuple[str, bytes]) -> None:
    """Drop files onto the page, as a mouse does."""
    given = [{"name": name, "bytes": list(content)} for name, content in photos]
    script = """(given) => {
      const carried = new DataTransfer();
      for (const { name, bytes } of given) carried.items.add(new File([new Uint8Array(bytes)], name));
      const told = { dataTransfer: carried, bubbles: true, cancelable: true };
      document.body.dispatchEvent(new DragEvent("dragover", told));
      document.body.dispatchEvent(new DragEvent("drop", told));
    }"""
    tab.evaluate(script, given)


def saved(tab: Any) -> bytes:
    with tab.expect_download(timeout=SLOW) as download:
        tab.get_by_role("link", name="Save").first.click(timeout=SLOW)
    return Path(download.value.path()).read_bytes()


def cloak(tab: Any) -> None:
    tab.get_by_role("button", name=re.compile("^Cloak")).first.click(timeout=SLOW)
    tab.locator(".verdict h2").wait_for(timeout=SLOW)


def by_command(content: bytes, **options: Any) -> bytes:
    done, _ = Cloaker(replace(SETTINGS, **options)).encoded(content, "a")
    assert done is not None
    return done


def test_drop_look_save_in_two_clicks_and_the_bytes_are_those_of_the_command(address, tab) -> None:
    seen = tab(address)
    assert "token" not in seen.url
    drop(seen, ("two.png", TWO))
    clicks = "document.addEventListener('click', () => { window.clicks = (window.clicks ?? 0) + 1; }, true)"
    seen.evaluate(clicks)
    cloak(seen)
    assert "dlib" in seen.locator(".verdict").first.inner_text()
    assert "Not tried" in seen.inner_text("body")
    assert saved(seen) == by_command(TWO)
    assert seen.evaluate("window.clicks") <= 3


def test_a_face_is_left_out_by_a_click_and_two_levels_are_looked_at(address, tab) -> None:
    seen = tab(address)
    drop(seen, ("two.png", TWO))
    first = seen.locator("button.frame").first
    first.click(timeout=SLOW)
    seen.locator("button.frame.off").wait_for(timeout=SLOW)
    cloak(seen)
    assert saved(seen) == by_command(TWO, faces="1")
    seen.get_by_text("Another level, other faces").click()
    seen.get_by_role("radio", name=re.compile("For sharing")).check()
    seen.get_by_role("button", name=re.compile("Cloak as")).click()
    seen.get_by_role("button", name="Stop").first.wait_for(timeout=SLOW)
    seen.locator(".verdict h2").wait_for(timeout=SLOW)
    assert saved(seen) == by_command(TWO, faces="1", level="robust")


def test_the_slider_flips_zooms_and_shows_the_difference(address, tab) -> None:
    seen = tab(address)
    drop(seen, ("me.png", save(FACE, "PNG")))
    cloak(seen)
    stage, slider = seen.locator(".viewer-stage"), seen.get_by_role("slider")
    assert slider.input_value() == "50"
    stage.focus()
    seen.keyboard.press("Space")
    assert slider.input_value() == "100"
    seen.keyboard.press("Space")
    assert slider.input_value() == "0"
    before = seen.locator(".viewer-layer.before img")
    width = before.bounding_box()["width"]
    assert width == FACE.shape[1]
    seen.get_by_role("button", name="4 times").click()
    assert before.bounding_box()["width"] == 4 * width
    seen.get_by_role("button", name="Difference").click()
    seen.locator(".viewer-note", has_text=re.compile(r"\d+ times enlarged")).wait_for(timeout=SLOW)
    assert seen.evaluate("document.querySelector('.viewer-layer.difference img').naturalWidth") > 0


def test_a_newcomer_needs_no_mouse(address, tab) -> None:
    seen = tab(address)
    seen.set_input_files("input[type=file]", {"name": "me.png", "mimeType": "", "buffer": save(FACE, "PNG")})
    button = seen.get_by_role("button", name=re.compile("^Cloak"))
    button.first.wait_for(timeout=SLOW)
    for _ in range(60):
        seen.keyboard.press("Tab")
        if seen.evaluate("document.activeElement.textContent").startswith("Cloak"):
            break
    seen.keyboard.press("Enter")
    seen.locator(".verdict h2").wait_for(timeout=SLOW)
    for _ in range(60):
        seen.keyboard.press("Tab")
        if seen.evaluate("document.activeElement.textContent") == "Save":
            break
    with seen.expect_download(timeout=SLOW) as download:
        seen.keyboard.press("Enter")
    assert Path(download.value.path()).read_bytes() == by_command(save(FACE, "PNG"))


def test_hostile_names_and_metadata_are_text(address, tab) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "<script>document.title='x'</script>", "<b>Model</b>"
    seen = tab(address)
    seen.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    drop(seen, (HOSTILE, save(FACE, "PNG", exif=exif.tobytes())), ("<svg onload=alert(2)>.jpg", b"no photo"))
    seen.locator("button.frame").first.wait_for(timeout=SLOW)
    text = seen.inner_text("body")
    assert HOSTILE.replace("/", "") in text or HOSTILE.rsplit("/", 1)[-1] in text
    assert "<b>Model</b>" in text
    assert seen.locator("img[src=x]").count() == 0
    assert seen.locator("main script, main svg[onload]").count() == 0


def test_two_tabs_show_the_same_and_forget_together(address, tab) -> None:
    one = tab(address)
    other = tab(address, one.context)
    drop(one, ("me.png", save(FACE, "PNG")))
    other.locator("button.frame").first.wait_for(timeout=SLOW)
    other.get_by_role("button", name="Forget everything").click()
    one.get_by_role("heading", name=re.compile("Change the faces")).wait_for(timeout=SLOW)


def test_a_tab_that_is_closed_during_a_search_leaves_nothing(tab) -> None:
    with served(replace(SETTINGS, steps=2000), grace=0.5) as (server, client):
        seen = tab(server.address)
        drop(seen, ("me.png", save(FACE, "PNG")))
        seen.get_by_role("button", name=re.compile("^Cloak")).first.click(timeout=SLOW)
        client.wait(lambda state: any((it["job"] or {}).get("stage") == "search" for it in state["photos"]))
        seen.close()
        client.wait(lambda state: state["photos"] == [] and state["engine"] == "idle", 60)
        assert not server.session.jobs


def test_thirty_photos(address, tab, page) -> None:
    _, client = page
    seen = tab(address)
    drop(seen, *[(f"{n}.png", save(FACE[: 60 + n, :60], "PNG")) for n in range(29)], ("me.png", TWO))
    state = client.wait(
        lambda state: len(state["photos"]) == 30 and not any(p["job"] for p in state["photos"])
    )
    assert {photo["state"] for photo in state["photos"]} == {"found"}
    assert seen.locator("nav.strip li").count() == 30
    seen.locator("nav.strip li button", has_text="me.png").click()
    seen.locator("button.frame").nth(1).wait_for(timeout=SLOW)


def test_a_server_that_was_killed_is_told_with_what_to_do(tab) -> None:
    with served(SETTINGS) as (server, client):
        seen = tab(server.address)
        drop(seen, ("me.png", save(FACE, "PNG")))
        seen.locator("button.frame").first.wait_for(timeout=SLOW)
        client.ask("POST", "/quit", b"{}", Content_Type="application/json")
        seen.get_by_role("heading", name="mnd has stopped").wait_for(timeout=30_000)
        assert "mnd ui" in seen.inner_text("body")
    tab.complaints.clear()  # the browser says that nobody answers


def test_what_came_back_gets_its_sentence(address, tab) -> None:
    seen = tab(address)
    drop(seen, ("me.png", save(FACE, "PNG")))
    cloak(seen)
    back = Image.open(io.BytesIO(saved(seen))).resize((180, 154))
    seen.locator(".back input[type=file]").set_input_files(
        {"name": "back.jpg", "mimeType": "image/jpeg", "buffer": save(back, "JPEG", quality=60)}
    )
    seen.locator(".returned li").wait_for(timeout=SLOW)
    told = seen.locator(".returned li").inner_text()
    assert "180x154" in told
    assert "dlib" in told


def test_nothing_is_kept_by_the_browser(address, tab) -> None:
    seen = tab(address)
    drop(seen, ("me.png", save(FACE, "PNG")))
    seen.locator("button.frame").first.wait_for(timeout=SLOW)
    kept = """async () => ({
      local: localStorage.length, session: sessionStorage.length, cookie: document.cookie,
      bases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
      workers: (await navigator.serviceWorker.getRegistrations()).length,
    })"""
    nothing = {"local": 0, "session": 0, "cookie": "", "bases": 0, "caches": 0, "workers": 0}
    assert seen.evaluate(kept) == nothing
    [cookie] = seen.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["expires"] == -1


def test_another_page_cannot_ask(address, tab, page, tmp_path) -> None:
    server, client = page
    client.put("me.png", save(FACE, "PNG"))
    client.idle()
    context = tab(address).context
    evil = context.new_page()
    (tmp_path / "evil.html").write_text("<p>evil</p>")
    evil.goto((tmp_path / "evil.html").as_uri())
    script = f"""async () => {{
      const answers = [], address = "http://127.0.0.1:{server.port}/photos";
      for (const options of [{{}}, {{mode: "no-cors"}}, {{method: "DELETE"}}, {{credentials: "include"}}])
        answers.push(await fetch(address, options).then((answer) => answer.type, () => "failed"));
      return answers;
    }}"""
    assert set(evil.evaluate(script)) <= {"failed", "opaque"}
    assert len(client.state()["photos"]) == 1


def test_no_address_but_this_computer_is_asked(page, playwright, chromium, tmp_path) -> None:
    server, client = page
    client.ask("DELETE", "/photos")
    log = tmp_path / "net.json"
    with watched(playwright, chromium, log) as running:
        seen = running.new_page()
        seen.goto(server.address)
        drop(seen, ("me.png", save(FACE, "PNG")))
        cloak(seen)
        saved(seen)
        seen.get_by_role("button", name="Difference").click()
        time.sleep(1)
    connected, asked = connections(log)
    assert connected == {"127.0.0.1"}
    assert {host for _, host in asked} == {"127.0.0.1"}
    assert {initiator for initiator, _ in asked} == {f"http://127.0.0.1:{server.port}"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_any_state(address, tab, page, scheme) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
    ).Axe()
    seen = tab(address, color_scheme=scheme)
    faults: list[str] = []

    def look(state: str) -> None:
        for fault in axe.run(seen).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                places = [node["target"] for node in fault["nodes"]]
                faults.append(f"{state}: {fault['id']} {fault['help']} {places}")

    look("empty")
    drop(seen, ("two.png", TWO), ("wall.png", save(FACE[:60, :60], "PNG")), ("notes.txt", b"no photo"))
    seen.locator("button.frame").first.wait_for(timeout=SLOW)
    look("found")
    seen.get_by_role("button", name=re.compile("Only this one|^Cloak")).last.click()
    look("working")
    seen.locator(".verdict h2").wait_for(timeout=SLOW)
    seen.get_by_text("Details").last.click()
    look("done")
    for name in ("wall.png", "notes.txt"):
        seen.locator("nav.strip li button", has_text=name).click()
        seen.wait_for_timeout(300)
        look(name)
    page[1].put("other.png", save(data.astronaut()[:203, 120:357][:, ::-1], "PNG"), "/gallery")
    page[1].idle()
    look("gallery")
    assert faults == []


@pytest.mark.parametrize("width", [360, 768])
def test_it_fits_a_phone(address, tab, width) -> None:
    seen = tab(address, viewport={"width": width, "height": 740})
    drop(seen, ("two.png", TWO))
    cloak(seen)
    assert seen.evaluate("document.documentElement.scrollWidth") <= width
