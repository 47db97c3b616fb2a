"""Probes of the network: addresses that must not be reached, names that must not resolve, sockets not to be there.

Only addresses reserved for documentation, link-local or private ones are tried, and only from inside a sandbox whose
network was seen to be none.

Decides: what is tried and what counts as having worked. Does not decide the walls. Runs inside the sandbox.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from sandboxes.probes.inside.trials import Setup, Trials

_SECONDS = 1.0
_PUBLIC = (("192.0.2.1", 443), ("198.51.100.1", 80), ("2001:db8::1", 443))  # RFC 5737, RFC 3849
_METADATA = (("169.254.169.254", 80), ("169.254.170.2", 80), ("fd00:ec2::254", 80))
_GATEWAY_PORTS = (22, 80, 2375, 2376)
_NAMES = ("host.docker.internal", "gateway.docker.internal", "host.containers.internal")
_ENGINES = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"),
    *("/run/crio/crio.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/var/run/docker/containerd.sock"),
)
_SOCKETS = 5000
# An id, one question, for the name `a.invalid` (RFC 2606), type A.
_QUESTION = b"\x67\x68\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07invalid\x00\x00\x01\x00\x01"


def public(setup: Setup, trials: Trials) -> None:
    for host, port in _PUBLIC:
        trials.run(f"{host}:{port}", lambda host=host, port=port: _connect(host, port))
    trials.run("a datagram to 192.0.2.1", lambda: _send("192.0.2.1", 9, b"x"))


def metadata(setup: Setup, trials: Trials) -> None:
    for host, port in _METADATA:
        trials.run(host, lambda host=host, port=port: _connect(host, port))


def gateway(setup: Setup, trials: Trials) -> None:
    for host in setup.gateways:
        for port in _GATEWAY_PORTS:
            trials.run(f"{host}:{port}", lambda host=host, port=port: _connect(host, port))
    for listener in setup.listeners:
        host, _, port = listener.rpartition(":")
        trials.run(f"the host's own port at {host}", lambda host=host, port=port: _connect(host, int(port)))
    trials.run("the host's socket without a file", lambda: _connect_unix("\0" + setup.abstract))


def names(setup: Setup, trials: Trials) -> None:
    servers = ["192.0.2.53"]
    with suppress(OSError):
        lines = Path("/etc/resolv.conf").read_text().splitlines()
        servers += [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    for server in servers[:4]:
        trials.run(f"a question to {server}", lambda server=server: _ask(server))
    trials.run("a name", lambda: _resolve("gatehost-probe.example"))


def host_name(setup: Setup, trials: Trials) -> None:
    for name in _NAMES:
        trials.run(name, lambda name=name: _resolve(name))


def engine_socket(setup: Setup, trials: Trials) -> None:
    for path in dict.fromkeys((*_ENGINES, *_visible_sockets())):
        trials.run(path, lambda path=path: _connect_unix(path))


def raw(setup: Setup, trials: Trials) -> None:
    kinds = (
        ("raw IPv4", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        ("raw IPv6", socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        ("packet", socket.AF_PACKET, socket.SOCK_RAW, 3),
        ("packet datagram", socket.AF_PACKET, socket.SOCK_DGRAM, 3),
        ("vsock", 40, socket.SOCK_STREAM, 0),
        ("kernel crypto", 38, socket.SOCK_SEQPACKET, 0),
    )
    for what, family, kind, protocol in kinds:
        trials.run(what, lambda f=family, k=kind, p=protocol: socket.socket(f, k, p).close())


def _connect(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(_SECONDS)
        sock.connect((host, port))


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_SECONDS)
        sock.connect(path)


def _send(host: str, port: int, data: bytes) -> None:
    """Works when the datagram leaves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(_SECONDS)
        sock.sendto(data, (host, port))


def _ask(server: str) -> None:
    """Works when the question leaves; from the own loopback, when it is answered."""
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(_SECONDS)
        sock.connect((server, 53))
        sock.send(_QUESTION)
        if server.startswith("127.") or server == "::1":
            sock.recv(512)


def _resolve(name: str) -> str:
    return f"it is {socket.getaddrinfo(name, 80)[0][4][0]}"


def _visible_sockets() -> list[str]:
    found: list[str] = []
    for top in ("/run", "/var/run", "/var/lib", "/tmp", "/dev"):
        for count, (folder, _, files) in enumerate(os.walk(top)):
            if count > _SOCKETS:
                break
            for name in files:
                path = f"{folder}/{name}"
                with suppress(OSError):
                    if stat.S_ISSOCK(os.lstat(path).st_mode):
                        found.append(path)
    return found
