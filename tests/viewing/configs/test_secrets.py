"""What is a secret in a config, a name, an override and a command, and what stands for it."""

import re
import time
from collections.abc import Callable
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from exptools.error_line import LONGEST, error_line
from exptools.viewing.configs.secrets import Secrets, has_hidden

ABC = "sk-abcdef123456"


def shown(**config: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in config.items()}
    return dict(Secrets().config(MappingProxyType(named)))


@pytest.mark.parametrize(
    "key",
    [
        *("token", "wandb.api_key", "db.password", "aws.secret.key", "OPENAI_API_KEY", "api-key"),
        *("hf_token", "login.passwd", "apiKey", "ssh.private_key", "aws.access_key_id"),
    ],
)
def test_what_is_secret_by_its_name_is_hidden(key: str) -> None:
    config = Secrets().config({key: ABC, "lr": 0.1})
    assert config[key].startswith("hidden ")
    assert config["lr"] == 0.1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("max_tokens", 512), ("data.token_dim", 64), ("tokenizer.name", "gpt2")),
        *(("pad_token", "<pad>"), ("mask_token", "[MASK]"), ("pad_token_id", 0)),
        *(("api_key", None), ("api_key", ""), ("api_key", "???"), ("use_token", True)),
        *(("api_key", "${oc.env:WANDB_API_KEY}"), ("token", "${other.token}")),
        *(("monkey", "a"), ("keys", "b"), ("pass", "c")),
    ],
)
def test_what_is_no_secret_is_shown(key: str, value: Any) -> None:
    config = {key: value}
    assert Secrets().config(config)[key] == value


def test_a_default_in_a_reference_and_numbers_are_secrets_too() -> None:
    config = Secrets().config(
        {"api_key": "${oc.env:KEY,sk-default}", "password": 12345, "token": 99}
    )
    assert all(value.startswith("hidden ") for value in config.values())


def test_equal_secrets_look_equal_and_others_do_not() -> None:
    first, same, other = (
        Secrets().config({"token": value})["token"] for value in (ABC, ABC, "other")
    )
    assert first == same != other


def test_secrets_in_lists_and_mappings_in_lists_are_hidden() -> None:
    users = ({"name": "ann", "password": "pw1"}, {"name": "bob", "password": "pw2"})
    config = shown(users=tuple(map(MappingProxyType, users)), tokens=(ABC, "b"), sizes=(64, 64))
    assert "pw1" not in str(config)
    assert ABC not in str(config)
    assert [user["name"] for user in config["users"]] == ["ann", "bob"]
    assert config["sizes"] == (64, 64)


def test_names_in_a_list_of_secrets_are_hidden_as_their_values() -> None:
    config = shown(passwords=(MappingProxyType({ABC: 1}),), tokens=(MappingProxyType({"n": 1}),))
    assert re.fullmatch(r"hidden \d+", config["passwords"][0])
    assert config["tokens"] == ({"n": 1},)


def test_what_is_made_of_a_secret_shows_it_no_more() -> None:
    config = shown(api_key=ABC, url=f"https://{ABC}@host/x", dirname=f"api_key={ABC},lr=0.1")
    assert ABC not in str(config)
    assert config["url"].endswith("@host/x")
    assert config["dirname"].endswith(",lr=0.1")


def test_what_is_made_of_a_secret_number_shows_it_no_more() -> None:
    config = shown(password=123456, url="https://me:123456@host", again=123456, steps=1234567)
    assert "123456" not in f"{config['url']}{config['again']}{config['password']}"
    assert config["steps"] == 1234567


@pytest.mark.parametrize("secret", [ABC.encode(), {ABC, "b"}, date(2026, 1, 2), (ABC.encode(), 1)])
def test_a_secret_of_any_type_is_hidden(secret: Any) -> None:
    config = shown(password=secret, users=(MappingProxyType({"passwd": secret}),), lr=0.1)
    assert all(text not in str(config) for text in (ABC, "2026", "date", " 1,"))
    assert config["lr"] == 0.1


def test_what_is_made_of_bytes_a_set_or_a_float_shows_it_no_more() -> None:
    config = shown(
        password=123456.789,
        db__password=ABC.encode(),
        secrets={"first-1", "second-2"},
        url=f"http://a:{ABC}@h/123456.789/first-1",
        again=123456.789,
        raw=f"<{ABC}>".encode(),
        both={"x first-1"},
        rate=3.5,
        flags=(True, None),
    )
    assert not re.search(f"{ABC}|123456|first|second", str(config))
    assert (config["rate"], config["flags"]) == (3.5, (True, None))


def test_secrets_too_short_to_be_told_from_other_words_are_hidden_under_their_keys_only() -> None:
    config = shown(token="abcde", url="https://abcde@host", pin__secret=1234, port=1234)
    assert (config["url"], config["port"]) == ("https://abcde@host", 1234)
    assert config["token"].startswith("hidden")
    assert config["pin.secret"].startswith("hidden")


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        (f"api_key={ABC},lr=0.1/3", ",lr=0.1/3"),
        (f"lr=0.1,db.password={ABC}", ""),
        (f"2026/token={ABC}/7", "/7"),
    ],
)
def test_a_name_does_not_say_it(name: str, rest: str) -> None:
    text = Secrets().name(name)
    assert ABC not in text
    assert "=hidden " in text
    assert text.endswith(rest)


def test_a_name_without_secrets_stays() -> None:
    for name in ("lr=0.1,seed=3", "max_tokens=512,seed=1", "api_key", "a=b"):
        assert Secrets().text(name) == name


def test_commands_and_overrides_do_not_say_it() -> None:
    secrets = Secrets()
    command = ("python", "train.py", "--token", ABC, f"--api-key={ABC}", f"+db.password={ABC}", "a")
    words = secrets.words(command)
    assert ABC not in " ".join(words)
    assert words[:3] == command[:3]
    assert words[-1] == "a"
    assert secrets.words(words) == words  # what is hidden is not hidden again
    assert ABC not in secrets.override(f"api_key='{ABC},{ABC}'")
    assert secrets.override("lr=0.1") == "lr=0.1"


def test_what_python_and_json_print_of_a_mapping_does_not_say_it() -> None:
    secrets = Secrets()
    printed = f"""login {{'api_key': "it's {ABC}", 'lr': 'low'}} and "password": "{ABC}", x"""
    said = secrets.text(printed)
    assert ABC not in said
    assert re.fullmatch(
        r"""login {'api_key': "hidden \d+", 'lr': 'low'} and "password": "hidden \d+", x""", said
    )
    assert secrets.text(said) == said
    for text in ("Unexpected token: '}'", "KeyError: 'token'", "invalid password: try again"):
        assert secrets.text(text) == text
    said = secrets.override("+login={lr:low,db:{password:abc, n:3}}")
    assert re.fullmatch(r"\+login={lr:low,db:{password:hidden \d+, n:3}}", said)


def test_counts_and_switches_are_no_secrets_in_overrides_and_commands() -> None:
    words = ("max_tokens=512", "token_dims=[64,128]", "lr_per_token=1e-3", "use_token=true")
    assert Secrets().words((*words, "--max-tokens", "512")) == (*words, "--max-tokens", "512")
    assert Secrets().name("/".join(words)) == "/".join(words)


def test_a_value_in_a_name_ends_where_the_next_begins() -> None:
    name = Secrets().name("password=a b c,lr=0.1/tokens=[x,y],seed=1/secret='u,v',n=2")
    assert re.sub(r"hidden \d+", "…", name) == "password=…,lr=0.1/tokens=…,seed=1/secret='…',n=2"


def hidden(text: str) -> str:
    return re.sub(r"hidden \d+", "…", text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (r"password='it\'s, sk-1',lr=1/3", "password='…',lr=1/3"),
        (r"password=a\,b,lr=1/3", "password=…,lr=1/3"),
        ("password='a/b',lr=1/3", "password='…',lr=1/3"),
        ("password=it's,lr=1/3", "password=…,lr=1/3"),
        ("password=a)b,lr=1/3", "password=…,lr=1/3"),
        ("password='a,b", "password=…"),
    ],
)
def test_quotes_and_backslashes_in_a_name_end_no_secret(name: str, shown: str) -> None:
    assert hidden(Secrets().name(name)) == shown


@pytest.mark.parametrize(
    "write",
    [
        *(quote, quote_plus, lambda text: quote(text, safe="")),
        lambda text: quote(text).replace("%2B", "%2b").replace("%3D", "%3d"),
    ],
)
def test_a_secret_is_found_as_libraries_write_it_into_an_address(
    write: Callable[[str], str],
) -> None:
    secret = "wJalrX/K7 MDENG/bPx+CYEX="
    own = Secrets().of({"secret_access_key": secret})
    said = Secrets().text(f"s3://AKIA:{write(secret)}@host/b", own)
    assert re.fullmatch(r"s3://AKIA:hidden \d+@host/b", said)


@pytest.mark.parametrize("left", [6, 12, len(ABC) - 1])
def test_where_an_errors_words_are_cut_the_beginning_of_a_secret_is_hidden(left: int) -> None:
    own = Secrets().of({"password": ABC, "token": "sk-abcdef"})
    words = "no way with ".rjust(LONGEST - left, "x")
    error = error_line(RuntimeError(f"{words}{ABC} at all {ABC}"))
    said = Secrets().error(f"{error} (from {error})", own)
    assert error.count(f" {ABC[:left]}… (") == 1
    assert "sk-abc" not in said
    assert len(re.findall(r"with hidden \S.*?… \(\d+ more characters\)", said)) == 2


def test_many_secrets_and_cuts_take_but_a_moment() -> None:
    secrets = tuple(f"{'a' * 6}{'b' * 234}{number:05}" for number in range(2000))
    config = {"api_key": secrets, "notes": (("a" * 239 + "… (1 more characters)") * 4,) * 1000}
    began = time.process_time()
    own = Secrets().of(config)
    Secrets().config(config, own)
    Secrets().error(config["notes"][0] * 99, own)
    assert time.process_time() - began < 10


def test_a_secret_with_quotes_is_found_where_they_are_escaped() -> None:
    own = Secrets().of({"password": r"it's a \ b"})
    for text in (r"url='x:it\'s a \\ b@h'", '"it\'s a \\\\ b"', "https://it%27s%20a%20%5C%20b@h"):
        said = Secrets().name(text, own)
        assert "hidden " in said
        assert not re.search("it.*s", said)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("auth_token", "4829-1173-9920"), ("access_token", "1234 5678 9012")),
        *(("token", "12345e67"), ("token", 12345e67), ("hf_token", "[4829]")),
        *(("github_token_2", 4829117399), ("github.token.key", 4829117399)),
        *(("hf_tokens", "[sk-abc123]"), ("tokens", "1234-5678"), ("tokens", "1.2.3")),
    ],
)
def test_a_token_of_digits_is_a_secret(key: str, value: Any) -> None:
    assert hidden(str(Secrets().config({key: value})[key])) == "…"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("num_token", 5), ("max_new_token", "512"), ("loss_per_token", 0.1)),
        *(("token_dims", "[64, 128]"), ("tokens", "[[1,2],[3]]"), ("tokens", (1, 2))),
        *(("max_tokens.value", 512), ("token_type_ids", "0,1"), ("pad_token", "[PAD]")),
    ],
)
def test_numbers_of_tokens_are_no_secrets(key: str, value: Any) -> None:
    assert Secrets().config({key: value})[key] == value


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("+db={passwords:[1234,5678],x:1}", "+db={passwords:…,x:1}"),
        ("++l={key:1,api_key:'a b'}", "++l={key:1,api_key:'…'}"),
        ("+db={password:a b c,x:1}", "+db={password:…,x:1}"),
        ("+db={x:{api_key:'a,b}'},z:1}", "+db={x:{api_key:'…'},z:1}"),
        ("+m={tokens:[1,2],max_tokens:512}", "+m={tokens:[1,2],max_tokens:512}"),
    ],
)
def test_an_override_hides_the_whole_value_once(override: str, shown: str) -> None:
    secrets = Secrets()
    said = secrets.override(override)
    assert hidden(said) == shown
    assert secrets.override(said) == said


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("--tokens|abc|def|--lr|1", "--tokens|…|…|--lr|1"),
        ("--token|abc=|lr=0.1", "--token|…|lr=0.1"),
        ("--header|X-Api-Key: abc", "--header|X-Api-Key: …"),
        ("--max-tokens|512|data", "--max-tokens|512|data"),
        ("bash|-c|run --token abc", "bash|-c|run --token …"),
        ("--password|-abc|-v|x", "--password|…|-v|x"),
    ],
)
def test_a_command_hides_each_value_of_an_option(command: str, shown: str) -> None:
    assert hidden("|".join(Secrets().words(command.split("|")))) == shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ('Config(password="a b c", lr=1)', 'Config(password="…", lr=1)'),
        ("{'passwords': ['hunter22', 'b'], 'lr': 1}", "{'passwords': …, 'lr': 1}"),
        ("{'password': b'a b', 'lr': 1}", "{'password': b'…', 'lr': 1}"),
        ("password: hunter2222", "password: …"),
        ("password=SecretStr('a b'), lr=1", "password=…, lr=1"),
        ("at https://h/v1?api_key=sk/a+b=&n=1", "at https://h/v1?api_key=…&n=1"),
        (r'"{\"api_key\": \"a b\", \"lr\": 1}"', r'"{\"api_key\": \"…\", \"lr\": 1}"'),
        ("['curl', '--token', 'a b', '-x'] failed", "['curl', '--token', '…', '-x'] failed"),
        ("password='a b", "password=…"),
        ("login(password='it''s b')", "login(password='…')"),
        ("password='''a b''' x", "password='…' x"),
        ("{'password': '', 'lr': 'a'}", "{'password': '', 'lr': 'a'}"),
        ("train --password a,b c", "train --password … c"),
        ("['c', '--api_key=a b, c', 'x'] failed", "['c', '--api_key=…', 'x'] failed"),
        ("['-H', 'X-Api-Key: 1 b', 'x'] failed", "['-H', 'X-Api-Key: …', 'x'] failed"),
        ("ran 'api_key=a b'\"'\"'c d' x", "ran 'api_key=… x"),
        (r'"{\"api_key\": \"a\\\"b c\", \"lr\": 1}"', r'"{\"api_key\": \"…\", \"lr\": 1}"'),
        ("'password=a b", "'password=…"),
        ("""password='it'"'"'s, b' x""", "password=…' x"),
    ],
)
def test_an_error_hides_the_whole_value_whatever_it_looks_like(error: str, shown: str) -> None:
    secrets = Secrets()
    said = secrets.text(error)
    assert hidden(said) == shown
    assert secrets.text(said) == said


@pytest.mark.parametrize(
    "error",
    [
        *("invalid password: try again", "Unexpected token: EOF", "option --token is missing"),
        *("bad: 'max_tokens=512, lr=1'", "token: <｜begin▁of▁text｜>"),
        *("{'tokens': [1, 2], 'max_tokens': 512}", "token=${oc.env:T} is not set"),
    ],
)
def test_a_sentence_about_a_secret_stays(error: str) -> None:
    assert Secrets().text(error) == error


def test_long_and_odd_texts_take_no_longer_than_they_are() -> None:
    secrets, most = Secrets(), 100_000
    begun = time.thread_time()
    for part in (
        "[",
        "\\'",
        "\\",
        " ",
        "password=(b,",
        "password=x\"' ",
        "token:",
        "--token-",
        "'token=\\",
    ):
        text = "password=" + part * (most // len(part))
        for say in (secrets.text, secrets.name, secrets.override):
            say(text)
    assert time.thread_time() - begun < 5


def test_secrets_that_begin_alike_are_each_found_however_many_there_are() -> None:
    secrets = Secrets()
    alike = {f"password{number}": "a" * 1000 + str(number) for number in range(190)}
    own = secrets.of(alike)
    shown = secrets.text(" ".join([*alike.values(), "a" * 400_000]), own)
    assert re.fullmatch(r"(hidden \d+ ){190}a{400000}", shown)


def test_what_is_made_of_a_secret_of_an_odd_key_is_known_as_hidden() -> None:
    made = Secrets().config({"my api_key!": ABC, "url": f"https://{ABC}@host"})
    assert has_hidden(made["url"])


def test_a_password_may_look_as_a_mark_does() -> None:
    assert Secrets().config({"password": "<pad>"})["password"] != "<pad>"


def test_patterns_may_be_others() -> None:
    config = Secrets(["*pin*"]).config({"card.pin": 1234, "token": ABC})
    assert config["card.pin"] != 1234
    assert config["token"] == ABC


def test_a_secret_in_a_text_of_any_length_is_found() -> None:
    secret = "a" * 500 + "b" + "a" * 498
    own = Secrets().of({"api_key": secret})
    for length in (0, 1, 1000, 1600, 40_000):
        text = "a" * length + secret + "a" * length
        said = Secrets().name(text, own)
        assert said.strip("a").startswith("hidden ")
        assert "b" not in said
