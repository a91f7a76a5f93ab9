"""Whether AAC can be recorded, from format lines like those of real cameras."""

from __future__ import annotations

import pytest

from cctv_cli.core.rtsp.aac_config import aac_fault

MODE = "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param(MODE + "config=1408", "", id="AAC-LC"),
        pytest.param(MODE + " Config=1408; x=1", "", id="in any case"),
        pytest.param(MODE + "config=2B0A8800", "", id="HE-AAC over AAC-LC"),
        pytest.param(MODE, "lacks", id="missing"),
        pytest.param("", "lacks", id="no format line"),
        pytest.param(MODE + "config=", "lacks", id="empty"),
        pytest.param(MODE + "config=140", "lacks", id="odd"),
        pytest.param(MODE + "config=zz", "lacks", id="not hexadecimal"),
        pytest.param(MODE + "config=14", "lacks", id="too short"),
        pytest.param(MODE + "config=0000", "lacks", id="no object type"),
        pytest.param(MODE + "config=f8f02000", "object type 39", id="AAC-ELD"),
        pytest.param(MODE + "myconfig=1408", "lacks", id="another name"),
    ],
)
def test_aac(line: str, fault: str) -> None:
    found = aac_fault(line, latm=False, mpegts=True)
    assert (fault in found) if fault else (found == "")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param("profile-level-id=15;object=2;cpresent=0;config=400028103fc0", "", id="AAC-LC"),
        pytest.param("profile-level-id=15;object=2;cpresent=0;config=", "lacks", id="empty"),
        pytest.param("profile-level-id=15;object=2;cpresent=1", "lacks", id="in the stream"),
        pytest.param("cpresent=0;config=600028103fc0", "lacks", id="several programs"),
    ],
)
def test_latm(line: str, fault: str) -> None:
    found = aac_fault(line, latm=True, mpegts=True)
    assert (fault in found) if fault else (found == "")


def test_mp4_can_contain_any_type() -> None:
    assert aac_fault(MODE + "config=f8f02000", latm=False, mpegts=False) == ""
