"""Who may ask, and what a browser may do with the answers: the guard, without a browser."""

import re

import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.access import Access, host_name, is_local
from tests.viewing.samples import indexed, write_sweep

TOKEN = "a-token-of-this-test"
HERE = "http://127.0.0.1:8050"
OUTSIDE = "http://192.0.2.7:8050"
PUBLIC = Access(host="0.0.0.0", token=TOKEN)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs", steps=3))


def client(index, access=None):
    return create_app(index, *([access] if access else [])).server.test_client()


def test_only_what_this_machine_alone_reaches_is_local():
    assert all(map(is_local, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_local, ("0.0.0.0", "::", "192.0.2.7", "box", "")))


def test_a_host_header_is_read_as_a_name_or_as_nothing():
    headers = ("Box.lan:8050", "[::1]:80", "a@127.0.0.1", "127.0.0.1#.evil.example", "[::1", "")
    names = ["box.lan", "::1", "127.0.0.1", "127.0.0.1", None, None]
    assert [host_name(header) for header in headers] == names


@pytest.mark.parametrize("name", ["192.0.2.7", "[::1]", "box", "proxy.lan", "localhost"])
def test_off_loopback_addresses_and_the_names_that_were_given_are_ours(name):
    assert Access(host="box", names=("proxy.lan",)).answers_to(name)


def test_a_name_that_may_have_been_pointed_at_us_is_not_ours():
    for access in (Access(), Access(host="box"), PUBLIC):
        assert not access.answers_to("evil.example")
    assert not PUBLIC.answers_to("[::1")
    assert not Access().answers_to("192.0.2.7")
    assert not Access(names=("a.lan",)).answers_to("b.a.lan")


@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/file?run=0&path=output.log", "/assets/x"])
def test_whoever_asks_by_another_name_gets_nothing(index, path):
    answer = client(index).get(path, base_url="http://evil.example:8050")
    assert (answer.status_code, "accuracy" in answer.text) == (403, False)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "", "127.0.0.1"],
)
def test_a_page_of_another_site_can_send_nothing(index, origin):
    answer = client(index).post(
        "/_dash-update-component", json={}, base_url=HERE, headers={"Origin": origin}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("access", "origin"),
    [(Access(), HERE), (Access(names=("proxy.lan",)), "https://proxy.lan")],
)
def test_our_own_page_can_send_also_through_a_proxy(index, access, origin):
    answer = client(index, access).post("/file", base_url=HERE, headers={"Origin": origin})
    assert answer.status_code == 405  # let in, to where nothing can be sent


LAB = Access(port=8050, names=("lab.example.org", "box.example.org:8443"))


@pytest.mark.parametrize(
    "place", ["lab.example.org", "lab.example.org:8050", "box.example.org:8443", "LAB.example.org"]
)
def test_a_name_is_allowed_at_its_usual_port_where_the_app_is_served_and_as_it_was_given(place):
    assert LAB.answers_to(place)
    assert LAB.takes_from(f"https://{place}", "127.0.0.1:8050")


@pytest.mark.parametrize(
    "place",
    [
        *("lab.example.org:9999", "box.example.org", "box.example.org:8050"),
        *("lab.example.org:x", "lab.example.org.evil.example", "evil.example:8050", ""),
    ],
)
def test_another_port_of_an_allowed_name_may_be_another_users_server(place):
    assert not LAB.answers_to(place)
    assert not LAB.takes_from(f"https://{place}", "127.0.0.1:8050")


def test_a_page_without_tls_sends_nothing_to_where_tls_is():
    assert LAB.takes_from("https://lab.example.org", "lab.example.org", secure=True)
    assert not LAB.takes_from("http://lab.example.org", "lab.example.org", secure=True)
    assert not LAB.takes_from("file://lab.example.org", "lab.example.org")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "what comes one day"])
@pytest.mark.parametrize(
    ("path", "mode", "dest"),
    [
        ("/_dash-component-suites/dash/x.js", "no-cors", "image"),
        ("/", "no-cors", "script"),
        ("/", "navigate", "iframe"),
        ("/file?run=0&path=progress.csv", "cors", "empty"),
    ],
)
def test_what_another_site_puts_into_its_page_is_refused(index, site, path, mode, dest):
    asked = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    answer = client(index).get(path, base_url=HERE, headers=asked)
    assert (answer.status_code, answer.text) == (
        403,
        "exptools-dash is no part of the pages of other sites\n",
    )


@pytest.mark.parametrize(
    "asked",
    [
        ("cross-site", "navigate", "document"),
        ("none", "navigate", "document"),
        ("same-origin", "cors", "empty"),
    ],
)
def test_a_link_a_person_and_our_own_page_are_answered(index, asked):
    names = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
    headers = dict(zip(names, asked, strict=True))
    assert client(index).get("/", base_url=HERE, headers=headers).status_code == 200


def test_a_form_of_another_site_is_no_visit(index):
    asked = ("cross-site", "navigate", "document")
    names = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
    headers = dict(zip(names, asked, strict=True))
    assert client(index).post("/file", base_url=HERE, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/file?run=0&path=progress.csv"])
@pytest.mark.parametrize("query", ["", "token=", "token=wrong", f"token={TOKEN}x", "token=%C3%A9"])
def test_without_the_token_there_is_nothing_but_a_sentence(index, path, query):
    answer = client(index, PUBLIC).get(
        f"{path}{'&' if '?' in path else '?'}{query}", base_url=OUTSIDE
    )
    assert answer.status_code == 401
    assert answer.text.count("\n") == 1
    assert "Set-Cookie" not in answer.headers


def test_a_token_becomes_a_cookie_and_leaves_the_address_with_the_view_in_it(index):
    browser = client(index, PUBLIC)
    answer = browser.get(f"/?by=lr&token={TOKEN}&by=seed", base_url=OUTSIDE)
    assert (answer.status_code, answer.location) == (303, "/?by=lr&by=seed")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert browser.get("/_dash-layout", base_url=OUTSIDE).status_code == 200
    again = browser.get("/?token=old&by=lr", base_url=OUTSIDE)
    assert (again.status_code, again.location) == (303, "/?by=lr")


def test_where_the_browser_came_by_tls_the_cookie_goes_by_tls_only(index):
    outside = OUTSIDE.replace("http:", "https:")
    answer = client(index, PUBLIC).get(f"/?token={TOKEN}", base_url=outside)
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("given", [TOKEN, "", "x", "é"])
def test_only_what_was_given_as_a_cookie_is_taken_as_one(index, given):
    browser = client(index, PUBLIC)
    browser.set_cookie("exptools-192-0-2-7-8050", given, domain="192.0.2.7")
    assert browser.get("/_dash-layout", base_url=OUTSIDE).status_code == 401
    browser.set_cookie("exptools-192-0-2-7-8050", PUBLIC.cookie(), domain="192.0.2.7")
    assert browser.get("/_dash-layout", base_url=OUTSIDE).status_code == 200


def test_tokens_and_cookies_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda *both: bool(compared.append(both)))
    assert not PUBLIC.admits("x")
    assert not PUBLIC.admits_cookie("y")
    assert compared == [(b"x", TOKEN.encode()), (b"y", PUBLIC.cookie().encode())]


def test_a_cookie_is_of_its_token_and_does_not_tell_it():
    assert len({Access(token=f"{TOKEN}{n}").cookie() for n in range(9)}) == 9
    assert not PUBLIC.admits(PUBLIC.cookie())


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example"])
def test_the_way_without_the_token_never_leads_to_another_server(index, path):
    answer = client(index, PUBLIC).get(
        f"/?token={TOKEN}", base_url=OUTSIDE, environ_overrides={"PATH_INFO": path}
    )
    assert re.match(r"/(evil|%5Cevil)", answer.location)


def test_the_servers_of_two_ports_do_not_take_each_others_cookies(index):
    answer = client(index, PUBLIC).get(f"/?token={TOKEN}", base_url=OUTSIDE)
    other = client(index, PUBLIC).get(f"/?token={TOKEN}", base_url="http://192.0.2.7:8051")
    names = {re.match("[^=]+", found.headers["Set-Cookie"])[0] for found in (answer, other)}
    assert len(names) == 2


@pytest.mark.parametrize(
    "path",
    ["/", "/_dash-layout", "/_dash-dependencies", "/_first-answer", "/nothing", "/file"],
)
def test_every_answer_has_the_headers_and_is_kept_by_nobody(index, path):
    headers = client(index).get(path, base_url=HERE).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_policy_lets_scripts_be_ours_only_and_never_evaluates(index):
    policy = client(index).get("/", base_url=HERE).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert set(re.sub("'sha256-[^']+'", "", rules["script-src"]).split()) == {"'self'"}
    assert "http" not in policy
