"""Findings from facts: the name, severity, camera and sentence of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

import pytest

from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.health.facts import (
    AccessFacts,
    CameraFacts,
    CameraStorage,
    Coverage,
    DiskFacts,
    Facts,
    HungDisk,
    Promise,
    StorageFacts,
    SystemFacts,
)
from cctv_cli.core.health.findings import Finding, Severity, Thresholds, assess, thresholds_of, worst
from cctv_cli.core.recording.state import State
from cctv_cli.core.storage.entries import ClockEntry

NOW = 1_800_000_000.0
GB = 1_000_000_000
LIMITS = thresholds_of(Settings())
MACHINE = SystemFacts(20.0, 4, 40.0, 16 * GB, 9 * GB, (0.5, 0.4, 0.3), open_files=100, open_files_limit=1024)
DISK = DiskFacts(total=1000 * GB, used=400 * GB, free=600 * GB, min_free=50 * GB)
KEPT = Promise(True, 300 * GB, 550 * GB, 10 * GB, 55.0, None)
FINE = CameraFacts(
    "front",
    "Front",
    wanted=True,
    supervised=True,
    state=State.RUNNING,
    reason="recording",
    since=NOW - 3600,
    gop=2.0,
    last_segment_at=NOW - 5,
    last_hour=Coverage(3600.0),
)


def facts(
    *cameras: CameraFacts,
    system: SystemFacts = MACHINE,
    disk: DiskFacts = DISK,
    promise: Optional[Promise] = KEPT,
) -> Facts:
    return Facts(system, (), cameras or (FINE,), StorageFacts(disk, (CameraStorage("front", 30),), promise))


def found(all_facts: Facts, limits: Thresholds = LIMITS) -> List[Tuple[str, str, Optional[str]]]:
    findings = assess(all_facts, limits, NOW)
    for finding in findings:
        assert finding.sentence[0].isupper() or finding.sentence[0].isdigit()
        assert "\n" not in finding.sentence and not finding.sentence.endswith(".")
        if finding.severity is not Severity.OK:
            assert "; " in finding.sentence  # the cure follows the cause
    return [(finding.name, finding.severity.value, finding.camera) for finding in findings]


def test_a_healthy_system_has_no_findings() -> None:
    assert found(facts()) == []
    assert worst(()) is Severity.OK


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"state": State.BACKOFF, "reason": "no answer"}, ("camera_not_recording", "critical"), id="backoff"
        ),
        pytest.param({"state": State.STALLED}, ("camera_not_recording", "critical"), id="stalled"),
        pytest.param({"state": State.AUTH_FAILED}, ("camera_not_recording", "critical"), id="auth failed"),
        pytest.param({"state": State.STOPPED}, ("camera_not_recording", "critical"), id="its folder cannot be read"),
        pytest.param({"state": State.STARTING, "since": NOW - 61}, ("camera_not_recording", "critical"), id="no start"),
        pytest.param({"state": State.STARTING, "since": NOW - 59}, None, id="starting"),
        pytest.param(
            {"state": State.STARTING, "since": NOW, "failure": "no answer"},
            ("camera_not_recording", "critical"),
            id="the next try after a failure",
        ),
        pytest.param({"state": State.STARTING, "since": None}, None, id="just started"),
        pytest.param({"state": State.STOPPED, "wanted": False}, ("camera_stopped", "ok"), id="an operator's stop"),
        pytest.param(
            {"state": State.STOPPED, "wanted": False, "supervised": False, "last_hour": Coverage(0, 3600, 0)},
            ("camera_stopped", "ok"),
            id="disabled",
        ),
        pytest.param({"last_segment_at": NOW - 61}, ("old_segment", "warning"), id="an old segment"),
        pytest.param({"last_segment_at": NOW - 59}, None, id="a new enough segment"),
        pytest.param({"last_segment_at": None}, None, id="no segment yet"),
        pytest.param({"gop": 10.1}, ("long_gop", "warning"), id="rare key frames"),
        pytest.param({"gop": 10.0}, None, id="key frames just frequent enough"),
        pytest.param({"gop": 250.0, "last_segment_at": NOW - 260}, ("long_gop", "warning"), id="smart codec"),
        pytest.param({"gop": 16.0, "frame_rate": 1 / 16, "last_segment_at": NOW - 79}, None, id="rare frames"),
        pytest.param({"gop": 48.0, "frame_rate": 1 / 16}, ("long_gop", "warning"), id="rare frames, rarer key frames"),
        pytest.param(
            {"gop": 16.0, "frame_rate": 1 / 16, "last_segment_at": NOW - 97}, ("old_segment", "warning"), id="no frames"
        ),
        pytest.param({"last_hour": Coverage(3539, 61, 0)}, ("recording_missing", "warning"), id="missing"),
        pytest.param({"last_hour": Coverage(1000, 60, 2540)}, None, id="little missing"),
        pytest.param({"restarts_last_hour": 4}, ("frequent_restarts", "warning"), id="restarts"),
        pytest.param({"restarts_last_hour": 3}, None, id="few restarts"),
        pytest.param({"future_until": NOW + 86400}, ("future_footage", "warning"), id="the future"),
        pytest.param({"waiting": 1}, ("recordings_waiting", "warning"), id="waiting files"),
    ],
)
def test_a_camera(changes: Dict[str, Any], expected: Optional[Tuple[str, str]]) -> None:
    other = replace(FINE, id="yard")
    assert found(facts(replace(FINE, **changes), other)) == ([] if expected is None else [(*expected, "front")])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": State.BACKOFF, "reason": "the camera refuses connections"}, "the camera refuses connections"),
        ({"state": State.STARTING, "failure": "no answer", "reason": "asking"}, "not recorded: no answer; "),
        ({"state": State.AUTH_FAILED, "reason": "refused"}, "correct its user name or password"),
        ({"gop": 250.0}, "H.264+/H.265+ (smart codec)"),
        ({"gop": 250.0}, "250 s apart"),
        ({"last_hour": Coverage(0, 1234.4, 0)}, "1234 s of the last hour"),
        ({"future_until": NOW + 86400}, "clock"),
        ({"wanted": False, "state": State.STOPPED, "reason": "an operator stopped the camera"}, "an operator stopped"),
    ],
)
def test_a_finding_names_cause_and_cure(changes: Dict[str, Any], words: str) -> None:
    (finding,) = assess(facts(replace(FINE, **changes)), LIMITS, NOW)
    assert words in finding.sentence


def test_without_a_supervisor_there_is_one_finding_for_all() -> None:
    alone = replace(
        FINE, supervised=False, state=State.STOPPED, reason="no supervisor is running", last_segment_at=None
    )
    stopped = replace(alone, id="attic", wanted=False)
    findings = assess(facts(alone, replace(alone, id="yard"), stopped), LIMITS, NOW)
    assert [(f.name, f.severity, f.camera) for f in findings] == [
        ("no_supervisor", Severity.CRITICAL, None),
        ("camera_stopped", Severity.OK, "attic"),
    ]
    assert "front, yard:" in findings[0].sentence
    assert "cctv serve" in findings[0].sentence


def test_recorders_that_run_without_a_supervisor_are_a_warning() -> None:
    alone = replace(FINE, supervised=False)
    assert found(facts(alone, replace(alone, id="yard"))) == [("no_supervisor", "warning", None)]
    ended = replace(alone, id="yard", state=State.STOPPED)
    assert found(facts(alone, ended)) == [("no_supervisor", "critical", None)]


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        (replace(DISK, free=40 * GB), []),
        (replace(DISK, free=40 * GB - 1), [("disk_space", "warning", None)]),
        (replace(DISK, free=10 * GB), [("disk_space", "warning", None)]),
        (replace(DISK, free=10 * GB - 1), [("disk_space", "critical", None)]),
        (replace(DISK, free=99_000_000, min_free=0), [("disk_space", "critical", None)]),
        (replace(DISK, free=0, fault="it does not exist"), [("storage_fault", "critical", None)]),
        (replace(DISK, refusal="Read-only file system; mount it again"), [("storage_fault", "critical", None)]),
    ],
)
def test_the_disk(disk: DiskFacts, expected: List[Tuple[str, str, Optional[str]]]) -> None:
    assert found(facts(disk=disk)) == expected


@pytest.mark.parametrize(
    ("access", "name", "words"),
    [
        (AccessFacts(is_open=True), "open_to_all", "set server.access to lan or token"),
        (AccessFacts(unknown_proxy=NOW), "unknown_proxy", "run cctv access forget-proxy"),
        (AccessFacts(in_clear=InClear("phone", NOW - 86_399)), "token_in_clear", "cctv token revoke phone"),
    ],
)
def test_who_can_reach_the_cameras(access: AccessFacts, name: str, words: str) -> None:
    everything = replace(facts(), access=access)
    assert found(everything) == [(name, "warning", None)]
    (finding,) = assess(everything, LIMITS, NOW)
    assert words in finding.sentence


def test_a_token_without_tls_is_a_finding_for_a_day() -> None:
    assert found(replace(facts(), access=AccessFacts(in_clear=InClear("phone", NOW - 86_400)))) == []


def test_a_cameras_own_disk_that_is_not_mounted_is_a_finding_of_that_camera() -> None:
    storage = replace(facts().storage, unmounted=("front",))
    assert found(replace(facts(), storage=storage)) == [("disk_missing", "critical", "front")]


def test_recordings_in_no_journal_are_a_finding_of_their_camera() -> None:
    storage = replace(
        facts().storage, unjournalled=(("front", "1,320 recordings of 2026-11-20 (14.2 GB); restore it"),)
    )
    assert found(replace(facts(), storage=storage)) == [("recordings_unjournalled", "warning", "front")]


def test_a_disk_of_single_cameras_is_named_after_them() -> None:
    own = replace(DISK, free=40 * GB - 1, cameras=("yard", "attic"))
    storage = StorageFacts(DISK, (), KEPT, others=(own, replace(own, free=40 * GB, cameras=("door",))))
    (finding,) = assess(replace(facts(), storage=storage), LIMITS, NOW)
    assert (finding.name, finding.severity, finding.camera) == ("disk_space", Severity.WARNING, "yard")
    assert finding.sentence.startswith("The disk of yard, attic has 40 GB left")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cpu": 90.0}, []),
        ({"cpu": 91.0}, [("cpu", "warning", None)]),
        ({"memory": 90.5}, [("memory", "warning", None)]),
        ({"open_files": 820}, [("open_files", "warning", None)]),
        ({"open_files": 819}, []),
        ({"open_files": 10_000, "open_files_limit": None}, []),
        ({"open_files": None, "load": None}, []),
    ],
)
def test_the_machine(changes: Dict[str, Any], expected: List[Tuple[str, str, Optional[str]]]) -> None:
    assert found(facts(system=replace(MACHINE, **changes))) == expected


def test_a_disk_that_is_too_small_for_the_retention() -> None:
    promise = Promise(False, 600 * GB, 500 * GB, 20 * GB, 25.0, 20.0)
    (finding,) = assess(facts(promise=promise), LIMITS, NOW)
    assert (finding.name, finding.severity) == ("retention_promise", Severity.WARNING)
    for words in ("600 GB", "20 GB a day", "room for 500 GB", "25.0 days", "in 20.0 days", "RETENTION_DAYS"):
        assert words in finding.sentence
    (finding,) = assess(facts(promise=replace(promise, disk_of=("yard", "attic"))), LIMITS, NOW)
    assert "needs 600 GB on the disk of yard, attic at 20 GB a day" in finding.sentence
    (finding,) = assess(facts(promise=replace(promise, full_in=0.0)), LIMITS, NOW)
    assert "used up now" in finding.sentence


def test_a_max_size_that_is_too_small_is_a_finding_of_that_camera() -> None:
    assert found(facts(promise=replace(KEPT, kept=False, short=("front",)))) == [
        ("retention_promise", "warning", "front")
    ]
    assert found(facts(promise=None)) == []


@pytest.mark.parametrize(
    ("ago", "changes", "expected"),
    [
        (86_400, {}, []),
        (86_401, {}, ["cleanup_overdue"]),
        (86_401, {"cleanup_interval": 28_801}, []),
        (86_404, {"cleanup_interval": 28_801}, ["cleanup_overdue"]),
    ],
)
def test_cleanups_that_are_incomplete_or_overdue(ago: float, changes: Dict[str, Any], expected: List[str]) -> None:
    limits = thresholds_of(replace(Settings(), **changes))
    storage = StorageFacts(DISK, (CameraStorage("front", 30, oldest=NOW - 1e6),), KEPT, NOW - ago)
    assert [name for name, _, _ in found(replace(facts(), storage=storage), limits)] == expected


def test_a_cleanup_is_overdue_only_with_recordings_and_a_supervisor_of_all_cameras() -> None:
    storage = StorageFacts(DISK, (CameraStorage("front", 30, oldest=NOW - 1e6),), KEPT, NOW - 1e6)
    alone = replace(FINE, id="yard", supervised=False, wanted=False)
    assert "cleanup_overdue" not in [name for name, _, _ in found(replace(facts(FINE, alone), storage=storage))]
    for quiet in (replace(storage, cleaned_at=None), replace(storage, cameras=(CameraStorage("front", 30),))):
        assert found(replace(facts(), storage=quiet)) == []


def test_what_the_last_cleanup_did_not_do_is_a_finding() -> None:
    refused = "The limit max_size asks to delete 75 %; correct the setting, or clean up with --force"
    storage = replace(facts().storage, problems=(refused,))
    assert found(replace(facts(), storage=storage)) == [("cleanup_refused", "warning", None)]
    (finding,) = assess(replace(facts(), storage=storage), LIMITS, NOW)
    assert finding.sentence == f"The last cleanup was incomplete: {refused}"
    (finding,) = assess(replace(facts(), storage=replace(storage, problems=(refused, "b", "c"))), LIMITS, NOW)
    assert finding.sentence.endswith(f"{refused} (and 2 more; cctv cleanup --preview shows all)")


def test_no_camera_at_all_is_a_warning() -> None:
    nothing = Facts(MACHINE, (), (), StorageFacts(DISK, (), None))
    assert found(nothing) == [("no_cameras", "warning", None)]


def test_the_worst_comes_first_and_gives_the_status() -> None:
    stopped = replace(FINE, id="attic", wanted=False, state=State.STOPPED)
    slow = replace(FINE, gop=60.0)
    failing = replace(FINE, id="yard", state=State.BACKOFF)
    findings = assess(facts(stopped, slow, failing), LIMITS, NOW)
    assert [finding.severity.value for finding in findings] == ["critical", "warning", "ok"]
    assert worst(findings) is Severity.CRITICAL
    assert worst(findings[1:]) is Severity.WARNING
    assert worst(findings[2:]) is Severity.OK


def test_severities_have_the_exit_codes_of_monitoring_systems() -> None:
    assert [Severity.OK.exit_code, Severity.WARNING.exit_code, Severity.CRITICAL.exit_code] == [0, 1, 2]


def test_thresholds_come_from_the_settings() -> None:
    settings = Settings(
        health_cpu=1, health_memory=2, health_segment_age=3, health_missing=4, health_gop=5, segment_duration=6
    )
    assert thresholds_of(settings) == Thresholds(1, 2, 3, 4, 5, 6, 86_400)
    strict = found(facts(replace(FINE, last_hour=Coverage(3595, 5, 0))), thresholds_of(settings))
    assert [name for name, _, _ in strict] == ["cpu", "memory", "recording_missing"]


def test_findings_are_values() -> None:
    assert Finding("cpu", Severity.OK, "Fine") == Finding("cpu", Severity.OK, "Fine", None)


UNREAD = replace(FINE, supervised=False, state=State.STOPPED, reason="r", unread="its files are damaged; see the log")


def test_a_folder_that_refuses_writes_is_a_finding_unless_the_storage_refuses_them_too() -> None:
    refusing = replace(FINE, refusal="Permission denied; correct the permissions")
    assert found(facts(refusing)) == [("storage_fault", "critical", "front")]
    all_refuse = facts(refusing, disk=replace(DISK, refusal=refusing.refusal))
    assert found(all_refuse) == [("storage_fault", "critical", None)]


def test_a_camera_that_waits_for_its_disk_is_not_blamed() -> None:
    reason = "the storage failed: Read-only file system; mount it again"
    waiting = replace(FINE, state=State.BACKOFF, reason=reason, refusal="Read-only file system; mount it again")
    sentences = [finding.sentence for finding in assess(facts(waiting), LIMITS, NOW)]
    assert f"It is not recorded: {reason}" in sentences


@pytest.mark.parametrize(("ahead", "text"), [(119.98, "2m ahead of"), (-1.2, "1s behind"), (0.9, ""), (-0.9, "")])
def test_a_file_servers_clock_is_one_finding_that_names_its_cameras(ahead: float, text: str) -> None:
    there = replace(FINE, disk_ahead=ahead)
    system = facts(there, replace(there, id="yard"), replace(FINE, id="local"))
    assert found(system) == ([("disk_clock", "warning", None)] if text else [])
    for finding in assess(system, LIMITS, NOW):
        assert finding.sentence.startswith(f"The clock of the file server of front, yard is {text} this machine's")


@pytest.mark.parametrize(("step", "text"), [(-3600.0, "back by 1h"), (90.0, "ahead by 90s"), (0.9, ""), (-0.9, "")])
def test_a_clock_that_was_set_is_one_finding_with_its_largest_step(step: float, text: str) -> None:
    small = replace(FINE, clock_steps=(ClockEntry(NOW - 60, 0.0, 0.3), ClockEntry(NOW - 50, 0.0, step)))
    system = facts(small, replace(small, id="yard"))
    assert found(system) == ([("clock_set", "warning", None)] if text else [])
    for finding in assess(system, LIMITS, NOW):
        assert finding.sentence.startswith(f"The clock of this machine was set {text}")


def test_a_disk_that_does_not_answer_is_one_finding_that_names_its_cameras() -> None:
    yard = replace(UNREAD, id="yard")
    system = facts(FINE, UNREAD, yard)
    hung = replace(system, storage=replace(system.storage, hung=(HungDisk(("front", "yard"), is_root=False),)))
    assert found(hung) == [("storage_unresponsive", "critical", "front")]
    assert "The disk of front, yard does not answer" in assess(hung, LIMITS, NOW)[0].sentence


def test_a_storage_root_that_does_not_answer_is_not_also_a_storage_fault() -> None:
    system = facts(UNREAD, disk=DiskFacts(0, 0, 0, 0, "its disk does not answer"))
    hung = replace(system, storage=replace(system.storage, hung=(HungDisk(("front",), is_root=True),)))
    assert found(hung) == [("storage_unresponsive", "critical", None)]
    assert "The storage's disk (with front) does not answer" in assess(hung, LIMITS, NOW)[0].sentence


def test_a_camera_whose_files_cannot_be_read_has_only_that_finding() -> None:
    assert found(facts(UNREAD)) == [("camera_unreadable", "critical", "front")]


def test_a_journal_that_cannot_be_read_is_one_finding_among_others() -> None:
    late = replace(FINE, unreadable_days=("2026-07-09",), set_aside=1)
    assert [name for name, _, _ in found(facts(late))] == ["journal_unreadable", "files_set_aside"]
    assert "Its journal of 2026-07-09 cannot be read" in assess(facts(late), LIMITS, NOW)[0].sentence


def test_files_that_were_set_aside_are_a_finding() -> None:
    assert found(facts(replace(FINE, set_aside=2))) == [("files_set_aside", "warning", "front")]
