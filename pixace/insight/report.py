"""One HTML page about a trained model, which needs nothing but itself: no network, no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from pixace.checkpoints.record import TrainingRecord
from pixace.insight.plots import plot_curves
from pixace.insight.sheets import Sheet, sheets
from pixace.pages.style import style
from pixace.wording import spell

_KINDS = {
    "samples": ("Samples", "New pictures, with the same noise after every epoch."),
    "completions": (
        "Completions",
        "From above: validation pictures, what the model was given of them, and two completions.",
    ),
    "captioned": (
        "Captioned",
        "New pictures for captions of validation images, with the same noise after every epoch.",
    ),
}
_WIDE, _NARROW = (9, 4.5), (4.5, 4)  # inches of the curves; a telephone would make letters tiny

_STYLE = """
.newest, .earlier { display: grid; gap: 1.5rem var(--gap); }
.newest { grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.earlier { grid-template-columns: repeat(auto-fill, minmax(min(14rem, 45%), 1fr)); }
.newest h3 { margin-top: 0; }
/* The largest whole number of times that fits; between the pictures there is nothing. */
.exact {
  image-rendering: pixelated;
  width: var(--unit);
  width: max(var(--unit), round(down, 100%, var(--unit)));
}
.tables { display: grid; gap: var(--gap) 3rem;
  grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
/* The plot is black on white. */
@media (prefers-color-scheme: dark) {
  .plot { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
{sections}
</body>
</html>
"""


def report(name: str, record: TrainingRecord, folder: Path) -> str:
    """Writes a page about a model: its newest pictures, figures, curves, earlier ones, settings.

    Args:
      name: of the model.
      record: what its checkpoint tells.
      folder: the model's folder, whose `pictures` are shown, up to `sheets.MAX_SHEETS` of a kind;
        one that cannot be read is named in the log and left out.

    Returns:
      HTML with all pictures inside. What is not known is said to be so.
    """
    found = {kind: sheets(folder, kind, record.step, record.config) for kind in _kinds(record)}
    sections = [
        _section("Pictures", _newest(found)),
        _section("Figures", _table(_figures(record))),
        _section("Curves", _curves(name, record)),
        *_earlier(found),
        *_words(record),
        _section("Settings", _settings(record)),
    ]
    return _PAGE.format(
        title=html.escape(name), style=style() + _STYLE, sections="\n".join(sections)
    )


def _kinds(record: TrainingRecord) -> list[str]:
    """Returns the kinds of pictures that a model draws while it learns."""
    return [kind for kind in _KINDS if kind != "captioned" or _knows_words(record)]


def _knows_words(record: TrainingRecord) -> bool:
    return record.config is not None and record.config.caption_length is not None


def _newest(found: Mapping[str, Sequence[Sheet]]) -> str:
    """Returns the last sheet of each kind, large."""
    parts = []
    for kind, (newest, *_) in ((kind, some) for kind, some in found.items() if some):
        title, explanation = _KINDS[kind]
        parts.append(f"<div><h3>{title}</h3>{_figure(kind, newest, f'. {explanation}')}</div>")
    if not parts:
        return "<p>There are none in this model's folder.</p>"
    return f'<div class="newest">{"".join(parts)}</div>'


def _earlier(found: Mapping[str, Sequence[Sheet]]) -> list[str]:
    """Returns the section of the other sheets; none where there are none."""
    parts = []
    for kind, some in found.items():
        if figures := "".join(_figure(kind, sheet) for sheet in some[1:]):
            parts.append(f'<h3>{_KINDS[kind][0]}</h3>\n<div class="earlier">{figures}</div>')
    return [_section("Earlier pictures", "\n".join(parts))] if parts else []


def _figure(kind: str, sheet: Sheet, explanation: str = "") -> str:
    """Returns a sheet and what it is."""
    exact = "" if sheet.unit is None else f'class="exact" style="--unit:{sheet.unit}px"'
    image = _image(sheet.kind, sheet.data, f"{kind} at step {sheet.step}", exact)
    return f"<figure>{image}<figcaption>Step {sheet.step:,}{explanation}</figcaption></figure>"


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
    if not (record.training or record.val):
        return "<p>None: this model was not trained long enough.</p>"
    wide, narrow = (plot_curves({name: record}, "svg", size) for size in (_WIDE, _NARROW))
    image = _image("image/svg+xml", wide, "training and validation", 'class="plot"')
    source = f'<source media="(max-width: 40rem)" srcset="{_address("image/svg+xml", narrow)}">'
    return f"<picture>{source}{image}</picture>"


def _words(record: TrainingRecord) -> list[str]:
    """Returns the section about the words of a model, none where it knows no words."""
    if not _knows_words(record):
        return []
    known = record.words.listed()
    return [
        _section("Words", _table(known) if known else "<p>None are stored with this model.</p>")
    ]


def _settings(record: TrainingRecord) -> str:
    tables = []
    if record.config is not None:
        values = {name: getattr(record.config, name) for name in record.config.to_dict()}
        model = {name: spell(value) for name, value in values.items() if value is not None}
        tables.append(f"<div><h3>Model</h3>{_table(model)}</div>")
    if record.settings:
        named = {name: value for name, value in record.settings.items() if value != spell(None)}
        tables.append(f"<div><h3>Training</h3>{_table(named)}</div>")
    if not tables:
        return "<p>None are stored with this model.</p>"
    return f'<div class="tables">{"".join(tables)}</div>'


def _section(title: str, content: str) -> str:
    return (
        f'<section id="{title.lower().replace(" ", "-")}">\n<h2>{title}</h2>\n{content}\n</section>'
    )


def _table(values: Mapping[str, str]) -> str:
    rows = (
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _image(kind: str, data: bytes, description: str, attributes: str) -> str:
    return f'<img alt="{html.escape(description)}" {attributes} src="{_address(kind, data)}">'


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
