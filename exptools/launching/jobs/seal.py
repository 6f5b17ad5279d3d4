"""The seal on a job's result: the scheduler knows by it that the job's own process has written it.

Whoever may write into a run's directory can put a file there under any name. The scheduler gives
each start of a job a key, by which its process marks what it leaves. It does not matter who owns
the file, for which some network file systems have an answer of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import os

_SIZE = 32  # bytes, at the end


def new_key() -> bytes:
    """A key that nobody can guess."""
    return os.urandom(_SIZE)


def seal(content: bytes, key: bytes) -> bytes:
    """Content with its seal behind it."""
    return content + _mark(content, key)


def bears_seal(content: bytes, key: bytes) -> bool:
    """Whether content ends with the seal of who had the key."""
    view = memoryview(content)
    return hmac.compare_digest(view[-_SIZE:], _mark(view[:-_SIZE], key))


def _mark(content: bytes | memoryview, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=_SIZE).digest()
