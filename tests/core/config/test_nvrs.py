from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.config.shown import describe
from cctv_cli.core.units import Secret
from tests.core.config.conftest import SECRET, Load

Form = Callable[[str], str]
Problems = Callable[..., List[str]]

NVR = "[[nvrs]]\nid = 'nvr'\nkind = 'hikvision'\nhost = '192.168.1.200'\nchannels = [1, 2]\n"
LOGIN = f"username = 'admin'\npassword = '{SECRET}'\n"
CAMERA = "[[cameras]]\nid = 'front'\nrtsp_url = 'rtsp://cam/1'\n"


@pytest.fixture(params=["nvrs", "recorders"])
def form(request: pytest.FixtureRequest) -> Form:
    """Converts text to one of the two forms: the documented [[nvrs]] and NVR_<n>, or the former names."""
    if request.param == "nvrs":
        return str

    def former(text: str) -> str:
        text = re.sub(r"\bNVR_(?=[0-9]+_)", "RECORDER_", text)
        return re.sub(r"\bnvrs\b", "recorders", re.sub(r"\bnvr (?=[0-9] )", "recorder ", text))

    return former


@pytest.fixture
def load(load: Load, form: Form) -> Load:
    """Load text that is written in the documented form, converted to `form`."""

    def loading(toml: str = "", env: Optional[Dict[str, str]] = None, dotenv: str = "") -> Settings:
        return load(form(toml), {form(name): value for name, value in (env or {}).items()}, form(dotenv))

    return loading


def stream(number: str, host: str = "192.168.1.200", port: int = 554) -> RtspSource:
    return RtspSource(host, port, f"/Streaming/Channels/{number}", "admin", Secret(SECRET))


def without(key: str) -> str:
    return "".join(line for line in NVR.splitlines(keepends=True) if not line.startswith(key))


def test_every_channel_becomes_a_camera_with_main_and_sub_stream(load: Load) -> None:
    assert load(NVR.replace("[1, 2]", "[2, 1, 16]") + LOGIN).cameras == (
        Camera("nvr-2", "nvr 2", stream("201"), sub_source=stream("202")),
        Camera("nvr-1", "nvr 1", stream("101"), sub_source=stream("102")),
        Camera("nvr-16", "nvr 16", stream("1601"), sub_source=stream("1602")),
    )


def test_keys_apply_to_all_channels(load: Load) -> None:
    keys = "name = 'Warehouse'\nport = 8554\nsub_streams = false\nenabled = false\ntranscode = true\n"
    assert load(NVR + LOGIN + keys).cameras == tuple(
        Camera(f"nvr-{n}", f"Warehouse {n}", stream(f"{n}01", port=8554), enabled=False, transcode=True) for n in (1, 2)
    )


def test_a_channel_may_have_a_name_of_its_own(load: Load, form: Form) -> None:
    names = "name = 'Warehouse'\nnames.2 = 'Gate'\nnames.1 = ''\n"
    settings = load(NVR + names)
    assert [camera.name for camera in settings.cameras] == ["Warehouse 1", "Gate"]
    assert str(settings.origins["cameras.nvr-1.name"]) == form("cameras.toml: nvr 1 name")
    assert str(settings.origins["cameras.nvr-2.name"]) == form("cameras.toml: nvr 1 names")
    assert [camera.name for camera in load(NVR + "[nvrs.names]\n1 = 'Yard'\n").cameras] == ["Yard", "nvr 2"]


def test_an_nvr_may_have_an_empty_password(load: Load) -> None:
    cameras = load(NVR + "username = 'admin'\npassword = ''\n").cameras
    assert [camera.source for camera in cameras] == [
        replace(stream(number), password=Secret("")) for number in ("101", "201")
    ]


def test_a_password_file_applies_to_all_channels(load: Load, tmp_path: Path) -> None:
    (tmp_path / "nvr.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    cameras = load(NVR + "username = 'admin'\npassword_file = 'nvr.txt'\n").cameras
    assert [camera.source for camera in cameras] == [stream("101"), stream("201")]


def test_the_environment_overrides_key_by_key(load: Load, form: Form) -> None:
    env = {"NVR_7_ID": "nvr", "NVR_7_PASSWORD": SECRET, "NVR_7_CHANNELS": " 3, 4"}
    dotenv = "NVR_7_HOST=10.0.0.1\nNVR_7_PASSWORD=other\nNVR_7_PORT=8554\n"
    settings = load(NVR + "username = 'admin'\npassword = 'old'\n", env, dotenv)
    assert [camera.source for camera in settings.cameras] == [
        stream("301", "10.0.0.1", 8554),
        stream("401", "10.0.0.1", 8554),
    ]
    found = {key[len("cameras.nvr-3.") :]: str(origin) for key, origin in settings.origins.items() if "nvr-3" in key}
    assert found == {
        "name": "default",
        "enabled": "default",
        "audio": "default",
        "transcode": "default",
        "rtsp_url": form(".env: NVR_7_HOST"),
        "username": form("cameras.toml: nvr 1 username"),
        "password": form("environment: NVR_7_PASSWORD"),
        "sub_rtsp_url": form(".env: NVR_7_HOST"),
        "sub_rtsp_url.username": form("cameras.toml: nvr 1 username"),
        "sub_rtsp_url.password": form("environment: NVR_7_PASSWORD"),
    }


def test_the_environment_alone_is_enough(load: Load) -> None:
    values = {
        "ID": "nvr",
        "KIND": "Hikvision",
        "HOST": "nvr.local",
        "CHANNELS": "1",
        "USERNAME": "admin",
        "PASSWORD": SECRET,
        "SUB_STREAMS": "no",
        "NAME": "Shop",
    }
    settings = load(env={f"NVR_1_{key}": value for key, value in values.items()})
    assert settings.cameras == (Camera("nvr-1", "Shop 1", stream("101", "nvr.local")),)


def test_the_order_of_cameras(load: Load) -> None:
    env = {"CAMERA_1_ID": "env", "CAMERA_1_RTSP_URL": "rtsp://cam/2"}
    more = {"NVR_1_ID": "b", "NVR_1_KIND": "hikvision", "NVR_1_HOST": "h", "NVR_1_CHANNELS": "1"}
    toml = NVR.replace("'nvr'", "'z'") + NVR.replace("'nvr'", "'a'") + CAMERA
    ids = [camera.id for camera in load(toml, {**env, **more}).cameras]
    assert ids == ["front", "env", "z-1", "z-2", "a-1", "a-2", "b-1"]


@pytest.mark.parametrize(("general", "own", "transcode"), [("true", "", True), ("true", "false", False)])
def test_an_nvrs_own_transcode_overrides_the_general_one(load: Load, general: str, own: str, transcode: bool) -> None:
    settings = load(NVR + (f"transcode = {own}\n" if own else ""), {"TRANSCODE": general})
    assert {camera.transcode for camera in settings.cameras} == {transcode}


@pytest.mark.parametrize(
    ("host", "read"),
    [("nvr.local", "nvr.local"), ("fd00::5", "fd00::5"), ("[FD00:0::5]", "fd00::5"), (" 10.0.0.1 ", "10.0.0.1")],
)
def test_hosts(load: Load, host: str, read: str) -> None:
    source = load(NVR.replace("192.168.1.200", host) + LOGIN).cameras[0].source
    assert source == stream("101", read)


@pytest.mark.parametrize("id", ["a", "0", "NVR_2", "con", "a" * 61])
def test_every_nvr_id_gives_valid_camera_ids(load: Load, id: str) -> None:
    cameras = load(NVR.replace("'nvr'", f"'{id}'").replace("[1, 2]", "[64]")).cameras
    as_camera = load(CAMERA.replace("front", cameras[0].id)).cameras[0]
    assert cameras[0].id == as_camera.id == f"{id}-64"


@pytest.mark.parametrize("id", ["a b", "../a", ".a", "-a", "ä", "a" * 62, "a.b", "a/b"])
def test_invalid_ids(problems: Problems, form: Form, id: str) -> None:
    (problem,) = problems(form(NVR.replace("'nvr'", f"'{id}'")))
    assert problem.startswith(form("cameras.toml: nvr 1 ") + f'id = "{id}" is not an NVR id; write letters')


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (without("kind"), 'id = "nvr" is an NVR without kind; set its kind, such as hikvision.'),
        (without("host"), 'id = "nvr" is an NVR without host; set its host, such as 192.168.1.200.'),
        (without("channels"), 'id = "nvr" is an NVR without channels; set its channels, such as [1, 2].'),
        (without("id"), "nvr 1 kind is set for an NVR without an id; set its id, such as nvr."),
        ("[[nvrs]]", "nvr 1 is empty; give it an id, kind, host and channels, or remove its [[nvrs]]"),
        ("nvrs = 1", "nvrs is not a list of tables; begin each NVR with a line [[nvrs]]"),
        ("[nvrs]\nid = 'a'", "nvrs is not a list of tables; begin"),
        (NVR.replace("hikvision", "dahua"), 'kind = "dahua" is not a known kind of NVR; write hikvision, or'),
        (NVR.replace("'hikvision'", "1"), "nvr 1 kind = 1 is not text"),
        (NVR.replace("192.168.1.200", f"rtsp://u:{SECRET}@h/"), "nvr 1 host is not a host; write only a name or"),
        (NVR.replace("192.168.1.200", f"u:{SECRET}@h"), "nvr 1 host is not a host; write only a name or"),
        (NVR.replace("192.168.1.200", "h:554"), 'nvr 1 host = "h:554" is not a host; write only a name or'),
        (NVR.replace("192.168.1.200", "h/a"), 'host = "h/a" is not a host'),
        (NVR.replace("192.168.1.200", "fd00::g"), 'host = "fd00::g" is not a host'),
        (NVR.replace("'192.168.1.200'", "1"), "host = 1 is not text"),
        (NVR + "port = 0", "nvr 1 port = 0 is not a whole number from 1 to 65535; write one such as 554"),
        (NVR.replace("[1, 2]", "2"), "nvr 1 channels = 2 is not a list; write the numbers of the channels, such"),
        (NVR.replace("[1, 2]", "'1, 2'"), 'channels = "1, 2" is not a list; write the numbers of the channels, such'),
        (NVR.replace("[1, 2]", "[]"), "nvr 1 channels is an empty list; write the numbers of the channels, such"),
        (NVR.replace("[1, 2]", "[1, 2, 1]"), "nvr 1 channels has channel 1 more than once; write each channel"),
        (NVR.replace("[1, 2]", "['1']"), "nvr 1 channels has an entry that is not a whole number; write"),
        (NVR.replace("[1, 2]", "[true]"), "nvr 1 channels has an entry that is not a whole number"),
        (NVR.replace("[1, 2]", "[1.0]"), "nvr 1 channels has an entry that is not a whole number"),
        (NVR.replace("[1, 2]", "[0]"), "nvr 1 channels has 0, but channels are 1 to 64"),
        (NVR.replace("[1, 2]", "[65]"), "nvr 1 channels has 65, but channels are 1 to 64"),
        (NVR.replace("[1, 2]", "[101]"), "has 101, but channels are 1 to 64; write for example [1, 2], where 1"),
        (NVR + "names = 'Gate'", 'nvr 1 names = "Gate" is not a table; write names.1 = "Gate" for'),
        (NVR + "names.one = 'Gate'", 'nvr 1 names has "one", which is not a channel; write names.1 = "Gate"'),
        (NVR + "names.1 = 1", "nvr 1 names has a name for channel 1 that is not text; write it in quotes."),
        (NVR + 'names.1 = "a\\u0007"', "nvr 1 names has a name for channel 1 that contains a control character"),
        (
            NVR + "names.3 = 'Gate'",
            "nvr 1 names has a name for channel 3, which is not in cameras.toml: nvr 1 channels; add the",
        ),
        (NVR + "sub_streams = 'no'", 'nvr 1 sub_streams = "no" is not a boolean'),
        (NVR + "enabled = 1", "nvr 1 enabled = 1 is not a boolean"),
        (NVR + "transcode = 1", "nvr 1 transcode = 1 is not a boolean"),
        (NVR + "name = 1", "nvr 1 name = 1 is not text"),
        (NVR + "pasword = 'hunter2'", "nvr 1 pasword is not a known key; the nearest is password."),
        (NVR + "password = 'hunter2'", "nvr 1 password is a password without a user name; set the user name"),
        (NVR + "username = 'a:b'", "nvr 1 username has a colon in the user name"),
        (NVR + LOGIN + "password_file = 'x'", "nvr 1 password_file contradicts cameras.toml: nvr 1 passw"),
        (NVR + f"username = 'a'\npassword = '{126 * 'a'}'", "nvr 1 password makes user name and password 128"),
        (NVR + "rtsp_url = 'rtsp://cam/'", "nvr 1 rtsp_url is a key of [[cameras]], not of [[nvrs]]"),
        (
            NVR + NVR.replace("'nvr'", "'NVR'"),
            'nvr 2 id = "NVR" is taken by cameras.toml: nvr 1 id = "nvr"; give',
        ),
        (
            NVR.replace("'nvr'", "'NVR'") + CAMERA.replace("front", "nvr-1"),
            'camera 1 id = "nvr-1" is taken by channel 1 of cameras.toml: nvr 1 id = "NVR"; give the camera an',
        ),
        (
            NVR + CAMERA.replace("front", "NVR-2"),
            'camera 1 id = "NVR-2" is taken by channel 2 of cameras.toml: nvr 1 id = "nvr"; give the camera an',
        ),
    ],
)
def test_each_mistake_gets_one_sentence(problems: Problems, form: Form, toml: str, message: str) -> None:
    (problem,) = problems(form(toml))
    assert problem.startswith("cameras.toml: ")
    assert form(message) in problem


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[[nvr]]\nid = 'a'", "cameras.toml: nvr is not a known key; the nearest is nvrs."),
        ("[[recorder]]\nid = 'a'", "cameras.toml: recorder is not a known key; the nearest is recorders."),
        (CAMERA + "channels = [1]", "camera 1 channels is a key of [[nvrs]], not of [[cameras]]; write it there."),
    ],
)
def test_a_hint_names_the_table(problems: Problems, toml: str, message: str) -> None:
    (problem,) = problems(toml)
    assert message in problem


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"CHANNELS": "1;2"}, 'CHANNELS = "1;2" has an entry that is not a whole number; write the numbers of the'),
        ({"CHANNELS": "1,"}, 'CHANNELS = "1," has an entry that is not a whole number'),
        ({"CHANNELS": "1-4"}, "such as 1,2."),
        ({"CHANNELS": "101"}, 'CHANNELS = "101" has 101, but channels are 1 to 64; write for example 1,2, where'),
        ({"HOST": f"rtsp://u:{SECRET}@h/"}, "environment: NVR_1_HOST is not a host"),
        ({"NAMES": "x"}, "environment: NVR_1_NAMES is not a known variable; the nearest is NVR_1_NAME."),
        ({"PASWORD": SECRET}, "NVR_1_PASWORD is not a known variable; the nearest is NVR_1_PASSWORD."),
    ],
)
def test_bad_variables(problems: Problems, form: Form, env: Dict[str, str], message: str) -> None:
    prefix = form("NVR_1_")
    (problem,) = problems(form(NVR), {f"{prefix}ID": "nvr", **{prefix + key: value for key, value in env.items()}})
    assert problem.startswith(f"environment: {prefix}")
    assert form(message) in problem


def test_a_camera_of_the_environment_cannot_have_a_channels_id(problems: Problems, form: Form) -> None:
    env = {"CAMERA_3_ID": "nvr-1", "CAMERA_3_RTSP_URL": "rtsp://cam/1"}
    (problem,) = problems(form(NVR), env)
    owner = form("cameras.toml: nvr 1 id")
    assert problem.startswith(f'environment: CAMERA_3_ID = "nvr-1" is taken by channel 1 of {owner}')


def test_an_id_like_that_of_a_channel_is_free_if_there_is_no_such_channel(load: Load) -> None:
    assert [camera.id for camera in load(NVR + CAMERA.replace("front", "nvr-3")).cameras] == ["nvr-3", "nvr-1", "nvr-2"]


def test_all_problems_are_reported_at_once(problems: Problems, form: Form) -> None:
    toml = (
        "[[nvrs]]\nid = 'a b'\nkind = 'x'\nhost = 'h:1'\nport = 0\nchannels = []\nusername = 'a:b'\nidd = 1\n"
        "[[nvrs]]\nid = 'nvr'\nchannels = [1]\n[[cameras]]\nid = 'nvr-1'\nrtsp_url = 'x'\n"
    )
    found = problems(form(toml), dotenv=form(f"NVR_9_PASSWORD={SECRET}\nNVR_9_PORTS=1\n"))
    begins = [
        ".env: NVR_9_PORTS is not a known variable; the nearest is NVR_9_PORT.",
        "cameras.toml: nvr 1 idd is not a known key; the nearest is id.",
        'cameras.toml: nvr 1 id = "a b"',
        ".env: NVR_9_PASSWORD is set for an NVR without an id",
        'cameras.toml: nvr 1 kind = "x"',
        'cameras.toml: nvr 1 host = "h:1"',
        "cameras.toml: nvr 1 port = 0",
        "cameras.toml: nvr 1 channels is an empty list",
        "cameras.toml: nvr 1 username has a colon",
        'cameras.toml: nvr 2 id = "nvr" is an NVR without kind',
        'cameras.toml: nvr 2 id = "nvr" is an NVR without host',
        'cameras.toml: camera 1 id = "nvr-1" is taken by channel 1 of cameras.toml: nvr 2 id = "nvr"',
        "cameras.toml: camera 1 rtsp_url is not an RTSP URL",
    ]
    begins = [form(begin) for begin in begins]
    assert [problem[: len(begin)] for problem, begin in zip(found, begins)] == begins
    assert len(found) == len(begins)


def test_keys_that_an_unreadable_file_may_contain_are_not_reported_missing(problems: Problems, form: Form) -> None:
    (problem,) = problems("= broken", {form("NVR_1_ID"): "nvr", form("NVR_1_PASSWORD"): SECRET})
    assert "is not valid TOML" in problem


def test_what_is_shown_has_both_streams_and_no_password(load: Load, form: Form) -> None:
    settings = load(NVR + LOGIN + CAMERA)
    rows = describe(settings)
    assert {key for key, _, _ in rows} == set(settings.origins)
    assert [(key[len("cameras.nvr-2.") :], value, origin) for key, value, origin in rows if "nvr-2" in key] == [
        ("name", "nvr 2", "default"),
        ("enabled", "true", "default"),
        ("audio", "true", "default"),
        ("transcode", "false", "default"),
        ("rtsp_url", "rtsp://192.168.1.200:554", form("cameras.toml: nvr 1 host")),
        ("username", "admin", form("cameras.toml: nvr 1 username")),
        ("password", "***", form("cameras.toml: nvr 1 password")),
        ("sub_rtsp_url", "rtsp://192.168.1.200:554", form("cameras.toml: nvr 1 host")),
        ("sub_rtsp_url.username", "admin", form("cameras.toml: nvr 1 username")),
        ("sub_rtsp_url.password", "***", form("cameras.toml: nvr 1 password")),
    ]
    assert SECRET not in f"{settings!r} {settings} {settings.cameras}"


def test_retention_of_every_channel_and_of_one_camera(load: Load, form: Form) -> None:
    own = '[[cameras]]\nid = "gate"\nrtsp_url = "rtsp://h/1"\nmax_size = "1GB"\n'
    settings = load(f"{own}{NVR}retention_days = 7\n", {"NVR_1_ID": "nvr", "NVR_1_MAX_SIZE": "5GB"})
    found = {camera.id: (camera.retention_days, camera.max_size) for camera in settings.cameras}
    assert found == {"gate": (None, 10**9), "nvr-1": (7, 5 * 10**9), "nvr-2": (7, 5 * 10**9)}
    assert str(settings.origins["cameras.nvr-2.max_size"]) == form("environment: NVR_1_MAX_SIZE")
    assert ("cameras.nvr-1.retention_days", "7", form("cameras.toml: nvr 1 retention_days")) in describe(settings)


def test_audio_can_be_switched_off_for_all_channels(load: Load) -> None:
    nvr = "[[nvrs]]\nid = 'nvr'\nkind = 'hikvision'\nhost = 'nvr1'\nchannels = [1, 2]\n"
    env = {"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": "rtsp://cam/", "CAMERA_1_AUDIO": "off"}
    assert [camera.audio for camera in load(nvr + "audio = false\n", env).cameras] == [False, False, False]
    assert [camera.audio for camera in load(nvr, {"NVR_1_ID": "nvr", "NVR_1_AUDIO": "no"}).cameras] == [False, False]
    assert [camera.audio for camera in load(nvr).cameras] == [True, True]
