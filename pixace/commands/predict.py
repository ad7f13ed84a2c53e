"""`pixace predict`."""

from __future__ import annotations

import contextlib
import json
import logging
import sys

from absl import flags

from pixace.commands.bar import progress_bar
from pixace.commands.flags import (
    define_picture_file_flag,
    define_settings,
    define_switches,
    define_texts,
    define_weights_flags,
    numbers,
    typed_settings,
)
from pixace.commands.preview import can_preview, live_pictures, show_pictures
from pixace.drawing.known_words import known_lines
from pixace.drawing.meanings import QUALITIES
from pixace.drawing.recipe import USED_FILES
from pixace.drawing.request import DrawnFiles, DrawRequest, draw_to_files, known_words
from pixace.drawing.texts_file import read_texts
from pixace.errors import UsageError
from pixace.settings.drawing import SAID, DrawingSettings
from pixace.settings.fields import settings_of
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path, optional_path
from pixace.settings.reading import ReadingSettings
from pixace.system.results import refuse_to_replace
from pixace.wording import shown

_log = logging.getLogger(__name__)

_ASKING = ["?"]  # as the only text: what does the model know?
_AUTO = "auto"


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_weights_flags(values)
    flags.DEFINE_list(
        "prompt",
        [],
        "Image files or URLs to complete, separated by commas; a name that holds a comma goes "
        "into double quotes: --prompt='\"a,b.png\",c.png'.",
        flag_values=values,
    )
    define_texts(
        values,
        mask="Picture that says which parts of prompts to draw: white or transparent there, and "
        "black where they are kept. Any size: it is scaled to the nearest pixel.",
        init="Rough sketch that every picture follows by its colours, as much as --init_strength "
        "says. Any size; transparent parts are background.",
        overlay="Picture that is kept in all of them: its opaque pixels, over those of a --prompt "
        "or without one. Transparent ones are drawn.",
    )
    flags.DEFINE_enum(
        "quality",
        None,
        list(QUALITIES),
        "Candidates of each picture, as many as --best_of of 1 (draft), 4 (normal), 8 (better) or "
        "16 (best) draws. Words judge them, or kept pixels after drawn ones: one must be there.",
        flag_values=values,
    )
    define_switches(
        values,
        allow_private_urls="Fetch prompts also from this machine and its own network, not only "
        "from the internet.",
    )
    abouts = {about.name: about for about in settings_of(DrawingSettings)}
    define_settings(values, DrawingSettings, abouts.keys() - SAID.keys() - {"seed"})
    define_texts(values, seed=abouts["seed"].full_help)  # a number, or words
    for name, flag in SAID.items():
        flags.DEFINE_multi_string(flag, None, abouts[name].full_help, flag_values=values)
    define_texts(
        values, texts="File of texts to draw, one in each line, in the place of several --text."
    )
    flags.DEFINE_alias("n_images", "batch_size", flag_values=values)
    _define_output_flags(values)
    define_settings(values, ModelConfig)


def _define_output_flags(values: flags.FlagValues) -> None:
    """Registers the flags that say what becomes of the pictures."""
    define_picture_file_flag(
        values,
        "collage.png",
        "or folder/: each result as a PNG of its own, in native size, such as folder/001-1.png.",
    )
    define_texts(
        values,
        sheet="Sheet of all results side by side: sheet.png, with sheet.json beside it as Aseprite "
        "writes it, or sheet.tsj for Tiled, with sheet.png beside it. Without --out, no collage is "
        "written then.",
        like="Draw as this file was drawn, a collage, film, sheet or single picture of pixace: it "
        "carries its recipe inside, unless it is a BMP. Flags given beside this one win over the "
        "recipe. Prompts that were fetched from the web must be named again.",
        film="Show also how the collage appears, pixel by pixel, in this animated .gif.",
        nearest="Folder of training images: show the one that is nearest to each picture drawn, "
        "at the right, and tell how near it is. Its images become pictures as --grid, --frames and "
        "--unscale say, as in train.",
        cache_dir="For --nearest: the folder that keeps images' tokens, as in train.",
    )
    define_settings(values, ReadingSettings, ("grid", "frames"))
    flags.DEFINE_enum(
        "drafts",
        _AUTO,
        [_AUTO, "off"],
        "Whether to guess pixels, and to draw as many in a call of the model as are guessed right, "
        "where that is faster; off draws one pixel a call. The pictures are the same.",
        flag_values=values,
    )
    define_switches(
        values,
        preview="Show the pictures in the terminal while they are drawn, and leave them there.",
        json="Print the recipe and the likelihood of every picture as JSON, instead of the path.",
    )


def run(values: flags.FlagValues) -> None:
    """Draws as the flags say, and prints the path of the collage, the folder or the sheet.

    Where words are asked for, prints those that the model knows instead.
    """
    request = _request(values)
    asking = [flag for name, flag in SAID.items() if request.drawing.get(name) == _ASKING]
    if asking:
        _list_words(request, asking[0], as_json=values["json"].value)
        return
    drawn = _drawn(request, values["preview"].value and can_preview(sys.stderr))
    print(json.dumps(drawn.to_dict()) if values["json"].value else shown(drawn.path))


def _drawn(request: DrawRequest, is_shown: bool) -> DrawnFiles:
    """Draws, and shows on a terminal how far that is, or the pictures themselves."""
    if not is_shown:
        with progress_bar("px", "drawing") as progress:
            return draw_to_files(request, progress)
    with live_pictures() as watch:
        drawn = draw_to_files(request, watch=watch)
    show_pictures(drawn.drawing.results())
    return drawn


def _list_words(request: DrawRequest, flag: str, as_json: bool) -> None:
    """Prints what a model knows of words, in the place of drawing.

    Args:
      request: names the model, and else nothing.
      flag: which asks.
      as_json: whether to print all of it as JSON.

    Raises:
      UsageError: it names something to draw, too.
    """
    written = ("prompts", "out", "sheet", "film", "nearest")
    others = [name for name in written if getattr(request, name) is not None]
    others += [SAID.get(name, name) for name in request.drawing if SAID.get(name) != flag]
    if others:
        raise UsageError(f'{flag}="?" lists words and draws nothing; leave {others[0]} out')
    known = known_words(request)
    if as_json:
        print(json.dumps({"classes": known.classes, "words": dict(known.words)}))
    else:
        print("\n".join(known_lines(known)))


def _request(values: flags.FlagValues) -> DrawRequest:
    """Returns what the flags ask for; a flag that was not typed asks for nothing.

    Raises:
      UsageError: a flag's words are no value.
    """
    names = {setting.name: setting.name for setting in settings_of(DrawingSettings)} | SAID
    drawing = {name: values[f].value for name, f in names.items() if values[f].present}
    if values["quality"].present:
        drawing["quality"] = values["quality"].value
    if "scale" in drawing:
        with contextlib.suppress(ValueError):  # such as 4x, or wrong, which the settings tell
            drawing["scale"] = int(drawing["scale"])
    for name in {"temperature", "guidance"} & {*drawing}:
        drawing[name] = numbers(name, drawing[name], float)
    for name, flag in SAID.items():
        if drawing.get(name) == [""]:  # where a recipe names some
            drawing[name] = []
            if values["like"].value is None:
                _log.warning("flag --%s= is empty: drawn without words", flag)
    if values["texts"].value is not None:
        if "text" in drawing:
            raise UsageError("text and texts exclude each other; name one of them")
        texts = local_path("texts", values["texts"].value)
        outputs = {name: optional_path(name, values[name].value) for name in ("out", "film")}
        refuse_to_replace(outputs, [("the file of --texts", texts)])
        drawing["text"] = read_texts(texts)
    for name in ("palette", "sweep"):
        if drawing.get(name) == "":  # where a recipe names one
            drawing[name] = None
    prompts = values["prompt"].value if values["prompt"].present else None
    if prompts == []:
        raise UsageError("flag --prompt= is empty; name an image file or a URL")
    plain = ("model_name", "weights_dir", "checkpoint", *USED_FILES, "allow_private_urls")
    others = ("like", "film", "sheet", "nearest", "cache_dir", "grid", "frames")
    return DrawRequest(
        settings=typed_settings(values),
        drawing=drawing,
        prompts=prompts,
        out=values["out"].value if values["out"].present else None,
        drafts=values["drafts"].value == _AUTO,
        **{name: values[name].value for name in (*plain, *others)},
    )
