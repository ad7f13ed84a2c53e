import numpy as np
from PIL import Image

from pixace.dataset.contact_sheet import contact_sheet, sheet_size
from pixace.pictures.folder import find_images
from pixace.settings.pictures import PictureSettings


def test_each_picture_is_beside_its_tokens(tmp_path):
    colours = ["red", "#405060", "white", "lime", "blue"]
    for number, colour in enumerate(colours):
        Image.new("RGB", (10 + number, 7), colour).save(tmp_path / f"{number}.png")
    black_and_white = PictureSettings(4, 4, "hsv:0,0,1")
    sheet = contact_sheet(find_images(tmp_path), black_and_white)
    assert sheet.size == sheet_size(5) == (800, 200)
    centres = np.asarray(sheet)[50::100, 50::100]
    white, black = [255] * 3, [0] * 3
    assert centres[0, :4].tolist() == [[255, 0, 0], white, [0x40, 0x50, 0x60], black]
    assert centres[1].tolist() == [[0, 0, 255], white, *[black] * 6]


def test_oblong_pictures_keep_their_shape(tmp_path):
    Image.new("RGB", (40, 10), "red").save(tmp_path / "a.png")
    pictures = PictureSettings(4, 8, "hsv:5,4,4", background="white", fit="pad")
    sheet = np.asarray(contact_sheet(find_images(tmp_path), pictures))
    assert sheet.shape == (100, 200, 3)
    red, white, black = [255, 0, 0], [255, 255, 255], [0, 0, 0]
    for centre in (50, 150):
        assert sheet[50, centre].tolist() == red
        assert sheet[30, centre].tolist() == sheet[70, centre].tolist() == white
        assert sheet[20, centre].tolist() == sheet[80, centre].tolist() == black


def test_a_single_picture(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    sheet = contact_sheet(find_images(tmp_path), PictureSettings(4, 4, "hsv:5,4,4"))
    assert sheet.size == sheet_size(1) == (200, 100)


def test_transparency_is_shown(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 127)).save(tmp_path / "a.png")
    pictures = PictureSettings(4, 4, "hsv:5,4,4", "white", alpha=True)
    sheet = contact_sheet(find_images(tmp_path), pictures)
    assert sheet.getpixel((50, 50)) == (255, 0, 0, 127)
    assert sheet.getpixel((150, 50)) == (0, 0, 0, 0)
