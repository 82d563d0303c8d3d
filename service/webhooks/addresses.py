"""Which addresses a webhook may have: whoever makes one must not reach the server's own network."""

import ipaddress
import logging
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.contract.errors import Malformed

log = logging.getLogger(__name__)
PORTS = {"http": 80, "https": 443}
# Each carries an IPv4 address inside: NAT64, local NAT64, 6to4, Teredo, IPv4-compatible.
CARRYING = tuple(
    map(
        ipaddress.IPv6Network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"),
    )
)
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """Why nothing is sent there."""


@dataclass(frozen=True)
class Receiver:
    """The parts of a URL. ``target`` is what follows the host, as a request line has it."""

    secure: bool
    host: str
    port: int
    target: str


def parse(url: str) -> Receiver:
    """Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressRefused(f"This is no URL: {error}.") from error
    # No server's name has a percent sign, but the zone of a link-local address has one.
    if parts.scheme not in PORTS or not host or "%" in host:
        raise AddressRefused("This is no URL of a server.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused("The URL must have no user, password or fragment.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(parts.scheme == "https", host, port or PORTS[parts.scheme], target)


def check(url: str, private: bool) -> None:
    """Raise Malformed for a URL that is refused whatever its host resolves to."""
    try:
        receiver = parse(url)
        _require_tls(receiver, private)
        address = _literal(receiver.host)
        if address and not private and not is_public(address):
            raise AddressRefused(f"The address {address} is not a public one.")
    except AddressRefused as refusal:
        hint = "Give an https URL of a public address."
        raise Malformed(f"body.url: {refusal}", hint) from refusal


def resolve(receiver: Receiver, private: bool) -> str:
    """The one address to connect to. Raises AddressRefused, also if only one of several is refused.

    The caller must connect to this very address: a second look-up may give another one. What the
    look-up gave is only logged: the account that owns the URL must not learn internal addresses.
    """
    _require_tls(receiver, private)
    refusal = f"The host {receiver.host} is not known, or its address is not a public one."
    try:
        found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.warning("the host %r of a webhook is not known: %s", receiver.host, error)
        raise AddressRefused(refusal) from error
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        if not private and not is_public(ipaddress.ip_address(address)):
            log.warning("the host %r of a webhook has the address %s", receiver.host, address)
            raise AddressRefused(refusal)
    return addresses[0]


def _require_tls(receiver: Receiver, private: bool) -> None:
    if not receiver.secure and not private:
        raise AddressRefused("The URL must begin with https.")


def _literal(host: str) -> Ip | None:
    """The address if the host is one, also in the forms that resolvers know, such as 0x7f.1."""
    try:
        flags = socket.AI_NUMERICHOST
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return None
    return ipaddress.ip_address(str(found[0][4][0]))


def is_public(address: Ip) -> bool:
    """Whether anybody on the internet could reach it, and it is what it seems to be."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or any(address in network for network in CARRYING):
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast
