from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

import pytest

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.config.shown import describe
from cctv_cli.core.units import Secret
from tests.core.config.conftest import SECRET, Load

MAIN = "rtsp://cam/Streaming/Channels/101"
SUB = "rtsp://cam/Streaming/Channels/102"


def camera(rtsp_url: str = MAIN, **keys: str) -> str:
    lines = {"id": "front", "rtsp_url": rtsp_url, **keys}
    return "[[cameras]]\n" + "".join(f"{key} = '{value}'\n" for key, value in lines.items())


def sub(load: Load, *args: object, **kwargs: object) -> RtspSource:
    (only,) = load(*args, **kwargs).cameras
    assert only.sub_source is not None
    return only.sub_source


def test_without_the_key_there_is_no_sub_stream(load: Load) -> None:
    for toml in (camera(), camera(sub_rtsp_url="")):
        settings = load(toml)
        assert settings.cameras[0].sub_source is None
        assert not any("sub_rtsp_url" in key for key, _, _ in describe(settings))


@pytest.mark.parametrize(
    ("toml", "env", "dotenv", "target", "origin"),
    [
        (camera(sub_rtsp_url="rtsp://cam/file"), {}, "", "/file", "cameras.toml: camera 1 sub_rtsp_url"),
        (
            camera(sub_rtsp_url="rtsp://cam/file"),
            {},
            "CAMERA_1_SUB_RTSP_URL=rtsp://cam/dotenv\n",
            "/dotenv",
            ".env: CAMERA_1_SUB_RTSP_URL",
        ),
        (
            camera(sub_rtsp_url="rtsp://cam/file"),
            {"CAMERA_1_SUB_RTSP_URL": "rtsp://cam/environment"},
            "CAMERA_1_SUB_RTSP_URL=rtsp://cam/dotenv\n",
            "/environment",
            "environment: CAMERA_1_SUB_RTSP_URL",
        ),
    ],
)
def test_each_layer_overrides_the_ones_below(
    load: Load, toml: str, env: Dict[str, str], dotenv: str, target: str, origin: str
) -> None:
    settings = load(toml, {"CAMERA_1_ID": "front", **env}, dotenv)
    assert settings.cameras[0].sub_source == RtspSource("cam", 554, target)
    assert str(settings.origins["cameras.front.sub_rtsp_url"]) == origin


Login = Tuple[Optional[str], Optional[str]]


@pytest.mark.parametrize(
    ("toml", "env", "login"),
    [
        # the camera's login, from keys or URL
        (camera(sub_rtsp_url=SUB, username="u", password="p"), {}, ("u", "p")),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url=SUB), {}, ("u", "p")),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url=SUB), {"CAMERA_1_PASSWORD": "new"}, ("u", "new")),
        (camera("rtsp://u:p@CAM:554/1", sub_rtsp_url="rtsp://cam/2"), {}, ("u", "p")),
        # the same user: one password for both streams, from the higher layer
        (camera(sub_rtsp_url="rtsp://u@cam/2", username="u", password="p"), {}, ("u", "p")),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://u:p@cam/2"), {"CAMERA_1_PASSWORD": "new"}, ("u", "new")),
        (camera("rtsp://u:p@cam/1"), {"CAMERA_1_SUB_RTSP_URL": "rtsp://u:new@cam/2"}, ("u", "new")),
        # a login of its own
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://v:q@cam/2"), {}, ("v", "q")),
        (camera(sub_rtsp_url="rtsp://v:q@cam/2"), {}, ("v", "q")),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://v:q@nas/2"), {}, ("v", "q")),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://u:q@nas/2"), {}, ("u", "q")),
    ],
)
def test_login_of_the_sub_stream(load: Load, toml: str, env: Dict[str, str], login: Login) -> None:
    source = sub(load, toml, {"CAMERA_1_ID": "front", **env})
    assert (source.username, source.password and source.password.reveal()) == login


@pytest.mark.parametrize(
    ("main", "other"),
    [
        ("rtsp://u:p@cam/1", "rtsp://nas/2"),
        ("rtsp://u:p@cam/1", "rtsp://cam:8554/2"),
        ("rtsps://u:p@cam:322/1", "rtsp://cam:322/2"),
        ("rtsp://u:p@[2001:db8::1]/1", "rtsp://[2001:db8::2]/2"),
    ],
)
def test_no_password_goes_to_another_address(load: Load, main: str, other: str) -> None:
    for toml in (camera(main, sub_rtsp_url=other), camera(main.replace("u:p@", ""), sub_rtsp_url=other, username="u")):
        settings = load(toml, {"CAMERA_1_ID": "front", "CAMERA_1_PASSWORD": "p"})
        (only,) = settings.cameras
        assert isinstance(only.source, RtspSource) and only.source.password == Secret("p")
        assert only.sub_source is not None
        assert (only.sub_source.username, only.sub_source.password) == (None, None)
        shown = {key: value for key, value, _ in describe(settings)}
        assert shown["cameras.front.sub_rtsp_url.password"] == "(none)"


def test_another_user_does_not_get_the_password(load: Load) -> None:
    source = sub(load, camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://v@cam/2"))
    assert (source.username, source.password) == ("v", None)
    source = sub(load, camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://u@nas/2"))
    assert (source.username, source.password) == ("u", None)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            camera(MAIN, sub_rtsp_url=MAIN),
            "camera 1 sub_rtsp_url is the same stream as cameras.toml: camera 1 rtsp_url; write the URL of",
        ),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://u:p@CAM:554/1"), "camera 1 sub_rtsp_url is the same stream"),
        (camera("rtsp://u:p@cam/1", sub_rtsp_url="rtsp://v:q@cam/1"), "camera 1 sub_rtsp_url is the same stream"),
        (camera(sub_rtsp_url=f"http://u:{SECRET}@cam/2"), "camera 1 sub_rtsp_url is not an RTSP URL; write"),
        ("[[cameras]]\nid = 'a'\nrtsp_url = 'rtsp://cam/1'\nsub_rtsp_url = 2\n", "sub_rtsp_url is not text; write it"),
        (camera(subrtsp_url=SUB), "camera 1 subrtsp_url is not a known key; the nearest is sub_rtsp_url."),
        ("[[cameras]]\nid = 'a'\nsub_rtsp_url = 'rtsp://cam/2'\n", 'id = "a" is a camera without an RTSP URL'),
        (
            camera("rtsp://u:p@cam/1", sub_rtsp_url=f"rtsp://u:{SECRET}@cam/2"),
            "camera 1 rtsp_url contradicts the password inside cameras.toml: camera 1 sub_rtsp_url; keep one of the",
        ),
        (
            camera(sub_rtsp_url=f"rtsp://u:{SECRET}@cam/2", username="u", password="p"),
            "camera 1 password contradicts the password inside cameras.toml: camera 1 sub_rtsp_url; keep one",
        ),
        (camera(sub_rtsp_url=f"rtsp://:{SECRET}@nas/2"), "camera 1 sub_rtsp_url is a password without a user name"),
        (camera(sub_rtsp_url=f"rtsp://u:{126 * 'a'}@nas/2"), "sub_rtsp_url makes user name and password 128 char"),
        (camera(sub_rtsp_url=SUB, username="a:b"), "camera 1 username has a colon in the user name"),
        (camera(sub_rtsp_url=SUB, password=SECRET), "camera 1 password is a password without a user name"),
    ],
)
def test_each_mistake_gets_one_sentence(problems: Callable[..., List[str]], toml: str, message: str) -> None:
    (problem,) = problems(toml)
    assert problem.startswith("cameras.toml: ")
    assert message in problem


def test_problems_of_both_urls_are_reported_at_once_with_their_variables(problems: Callable[..., List[str]]) -> None:
    env = {
        "CAMERA_1_ID": "a",
        "CAMERA_1_RTSP_URL": f"rtsp://u:{SECRET}@:1/",
        "CAMERA_1_SUB_RTSP_URL": f"x{SECRET}",
        "CAMERA_1_SUB_URL": SECRET,
    }
    assert [problem.partition(";")[0] for problem in problems(env=env)] == [
        "environment: CAMERA_1_SUB_URL is not a known variable",
        "environment: CAMERA_1_RTSP_URL has no usable host and port",
        "environment: CAMERA_1_SUB_RTSP_URL is not an RTSP URL",
    ]


def test_what_is_shown_has_both_streams_and_no_password(load: Load) -> None:
    toml = camera(f"rtsp://u:{SECRET}@cam/1", sub_rtsp_url=f"rtsp://v:{SECRET}@cam/2?pwd={SECRET}")
    settings = load(toml, {"CAMERA_1_ID": "front", "CAMERA_1_NAME": "Front"})
    rows = describe(settings)
    assert {key for key, _, _ in rows} == set(settings.origins)
    assert [(key[len("cameras.front.") :], value, origin) for key, value, origin in rows if "front" in key] == [
        ("name", "Front", "environment: CAMERA_1_NAME"),
        ("enabled", "true", "default"),
        ("audio", "true", "default"),
        ("transcode", "false", "default"),
        ("rtsp_url", "rtsp://cam:554", "cameras.toml: camera 1 rtsp_url"),
        ("username", "u", "cameras.toml: camera 1 rtsp_url"),
        ("password", "***", "cameras.toml: camera 1 rtsp_url"),
        ("sub_rtsp_url", "rtsp://cam:554", "cameras.toml: camera 1 sub_rtsp_url"),
        ("sub_rtsp_url.username", "v", "cameras.toml: camera 1 sub_rtsp_url"),
        ("sub_rtsp_url.password", "***", "cameras.toml: camera 1 sub_rtsp_url"),
    ]
    assert SECRET not in f"{settings!r} {settings} {settings.cameras}"


def test_origin_of_a_login_from_the_main_stream(load: Load) -> None:
    settings = load(camera(sub_rtsp_url=SUB, username="u"), {"CAMERA_4_ID": "front", "CAMERA_4_PASSWORD": SECRET})
    shown = {key: (value, origin) for key, value, origin in describe(settings)}
    assert shown["cameras.front.sub_rtsp_url.username"] == ("u", "cameras.toml: camera 1 username")
    assert shown["cameras.front.sub_rtsp_url.password"] == ("***", "environment: CAMERA_4_PASSWORD")
