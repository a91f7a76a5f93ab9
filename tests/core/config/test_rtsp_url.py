from __future__ import annotations

from typing import Optional
from urllib.parse import quote

import pytest

from cctv_cli.core.config.rtsp_url import parse_host, parse_rtsp_url
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.units import Secret

HARD = "p@s:s/w?o#r%d"


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "tls"),
    [
        ("rtsp://192.168.1.100/a", "192.168.1.100", 554, "/a", False),
        ("rtsp://192.168.1.100", "192.168.1.100", 554, "", False),
        ("rtsp://192.168.1.100/", "192.168.1.100", 554, "/", False),
        ("RTSP://cam-1.example.org:8554/a?b=c&d=%20", "cam-1.example.org", 8554, "/a?b=c&d=%20", False),
        ("rtsps://cam/a", "cam", 322, "/a", True),
        ("rtsp://[2001:db8::1]/a", "2001:db8::1", 554, "/a", False),
        ("rtsp://[2001:db8::1]:1554/a", "2001:db8::1", 1554, "/a", False),
        ("rtsp://cam/path@home?x=a:b@c", "cam", 554, "/path@home?x=a:b@c", False),
    ],
)
def test_addresses(url: str, host: str, port: int, target: str, tls: bool) -> None:
    assert parse_rtsp_url(url) == RtspSource(host, port, target, tls=tls)


@pytest.mark.parametrize(
    ("userinfo", "username", "password"),
    [
        ("admin:secret", "admin", "secret"),
        ("admin", "admin", None),
        ("admin:", "admin", ""),
        (":", None, None),
        ("", None, None),
        ("admin:" + quote(HARD, safe=""), "admin", HARD),
        ("admin:" + HARD, "admin", HARD),
        ("admin:100%", "admin", "100%"),
        ("admin:%41b", "admin", "Ab"),
        ("admin:%c3%a9", "admin", "é"),
        ("admin:é", "admin", "é"),
        ("admin:a:b", "admin", "a:b"),
        ("admin:@", "admin", "@"),
        ("admin:123456/7", "admin", "123456/7"),  # no port has six digits
        ("me@corp:secret", "me@corp", "secret"),
        ("me%40corp:secret", "me@corp", "secret"),
    ],
)
def test_logins(userinfo: str, username: Optional[str], password: Optional[str]) -> None:
    source = parse_rtsp_url(f"rtsp://{userinfo}@192.168.1.100:554/Streaming/Channels/101")
    assert (source.host, source.port, source.target) == ("192.168.1.100", 554, "/Streaming/Channels/101")
    assert source.username == username
    assert source.password == (None if password is None else Secret(password))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an RTSP URL"),
        ("http://secret@cam/a", "not an RTSP URL"),
        ("cam/secret", "not an RTSP URL"),
        ("rtsp://", "no usable host"),
        ("rtsp:///secret", "no usable host"),
        ("rtsp://admin:secret@/a", "no usable host"),
        ("rtsp://admin:secret@cam:0/a", "no usable host"),
        ("rtsp://admin:secret@cam:65536/a", "no usable host"),
        ("rtsp://admin:secret@cam:/a", "no usable host"),
        ("rtsp://admin:secret@2001:db8::1/a", "no usable host"),
        ("rtsp://admin:secret@[2001:db8::zz]/a", "no usable host"),
        ("rtsp://admin:secret@[::1::2]/a", "no usable host"),
        ("rtsp://admin:secret@-cam/a", "no usable host"),
        ("rtsp://admin:secret@cam\n/a", "control character"),
        ("rtsp://admin:secret@cam/a\nfile b", "control character"),
        ("rtsp://admin:sec ret@cam/a", "has a space"),
        ("rtsp://admin:sec'ret@cam/a", "quote"),
        ('rtsp://admin:sec"ret@cam/a', "quote"),
        ("rtsp://admin:sec\\ret@cam/a", "backslash"),
        ("rtsp://admin:sec\u2028ret@cam/a", "control character"),
        ("rtsp://admin:secret@cam/a#b", "path"),
        ("rtsp://admin:secret@cam/ä", "path"),
        ("rtsp://admin:p@ss/secret@cam/a", "more than one way"),
        ("rtsp://admin:1234/secret@cam/a", "more than one way"),
        ("rtsp://admin:secret@cam/a@b", "more than one way"),
        ("rtsp://admin:50%25secret%@cam/a", "some %"),
        ("rtsp://admin:secret%ff@cam/a", "not UTF-8"),
        ("rtsp://admin:secret%0a@cam/a", "control character"),
    ],
)
def test_bad_urls_are_refused_without_repeating_them(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_rtsp_url(url)
    assert "ecret" not in str(caught.value)
    assert ";" in str(caught.value)  # a cure follows


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("cam-1.local", "cam-1.local"),
        ("192.168.1.200", "192.168.1.200"),
        ("::1", "::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
    ],
)
def test_hosts(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text", ["", "cam:554", "[::1]:554", "cam/", "rtsp://cam", "u:secret@cam", "a b", "1:2:3", "[::1"]
)
def test_what_is_not_a_host(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host; write only a name or address") as caught:
        parse_host(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("password", [HARD, "simple", "é ß", "%41", "'\"\\ $"])
def test_the_url_for_ffmpeg_is_encoded_and_parses_back(password: str) -> None:
    source = RtspSource("cam", 554, "/a?b=%20", "me@corp", Secret(password))
    url = source.url().reveal()
    assert url == f"rtsp://me%40corp:{quote(password, safe='')}@cam:554/a?b=%20"
    assert parse_rtsp_url(url) == source


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (RtspSource("cam", 554, "/a"), "rtsp://cam:554/a"),
        (RtspSource("2001:db8::1", 322, "", tls=True), "rtsps://[2001:db8::1]:322"),
        (RtspSource("cam", 554, "/a", "admin"), "rtsp://admin:@cam:554/a"),
    ],
)
def test_urls_without_a_password(source: RtspSource, url: str) -> None:
    assert source.url().reveal() == url


@pytest.mark.parametrize("host", ["cam", "[2001:db8::1]"])
@pytest.mark.parametrize(
    "url",
    [
        "rtsp://user:hunter2@{}/a",
        "rtsp://hunter2@{}/a",
        "rtsp://{}/a?user=u&password=hunter2&c=1",
        "rtsp://{}/user=u_PWD=hunter2",
        "rtsp://{}/a?authbasic=hunter2",
        "rtsp://{}/a?psw=hunter2",
        "rtsp://{}/a?loginpas=hunter2",
        "rtsp://{}/0/user:hunter2/main",
    ],
)
def test_of_a_url_only_scheme_host_and_port_are_shown(url: str, host: str) -> None:
    source = parse_rtsp_url(url.format(host))
    assert source.address() == f"rtsp://{host}:554"
    assert repr(source) == str(source) == f"RtspSource('rtsp://{host}:554')"
    assert "hunter2" not in f"{source} {source!r} {source.url()} {source.userinfo()}"
