"""One HTML page about a trained model, which needs nothing but itself: no network, no script."""

from __future__ import annotations

import base64
import html
import io
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from pixace.checkpoints.folder import picture_path, picture_steps
from pixace.checkpoints.record import TrainingRecord
from pixace.errors import ImageError
from pixace.insight.plots import plot_curves
from pixace.pictures.reading import open_image
from pixace.settings.pictures import BACKGROUND
from pixace.wording import spell

_log = logging.getLogger(__name__)

MAX_SHEETS = 12  # of a kind: a long training has drawn thousands

_MAX_EDGE = 2048  # pixels of a sheet; those of a training are smaller

_SHEETS = {
    "samples": ("Samples", "New pictures after an epoch, with the same noise every time."),
    "completions": (
        "Completions",
        "Validation pictures, the upper halves that the model was given, and what it drew.",
    ),
}
_CAPTIONED = "New pictures for captions of validation images, with the same noise every time."

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
 padding: 0 1rem; }}
h1, td, li {{ overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; }}
th {{ text-align: left; font-weight: normal; opacity: 0.7; padding-right: 2rem; }}
th, td {{ vertical-align: top; }}
.sheets {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr));
 gap: 1rem; }}
#captioned .sheets {{ grid-template-columns: repeat(auto-fill, minmax(min(32rem, 100%), 1fr)); }}
.tables {{ display: flex; flex-wrap: wrap; gap: 1rem 4rem; }}
figure {{ margin: 0; }}
img {{ max-width: 100%; border-radius: 4px; image-rendering: pixelated; }}
#captioned img {{ image-rendering: auto; }}
</style>
</head>
<body>
<h1>{title}</h1>
{sections}
</body>
</html>
"""


def report(name: str, record: TrainingRecord, folder: Path) -> str:
    """Writes a page about a model: figures, curves, pictures by step, words, settings.

    Args:
      name: of the model.
      record: what its checkpoint tells.
      folder: the model's folder, whose `pictures` are shown, up to MAX_SHEETS of a kind; one that
        cannot be read is named in the log and left out.

    Returns:
      HTML with all pictures inside. What is not known is said to be so.
    """
    sections = [
        _section("Figures", _table(_figures(record))),
        _section("Curves", _curves(name, record)),
        *(
            _section(title, _sheets(folder, kind, record, explanation))
            for kind, (title, explanation) in _SHEETS.items()
        ),
        *_words(record, folder),
        _section("Settings", _settings(record)),
    ]
    return _PAGE.format(title=html.escape(name), sections="\n".join(sections))


def _figures(record: TrainingRecord) -> dict[str, str]:
    """Returns the figures of a training by what they mean."""
    figures = {"training steps": f"{record.step:,}", "weights": f"{record.n_weights:,}"}
    kind = "held-out" if record.held_out else record.validation
    if record.val:
        best, step = min((value, step) for step, value in record.val)
        last_step, last = record.val[-1]
        figures[f"{kind}, last"] = f"{last:.3f} bits per pixel (step {last_step:,})"
        figures[f"{kind}, best"] = f"{best:.3f} bits per pixel (step {step:,})"
    else:
        figures["held-out"] = "not measured; see: pixace evaluate"
    speed = record.images_per_second
    figures["speed of training"] = f"{speed:,.1f} images per second" if speed else "not measured"
    return figures


def _curves(name: str, record: TrainingRecord) -> str:
    if not (record.train or record.val):
        return "<p>None: this model was not trained to the end of an epoch.</p>"
    return _image("image/svg+xml", plot_curves({name: record}, "svg"), "training and validation")


def _sheets(folder: Path, kind: str, record: TrainingRecord, explanation: str) -> str:
    """Returns the sheets of a kind from the first epoch to the last, at even distances."""
    # A training that went back may have left later ones behind.
    steps = [step for step in picture_steps(folder, kind) if step <= record.step]
    background = BACKGROUND if record.config is None else record.config.background
    figures = []
    for step in _spread(steps):
        path = picture_path(folder, kind, step)
        try:
            sheet = open_image(path, background)
        except ImageError as error:
            _log.warning("left out a picture: %s", error)
            continue
        buffer = io.BytesIO()
        sheet.thumbnail((_MAX_EDGE, _MAX_EDGE))
        sheet.save(buffer, "WEBP", quality=90)  # a tenth of the PNG
        image = _image("image/webp", buffer.getvalue(), f"{kind} at step {step}")
        figures.append(f"<figure>{image}<figcaption>step {step:,}</figcaption></figure>")
    if not figures:
        return "<p>There are none in this model's folder.</p>"
    return f'<p>{explanation}</p>\n<div class="sheets">{"".join(figures)}</div>'


def _words(record: TrainingRecord, folder: Path) -> list[str]:
    """Returns the sections about the words of a model, none where it knows no words."""
    if record.config is None or record.config.caption_length is None:
        return []
    known = record.words.listed()
    return [
        _section("Captioned", _sheets(folder, "captioned", record, _CAPTIONED)),
        _section("Words", _table(known) if known else "<p>None are stored with this model.</p>"),
    ]


def _spread(steps: list[int]) -> Iterable[int]:
    """Returns at most MAX_SHEETS steps, with the first and the last one."""
    if len(steps) <= MAX_SHEETS:
        return steps
    return [steps[round(i * (len(steps) - 1) / (MAX_SHEETS - 1))] for i in range(MAX_SHEETS)]


def _settings(record: TrainingRecord) -> str:
    tables = []
    if record.config is not None:
        names = record.config.to_dict()
        model = {name: spell(getattr(record.config, name)) for name in names}
        tables.append(f"<div><h3>Model</h3>{_table(model)}</div>")
    if record.settings:
        tables.append(f"<div><h3>Training</h3>{_table(record.settings)}</div>")
    if not tables:
        return "<p>None are stored with this model.</p>"
    return f'<div class="tables">{"".join(tables)}</div>'


def _section(title: str, content: str) -> str:
    return f'<section id="{title.lower()}">\n<h2>{title}</h2>\n{content}\n</section>'


def _table(values: Mapping[str, str]) -> str:
    rows = (
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _image(kind: str, data: bytes, description: str) -> str:
    text = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(description)}" src="data:{kind};base64,{text}">'
