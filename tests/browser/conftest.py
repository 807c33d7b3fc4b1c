"""Pages opened from `file://` in a headless browser that draws WebGL on the processor."""

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import MISSING, find_browser
from PIL import Image

SECONDS = 120  # before something that must happen counts as missing, on a busy machine
# Software WebGL, so that the tests need no graphics processor; none of the calls home.
ARGUMENTS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def browser() -> Iterator:
    executable = find_browser()
    if executable is None and os.environ.get("NEURORECON_REQUIRE_BROWSER"):
        pytest.fail(MISSING)
    if executable is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield running
        running.close()


class Opened:
    """A report that is open in the browser, and what a person sees of it."""

    def __init__(self, page):
        self.page = page

    def picture(self, selector: str) -> np.ndarray:
        """(h, w, 3) what the screen shows of an element."""
        shot = self.page.locator(selector).screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def shows(self, selector: str, colour: str) -> np.ndarray:
        """(h, w) pixels of an element that show a colour, up to half mixed with the dark behind."""
        full = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)])
        picture = self.picture(selector)
        share = picture @ full / (full @ full)
        apart = np.abs(picture - share[..., None] * full).max(axis=2)
        return (share > 0.5) & (apart < 25)

    def count(self, selector: str, colour: str) -> int:
        return int(self.shows(selector, colour).sum())

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for what follows an action a frame or more later."""
        end = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < end, f"still not: {what}"

    def switch(self, name: str) -> None:
        """Click the switch of a layer."""
        self.page.get_by_label(name, exact=True).click()

    def on_screen(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Where a point of the scene (from the box's corner) lies on the 3D canvas, in pixels."""
        at = self.page.evaluate(
            """([x, y, z]) => {
                scene.camera.updateMatrixWorld(); // otherwise that of the last frame
                const place = new THREE.Vector3(x, y, z).project(scene.camera);
                const { clientWidth, clientHeight } = scene.canvas;
                return [(1 + place.x) / 2 * clientWidth, (1 - place.y) / 2 * clientHeight];
            }""",
            [x, y, z],
        )
        return at[0], at[1]

    def click_scene(self, x: float, y: float) -> None:
        self.page.locator("#scene").click(position={"x": x, "y": y})


class Opener:
    """Opens pages and hears what they say.

    said: messages, errors and dialogs so far; a page that is well says nothing.
    asked: addresses that were asked for besides the file itself and what it carries.
    """

    def __init__(self, context, folder: Path):
        self.context, self.folder = context, folder
        self.said: list[str] = []
        self.asked: list[str] = []

    def __call__(self, html: str | Path, script_first: str = "") -> Opened:
        """The page, drawn once. html: its text or its file; script_first: runs before its own."""
        path = self.folder / "page.html"
        if isinstance(html, Path):
            path = html
        else:
            path.write_text(html, encoding="utf-8")
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self._hear(request.url, path.as_uri()))
        page.add_init_script(script_first)
        page.goto(path.as_uri())
        page.locator("html[data-drawn]").wait_for(state="attached")
        return Opened(page)

    def _dismiss(self, dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _hear(self, url: str, own: str) -> None:
        if url != own and not url.startswith("data:"):
            self.asked.append(url)


@pytest.fixture
def open_page(browser, tmp_path) -> Iterator[Opener]:
    """Opens a page; at the end there must have been no error, no message and no request."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(1000 * SECONDS)
    opener = Opener(context, tmp_path)
    yield opener
    context.close()
    assert opener.said == []
    assert opener.asked == []
