"""To whom the viewer answers: by which names it is asked, and who has its token. No web in here."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = (LOOPBACK, "localhost", "::1")
SHORTEST_TOKEN = 16  # characters
INVALID = -1  # instead of a port


@dataclass(frozen=True)
class Access:
    """To whom the server answers."""

    host: str = LOOPBACK  # where it listens
    # Other names that it is asked by, in lower case, a proxy's for example: "lab.example.org" at
    # the port where the server listens and at the one that a browser does not write, or
    # "lab.example.org:8443" at that port alone.
    names: tuple[str, ...] = ()
    token: str | None = None  # None: asked of nobody
    prefix: str = "/"  # of all paths, as the browser sees them; with both slashes
    proxy: str | None = None  # the address of one who may say that the browser came by TLS
    port: int | None = None  # where it listens; None: it is not known

    def answers_to(self, header: str) -> bool:
        """Whether a request with this Host header is one for us.

        Another site can point its own name at our address, and its pages would then read ours: so
        a name that is not known is refused. An address cannot be pointed elsewhere.
        """
        name = host_name(header)
        if name is None:
            return False
        if name in (*LOCAL_NAMES, self.host.lower()) or self._is_named(header):
            return True
        return not is_local(self.host) and is_address(name)

    def takes_from(self, origin: str, header: str, *, secure: bool = False) -> bool:
        """Whether a page of this origin may send us something.

        Args:
            origin: the Origin header
            header: the Host header, whom it was sent to
            secure: it came by TLS, so the page has come by TLS as well
        """
        scheme, _, place = origin.lower().partition("://")
        if scheme not in (("https",) if secure else ("http", "https")):
            return False
        return place != "" and (place == header.lower() or self._is_named(place))

    def admits(self, given: str) -> bool:
        """Whether this is the token, in a time that does not tell where it differs."""
        return _is_same(given, self.token or "")

    def admits_cookie(self, given: str) -> bool:
        """Whether this is ``cookie()``, in such a time, too."""
        return _is_same(given, self.cookie())

    def cookie(self) -> str:
        """What a browser keeps that has shown the token, which cannot be made out from it."""
        token = (self.token or "").encode()
        return hmac.new(token, b"the cookie of exptools-dash", hashlib.sha256).hexdigest()

    def _is_named(self, place: str) -> bool:
        """Whether one of ``names`` means a name with a port, or without one."""
        name, port = host_name(place), host_port(place)
        if name is None or port == INVALID:
            return False
        whole = {(host_name(one), host_port(one)) for one in self.names}
        return (name, port) in whole or (port == self.port and (name, None) in whole)


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def is_local(host: str) -> bool:
    """Whether what listens at a host can be reached from this machine only."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(name: str) -> bool:
    """Whether this is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def host_name(header: str) -> str | None:
    """The name in a Host header, in lower case and without the port; None where it is none."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def host_port(header: str) -> int | None:
    """The port in a Host header; None where it is left to the browser, ``INVALID`` where odd."""
    try:
        return urlsplit(f"//{header}").port
    except ValueError:
        return INVALID
