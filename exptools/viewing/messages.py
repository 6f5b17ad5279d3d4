"""Messages of protocol buffers that anybody may have written."""

from __future__ import annotations

import re

FEW = 2**20  # parts, which any message may have
_BYTES = 32  # and in a larger one, as many bytes for each part
# A tensor's texts, resources and variants, if short: letters, behind which in a text none is.
_OF_A_TENSOR = re.compile(rb"[\x42\x72\x7a][\x00-\x08]")


def has_too_many_parts(content: bytes, begin: int, end: int) -> bool:
    """Whether a message may be made of so many that, parsed, it takes fifty times its size.

    An empty part takes two bytes, of which the first says that it is the message's first or second
    kind, or one of a tensor's. In pictures and texts these bytes are rarer.
    """
    if end - begin <= 2 * FEW:
        return False
    parts = content.count(b"\x0a", begin, end) + content.count(b"\x12", begin, end)
    most = max(FEW, (end - begin) // _BYTES)
    return parts > most or parts + sum(1 for _ in _OF_A_TENSOR.finditer(content, begin, end)) > most
