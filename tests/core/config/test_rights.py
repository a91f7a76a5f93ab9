"""Files of the configuration that others can read or change."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Optional

import pytest

from cctv_cli.core.config.load import load_settings
from cctv_cli.core.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows gives files the rights of their folder")

CAMERA = "[[cameras]]\nid = 'cam1'\nrtsp_url = 'rtsp://192.0.2.1/101'\n"
NVR_KEYS = "kind = 'hikvision'\nhost = '192.0.2.1'\nchannels = [1, 2]"
WITH_PASSWORD = CAMERA + "username = 'admin'\npassword = 'hunter2'\n"
IN_URL = CAMERA.replace("://", "://admin:hunter2@")
SUB = CAMERA + "sub_rtsp_url = 'rtsp://admin:hunter2@192.0.2.2/102'\n"
NVR = WITH_PASSWORD.replace("[[cameras]]", "[[nvrs]]").replace("rtsp_url = 'rtsp://192.0.2.1/101'", NVR_KEYS)
WEBHOOK = CAMERA + "[alerts]\nwebhooks = ['https://example.org/hook']\n"
READ, CHANGE = "every user of this machine can read the passwords", "every user of this machine can change this file"


def warnings(folder: Path, mode: int, *, toml: Optional[str] = None, dotenv: Optional[str] = None) -> str:
    for name, text in (("cameras.toml", toml), (".env", dotenv)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(mode)
    return "\n".join(load_settings(environ={}, cwd=folder).warnings)


@pytest.mark.parametrize(
    ("toml", "mode", "warning"),
    [
        *((toml, 0o644, READ) for toml in (WITH_PASSWORD, IN_URL, SUB, NVR, WEBHOOK)),
        *((toml, 0o640, None) for toml in (WITH_PASSWORD, IN_URL, SUB, NVR, WEBHOOK)),
        (CAMERA, 0o644, None),
        (CAMERA, 0o646, CHANGE),
        (WITH_PASSWORD, 0o666, CHANGE),
        (WITH_PASSWORD, 0o660, None),
    ],
)
def test_a_file_that_others_can_read_or_change(tmp_path: Path, toml: str, mode: int, warning: Optional[str]) -> None:
    found = warnings(tmp_path, mode, toml=toml)
    assert found.startswith("" if warning is None else f"cameras.toml: {warning}")
    assert (found == "") == (warning is None)


@pytest.mark.parametrize("name", ["CAMERA_1_PASSWORD", "CAMERA_1_RTSP_URL"])
def test_dotenv_that_others_can_read(tmp_path: Path, name: str) -> None:
    value = "rtsp://admin:hunter2@192.0.2.1/101" if name.endswith("URL") else "hunter2"
    more = "" if name.endswith("URL") else "CAMERA_1_RTSP_URL=rtsp://192.0.2.1/101\nCAMERA_1_USERNAME=admin\n"
    found = warnings(tmp_path, 0o644, toml="", dotenv=f"CAMERA_1_ID=cam1\n{name}={value}\n{more}")
    assert found.startswith(f".env: {READ}")
    assert "\n" not in found, "cameras.toml has no password"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("name", ["cameras.toml", ".env"])
def test_root_uses_no_file_of_another_user(tmp_path: Path, name: str) -> None:
    assert warnings(tmp_path, 0o600, toml=CAMERA, dotenv="") == ""
    os.chown(tmp_path / name, 65534, 0)
    with pytest.raises(ConfigError) as refused:
        load_settings(environ={}, cwd=tmp_path)
    (problem,) = refused.value.problems
    assert problem == (
        f"{name}: root runs cctv, but another user owns this file and could change what root does; "
        f"run cctv as that user, or `chown root {name}`."
    )
