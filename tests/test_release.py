"""What is said of a release in several places is the same, and true of what is installed."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from exptools.viewing.app import connection

ROOT = Path(__file__).parent.parent
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
LICENCES = re.findall(
    r"^\| (MIT|BSD|Apache|MPL|PSF|ZPL)[^|]* \| ([^|]+) \|$",
    (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
# What metadata call them that do not use the short names.
LONG = {"MPL": "Mozilla", "PSF": "Python Software Foundation", "ZPL": "Zope"}
OF_USERS = ("dash", "slurm", "video", "examples")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py says."""
    said: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", said.update)
    path = ROOT / "setup.py"
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), {"__file__": str(path)})
    return said


def required(said: dict[str, Any], *extras: str) -> list[Requirement]:
    texts = said["install_requires"] + [text for e in extras for text in said["extras_require"][e]]
    return [Requirement(text) for text in texts]


def test_setup_changelog_and_citation_name_one_version(said: dict[str, Any]) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, newest = re.findall(r"^## \[(\S+)\](.*)$", changelog, re.MULTILINE)[:2]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.findall(r"^(?:version|date-released): (\S+)$", citation, re.MULTILINE)
    assert unreleased == ("Unreleased", "")
    assert newest == (said["version"], f" - {cited[1]}")
    assert cited[0] == said["version"]


def test_on_pypi_the_readmes_pictures_and_pages_are_found(said: dict[str, Any]) -> None:
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", said["long_description"])
    ours = [(mark, link.removeprefix(said["url"])) for mark, link in links if "exptools" in link]
    assert len(ours) > 10
    for mark, link in ours:
        place = "/raw/main/" if mark else "/blob/main/"
        assert link.startswith(place), link
        assert (ROOT / link.removeprefix(place).partition("#")[0]).exists()
    assert [link for _, link in links if not link.startswith(("https://", "#"))] == []


def test_a_page_knows_which_version_serves_it() -> None:
    assert connection._version() == distribution("hydra-exptools").version


def test_the_lowest_versions_that_are_tried_are_those_that_are_allowed(
    said: dict[str, Any],
) -> None:
    text = (ROOT / ".ci" / "constraints-lowest.txt").read_text(encoding="utf-8")
    tried = dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    for requirement in required(said, *OF_USERS):
        (lowest,) = (one.version for one in requirement.specifier if one.operator == ">=")
        assert Version(tried[canonicalize_name(requirement.name)]) == Version(lowest), requirement


def test_the_workflow_calls_what_there_is_on_the_pythons_that_are_named(
    said: dict[str, Any],
) -> None:
    calls = re.findall(r"run: (?:python[\d.]* )?(\.ci/\S+) ?(--\w+)?$", WORKFLOW, re.MULTILINE)
    assert len(calls) >= 5
    for script, option in calls:
        assert option in (ROOT / script).read_text(encoding="utf-8"), (script, option)
    named = [text.split(" :: ")[-1] for text in said["classifiers"] if " :: 3." in text]
    assert re.findall(r"python: \[(.*)\]", WORKFLOW) == [", ".join(f'"{one}"' for one in named)]


def test_the_licence_of_each_dependency_of_a_user_is_listed(said: dict[str, Any]) -> None:
    listed = " ".join(packages for _, packages in LICENCES).replace(",", "").split()
    needed = {canonicalize_name(one.name) for one in required(said, *OF_USERS)}
    assert sorted(needed - set(listed)) == []
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(("licence", "packages"), LICENCES)
def test_the_licences_are_those_that_packages_declare(licence: str, packages: str) -> None:
    for name in packages.split(", "):
        try:
            told = declared(distribution(name))
        except PackageNotFoundError:  # it is of another Python, or of an extra that nobody wanted
            continue
        assert licence in told or LONG.get(licence, licence) in told, (name, told)


def declared(package: Distribution) -> str:
    metadata = package.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or [] if "License" in text]
    texts = [metadata.get("License-Expression"), *classifiers, metadata.get("License")]
    return " ".join(filter(None, texts))
