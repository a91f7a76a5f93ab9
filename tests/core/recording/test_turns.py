"""How many cameras of one host have a second session at the same time."""

from __future__ import annotations

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.recording.turns import AT_A_TIME, Turns

NVR = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101")
OTHER = RtspSource("192.168.1.101", 554, "/Streaming/Channels/101")


def test_the_channels_of_an_nvr_wait_for_each_other() -> None:
    turns, channels = Turns(), [f"cam{number}" for number in range(AT_A_TIME + 2)]
    assert [turns.take(each, NVR) for each in channels] == [True] * AT_A_TIME + [False] * 2
    assert turns.take(channels[0], NVR), "it has a turn already"
    assert turns.take("elsewhere", OTHER)
    turns.give_back(channels[0])
    turns.give_back("unknown")
    assert [turns.take(each, NVR) for each in channels[AT_A_TIME:]] == [True, False]
