"""The line between the public internet and what belongs to a machine or its network."""

import ipaddress
import random

import pytest

from pixace.web.addresses import is_any, is_public

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0"),
    *("172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0"),
    *("198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2001:200::", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450::1"),
    *("2001:db7:ffff::", "2001:db9::", "2001:ffff::", "3ffe:ffff::", "3fff:1000::"),
]

# The first and the last address of each kind.
NOT_PUBLIC = [
    *("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255"),
    *("127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0"),
    *("169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0"),
    *("192.0.0.192", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255"),
    *("198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1", "224.0.1.1"),
    *("239.255.255.255", "240.0.0.0", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
    *("::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1"),
    *("100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:20::1", "2001:1ff:ffff::"),
    *("2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1", "5f00::1"),
    *("4000::", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("ff02::1", "ff0e::1", "1fff:ffff::"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_all_others_are_not(address):
    assert not is_public(address)
    assert is_any(address)


@pytest.mark.fault
def test_what_python_knows_not_to_be_global_is_not_public(tally):
    rng = random.Random(0)
    tried = tally.cases(4000, 200_000)
    for _ in range(tried):
        bits = 128 if rng.random() < 0.7 else 32
        kind = ipaddress.IPv6Address if bits == 128 else ipaddress.IPv4Address
        # Near the borders, which are all where few leading bits are set.
        number = rng.getrandbits(16) << (bits - 16) | rng.getrandbits(bits - 16)
        ip = kind(number >> rng.choice((0, 0, 0, 80, 96)) if bits == 128 else number)
        hidden = bits == 128 and (ip.ipv4_mapped or ip.sixtofour or ip.teredo)
        if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified or hidden:
            assert not is_public(str(ip)), ip
    tally.add("addresses that are not public", tried)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "1.2.3.4.5", "::1::"])
def test_what_is_no_address_is_an_error(text):
    with pytest.raises(ValueError, match="does not appear to be"):
        is_public(text)
