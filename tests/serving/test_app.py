"""The page in a real browser: it draws, paints, remembers, and asks nobody but its server."""

import base64
import json
from pathlib import Path

import pytest

from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.recipe import read_recipe
from pixace.drawing.request import draw_to_files
from tests.tools.browser import Browser

STATUS = "document.getElementById('status').textContent"
ERROR = "document.getElementById('error').textContent"
READY = "!!document.getElementById('about')?.textContent"
KEPT = "JSON.parse(localStorage.getItem('pixace.drawings'))"
WATCH = """
globalThis.states = new Set();
(function watch() {
  const canvas = document.querySelector('.tile canvas');
  if (canvas && !document.querySelector('article button:not(.tile)')) {
    states.add(canvas.toDataURL());
  }
  requestAnimationFrame(watch);
})()"""
NAMELESS = """
[...document.querySelectorAll('input, select, textarea, button, canvas[tabindex], progress')]
  .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim()
    || e.closest('button')?.textContent))
  .map((e) => e.outerHTML)"""


@pytest.fixture(scope="module")
def browser(page):
    with Browser() as browser:
        browser.open(page.server.address)
        browser.wait_for(READY)
        yield browser
        own = f"http://127.0.0.1:{page.place[1]}/"
        others = [url for url in browser.requests if not url.startswith((own, "data:", "blob:"))]
        assert not others
        assert not browser.complaints


def reload(browser: Browser) -> None:
    browser.run("globalThis.isOld = true")
    browser.run("location.reload()")
    browser.wait_for(f"!globalThis.isOld && ({READY})")


def draw(browser: Browser) -> list:
    browser.run("document.getElementById('draw').click()")
    browser.wait_for(f"{STATUS} === 'Drawn.' || {ERROR}")
    assert browser.run(ERROR) == ""
    browser.run("document.getElementById('status').textContent = ''")
    return browser.run(KEPT)


def saved(browser: Browser, tmp_path: Path) -> Path:
    """Returns the file of the newest drawing's first picture."""
    path = tmp_path / "page.png"
    path.write_bytes(base64.b64decode(browser.run(f"{KEPT}[0].tiles[0].png")))
    return path


def test_the_address_does_not_show_the_token(browser, page) -> None:
    assert browser.run("location.href") == f"http://127.0.0.1:{page.place[1]}/"


def test_a_picture_appears_pixel_by_pixel(browser, weights_dir, tmp_path) -> None:
    browser.run(WATCH)
    kept = draw(browser)
    assert browser.run("states.size") >= 8
    assert browser.run("document.querySelectorAll('.tile').length") == 4 == len(kept[0]["tiles"])
    assert "bits/pixel" in browser.run("document.querySelector('.tile').ariaLabel")
    path = saved(browser, tmp_path)
    request = DrawRequest(like=path, weights_dir=weights_dir, out=f"{tmp_path}/again/")
    (again,) = draw_to_files(request).pictures
    assert again.read_bytes() == path.read_bytes()


def test_again_is_the_same_and_stays_after_a_reload(browser) -> None:
    first = browser.run(f"{KEPT}[0].tiles")
    browser.run("all('article button').find((b) => b.textContent === 'Again').click()")
    browser.wait_for(f"{STATUS} === 'Drawn.' || {ERROR}")
    assert browser.run(f"{KEPT}.length") == 2
    assert browser.run(f"{KEPT}[0].tiles") == first
    reload(browser)
    assert browser.run("document.querySelectorAll('article').length") == 2
    browser.run("document.getElementById('surprise').click()")
    assert browser.run("document.querySelector('.tile canvas').hidden")
    assert not browser.run("document.querySelector('.tile img').hidden")
    browser.run("document.getElementById('surprise').click()")


def test_painting_by_keyboard_alone(browser, tmp_path) -> None:
    """What is painted is kept in the picture, and travels in its recipe; undo takes it back."""
    browser.run("document.querySelector('#swatches [tabindex=\"0\"]').focus()")
    before = browser.run("document.activeElement.title")
    browser.press("ArrowLeft")
    chosen = browser.run("document.activeElement.title")
    assert chosen != before and browser.run("document.activeElement.ariaChecked") == "true"
    browser.run("document.getElementById('painting').focus()")
    for key in (" ", "ArrowRight", " ", "ArrowDown", " "):
        browser.press(key)
    cursor = browser.run("document.getElementById('cursor').textContent")
    assert cursor == f"row 2, column 2: {chosen}"
    browser.press("z", control=True)
    assert not browser.run("document.getElementById('redo').disabled")
    draw(browser)
    recipe = read_recipe(saved(browser, tmp_path))
    assert recipe.prompts[0] is not None and recipe.mask is not None
    mask = recipe.mask.numbers(36, 2)  # type: ignore[union-attr]
    assert mask.tolist() == [0, 0] + [1] * 34
    reload(browser)
    assert not browser.run("document.getElementById('clear').disabled")
    browser.run("document.getElementById('clear').click()")
    assert browser.run("document.getElementById('clear').disabled")


def test_the_mouse_paints_and_more_like_this_keeps_the_upper_half(browser, tmp_path) -> None:
    browser.click("document.getElementById('painting')", at=0.9)
    assert not browser.run("document.getElementById('undo').disabled")
    browser.run("document.getElementById('error').textContent = ''")
    browser.run("all('article button').find((b) => b.textContent === 'More like this').click()")
    browser.wait_for(f"{STATUS} === 'Drawn.' || {ERROR}")
    assert browser.run(ERROR) == ""
    recipe = read_recipe(saved(browser, tmp_path))
    assert recipe.mask is not None
    assert recipe.mask.numbers(36, 2).tolist() == [0] * 18 + [1] * 18  # type: ignore[union-attr]
    browser.run("document.getElementById('clear').click()")


def test_a_picture_is_dropped_and_becomes_one_of_the_model(browser) -> None:
    """It has the model's size and colours, and what is marked of it is drawn anew."""
    browser.run("""(async () => {
      const canvas = new OffscreenCanvas(12, 12), pen = canvas.getContext("2d");
      for (const [at, colour] of [[0, "#fe0101"], [6, "#0101fe"]]) {
        pen.fillStyle = colour;
        pen.fillRect(at, 0, 6, 12);
      }
      const dropped = new DataTransfer();
      dropped.items.add(new File([await canvas.convertToBlob()], "a.png", {type: "image/png"}));
      document.dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, cancelable: true}));
    })()""")
    browser.wait_for(f"{STATUS}.startsWith('The picture is there')")
    colours, painted, redraw = browser.run("JSON.parse(sessionStorage['pixace.painting']).saved")
    pixels = [int(part) for part in colours.split(",")]
    assert painted == ",".join("1" * 36) and redraw == ",".join("0" * 36)
    assert pixels[:3] == [255, 0, 0] and pixels[-4:-1] == [0, 0, 255]
    browser.run("document.querySelector('[data-tool=redraw]').click()")
    browser.click("document.getElementById('painting')")
    draw(browser)
    assert browser.run(f"{KEPT}[0].order.mask") is not None
    browser.run("document.getElementById('clear').click()")


def test_files_are_saved(browser, page) -> None:
    browser.requests.clear()
    for name in ("Save PNG", "Collage", "Film"):
        browser.run(f"all('article button').find((b) => b.textContent === '{name}').click()")
    own = f"http://127.0.0.1:{page.place[1]}/"
    for path in ("collage", "film"):
        browser.wait_for(f"performance.getEntriesByName('{own}{path}').length")
    assert browser.run(ERROR) == ""


def test_stop(browser) -> None:
    for name, value in (("pictures", 16), ("best", 64)):
        browser.run(f"document.getElementById('{name}').value = {value}")
    n_kept = browser.run(f"{KEPT}.length")
    browser.run("document.getElementById('draw').click()")
    browser.wait_for("document.getElementById('progress').value > 0")
    browser.press("Escape")
    browser.wait_for(f"{STATUS} === 'Stopped.'")
    assert browser.run(f"{KEPT}.length") == n_kept
    browser.run("document.getElementById('draw').form.reset()")


def test_seamless_pictures_are_the_best_of_several(browser) -> None:
    for chosen, best in (("", "1"), ("xy", "16")):
        browser.run(f"document.getElementById('tile').value = '{chosen}'")
        browser.run("document.getElementById('tile').dispatchEvent(new Event('change'))")
        assert browser.run("document.getElementById('best').value") == best
    browser.run("document.getElementById('draw').form.reset()")


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_all_is_named_and_nothing_is_too_wide(browser, width: int) -> None:
    browser.resize(width, 900, dark=width == 800)
    assert browser.run(NAMELESS) == []
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    small = "all('button, select').filter((e) => e.offsetHeight && e.offsetHeight < 24).length"
    assert browser.run(small) == 0


def test_a_page_without_a_token_says_what_to_do(browser, page) -> None:
    browser.run("sessionStorage.clear()")
    browser.open(f"http://127.0.0.1:{page.place[1]}/?")
    assert "open the address" in browser.wait_for(ERROR)
    assert any("403" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
    assert json.dumps(browser.run(KEPT))
