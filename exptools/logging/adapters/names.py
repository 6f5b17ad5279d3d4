"""Tags as other libraries' users give them, which may be what our tables cannot have."""

from __future__ import annotations

import hashlib

from exptools.logging.errors import warn_user
from exptools.logging.rows.tags import check_tag, current_prefix
from exptools.rundir import STEP, WALL_TIME

_SHORTENED = 200  # characters of a tag that is too long


class Names:
    """Under which tags a writer logs what its user calls otherwise.

    Where ours refuses a tag, theirs does not: it is renamed, and a warning says so once, for
    nobody's training should end because of a name.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by the tag with its prefix

    def usable(self, tag: str) -> str:
        """The tag, or what stands for it.

        Raises:
            TypeError: it is no text.
        """
        prefix = current_prefix.get()
        if isinstance(tag, str) and (name := self._names.get(prefix + tag)) is not None:
            return name
        try:
            check_tag(prefix + tag if isinstance(tag, str) else tag)
            name = tag
        except ValueError as error:
            name = _renamed(tag)
            warn_user(f"{error}; it is logged as {name!r:.80} instead")
        self._names[prefix + tag] = name
        return name


def _renamed(tag: str) -> str:
    readable = tag.replace("\0", "_").encode(errors="replace").decode()
    if readable in (STEP, WALL_TIME):
        return f"{readable}_"
    if len(readable) > _SHORTENED:
        digest = hashlib.sha256(tag.encode(errors="replace")).hexdigest()
        return f"{readable[:_SHORTENED]}~{digest[:8]}"
    return readable or "unnamed"
