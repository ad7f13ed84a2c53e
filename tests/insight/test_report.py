"""The page about a model, opened in a real browser from the disk."""

import dataclasses
import html
import shutil

from PIL import Image

from pixace.checkpoints.bundled import ready_folder
from pixace.checkpoints.record import read_record
from pixace.checkpoints.words import WordsRecord
from pixace.cli import main
from pixace.insight.report import report
from tests.tools.browser import Browser

SECTIONS = ["Pictures", "Figures", "Curves", "Settings"]
WITH_EARLIER = [*SECTIONS[:3], "Earlier pictures", "Settings"]
HOSTILE = """<img src="x" onerror="document.title='owned'"> & 'quotes'"""


def look(page: Browser, path, sections=SECTIONS) -> dict[str, str]:
    """Opens a page, checks what holds for all of them, returns each section's text."""
    page.open(path.as_uri())
    assert page.run("[...document.querySelectorAll('h2')].map((e) => e.innerText)") == sections
    for number in range(page.run("document.images.length")):
        page.wait_for(f"document.images[{number}].complete")
        assert page.run(f"document.images[{number}].naturalWidth") > 0, number
    assert page.run("[...document.images].every((image) => image.src.startsWith('data:'))")
    assert [url for url in page.requests if not url.startswith("data:")] == [path.as_uri()]
    assert not page.complaints
    page.requests.clear()
    parts = page.run("[...document.querySelectorAll('section')].map((e) => e.innerText)")
    return dict(zip(sections, parts, strict=True))


def test_pages_in_the_browser(weights_dir, tmp_path):
    """A trained model, one with a hostile name and damaged pictures, one without any pictures."""
    hostile = tmp_path / "<b>&amp;"
    shutil.copytree(weights_dir / "reformer", hostile)
    (hostile / "pictures" / "samples-00003.png").write_bytes(b"damaged")
    for name, folder in (("transformer", weights_dir), ("<b>&amp;", tmp_path), ("emoji", tmp_path)):
        out = tmp_path / f"{'hostile' if '<' in name else name}.html"
        assert (
            main(["report", f"--model_name={name}", f"--weights_dir={folder}", f"--out={out}"]) == 0
        )
    with Browser() as page:
        parts = look(page, tmp_path / "transformer.html", WITH_EARLIER)
        assert page.run("document.images.length") == 5
        assert "training steps\t6" in parts["Figures"]
        assert "held-out, last" in parts["Figures"]
        assert "bits per pixel (step 6)" in parts["Figures"]
        assert "images per second" in parts["Figures"]
        for section, step in (("Pictures", 6), ("Earlier pictures", 3)):
            for title in ("Samples", "Completions"):
                assert title in parts[section]
            assert parts[section].count("Step") == parts[section].count(f"Step {step}") == 2
        assert "image_size\t6" in parts["Settings"]
        assert "batch_size\t4" in parts["Settings"]
        assert "None" not in parts["Settings"], "what is not set"

        parts = look(page, tmp_path / "hostile.html", WITH_EARLIER)
        assert page.run("document.querySelector('h1').innerText") == "<b>&amp;"
        assert page.run("document.title") == "<b>&amp;"
        assert "Samples" not in parts["Earlier pictures"]
        assert page.run("document.images.length") == 4

        parts = look(page, tmp_path / "emoji.html")
        assert "none" in parts["Pictures"]
        assert "not measured" in parts["Figures"]

        record = read_record(weights_dir / "transformer" / "model.pkl.gz")
        record = dataclasses.replace(record, settings={HOSTILE: HOSTILE})
        (tmp_path / "owned.html").write_text(report(HOSTILE, record, tmp_path / "nowhere"))
        parts = look(page, tmp_path / "owned.html")
        assert page.run("document.title") == HOSTILE
        assert f"{HOSTILE}\t{HOSTILE}" in parts["Settings"]


def test_a_model_that_tells_nothing():
    record = dataclasses.replace(
        read_record(ready_folder("emoji") / "model.pkl.gz"),
        config=None,
        settings={},
        train=[],
        within=[],
        val=[],
    )
    page = report("bare", record, ready_folder("emoji"))
    assert "not trained long enough" in page
    assert "pixace evaluate" in page
    assert "None are stored with this model" in page


def test_validation_on_the_training_images_is_called_so(weights_dir):
    record = read_record(weights_dir / "transformer" / "model.pkl.gz")
    page = report("m", dataclasses.replace(record, held_out=False), weights_dir / "transformer")
    assert "validation (on the training images), last" in page
    assert "held-out" not in page


def test_pictures_are_exact_blocks_at_any_width(weights_dir, tmp_path):
    """And nothing is wider than the page."""
    record = read_record(weights_dir / "reformer" / "model.pkl.gz")
    out = tmp_path / "report.html"
    out.write_text(report("m" * 200, record, weights_dir / "reformer"))
    with Browser() as page:
        look(page, out, WITH_EARLIER)
        for width in (360, 800, 1333):
            page.run(f"document.body.style.width = '{width}px'")
            boxes = "[...document.querySelectorAll('.exact')].map((e) => [e.width, e.height])"
            for (seen_width, seen_height), n_rows in zip(
                page.run(boxes), (2, 4, 2, 4), strict=True
            ):
                times, rest = divmod(seen_width, 4 * 6 + 3)
                assert rest == 0 and times >= 4
                assert seen_height == times * (n_rows * 7 - 1)
            assert page.run("document.body.scrollWidth <= document.body.clientWidth"), width


def test_a_model_that_knows_words_tells_of_them(weights_dir, tmp_path):
    plain = read_record(weights_dir / "transformer" / "model.pkl.gz")
    assert "<h2>Words</h2>" not in report("m", plain, tmp_path)

    config = dataclasses.replace(plain.config, caption_length=8)
    record = dataclasses.replace(plain, config=config)
    page = report("m", record, tmp_path)
    assert "<h2>Words</h2>\n<p>None are stored with this model.</p>" in page

    words = WordsRecord((HOSTILE, "frog\n\x1b[2J"), (("<script>", 3), ("red", 2), ("x" * 999, 1)))
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "pictures" / "captioned-00003.png")
    page = report("m", dataclasses.replace(record, words=words), tmp_path)
    assert page.count("<figure>") == 1
    assert "<h3>Captioned</h3>" in page
    assert 'alt="captioned at step 3"' in page
    assert f"<td>{html.escape(HOSTILE)}, frog\\n\\x1b[2J</td>" in page
    assert f"<th>commonest of 3 words</th><td>&lt;script&gt; (3), red (2), {'x' * 100} (1)<" in page
    assert HOSTILE not in page and "<script>" not in page


def test_wrong_usage_is_one_line(weights_dir, capsys):
    assert main(["report", f"--weights_dir={weights_dir}", "--model_name=reformer", "--out=x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "out must end in .html" in line
