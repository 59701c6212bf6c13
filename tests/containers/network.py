"""A network namespace that the engine and its tests run in, so that no port meets one of a native instance.

Containers reach the registries of packages through it. Private networks they do not: blackhole routes stand
there before anything else does, so that what probes addresses in a container cannot leave this machine.
"""

import contextlib
import ctypes
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path

NAME = "nextphase-engine"
HERE, THERE = "198.51.100.1", "198.51.100.2"  # RFC 5737: for documentation, routed nowhere
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def namespace(environment: Mapping[str, str]) -> Iterator[Executor]:
    """The calling thread, and what it starts, is in the namespace; the executor runs functions outside of it.

    environment: where `iptables` is found (see Programs).
    """
    forwarded = FORWARD.read_text()
    rules = (
        # What a container sends under its own address stays here: its answer would go astray.
        ("raw", "PREROUTING", "-i", "nextphase0", "!", "-s", THERE, "-j", "DROP"),
        ("nat", "POSTROUTING", "-s", THERE, "-o", _outward(), "-j", "MASQUERADE"),
    )
    _remove()
    _run("ip", "netns", "add", NAME)
    try:
        for private in PRIVATE:
            _inside("ip", "route", "add", "blackhole", private, "metric", "9999")
        _connect()
        with contextlib.ExitStack() as undone:
            for table, *rule in rules:
                _delete(table, rule, environment)  # one that a run which was killed has left
                _run("iptables", "-t", table, "-A", *rule, environment=environment)
                undone.callback(_delete, table, rule, environment)
            FORWARD.write_text("1")
            undone.callback(FORWARD.write_text, forwarded)
            with ThreadPoolExecutor(1) as outside:
                outside.submit(int).result()  # now the thread is there, and stays where it is
                with _entered():
                    yield outside
    finally:
        _remove()


def _connect() -> None:
    _run("ip", "link", "add", "nextphase0", "type", "veth", "peer", "name", "nextphase1")
    _run("ip", "link", "set", "nextphase1", "netns", NAME)
    _run("ip", "address", "add", f"{HERE}/30", "dev", "nextphase0")
    _run("ip", "link", "set", "nextphase0", "up")
    _inside("ip", "link", "set", "lo", "up")
    _inside("ip", "address", "add", f"{THERE}/30", "dev", "nextphase1")
    _inside("ip", "link", "set", "nextphase1", "mtu", str(_mtu()), "up")
    _inside("ip", "route", "add", "default", "via", HERE)
    for server in _name_servers():
        _inside("ip", "route", "add", server, "via", HERE)


def _name_servers() -> list[str]:
    """This machine's, where they are in a private network and have to be let through."""
    lines = (line.split() for line in Path("/etc/resolv.conf").read_text().splitlines())
    servers = [ip_address(words[1]) for words in lines if words[:1] == ["nameserver"]]
    return [str(server) for server in servers if any(server in ip_network(each) for each in PRIVATE)]


def _default_route() -> dict[str, str]:
    answer = subprocess.run(
        ["ip", "-j", "route", "show", "default"], capture_output=True, check=True, timeout=60
    )
    route: dict[str, str] = json.loads(answer.stdout)[0]
    return route


def _outward() -> str:
    return _default_route()["dev"]


def _mtu() -> int:
    return int(Path(f"/sys/class/net/{_outward()}/mtu").read_text())


def _remove() -> None:
    """Remove the network, also one that an earlier run left.

    The pair of devices goes with its end in the namespace.
    """
    for command in (["ip", "netns", "delete", NAME], ["ip", "link", "delete", "nextphase0"]):
        subprocess.run(command, capture_output=True, check=False, timeout=60)


def _delete(table: str, rule: Sequence[str], environment: Mapping[str, str]) -> None:
    command = ["iptables", "-t", table, "-D", *rule]
    subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False, timeout=60)


def _inside(*command: str) -> None:
    _run("ip", "netns", "exec", NAME, *command)


def _run(*command: str, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, env={**os.environ, **(environment or {})}, check=True, timeout=60)


@contextlib.contextmanager
def _entered() -> Iterator[None]:
    """Only the network: `ip netns exec` would hide the machine's control groups, which the engine needs."""
    with Path("/proc/self/ns/net").open() as own, Path(f"/run/netns/{NAME}").open() as other:
        enter(other.fileno())
        try:
            yield
        finally:
            enter(own.fileno())


def enter(descriptor: int) -> None:
    """Moves the calling thread into the network namespace that `descriptor` is a file of."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
