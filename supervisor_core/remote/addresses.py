"""Which addresses of the net may be connected to on somebody else's word.

An address that a stranger chose must not lead into the house: to this machine, its neighbours, or
the service that hands a cloud machine its credentials. What counts is the address that a name
resolves to at this moment, and exactly that one is connected to: a name that answers differently
the second time (DNS rebinding) finds nobody asking.
"""

import socket
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from supervisor_core.reasons import Failed, Reason

# Of IPv6 only this part is given out; what translates to IPv4 inside of it hides another address.
_GIVEN_OUT = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("2002::/16")
# Services for cloud machines that answer on addresses which look public: Azure's and Oracle's.
_METADATA = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))

Resolved = tuple[socket.AddressFamily, str, int]


def resolve(host: str, port: int, *, may_be_private: bool) -> list[Resolved]:
    """The addresses of a host, best first.

    Raises `Failed`: TRANSPORT_ERROR when the name is not known, ADDRESS_FORBIDDEN when any of the
    addresses is not public and the host may not be private.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failed(Reason.TRANSPORT_ERROR, step="name") from None
    addresses: list[Resolved] = [(family, str(place[0]), port) for family, _, _, _, place in found]
    if not may_be_private and not all(is_public(address) for _, address, _ in addresses):
        raise Failed(Reason.ADDRESS_FORBIDDEN)
    return addresses


def is_public(text: str) -> bool:
    """True for an address on the open net, written in numbers."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return _is_public_6(address)
    served = any(address in network for network in _METADATA)
    return address.is_global and not address.is_multicast and not served


def _is_public_6(address: IPv6Address) -> bool:
    given_out = address in _GIVEN_OUT and address not in _TRANSLATED
    return given_out and address.is_global and not address.is_multicast
