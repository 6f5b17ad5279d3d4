"""Install the project in each way that people do, and ask Hydra whether it finds the plugin."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
ASK_HYDRA = """
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
import exptools, exptools.viewing.app
names = [clazz.__name__ for clazz in Plugins.instance().discover(Launcher)]
store = ConfigStore.instance().repo["hydra"]
print(names.count("ExptoolsLauncher"), *store["launcher"], *store["callbacks"])
print(exptools.__file__)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of what a distribution is built from; builds leave files behind."""
    copy = tmp_path / "source"
    for name in ("exptools", "hydra_plugins"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a new environment that has our dependencies, but not exptools."""
    directory = tmp_path / "environment"
    venv.create(directory, symlinks=True)
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "exptools" not in entry.name and entry.suffix != ".pth":
            (dependencies / entry.name).symlink_to(entry)
    interpreter = directory / "bin" / "python"
    site = call(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(site.strip()) / "dependencies.pth").write_text(str(dependencies))
    return interpreter


def call(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip_install(python: Path, *what: str | Path) -> None:
    pip = (python, "-m", "pip", "install", "--no-deps", "--no-build-isolation")
    call(*pip, "--no-compile", "--disable-pip-version-check", *what)


def assert_hydra_finds_the_plugin(python: Path, elsewhere: Path, home: Path) -> None:
    first, file = call(python, "-c", ASK_HYDRA, cwd=elsewhere).splitlines()
    count, *names = first.split()
    assert count == "1"
    assert names.count("exptools.yaml") == 2
    assert Path(file).is_relative_to(home)


@pytest.mark.hydra  # which finds plugins in another way from 1.4 on
@pytest.mark.parametrize("how", [(), ("-e",)], ids=["plain", "editable"])
def test_hydra_finds_the_plugin_after_an_install(
    source: Path, python: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    pip_install(python, *how, source)
    home = source if how else python.parent.parent
    assert_hydra_finds_the_plugin(python, tmp_path, home)


def test_hydra_finds_the_plugin_from_a_wheel_built_from_the_source_distribution(
    source: Path, python: Path, tmp_path: Path
) -> None:
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", source)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    pip_install(python, wheel)
    assert_hydra_finds_the_plugin(python, tmp_path, home=python.parent.parent)


def test_hydra_finds_the_plugin_after_setup_py_install(
    source: Path, python: Path, tmp_path: Path
) -> None:
    call(python, "setup.py", "install", cwd=source)
    assert_hydra_finds_the_plugin(python, tmp_path, home=python.parent.parent)
