"""What is sent to a receiver, and when it is not."""

import subprocess
import threading
from pathlib import Path

import pytest

from service.webhooks import posting
from service.webhooks.posting import post
from tests.server_processes import free_port
from tests.service.webhooks.receiver import receiving

HEADERS = {"content-length": "2"}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, signed by itself, with its key."""
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names)
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + made.read_bytes())
    return both


def test_a_certificate_that_is_trusted_is_accepted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(certificate) as receiver:
        assert post(f"{receiver.url}/hook", HEADERS, b"{}", private=True).accepted
        [received] = receiver.received
    assert received.headers["host"] == receiver.url.removeprefix("https://")
    assert (received.path, received.body) == ("/hook", b"{}")


def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(certificate) as receiver:
        answer = post(f"{receiver.url}/", HEADERS, b"{}", private=True)
        assert "CERTIFICATE_VERIFY_FAILED" in str(answer.problem)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        other = receiver.url.replace("localhost", "127.0.0.1")
        answer = post(f"{other}/", HEADERS, b"{}", private=True)
        assert "CERTIFICATE_VERIFY_FAILED" in str(answer.problem)
        assert receiver.received == []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_an_answer_byte_by_byte_is_left_when_the_time_is_over(
    secure: bool, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(posting, "SECONDS", 1.0)
    with receiving(certificate if secure else None) as receiver:
        receiver.slow = True
        # Without a limit it would go on for hours; so it ends, and its end is another problem.
        threading.Timer(6, receiver.released.set).start()
        answer = post(f"{receiver.url}/", HEADERS, b"{}", private=True)
        assert not receiver.released.is_set()
    assert (answer.status, answer.problem) == (None, "There was no answer within 1 s.")


def test_a_redirect_is_not_followed() -> None:
    with receiving() as receiver:
        receiver.statuses = [307]
        answer = post(f"{receiver.url}/hook", HEADERS, b"{}", private=True)
        assert answer.status == 307 and not answer.accepted
        assert [each.path for each in receiver.received] == ["/hook"]


def test_where_nobody_listens_the_problem_is_told() -> None:
    answer = post(f"http://127.0.0.1:{free_port()}/", HEADERS, b"{}", private=True)
    assert answer.status is None and "refused" in str(answer.problem)
    assert "not known" in str(post("https://nowhere.invalid/", HEADERS, b"{}", False).problem)
