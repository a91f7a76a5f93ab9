"""How many cameras of one host have a second session at the same time."""

from __future__ import annotations

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.recording.turns import AT_A_TIME, LASTS, Turns

NVR = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101")
NOW = 5_000.0  # monotonic
OTHER = RtspSource("192.168.1.101", 554, "/Streaming/Channels/101")


def test_the_channels_of_an_nvr_wait_for_each_other() -> None:
    turns, channels = Turns(), [f"cam{number}" for number in range(AT_A_TIME + 2)]
    assert [turns.take(each, NVR, NOW) for each in channels] == [True] * AT_A_TIME + [False] * 2
    assert turns.take(channels[0], NVR, NOW), "it has a turn already"
    assert turns.take("elsewhere", OTHER, NOW)
    turns.give_back(channels[0])
    turns.give_back("unknown")
    assert [turns.take(each, NVR, NOW) for each in channels[AT_A_TIME:]] == [True, False]


def test_a_camera_that_hangs_does_not_keep_its_turn() -> None:
    turns = Turns()
    for number in range(AT_A_TIME):
        assert turns.take(f"hangs{number}", NVR, NOW)
    assert not turns.take("waits", NVR, NOW + LASTS - 1)
    assert turns.take("waits", NVR, NOW + LASTS)
