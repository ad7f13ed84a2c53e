"""How a picture of any kind becomes one of the model's shape: what decides each of its pixels."""

from __future__ import annotations

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pixace.pictures.exact import shrunk
from pixace.pictures.metadata import is_drawn
from pixace.pictures.rgb import to_rgb, to_rgba
from pixace.settings.pictures import PictureSettings

# A JPEG is decoded at a half, a quarter or an eighth of its width and height, if that leaves so
# many times what is asked for. With less to spare, one sees in a photograph that it was done.
_SPARE = 8


def fitted(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Makes a picture one that the model knows.

    What pixace has enlarged exactly comes back exactly. A photograph may be made of equal blocks,
    too, and is scaled as it has always been: what pixace has drawn carries its recipe. `unscale`
    asks for the same with all pictures.

    Args:
      img: a picture of any mode and size.
      pictures: shape, colours and background.

    Returns:
      RGB, or RGBA where pixels can be transparent, of the model's size.
    """
    plain = to_rgba(img) if pictures.alpha else to_rgb(img, pictures.background)
    small = shrunk(plain, pictures.size) if is_drawn(plain) else None
    return _scaled(plain, pictures) if small is None else small


def _scaled(plain: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Scales a picture with Pillow's default filter (bicubic), which premultiplies RGBA.

    Where no new colours must come, and the new edges are multiples of the old ones, each pixel
    becomes a block. What is made of so many blocks becomes one pixel of each, if that is wanted.
    """
    width, height = pictures.size
    small = shrunk(plain, pictures.size) if pictures.unscale else None
    if small is not None:
        return small
    if pictures.in_blocks and width % plain.width == height % plain.height == 0:
        return plain.resize(pictures.size, Image.Resampling.NEAREST)
    return plain.resize(pictures.size)


def drafted(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Scales a large JPEG for `fitted` without decoding all of it; returns others.

    Not one of inks, whose mean is no mean of colours, and not a lossless one, which has no tables
    of quantisation and which no decoder scales.

    Args:
      img: a picture that is not yet decoded.
      pictures: shape, colours and background.
    """
    if not (isinstance(img, JpegImageFile) and img.mode in ("RGB", "L") and img.quantization):
        return img
    whole, (width, height) = img.size, pictures.size
    draft = img.draft(None, (width * _SPARE, height * _SPARE))
    if draft is None or img.size == whole:
        return img
    # The box leaves out what only fills up the last blocks of a row and a column.
    return img.convert("RGB").resize(pictures.size, box=draft[1])
