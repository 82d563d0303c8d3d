"""No webhook reaches the server's own network, by whatever name."""

import ipaddress

import pytest

from service.webhooks.addresses import AddressRefused, is_public, parse, resolve
from service.webhooks.posting import post

PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "1.1.1.1"])
def test_a_public_address_is_accepted(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f.1", "2130706433", "[::1]"])
def test_every_name_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="not a public one"):
        resolve(parse(f"https://{host}/"), private=False)
    answer = post(f"https://{host}:1/", {}, b"", private=False)
    assert answer.status is None and "not a public one" in str(answer.problem)


def test_only_the_log_tells_what_a_look_up_gave(caplog: pytest.LogCaptureFixture) -> None:
    told = [
        post(f"https://{host}/", {}, b"", private=False).problem
        for host in ("localhost", "nowhere.invalid")
    ]
    sentence = "The host {} is not known, or its address is not a public one."
    assert told == [sentence.format("localhost"), sentence.format("nowhere.invalid")]
    known, unknown = caplog.messages
    assert "127.0.0.1" in known or "::1" in known
    assert "'nowhere.invalid' of a webhook is not known: " in unknown


def test_without_tls_nothing_is_sent_to_public_addresses() -> None:
    assert "https" in str(post("http://8.8.8.8/", {}, b"", private=False).problem)


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@host/",
        "https:///path",
        "ftp://host/",
        "https://h:x/",
        "https://[fe80::1%25eth0]/",
        "https://127.0.0.1%2e/",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse(url)
