"""Reading image files: pixels, depth, alpha, palettes, frames, limits."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PilImage
from PIL import ImageFile

from medtorch import data
from medtorch.errors import ArgumentError, ConfigError, DataError, UnsupportedError
from tests.data.files import exif_block, interlaced_png, png, png_chunk, png_of, tiff

pytestmark = pytest.mark.requirement("REQ-F-DAT-001", "REQ-F-DAT-002")

GREY = np.array([[0, 10, 20], [30, 40, 255]], np.uint8)
COLOUR = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14


def saved(image, kind: str, **arguments) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **arguments)
    return stream.getvalue()


def test_grey_png_gives_its_pixels_with_a_channel_axis():
    image = data.read(png_of(GREY))
    assert image.array.dtype == np.uint8
    assert np.array_equal(image.array, GREY[:, :, None])
    assert image.size == (2, 3)
    assert image.channels == 1


def test_colour_png_gives_its_pixels():
    assert np.array_equal(data.read(png_of(COLOUR)).array, COLOUR)


def test_sixteen_bit_png_keeps_every_bit():
    deep = np.array([[0, 1, 256], [4097, 40000, 65535]], np.uint16)
    image = data.read(png_of(deep))
    assert image.array.dtype == np.uint16
    assert np.array_equal(image.array[:, :, 0], deep)
    assert image.source.bits == 16


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_png_is_refused_because_the_decoder_would_halve_it(channels):
    deep = np.full((2, 2, channels), 65535, np.uint16)
    with pytest.raises(UnsupportedError, match=r"^deep\.png: PNG with 16 bits a channel in colour"):
        data.read(png_of(deep), name="deep.png")


def test_one_bit_png_becomes_0_and_255():
    image = data.read(png([b"\xa0", b"\x40"], width=3, bits=1, colour_type=0))
    assert image.array[:, :, 0].tolist() == [[255, 0, 255], [0, 255, 0]]
    assert image.source.conversions == ("1 bit to 0 and 255",)


def test_four_bit_grey_png_is_stretched_and_says_so():
    image = data.read(png([b"\x0f"], width=2, bits=4, colour_type=0))
    assert image.array[:, :, 0].tolist() == [[0, 255]]
    assert image.source.conversions == ("4-bit grey stretched to 0..255",)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_tiff_of_either_byte_order_keeps_every_bit(order):
    deep = np.array([[0, 1, 256], [4097, 40000, 65535]], np.uint16)
    image = data.read(tiff([deep.astype(order + "u2").tobytes()], 3, 2, bits=(16,), order=order))
    assert image.array.dtype == np.dtype("uint16")
    assert image.array.dtype.isnative
    assert np.array_equal(image.array[:, :, 0], deep)


def test_sixteen_bit_tiff_whose_zero_is_white_is_inverted():
    deep = np.array([[0, 65535, 100]], np.uint16)
    image = data.read(tiff([deep.tobytes()], 3, 1, bits=(16,), photometric=0))
    assert image.array[0, :, 0].tolist() == [65535, 0, 65435]
    assert image.source.conversions == ("white is zero: inverted",)


def test_eight_bit_tiff_whose_zero_is_white_is_inverted():
    image = data.read(tiff([b"\x00\x0a\xff"], 3, 1, photometric=0))
    assert image.array[0, :, 0].tolist() == [255, 245, 0]


def test_signed_sixteen_bit_tiff_keeps_its_sign():
    signed = np.array([[-32768, -1, 32767]], np.int16)
    image = data.read(tiff([signed.tobytes()], 3, 1, bits=(16,), sample_format=2))
    assert image.array.dtype == np.int16
    assert image.array[0, :, 0].tolist() == [-32768, -1, 32767]


@pytest.mark.parametrize("order", ["<", ">"])
def test_float_tiff_gives_its_numbers(order):
    values = np.array([[0.1, -5.0, 1e20]], np.float32)
    image = data.read(tiff([values.astype(order + "f4").tobytes()], 3, 1, bits=(32,), sample_format=3, order=order))
    assert image.array.dtype == np.float32
    assert np.array_equal(image.array[:, :, 0], values)


def test_float_tiff_with_nan_is_refused():
    values = np.array([[0.1, np.nan, np.inf]], np.float32)
    with pytest.raises(DataError, match=r"^f\.tif: 2 pixels are not finite numbers$"):
        data.read(tiff([values.tobytes()], 3, 1, bits=(32,), sample_format=3), name="f.tif")


def test_unsigned_thirty_two_bit_tiff_is_refused():
    content = tiff([np.array([[4294967295]], np.uint32).tobytes()], 1, 1, bits=(32,))
    with pytest.raises(UnsupportedError, match="unsigned 32-bit pixels"):
        data.read(content)


def test_float_tiff_whose_zero_is_white_is_refused():
    content = tiff([np.zeros(1, np.float32).tobytes()], 1, 1, bits=(32,), sample_format=3, photometric=0)
    with pytest.raises(UnsupportedError, match="floating-point pixels of which zero is white"):
        data.read(content)


def test_sixteen_bit_colour_tiff_is_refused():
    content = tiff([np.zeros((2, 2, 3), np.uint16).tobytes()], 2, 2, bits=(16, 16, 16), photometric=2)
    with pytest.raises(UnsupportedError, match="TIFF with 16 bits a channel in colour"):
        data.read(content)


def test_dots_per_inch_are_not_taken_for_a_spacing_in_the_patient():
    image = data.read(png_of(GREY, png_chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))))
    assert image.spacing_mm is None


def test_palette_png_is_expanded_to_colours():
    colours = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
    image = data.read(png([b"\x00\x01"], width=2, bits=8, colour_type=3, extra=colours))
    assert image.array.tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert image.source.conversions == ("palette expanded to RGB",)


def test_palette_can_be_kept_as_numbers_for_label_maps():
    colours = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
    image = data.read(png([b"\x00\x01"], width=2, bits=8, colour_type=3, extra=colours), palette="index")
    assert image.array[:, :, 0].tolist() == [[0, 1]]


def test_palette_numbers_of_a_file_without_palette_are_refused():
    with pytest.raises(DataError, match=r"^g\.png: palette='index' asks for palette numbers, but the file has mode L"):
        data.read(png_of(GREY), palette="index", name="g.png")


def test_transparent_palette_entries_are_transparency():
    extra = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255])) + png_chunk(b"tRNS", b"\x00")
    content = png([b"\x00\x01"], width=2, bits=8, colour_type=3, extra=extra)
    with pytest.raises(DataError, match="1 pixels are transparent"):
        data.read(content)
    assert data.read(content, alpha="composite", background=(9, 8, 7)).array.tolist() == [[[9, 8, 7], [0, 0, 255]]]


def test_opaque_alpha_is_dropped_and_recorded():
    layers = np.dstack([COLOUR, np.full((2, 3), 255, np.uint8)])
    image = data.read(png_of(layers))
    assert np.array_equal(image.array, COLOUR)
    assert image.source.mode == "RGBA"
    assert image.source.conversions == ("opaque alpha dropped",)


def test_real_transparency_needs_a_policy():
    layers = np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)
    with pytest.raises(DataError, match=r"^t\.png: 1 pixels are transparent: say alpha='drop' or alpha='composite'$"):
        data.read(png_of(layers), name="t.png")
    assert data.read(png_of(layers), alpha="drop").array.tolist() == [[[200, 100, 50], [200, 100, 50]]]
    composite = data.read(png_of(layers), alpha="composite", background=(255, 255, 255))
    assert composite.array.tolist() == [[[200, 100, 50], [255, 255, 255]]]
    assert composite.source.conversions == ("alpha composited over (255, 255, 255)",)


def test_half_transparent_grey_is_mixed_with_the_background():
    layers = np.array([[[200, 128]]], np.uint8)
    image = data.read(png_of(layers), alpha="composite", background=(0, 0, 0))
    expected = round(200 * 128 / 255)
    assert image.array.tolist() == [[[expected] * 3]]


def test_grey_with_opaque_alpha_stays_grey():
    layers = np.dstack([GREY, np.full((2, 3), 255, np.uint8)])
    assert np.array_equal(data.read(png_of(layers)).array, GREY[:, :, None])


def test_cmyk_is_converted_and_recorded():
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[..., 0] = 255
    image = data.read(tiff([ink.tobytes()], 4, 4, bits=(8, 8, 8, 8), photometric=5))
    assert np.array_equal(image.array, np.broadcast_to(np.array([0, 255, 255], np.uint8), (4, 4, 3)))
    assert image.source.conversions == ("CMYK converted to RGB",)


def test_jpeg_reads_close_to_what_was_saved():
    smooth = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8) * 4
    image = data.read(saved(PilImage.fromarray(smooth), "JPEG", quality=100))
    assert image.source.format == "JPEG"
    assert np.abs(image.array[:, :, 0].astype(int) - smooth).max() <= 2  # rounding of the cosine transform


def test_gif_of_one_frame_is_read():
    image = data.read(saved(PilImage.fromarray(GREY), "GIF"))
    assert image.source.format == "GIF"
    assert np.array_equal(image.array[:, :, 0], GREY)


def test_a_tiff_of_several_pages_needs_a_page_number():
    content = tiff([b"\x01\x02", b"\x03\x04"], 2, 1)
    with pytest.raises(DataError, match=r"^p\.tif: holds more than one page or frame: say which one with frame=$"):
        data.read(content, name="p.tif")
    assert data.read(content, frame=0).array[0, :, 0].tolist() == [1, 2]
    second = data.read(content, frame=1)
    assert second.array[0, :, 0].tolist() == [3, 4]
    assert second.source.frame == 1
    with pytest.raises(DataError, match=r"has no page or frame 2$"):
        data.read(content, frame=2)


def test_an_animated_gif_needs_a_frame_number():
    frames = [PilImage.fromarray(np.full((4, 4), level, np.uint8)) for level in (0, 90, 200)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="more than one page or frame"):
        data.read(content)
    assert data.read(content, frame=2).array[0, 0, 0] == 200


def test_an_animated_png_needs_a_frame_number():
    frames = [PilImage.fromarray(np.full((4, 4), level, np.uint8)) for level in (0, 90)]
    content = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="more than one page or frame"):
        data.read(content)
    assert data.read(content, frame=1).array[0, 0, 0] == 90


def test_a_frame_of_a_jpeg_other_than_the_first_is_refused():
    with pytest.raises(DataError, match="has no page or frame 1"):
        data.read(saved(PilImage.fromarray(GREY), "JPEG"), frame=1)


def test_a_path_and_its_bytes_give_the_same_image(tmp_path):
    path = tmp_path / "scan.jpg"  # the name lies: the bytes tell the format
    path.write_bytes(png_of(COLOUR))
    from_path, from_bytes = data.read(path), data.read(png_of(COLOUR))
    assert np.array_equal(from_path.array, from_bytes.array)
    assert from_path.source.name == str(path)
    assert from_path.source.format == "PNG"
    assert from_path.source.sha256 == hashlib.sha256(png_of(COLOUR)).hexdigest()


def test_the_array_of_a_read_image_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        data.read(png_of(GREY)).array[0, 0, 0] = 1


# ---------------------------------------------------------------- orientation

LETTER_F = np.array([[9, 8, 7], [6, 0, 0], [5, 4, 0], [3, 0, 0]], np.uint8)


def turned(array, orientation):
    """EXIF 2.32, table 6, as a loop over pixels: where row 0 and column 0 of the stored image belong."""
    height, width = array.shape
    place = {
        1: lambda r, c: (r, c),
        2: lambda r, c: (r, width - 1 - c),
        3: lambda r, c: (height - 1 - r, width - 1 - c),
        4: lambda r, c: (height - 1 - r, c),
        5: lambda r, c: (c, r),
        6: lambda r, c: (c, height - 1 - r),
        7: lambda r, c: (width - 1 - c, height - 1 - r),
        8: lambda r, c: (width - 1 - c, r),
    }[orientation]
    seen = np.zeros((width, height) if orientation > 4 else (height, width), array.dtype)
    for row in range(height):
        for column in range(width):
            seen[place(row, column)] = array[row, column]
    return seen


@pytest.mark.requirement("REQ-F-DAT-003")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_orientation_of_a_png_is_applied_and_recorded(orientation, order):
    image = data.read(png_of(LETTER_F, png_chunk(b"eXIf", exif_block(orientation, order))))
    assert np.array_equal(image.array[:, :, 0], turned(LETTER_F, orientation))
    assert image.orientation == data.Orientation(exif=orientation, exif_applied=True)


@pytest.mark.requirement("REQ-F-DAT-003")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_tiff_is_applied_or_left(orientation):
    content = tiff([LETTER_F.tobytes()], 3, 4, orientation=orientation)
    assert np.array_equal(data.read(content).array[:, :, 0], turned(LETTER_F, orientation))
    stored = data.read(content, apply_exif=False)
    assert np.array_equal(stored.array[:, :, 0], LETTER_F)
    assert stored.orientation == data.Orientation(exif=orientation, exif_applied=False)


@pytest.mark.requirement("REQ-F-DAT-003")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_jpeg_is_applied_or_left(orientation):
    blocks = np.kron(LETTER_F * 20, np.ones((8, 8), np.uint8)).astype(np.uint8)
    content = saved(PilImage.fromarray(blocks), "JPEG", quality=100, exif=b"Exif\x00\x00" + exif_block(orientation))
    plain = data.read(saved(PilImage.fromarray(blocks), "JPEG", quality=100)).array[:, :, 0]
    assert np.array_equal(data.read(content).array[:, :, 0], turned(plain, orientation))
    assert np.array_equal(data.read(content, apply_exif=False).array[:, :, 0], plain)


@pytest.mark.requirement("REQ-F-DAT-003")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_and_turning_back_is_the_identity(orientation):
    assert np.array_equal(data.exif.as_stored(data.exif.upright(LETTER_F, orientation), orientation), LETTER_F)


@pytest.mark.requirement("REQ-F-DAT-003")
def test_an_orientation_that_does_not_exist_is_written_down():
    image = data.read(png_of(LETTER_F, png_chunk(b"eXIf", exif_block(9))))
    assert np.array_equal(image.array[:, :, 0], LETTER_F)
    assert image.source.conversions == ("EXIF orientation 9 does not exist: taken as 1",)


@pytest.mark.requirement("REQ-F-DAT-003")
def test_a_malformed_exif_block_is_refused_because_nobody_knows_which_way_is_up():
    content = png_of(LETTER_F, png_chunk(b"eXIf", exif_block(6)[:12]))
    with pytest.raises(DataError, match=r"^x\.png: the EXIF block is malformed, the orientation cannot be known$"):
        data.read(content, name="x.png")


# ---------------------------------------------------------------- limits and malformed files

hostile = pytest.mark.requirement("REQ-S-DAT-003", "REQ-S-DAT-004")


@hostile
def test_a_decompression_bomb_is_refused_by_its_header():
    bomb = png([b"\x00"], width=60000, height=60000, bits=8, colour_type=0)
    with pytest.raises(DataError, match=r"^b\.png: 60000 x 60000 pixels exceed the limit of 67108864 \(max_pixels\)$"):
        data.read(bomb, name="b.png")


@hostile
def test_the_pixel_limit_can_be_set():
    with pytest.raises(DataError, match=r"2 x 3 pixels exceed the limit of 5"):
        data.read(png_of(GREY), max_pixels=5)
    assert data.read(png_of(GREY), max_pixels=6).size == (2, 3)


@hostile
@pytest.mark.parametrize(
    "content", [tiff([b"\x00"], 100000, 100000), b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x00" * 40]
)
def test_bombs_of_other_formats_are_refused(content):
    with pytest.raises(DataError, match=r"exceed the limit of 67108864|truncated or corrupt GIF"):
        data.read(content)


@hostile
def test_a_gif_whose_frame_is_larger_than_its_screen_is_refused():
    content = bytearray(saved(PilImage.fromarray(GREY), "GIF"))
    frame = content.index(b",\x00\x00\x00\x00")
    content[frame + 5 : frame + 9] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(DataError, match=r"^g\.gif: (65535 x 65535 pixels exceed|truncated or corrupt GIF: Image size)"):
        data.read(bytes(content), name="g.gif")


@hostile
def test_too_many_bytes_are_refused(tmp_path):
    path = tmp_path / "big.png"
    path.write_bytes(png_of(GREY))
    with pytest.raises(DataError, match=r"big\.png: more than 10 bytes \(max_bytes\)$"):
        data.read(path, max_bytes=10)
    with pytest.raises(DataError, match=r"^<bytes>: \d+ bytes exceed the limit of 10 \(max_bytes\)$"):
        data.read(png_of(GREY), max_bytes=10)


@hostile
def test_a_png_with_a_flipped_bit_in_its_pixels_is_refused():
    content = bytearray(png_of(GREY))
    content[content.index(b"IDAT") + 8] ^= 1
    with pytest.raises(DataError, match=r"^f\.png: corrupt PNG: chunk b'IDAT' at byte 33 fails its checksum$"):
        data.read(bytes(content), name="f.png")


@hostile
def test_a_png_without_its_end_is_refused():
    content = png_of(GREY)
    with pytest.raises(DataError, match=r"truncated PNG: no end mark"):
        data.read(content[:-12])
    with pytest.raises(DataError, match=r"truncated PNG: chunk b'IDAT' needs \d+ bytes, the file has \d+"):
        data.read(content[: content.index(b"IDAT") + 10])


@hostile
def test_a_png_that_does_not_start_with_its_header_is_refused():
    with pytest.raises(DataError, match=r"corrupt PNG: the first chunk is b'IEND', not the header"):
        data.read(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""))


@hostile
def test_a_png_with_too_few_pixels_is_refused():
    short = png([b"\x00\x00\x00"], width=3, height=2, bits=8, colour_type=0)
    with pytest.raises(DataError, match=r"corrupt PNG: pixels of 4 bytes where 8 are needed$"):
        data.read(short)


@hostile
def test_a_png_with_too_many_pixels_is_refused():
    with pytest.raises(DataError, match=r"corrupt PNG: pixels of 5 bytes where 4 are needed$"):
        data.read(png([b"\x00\x00\x00"] * 900, width=3, height=1, bits=8, colour_type=0))


@hostile
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (17, 9)])
def test_interlaced_png_is_counted_pass_by_pass(size):
    grey = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    assert np.array_equal(data.read(interlaced_png(grey)).array[:, :, 0], grey)


@hostile
def test_an_image_without_pixels_is_refused():
    with pytest.raises(DataError, match=r"an image without pixels \(0 x 0\)$"):
        data.read(png([], width=0, bits=8, colour_type=0))


@hostile
def test_a_truncated_jpeg_is_refused():
    content = saved(PilImage.fromarray(np.tile(GREY, (40, 40))), "JPEG")
    with pytest.raises(DataError, match=r"^t\.jpg: truncated or corrupt JPEG: "):
        data.read(content[: len(content) // 2], name="t.jpg")


@hostile
def test_a_text_file_is_refused_by_its_first_bytes():
    with pytest.raises(
        DataError, match=r"not a PNG, JPEG, TIFF, GIF, DICOM or NIfTI file \(it starts with 68 65 6c 6c 6f\)"
    ):
        data.read(b"hello")
    with pytest.raises(DataError, match=r"it starts with nothing"):
        data.read(b"")


@hostile
def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: cannot be read: No such file or directory"):
        data.read(tmp_path / "gone.png")


@hostile
def test_a_zip_bomb_in_a_text_chunk_does_not_grow_memory():
    text = png_chunk(b"zTXt", b"key\x00\x00" + zlib.compress(bytes(1 << 26), 9))
    with pytest.raises(DataError, match="truncated or corrupt PNG"):
        data.read(png_of(GREY, text))


@hostile
def test_a_process_that_accepts_truncated_images_cannot_read(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ConfigError, match="LOAD_TRUNCATED_IMAGES is set"):
        data.read(png_of(GREY))


def _examples() -> dict[str, bytes]:
    noise = np.random.default_rng(5).integers(0, 256, (24, 31, 3)).astype(np.uint8)
    picture = PilImage.fromarray(noise)
    return {
        "png": saved(picture, "PNG"),
        "jpeg": saved(picture, "JPEG", exif=b"Exif\x00\x00" + exif_block(6)),
        "progressive": saved(picture, "JPEG", progressive=True),
        "gif": saved(picture, "GIF"),
        "tiff": saved(picture, "TIFF"),
        "lzw": saved(picture, "TIFF", compression="tiff_lzw"),
        "deflate": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": saved(picture, "TIFF", compression="jpeg"),
    }


EXAMPLES = _examples()


@hostile
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_damaged_file_ends_in_anything_but_an_image_or_a_data_error(kind):
    content, rng = EXAMPLES[kind], np.random.default_rng(11)
    outcomes = {"image": 0, "refused": 0}
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 5)):
            damaged[place] = rng.integers(0, 256)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(0, len(damaged))]
        try:
            assert data.read(bytes(damaged), max_pixels=1 << 20).array.size > 0
            outcomes["image"] += 1
        except (DataError, UnsupportedError):
            outcomes["refused"] += 1
    assert outcomes["refused"] > 20


@hostile
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_truncation_is_refused(kind):
    content = EXAMPLES[kind]
    for length in range(0, len(content) - 60, 97):
        with pytest.raises((DataError, UnsupportedError)):
            data.read(content[:length])


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": -1}, "frame must be 0 or more, not -1"),
        ({"alpha": "keep"}, "alpha must be 'refuse', 'drop' or 'composite', not 'keep'"),
        ({"palette": "rgb"}, "palette must be 'expand' or 'index', not 'rgb'"),
        ({"background": (0, 0)}, r"background must be three numbers from 0 to 255, not \(0, 0\)"),
        ({"window": "auto"}, r"window must be 'file', 'none' or \(centre, width\), not 'auto'"),
        ({"window": (40.0, 0.0)}, r"a positive width, not \(40.0, 0.0\)"),
        ({"max_pixels": 0}, "max_pixels must be positive, not 0"),
    ],
)
def test_wrong_options_are_refused_by_name(arguments, message):
    with pytest.raises(ArgumentError, match="^read: .*" + message):
        data.read(png_of(GREY), **arguments)


def test_a_window_for_a_raster_file_is_refused():
    with pytest.raises(DataError, match=r"^w\.png: window means nothing for a PNG file$"):
        data.read(png_of(GREY), window=(40.0, 400.0), name="w.png")
