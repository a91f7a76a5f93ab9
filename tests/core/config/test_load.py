from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from cctv_cli.core.config.settings import SETTINGS, Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.config.shown import describe
from cctv_cli.core.units import FreeSpace, Secret
from tests.core.config.conftest import SECRET, Load

ROOT = Path(__file__).parents[3]
URL = "rtsp://192.168.1.100:554/Streaming/Channels/101"
CAMERA = f'[[cameras]]\nid = "front"\nrtsp_url = "{URL}"\n'


def rtsp(camera: Camera) -> RtspSource:
    assert isinstance(camera.source, RtspSource)
    return camera.source


# --- the files that the project ships ---


def test_the_reference_file_shows_every_key_with_its_default(load: Load, tmp_path: Path) -> None:
    reference = (ROOT / "cameras.toml").read_text(encoding="utf-8")
    settings = load(reference)
    (example,) = settings.cameras
    assert not example.enabled
    assert settings == Settings(cameras=(example,), storage=tmp_path / "hls")

    uncommented = re.sub(r"^# (?=[\w.]+ = |\[\[)", "", reference, flags=re.MULTILINE)
    uncommented = re.sub(
        r"^(password_file|live_path|timezone|trusted_proxies|server_names|cors_origins|tls_cert|tls_key|base_path|accel_redirect|max_size|webhooks"
        r"|file) = ",
        r"# \1 = ",
        uncommented,
        flags=re.MULTILINE,
    )
    uncommented = re.sub(r"(?<=^\[ffmpeg\]\n)path = ", "# path = ", uncommented, flags=re.MULTILINE)
    everything = load(uncommented)
    assert everything == Settings(cameras=everything.cameras, storage=tmp_path / "hls")
    assert [(camera.id, camera.name, camera.enabled, camera.transcode) for camera in everything.cameras] == [
        ("example", "Front Entrance", False, False),
        ("nvr-1", "Warehouse 1", True, False),
        ("nvr-2", "Loading Dock", True, False),
    ]
    login = ("admin", Secret("change-me"))
    addresses = [("192.168.1.100", "1"), ("192.168.1.200", "1"), ("192.168.1.200", "2")]
    for camera, (host, channel) in zip(everything.cameras, addresses):
        assert camera.source == RtspSource(host, 554, f"/Streaming/Channels/{channel}01", *login)
        assert camera.sub_source == RtspSource(host, 554, f"/Streaming/Channels/{channel}02", *login)


def test_the_example_env_matches_the_specification(load: Load, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / ".env.example", tmp_path / ".env")
    settings = load()
    assert [(camera.id, camera.name, camera.enabled) for camera in settings.cameras] == [
        ("camera_01", "Front Entrance", True),
        ("camera_02", "Parking Lot", True),
    ]
    assert {rtsp(camera).password for camera in settings.cameras} == {Secret("change-me")}
    assert settings == Settings(cameras=settings.cameras, storage=tmp_path / "hls")


def test_every_variable_of_the_example_env_is_known(load: Load) -> None:
    example = (ROOT / "examples" / ".env.example").read_text(encoding="utf-8")
    text = re.sub(r"^# (?=[A-Z_0-9]+=)", "", example, flags=re.MULTILINE)
    text = re.sub(r"^(CCTV_CONFIG|LIVE_PATH|CAMERA_1_PASSWORD_FILE)=", r"# \1=", text, flags=re.MULTILINE)
    settings = load(dotenv=text)
    assert [camera.id for camera in settings.cameras] == ["camera_01", "camera_02", "nvr-1", "nvr-2"]
    assert {camera.transcode for camera in settings.cameras} == {True}
    assert {rtsp(camera).password for camera in settings.cameras} == {Secret("change-me")}
    assert [bool(camera.sub_source) for camera in settings.cameras] == [True, False, True, True]


# --- general settings ---


def test_without_any_file_the_defaults_apply(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert settings == Settings(storage=tmp_path / "hls")
    assert {str(origin) for origin in settings.origins.values()} == {"default"}


def test_each_layer_overrides_the_ones_below(load: Load) -> None:
    toml = "[server]\nport = 1\n"
    dotenv = "SERVER_PORT=2\n"
    env = {"SERVER_PORT": "3"}
    flags = {"server.port": 4}
    seen = [
        load(),
        load(toml),
        load(toml, dotenv=dotenv),
        load(toml, env, dotenv),
        load(toml, env, dotenv, flags),
    ]
    assert [(settings.port, str(settings.origins["server.port"])) for settings in seen] == [
        (8000, "default"),
        (1, "cameras.toml: server.port"),
        (2, ".env: SERVER_PORT"),
        (3, "environment: SERVER_PORT"),
        (4, "command line: server.port"),
    ]


@pytest.mark.parametrize(
    ("key", "toml", "variable", "text", "setting", "value"),
    [
        ("timezone", '"Europe/Berlin"', "TIMEZONE", "Europe/Berlin", "timezone", "Europe/Berlin"),
        ("server.host", '"::1"', "SERVER_HOST", "::1", "host", "::1"),
        ("server.port", "65535", "SERVER_PORT", "65535", "port", 65535),
        ("storage.sync_interval", '"5s"', "SYNC_INTERVAL", "5", "sync_interval", 5),
        ("retention.days", "1", "RETENTION_DAYS", "1", "retention_days", 1),
        ("retention.max_size", '"2TB"', "RETENTION_MAX_SIZE", "2TB", "max_size", 2_000_000_000_000),
        ("retention.min_free", '"20GB"', "RETENTION_MIN_FREE", "20GB", "min_free", FreeSpace(bytes=20_000_000_000)),
        ("retention.interval", '"30m"', "RETENTION_INTERVAL", "1800", "cleanup_interval", 1800),
        ("retention.most_deleted", "10", "RETENTION_MOST_DELETED", "10", "most_deleted", 10),
        ("health.cpu", "50", "HEALTH_CPU", "50", "health_cpu", 50),
        ("health.memory", "50", "HEALTH_MEMORY", "50", "health_memory", 50),
        ("health.segment_age", '"2m"', "HEALTH_SEGMENT_AGE", "120s", "health_segment_age", 120),
        ("health.missing", "10", "HEALTH_MISSING", "10s", "health_missing", 10),
        ("health.gop", '"4s"', "HEALTH_GOP", "4s", "health_gop", 4),
        (
            "alerts.webhooks",
            '["https://a.example/x", "http://b.example"]',
            "ALERT_WEBHOOKS",
            "https://a.example/x, http://b.example",
            "alert_webhooks",
            (Secret("https://a.example/x"), Secret("http://b.example")),
        ),
        ("alerts.after", '"5m"', "ALERT_AFTER", "5m", "alert_after", 300),
        ("alerts.reminder", '"1d"', "ALERT_REMINDER", "1d", "alert_reminder", 86_400),
        ("log.format", '"json"', "LOG_FORMAT", "json", "log_format", "json"),
        ("server.base_path", '"/cctv/"', "SERVER_BASE_PATH", "/cctv", "base_path", "/cctv"),
        ("server.accel_redirect", '"/media/"', "ACCEL_REDIRECT", "/media/", "accel_redirect", "/media/"),
        ("ffmpeg.threads", "64", "FFMPEG_THREAD_COUNT", "64", "ffmpeg_threads", 64),
        ("stream.segment_duration", "60", "HLS_SEGMENT_DURATION", " 60 ", "segment_duration", 60),
        ("stream.video_bitrate", "750000", "VIDEO_BITRATE", "750k", "video_bitrate", 750_000),
        ("stream.audio_bitrate", '"64k"', "AUDIO_BITRATE", "64000", "audio_bitrate", 64_000),
        ("stream.transcode", "true", "TRANSCODE", "ON", "transcode", True),
    ],
)
def test_every_value_has_a_key_and_a_variable(
    load: Load, key: str, toml: str, variable: str, text: str, setting: str, value: object
) -> None:
    section, _, name = key.rpartition(".")
    assert getattr(load(env={variable: text}), setting) == value
    assert getattr(load(f"[{section}]\n{name} = {toml}" if section else f"{name} = {toml}"), setting) == value


@pytest.mark.parametrize("key", ["storage.path", "storage.live_path", "ffmpeg.path", "log.file"])
def test_relative_paths_start_from_where_they_are_written(load: Load, tmp_path: Path, key: str) -> None:
    ((field, setting),) = [(field, setting) for field, setting in SETTINGS.items() if setting.key == key]
    section, _, name = key.partition(".")
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "my.toml"
    file.write_text(f"[{section}]\n{name} = 'a/b'\n", encoding="utf-8")
    assert getattr(load(config=Path("etc/my.toml")), field) == folder / "a/b"
    assert getattr(load(config=file, env={setting.variable: "./c"}), field) == tmp_path / "c"
    assert getattr(load(config=file, flags={key: Path("d")}), field) == tmp_path / "d"
    assert getattr(load(config=file, env={setting.variable: "~/e"}), field) == Path.home() / "e"


def test_the_default_storage_is_beside_the_configuration(load: Load, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "my.toml").touch()
    assert load(config=Path("etc/my.toml")).storage == tmp_path / "etc" / "hls"


def test_which_file_is_read(load: Load, tmp_path: Path) -> None:
    for port, name in enumerate(("usual", "by_dotenv", "by_environment", "by_flag"), start=1):
        (tmp_path / f"{name}.toml").write_text(f"[server]\nport = {port}\n", encoding="utf-8")
    (tmp_path / "usual.toml").rename(tmp_path / "cameras.toml")
    dotenv, env = "CCTV_CONFIG=by_dotenv.toml\n", {"CCTV_CONFIG": "by_environment.toml"}
    assert load().port == 1
    assert load(dotenv=dotenv).port == 2
    assert load(env=env).port == 3
    assert load(env=env, config=Path("by_flag.toml")).port == 4


def test_empty_means_not_set(load: Load) -> None:
    toml = 'timezone = ""\n[server]\nport = 1\nhost = ""\n'
    settings = load(toml, {"SERVER_PORT": "", "CAMERA_1_ID": ""}, "SERVER_PORT=\nTIMEZONE=''\n", {"server.port": None})
    assert (settings.port, settings.host, settings.timezone, settings.cameras) == (1, "0.0.0.0", None, ())


def test_files_from_windows_editors(load: Load, tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfRETENTION_DAYS=2\r\n")
    settings = load()
    assert (settings.port, settings.retention_days) == (1, 2)


def test_a_folder_named_env_is_ignored(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load().port == 8000


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("'pa$$ #1'", "pa$$ #1"),
        ("'${HOME}$HOME'", "${HOME}$HOME"),
        ('"pa$$ #1"', "pa$$ #1"),
        ("pa$$#1", "pa$$#1"),
        (r"'it\'s'", "it's"),
        (r"'back\\slash'", "back\\slash"),
    ],
)
def test_passwords_in_dotenv(load: Load, line: str, password: str) -> None:
    dotenv = f"CAMERA_1_ID=a\nCAMERA_1_RTSP_URL={URL}\nCAMERA_1_USERNAME=admin\nCAMERA_1_PASSWORD={line}\n"
    (camera,) = load(dotenv=dotenv).cameras
    assert rtsp(camera).password == Secret(password)


# --- bad values ---


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[server]\nport = 0", "cameras.toml: server.port = 0 is not a whole number from 1 to 65535"),
        ("[server]\nport = 65536", "server.port = 65536 is not a whole number from 1 to 65535"),
        (
            "[server]\nport = '80'",
            'server.port = "80" is text; write a whole number without quotes, such as 8000',
        ),
        ("[server]\nport = 80.5", "server.port = 80.5 is not a whole number"),
        ("[server]\nport = true", "server.port = true is not a whole number"),
        ("[server]\nport = [80]", "server.port is not a whole number"),
        ("[server]\nhost = 1", "server.host = 1 is not text; write it in quotes"),
        ("[server]\nhost = '[::1]:80'", 'server.host = "[::1]:80" is not a host'),
        ("[server]\nhost = 'http://u:hunter2@h'", "server.host is not a host"),
        (
            "[retention]\ndays = 0",
            "retention.days = 0 is not a whole number from 1 to 36500; write one such as 30",
        ),
        (
            "[retention]\nmax_size = 500",
            'retention.max_size = 500 is not a size; write one such as "500GB", in quotes.',
        ),
        (
            '[retention]\nmin_free = "60%"',
            'retention.min_free = "60%" is not an amount of free space; write a share above 0%, up to 50%.',
        ),
        (
            "[retention]\nmin_free = 5",
            'retention.min_free = 5 is not an amount of free space; write one such as "5%" or "20GB", in quotes.',
        ),
        (
            '[storage]\nsync_interval = "2m"',
            'storage.sync_interval = "2m" is out of range; write one from 1s to 1m.',
        ),
        (
            '[retention]\ninterval = "1s"',
            'retention.interval = "1s" is out of range; write one from 1m to 7d.',
        ),
        (
            '[alerts]\nwebhooks = ["ftp://tok3n"]',
            "alerts.webhooks has an entry that is not an http or https URL; write URLs such as https://example.org/hook.",
        ),
        ("[log]\nformat = 'xml'", 'log.format = "xml" is not one of text, json; write one of them.'),
        (
            "[server]\nbase_path = '//evil.example'",
            'server.base_path = "//evil.example" is not a path that can precede the server\'s own; '
            "write letters and digits, such as /cctv.",
        ),
        (
            "[server]\naccel_redirect = '/x/../'",
            'server.accel_redirect = "/x/../" is not an internal location; write a path with a slash at both ends, '
            "such as /cctv-media/.",
        ),
        ("[ffmpeg]\nthreads = 65", "ffmpeg.threads = 65 is not a whole number from 1 to 64"),
        ("[ffmpeg]\npath = 7", "ffmpeg.path = 7 is not text"),
        ('[ffmpeg]\npath = "a\\nb"', 'ffmpeg.path = "a\\nb" contains a control character'),
        (
            "[stream]\nsegment_duration = 61",
            "stream.segment_duration = 61 is not a whole number from 1 to 60",
        ),
        (
            "[stream]\nvideo_bitrate = 2000",
            "stream.video_bitrate = 2000 is out of range; write 50k to 200000k",
        ),
        ("[stream]\naudio_bitrate = '1M'", 'stream.audio_bitrate = "1M" is out of range'),
        ("[stream]\naudio_bitrate = 1.5", "stream.audio_bitrate = 1.5 is not a bit rate"),
        ("[stream]\naudio_bitrate = true", "stream.audio_bitrate = true is not a bit rate"),
        ("[stream]\naudio_bitrate = 'loud'", 'stream.audio_bitrate = "loud" is not a bit rate; write'),
        (
            "[stream]\ntranscode = 'true'",
            'stream.transcode = "true" is not a boolean; write true or false without',
        ),
        ("[stream]\ntranscode = 1", "stream.transcode = 1 is not a boolean"),
        (
            "timezone = 'Europe/Bielefeld'",
            'timezone = "Europe/Bielefeld" is not a known time zone; write an IANA',
        ),
        ("timezone = '../UTC'", 'timezone = "../UTC" is not a known time zone'),
        ("timezone = 'Europe'", 'timezone = "Europe" is not a known time zone'),
        ("timezone = 1", "timezone = 1 is not text"),
        ("server = 1", "cameras.toml: server is not a table; write [server]"),
        ("[server]\nprot = 80", "cameras.toml: server.prot is not a known key; the nearest is server.port."),
        ("[servr]\nport = 80", "cameras.toml: servr is not a known key; the nearest is server."),
        ("port = 80", "cameras.toml: port is not a known key; the nearest is server.port."),
        ("cameras = 1", "cameras is not a list of tables; begin each camera with a line [[cameras]]"),
        ("[cameras]\nid = 'a'", "cameras is not a list of tables"),
        ("[[cameras]]", "cameras.toml: camera 1 is empty; give it an id and an rtsp_url"),
        (CAMERA + "pasword = 'hunter2'", "camera 1 pasword is not a known key; the nearest is password."),
        (CAMERA + "password = 7", "cameras.toml: camera 1 password is not text; write it in quotes."),
        (CAMERA + "enabled = 'no'", 'camera 1 enabled = "no" is not a boolean'),
        (CAMERA + 'name = "a\\u0007b"', "camera 1 name"),
        (CAMERA + "password = 'hunter2'", "camera 1 password is a password without a user name; set"),
        (CAMERA + "username = 'a:b'", "camera 1 username has a colon in the user name"),
        (CAMERA + "username = 'a'\npassword = '" + 126 * "a" + "'", "128 characters long"),
        (CAMERA + "username = 'a'\npassword = '" + 42 * "#" + "'", "128 characters long"),
        (
            CAMERA + "username = 'a'\npassword = 'hunter2'\npassword_file = 'x'",
            "camera 1 password_file contradicts cameras.toml: camera 1 password; keep one of the two.",
        ),
        (
            "[[cameras]]\nid = 'a'",
            'camera 1 id = "a" is a camera without an RTSP URL; set its rtsp_url, such as',
        ),
        (
            f"[[cameras]]\nrtsp_url = '{URL}'",
            "camera 1 rtsp_url is set for a camera without an id; set its id",
        ),
        ("[[cameras]]\nid = 'a'\nrtsp_url = 7", "camera 1 rtsp_url is not text"),
        (
            "[[cameras]]\nid = 'a'\nrtsp_url = 'http://u:hunter2@h/'",
            "camera 1 rtsp_url is not an RTSP URL; write",
        ),
        (
            "[[cameras]]\nid = 'a'\nrtsp_url = 'rtsp://u:hunter2@h:0/'",
            "camera 1 rtsp_url has no usable host and port",
        ),
        (CAMERA + CAMERA, 'camera 2 id = "front" is taken by cameras.toml: camera 1 id = "front"; give each'),
        (CAMERA + CAMERA.replace("front", "FRONT"), 'camera 2 id = "FRONT" is taken by'),
        (CAMERA.replace('"front"', "1"), "camera 1 id = 1 is not text"),
        ("[storage]\nlive_path = 'hls'", "cameras.toml: storage.live_path = "),
        ("[storage]\npath = '.'\nlive_path = 'cam/recordings'", "is inside the storage"),
    ],
)
def test_each_bad_value_gets_one_sentence(problems: Callable[..., List[str]], toml: str, message: str) -> None:
    (problem,) = problems(toml)
    assert message in problem
    assert problem.startswith("cameras.toml: ")


@pytest.mark.parametrize("id", ["", "a b", "../a", ".a", "-a", "_a", "ä", "a" * 65, "a.b", "a/b", "a\nb"])
def test_invalid_ids(problems: Callable[..., List[str]], id: str) -> None:
    found = problems(env={"CAMERA_1_ID": id, "CAMERA_1_RTSP_URL": URL})
    assert re.search("is not a camera id|contains a control character|without an id", found[0])
    assert len(found) == 1


@pytest.mark.parametrize("id", ["CON", "nul", "Com1", "lpt9", "aux", "prn"])
def test_ids_that_windows_reserves(problems: Callable[..., List[str]], id: str) -> None:
    (problem,) = problems(env={"CAMERA_1_ID": id, "CAMERA_1_RTSP_URL": URL})
    assert f'environment: CAMERA_1_ID = "{id}" is a device name on Windows' in problem


@pytest.mark.parametrize("id", ["a", "0", "camera_01", "Front-Door", "a" * 64, "console", "com10"])
def test_valid_ids(load: Load, id: str) -> None:
    (camera,) = load(env={"CAMERA_1_ID": id, "CAMERA_1_RTSP_URL": URL}).cameras
    assert (camera.id, camera.name, camera.enabled, camera.transcode) == (id, id, True, False)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SERVER_PORT": "http"}, 'environment: SERVER_PORT = "http" is not a whole number from 1 to 65535'),
        ({"SERVER_PORT": "9" * 5000}, "environment: SERVER_PORT = "),
        (
            {"TRANSCODE": "maybe"},
            'environment: TRANSCODE = "maybe" is not a boolean; write true or false (1/0',
        ),
        (
            {"CAMERA_1_IDD": "a"},
            "environment: CAMERA_1_IDD is not a known variable; the nearest is CAMERA_1_ID.",
        ),
        (
            {"CAMERA_12_PASWORD": SECRET},
            "CAMERA_12_PASWORD is not a known variable; the nearest is CAMERA_12_PASSWORD.",
        ),
        ({"CAMERA_1_ID": "a"}, 'environment: CAMERA_1_ID = "a" is a camera without an RTSP URL'),
        ({"CAMERA_1_PASSWORD": SECRET}, "CAMERA_1_PASSWORD is set for a camera without an id"),
        (
            {"CAMERA_1_ID": f"rtsp://admin:{SECRET}@cam/", "CAMERA_1_RTSP_URL": URL},
            "environment: CAMERA_1_ID is not a camera id",
        ),
        (
            {"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": f"rtsp://u:{SECRET}@cam/a b"},
            "environment: CAMERA_1_RTSP_URL has a space, quote, backslash or control character",
        ),
        (
            {
                "CAMERA_1_ID": "a",
                "CAMERA_1_RTSP_URL": f"rtsp://u:{SECRET}@cam/",
                "CAMERA_1_PASSWORD": "other",
            },
            "CAMERA_1_PASSWORD contradicts the password inside environment: CAMERA_1_RTSP_URL; keep one",
        ),
        (
            {"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": f"rtsp://u:{SECRET}@cam/", "CAMERA_1_USERNAME": "v"},
            "CAMERA_1_USERNAME contradicts the user name inside environment: CAMERA_1_RTSP_URL",
        ),
        (
            {"CCTV_CONFIG": "none.toml"},
            "none.toml: the file cannot be read (No such file or directory); create it",
        ),
    ],
)
def test_bad_variables(problems: Callable[..., List[str]], env: Dict[str, str], message: str) -> None:
    (problem,) = problems(env=env)
    assert message in problem
    assert len(problem) < 400


@pytest.mark.parametrize(
    ("dotenv", "message"),
    [
        ("SERVER_PRT=1", ".env: SERVER_PRT is not a known variable; the nearest is SERVER_PORT."),
        ("server_port=1", ".env: server_port is not a known variable; the nearest is SERVER_PORT."),
        ("LIVE_PTAH=x", ".env: LIVE_PTAH is not a known variable; the nearest is LIVE_PATH."),
        ("CCTV_CONFG=x", ".env: CCTV_CONFG is not a known variable; the nearest is CCTV_CONFIG."),
        ("NVR_ID=x", ".env: NVR_ID is not a known variable; the nearest is NVR_1_ID."),
        ("RECORDER_ID=x", ".env: RECORDER_ID is not a known variable; the nearest is RECORDER_1_ID."),
        ("CAMERA_ID=a", ".env: CAMERA_ID is not a known variable; the nearest is CAMERA_1_ID."),
        (
            "CAMERA_3_URL=hunter2",
            ".env: CAMERA_3_URL is not a known variable; the nearest is CAMERA_3_RTSP_URL.",
        ),
        ("SERVER_PORT=x", '.env: SERVER_PORT = "x" is not a whole number'),
        ("\n\nSERVER_PORT='hunter2\n", ".env: line 3 is not KEY=value; correct it, and close any quote"),
        ("\r\nCAMERA_1_ID=a\r\nCAMERA_1_RTSP_URL='hunter2\r\n", ".env: line 3 is not KEY=value"),
    ],
)
def test_bad_lines_in_dotenv(problems: Callable[..., List[str]], dotenv: str, message: str) -> None:
    (problem,) = problems(dotenv=dotenv)
    assert message in problem


def test_variables_of_other_programs_are_ignored(load: Load) -> None:
    foreign = {
        "SERVER_NAME": "x",
        "FFMPEG_HOME": "x",
        "CAMERA_MODEL": "x",
        "AUDIO_DEVICE": "x",
        "TZ": "Mars/Base",
    }
    assert load(env=foreign, dotenv="DATABASE_URL=x\nTZ=Mars/Base\nLOG_LEVEL=x\nNO_VALUE\n").timezone is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = \n", r"^cameras\.toml: the file is not valid TOML: .*line 2.*; correct that line\.$"),
        (b"password = 'hunter2'\npassword = 'hunter2'\n", r"not valid TOML: .*line 2"),
        (b"a = " + b"9" * 5000, r"not valid TOML"),
        (b"\xe4 = 1\n", r"^cameras\.toml: the file is not UTF-8 text; save it as UTF-8\.$"),
        (
            b"\xff\xfea\x00",
            r"^cameras\.toml: the file is UTF-16 or not text \(PowerShell's > writes UTF-16\); save it as",
        ),
        ("a = 1\n".encode("utf-16-le"), r"^cameras\.toml: the file is UTF-16 or not text"),
        ("a = 1\n[server]\nhost = “::”\n".encode(), r"line 3.*; type the quotes and spaces of that line again\.$"),
        ("[server]\n\u00a0port = 1\n".encode(), r"line 2.*; type the quotes and spaces of that line again\.$"),
    ],
)
def test_files_that_are_not_toml(
    problems: Callable[..., List[str]], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "cameras.toml").write_bytes(content)
    # the file that cannot be read may contain this camera's URL
    (problem,) = problems(env={"CAMERA_1_ID": "a", "CAMERA_1_PASSWORD": SECRET})
    assert re.search(message, problem)


def test_a_named_file_must_exist(problems: Callable[..., List[str]]) -> None:
    (problem,) = problems(config=Path("no/such.toml"))
    assert f"{Path('no/such.toml')}: the file cannot be read (No such file or directory)" in problem


def test_a_bad_value_is_reported_even_if_it_is_overridden(problems: Callable[..., List[str]]) -> None:
    (problem,) = problems("[server]\nport = 'x'", {"SERVER_PORT": "80"})
    assert problem.startswith("cameras.toml: server.port")


def test_all_problems_are_reported_at_once(problems: Callable[..., List[str]]) -> None:
    toml = (
        "timezone = 'Mars/Base'\n[server]\nport = 0\nhots = 'x'\n[storage]\nlive_path = 'hls/live'\n"
        "[[cameras]]\nid = 'a b'\nrtsp_url = 'rtsp://u:hunter2@h:0/'\nenabled = 'x'\n"
        + CAMERA
        + CAMERA.replace(URL, "x")
    )
    found = problems(
        toml,
        {"SERVER_PORT": "-1", "CAMERA_1_URL": "x", "CAMERA_2_ID": "Front", "CAMERA_2_ENABLED": "x"},
        "RETENTION_DAYS=0\nHLS_BASE=x\nhunter2 =\nhunter2 hunter2\n",
        {"server.port": 70000},
    )
    begins = [
        "environment: CAMERA_1_URL",
        ".env: line 4",
        ".env: HLS_BASE",
        "cameras.toml: server.hots",
        'cameras.toml: timezone = "Mars/Base"',
        "cameras.toml: server.port = 0",
        'environment: SERVER_PORT = "-1"',
        "command line: server.port = 70000",
        '.env: RETENTION_DAYS = "0"',
        'cameras.toml: camera 1 id = "a b"',
        'cameras.toml: camera 3 id = "front" is taken',
        'environment: CAMERA_2_ID = "Front" is taken',
        'cameras.toml: camera 1 enabled = "x"',
        "cameras.toml: camera 1 rtsp_url has no usable host",
        "cameras.toml: camera 3 rtsp_url is not an RTSP URL",
        'environment: CAMERA_2_ENABLED = "x"',
        "cameras.toml: storage.live_path",
    ]
    assert [found[: len(begin)] for found, begin in zip(found, begins)] == begins
    assert len(found) == len(begins)


def test_an_unknown_flag_is_a_programming_error(load: Load) -> None:
    with pytest.raises(KeyError, match=r"server\.prot"):
        load(flags={"server.prot": 1})


def test_live_windows_may_be_outside_the_storage(load: Load, tmp_path: Path) -> None:
    assert load("[storage]\nlive_path = 'hls-live'").live_path == tmp_path / "hls-live"


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for a privilege to make symbolic links")
def test_a_live_path_that_is_a_link_into_the_storage(problems: Callable[..., List[str]], tmp_path: Path) -> None:
    (tmp_path / "hls").mkdir()
    (tmp_path / "ram").symlink_to(tmp_path / "hls")
    (problem,) = problems("[storage]\nlive_path = 'ram/x'")
    assert "is inside the storage" in problem


# --- cameras ---


def test_cameras_are_merged_by_id_field_by_field(load: Load) -> None:
    settings = load(
        CAMERA + "name = 'in file'\nusername = 'admin'\npassword = 'in file'\nenabled = false\n",
        {"CAMERA_7_ID": "front", "CAMERA_7_PASSWORD": "in environment"},
        "CAMERA_7_PASSWORD='in dotenv'\nCAMERA_7_NAME='in dotenv'\n",
    )
    (camera,) = settings.cameras
    assert camera == Camera(
        "front",
        "in dotenv",
        RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret("in environment")),
        enabled=False,
    )
    origins = {key.rpartition(".")[2]: str(settings.origins[key]) for key in settings.origins if "front" in key}
    assert origins == {
        "name": ".env: CAMERA_7_NAME",
        "enabled": "cameras.toml: camera 1 enabled",
        "audio": "default",
        "transcode": "default",
        "rtsp_url": "cameras.toml: camera 1 rtsp_url",
        "username": "cameras.toml: camera 1 username",
        "password": "environment: CAMERA_7_PASSWORD",
    }


def test_the_order_of_cameras(load: Load) -> None:
    toml = "".join(CAMERA.replace("front", name) for name in ("z", "b"))
    env = {f"CAMERA_{n}_{key}": value for n in (10, 2) for key, value in (("ID", f"e{n}"), ("RTSP_URL", URL))}
    settings = load(toml, {**env, "CAMERA_1_ID": "b"}, f"CAMERA_3_ID=d3\nCAMERA_3_RTSP_URL={URL}\n")
    assert [camera.id for camera in settings.cameras] == ["z", "b", "e2", "d3", "e10"]


def test_two_numbers_with_one_id(problems: Callable[..., List[str]]) -> None:
    env = {"CAMERA_1_ID": "front", "CAMERA_2_ID": "front", "CAMERA_2_NAME": "x"}
    (problem,) = problems(CAMERA, env)
    assert problem.startswith('environment: CAMERA_2_ID = "front" is taken by cameras.toml: camera 1 id')


@pytest.mark.parametrize(
    ("general", "own", "transcode"),
    [("", "", False), ("true", "", True), ("true", "false", False), ("", "true", True)],
)
def test_a_cameras_own_transcode_overrides_the_general_one(load: Load, general: str, own: str, transcode: bool) -> None:
    toml = CAMERA + (f"transcode = {own}\n" if own else "")
    (camera,) = load(toml, {"TRANSCODE": general}).cameras
    assert camera.transcode is transcode


@pytest.mark.parametrize("word", ["true", "1", "YES", "On", "false", "0", "No", "off"])
def test_words_for_booleans(load: Load, word: str) -> None:
    (camera,) = load(CAMERA, {"CAMERA_1_ID": "front", "CAMERA_1_ENABLED": word}).cameras
    assert camera.enabled is (word.lower() in {"true", "1", "yes", "on"})


LOGIN_IN_FILE = CAMERA.replace("//", "//url-user:url-password@")


@pytest.mark.parametrize(
    ("toml", "env", "login"),
    [
        (LOGIN_IN_FILE, {}, ("url-user", "url-password")),
        (CAMERA + "username = 'u'\n", {}, ("u", None)),
        (
            LOGIN_IN_FILE + "username = 'url-user'\npassword = 'url-password'\n",
            {},
            ("url-user", "url-password"),
        ),
        (LOGIN_IN_FILE, {"CAMERA_1_USERNAME": "u"}, ("u", "url-password")),
        (LOGIN_IN_FILE, {"CAMERA_1_USERNAME": "u", "CAMERA_1_PASSWORD": "p"}, ("u", "p")),
        (CAMERA.replace("//", "//url-user@") + "password = 'p'\n", {}, ("url-user", "p")),
        (CAMERA + "username = 'u'\npassword = 'p'\n", {"CAMERA_1_RTSP_URL": "rtsp://v:q@cam/"}, ("v", "q")),
        (CAMERA + "username = 'u'\npassword = 'p'\n", {"CAMERA_1_RTSP_URL": "rtsp://cam/"}, ("u", "p")),
        (CAMERA + "username = 'u'\npassword_file = 'none'\n", {"CAMERA_1_PASSWORD": "p"}, ("u", "p")),
        (CAMERA.replace("//", "//u:@"), {}, ("u", "")),
        (CAMERA + "username = 'u'\npassword = ''\n", {}, ("u", "")),
        (CAMERA + "username = ''\npassword = ''\n", {}, (None, None)),
        (CAMERA.replace("//", "//u:@") + "password = 'p'\n", {}, ("u", "p")),
        (CAMERA.replace("//", "//u:p@") + "username = 'u'\npassword = ''\n", {}, ("u", "p")),
        (CAMERA + "username = 'u'\npassword = ''\n", {"CAMERA_1_PASSWORD": "p"}, ("u", "p")),
        (CAMERA.replace("//", "//u:p@"), {"CAMERA_1_PASSWORD": ""}, ("u", "p")),
    ],
)
def test_the_login_of_the_higher_layer_applies(load: Load, toml: str, env: Dict[str, str], login: object) -> None:
    (camera,) = load(toml, {"CAMERA_1_ID": "front", **env}).cameras
    source = rtsp(camera)
    assert (source.username, source.password and source.password.reveal()) == login


def test_a_password_file_overrides_an_empty_password(load: Load, tmp_path: Path) -> None:
    (tmp_path / "front.txt").write_text("p")
    (camera,) = load(CAMERA + "username = 'u'\npassword = ''\npassword_file = 'front.txt'\n").cameras
    assert rtsp(camera).password == Secret("p")


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"p@ss #1\n", "p@ss #1"), (b"\xef\xbb\xbfp\xc3\xa4ss\r\nmore\n", "päss"), (b" a ", " a ")],
)
def test_a_password_file(load: Load, tmp_path: Path, content: bytes, password: str) -> None:
    (tmp_path / "front.txt").write_bytes(content)
    toml = CAMERA + "username = 'admin'\npassword_file = 'front.txt'\n"
    settings = load(toml)
    assert rtsp(settings.cameras[0]).password == Secret(password)
    assert str(settings.origins["cameras.front.password"]) == "cameras.toml: camera 1 password_file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); write the password on its first line"),
        (b"", "has no password on its first line"),
        (b"\nhunter2\n", "has no password on its first line"),
        (b"hunter2\x00\n", "has a control character on its first line"),
        (b"hunter2\xff\n", "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_bad_password_file(
    problems: Callable[..., List[str]], tmp_path: Path, content: Optional[bytes], message: str
) -> None:
    if content is not None:
        (tmp_path / "front.txt").write_bytes(content)
    (problem,) = problems(CAMERA + "username = 'admin'\npassword_file = 'front.txt'\n")
    assert f'camera 1 password_file = "{tmp_path / "front.txt"}" {message}' in problem


def test_a_disabled_camera_is_checked_too(problems: Callable[..., List[str]]) -> None:
    (problem,) = problems("[[cameras]]\nid = 'a'\nrtsp_url = 'x'\nenabled = false\n")
    assert "rtsp_url is not an RTSP URL" in problem


# --- describe ---


def test_describe_covers_every_setting_and_shows_no_password(load: Load, tmp_path: Path) -> None:
    toml = (
        CAMERA.replace("//", f"//admin:{SECRET}@")
        + CAMERA.replace("front", "back")
        + f"username = 'u'\npassword = '{SECRET}'\n"
    )
    settings = load(toml, {"VIDEO_BITRATE": "1500k", "CAMERA_1_ID": "back", "CAMERA_1_PASSWORD": SECRET})
    rows = describe(settings)
    assert {key for key, _, _ in rows} == set(settings.origins)
    shown = {key: (value, origin) for key, value, origin in rows}
    assert shown["stream.video_bitrate"] == ("1500k", "environment: VIDEO_BITRATE")
    assert shown["server.port"] == ("8000", "default")
    assert shown["storage.path"] == (str(tmp_path / "hls"), "default")
    assert shown["cameras.front.rtsp_url"] == ("rtsp://192.168.1.100:554", "cameras.toml: camera 1 rtsp_url")
    assert shown["cameras.front.password"] == ("***", "cameras.toml: camera 1 rtsp_url")
    assert shown["cameras.back.password"] == ("***", "environment: CAMERA_1_PASSWORD")
    everything = [rows, settings, f"{settings}", *settings.cameras, settings.origins]
    assert SECRET not in " ".join(f"{part!r} {part}" for part in everything)


def test_describe_names_demo_cameras() -> None:
    rows = describe(Settings(cameras=(Camera("demo", "Demo", DemoSource(tone=True)),)))
    assert ("cameras.demo.source", "demo with a tone", "default") in rows


def test_settings_are_equal_whatever_their_origins(load: Load) -> None:
    assert load("[server]\nport = 1\n") == load(env={"SERVER_PORT": "1"})


@pytest.mark.parametrize("host", ["[bad", ":80", "host:port", "host:99999", "host:0", "user@", "?x"])
def test_a_webhook_needs_a_host_and_its_url_is_never_shown(problems: Callable[..., List[str]], host: str) -> None:
    (problem,) = problems(env={"ALERT_WEBHOOKS": f"http://{host}/{SECRET}"})
    assert "ALERT_WEBHOOKS has an entry that is not an http or https URL; write URLs such as" in problem


def test_a_value_that_is_not_utf_8_is_refused(problems: Callable[..., List[str]]) -> None:
    # Python decodes bytes in the environment that are not UTF-8 to lone surrogates (PEP 383)
    env = {"CAMERA_1_ID": "a", "CAMERA_1_RTSP_URL": "rtsp://192.168.1.64/", "CAMERA_1_USERNAME": "admin"}
    assert problems(env={**env, "CAMERA_1_PASSWORD": "\udcff"}) == [
        "environment: CAMERA_1_PASSWORD is not UTF-8; write it in UTF-8."
    ]
    assert problems(env={**env, "CAMERA_1_NAME": "T\udcfcr", "CAMERA_1_PASSWORD": "x"}) == [
        "environment: CAMERA_1_NAME is not UTF-8; write it in UTF-8."
    ]


@pytest.mark.parametrize("line", ["storage = " + "[" * 50_000, "x = " + "{a=" * 50_000])
def test_a_file_of_brackets_is_refused(problems: Callable[..., List[str]], line: str) -> None:
    (problem,) = problems(line)
    assert problem.startswith("cameras.toml: ")
