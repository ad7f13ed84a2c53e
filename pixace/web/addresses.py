"""Which addresses belong to the public internet, and which to a machine or its network.

The module `ipaddress` knows most of this, but what it says differs between versions of Python, and
it calls multicast global, and IPv6 addresses that stand for IPv4 ones.
"""

from __future__ import annotations

import ipaddress

# https://www.iana.org/assignments/iana-ipv4-special-registry
_NOT_PUBLIC_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # "this network": Linux takes 0.0.0.0 for 127.0.0.1
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by the customers of a provider (CGNAT)
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # the platform beneath machines in Azure
            "169.254.0.0/16",  # link-local; clouds tell a machine its secrets there
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # measuring
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
# Everything else of IPv6 is loopback, link-local, site-local, unique local, multicast, reserved,
# or an IPv4 address in disguise: mapped (::ffff:0:0/96), compatible (::/96), translated
# (::ffff:0:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48).
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_PUBLIC_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: str) -> bool:
    """Returns whether an address is one of the public internet.

    Args:
      address: IPv4 or IPv6 as the resolver gives it, perhaps with a scope (`fe80::1%eth0`).

    Raises:
      ValueError: it is no address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_V4)
    if ip not in _GLOBAL_UNICAST_V6:
        return False
    return not any(ip in network for network in _NOT_PUBLIC_V6)


def is_any(address: str) -> bool:
    """Returns True for every address: the rule for those who may reach their own network."""
    return True
