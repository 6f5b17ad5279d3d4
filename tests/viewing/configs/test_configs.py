import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exptools.viewing.configs import interpolation
from exptools.viewing.configs.interpolation import MAX_WORK, _Resolver, resolve
from exptools.viewing.configs.overrides import parse_override
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.configs.values import MISSING, display, endings, flatten, label_among
from tests.viewing.samples import parse_config

REFERENCES = (
    "a: 1\nb: ${a}\n",
    "a: {b: 1.5, c: x}\nd: ${a.b}\ne: pre_${a.c}_${a.b}\n",
    "a: {b: 1, c: '${.b}', d: {e: '${..b}', f: '${...g}'}}\ng: 3\n",
    "a: {b: {x: 1, y: [1, 2]}}\nc: ${a.b}\nd: ${c.x}\n",
    "a: [3, 4]\nb: ${a.1}\nc: ${a[0]}\nd: ${a}\ne: [1, '${b}']\n",
    "a: {b: '${c}'}\nc: {d: '${e}'}\ne: 7\n",
    "key: b\na: {b: 2}\nc: ${a.${key}}\n",
    "a: true\nb: null\nc: ${a} and ${b}\n",
    "a: ${b}\nb: ${c}\nc: 1e-3\n",
)


def thawed(value):
    return [thawed(item) for item in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("text", REFERENCES)
def test_references_are_resolved_as_omegaconf_resolves_them(text):
    ours = {key: thawed(value) for key, value in parse_config(text).items()}
    theirs = OmegaConf.to_container(OmegaConf.create(text), resolve=True)
    assert ours == dict(flatten(theirs))


UNRESOLVED = (
    "${oc.env:HOME}",
    "x_${oc.env:HOME}_${b}",
    "${nowhere}",
    "${a}",  # itself
    "${..b}",
    "${missing}",
    "\\${b}",
    "${b",
    "${hydra:runtime.cwd}",
    "${b}${now:%Y}",
    "${c}",  # which cannot be resolved either
)


@pytest.mark.parametrize("written", UNRESOLVED)
def test_what_cannot_be_known_stays_as_it_is_written(written):
    config = parse_config(f"a: '{written}'\nb: 1\nmissing: '???'\nc: ${{env:X}}\n")
    assert config["a"] == written
    assert config["b"] == 1


def test_circles_and_texts_that_double_themselves_come_to_an_end():
    assert parse_config("a: ${b}\nb: ${a}\n") == {"a": "${b}", "b": "${a}"}
    doubling = "a0: xxxxxxxxxx\n" + "".join(
        f"a{n}: ${{a{n - 1}}}${{a{n - 1}}}\n" for n in range(1, 40)
    )
    config = parse_config(doubling)
    assert config["a3"] == "x" * 80
    assert config["a39"] == "${a38}${a38}"


def test_what_would_make_too_many_values_stays_as_it_was_written():
    config = parse_config(f"n: [{'1, ' * 20_000}]\n" + "".join(f"a{n}: ${{n}}\n" for n in range(9)))
    assert [len(config[f"a{n}"]) for n in range(9)] == [20_000] * 2 + [len("${n}")] * 7


def test_a_hydra_config_with_a_reference_that_is_missing_keeps_the_rest():
    text = "a: {b: '${c.d}', e: '${f}'}\nf: 2\n"
    with pytest.raises(OmegaConfBaseException):
        OmegaConf.to_container(OmegaConf.create(text), resolve=True)
    assert parse_config(text) == {"a.b": "${c.d}", "a.e": 2, "f": 2}


CUT = {
    "a list at the margin": "a:\n- 1\n- b: 2\nc: 3\n",
    "comments and blank lines": "# first\n\na: 1\n# second\n\nb:\n  c: 2 # third\n",
    "an alias to another section": "a: &x {b: 1}\nc: *x\n",
    "a flow that goes on at the margin": "a: [1,\n2]\nb: 3\n",
    "a quoted text that goes on at the margin": 'a: "x\nb: 1"\nc: 2\n',
    "a block text": "a: |\n  b: 1\n\n  c: 2\nd: 3\n",
    "a key that stands twice": "a: {x: 1}\nb: 2\na: {y: 3}\n",
    "keys that are no words": '"a b": 1\n1: 2\n? c\n: 3\n',
    "a merge": "a: &x {b: 1}\n<<: *x\nc: 2\n",
    "a document's mark": "---\na: 1\nb: 2\n",
    "windows lines": "a: 1\r\nb:\r\n  c: 2\r\n",
    "no last newline": "a: 1\nb:",
    "nothing": "",
}


@pytest.mark.parametrize("text", CUT.values(), ids=CUT.keys())
def test_a_text_in_sections_is_what_it_is_as_a_whole(text):
    texts = YamlParser()
    assert texts.parse(texts.cut(text)) == texts.parse([text])


def test_a_section_that_many_configs_share_is_parsed_once_and_cannot_be_changed(monkeypatch):
    parsed = []
    load = "exptools.viewing.configs.parsing._parse_yaml"
    original = __import__("exptools.viewing.configs.parsing", fromlist=["x"])._parse_yaml
    monkeypatch.setattr(load, lambda text: parsed.append(text) or original(text))
    texts = YamlParser()
    shared = "model:\n  sizes: [1, {a: [2]}]\n"
    one, two = (texts.parse(texts.cut(f"{shared}seed: {seed}\n")) for seed in range(2))
    assert len(parsed) == 3
    assert (one["seed"], two["seed"]) == (0, 1)
    assert one["model.sizes"] is two["model.sizes"]
    assert isinstance(one["model.sizes"], tuple)
    with pytest.raises(TypeError):
        one["model.sizes"][1]["a"] = 3
    with pytest.raises(TypeError):
        one["seed"] = 3


def test_the_line_of_a_fault_is_the_texts_and_not_its_sections():
    with pytest.raises(ValueError, match="YAML") as error:
        parse_config("a: 1\nb: 2\nc: [1\nd: 4\n")
    assert error.value.__cause__.problem_mark.line in (2, 3)


def test_two_documents_are_no_config():
    with pytest.raises(ValueError, match="YAML"):
        parse_config("a: 1\n---\nb: 2\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.001, "0.001"), ("0.001", '"0.001"'), ("adam", "adam"), ("", '""'), (True, "true")),
        *(("true", '"true"'), (None, "null"), ([1, "x", None], "[1, x, null]"), (MISSING, "—")),
        ({"a": [1]}, "{a: [1]}"),
    ],
)
def test_a_value_reads_as_its_type(value, text):
    assert display(value) == text


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.1, 0.2, 0.1 + 0.2], ["0.1", "0.2", "0.3"]),
        ([0.3, 0.1 + 0.2], ["0.3", "0.30000000000000004"]),
        ([1, 1.0000000000000002], ["1", "1.0000000000000002"]),
        ([0.0017000000000000001, None, "a", [1.0]], ["0.0017", "null", "a", "[1.0]"]),
        ([1 / 3, 0.8444218515250481], ["0.3333333333333333", "0.8444218515250481"]),
        ([10**400, float("nan"), float("inf"), True], [f"1{'0' * 400}", "nan", "inf", "true"]),
    ],
)
def test_a_label_has_no_noise_of_arithmetic_unless_it_tells_values_apart(values, labels):
    assert list(map(label_among(values), values)) == labels


def test_a_key_of_many_parts_has_no_more_ends_than_anybody_types():
    ends = endings("a." * 100_000 + "end")  # as many as it has parts would fill the memory
    assert ends[:2] == ["end", "a.end"]
    assert len(ends) <= 17
    assert ends[-1] == "a." * 100_000 + "end"
    assert endings("optim.sgd.lr") == ["lr", "sgd.lr", "optim.sgd.lr"]


def test_texts_of_texts_are_put_together_until_it_is_too_much(monkeypatch):
    chain = {"a": "x", **{f"b{n + 1}": f"{'${a}' * 20}${{b{n}}}" for n in range(30)}, "b0": "y"}
    assert "$" not in resolve(chain, [*chain])[0]["b30"]
    monkeypatch.setattr(interpolation, "MAX_WORK", 5000)
    found, _ = resolve(chain, [*chain])
    assert found["b1"] == f"{'x' * 20}y"
    assert found["b30"] == chain["b30"]


def test_where_many_chains_are_too_long_each_is_followed_less_far(monkeypatch):
    followed = []
    leaves = {f"k{n}": f"${{k{n + 1}}}" for n in range(2000)} | {"lr": 0.1, "x": "${lr}"}
    resolver = _Resolver(leaves, MAX_WORK)
    guarded = resolver._guarded
    monkeypatch.setattr(resolver, "_guarded", lambda *of: followed.append(of) or guarded(*of))
    assert resolver.value("k0") == "${k1}"
    assert [resolver.value(key) for key in leaves][-1] == 0.1
    assert len(followed) < 20_000


@pytest.mark.parametrize(
    "shared",
    [
        {f"n.a{at}": at for at in range(2000)} | {"n.z": "${c0}"},
        {"n": (*[1] * 20_000, "${nowhere}")},
    ],
)
def test_what_many_values_are_made_of_is_looked_at_so_often_and_no_more(monkeypatch, shared):
    chain = {f"c{at}": f"${{c{at + 1}}}" for at in range(60)}
    keys = {f"k{at}": "${n}" for at in range(2000)}
    leaves = keys | shared | chain
    looked = []
    is_interpolated = interpolation.is_interpolated
    monkeypatch.setattr(
        interpolation, "is_interpolated", lambda value: looked.append(1) or is_interpolated(value)
    )
    resolved, was_too_much = resolve(leaves, [key for key, v in leaves.items() if v not in (1, 2)])
    assert was_too_much
    assert resolved["k0"] == "${n}"
    assert len(looked) < 1_000_000


def test_where_a_job_of_a_sweep_was_too_much_the_others_have_less_work():
    parser = YamlParser()
    parts = parser.cut("".join(f"k{at}: x${{c}}\n" for at in range(400)) + f"c: {'a' * 1000}\n")
    override = parse_override("lr=1")
    assert not parser.overridden(parts, [override]).was_too_much
    parser._too_much.add(tuple(parts))
    assert parser.overridden(parts, [override]).was_too_much
