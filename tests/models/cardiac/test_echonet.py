"""Echo videos in the layout of EchoNet-Dynamic: what is read is what was written, what cannot be used is named."""

import csv
from pathlib import Path

import numpy as np
import pytest

from twin.models.cardiac.avi import UndecodableError, read_avi, write_avi
from twin.models.cardiac.clip import clip_by_time, shrunk
from twin.models.cardiac.echonet import FILES, TRACES, decoded, read_library
from twin.models.cardiac.phantom import Look, Phantom, make_phantom
from twin.models.cardiac.phantom_files import Named, traced_volume, write_library
from twin.models.cardiac.rhythm import find_rhythm
from twin.space import Floats

FPS, N = 25.0, 50
TIMES = np.arange(N) / FPS


def volume(largest: float = 120.0, rate: float = 75.0) -> Floats:
    return np.asarray(largest * (0.75 + 0.25 * np.cos(2 * np.pi * TIMES * rate / 60)))


def phantom(largest: float = 120.0, seed: int = 0, size: int = 56) -> Phantom:
    return make_phantom(volume(largest), FPS, 0, 10, Look(), size=size, seed=seed)


@pytest.fixture(scope="module")
def made() -> list[Named]:
    splits = ("TRAIN", "train", "Val", "TEST")
    return [Named(f"0X{i}", split, phantom(100.0 + 20 * i, i)) for i, split in enumerate(splits)]


@pytest.fixture
def root(made: list[Named], tmp_path: Path) -> Path:
    write_library(tmp_path, made)
    return tmp_path


def rewrite(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Rows of a table passed through ``change``."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(change(rows))


def test_the_loader_reads_the_counts_frames_and_volumes_that_were_written(root: Path, made: list[Named]) -> None:
    library = read_library(root)
    assert (len(library.videos), dict(library.dropped), library.notes()) == (4, {}, ())
    assert [v.split for v in library.videos] == ["TRAIN", "TRAIN", "VAL", "TEST"]
    assert [len(library.of(split)) for split in ("TRAIN", "VAL", "TEST")] == [2, 1, 1]
    for (video, frames), named in zip(decoded(library), made, strict=True):
        assert isinstance(frames, np.ndarray)
        assert frames.shape == named.phantom.frames.shape == (video.frames, 56, 56)
        assert (video.diastole, video.systole, video.fps) == (0, 10, FPS)
        truth = volume(100.0 + 20 * made.index(named))
        np.testing.assert_allclose([video.EDV, video.ESV], [truth[0], truth[10]], rtol=1e-6)
        assert pytest.approx(100 * (truth[0] - truth[10]) / truth[0], abs=1e-4) == video.EF
        read = [traced_volume(t, named.phantom.scale) for t in video.tracings]
        np.testing.assert_allclose(read, [truth[0], truth[10]], rtol=1e-5)
        assert np.abs(frames.astype(float) - named.phantom.frames).mean() < 4  # of 255, by JPEG


def test_names_may_carry_the_suffix_in_either_table(root: Path) -> None:
    rewrite(root / "FileList.csv", lambda rows: [rows[0], *([f"{r[0]}.avi", *r[1:]] for r in rows[1:])])
    rewrite(
        root / "VolumeTracings.csv", lambda rows: [rows[0], *([r[0].removesuffix(".avi"), *r[1:]] for r in rows[1:])]
    )
    library = read_library(root)
    assert [v.name for v in library.videos] == ["0X0", "0X1", "0X2", "0X3"]
    assert all(v.path.is_file() for v in library.videos)


def test_videos_with_fewer_than_two_traced_frames_are_dropped_and_counted(root: Path) -> None:
    rewrite(
        root / "VolumeTracings.csv", lambda rows: [r for r in rows if r[0] != "0X1.avi" and r[::5] != ["0X2.avi", "10"]]
    )
    library = read_library(root)
    assert [v.name for v in library.videos] == ["0X0", "0X3"]
    assert library.dropped == {"fewer than two traced frames": ("0X1", "0X2")}
    assert library.notes() == ("2 dropped: fewer than two traced frames: 0X1, 0X2",)


def test_videos_that_are_not_there_or_end_before_a_traced_frame_are_dropped_and_counted(root: Path) -> None:
    (root / "Videos" / "0X0.avi").unlink()
    rewrite(root / "FileList.csv", lambda rows: [[*r[:7], "9", r[8]] if r[0] == "0X3" else r for r in rows])
    assert read_library(root).dropped == {
        "no such file in Videos": ("0X0",),
        "a traced frame lies beyond the video's end": ("0X3",),
    }


def test_videos_that_do_not_decode_are_named_and_harm_no_other(root: Path) -> None:
    path = root / "Videos" / "0X1.avi"
    path.write_bytes(path.read_bytes()[:3000])
    (root / "Videos" / "0X2.avi").write_bytes(b"not a video")
    found = {video.name: frames for video, frames in decoded(read_library(root))}
    assert isinstance(found["0X0"], np.ndarray)
    assert isinstance(found["0X3"], np.ndarray)
    assert isinstance(found["0X1"], UndecodableError)
    assert "0X2.avi: expected an AVI file" in str(found["0X2"])


def test_another_codec_is_refused_with_a_way_out(tmp_path: Path) -> None:
    write_avi(tmp_path / "a.avi", phantom().frames, FPS)
    path = tmp_path / "a.avi"
    path.write_bytes(path.read_bytes().replace(b"vidsMJPG", b"vidsH264"))
    with pytest.raises(UndecodableError, match=r"motion-JPEG, got codec b'H264'; convert it, .*ffmpeg"):
        read_avi(path)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("FileList.csv", lambda rows: [r[:8] for r in rows], r"column 'Split' is missing"),
        ("FileList.csv", lambda rows: [rows[0], [*rows[1][:8], "dev"]], r"FileList\.csv:2: Split must be one of TRAIN"),
        (
            "FileList.csv",
            lambda rows: [rows[0], [*rows[1][:2], "x", *rows[1][3:]]],
            r"FileList\.csv:2: ESV must be a numb",
        ),
        (
            "FileList.csv",
            lambda rows: [rows[0], [*rows[1][:2], "500", *rows[1][3:]]],
            r"expected 0 < ESV <= EDV, got ESV",
        ),
        (
            "VolumeTracings.csv",
            lambda rows: [*rows[:5], ["0X0", "", *rows[5][2:]]],
            r"Tracings\.csv:6: X1 must be a num",
        ),
    ],
)
def test_wrong_tables_are_refused_with_file_and_line(root: Path, file: str, change, message: str) -> None:  # type: ignore[no-untyped-def]
    rewrite(root / file, change)
    with pytest.raises(ValueError, match=message):
        read_library(root)


def test_the_tables_have_the_columns_of_the_layout(root: Path) -> None:
    assert (root / "FileList.csv").read_text().splitlines()[0] == ",".join(FILES)
    assert (root / "VolumeTracings.csv").read_text().splitlines()[0] == "FileName,X1,Y1,X2,Y2,Frame" == ",".join(TRACES)


def test_clips_are_cut_by_time_whatever_the_cameras_rate() -> None:
    slow, fast = np.arange(60, dtype=np.uint8)[:, None, None], np.arange(120, dtype=np.uint8)[:, None, None]
    first = clip_by_time(slow, 25.0, rate=12.5, length=27)
    second = clip_by_time(fast, 50.0, rate=12.5, length=27)
    np.testing.assert_allclose(first.times, second.times)
    np.testing.assert_array_equal(second.frames, 2 * first.frames)
    assert first.mask.all()
    assert not first.short


def test_a_clip_beyond_the_videos_end_is_padded_and_one_without_a_whole_beat_says_so() -> None:
    frames = np.full((25, 2, 2), 7, dtype=np.uint8)
    clip = clip_by_time(frames, 25.0, rate=12.5, length=27)
    assert (clip.mask.sum(), clip.short) == (13, True)
    assert clip.frames[13:].max() == 0
    assert "covers 0.96 s, less than one beat" in clip.note
    assert not clip_by_time(frames, 25.0, rate=12.5, length=27, heart_rate=80.0).short


def test_a_clip_that_cannot_hold_one_and_a_half_beats_is_refused() -> None:
    with pytest.raises(ValueError, match=r"16 frames at 12\.5 a second cover 1\.20 s; 1\.5 beats last 2\.00 s: .* 26"):
        clip_by_time(np.zeros((50, 2, 2), dtype=np.uint8), 50.0, rate=12.5, length=16)


def test_images_of_twice_the_size_shrink_to_means_of_blocks() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 112, 112), dtype=np.uint8)
    small = shrunk(frames, 56)
    assert small.shape == (3, 56, 56)
    assert abs(float(small[1, 4, 5]) - frames[1, 8:10, 10:12].mean()) <= 0.5
    assert shrunk(frames, 50).shape == (3, 50, 50)


@pytest.mark.parametrize("rate", [48.0, 75.0, 110.0])
def test_heart_rate_and_start_of_systole_are_found_in_a_curve(rate: float) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(40) / 15.0
    phase = (times * rate / 60 + 0.3) % 1.0
    values = 4.5 - 0.8 * np.exp(-0.5 * ((phase - 0.4) / 0.12) ** 2) + 0.03 * rng.standard_normal(40)
    found = find_rhythm(times, values)
    assert found.rate == pytest.approx(rate, abs=2.5)
    assert 0 <= found.onset < 60 / rate
