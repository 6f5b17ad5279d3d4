"""To whom the viewer answers: by which names it is asked, and who has its token. No web in here."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = (LOOPBACK, "localhost", "::1")
SHORTEST_TOKEN = 16  # characters


@dataclass(frozen=True)
class Access:
    """To whom the server answers."""

    host: str = LOOPBACK  # where it listens
    names: tuple[str, ...] = ()  # other names that it is asked by, in lower case: a proxy's
    token: str | None = None  # None: asked of nobody
    prefix: str = "/"  # of all paths, as the browser sees them; with both slashes

    def answers_to(self, name: str | None) -> bool:
        """Whether a request for a host is one for us.

        Another site can point its own name at our address, and its pages would then read ours: so
        a name that is not known is refused. An address cannot be pointed elsewhere.
        """
        if name is None:
            return False
        if name in (*LOCAL_NAMES, *self.names, self.host.lower()):
            return True
        return not is_local(self.host) and is_address(name)

    def takes_from(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may send us something; ``host`` is whom it was sent to."""
        place = origin.lower().partition("://")[2]
        return place == host.lower() or (place != "" and host_name(place) in self.names)

    def admits(self, given: str) -> bool:
        """Whether this is the token, in a time that does not tell where it differs."""
        token = self.token or ""
        return hmac.compare_digest(given.encode(errors="replace"), token.encode())


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
