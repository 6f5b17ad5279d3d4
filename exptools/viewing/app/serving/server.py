"""The HTTP server: waitress, with bounds that hold against whoever opens connections and waits.

Waitress reads all connections in one loop and hands only whole requests to its threads, of which
there are always as many: a request that is sent by half costs a descriptor and no thread. What it
lacks is here: a deadline for a request and for an answer, and a place for who comes last. When all
places are taken, the connection that has been silent for longest is closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from exptools.units import format_bytes
from exptools.viewing.app.serving.parsing import Request

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

THREADS = 24  # several pages' questions may wait for the index at the same time
MOST_CONNECTIONS = 256  # a browser keeps up to six
FEWEST_CONNECTIONS = 8  # where hardly any descriptors are allowed
DESCRIPTORS = 3  # of a connection: its socket, and files for a large question and a large answer
OTHER_DESCRIPTORS = 128  # files of runs, caches, the terminal
MAX_HEADERS = 64 * 2**10  # bytes; a view of many runs makes a long address
MAX_BODY = 8 * 2**20  # bytes; a selection of ten thousand runs is less than one
RECEIVED_AT_ONCE = 64 * 2**10  # bytes of a body
HEADERS_AT_ONCE = 8 * 2**10  # bytes; of the requests in one packet each copies what comes after it
BODY_IN_MEMORY = 64 * 2**10  # bytes; more of it goes to a temporary file
MOST_LARGE_BODIES = 8  # that are received at once; a page sends one at a time
HEADERS_WITHIN = 10  # s from a request's first byte
BODY_WITHIN = 60  # s
ANSWER_STALLS = 30  # s in which nothing of an answer is taken
TAKEN_WITHIN = 1  # s in which nothing of an answer is taken, where others wait for its thread
IDLE = 60  # s that a connection may wait for its next request
AT_ONCE = 16  # connections that are taken in one round of the loop
TICK = 1.0  # s between two looks at the deadlines
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

CLOSING = ("400", "401", "403", "413")  # after these answers no more is heard from somebody
REFUSALS = {
    411: "exptools-dash takes no request in chunks: say its Content-Length",
    413: f"exptools-dash takes up to {format_bytes(MAX_BODY)} in one request",
    431: f"exptools-dash takes up to {format_bytes(MAX_HEADERS)} of headers",
}


class _Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to what is no request, or too large: one sentence that repeats nothing of it."""

    def execute(self) -> None:
        """See ``ErrorTask``."""
        error = self.request.error
        body = f"{REFUSALS.get(error.code, error.reason)}\n".encode()
        self.status, self.content_length = f"{error.code} {error.reason}", len(body)
        self.response_headers += [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self.set_close_on_finish()
        self.write(body)


class _Answer(WSGITask):  # type: ignore[misc]
    """The application's answer; to whom it refuses, it does not listen any further.

    Nor to who asks again before he has an answer, as no browser does: the thread would wait with
    the second one for as long as he takes for the first, and one packet with hundreds of requests
    could keep all threads busy.
    """

    def build_response_header(self) -> bytes:
        """See ``WSGITask``."""
        if self.status[:3] in CLOSING or len(self.channel.requests) > 1:
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class _Connection(HTTPChannel):  # type: ignore[misc]
    """One connection, which knows since when it is being sent a request."""

    task_class = _Answer
    error_task_class = _Refusal
    parser_class = Request
    began = 0.0  # Unix seconds

    def recv(self, buffer_size: int) -> bytes:
        """See ``wasyncore.dispatcher``."""
        body = None if self.request is None else self.request.body_rcv
        lacks = 0 if body is None else min(body.remain, buffer_size)
        return bytes(super().recv(max(lacks, HEADERS_AT_ONCE)))

    def received(self, data: bytes) -> bool:
        """See ``HTTPChannel``."""
        if self.request is None:
            self.began = time.time()
        received = bool(super().received(data))
        if self.has_large_body:
            self.server.large[self] = None
        return received

    def handle_close(self) -> None:
        """Close it, and what has been received of a request."""
        super().handle_close()
        self.server.large.pop(self, None)
        if self.request is not None:
            self.request.close()

    @property
    def has_large_body(self) -> bool:
        """Whether a body is being received that is not in memory any more."""
        return self.request is not None and self.request.body_bytes_received > BODY_IN_MEMORY

    def keeps_a_thread(self, now: float) -> bool:
        """Whether a thread waits to write more of an answer, of which nothing is taken now.

        A file as it is needs none: it is sent by the loop.
        """
        waits = self.requests and self.total_outbufs_len > self.adj.outbuf_high_watermark
        return bool(waits and now - self.last_activity > TAKEN_WITHIN)

    def is_overdue(self, now: float) -> bool:
        """Whether a request, or the taking of an answer, has come to a halt."""
        if self.total_outbufs_len and now - self.last_activity > ANSWER_STALLS:
            return True
        request = self.request
        if self.requests:  # it waits for us
            return False
        if request is None:
            return bool(now - self.last_activity > IDLE)
        return now - self.began > (BODY_WITHIN if request.headers_finished else HEADERS_WITHIN)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Answers at a socket with a WSGI application.

    ``proxy`` is the address of one who may say by ``X-Forwarded-Proto`` that the browser came by
    TLS. No header of this kind reaches the application from anybody else.
    """

    channel_class = _Connection

    def __init__(
        self, application: Application, listener: socket.socket, proxy: str | None = None
    ) -> None:
        self._places = places()
        self._stopped = self._lacks_descriptors = False
        self._next_look = 0.0  # Unix seconds
        self.large: dict[_Connection, None] = {}  # whose bodies are large, the first one first
        believed = {"trusted_proxy": proxy, "trusted_proxy_headers": "x-forwarded-proto"}
        trusted = believed if proxy else {}
        options = Adjustments(
            threads=THREADS,
            recv_bytes=RECEIVED_AT_ONCE,
            ident=None,  # no name, no version
            connection_limit=self._places + AT_ONCE + 2,  # with the listener and a pipe
            channel_timeout=IDLE,
            max_request_header_size=MAX_HEADERS,
            max_request_body_size=MAX_BODY,
            inbuf_overflow=BODY_IN_MEMORY,
            log_socket_errors=False,
            **trusted,
        )
        threads = ThreadedTaskDispatcher()
        threads.set_thread_count(THREADS)
        place = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            *(application, {}, True, listener),
            dispatcher=threads,
            adj=options,
            sockinfo=place,
            bind_socket=False,
        )
        if os.name == "posix":  # a pipe; on Windows it is a socket with far more room
            os.set_blocking(self.trigger.trigger, False)

    def serve_forever(self) -> None:
        """Serve until ``shutdown``, or an exception: at KeyboardInterrupt nobody is waited for."""
        while not self._stopped:
            wasyncore.loop(TICK, use_poll=True, map=self._map, count=1)
            self._close_some(time.time())
        self.task_dispatcher.shutdown()
        wasyncore.close_all(self._map)

    def pull_trigger(self) -> None:
        """Wake the loop; where the pipe to it is full, it will be awake without that.

        A thread that waited here would hold the lock of a connection that the loop may want.
        """
        with contextlib.suppress(BlockingIOError):
            super().pull_trigger()

    def shutdown(self) -> None:
        """Have ``serve_forever`` return, from another thread."""
        self._stopped = True
        self.pull_trigger()

    def maintenance(self, now: float) -> None:
        """Nothing: connections are closed between two rounds of the loop.

        Within one, the next connection could get the number of one that was closed, and its events.
        """

    def handle_accept(self) -> None:
        """Take several at once: looking through all the others takes longer than to take one."""
        super().handle_accept()
        lacks, taken = self._lacks_descriptors, -1
        while taken < len(self.active_channels) < self._places + AT_ONCE and not lacks:
            taken = len(self.active_channels)
            super().handle_accept()
        self._lacks_descriptors = lacks  # later it may be said though nobody waits

    def accept(self) -> Any:
        """See ``wasyncore.dispatcher``; None where there is no descriptor for it, too."""
        try:
            return super().accept()
        except OSError as error:
            self._lacks_descriptors = error.errno in NO_DESCRIPTORS
            return None

    def _close_some(self, now: float) -> None:
        if now >= self._next_look:
            self._next_look = now + TICK
            for connection in list(self.active_channels.values()):
                if connection.is_overdue(now):
                    connection.handle_close()
        if len(self.large) > MOST_LARGE_BODIES:
            self._bound_bodies()
        self._free_threads(now)
        for _ in range(max(len(self.active_channels) - self._places, self._lacks_descriptors)):
            self._make_room()
        self._lacks_descriptors = False

    def _bound_bodies(self) -> None:
        """Close whoever has been sending a large body for longest where there are too many."""
        self.large = {one: None for one in self.large if one.has_large_body}
        for one in list(self.large)[: max(len(self.large) - MOST_LARGE_BODIES, 0)]:
            one.handle_close()

    def _free_threads(self, now: float) -> None:
        """Where requests wait, and most threads are kept by answers that nobody takes, free some.

        Whoever has taken nothing for longest is closed.
        """
        threads = self.task_dispatcher
        if not threads.queue or threads.active_count < len(threads.threads):
            return
        kept = [one for one in self.active_channels.values() if one.keeps_a_thread(now)]
        kept.sort(key=lambda one: one.last_activity)
        for one in kept[: max(len(kept) - len(threads.threads) // 2, 0)]:
            one.handle_close()

    def _make_room(self) -> None:
        """Close the connection that is waited for longest; of those that are being answered none.

        One that an answer is on its way to comes after all that have none.
        """
        waiting = [one for one in self.active_channels.values() if not one.requests]
        waiting.sort(key=lambda one: (one.total_outbufs_len > 0, one.last_activity))
        if waiting:
            waiting[0].handle_close()
        elif self._lacks_descriptors:
            time.sleep(0.05)  # lest the loop spins until somebody is done


def places() -> int:
    """How many connections there may be at once, by the descriptors that this process may have."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_CONNECTIONS
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    free = (allowed - OTHER_DESCRIPTORS) // DESCRIPTORS
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, free))
