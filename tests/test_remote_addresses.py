"""Where a stranger's address may lead, and where not."""

import pytest

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.addresses import is_public, resolve

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "2001:0:1::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "no address",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
def test_an_address_on_the_open_net_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "::1", "0"])
def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Failed) as caught:
        resolve(host, 80, may_be_private=False)
    assert caught.value.reason in (Reason.ADDRESS_FORBIDDEN, Reason.TRANSPORT_ERROR)


def test_a_host_on_the_list_may_be_this_machine() -> None:
    assert resolve("127.0.0.1", 80, may_be_private=True)[0][1:] == ("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["a." * 200, "x" * 70, "ü" * 80])
def test_a_name_that_is_none_is_said_to_be_unknown(host: str) -> None:
    with pytest.raises(Failed) as caught:
        resolve(host, 80, may_be_private=True)
    assert caught.value.reason is Reason.TRANSPORT_ERROR
