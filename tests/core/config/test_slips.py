"""Common mistakes: each is refused or warned of, with the cure, and never read as something that was not meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.units import Secret
from tests.core.config.conftest import SECRET, Load

URL = "rtsp://192.168.1.100:554/Streaming/Channels/101"
CAMERA = f'[[cameras]]\nid = "front"\nrtsp_url = "{URL}"\n'
ONE = f"CAMERA_1_ID=front\nCAMERA_1_RTSP_URL={URL}\n"

Problems = Callable[..., List[str]]


# --- the same name twice ---


@pytest.mark.parametrize(
    ("dotenv", "message"),
    [
        (
            "RETENTION_DAYS=90\n# x\n\nRETENTION_DAYS=3\n",
            "RETENTION_DAYS is on line 1 and, with another value, on line 4",
        ),
        ("RETENTION_DAYS=90\nRETENTION_DAYS=\n", "RETENTION_DAYS is on line 1 and, with another value, on line 2"),
        (ONE + "CAMERA_1_ID=back\n", "CAMERA_1_ID is on line 1 and, with another value, on line 3"),
        (
            f"{ONE}CAMERA_1_USERNAME=a\nCAMERA_1_PASSWORD={SECRET}\nexport CAMERA_1_PASSWORD='x'\n",
            "CAMERA_1_PASSWORD is on line 4 and, with another value, on line 5",
        ),
        ("CCTV_CONFIG=\nCCTV_CONFIG=x.toml\n", "CCTV_CONFIG is on line 1 and, with another value, on line 2"),
    ],
)
def test_a_variable_with_two_values_in_dotenv_is_refused(problems: Problems, dotenv: str, message: str) -> None:
    found = problems(dotenv=dotenv)
    assert f".env: {message}; remove one of the two lines." in found


def test_a_variable_may_be_repeated_with_the_same_value(load: Load) -> None:
    assert load(dotenv="RETENTION_DAYS=90\nRETENTION_DAYS='90' # again\n").retention_days == 90


def test_repeated_variables_of_other_programs_are_ignored(load: Load) -> None:
    assert load(dotenv="DATABASE_URL=a\nDATABASE_URL=b\n").retention_days == 30


def test_an_id_may_not_replace_that_of_a_lower_layer(problems: Problems) -> None:
    (problem,) = problems(env={"CAMERA_1_ID": "back"}, dotenv=ONE)
    assert problem == (
        'environment: CAMERA_1_ID = "back" replaces the id "front" of .env: CAMERA_1_ID, so that camera would be lost; '
        "give one of the two another number."
    )


def test_an_id_may_be_the_same_in_both_layers(load: Load) -> None:
    (camera,) = load(env={"CAMERA_1_ID": "front"}, dotenv=ONE).cameras
    assert camera.id == "front"


# --- other spellings of a name ---


def test_variables_in_lower_case(problems: Problems, load: Load) -> None:
    (problem,) = problems(env={"camera_1_id": "front"})
    assert problem == "environment: camera_1_id is not a known variable; the nearest is CAMERA_1_ID."
    settings = load(CAMERA, env={"retention_days": "90", "Path": "x", "log_file": "x"})
    assert settings.warnings == (
        "environment: retention_days is not read; rename it to RETENTION_DAYS if it is for cctv, or remove it.",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RETENTION_DAY", "RETENTION_DAYS"),
        ("RETENTION-DAYS", "RETENTION_DAYS"),
        ("CCTV_RETENTION_DAYS", "RETENTION_DAYS"),
        ("CCTV_CAMERA_1_NAME", "CAMERA_1_NAME"),
        ("HLS_BASEPATH", "HLS_BASE_PATH"),
        ("CCTV_CONFIGS", "CCTV_CONFIG"),
        ("SERVER_NAME", None),
        ("SERVER_PORT_80_TCP", None),
        ("CCTV_SERVICE_HOST", None),
        ("LOG_LEVEL", None),
        ("TZ", None),
    ],
)
def test_a_variable_with_nearly_a_known_name(load: Load, name: str, meant: Optional[str]) -> None:
    """It may belong to another program, so it is not an error; but RETENTION_DAY=90 would keep 30 days."""
    warning = f"environment: {name} is not read; rename it to {meant} if it is for cctv, or remove it."
    assert load(CAMERA, env={name: "1"}).warnings == ((warning,) if meant else ())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("$env:RETENTION_DAYS=90", "$env:RETENTION_DAYS is not a known variable; the nearest is RETENTION_DAYS."),
        ("\u200bRETENTION_DAYS=90", "RETENTION_DAYS is not a known variable; the nearest is RETENTION_DAYS."),
        ("set RETENTION_DAYS=90", "line 1 is not KEY=value"),
        ("RETENTION_DAYS: 90", "line 1 is not KEY=value"),
        ("RETENTION_DAYS:90", "RETENTION_DAYS:90 is not a known variable; the nearest is RETENTION_DAYS."),
        ("RETENTION-DAYS=90", "RETENTION-DAYS is not a known variable; the nearest is RETENTION_DAYS."),
        ("RETENTION_DAYS", "line 1 has RETENTION_DAYS without a value; write RETENTION_DAYS=value."),
    ],
)
def test_lines_of_dotenv_in_the_syntax_of_another_program(problems: Problems, line: str, message: str) -> None:
    (problem,) = problems(dotenv=line + "\n")
    assert message in problem


# --- what editors and shells write ---


@pytest.mark.parametrize("name", [".env", "cameras.toml"])
def test_a_file_that_powershell_wrote(problems: Problems, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("RETENTION_DAYS=90\r\n".encode("utf-16"))
    (problem,) = problems()
    assert problem == (f"{name}: the file is UTF-16 or not text (PowerShell's > writes UTF-16); save it as UTF-8.")


def test_space_around_a_value_is_ignored(load: Load) -> None:
    env = {
        "CAMERA_1_ID": " front\r",
        "CAMERA_1_NAME": "\tFront \r\n",
        "CAMERA_1_RTSP_URL": f"{URL}\u00a0\r",
        "CAMERA_1_USERNAME": "admin ",
        "CAMERA_1_PASSWORD": " pa ss\r\n",
        "SERVER_HOST": "127.0.0.1\r",
        "HLS_BASE_PATH": "data ",
        "LOG_FORMAT": "json\r",
        "TIMEZONE": " Europe/Berlin",
        "LIVE_PATH": "  ",
    }
    settings = load(env=env)
    (camera,) = settings.cameras
    assert (camera.id, camera.name) == ("front", "Front")
    assert camera.source == RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret(" pa ss"))
    assert (settings.host, settings.log_format, settings.timezone) == ("127.0.0.1", "json", "Europe/Berlin")
    assert (settings.storage.name, settings.live_path) == ("data", None)
    assert settings.warnings == (
        "environment: CAMERA_1_PASSWORD has a password that begins or ends with a space; "
        "remove the space if it is not part of the password.",
    )


@pytest.mark.parametrize("variable", ["RETENTION_DAYS", "HLS_SEGMENT_DURATION", "TIMEZONE", "SERVER_HOST"])
def test_a_comment_after_a_value(problems: Problems, load: Load, variable: str) -> None:
    """`.env` allows it; docker --env-file and systemd make it part of the value."""
    (problem,) = problems(env={variable: "30 # as agreed"})
    assert problem.endswith("; docker --env-file and systemd take a comment only on a line of its own.")
    assert load(dotenv="RETENTION_DAYS=31 # as agreed\n").retention_days == 31


def test_a_password_that_ends_before_a_comment(problems: Problems) -> None:
    (problem,) = problems(dotenv=f"{ONE}CAMERA_1_USERNAME=admin\nCAMERA_1_PASSWORD={SECRET} #1\n")
    assert problem == (
        ".env: the password on line 4 ends before a #, which begins a comment there; "
        "put the password in single quotes, or the comment on a line of its own."
    )


# --- values ---


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"/data"', "has a quote at its start or end"),
        ("“/data”", "has a quote at its start or end"),
        ("/data'", "has a quote at its start or end"),
        ("$HOME/cctv", "contains a variable"),
        ("${HOME}/cctv", "contains a variable"),
        ("$(pwd)/cctv", "contains a variable"),
        (r"%USERPROFILE%\cctv", "contains a variable"),
        (r"%ProgramFiles(x86)%\cctv", "contains a variable"),
        ("/data # the big disk", "contains a comment"),
        ("/da\u200bta", "contains an invisible character"),
        ("smb://nas/cctv", "is a URL"),
        ("file:///data", "is a URL"),
        pytest.param(r"D:\cctv", "is a Windows path", marks=pytest.mark.skipif(os.name == "nt", reason="a path there")),
    ],
)
@pytest.mark.parametrize("variable", ["HLS_BASE_PATH", "LIVE_PATH", "LOG_FILE", "FFMPEG_PATH", "CCTV_CONFIG"])
def test_paths_that_are_not_what_was_meant(problems: Problems, variable: str, value: str, message: str) -> None:
    (problem,) = problems(env={variable: value})
    assert message in problem
    assert problem.startswith(f"environment: {variable}")


@pytest.mark.parametrize("value", ["/mnt/50% full", "/srv/a#b", "~/cctv", r"\\nas\c$\cctv", "/data/it's", "100%"])
def test_valid_paths(load: Load, tmp_path: Path, value: str) -> None:
    assert load(env={"HLS_BASE_PATH": value}).storage == tmp_path / Path(value).expanduser()


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0:8000", "http://0.0.0.0", "0.0.0.0/", "localhost:80", "[::]", "::1::", "256.0.0.1", "127.0.0", "1", "a b"],
)
def test_a_host_is_only_a_name_or_an_address(problems: Problems, host: str) -> None:
    (problem,) = problems(env={"SERVER_HOST": host})
    assert problem.endswith("such as 0.0.0.0, :: or 127.0.0.1; the port has its own setting.")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "cctv.example.org", "my_host"])
def test_valid_hosts(load: Load, host: str) -> None:
    assert load(env={"SERVER_HOST": host}).host == host


@pytest.mark.parametrize(
    "host", ["192.168.1.x", "192.168.1.XXX", "192.168.1", "192.168.1.300", "192.168.001.064", "x.x.x.x", "3232235777"]
)
def test_an_address_of_a_camera_must_be_complete(problems: Problems, host: str) -> None:
    (problem,) = problems(env={"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": f"rtsp://admin:{SECRET}@{host}/1"})
    assert "CAMERA_1_RTSP_URL has no usable host and port" in problem
    nvr = f"[[nvrs]]\nid = 'nvr'\nkind = 'hikvision'\nchannels = [1]\nhost = '{host}'\n"
    (problem,) = problems(nvr)
    assert "is not a host" in problem


@pytest.mark.parametrize("quotes", ['""', "''", "“”"])
def test_a_url_in_quotes(problems: Problems, quotes: str) -> None:
    url = f"{quotes[0]}rtsp://admin:{SECRET}@cam/1{quotes[1]}"
    (problem,) = problems(env={"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": url})
    assert problem == (
        "environment: CAMERA_1_RTSP_URL has a quote at its start or end, which would be part of the URL; remove it."
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("europe/berlin", "Europe/Berlin"), ("Berlin", "Europe/Berlin"), ("new york", "America/New_York")],
)
def test_a_time_zone_with_a_wrong_spelling(problems: Problems, name: str, nearest: str) -> None:
    if os.path.exists("/USR/SHARE"):
        pytest.skip("this file system ignores case")
    (problem,) = problems(env={"TIMEZONE": name})
    assert problem.endswith(f"is not a known time zone; write an IANA name such as {nearest}.")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RETENTION_DAYS", "90d"),
        ("RETENTION_DAYS", "0"),
        ("RETENTION_DAYS", "-1"),
        ("RETENTION_DAYS", "30,5"),
        ("RETENTION_DAYS", "“30”"),
        ("RETENTION_DAYS", '"30"'),
        ("RETENTION_MAX_SIZE", "500"),
        ("RETENTION_MAX_SIZE", "500 Gb"),
        ("HLS_SEGMENT_DURATION", "10s"),
        ("SERVER_PORT", "0"),
        ("SERVER_PORT", "65536"),
        ("TRANSCODE", "ja"),
        ("VIDEO_BITRATE", "2000"),
    ],
)
def test_a_value_without_a_clear_meaning_is_refused(problems: Problems, variable: str, value: str) -> None:
    (problem,) = problems(env={variable: value})
    assert problem.startswith(f"environment: {variable} = ")
    assert "; write" in problem


# --- probable mistakes ---


@pytest.mark.parametrize(
    ("more", "messages"),
    [
        ("", ()),
        ("username = 'admin'\npassword = 'change-me'\n", ("password has a placeholder instead of the password",)),
        ("username = 'admin'\npassword = 'PASSWORD'\n", ("password has a placeholder instead of the password",)),
        ("username = 'admin'\npassword = '<your password>'\n", ("password has a placeholder",)),
        ("username = 'admin'\npassword = '***'\n", ("password has a placeholder instead of the password",)),
        ("username = '<user>'\npassword = 'x'\n", ("username has a placeholder instead of the user name",)),
        ("username = 'admin'\npassword = '\"x\"'\n", ("password has a password in quotes, which are sent as part",)),
        ("username = 'admin'\npassword = 'passage-1'\n", ()),
        ("username = 'admin'\npassword = 'change-me'\nenabled = false\n", ("Every camera is disabled",)),
        (CAMERA.replace("front", "back"), ("camera 2 rtsp_url is also the stream of the camera front",)),
        (CAMERA.replace("front", "back") + "enabled = false\n", ()),
    ],
)
def test_a_probable_mistake_of_a_camera_is_a_warning(load: Load, more: str, messages: List[str]) -> None:
    warnings = load(CAMERA + more).warnings
    assert len(warnings) == len(messages)
    for warning, expected in zip(warnings, messages):
        assert expected in warning
        assert warning.endswith(".")


@pytest.mark.parametrize(
    ("main", "sub", "message"),
    [
        ("rtsp://camera-ip/1", "", "has a placeholder instead of the camera's address"),
        ("rtsp://your-camera/1", "", "has a placeholder"),
        ("rtsp://user:pass@192.168.1.64/1", "", "has a placeholder instead of the password"),
        ("rtsp://192.168.1.64/Streaming/Channels/102", "", "looks like the smaller sub stream"),
        ("rtsp://h1/cam/realmonitor?channel=1&subtype=1", "", "looks like the smaller sub stream"),
        (
            "rtsp://192.168.1.64/Streaming/Channels/102",
            "rtsp://192.168.1.64/Streaming/Channels/101",
            "looks like the smaller sub stream",
        ),
    ],
)
def test_a_probable_mistake_in_a_url_is_a_warning(load: Load, main: str, sub: str, message: str) -> None:
    env: Dict[str, str] = {"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": main, "CAMERA_1_SUB_RTSP_URL": sub}
    (warning,) = load(env=env).warnings
    assert warning.startswith(f"environment: CAMERA_1_RTSP_URL {message}")


def test_a_mistake_of_an_nvr_is_reported_once(load: Load) -> None:
    nvr = "[[nvrs]]\nid = 'nvr'\nkind = 'hikvision'\nhost = 'nvr1'\nchannels = [1, 2, 3]\nusername = 'u'\n"
    assert load(nvr + "password = 'change-me'\n").warnings == (
        "cameras.toml: nvr 1 password has a placeholder instead of the password; write the camera's password.",
    )


def test_no_camera_at_all_is_a_warning(load: Load) -> None:
    (warning,) = load().warnings
    assert warning.startswith("No camera is configured; add one to cameras.toml or set CAMERA_1_ID")


@pytest.mark.parametrize(("given", "missing"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_a_certificate_and_its_key_belong_together(
    problems: Callable[..., List[str]], given: str, missing: str
) -> None:
    expected = f"cameras.toml: server.{given} needs server.{missing} too; set both, or none."
    assert problems(f'[server]\n{given} = "x.pem"\n{CAMERA}') == [expected]


def test_access_for_everybody_is_warned_about(load: Load) -> None:
    (warning,) = load(f'[server]\naccess = "open"\n{CAMERA}').warnings
    assert warning.startswith("cameras.toml: server.access lets everybody view who can reach the server")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("access", '"lan "', None),
        ("access", '"all"', "is not one of lan, token, open"),
        ("lan_networks", '["192.168.0.0/16", "10.0.0.1", "fd00::/8"]', None),
        ("lan_networks", '["192.168.0.1/16"]', "has an entry that is not an IP address or a network"),
        ("lan_networks", '"192.168.0.0/16"', "is not a list"),
        ("trusted_proxies", "[1.5]", "has an entry that is not an IP address or a network"),
        ("server_names", '["CCTV.example.org"]', None),
        ("server_names", '["https://cctv.example.org"]', "has an entry that is not a host name"),
        ("server_names", '["cctv.example.org:8000"]', "has an entry that is not a host name"),
        ("cors_origins", '["https://app.example.org:8443", "HTTP://[::1]:3000"]', None),
        ("cors_origins", '["https://app.example.org/"]', "has an entry that is not an origin of web pages"),
        ("cors_origins", '["*"]', "has an entry that is not an origin of web pages"),
        ("cors_origins", '["null"]', "has an entry that is not an origin of web pages"),
    ],
)
def test_settings_of_access(
    load: Load, problems: Callable[..., List[str]], key: str, value: str, words: Optional[str]
) -> None:
    toml = f"[server]\n{key} = {value}\n{CAMERA}"
    if words is None:
        load(toml)
    else:
        (problem,) = problems(toml)
        assert words in problem
