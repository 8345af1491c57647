"""Stills: what a viewer shows comes through, and nothing else does."""

import io
from pathlib import Path

import numpy as np
import pytest
from media_builders import arrow
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from supervisor_core.media.kinds import Container
from supervisor_core.media.probe import probe
from supervisor_core.media.stills import read_still, write_still
from supervisor_core.reasons import Failed, Reason

CANARY = b"Mustermann"


def bgr(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))[:, :, ::-1]


def as_viewers_show(image: Image.Image) -> Image.Image:
    if not (profile := image.info.get("icc_profile")):
        return image
    standard = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, io.BytesIO(profile), standard)


def reason_of(path: Path) -> Reason:
    with pytest.raises(Failed) as caught:
        read_still(path)
    return caught.value.reason


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def png_chunks(content: bytes) -> set[bytes]:
    chunks, place = set(), 8
    while place < len(content):
        chunks.add(content[place + 4 : place + 8])
        place += 12 + int.from_bytes(content[place : place + 4], "big")
    return chunks


def jpeg_segments(content: bytes) -> list[int]:
    """The markers before the picture data."""
    markers, place = [], 2
    while content[place + 1] != 0xDA:
        markers.append(content[place + 1])
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return markers


@pytest.mark.parametrize(
    "file",
    [
        "images/exif/landscape_3.jpg",
        "images/exif/landscape_6.jpg",
        "images/ai_meta/comfy_sdxlturbo.png",
        "medical/lx_endoscopy_frame1.jpg",
        "medical/presidio_cxr0.png",
    ],
)
def test_real_stills_read_upright(shared_data: Path, file: str) -> None:
    pixels = read_still(shared_data / file)
    with Image.open(shared_data / file) as image:
        assert np.array_equal(pixels, bgr(as_viewers_show(ImageOps.exif_transpose(image))))
    info = probe(shared_data / file)
    assert pixels.shape == (info.height, info.width, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["jpeg", "png", "webp"])
def test_every_orientation_flag(tmp_path: Path, format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_ == "webp" else {"quality": 100}
    still = saved(
        tmp_path / "a", Image.fromarray(arrow()), format=format_, exif=exif.tobytes(), **options
    )
    with Image.open(still) as image:
        expected = bgr(ImageOps.exif_transpose(image))
    assert np.array_equal(read_still(still), expected)
    info = probe(still)
    assert expected.shape == (info.height, info.width, 3)


@pytest.mark.parametrize("alpha", ["RGBA", "LA", "P"])
def test_what_an_alpha_channel_hides_does_not_survive(tmp_path: Path, alpha: str) -> None:
    """A text drawn into fully transparent pixels is invisible, yet stands in the file."""
    image = Image.fromarray(np.zeros((48, 64, 4), np.uint8))
    hidden = np.asarray(image).copy()
    hidden[10:20, 10:50] = (200, 10, 10, 0)
    hidden[30:40, 10:50] = (200, 10, 10, 255)
    image = Image.fromarray(hidden)
    if alpha == "P":
        still = saved(tmp_path / "a.png", image.quantize(8))
    else:
        still = saved(tmp_path / "a.png", image.convert(alpha))
    pixels = read_still(still)
    assert (pixels[:28] == 255).all()
    assert (pixels[32:38, 12:48] != 255).any(axis=2).all()


def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    still = saved(tmp_path / "a.png", Image.fromarray(ramp))
    assert probe(still).bit_depth == 16
    pixels = read_still(still)
    assert np.array_equal(pixels, np.repeat((ramp >> 8).astype(np.uint8)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_every_colour_mode_becomes_three_channels(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(arrow()).convert(mode)
    name, options = (
        ("a.jpg", {"quality": 100, "subsampling": 0}) if mode == "CMYK" else ("a.png", {})
    )
    pixels = read_still(saved(tmp_path / name, image, **options))
    assert np.abs(pixels.astype(int) - bgr(image).astype(int)).max() <= 8


def test_a_colour_profile_is_applied_before_it_is_dropped(tmp_path: Path) -> None:
    """A profile whose red and blue are swapped must show in the pixels, or colours are lost."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    red = Image.new("RGB", (16, 16), (250, 0, 0))
    plain = read_still(saved(tmp_path / "a.png", red))
    turned = read_still(saved(tmp_path / "b.png", red, icc_profile=swapped))
    assert tuple(plain[0, 0]) == (0, 0, 250)
    assert turned[0, 0, 0] > 200 > 60 > turned[0, 0, 2]
    broken = read_still(saved(tmp_path / "c.png", red, icc_profile=b"no profile" * 20))
    assert np.array_equal(broken, plain)


def test_several_pictures_in_one_file_are_refused(tmp_path: Path) -> None:
    one, two = Image.fromarray(arrow()), Image.fromarray(arrow()[::-1].copy())
    for name in ("a.png", "a.webp"):
        still = saved(tmp_path / name, one, save_all=True, append_images=[two])
        assert reason_of(still) is Reason.UNSUPPORTED_CONTAINER


def test_a_phones_extra_pictures_are_left_behind(tmp_path: Path) -> None:
    one, two = Image.fromarray(arrow()), Image.new("RGB", (64, 48), "white")
    still = saved(
        tmp_path / "a.jpg", one, format="MPO", save_all=True, append_images=[two], quality=100
    )
    assert probe(still).container is Container.JPEG
    assert np.abs(read_still(still).astype(int) - bgr(one)).mean() < 5


def test_damaged_stills_have_a_reason(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "medical" / "lx_endoscopy_frame1.jpg").read_bytes()
    cut = tmp_path / "a.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    assert reason_of(cut) is Reason.DECODE_FAILED
    cut.write_bytes(whole[:40])
    assert reason_of(cut) is Reason.METADATA_EXTRACTION_FAILED
    assert reason_of(shared_data / "corrupt" / "broken.png") is Reason.METADATA_EXTRACTION_FAILED
    assert reason_of(shared_data / "corrupt" / "empty_file.png") is Reason.FILE_EMPTY
    assert reason_of(shared_data / "general" / "bikes.mp4") is Reason.UNSUPPORTED_CONTAINER
    with pytest.raises(Failed) as caught:
        probe(
            saved(tmp_path / "b.png", Image.fromarray(arrow())).rename(tmp_path / "b.jpg"), "b.mp4"
        )
    assert caught.value.reason is Reason.DISGUISED_FILE


def test_a_truncated_still_is_found_by_the_probe(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "medical" / "presidio_cxr0.png").read_bytes()
    cut = tmp_path / "a.png"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failed) as caught:
        probe(cut)
    assert caught.value.reason is Reason.FRAME_EXTRACTION_FAILED


def test_broken_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    still = saved(tmp_path / "a.jpg", Image.fromarray(arrow()), exif=b"Exif\0\0MM\0*\0\0\0\xff" * 3)
    assert read_still(still).shape == (48, 64, 3)


@pytest.mark.parametrize("container", [Container.PNG, Container.JPEG])
@pytest.mark.parametrize("file", ["images/exif/DSCN0010.jpg", "images/ai_meta/comfy_sdxlturbo.png"])
def test_nothing_but_pixels_is_written(
    shared_data: Path, tmp_path: Path, file: str, container: Container
) -> None:
    pixels = read_still(shared_data / file)
    out = tmp_path / "out.part"
    write_still(out, pixels, container)
    content = out.read_bytes()
    if container is Container.PNG:
        assert png_chunks(content) == {b"IHDR", b"IDAT", b"IEND"}
        assert np.array_equal(read_still(out), pixels)
    else:
        # JFIF header, tables and frame; no EXIF (E1), no colour profile (E2), no comment (FE).
        assert set(jpeg_segments(content)) == {0xE0, 0xDB, 0xC0, 0xC4}
        assert np.abs(read_still(out).astype(int) - pixels).mean() < 2


def test_texts_in_a_still_do_not_reach_the_output(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("Comment", CANARY.decode())
    texts.add_itxt("Patient", CANARY.decode(), zip=True)
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    sources = [
        saved(tmp_path / "a.png", Image.fromarray(arrow()), pnginfo=texts, exif=exif),
        saved(tmp_path / "a.jpg", Image.fromarray(arrow()), exif=exif, comment=CANARY),
        saved(tmp_path / "a.webp", Image.fromarray(arrow()), exif=exif, xmp=CANARY),
    ]
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + CANARY)
    for source in sources:
        for container in (Container.PNG, Container.JPEG):
            out = tmp_path / "out"
            write_still(out, read_still(source), container)
            assert CANARY not in out.read_bytes()


def test_what_can_not_be_written_has_a_reason(tmp_path: Path) -> None:
    for pixels, container in (
        (np.zeros((1, 70_000, 3), np.uint8), Container.JPEG),
        (np.zeros((8, 8, 3), np.uint8), Container.WEBP),
    ):
        with pytest.raises(Failed) as caught:
            write_still(tmp_path / "out", pixels, container)
        assert caught.value.reason is Reason.ENCODE_FAILED


def test_one_pixel(tmp_path: Path, shared_data: Path) -> None:
    for file in (shared_data / "images" / "ai_meta").glob("*_cropped.*"):
        pixels = read_still(file)
        assert pixels.shape == (1, 1, 3)
        write_still(tmp_path / "out", pixels, Container.PNG)
        assert np.array_equal(read_still(tmp_path / "out"), pixels)
