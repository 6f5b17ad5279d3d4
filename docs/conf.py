"""How the documentation is built: python -m sphinx -W docs site"""

from __future__ import annotations

from importlib import metadata

project = "exptools"
author = "the exptools authors"
version = release = metadata.version("hydra-exptools")

extensions = [
    "myst_parser",  # the pages are Markdown, as on GitHub
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # docstrings have Google's sections
    "sphinx.ext.viewcode",
]
exclude_patterns = ["images"]
html_theme = "furo"
html_title = f"exptools {release}"
html_static_path = ["images"]
html_show_copyright = False

myst_heading_anchors = 3  # what GitHub makes of headings, links go to
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
