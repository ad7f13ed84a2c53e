"""How a picture of any kind becomes one of the model's shape: what decides each of its pixels."""

from __future__ import annotations

import dataclasses
import math

from PIL import Image, ImageColor
from PIL.JpegImagePlugin import JpegImageFile

from pixace.pictures.exact import block_size, shrunk
from pixace.pictures.formats.orientation import lies_on_its_side
from pixace.pictures.formats.profiles import to_srgb
from pixace.pictures.metadata import is_drawn
from pixace.pictures.rgb import to_rgb, to_rgba
from pixace.settings.pictures import CROP, PAD, SQUASH, PictureSettings

# A JPEG is decoded at a half, a quarter or an eighth of its width and height, if that leaves so
# many times what is asked for. With less to spare, one sees in a photograph that it was done.
_SPARE = 8

_WHITE = 128  # least grey that is white in a mask


def fitted(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Makes a picture one that the model knows.

    What pixace has enlarged exactly comes back exactly. A photograph may be made of equal blocks,
    too, and is scaled as it has always been: what pixace has drawn carries its recipe. `unscale`
    asks for the same with all pictures.

    Args:
      img: a picture of any mode and size.
      pictures: shape, colours, background, and how other shapes become this one.

    Returns:
      RGB, or RGBA where pixels can be transparent, of the model's size.
    """
    plain = to_rgba(img) if pictures.alpha else to_rgb(img, pictures.background)
    small = shrunk(plain, pictures.size) if is_drawn(plain) else None
    if small is not None:
        return small
    if pictures.unscale and pictures.fit != SQUASH:
        plain = _unscaled(plain, pictures)
    if pictures.fit == CROP:
        plain = plain.crop(_part(plain.size, pictures))
    return _padded(_scaled(plain, pictures), pictures)


def fitted_mask(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Makes a mask of any size and mode cover the same parts of the model's picture as `fitted`.

    Each of its pixels stays what it is: it is scaled to the nearest.

    Args:
      img: white or transparent where something is.
      pictures: see `fitted`.

    Returns:
      Mode L, of the model's size: 255 where something is, 0 elsewhere, and in what pads a picture.
    """
    grey = to_rgb(img, "white").convert("L").point(lambda level: 255 if level >= _WHITE else 0)
    part = grey.crop(_part(grey.size, pictures))
    small = part.resize(_inner_size(part.size, pictures), Image.Resampling.NEAREST)
    whole = Image.new("L", pictures.size)
    whole.paste(small, ((whole.width - small.width) // 2, (whole.height - small.height) // 2))
    return whole


def _part(size: tuple[int, int], pictures: PictureSettings) -> tuple[int, int, int, int]:
    """Returns the box of what is seen of a picture: to crop, the largest one in the middle.

    It is of whole pixels, so that those of small pictures stay what they are.
    """
    width, height = size
    if pictures.fit == CROP and width * pictures.height > height * pictures.width:
        width = max(1, round(height * pictures.width / pictures.height))
    elif pictures.fit == CROP:
        height = max(1, round(width * pictures.height / pictures.width))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def _unscaled(plain: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Takes back what was made larger by whole blocks, until what is seen of it fits the model."""
    block = block_size(plain)
    for times in (times for times in range(1, block + 1) if block % times == 0):
        size = plain.width // times, plain.height // times
        left, top, right, bottom = _part(size, pictures)
        if right - left <= pictures.width and bottom - top <= pictures.height:
            return plain.resize(size, Image.Resampling.NEAREST)
    return plain


def _inner_size(size: tuple[int, int], pictures: PictureSettings) -> tuple[int, int]:
    """Returns what a picture is scaled to: the model's size, or to pad, as much as fits into it.

    Where no new colours must come, smaller pictures are then enlarged by a whole number.
    """
    if pictures.fit != PAD:
        return pictures.size
    times = min(pictures.width / size[0], pictures.height / size[1])
    if pictures.in_blocks and times > 1:
        times = int(times)
    return max(1, round(size[0] * times)), max(1, round(size[1] * times))


def _scaled(plain: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Scales a picture to its inner size with Pillow's default filter (bicubic).

    It premultiplies RGBA.

    Where no new colours must come, and the new edges are multiples of the old ones, each pixel
    becomes a block. What is made of so many blocks becomes one pixel of each, if that is wanted.
    """
    width, height = size = _inner_size(plain.size, pictures)
    small = shrunk(plain, size) if pictures.unscale else None
    if small is not None:
        return small
    if pictures.in_blocks and width % plain.width == height % plain.height == 0:
        return plain.resize(size, Image.Resampling.NEAREST)
    return plain.resize(size)


def _padded(plain: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Puts a picture in the middle of the background, if it is smaller than the model's.

    Where pixels can be transparent, the background is.
    """
    if plain.size == pictures.size:
        return plain
    colour = (0, 0, 0, 0) if pictures.alpha else ImageColor.getrgb(pictures.background)[:3]
    whole = Image.new(plain.mode, pictures.size, colour)
    whole.paste(plain, ((whole.width - plain.width) // 2, (whole.height - plain.height) // 2))
    whole.info = dict(plain.info)
    return whole


def drafted(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Scales a large JPEG for `fitted` without decoding all of it; returns others.

    Not one of inks, whose mean is no mean of colours, and not a lossless one, which has no tables
    of quantisation and which no decoder scales.

    Args:
      img: a picture that is not yet decoded.
      pictures: see `fitted`.
    """
    if not (isinstance(img, JpegImageFile) and img.mode in ("RGB", "L") and img.quantization):
        return img
    if lies_on_its_side(img):
        height, width = pictures.size
        pictures = dataclasses.replace(pictures, height=height, width=width)
    whole, size = img.size, _inner_size(img.size, pictures)
    left, top, right, bottom = _part(whole, pictures)
    # So much of the part that is seen, and with it of the whole.
    wide = math.ceil(_SPARE * size[0] * whole[0] / (right - left))
    high = math.ceil(_SPARE * size[1] * whole[1] / (bottom - top))
    draft = img.draft(None, (wide, high))
    if draft is None or img.size == whole:
        return img
    # The box leaves out what only fills up the last blocks of a row and a column.
    times = whole[0] / draft[1][2]
    box = (left / times, top / times, right / times, bottom / times)
    rgb = to_srgb(img).convert("RGB")
    if pictures.fit == CROP:  # or what is cut off would shine into what is left
        outer = (int(box[0]), int(box[1]), math.ceil(box[2]), math.ceil(box[3]))
        rgb = rgb.crop(outer)
        box = (box[0] - outer[0], box[1] - outer[1], box[2] - outer[0], box[3] - outer[1])
    return rgb.resize(size, box=box)
