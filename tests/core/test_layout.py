from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Optional

import pytest

from cctv_cli.core.clock import local_time, zone
from cctv_cli.core.layout import (
    MP4,
    CameraLayout,
    RecordingName,
    is_camera_id,
    is_day,
    is_hour,
    is_run,
    live_init_name,
    login_files,
    media_suffix,
    parse_incoming,
    parse_live_init,
    parse_live_segment,
    parse_recording,
    recording_name,
)

BERLIN = zone("Europe/Berlin")
FIRST_0230 = 1792888200.0  # 2026-10-25, in the repeated hour

HOSTILE = [
    "",
    ".",
    "..",
    "/",
    "../14",
    "14/..",
    "..\\14",
    "C:",
    "14\n",
    "\n14",
    "14\0",
    " 14",
    "14 ",
    "+4",
    "-4",
    "1_4",
    "١٤",
    "１４",
    "1⁴",
]


@pytest.mark.parametrize(
    ("name", "day", "hour", "file"),
    [
        (RecordingName("2026-11-23", "14", 41), "2026-11-23", "14", "41.ts"),
        (RecordingName("2026-11-23", "14", 41, 1), "2026-11-23", "14", "41-1.ts"),
        (RecordingName("2026-11-23", "00", 0), "2026-11-23", "00", "00.ts"),
        (RecordingName("2024-02-29", "23", 59, 12), "2024-02-29", "23", "59-12.ts"),
        (RecordingName("2026-11-23", "09", 5, 9999), "2026-11-23", "09", "05-9999.ts"),
    ],
)
def test_recording_names_read_back(name: RecordingName, day: str, hour: str, file: str) -> None:
    assert (name.day, name.hour, name.file) == (day, hour, file)
    assert name.in_day == f"{hour}/{file}"
    assert parse_recording(day, hour, file) == name


def test_every_minute_of_the_days_around_the_end_of_summer_time_reads_back() -> None:
    start = datetime.fromtimestamp(FIRST_0230 - 86_400, BERLIN)
    for minutes in range(2 * 24 * 60):
        name = recording_name(start + timedelta(minutes=minutes), take=minutes % 3)
        assert parse_recording(name.day, name.hour, name.file) == name


def test_a_repeated_hour_has_the_same_names_twice() -> None:
    first, second = (recording_name(local_time(FIRST_0230 + later, BERLIN)) for later in (0, 3600))
    assert first == second == RecordingName("2026-10-25", "02", 30)


@pytest.mark.parametrize(
    "file",
    [
        *HOSTILE,
        "41",
        "41.mkv",
        "41.TS",
        "41.ts\n",
        "41.ts/",
        "./41.ts",
        "../41.ts",
        "/41.ts",
        "41.ts\0",
        "60.ts",
        "4.ts",
        "041.ts",
        "41-0.ts",
        "41-01.ts",
        "41-.ts",
        "41--1.ts",
        "41-10000.ts",
        "41-1-1.ts",
        "٤١.ts",
        "41-١.ts",
        "41.ts.tmp",
        "playlist.m3u8",
        "journal.jsonl",
    ],
)
def test_no_other_file_name_is_a_recording(file: str) -> None:
    assert parse_recording("2026-11-23", "14", file) is None


@pytest.mark.parametrize(
    ("day", "hour"),
    [("2026-02-29", "14"), ("..", "14"), ("2026-11-23", ".."), ("2026-11-23", "24"), ("2026-11-23/..", "14")],
)
def test_a_valid_file_name_in_an_invalid_folder_is_no_recording(day: str, hour: str) -> None:
    assert parse_recording(day, hour, "41.ts") is None


@pytest.mark.parametrize("text", ["2026-11-23", "2024-02-29", "1970-01-01", "9999-12-31"])
def test_days_are_real_dates(text: str) -> None:
    assert is_day(text)


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "0000-01-01",
        "2026-11-23\n",
        "2026-11-23/",
        "../2026-11-23",
        "2026-1-23",
        "20261123",
        "2026-11-23T14",
        "٢٠٢٦-١١-٢٣",
        "2026–11–23",
    ],
)
def test_nothing_else_is_a_day(text: str) -> None:
    assert not is_day(text)


@pytest.mark.parametrize("text", ["00", "09", "10", "19", "20", "23"])
def test_hours_are_two_digits(text: str) -> None:
    assert is_hour(text)


@pytest.mark.parametrize("text", [*HOSTILE, "24", "99", "1", "001"])
def test_nothing_else_is_an_hour(text: str) -> None:
    assert not is_hour(text)


@pytest.mark.parametrize(
    ("name", "number"), [("segment0.ts", 0), ("segment7.ts", 7), ("segment123456789.ts", 123456789)]
)
def test_live_segments_read_back(name: str, number: int) -> None:
    assert parse_live_segment(name) == number
    assert CameraLayout(Path("hls"), "cam1").live_segment(number).name == name


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        "segment.ts",
        "segment07.ts",
        "segment-1.ts",
        "segment1.ts\n",
        "segment1.m4s",
        "../segment1.ts",
        "segment١.ts",
        "segment1_0.ts",
        "segment9999999999999.ts",
        "live.m3u8",
        "Segment1.ts",
    ],
)
def test_nothing_else_is_a_live_segment(name: str) -> None:
    assert parse_live_segment(name) is None


@pytest.mark.parametrize(("name", "number"), [("000000.ts", 0), ("000041.ts", 41), ("1000000.ts", 1_000_000)])
def test_incoming_files_read_back(name: str, number: int) -> None:
    assert parse_incoming(name) == number
    assert CameraLayout(Path("hls"), "cam1").incoming_file("0123456789abcdef", number).name == name


@pytest.mark.parametrize(
    "name", [*HOSTILE, "41.ts", "000041", "000041.ts\n", "../000041.ts", "٠٠٠٠٤١.ts", "0000041.ts", "stderr"]
)
def test_nothing_else_is_an_incoming_file(name: str) -> None:
    assert parse_incoming(name) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0123456789abcdef", True),
        ("0123456789ABCDEF", False),
        ("0123456789abcde", False),
        ("0123456789abcdef\n", False),
        ("0123456789abcdef0", False),
        ("../456789abcdef01", False),
        ("..", False),
        ("", False),
    ],
)
def test_run_ids_are_sixteen_hexadecimal_digits(name: str, expected: bool) -> None:
    assert is_run(name) is expected


@pytest.mark.parametrize(
    ("live_path", "live"),
    [(None, "hls/cam1/live"), (Path("ram"), "ram/cam1/live")],
    ids=["in the storage", "elsewhere"],
)
def test_the_paths_of_a_camera(live_path: Optional[Path], live: str) -> None:
    layout = CameraLayout(Path("hls"), "cam1", live_path)
    assert layout.live == Path(live)
    assert layout.live_playlist == Path(live, "live.m3u8")
    assert layout.live_segment(12) == Path(live, "segment12.ts")
    assert layout.run_folder("0123456789abcdef") == Path("hls/cam1/.incoming/0123456789abcdef")
    assert layout.incoming_file("0123456789abcdef", 3) == Path("hls/cam1/.incoming/0123456789abcdef/000003.ts")
    assert layout.journal("2026-11-23") == Path("hls/cam1/recordings/2026-11-23/journal.jsonl")
    assert layout.hour_playlist("2026-11-23", "14") == Path("hls/cam1/recordings/2026-11-23/14/playlist.m3u8")
    name = RecordingName("2026-11-23", "14", 41, 1)
    assert layout.recording(name) == Path("hls/cam1/recordings/2026-11-23/14/41-1.ts")
    assert layout.recording(name) == layout.day(name.day) / name.in_day


def test_two_cameras_share_no_path() -> None:
    one, two = (vars(CameraLayout(Path("hls"), camera_id, Path("ram"))) for camera_id in ("cam1", "cam10"))
    assert not set(one.values()) & set(two.values())


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".ts"), ("hevc", ".mp4"), ("", ".ts")])
def test_h265_is_stored_in_fragmented_mp4(codec: str, suffix: str) -> None:
    assert media_suffix(codec) == suffix


def test_a_recording_in_mp4_reads_back() -> None:
    name = parse_recording("2026-10-25", "02", "30-1.mp4")
    assert name is not None
    assert (name.minute, name.take, name.suffix, name.in_day) == (30, 1, ".mp4", "02/30-1.mp4")


@pytest.mark.parametrize("name", ["init7.ts", "init.mp4", "init07.mp4", "init7.mp4.tmp", "xinit7.mp4"])
def test_no_other_name_is_an_initialization_section(name: str) -> None:
    assert parse_live_init(live_init_name(7)) == 7
    assert parse_live_init(name) is None


def test_a_sub_stream_has_its_own_files_but_shares_the_stop_file(tmp_path: Path) -> None:
    main, sub = CameraLayout(tmp_path, "cam1"), CameraLayout(tmp_path, "cam1", sub=True)
    assert sub.live == main.live / "sub"
    assert sub.run_file == main.folder / "sub" / ".run.json"
    assert sub.stopped_file == main.stopped_file
    assert CameraLayout(tmp_path, "cam1", tmp_path / "ram", sub=True).live == tmp_path / "ram" / "cam1" / "live" / "sub"


# Names that Windows forbids: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]\Z|(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)')


@pytest.mark.parametrize("sub", [False, True])
def test_every_name_is_legal_on_windows(sub: bool) -> None:
    root = Path("hls")
    layout = CameraLayout(root, "camera_01", sub=sub)
    name = RecordingName("2026-11-23", "14", 41, 1, MP4)
    paths = [value for value in vars(layout).values() if isinstance(value, Path)]
    paths += [layout.live_segment(12), layout.live_init(3), layout.incoming_file("00c0ffee00c0ffee", 7)]
    paths += [layout.journal(name.day), layout.hour_playlist(name.day, name.hour), layout.recording(name)]
    paths += login_files(root)
    assert len(paths) > 15
    for path in paths:
        assert [part for part in path.parts if FORBIDDEN.search(part)] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("front", True), ("Cam-1_b", True), ("a" * 64, True), ("a" * 65, False)]
    + [(name, False) for name in ("", ".logins", "_a", "-a", "lost+found", "a b", "a/b", "a\n", "ü")],
)
def test_which_names_are_camera_ids(name: str, expected: bool) -> None:
    assert is_camera_id(name) is expected
