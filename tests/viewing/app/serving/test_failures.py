"""What the terminal is told of errors: once, and nothing that steers it."""

import pytest
from flask import Flask

from exptools.viewing.app.serving import failures

HOSTILE = "/broken/%1b%5d0;owned%07%e2%80%aex"


@pytest.fixture
def client():
    server = Flask("broken")
    failures.register(server)
    server.add_url_rule("/broken/<path:name>", "broken", lambda name: {}[name])
    server.add_url_rule("/other/<path:name>", "other", lambda name: [][len(name)])
    return server.test_client()


def test_an_error_is_told_once_for_its_place_whoever_asks_again(capsys, client):
    for _ in range(3):
        assert client.get("/broken/a").status_code == 500
    told = capsys.readouterr().err
    assert told.count("Traceback") == told.count("KeyError: 'a'") == 1
    client.get("/other/a")
    assert "IndexError" in capsys.readouterr().err


def test_an_address_does_nothing_to_the_terminal_that_it_is_told_in(capsys, client):
    client.get(HOSTILE)
    told = capsys.readouterr().err
    assert r"/broken/\x1b]0;owned\x07" in told
    assert all(line.isprintable() for line in told.splitlines())


def test_of_very_many_errors_the_first_are_told(capsys, client, monkeypatch):
    monkeypatch.setattr(failures, "MOST", 1)
    client.get("/broken/a")
    client.get("/other/a")
    assert capsys.readouterr().err.count("Traceback") == 1
