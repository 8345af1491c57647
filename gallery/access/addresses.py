"""Which addresses are answered. What a proxy says of whom it asks for is not believed."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from supervisor_core.configured.gallery import Network

Address = IPv4Address | IPv6Address

_HOUSEHOLD = 64


def address_of(client: Sequence[object] | None) -> Address | None:
    """Who asks, by the connection's other end; IPv4 in the clothes of IPv6 is IPv4."""
    try:
        address = ip_address(str(client[0]).partition("%")[0]) if client else None
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_allowed(address: Address | None, networks: Iterable[Network]) -> bool:
    """True when the address lies in one of the networks."""
    return address is not None and any(address in network for network in networks)


def household(address: Address | None) -> str:
    """Whom wrong keys are counted for: one may have a whole /64 of IPv6 addresses."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _HOUSEHOLD), strict=False))
    return str(address)
