"""Files of runs, handed to the browser: the only way by which a file below a root is sent.

What a path leads to decides, not how it is written: a regular file inside the roots, and of what is
hidden only the texts that describe a run. The type that it is sent as is fixed here, and never one
that a browser would run.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qs, urlencode

from dash import Dash
from flask import Response, abort, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.wsgi import wrap_file

from exptools.plain_files import open_below
from exptools.rundir import (
    EXPTOOLS_DIR,
    HYDRA_CONFIG,
    HYDRA_DIR,
    HYDRA_OVERRIDES,
    PATCH_FILE,
    PROVENANCE_FILE,
    STATUS_FILE,
)
from exptools.viewing.index import Index

ROUTE = "file"
MAX_SHOWN = 32 * 2**20  # bytes; a larger file is a download
POLICY = "default-src 'none'; sandbox"  # opened by itself, a file runs nothing and asks for nothing
TEXT = "text/plain; charset=utf-8"
TEXTS = (".txt", ".log", ".csv", ".yaml", ".yml", ".json", ".jsonl", ".patch", ".md", ".py")
SHOWN = {  # what a browser shows by itself; all else is a download
    ".png": "image/png",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    **dict.fromkeys(TEXTS, TEXT),
}
PLAYED = {".mp4": "video/mp4", ".wav": "audio/wav"}  # sent in the parts that a player asks for
HIDDEN = frozenset(  # of what is hidden, these; a pickle, say, is not among them
    {
        *(HYDRA_CONFIG, HYDRA_OVERRIDES, f"{HYDRA_DIR}/hydra.yaml"),
        *(STATUS_FILE, PROVENANCE_FILE, PATCH_FILE, f"{EXPTOOLS_DIR}/usage.csv"),
    }
)


class NotServedError(Exception):
    """This is no file of a run that may leave the machine; the message says why."""


def open_served(index: Index, run: str, relative: str) -> BinaryIO:
    """A file of a run, open for reading.

    The path from the run's directory, with slashes, may lead through links that stay inside the
    roots. Nobody can put a link in its place meanwhile: none is followed on the way from the root.

    Raises:
        NotServedError: there is no such run or file, it is no regular one, it lies outside the
            roots, is hidden and not one of ``HIDDEN``, or cannot be read.
    """
    root, path = _locate(index, run, relative)
    try:
        return os.fdopen(open_below(root, path.relative_to(root).parts), "rb")
    except OSError as error:
        raise NotServedError(f"{relative!r} cannot be read: {error.strerror}") from error


def file_url(app: Dash, run: str, relative: str, *, download: bool = False) -> str:
    """The address of a file of a run, for ``src`` and ``href``."""
    question = {"run": run, "path": relative} | ({"download": "1"} if download else {})
    # Names of files need not be UTF-8.
    query = urlencode(question, errors="surrogateescape")
    return f"{app.config.requests_pathname_prefix}{ROUTE}?{query}"


def register(app: Dash, index: Index) -> None:
    """Answer at ``file_url``."""

    def answer() -> Response:
        asked = parse_qs(request.query_string.decode("ascii", "replace"), errors="surrogateescape")
        run, relative = (asked.get(name, [""])[0] for name in ("run", "path"))
        try:
            file = open_served(index, run, relative)
        except NotServedError as error:
            abort(404, description=str(error))
        reply = _answer(file, PurePosixPath(relative).name, download="download" in asked)
        reply.headers["Content-Security-Policy"] = POLICY
        return reply

    app.server.add_url_rule(f"/{ROUTE}", ROUTE, answer, methods=["GET"])


def _answer(file: BinaryIO, name: str, *, download: bool) -> Response:
    ending, size = PurePosixPath(name).suffix.lower(), os.fstat(file.fileno()).st_size
    if not download and ending in PLAYED:
        return _answer_player(file, PLAYED[ending])
    kind = SHOWN.get(ending)
    if download or kind is None or size > MAX_SHOWN:
        shown = "".join(char if char.isprintable() else "_" for char in name)
        return send_file(file, "application/octet-stream", as_attachment=True, download_name=shown)
    with file:
        return Response(file.read(size), content_type=kind)


def _answer_player(file: BinaryIO, kind: str) -> Response:
    """A file as a whole or, as whoever seeks in it asks, a range of its bytes."""
    info = os.fstat(file.fileno())
    parts = wrap_file(request.environ, file)
    reply = Response(parts, content_type=kind, direct_passthrough=True)
    reply.content_length = info.st_size
    reply.set_etag(
        f"{info.st_ino:x}-{info.st_mtime_ns:x}-{info.st_size:x}"
    )  # lest parts of two mix
    asked = request.environ.copy()
    if not _is_one_range(request.headers.get("Range")):
        asked.pop("HTTP_RANGE", None)
    try:
        reply.make_conditional(asked, accept_ranges=True, complete_length=info.st_size)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise
    if reply.status_code == 206 and "wsgi.file_wrapper" in request.environ:
        # Our server sends what it wraps itself, up to the length; a wrapper around that would keep
        # a thread for as long as somebody takes nothing.
        file.seek(reply.content_range.start or 0)
        reply.response = parts
    return reply


def _is_one_range(header: str | None) -> bool:
    """Whether a part of the bytes is asked for; whoever asks for anything else gets the whole."""
    asked = parse_range_header(header)
    return asked is not None and asked.units == "bytes" and len(asked.ranges) == 1


def _locate(index: Index, run: str, relative: str) -> tuple[Path, Path]:
    """The root that a file lies in, and the file: both as they really are."""
    directory = next((r.directory for r in index.snapshot.runs if r.name == run), None)
    if directory is None:
        raise NotServedError(f"there is no run {run!r}")
    parts = PurePosixPath(relative).parts
    if not parts or os.path.isabs(relative) or ".." in parts or "\0" in relative:
        raise NotServedError(f"{relative!r} is no path of a file in a run")
    try:
        path = Path(os.path.realpath(directory.joinpath(*parts), strict=True))
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise NotServedError(f"{relative!r} cannot be read: {error.strerror}") from error
    if not regular:
        raise NotServedError(f"{relative!r} is no regular file")
    for root in map(Path, map(os.path.realpath, index.roots)):
        if path.is_relative_to(root) and _may_be_seen(path.relative_to(root)):
            return root, path
    raise NotServedError(
        f"{relative!r} is not for the browser: it leads out of the run, or is hidden"
    )


def _may_be_seen(path: Path) -> bool:
    """Whether nothing is hidden in a path from a root, or it is a text that describes a run."""
    *above, parent, name = ("", *path.parts)
    hidden = any(part.startswith(".") for part in above)
    shown = not parent.startswith(".") and not name.startswith(".")
    return not hidden and (shown or f"{parent}/{name}" in HIDDEN)
