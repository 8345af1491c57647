"""Who may reach the gallery, under which names, and for how long they stay signed in."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pydantic import BaseModel, Field, field_validator

Network = IPv4Network | IPv6Network

_HOST = re.compile(r"([a-z0-9]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class GallerySettings(BaseModel):
    """Who may reach the gallery, under which names, and for how long they stay signed in."""

    gallery_bind: str = Field(
        default="127.0.0.1",
        description="Address that the gallery listens on. It encrypts nothing: anything but"
        " loopback wants a server with TLS in front.",
    )
    gallery_hosts: str = Field(
        default="",
        description="Names, separated by commas, that the gallery has beside 127.0.0.1, localhost"
        " and [::1]; one without a port counts on every port.",
    )
    gallery_https: bool = Field(
        default=False,
        description="The gallery is reached by https, through a server in front: the cookie goes"
        " over nothing else, and no other origin counts.",
    )
    gallery_addresses: str = Field(
        default="127.0.0.0/8, ::1",
        min_length=1,
        description="Addresses and networks, separated by commas, that are answered; behind a"
        " server in front that is the server's own.",
    )
    gallery_session_h: float = Field(
        default=12.0, gt=0, le=744, description="Hours after which one has to sign in again."
    )
    gallery_failures: int = Field(
        default=10,
        ge=1,
        description="After so many wrong keys in a minute an address has to wait.",
    )
    gallery_failures_total: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="After so many wrong keys in a minute from all addresses everybody has to.",
    )

    @field_validator("gallery_bind")
    @classmethod
    def _is_address(cls, text: str) -> str:
        return str(ip_address(text.strip()))

    @field_validator("gallery_hosts")
    @classmethod
    def _are_hosts(cls, text: str) -> str:
        if not all(_HOST.fullmatch(name) for name in _words(text)):
            raise ValueError("no host")
        return text

    @field_validator("gallery_addresses")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        if not [ip_network(word, strict=False) for word in _words(text)]:
            raise ValueError("no network")
        return text

    @property
    def gallery_host_names(self) -> frozenset[str]:
        """The names of `gallery_hosts`, in lower case."""
        return frozenset(_words(self.gallery_hosts))

    @property
    def gallery_networks(self) -> tuple[Network, ...]:
        """The networks of `gallery_addresses`; an address is a network of one."""
        return tuple(ip_network(word, strict=False) for word in _words(self.gallery_addresses))


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip().lower())]
