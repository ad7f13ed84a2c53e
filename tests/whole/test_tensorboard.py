"""What a training shows in TensorBoard: the real page, in a real browser."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.browser import Browser, require_browser, wait_until

TITLES = "all('metrics-card-group-toolbar .group-title')"  # of the rows of cards


@pytest.fixture
def address(weights_dir, tmp_path) -> Iterator[str]:
    """Where TensorBoard shows two trained models."""
    require_browser()
    log = tmp_path / "log"
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", weights_dir, "--port=0"],
            stderr=file,
            stdout=file,
        )
    try:
        address = wait_until(lambda: _address(log, process), "TensorBoard")
        # A page that is opened before all files are read looks again only half a minute later.
        wait_until(lambda: len(_runs(address)) == 4, "the curves of two models")
        yield address
    finally:
        process.terminate()
        process.wait()


def _address(log: Path, process: subprocess.Popen) -> str | None:
    assert process.poll() is None, log.read_text()
    found = re.search(r"http://\S+:\d+/", log.read_text())
    return found and found[0]


def _runs(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}data/runs") as answer:
        return json.load(answer)


def test_what_tensorboard_shows(address):
    """One test: TensorBoard takes ten seconds to start."""
    with Browser() as page:
        page.open(address)
        look_at_curves(page)
        look_at_pictures(page)
        page.open(f"{address}?#text")
        look_at_settings(page)
        assert not page.complaints


def look_at_curves(page: Browser) -> None:
    """One card for each kind of curve, in which training and validation of all models lie."""
    page.wait_for(f"{TITLES}.length == 6")
    assert page.run(f"{TITLES}.map((title) => title.innerText.trim())") == [
        "bits_per_pixel",
        "completions",
        "images_per_second",
        "learning_rate",
        "nats_per_pixel",
        "samples",
    ]
    card = "all('scalar-card-component')[0]"
    page.wait_for(f"{card}?.querySelectorAll('tb-data-table-content-row').length == 4")
    shown = page.run(f"{card}.innerText")
    assert shown.startswith("bits_per_pixel")
    for run in ("transformer/train", "transformer/val", "reformer/train", "reformer/val"):
        assert run in shown


def look_at_pictures(page: Browser) -> None:
    """One row for each kind, where each model has a picture that the slider leads through."""
    for kind in ("completions", "samples"):
        cards = f"all('image-card-component').filter((e) => e.innerText.startsWith('{kind}'))"
        if not page.run(f"{cards}.length"):
            page.click(f"{TITLES}.find((title) => title.innerText.trim() == '{kind}')")
        page.wait_for(f"{cards}.length == 2")
        card = f"{cards}[0]"
        page.run(f"{card}.scrollIntoView({{block: 'center'}})")
        picture = f"{card}.querySelector('img')"
        last = page.wait_for(f"{picture}?.naturalWidth && {picture}.src")
        assert page.run(f"{picture}.naturalWidth / 4") == 128
        # TensorBoard scales a picture to its card: four abreast stay large enough to see.
        assert page.run(f"{picture}.width / 4") > 40
        assert "Step 6" in page.run(f"{card}.innerText")
        page.click(f"{card}.querySelector('.step-slider input')", at=0.05)
        page.wait_for(f"{card}.innerText.includes('Step 3')")
        page.wait_for(f"{picture}?.src != '{last}' && {picture}.naturalWidth")


def look_at_settings(page: Browser) -> None:
    """The hyper-parameters are a table."""
    table = "all('table').find((e) => e.innerText.startsWith('setting'))"
    text = page.wait_for(f"{table}?.innerText")
    settings = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    assert settings["bitdepth"] == "2,1,2"
    assert settings["batch_size"] == "4"
    assert settings["images"].endswith("/train")
