"""The server as a process: who reaches it and how, proxies, its end, and what it leaves alone."""

import contextlib
import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from exptools.viewing.cli.dash import main
from tests.conftest import until
from tests.viewing.samples import write_run, write_sweep

COMMAND = "import sys; from exptools.viewing.cli.dash import main; sys.exit(main())"
TOKEN = "a-token-of-this-test"
CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """exptools-dash on nine runs, and the address that it prints; once for the same arguments."""
    started = {}
    root = write_sweep(tmp_path_factory.mktemp("runs") / "outputs")

    def start(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        way = (arguments, *environment.items())
        if way not in started or started[way][0].poll() is not None:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(root), "--port", "0", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | environment,
            )
            started[way] = process, re.search(r"http://\S+", process.stdout.readline())[0]
        return started[way]

    yield start
    for process, _ in started.values():
        process.kill()
        process.communicate()


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_off_loopback_a_new_token_is_in_the_address_and_without_it_nothing_is(start):
    _, address = start("--host", "0.0.0.0")
    host, token = re.fullmatch(r"http://([^/]+)/\?token=([\w-]{43})", address).groups()
    here = f"http://127.0.0.1:{host.rpartition(':')[2]}/"
    assert status_of(f"{here}_dash-layout") == 401
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    answer = opener.open(f"{here}?token={token}")
    assert answer.url == here
    assert "Reading the runs" in answer.read().decode()
    assert "accuracy" in opener.open(f"{here}_dash-layout").read().decode()


def test_a_token_from_the_environment_is_asked_for_on_loopback_too(start):
    _, address = start(EXPTOOLS_TOKEN=TOKEN)
    assert address.endswith(f"/?token={TOKEN}")
    assert status_of(address.partition("?")[0]) == 401


def test_on_loopback_nobody_else_can_connect(start):
    _, address = start()
    port = int(re.search(r":(\d+)", address)[1])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    if sys.platform == "linux":  # where it is this machine, too, and not the address listened at
        others.add("127.0.0.2")
    for other in others - {"127.0.0.1", "127.0.1.1", "::1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, port), timeout=60)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--token", "short"], "a token has at least 16 characters, this one 5"),
        (["--host", "192.0.2.7"], "192.0.2.7 is no address of this machine"),
        (["--host", "no-such-host.invalid"], "there is no host 'no-such-host.invalid'"),
        (["--open", "--token", TOKEN], "--open does not go with a token"),
        (["--proxy", "box"], "--proxy 'box' is no IP address; one on this machine asks from 127"),
        (["--allow-host", "http://box"], "--allow-host 'http://box' should be a name as in"),
        (["--allow-host", "box:x"], "--allow-host 'box:x' should be a name as in"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(tmp_path, capsys, arguments, sentence):
    write_run(tmp_path / "0", {})
    assert main([str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"exptools-dash: {sentence}")
    assert error.count("\n") == 1


class Proxy(BaseHTTPRequestHandler):
    """Passes on what is asked for below /lab/, with the path as it is, or without the prefix."""

    def do_GET(self) -> None:
        target, strip = self.server.target
        path = self.path.replace("/lab/", "/", 1) if strip else self.path
        upstream = http.client.HTTPConnection(target)
        upstream.request("GET", path, headers=dict(self.headers) | {"Host": target})
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name in ("Content-Type", "Location", "Set-Cookie"):
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("strip", [False, True])
def test_behind_a_proxy_page_scripts_and_token_find_their_way(start, proxy, strip):
    _, address = start("--prefix", "lab", "--token", TOKEN)
    target = re.search(r"//([^/]+)/lab/\?", address)[1]
    proxy.target = target, strip
    outside = f"http://127.0.0.1:{proxy.server_port}/lab/"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    answer = opener.open(f"{outside}?by=seed&token={TOKEN}")
    assert answer.url == f"{outside}?by=seed"
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.read().decode())
    assert len(sources) > 10
    for source in [*sources, "/lab/_alive"]:
        assert source.startswith("/lab/")
        assert opener.open(f"http://127.0.0.1:{proxy.server_port}{source}").status in (200, 204)
    assert "accuracy" in opener.open(f"{outside}_dash-layout").read().decode()


def test_half_sent_requests_cost_no_threads_and_keep_nobody_out(start, descriptors):
    process, address = start("--token", TOKEN)
    port = int(re.search(r":(\d+)/", address)[1])
    server = psutil.Process(process.pid)
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(1500)]
    for one in waiting:
        with contextlib.suppress(OSError):  # it had to go already
            one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def is_answered() -> bool:
        with contextlib.suppress(ConnectionResetError):  # a busy server took it for one of those
            return opener.open(address, timeout=60).status == 200
        return False

    until(is_answered)
    assert server.num_threads() < 80
    assert server.num_fds() < 400
    for one in waiting:
        one.close()


@pytest.fixture
def descriptors():
    """Enough of them for very many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_large_body_costs_no_memory_whoever_sends_it(start):
    process, address = start()
    host = re.search(r"//([^/]+)/", address)[1]
    status_of(address)
    before = psutil.Process(process.pid).memory_info().rss
    statuses = []
    for length in (None, str(400 * 10**6)):
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.putrequest("POST", "/_dash-update-component")
        connection.putheader("Content-Type", "application/json")
        connection.putheader(*(("Content-Length", length) if length else CHUNKED))
        connection.endheaders()
        with contextlib.suppress(ConnectionError):  # it is not read to its end
            for _ in range(400 if length is None else 0):
                connection.send(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses in ([411, 413], [413])  # one who goes on sending may not hear it
    assert psutil.Process(process.pid).memory_info().rss - before < 64 * 2**20


def test_ctrl_c_ends_it_at_once_though_a_browser_holds_on_and_nothing_was_told_meanwhile(start):
    process, address = start()
    for path in ("_dash-component-suites/%1b%5d0;x%07/x", "%1b[2J", "file?run=%1b[2J&path=x"):
        assert status_of(address + path) in (200, 404)
    for body in (b"{}", b"[", b"{"):
        request = urllib.request.Request(f"{address}_dash-update-component", body)
        request.add_header("Content-Type", "application/json")
        assert status_of(request) == 400
    host = re.search(r"//([^/]+)/", address)[1].rpartition(":")
    with socket.create_connection((host[0], int(host[2]))) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\n")  # and the rest never comes
        status_of(address)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")
