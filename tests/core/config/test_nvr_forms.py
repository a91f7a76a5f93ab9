"""[[nvrs]] and NVR_<n> mixed with their former names, [[recorders]] and RECORDER_<n>, in one configuration."""

from __future__ import annotations

from typing import Callable, Dict, List

import pytest

from cctv_cli.core.config.settings import RtspSource
from tests.core.config.conftest import SECRET, Load

Problems = Callable[..., List[str]]

NVR = "[[nvrs]]\nid = 'nvr'\nkind = 'hikvision'\nhost = '192.168.1.200'\nchannels = [1, 2]\n"
LOGIN = f"username = 'admin'\npassword = '{SECRET}'\n"
OTHER = "[[recorders]]\nid = 'old'\nkind = 'hikvision'\nhost = 'h'\nchannels = [1]\n"
PLAIN = NVR.replace("host = '192.168.1.200'\n", "")


def former_of(nvr: str) -> str:
    return nvr.replace("[[nvrs]]", "[[recorders]]")


@pytest.mark.parametrize(
    ("toml", "env", "dotenv", "hosts"),
    [
        (NVR + OTHER, {}, "", {"nvr-1": "192.168.1.200", "nvr-2": "192.168.1.200", "old-1": "h"}),
        (OTHER + NVR, {}, "", {"old-1": "h", "nvr-1": "192.168.1.200", "nvr-2": "192.168.1.200"}),
        (PLAIN + "[[recorders]]\nid = 'nvr'\nhost = 'h'\n", {}, "", {"nvr-1": "h", "nvr-2": "h"}),
        (NVR + former_of(NVR), {}, "", {"nvr-1": "192.168.1.200", "nvr-2": "192.168.1.200"}),
        (NVR, {"RECORDER_1_ID": "nvr", "RECORDER_1_HOST": "h"}, "", {"nvr-1": "h", "nvr-2": "h"}),
        (OTHER, {"NVR_1_ID": "old", "NVR_1_HOST": "e"}, "", {"old-1": "e"}),
        (OTHER, {"RECORDER_3_ID": "old", "RECORDER_3_HOST": "e"}, "NVR_1_ID=old\nNVR_1_HOST=d\n", {"old-1": "e"}),
        (OTHER, {"NVR_1_ID": "old", "NVR_1_HOST": "e"}, "RECORDER_1_ID=old\nRECORDER_1_HOST=d\n", {"old-1": "e"}),
    ],
    ids=["two", "in their order", "one entry", "the same twice", "by variable", "likewise", "by layer", "either way"],
)
def test_both_forms_may_be_mixed(
    load: Load, toml: str, env: Dict[str, str], dotenv: str, hosts: Dict[str, str]
) -> None:
    cameras = load(toml, env, dotenv).cameras
    assert {camera.id: camera.source.host for camera in cameras if isinstance(camera.source, RtspSource)} == hosts
    assert [camera.id for camera in cameras] == list(hosts)


@pytest.mark.parametrize(
    ("toml", "env", "message"),
    [
        (
            NVR + "[[recorders]]\nid = 'nvr'\nhost = 'h'\n",
            {},
            "cameras.toml: recorder 1 host contradicts cameras.toml: nvr 1 host; keep one of the two.",
        ),
        (
            "",
            {
                "NVR_1_ID": "a",
                "NVR_1_KIND": "hikvision",
                "NVR_1_HOST": "h",
                "NVR_1_CHANNELS": "1",
                "RECORDER_2_ID": "a",
                "RECORDER_2_HOST": "other",
            },
            "environment: RECORDER_2_HOST contradicts environment: NVR_1_HOST; keep one of the two.",
        ),
        (
            NVR + LOGIN + "[[recorders]]\nid = 'nvr'\npassword = 'another'\n",
            {},
            "cameras.toml: recorder 1 password contradicts cameras.toml: nvr 1 password; keep one of the two.",
        ),
        (
            NVR + "[[recorders]]\nid = 'NVR'\nhost = 'h'\n",
            {},
            'cameras.toml: recorder 1 id = "NVR" is taken by cameras.toml: nvr 1 id = "nvr"; give each NVR an id',
        ),
        (NVR, {"RECORDER_1_PASSWORD": SECRET}, "RECORDER_1_PASSWORD is set for an NVR without an id; set its id"),
    ],
    ids=["in the file", "in the environment", "a password", "another case", "no id"],
)
def test_both_forms_may_not_contradict(problems: Problems, toml: str, env: Dict[str, str], message: str) -> None:
    (problem,) = problems(toml, env)
    assert message in problem
