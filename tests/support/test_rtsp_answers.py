"""How the test camera answers requests: logins, and the answers of bad cameras."""

from __future__ import annotations

import time

import pytest

from tests.support.conftest import ClipOf
from tests.support.rtsp_camera import HTTP_ANSWER, RtspCamera
from tests.support.rtsp_client import Client, nonce_in

_UDP = "RTP/AVP;unicast;client_port=5000-5001"
_WRONG, _RIGHT = "Basic YWRtaW46d3Jvbmc=", "Basic YWRtaW46cmlnaHQ="  # admin:wrong, admin:right


def test_drop_closes_connections_and_the_camera_keeps_running(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        client.play()
        camera.drop()
        client.rest()
        assert camera.sessions == 0
        assert [record.closed_at is not None for record in camera.connections] == [True]
        with Client(camera) as again:
            assert again.request("DESCRIBE")[0] == 200


def test_refuse_refuses_connections_until_it_ends(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera:
        camera.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            Client(camera)
        camera.refuse(False)
        with Client(camera) as client:
            assert client.request("OPTIONS")[0] == 200


def test_silence_accepts_and_never_answers(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        camera.silence(True)
        client.ask("OPTIONS")
        assert client.receives_nothing(0.1)
        camera.wait_for(lambda: camera.connections[0].methods == ["OPTIONS"])


def test_statuses_of_a_camera_that_does_not_serve(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), max_sessions=1) as camera, Client(camera) as first, Client(camera) as second:
        assert first.request("DESCRIBE", "/wrong")[0] == 404
        assert first.request("PLAY")[0] == 454
        assert first.set_up(2) == 404
        assert first.request("SETUP", "/trackID=1", Transport=_UDP)[0] == 461
        assert first.set_up() == 200
        assert second.set_up() == 453
        camera.answer(500)
        assert second.request("DESCRIBE")[0] == 500
        camera.answer(None)
        assert second.request("DESCRIBE")[0] == 200
        assert first.request("TEARDOWN")[0] == 200
        assert second.set_up() == 200


@pytest.mark.parametrize("status", [453, 500])
def test_only_setup_can_be_answered_with_a_status(clip_of: ClipOf, status: int) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        camera.answer(status, "SETUP")
        assert client.request("DESCRIBE")[0] == 200
        assert client.set_up() == status
        camera.answer(None, "SETUP")
        assert client.set_up() == 200


def test_a_redirect_names_another_address(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        camera.redirect("rtsp://127.0.0.1:1/elsewhere")
        status, headers = client.request("DESCRIBE")
        assert (status, headers["Location"]) == (302, "rtsp://127.0.0.1:1/elsewhere")
        camera.redirect(None)
        assert client.request("DESCRIBE")[0] == 200


@pytest.mark.parametrize("part", ["headers", "line", "body"])
def test_an_oversized_answer_has_no_end(clip_of: ClipOf, part: str) -> None:
    with RtspCamera(clip_of()) as camera:
        camera.flood(part)
        with Client(camera) as client:
            assert client.request("OPTIONS")[0] == 200
            client.ask("DESCRIBE")
            answer = client.read(2_000_000)
        camera.wait_for(lambda: camera.connections[0].closed_at is not None)
        camera.flood(None)
        with Client(camera) as client:
            assert client.request("DESCRIBE")[0] == 200
    assert len(answer) == 2_000_000
    assert answer.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n")
    assert (answer.count(b"\r\n") < 4, b"\r\n\r\n" in answer) == (part == "line", part == "body")


def test_an_oversized_answer_ends_with_the_camera(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        camera.flood("body")
        client.ask("DESCRIBE")
        client.read(1000)
        camera.drop()
        assert camera.connections[0].closed_at is not None


def test_a_web_server_answers_in_http(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        camera.answer_raw(HTTP_ANSWER)
        client.ask("OPTIONS")
        assert client.rest() == HTTP_ANSWER
        camera.answer_raw(None)
        with Client(camera) as again:
            assert again.request("OPTIONS")[0] == 200


def test_digest_requires_the_password(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), username="admin", password="right") as camera, Client(camera) as client:
        status, headers = client.request("DESCRIBE")
        assert (status, camera.refused_attempts) == (401, 0)
        nonce = nonce_in(headers)
        for password, expected in (("wrong", 401), ("right", 200)):
            login = client.digest("DESCRIBE", nonce, password)
            assert client.request("DESCRIBE", Authorization=login)[0] == expected
        assert client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", nonce, "right", "root"))[0] == 401
        assert client.request("DESCRIBE", Authorization=_RIGHT)[0] == 401
        assert camera.refused_attempts == 3
        camera.password = "new"
        assert client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", nonce, "right"))[0] == 401
        assert client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", nonce, "new"))[0] == 200


def test_basic_requires_the_password(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), username="admin", password="right", auth="basic") as camera, Client(camera) as client:
        status, headers = client.request("DESCRIBE")
        assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="IP Camera"')
        assert client.request("DESCRIBE", Authorization=_WRONG)[0] == 401
        assert client.request("DESCRIBE", Authorization=_RIGHT)[0] == 200
        assert camera.refused_attempts == 1


def test_a_client_may_choose_between_digest_and_basic(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), username="admin", password="right", auth="both") as camera, Client(camera) as client:
        challenges = client.request("DESCRIBE")[1]["WWW-Authenticate"].splitlines()
        assert [challenge.partition(" ")[0] for challenge in challenges] == ["Digest", "Basic"]
        nonce = nonce_in({"WWW-Authenticate": challenges[0]})
        assert client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", nonce, "right"))[0] == 200
        assert client.request("DESCRIBE", Authorization=_RIGHT)[0] == 200
        assert camera.refused_attempts == 0


def test_a_stale_nonce_is_not_a_refused_attempt(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), username="admin", password="right") as camera, Client(camera) as client:
        old = nonce_in(client.request("DESCRIBE")[1])
        camera.expire_nonce()
        status, headers = client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", old, "right"))
        new = nonce_in(headers)
        assert status == 401
        assert headers["WWW-Authenticate"].endswith(", stale=true")
        assert new != old
        assert client.request("DESCRIBE", Authorization=client.digest("DESCRIBE", new, "right"))[0] == 200
        assert camera.refused_attempts == 0


def test_one_ledger_has_the_refused_attempts_of_all_channels(clip_of: ClipOf) -> None:
    paths = [f"/Streaming/Channels/{number}01" for number in range(1, 17)]
    channels = {path: clip_of() for path in paths[1:]}
    before = time.time()
    with RtspCamera(clip_of(), path=paths[0], channels=channels, username="admin", password="right") as camera:
        for number, path in enumerate(paths):
            with Client(camera, path, user_agent=f"client {number}") as client:
                nonce = nonce_in(client.request("DESCRIBE")[1])
                wrong = client.digest("DESCRIBE", nonce, "wrong")
                assert client.request("DESCRIBE", Authorization=wrong)[0] == 401
                assert client.request("SETUP", "/trackID=1", Authorization=wrong)[0] == 401
        assert camera.refused_attempts == 32
    assert [(each.method, each.path, each.user_agent) for each in camera.refusals] == [
        (method, path, f"client {number}") for number, path in enumerate(paths) for method in ("DESCRIBE", "SETUP")
    ]
    times = [before, *(each.at for each in camera.refusals), time.time()]
    assert times == sorted(times)
