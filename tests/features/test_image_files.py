"""Image files in a column: their tensors, the reasons for refusing some; each is decoded once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import FeatureSet, Image, Key

from .picture_files import ALPHA, GREY, RGB, H, W, files, reason, saved


def tensor(data: bytes, **settings: Any) -> np.ndarray[Any, Any]:
    [pixels] = files(**settings).tensor(pa.array([data], pa.binary()))
    return np.asarray(pixels)


@pytest.mark.parametrize(("format", "options"), [
    ("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("PNG", {"interlace": 1})], ids=str)
def test_lossless_files_decode_to_the_original_pixels(format: str, options: dict[str, Any]) -> None:
    # Twelve colours fit a GIF's palette.
    np.testing.assert_array_equal(tensor(saved(RGB, format, **options)), RGB)


@pytest.mark.parametrize("options", [
    {}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"quality": 30}, {"optimize": True}], ids=str)
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
def test_a_jpeg_is_decoded_as_opencv_does(pixels: Any, options: dict[str, Any]) -> None:
    cv2 = pytest.importorskip("cv2")
    data = saved(pixels, "JPEG", **options)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(tensor(data), theirs)


def test_a_cmyk_jpeg_is_decoded_as_opencv_does_except_for_rounding() -> None:
    cv2 = pytest.importorskip("cv2")
    data = saved(Pillow.fromarray(RGB).convert("CMYK"), "JPEG")
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(tensor(data).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_exif_orientation_is_applied(turn: int, format: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = turn
    pixels = np.full((H, W), 50, np.uint8)
    pixels[:4, :6] = 200  # the corner that differs
    data = saved(Pillow.fromarray(pixels).convert("RGB"), format, exif=exif.tobytes(), quality=95)
    right = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.T,
             6: pixels.T[:, ::-1], 7: pixels.T[::-1, ::-1], 8: pixels.T[::-1]}[turn]
    ours = tensor(data, shape=[*right.shape, 1])[..., 0].astype(int)
    assert ((ours > 125) == (right > 125)).all()


def test_a_16_bit_png_keeps_the_high_bytes() -> None:
    values = np.random.default_rng(1).integers(0, 2**16, (H, W), np.uint16)
    np.testing.assert_array_equal(tensor(saved(values), shape=[H, W, 1])[..., 0], values // 256)
    np.testing.assert_array_equal(tensor(saved(values)), np.dstack([values // 256] * 3))


def test_transparent_pixels_are_blended_with_white() -> None:
    opacity = ALPHA[..., 3:] / 255
    onto_white = RGB * opacity + 255 * (1 - opacity)
    assert np.abs(tensor(saved(ALPHA)) - onto_white).max() <= 1
    palette = Pillow.fromarray(RGB).quantize(12)
    clear = palette.getpixel((0, 0))
    seen = tensor(saved(palette, transparency=clear))
    hidden = np.asarray(palette) == clear
    assert (seen[hidden] == 255).all() and (seen[~hidden] == RGB[~hidden]).all()


@pytest.mark.parametrize(("pixels", "clear"), [(RGB, tuple(int(value) for value in RGB[0, 0])), (GREY, 37)])
def test_a_transparent_colour_is_white_too(pixels: Any, clear: Any) -> None:
    seen = tensor(saved(pixels, transparency=clear))
    colours = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
    hidden = (colours == clear).all(axis=2)
    assert hidden.any()
    np.testing.assert_array_equal(seen, np.where(hidden[..., None], 255, colours))


def test_four_channels_keep_transparency() -> None:
    np.testing.assert_array_equal(tensor(saved(ALPHA), shape=[H, W, 4]), ALPHA)
    np.testing.assert_array_equal(tensor(saved(RGB), shape=[H, W, 4]), np.dstack([RGB, np.full((H, W), 255)]))


def test_one_channel_is_the_luma_and_three_of_a_grey_image_are_equal() -> None:
    luma = RGB @ [0.299, 0.587, 0.114]
    assert np.abs(tensor(saved(RGB), shape=[H, W, 1])[..., 0] - luma).max() <= 1
    np.testing.assert_array_equal(tensor(saved(GREY)), np.dstack([GREY] * 3))
    np.testing.assert_array_equal(tensor(saved(GREY > 100)), np.dstack([(GREY > 100) * 255] * 3))


def test_a_grey_jpeg_decodes_equally_with_simplejpeg_and_pillow() -> None:
    exif = Pillow.Exif()
    exif[0x010F] = "a camera"
    for shape in ([H, W, 1], [H, W, 3], [6, 8, 1]):
        quick, other = (tensor(saved(RGB, "JPEG", **more), shape=shape, resize="stretch")
                        for more in ({}, {"exif": exif.tobytes()}))
        np.testing.assert_array_equal(quick, other)


def test_the_first_frame_of_an_animation_is_decoded() -> None:
    frames = [Pillow.fromarray(RGB), Pillow.fromarray(255 - RGB)]
    np.testing.assert_array_equal(tensor(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])), RGB)


HALVES = np.dstack([np.repeat([[10] * 8 + [200] * 8], H, 0).astype(np.uint8)] * 3)


def test_stretch_averages_all_pixels() -> None:
    small = tensor(saved(RGB), shape=[3, 4, 3], resize="stretch", filter="box")
    np.testing.assert_array_equal(small, RGB[::4, ::4])
    np.testing.assert_array_equal(tensor(saved(RGB[::4, ::4]), resize="stretch", filter="nearest"), RGB)


def test_fit_keeps_the_whole_image_on_black() -> None:
    wide = tensor(saved(HALVES), shape=[16, 16, 3], resize="fit", filter="box")
    np.testing.assert_array_equal(wide[2:14], HALVES)
    assert not wide[:2].any() and not wide[14:].any()
    assert tensor(saved(np.full((1, 500), 90, np.uint8)), shape=[8, 8, 1], resize="fit").max() == 90


def test_crop_keeps_the_centre() -> None:
    np.testing.assert_array_equal(tensor(saved(HALVES), shape=[12, 12, 3], resize="crop"), HALVES[:, 2:14])
    np.testing.assert_array_equal(tensor(saved(RGB), shape=[4, 8, 3], resize="crop", filter="box")[1:3, 2:6],
                                  RGB[4:8].reshape(2, 2, 8, 2, 3).mean((1, 3)).round().astype(np.uint8)[:, 2:6])


BROKEN = {
    "is null": None,
    "is empty": b"",
    "isn't an image file: begins with 'This is no p', expected PNG, JPEG, GIF, BMP or WebP": b"This is no picture\n",
    r"isn't an image file: begins with '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00', expected PNG": b"\0" * 900,
    "isn't an image file: begins with 'RIFF": b"RIFF\x10\0\0\0WAVEfmt \x10",
    "is truncated: its 20 bytes end before its size": saved(RGB)[:20],
    "is truncated: its 9 bytes end": saved(RGB, "JPEG")[:9],
    "is truncated: a PNG that ends after 60 bytes": saved(RGB)[:60],
    "is truncated: a JPEG that ends after 660 bytes": saved(RGB, "JPEG")[:660],
    "is damaged: a PNG that can't be decoded": saved(RGB)[:45] + b"\xff" * 20 + saved(RGB)[65:],
    "is damaged: its header has a size of 0×12 pixels": saved(RGB)[:16] + b"\0\0\0\0" + saved(RGB)[20:],
    "is 1×1 pixels (height×width), expected 12×16; `resize` can be stretch, fit or crop": saved(RGB[:1, :1]),
}


@pytest.mark.parametrize("message", BROKEN, ids=lambda message: str(message)[:30])
def test_a_file_of_another_kind_has_a_reason(message: str) -> None:
    assert (reason(BROKEN[message]) or "").startswith(message)


@pytest.mark.parametrize(("format", "options"), [
    ("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("WEBP", {"quality": 50}), ("GIF", {}), ("JPEG", {}),
    ("JPEG", {"progressive": True})], ids=str)
def test_a_truncated_file_is_refused_or_complete(format: str, options: dict[str, Any]) -> None:
    whole = saved(RGB, format, **options)
    pixels = tensor(whole)
    cuts = pa.array([whole[:length] for length in range(len(whole))], pa.binary())
    for length, why in enumerate(files().check(cuts).to_pylist()):
        if why is None:  # only bytes after the pixels are missing
            np.testing.assert_array_equal(tensor(whole[:length]), pixels)
            assert length >= len(whole) - 20
        else:
            assert why.startswith(("is truncated: ", "is empty", "isn't an image file: "))
            assert length < 12 or not why.startswith("isn't an image file")


@given(st.sampled_from(["PNG", "BMP", "WEBP", "GIF", "JPEG"]), st.integers(0, 10_000), st.binary(max_size=40))
def test_a_damaged_row_is_an_image_or_has_a_reason(format: str, offset: int, bytes_: bytes) -> None:
    data = bytearray(saved(RGB, format))
    offset %= len(data)
    data[offset : offset + len(bytes_)] = bytes_
    feature = files(resize="stretch", max_pixels=1_000_000)
    [why] = feature.check(pa.array([bytes(data)], pa.binary())).to_pylist()
    assert why or feature.tensor(pa.array([bytes(data)], pa.binary())).shape == (1, H, W, 3)


def changed(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0x55]) + data[offset + 1:]


def test_a_damaged_png_is_complete_or_refused() -> None:
    """Its checksums cover everything, also the last row, at which decoders stop."""
    data = saved(RGB)
    for offset in range(len(data)):
        if reason(changed(data, offset), resize="stretch") is None:
            assert (tensor(changed(data, offset), resize="stretch") == tensor(data, resize="stretch")).all()


def test_a_jpeg_with_a_warning_is_refused_unless_it_is_a_few_extra_bytes() -> None:
    data = saved(RGB, "JPEG")
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    broken = data[:middle] + b"\xfe\x7f" * ((len(data) - middle - 2) // 2) + b"\xff\xd9"
    assert str(reason(broken)).startswith("is damaged: a JPEG that can't be decoded (")
    padded = data[:-2] + b"\x00" * 5 + data[-2:]
    assert reason(padded) is None
    assert (tensor(padded) == tensor(data)).all()


def test_reasons_are_deterministic() -> None:
    assert str(reason(changed(saved(RGB), 29))) == (
        "is damaged: a PNG that can't be decoded (only its first bytes are of this format)")


def test_valid_and_refused_rows_keep_their_order() -> None:
    column = pa.array([b"x", saved(RGB), b"", b"", saved(255 - RGB), None, b"x"], pa.binary()).slice(1)
    assert [why and why[:8] for why in files().check(column).to_pylist()] == [
        None, "is empty", "is empty", None, "is null", "isn't an"]
    np.testing.assert_array_equal(files().tensor(column.take(pa.array([3, 0]))), [255 - RGB, RGB])


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()], ids=str)
def test_both_kinds_of_binary_columns_hold_files(kind: pa.DataType) -> None:
    np.testing.assert_array_equal(files().tensor(pa.array([saved(RGB)], kind)), [RGB])


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected binary \(image files\)"):
        files().check(pa.array([[1, 2]]))


@pytest.mark.parametrize("settings", [{}, {"store": "png"}, {"store": "jpeg"}], ids=str)
@pytest.mark.parametrize("cores", ["1", "3"])
def test_the_tensor_is_the_same_in_any_batch(settings: Any, cores: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    rows = [saved(np.roll(RGB, shift, 1), kind) for shift in range(5) for kind in ("PNG", "JPEG")]
    feature = files(**settings)
    alone = [feature.tensor(pa.array([row], pa.binary()))[0] for row in rows]
    np.testing.assert_array_equal(feature.tensor(pa.array(rows, pa.binary())), alone)
    assert feature.tensor(pa.array([], pa.binary())).shape == (0, H, W, 3)


def test_mean_and_deviation_are_of_the_decoded_pixels() -> None:
    feature = files()
    parts = [feature.tally(pa.array([saved(pixels)], pa.binary())) for pixels in (RGB, 255 - RGB // 2)]
    learnt = feature.fit({key: parts[0][key] + parts[1][key] for key in parts[0]}).statistics
    values = np.stack([RGB, 255 - RGB // 2]) / 255
    assert learnt is not None
    assert math.isclose(learnt.mean, values.mean()) and math.isclose(learnt.std, values.std())


@pytest.mark.parametrize("shape", [[H, W, 1], [H, W, 3]], ids=str)
def test_stored_png_is_lossless_and_jpeg_nearly(shape: list[int]) -> None:
    column = pa.array([saved(RGB), saved(255 - RGB)], pa.binary())
    pixels = files(shape=shape).tensor(column)
    np.testing.assert_array_equal(files(shape=shape, store="png").tensor(column), pixels)
    smooth = pa.array([saved(np.add.outer(np.arange(H), np.arange(W)).astype(np.uint8))], pa.binary())
    kept = files(shape=shape).tensor(smooth).astype(int)
    assert 0 < np.abs(files(shape=shape, store="jpeg", quality=50).tensor(smooth) - kept).max() < 12
    sizes = [len(files(store="jpeg", quality=quality).encode(column)[0].as_py()) for quality in (20, 90)]
    assert sizes[0] < sizes[1]


def test_raw_pixels_can_be_stored_as_files_too() -> None:
    feature = Image(column="pixels", shape=(H, W, 3), store="png")
    np.testing.assert_array_equal(feature.tensor(pa.array([RGB.reshape(-1).tolist()])), [RGB])


@pytest.mark.parametrize(("stored", "message"), [
    ([saved(RGB[:2])], r"a stored image is 2×16 pixels \(height×width\), expected 12×16"),
    ([saved(RGB), None], "1 of 2 stored images are null"),
    ([b"PK"], "a stored image isn't an image file"),
    ([saved(np.zeros((400, 400), np.uint8))], "a stored image is 400×400 = 160000 pixels, at most 192"),
])
def test_stored_files_that_differ_from_the_declaration_raise(stored: list[bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        files(store="png").decode(pa.array(stored, pa.binary()))


@pytest.mark.parametrize(("settings", "message"), [
    ({"shape": [8, 8, 2]}, r"1 \(grey\), 3 \(RGB\) or 4 \(RGBA\) channels; `shape` says 2"),
    ({"shape": [8, 8, 4], "store": "png"}, "needs 1 or 3 channels"),
    ({"encoded": False, "resize": "fit"}, "needs `encoded: true`"),
    ({"quality": 80}, "`quality` needs `store: jpeg`"),
    ({"store": "jpeg", "quality": 101}, "less than or equal to 100"),
    ({"resize": "shrink"}, "'none', 'stretch', 'fit' or 'crop'"),
    ({"max_pixels": 10**9}, "178000000"),
])
def test_invalid_settings_are_explained(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        files(**settings)


def test_a_jpeg_of_the_declared_shape_is_stored_unchanged() -> None:
    plain, grey, png = saved(RGB, "JPEG"), saved(RGB[..., 0], "JPEG"), saved(RGB)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    turned, large = saved(RGB, "JPEG", exif=exif.tobytes()), saved(np.tile(RGB, (2, 2, 1)), "JPEG")
    column = pa.array([plain, grey, png, large, turned], pa.binary())
    feature = files(store="jpeg", resize="stretch")
    stored = feature.encode(column).to_pylist()
    assert [new == old for new, old in zip(stored, column.to_pylist(), strict=True)] == [True] + [False] * 4
    assert all(file.startswith(b"\xff\xd8\xff") for file in stored)
    np.testing.assert_array_equal(feature.tensor(column)[0], files().tensor(column[:1])[0])


def test_every_file_has_the_configured_quality() -> None:
    plain = pa.array([saved(RGB, "JPEG", quality=95)], pa.binary())
    low, high = (files(store="jpeg", quality=quality).encode(plain)[0].as_py() for quality in (20, 95))
    assert len(low) < len(high) and low != plain[0].as_py()


@pytest.mark.parametrize("store", ["png", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_petastorms_codec_and_ours_read_each_others_files(store: str, channels: int) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("petastorm")
    from petastorm.codecs import CompressedImageCodec
    from petastorm.unischema import UnischemaField

    feature = files(store=store, shape=[H, W, channels])
    storage = feature.storage("photo")
    assert storage.codec == store
    codec = CompressedImageCodec(store)
    field = UnischemaField("photo", np.uint8, storage.shape, codec, False)
    column = pa.array([saved(RGB), saved(255 - RGB, "JPEG")], pa.binary())
    stored, ours = feature.encode(column), feature.tensor(column)
    for row, file in zip(ours, stored.to_pylist(), strict=True):
        np.testing.assert_array_equal(codec.decode(field, file), row.squeeze())
    pixels = files(shape=[H, W, channels]).tensor(column)
    theirs = [bytes(codec.encode(field, row.squeeze(-1) if channels == 1 else row)) for row in pixels]
    np.testing.assert_array_equal(feature.decode(pa.array(theirs, pa.binary())).squeeze(),
                                  [codec.decode(field, file) for file in theirs])


@pytest.mark.parametrize("settings", [
    {}, {"store": "png"}, {"store": "jpeg", "quality": 70}, {"store": "png", "shape": [H, W, 1]}], ids=str)
def test_make_reader_returns_the_same_tensors(tmp_path: Path, settings: dict[str, Any]) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("petastorm")
    from petastorm import make_reader

    from laketrain.convert.petastorm import common_metadata

    features = FeatureSet.of({"photo": files(**settings), "id": Key(column="id")})
    rows = [saved(np.roll(RGB, shift, 1), format_) for shift in range(3) for format_ in ("PNG", "JPEG")]
    names = [f"row {number}" for number in range(len(rows))]
    stored, _ = features.encode_batch(pa.table({"content": pa.array(rows, pa.binary()), "id": names}))
    pq.write_table(stored, tmp_path / "part-00000.parquet", row_group_size=4)
    (tmp_path / "_common_metadata").write_bytes(common_metadata("photos", features, {"part-00000.parquet": 2}))
    with make_reader(tmp_path.as_uri(), reader_pool_type="dummy", shuffle_row_groups=False) as reader:
        seen = {row.id: row.photo for row in reader}
    assert list(seen) == names
    np.testing.assert_array_equal([*seen.values()], features.tensors(stored)["photo"].squeeze())
