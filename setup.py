"""Metadata of hydra-exptools; docs/dependencies.md says why each dependency is here."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, find_packages, setup

HERE = Path(__file__).parent
HOME = "https://github.com/ZiwenZhuang/exptools"
# On PyPI there is nothing beside it: pictures and pages are those of the repository.
README = (HERE / "README.md").read_text(encoding="utf-8")
README = re.sub(r"(!\[[^\]]*\]\()(?!https?:|#)", rf"\1{HOME}/raw/main/", README)
README = re.sub(r"(\]\()(?!https?:|#)", rf"\1{HOME}/blob/main/", README)

DASH = [
    "dash>=4.1,<5",
    "dash-ag-grid>=35.3",
    "dash-mantine-components>=2.6",
    "matplotlib>=3.10.9",
    "platformdirs>=4.0",
    "plotly>=6.3",
    "polars>=1.20",
    "pyyaml>=6.0",
    "sqlglot>=28",
    "tsdownsample>=0.1.4.1",
    "waitress>=3.0.1,<4",
]
SLURM = ["submitit>=1.5"]
VIDEO = ["imageio-ffmpeg>=0.5"]
EXAMPLES = ["scikit-learn>=1.4"]
# Of myst-parser none for Python 3.10 goes with today's rich.
DOCS = [
    f"{package}; python_version >= '3.11'"
    for package in ("furo>=2024.8.6", "myst-parser>=5.0", "sphinx>=8.2")
]
# Of this version there is a build for CPUs; a newer one may bring gigabytes for GPUs along.
TORCH = "torch==2.13.0"
BENCH = [
    "hydra-joblib-launcher>=1.2",
    "hydra-submitit-launcher>=1.2",
    "pandas>=2.2",
    "tensorboardX>=2.6",
    TORCH,
    "wandb>=0.18",
]
TEST = [
    *DASH,
    *DOCS,
    *EXAMPLES,
    *SLURM,
    *VIDEO,
    "hydra-joblib-launcher>=1.2",
    "axe-playwright-python>=0.1.4",
    "build>=1.2",
    "duckdb>=1.1",
    "hydra-optuna-sweeper>=1.3",
    "hypothesis>=6.100",
    "import-linter>=2.15,<3",
    "lightning>=2.4",
    "matplotlib>=3.10.9",
    "mypy>=1.14",
    "pandas>=2.2",
    "playwright>=1.49",
    "pytest>=8.4",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.9",
    "setuptools>=80",
    "stable-baselines3>=2.3",
    TORCH,
    "types-psutil",
    "types-PyYAML",
    "wheel",
]

setup(
    name="hydra-exptools",
    version="0.2.0",
    description="Launch, log and compare machine-learning experiments with Hydra",
    long_description=README,
    long_description_content_type="text/markdown",
    license="MIT",
    url=HOME,
    project_urls={"Changelog": f"{HOME}/blob/main/CHANGELOG.md", "Issues": f"{HOME}/issues"},
    python_requires=">=3.10",
    packages=find_packages(include=["exptools", "exptools.*"])
    + find_namespace_packages(include=["hydra_plugins.*"]),
    # With a plain PEP 660 editable install setuptools maps packages through an import hook that
    # Hydra 1.3's plugin scan cannot walk; naming the root directory makes it add a path instead.
    package_dir={"": "."},
    package_data={"exptools": ["py.typed", "viewing/app/assets/*", "viewing/app/vendored/*"]},
    install_requires=[
        "hydra-core>=1.3,<1.5",
        "omegaconf>=2.3",
        "cloudpickle>=3.0",
        "numpy>=1.24",
        "nvidia-ml-py>=12.535.108",
        "pillow>=10.1",
        "psutil>=5.9",
        "rich>=13.0",
        "tblib>=3.0",
        "threadpoolctl>=3.5",
        "tensorboard>=2.14",
        "google-crc32c>=1.5",
        "orjson>=3.10",
    ],
    extras_require={
        "dash": DASH,
        "slurm": SLURM,
        "video": VIDEO,
        "docs": DOCS,
        "examples": EXAMPLES,
        "bench": BENCH,
        "test": TEST,
    },
    entry_points={
        "console_scripts": [
            "exptools=exptools.viewing.cli.main:main",
            "exptools-dash=exptools.viewing.cli.dash:main",
        ],
        # Hydra 1.4 finds plugins here; 1.3 scans the namespace package hydra_plugins.
        "hydra.plugins": [
            "exptools=hydra_plugins.exptools_launcher.launcher:ExptoolsLauncher",
            "exptools_slurm=hydra_plugins.exptools_launcher.launcher:ExptoolsSlurmLauncher",
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3 :: Only",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
