"""The HTTP server with real sockets: who waits for ever has to go, and who asks gets an answer."""

import http.client
import resource
import socket
import threading
import time

import pytest
from waitress.adjustments import Adjustments

from exptools.viewing.app.serving import server as serving
from exptools.viewing.app.serving.parsing import MOST_HEADERS, Request
from exptools.viewing.app.serving.server import Server
from tests.conftest import ROOT, until

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Large:
    """64 MiB; says when nobody asks for more of it."""

    left = threading.Event()

    def __iter__(self):
        return iter([b"x" * 2**20] * 64)

    def close(self):
        self.left.set()


def said(environ, start_response):
    """An application that says how it was asked; below /large it says very much."""
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Large()
    if environ["PATH_INFO"].startswith("/refused/"):
        start_response(f"{environ['PATH_INFO'][-3:]} No", [("Content-Length", "2")])
        return [b"no"]
    names = ("wsgi.url_scheme", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "SERVER_SOFTWARE")
    content = repr([environ.get(name) for name in names]).encode()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


@pytest.fixture
def serve():
    """Serve from a thread; returns the server and its port."""
    started = []

    def serve(**options):
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(said, listener, **options)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        started.append((server, thread))
        return server, listener.getsockname()[1]

    yield serve
    for server, thread in started:
        server.shutdown()
        thread.join(60)


@pytest.fixture
def connect():
    """A connection that has sent something."""
    opened = []

    def connect(port, content=b""):
        opened.append(socket.create_connection(("127.0.0.1", port), timeout=60))
        opened[-1].sendall(content)
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def ask(port, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def is_closed(connection):
    """Whether the server has closed it; waits until it does."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def can_send(connection, content):
    try:
        connection.sendall(content)
    except OSError:
        return False
    return True


def begun(server):
    """How many are sending a request."""
    return sum(one.request is not None for one in [*server.active_channels.values()])


def newest(server):
    """The connection that has said something last."""
    return max([*server.active_channels.values()], key=lambda one: one.last_activity)


def test_when_all_places_are_taken_who_has_been_silent_for_longest_has_to_go(
    serve, connect, monkeypatch
):
    monkeypatch.setattr(serving, "places", lambda: 8)
    server, port = serve()
    waiting = []
    for _ in range(8):
        waiting.append(connect(port, HALF))
        until(lambda: begun(server) == len(waiting))
    assert ask(port)[0].status == 200
    assert is_closed(waiting[0])
    until(lambda: len(server.active_channels) == 7)
    connect(port, HALF)
    until(lambda: begun(server) == 8)
    waiting[1].sendall(b"more")
    until(lambda: newest(server).addr == waiting[1].getsockname())
    ask(port)
    assert is_closed(waiting[2])


@pytest.mark.parametrize(
    "content",
    [HALF, b"GET", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", b""],
)
def test_a_request_has_its_time_however_slowly_it_goes_on(serve, connect, monkeypatch, content):
    for name in ("HEADERS_WITHIN", "BODY_WITHIN", "IDLE", "TICK"):
        monkeypatch.setattr(serving, name, 0.05)
    _, port = serve()
    slow = connect(port, content)
    if not content:
        assert is_closed(slow)
        return
    until(lambda: not can_send(slow, b"x"))  # a byte now and then


def test_who_takes_nothing_of_an_answer_is_left_and_its_thread_goes_on(serve, connect, monkeypatch):
    monkeypatch.setattr(serving, "ANSWER_STALLS", 0.1)
    monkeypatch.setattr(serving, "TICK", 0.05)
    server, port = serve()
    Large.left.clear()
    connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    assert Large.left.wait(60)
    until(lambda: not server.active_channels)


def test_where_all_threads_wait_for_somebody_to_take_an_answer_who_asks_gets_one(
    serve, connect, monkeypatch
):
    monkeypatch.setattr(serving, "THREADS", 2)
    _, port = serve()
    for _ in range(4):
        connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    assert ask(port)[0].status == 200


def test_an_answer_that_is_taken_later_is_not_cut_while_there_are_threads_for_the_others(
    serve, connect
):
    server, port = serve()
    taking = connect(port, b"GET /large HTTP/1.0\r\n\r\n")
    until(lambda: any(one.total_outbufs_len > 2**24 for one in server.active_channels.values()))
    for _ in range(20):
        assert ask(port)[0].status == 200
    taken = sum(map(len, iter(lambda: taking.recv(2**20), b"")))
    assert taken > 64 * 2**20


def test_a_loop_that_is_busy_holds_up_no_thread_that_wakes_it(monkeypatch):
    server = Server(said, socket.create_server(("127.0.0.1", 0)))
    waking = threading.Thread(target=lambda: [server.pull_trigger() for _ in range(2**17)])
    waking.daemon = True
    waking.start()
    waking.join(60)
    assert not waking.is_alive()
    server.shutdown()
    server.serve_forever()


def test_where_there_is_no_descriptor_left_somebody_makes_room(serve, connect, monkeypatch):
    monkeypatch.setattr(serving, "HEADERS_WITHIN", 1000)  # nobody goes by himself
    server, port = serve()
    waiting = connect(port, HALF)
    until(lambda: len(server.active_channels) == 1)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as last:  # its number is the highest that there is now
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, allowed[1]))
    try:
        asking = socket.socket()
        asking.settimeout(60)
        asking.connect(("127.0.0.1", port))
        assert is_closed(waiting)
        waiting.close()
        asking.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert asking.recv(12) == b"HTTP/1.0 200"
        asking.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


def test_of_a_few_descriptors_most_are_left_for_the_runs(monkeypatch):
    for allowed, expected in ((64, 8), (512, 128), (1024, 256), (resource.RLIM_INFINITY, 256)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, allowed=allowed: (allowed, allowed))
        assert serving.places() == expected


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(serve, connect):
    _, port = serve()
    answer, text = ask(port, method="POST", **{"Content-Length": str(400 * 10**6)})
    assert (answer.status, text) == (413, "exptools-dash takes up to 8 MiB in one request\n")


def test_a_body_in_chunks_is_refused_with_the_headers_and_none_of_it_is_read(serve, connect):
    server, port = serve()
    for encoding in (b"chunked", b"Chunked\r\nContent-Length: 3\r\nExpect: 100-continue"):
        sent = connect(port, CHUNKED.replace(b"chunked", encoding) + b"1\r\nx\r\n")
        answer = sent.makefile("rb").readline()
        assert answer.split()[1] == b"411"
    until(lambda: not server.active_channels)


@pytest.mark.parametrize(
    "content",
    [
        b"G x://" + b"1" * 10_000 + b" X\r\n\r\n",
        b"GET / HTTP/1.1\r\nX:" + b" " * 20_000 + b"x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX:\r\n" + b" \t" * 10_000 + b"x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 15_000 + b"\r\n",
        b"GET http://[/ HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
    ids=["address", "blanks", "continued", "lines", "host", "length"],
)
def test_headers_that_take_long_or_are_none_are_refused_at_once(content):
    before = time.thread_time()
    request = Request(Adjustments())
    request.received(content)
    assert time.thread_time() - before < 0.5
    assert request.error.code == 400
    assert request.completed


def test_after_what_is_refused_nothing_of_the_same_packet_is_read():
    for refused in (
        CHUNKED,
        b"?\r\n\r\n",
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n",
    ):
        packet = refused + b"\r\n\r\n" * 10
        request = Request(Adjustments(max_request_body_size=serving.MAX_BODY))
        assert request.received(packet) == len(packet)
        assert request.completed
        assert not request.expect_continue


def test_little_is_taken_at_once_where_no_body_is_sent(serve, connect, monkeypatch):
    taken = []
    received = Request.received

    def note(request, data):
        taken.append((request.body_rcv is not None, len(data)))
        return received(request, data)

    monkeypatch.setattr(Request, "received", note)
    _, port = serve()
    half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400_000
    sent = connect(
        port, b"\r\n\r\n" * 20_000 + half + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert sent.makefile("rb").read().count(b"HTTP/1.1 200") == 2
    assert max(size for in_body, size in taken if not in_body) <= serving.HEADERS_AT_ONCE
    assert max(size for in_body, size in taken if in_body) > serving.HEADERS_AT_ONCE


def test_of_very_many_large_bodies_the_newest_are_received(serve, connect):
    server, port = serve()
    half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000
    sending = []
    while len(sending) < 12:
        sending.append(connect(port, half))
        until(lambda: large(server) == min(len(sending), 8))
    assert all(map(is_closed, sending[:4]))
    bodies = [one.request.body_rcv.getbuf() for one in server.active_channels.values()]
    assert all(body.overflowed for body in bodies), "they wait on disk"
    for one in sending[4:]:
        one.sendall(b"x" * 100_000)
        assert one.recv(12) == b"HTTP/1.1 200"
    assert ask(port)[0].status == 200


def large(server):
    """How many are sending a large body."""
    return sum(one.has_large_body for one in [*server.active_channels.values()])


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_who_is_refused_is_not_heard_any_further(serve, connect, status):
    _, port = serve()
    asked = f"GET /refused/{status} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    many = connect(port, asked * 100)
    assert many.makefile("rb").read().count(b"HTTP/1.1") == 1


def test_who_asks_again_before_he_has_an_answer_gets_the_first_and_is_told_that_it_is_the_last(
    serve, connect
):
    _, port = serve()
    many = connect(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3).makefile("rb").read()
    assert many.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in many
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(3):  # one after the other, on the same connection
        connection.request("GET", "/")
        kept = connection.sock
        assert connection.getresponse().read()
        assert connection.sock is kept
    connection.close()


def test_headers_beyond_the_limit_are_refused(serve):
    _, port = serve()
    answer, text = ask(port, path="/" + "x" * 70_000)
    assert (answer.status, text) == (431, "exptools-dash takes up to 64 KiB of headers\n")


def test_no_answer_names_the_server_or_repeats_what_was_no_request(serve, connect):
    _, port = serve()
    assert ask(port)[0].headers["Server"] is None
    odd = connect(port, b"GET / HTTP/1.1\r\n\x1b[31m: x\r\n\r\n")
    answer = odd.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.0 400 Bad Request")
    assert answer.endswith(b"\r\n\r\nBad Request\n")
    assert b"waitress" not in answer.lower()


def test_only_a_proxy_that_is_named_says_how_the_browser_came(serve):
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Host": "evil.example",
    }
    _, port = serve()
    assert ask(port, **forwarded)[1].startswith("['http', None, None")
    _, port = serve(proxy="127.0.0.1")
    assert ask(port, **forwarded)[1].startswith("['https', None, None")
    _, port = serve(proxy="192.0.2.1")
    assert ask(port, **forwarded)[1].startswith("['http', None, None")


def test_the_page_about_security_says_the_limits_that_hold():
    page = " ".join((ROOT / "docs" / "security.md").read_text(encoding="utf-8").split())
    assert f"at most {serving.MOST_CONNECTIONS} connections" in page
    assert f"the same {serving.THREADS} threads" in page
    waits = serving.HEADERS_WITHIN, serving.BODY_WITHIN, serving.ANSWER_STALLS
    assert waits == (10, 60, 30)
    assert "may take ten seconds, its body a minute" in page
    assert "takes nothing of its answer for half a minute" in page
    assert serving.MOST_LARGE_BODIES == 8
    assert f"more than {serving.BODY_IN_MEMORY // 2**10} KiB eight at most" in page
    headers, body = serving.MAX_HEADERS // 2**10, serving.MAX_BODY // 2**20
    assert f"Headers of more than {headers} KiB and bodies of more than {body} MiB" in page
    assert f"Headers of more than {MOST_HEADERS} lines" in page
