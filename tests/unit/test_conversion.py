"""Media made to fit: cut, scaled, turned, re-encoded; the originals are not changed."""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import av
import films
import pytest
from films import film
from PIL import Image

import motionkit as mk
from motionkit.conversion import cache, convert
from motionkit.conversion.color import cube
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model import probe
from motionkit.model.media import Data, File, Ref
from motionkit.model.recipe import Recipe
from motionkit.provider import MediaField, recipes

CLIP = MediaField("clip", "video", ("mp4", "mov"), max_side=120, max_seconds=30, max_bytes=10**6)
PICTURE = MediaField("image", "image", ("jpeg", "png"), max_side=100, max_bytes=10**6)
SOUND = MediaField("audio", "audio", ("mp3", "m4a"), max_seconds=1.5)
UPRIGHT = {"top left": "red", "top right": "green", "bottom left": "blue", "bottom right": "gray"}


def planned(reference: Ref, slot: MediaField = CLIP, **terms: Any) -> Recipe | None:
    """Return the recipe for a request with these terms."""
    request: mk.Request
    if slot.kind == "image":
        request, name = mk.ImageToVideo(image=reference, prompt="x", **terms), "image"
    elif slot.kind == "audio":
        request, name = mk.LipSync(video="film.mp4", audio=reference, **terms), "audio"
    else:
        request, name = mk.Mimic(image="hero.png", video=reference, **terms), "video"
    facts = probe.inspect(reference, name, details=True)
    return recipes.plan(name, request, reference, slot, facts)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., tuple[Path, probe.Facts]]:
    """Give a function that converts a file and returns the new one with its facts."""

    def make(path: Path, slot: MediaField = CLIP, **terms: Any) -> tuple[Path, probe.Facts]:
        before = path.read_bytes()
        reference = File(path)
        recipe = planned(reference, slot, **terms)
        assert recipe is not None
        file, facts = convert("video", reference, recipe, folder=tmp_path / "kept")
        assert path.read_bytes() == before
        said = recipe.made  # the quote rests on it
        assert (facts.kind, facts.container) == (said.kind, said.container)
        assert (facts.width, facts.height) == (said.width, said.height)
        return file.path, facts

    return make


Made = Callable[..., tuple[Path, probe.Facts]]


@attrs.define
class Counted:
    """A film, the recipe that makes it fit, and how often that was carried out."""

    reference: File
    recipe: Recipe
    folder: Path
    runs: int = 0

    def convert(self, reference: Ref | None = None) -> tuple[File, probe.Facts]:
        """Convert the film, or another reference to it."""
        return convert("video", reference or self.reference, self.recipe, folder=self.folder)


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Count the conversions of a film."""
    reference = File(film(tmp_path / "a.mp4", seconds=0.4))
    recipe = planned(reference, fit=True)
    assert recipe is not None
    found, make = Counted(reference, recipe, tmp_path / "kept"), cache._make

    def noted(*given: Any) -> Any:
        found.runs += 1
        return make(*given)

    monkeypatch.setattr(cache, "_make", noted)
    return found


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (-90, {"top right": "red", "bottom right": "green", "top left": "blue"}),
        (90, {"bottom left": "red", "top left": "green", "bottom right": "blue"}),
        (180, {"bottom right": "red", "bottom left": "green", "top right": "blue"}),
    ],
)
def test_a_turned_film_becomes_upright_and_keeps_its_shape(
    tmp_path: Path, made: Made, rotation: int, expected: dict[str, str]
) -> None:
    path, facts = made(film(tmp_path / "a.mp4", seconds=0.4, rotation=rotation), fit=True)
    assert (facts.width, facts.height) == ((72, 120) if rotation != 180 else (120, 72))
    found = films.corners(films.frames(path)[0])
    assert {name: color for name, color in found.items() if color != "gray"} == expected
    details = probe.inspect(File(path), "video", details=True).details
    assert details is not None
    assert not details.turned


def test_a_mirrored_film_becomes_as_it_is_shown(tmp_path: Path, made: Made) -> None:
    """A display matrix may mirror, too: some phones write it for the camera at the front."""
    path = film(tmp_path / "a.mp4", seconds=0.4, rotation=180)
    content = path.read_bytes()
    at = content.index(b"tkhd") + 4 + 40
    negative, one = (0xFFFF0000).to_bytes(4), (0x10000).to_bytes(4)
    matrix = content[at : at + 36]
    assert matrix[:4] == negative
    path.write_bytes(content[:at] + matrix[:16] + one + matrix[20:] + content[at + 36 :])
    found = films.corners(films.frames(made(path, fit=True)[0])[0])
    assert found == {
        "top right": "red",
        "top left": "green",
        "bottom right": "blue",
        "bottom left": "gray",
    }


def test_a_part_is_cut_to_the_frame_with_its_sound_in_step(tmp_path: Path, made: Made) -> None:
    source = film(tmp_path / "a.mp4", seconds=4.0, sound=True, size=(160, 96))
    path, facts = made(source, start=1.25, seconds=2)
    assert (facts.seconds, facts.seconds_high) == (2.0, 2.0)
    assert (facts.width, facts.height) == (160, 96)
    images = films.frames(path)
    assert len(images) == 50
    assert films.bar(images[0]) == pytest.approx(films.bar(films.frames(source)[31]), abs=0.03)
    # The tone of the original sounds from 0.5 to 1, 1.5 to 2, ... s: here from 0.25 and 1.25 on.
    loud = [one > 0.2 for one in films.loudness(path)]
    parts = [all(loud[7:14]), any(loud[17:24]), all(loud[27:34]), any(loud[1:4])]
    assert parts == [True, False, True, False]


def test_the_container_is_never_longer_than_the_film_that_was_quoted(
    tmp_path: Path, made: Made
) -> None:
    source = film(tmp_path / "a.mp4", seconds=3.0, sound=True, rate=Fraction(30_000, 1001))
    path, facts = made(source, seconds=2)
    assert (facts.seconds, facts.seconds_high) == (1.969, 1.969)  # 59 frames: 60 last 2.002 s
    with av.open(path) as container:
        lengths = [float(one.duration * one.time_base) for one in container.streams]  # type: ignore[operator]
        assert max(lengths) == lengths[0]
        assert lengths[0] - lengths[1] < 0.1


def test_frames_of_unequal_length_become_equally_long_at_the_same_moments(
    tmp_path: Path, made: Made
) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 1.0, 1.5, 1.54, 1.58, 1.9]
    source = film(tmp_path / "a.mp4", seconds=2.0, times=times)
    path, facts = made(source, fit=True)
    found = films.moments(path)
    steps = {round(after - before, 3) for before, after in itertools.pairwise(found)}
    assert len(steps) == 1
    images = films.frames(path)
    assert facts.seconds == pytest.approx(1.9, abs=0.25)
    for moment in (0.3, 0.8, 1.3):
        shown = max(one for one in times if one <= moment)
        image = images[min(int(moment / found[1]), len(images) - 1)]
        assert films.bar(image) == pytest.approx(shown / 2, abs=0.12)


def test_ten_bits_and_high_dynamic_range_become_eight_bits_of_standard_range(
    tmp_path: Path, made: Made
) -> None:
    source = film(
        tmp_path / "a.mov",
        seconds=0.4,
        codec="libx265",
        pixels="yuv420p10le",
        transfer=18,
        options={"x265-params": "log-level=none"},
    )
    path, facts = made(source, fit=True)
    assert facts.codec == "h264"
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        assert context.pix_fmt == "yuv420p"
        assert (context.color_trc, context.color_primaries, context.colorspace) == (1, 1, 1)
    assert films.corners(films.frames(path)[0]) == UPRIGHT


@pytest.mark.parametrize(("signal", "white"), [("hlg", 0.75), ("pq", 0.58)])
def test_white_of_high_dynamic_range_stays_bright_and_gray_stays_gray(
    signal: str, white: float
) -> None:
    """Graphics white is 75 % of HLG and 58 % of PQ, ITU-R BT.2408."""
    lines = cube(signal).splitlines()[1:]
    diagonal = [[float(one) for one in lines[n * (33 * 33 + 33 + 1)].split()] for n in range(33)]
    assert all(max(color) - min(color) < 0.01 for color in diagonal)
    light = [color[1] for color in diagonal]
    assert light == sorted(light)
    assert light[0] == 0
    assert 0.85 < light[round(white * 32)] < 0.97
    assert light[-1] == pytest.approx(1.0, abs=0.01)


def test_pixels_that_are_not_square_become_square(tmp_path: Path, made: Made) -> None:
    source = film(tmp_path / "a.mp4", seconds=0.4, size=(60, 100), shape=Fraction(2))
    _, facts = made(source, seconds=0.2)
    assert (facts.width, facts.height) == (120, 100)


def test_odd_sides_become_even(tmp_path: Path, made: Made) -> None:
    source = film(tmp_path / "a.mp4", seconds=0.4, size=(95, 51), pixels="yuv444p")
    _, facts = made(source, seconds=0.2)
    assert (facts.width, facts.height) == (94, 50)


def test_a_film_is_made_as_small_as_the_target_wants(tmp_path: Path, made: Made) -> None:
    source = film(tmp_path / "a.mp4", seconds=3.0, size=(120, 72), noise=True, sound=True)
    slot = attrs.evolve(CLIP, max_bytes=150_000)
    assert source.stat().st_size > 200_000
    path, facts = made(source, slot, fit=True)
    assert (facts.size or 0) <= 150_000
    assert facts.seconds == 3.0
    assert path.stat().st_size == facts.size


def test_a_film_that_cannot_be_so_small_is_refused_with_size_and_limit(
    tmp_path: Path, made: Made
) -> None:
    source = film(tmp_path / "a.mp4", seconds=3.0, size=(120, 72), sound=True)
    with pytest.raises(InvalidRequest, match="still has") as caught:
        made(source, attrs.evolve(CLIP, max_bytes=2_500), fit=True)
    assert (caught.value.field, caught.value.limit) == ("video", "at most 2,500 bytes")
    assert not [one for one in (tmp_path / "kept").iterdir() if one.name.startswith(".")]


def test_another_container_is_written_as_one_that_the_target_takes(
    tmp_path: Path, made: Made
) -> None:
    source = film(tmp_path / "a.mkv", seconds=0.4, size=(96, 64), sound=True)
    _, facts = made(source, fit=True)
    assert (facts.container, facts.codec) == ("mp4", "h264")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_becomes_upright(tmp_path: Path, made: Made, orientation: int) -> None:
    turns: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = films.picture(160, 96).transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    path, facts = made(tmp_path / "a.jpg", PICTURE, fit=True)
    assert (facts.width, facts.height) == (100, 60)
    with Image.open(path) as image:
        assert films.corners(image) == UPRIGHT
        assert 0x0112 not in image.getexif()


def test_a_transparent_picture_stays_transparent_where_the_target_takes_it(
    tmp_path: Path, made: Made
) -> None:
    image = films.picture(160, 96).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "a.webp", lossless=True)
    path, facts = made(tmp_path / "a.webp", PICTURE, fit=True)
    assert facts.container == "png"
    with Image.open(path) as found:
        assert found.has_transparency_data
    opaque = attrs.evolve(PICTURE, formats=("jpeg",))
    path, facts = made(tmp_path / "a.webp", opaque, fit=True)
    with Image.open(path) as found:  # white shows through, not black
        color = found.convert("RGB").getpixel((50, 2))
    assert isinstance(color, tuple)
    assert min(color) > 200


def test_a_large_picture_is_compressed_before_it_is_scaled(tmp_path: Path, made: Made) -> None:
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    noise.save(tmp_path / "a.png")
    slot = attrs.evolve(PICTURE, max_side=400, max_bytes=60_000)
    _, facts = made(tmp_path / "a.png", slot, fit=True)
    assert (facts.container, facts.width) == ("jpeg", 400)
    assert (facts.size or 0) <= 60_000


@pytest.mark.parametrize(("ending", "codec"), [("wav", "pcm_s16le"), ("m4a", "aac")])
def test_a_recording_is_cut_to_the_longest_that_the_target_takes(
    tmp_path: Path, made: Made, ending: str, codec: str
) -> None:
    source = films.recording(tmp_path / f"a.{ending}", codec=codec)
    path, facts = made(source, SOUND, fit=True)
    assert facts.kind == "audio"
    assert 1.3 < (facts.seconds or 0) <= 1.5
    assert (facts.seconds_high or 0) <= 1.5
    assert max(films.loudness(path)[12:18]) > 0.2


def test_a_conversion_is_made_once_and_again_where_it_is_missing_or_broken(
    counted: Counted,
) -> None:
    first, facts = counted.convert()
    assert (counted.convert(), counted.runs) == ((first, facts), 1)
    first.path.write_bytes(first.path.read_bytes()[:-100])
    counted.convert()
    assert counted.runs == 2
    first.path.unlink()
    counted.convert(Data(counted.reference.path.read_bytes()))
    assert counted.runs == 3
    assert [one.name for one in counted.folder.iterdir()] == [first.path.name]
    assert first.path.stat().st_mode & 0o777 == 0o600


def test_threads_that_need_the_same_file_make_it_once(counted: Counted) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: counted.convert(), range(4)))
    assert counted.runs == 1
    assert len({facts.sha256 for _, facts in found}) == 1


def test_the_folder_keeps_its_limit_and_what_was_used_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    for number, age in enumerate((50_000, 40_000, 30_000, 10)):
        path = folder / f"{number}.mp4"
        path.write_bytes(b"x" * 1000)
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))
    (folder / ".making-left").mkdir()
    os.utime(folder / ".making-left", (0, 0))
    monkeypatch.setattr(cache, "MOST_BYTES", 2500)
    new = folder / "new.mp4"
    new.write_bytes(b"x" * 1000)
    cache._make_room(folder, new)
    assert sorted(one.name for one in folder.iterdir()) == ["3.mp4", "new.mp4"]


def test_what_a_cancelled_conversion_began_is_removed(tmp_path: Path) -> None:
    class EndedError(Exception):
        pass

    def end() -> None:
        raise EndedError

    reference = File(film(tmp_path / "a.mp4", seconds=0.4))
    recipe = planned(reference, fit=True)
    assert recipe is not None
    with pytest.raises(EndedError):
        convert("video", reference, recipe, end, folder=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_an_original_that_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    reference = File(film(tmp_path / "a.mp4", seconds=0.4))
    recipe = planned(reference, fit=True)
    assert recipe is not None
    film(tmp_path / "a.mp4", seconds=0.6)
    with pytest.raises(InvalidRequest, match=r"a\.mp4 has changed"):
        convert("video", reference, recipe, folder=tmp_path / "kept")


def test_without_pyav_the_error_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = File(film(tmp_path / "a.mp4", seconds=0.4))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ConfigError, match="without PyAV and Pillow") as caught:
        planned(reference, fit=True)
    assert caught.value.hint == "install them: pip install 'motionkit[media]'"


# What is planned.


def test_what_fits_is_sent_as_it_is(tmp_path: Path) -> None:
    assert planned(File(film(tmp_path / "a.mp4", size=(96, 64))), fit=True) is None
    films.picture(64, 64).save(tmp_path / "a.png")
    assert planned(File(tmp_path / "a.png"), PICTURE, fit=True) is None
    assert planned(File(film(tmp_path / "b.mp4", size=(640, 480), seconds=0.2))) is None


def test_nothing_is_ever_enlarged_or_prolonged(tmp_path: Path) -> None:
    slot = attrs.evolve(CLIP, min_side=640, min_seconds=5)
    assert (
        planned(File(film(tmp_path / "a.mp4", size=(96, 64), seconds=0.2)), slot, fit=True) is None
    )


@pytest.mark.parametrize(
    ("terms", "field", "value", "limit"),
    [
        ({"start": 5}, "start", "5", "less than 2 s"),
        ({"start": 1.5, "seconds": 1}, "seconds", "1", "at most 0.5 s"),
        ({"start": -1}, "start", "-1", "at least 0"),
        ({"seconds": 0}, "seconds", "0", "more than 0"),
        ({"seconds": float("nan")}, "seconds", "nan", "more than 0"),
        ({"seconds": True}, "seconds", "True", "more than 0"),
    ],
)
def test_a_part_that_the_clip_does_not_have_is_refused(
    tmp_path: Path, terms: dict[str, Any], field: str, value: str, limit: str
) -> None:
    path = film(tmp_path / "a.mp4", seconds=2.0)
    with pytest.raises(InvalidRequest) as caught:
        planned(File(path), **terms)
    assert (caught.value.field, caught.value.value, caught.value.limit) == (field, value, limit)


def test_only_a_clip_on_this_machine_is_cut() -> None:
    with pytest.raises(InvalidRequest, match="not on this machine, so it cannot be cut"):
        planned(mk.Uploaded("17"), seconds=3)
    with pytest.raises(InvalidRequest, match="takes no clip"):
        mk.ImageToVideo(image="a.png", prompt="x", seconds=3)
    assert planned(mk.Uploaded("17"), fit=True) is None


def test_rates_are_the_usual_ones_and_at_most_sixty(tmp_path: Path) -> None:
    details = probe.Details(width=10, height=10, rate=Fraction(2997, 100))
    assert recipes._rate(details) == Fraction(30_000, 1001)
    assert recipes._rate(attrs.evolve(details, rate=Fraction(240))) == 60
    assert recipes._rate(attrs.evolve(details, rate=Fraction(5))) == 5
    assert recipes._rate(attrs.evolve(details, rate=None)) == 30


def test_a_recipe_says_what_becomes_of_what(tmp_path: Path) -> None:
    recipe = planned(File(film(tmp_path / "a.mp4", sound=True)), fit=True, start=0.5)
    assert recipe is not None
    size = (tmp_path / "a.mp4").stat().st_size
    assert str(recipe) == (
        f"a.mp4: 2.0 s, 160x96 h264 mp4, {size / 1000:.1f} kB -> 1.5 s, 120x72 h264 mp4 from 0.5 s "
        "on, with its sound (cut, at most 120 pixels wide or high)"
    )


# The request that it belongs to.


def facts_of(content: bytes) -> dict[str, probe.Facts]:
    digest = hashlib.sha256(content).hexdigest()
    return {"image": probe.Facts("i", sha256="0"), "video": probe.Facts("v", sha256=digest)}


def test_a_request_is_recognised_by_its_originals_and_their_part() -> None:
    plain = mk.Mimic(image=b"i", video=b"v")
    facts = facts_of(b"v")
    known = plain.fingerprint(facts)
    assert mk.Mimic(image=b"i", video=b"v", fit=True).fingerprint(facts) == known
    assert mk.Mimic(image=b"i", video=b"v", start=0).fingerprint(facts) == known
    cut = mk.Mimic(image=b"i", video=b"v", start=1).fingerprint(facts)
    assert cut != known
    assert mk.Mimic(image=b"i", video=b"v", start=1.0, fit=True).fingerprint(facts) == cut
    assert mk.Mimic(image=b"i", video=b"v", start=1, seconds=2).fingerprint(facts) != cut
    described = mk.Mimic(image=b"i", video=b"v", seconds=2).describe()
    assert described["seconds"] == 2


def test_bytes_are_converted_like_files(tmp_path: Path) -> None:
    buffer = io.BytesIO(film(tmp_path / "a.mp4", seconds=0.4).read_bytes())
    reference = Data(buffer.getvalue())
    recipe = planned(reference, fit=True)
    assert recipe is not None
    _, facts = convert("video", reference, recipe, folder=tmp_path / "kept")
    assert (facts.width, facts.label) == (120, reference.label)


@pytest.mark.parametrize("color", [(0.55, 0.35, 0.28), (0.2, 0.5, 0.3), (0.7, 0.7, 0.7)])
def test_a_color_of_standard_range_that_was_recorded_as_hlg_comes_back(
    color: tuple[float, float, float],
) -> None:
    """The way from BT.709 to HLG is that of BT.2087 and BT.2100, with white at 203 cd/m2."""
    to_2020 = (
        (0.6274, 0.3293, 0.0433),
        (0.0691, 0.9195, 0.0114),
        (0.0164, 0.0880, 0.8956),
    )
    light = [203 * one**2.2 for one in color]
    wide = [sum(a * b for a, b in zip(row, light, strict=True)) / 1000 for row in to_2020]
    luma = sum(a * b for a, b in zip((0.2627, 0.678, 0.0593), wide, strict=True))
    scene = [one * luma ** (1 / 1.2 - 1) for one in wide]
    signal = [
        math.sqrt(3 * one)
        if one <= 1 / 12
        else 0.17883277 * math.log(12 * one - 0.28466892) + 0.55991073
        for one in scene
    ]
    red, green, blue = (round(one * 32) for one in signal)
    line = cube("hlg").splitlines()[1 + red + 33 * green + 33 * 33 * blue]
    assert [float(one) for one in line.split()] == pytest.approx(color, abs=0.06)
