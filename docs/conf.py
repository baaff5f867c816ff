"""How the documentation is built: ``python -m sphinx -W -b html docs docs/_build``, without any network."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]  # this checkout is documented, installed or not

import fastcl  # noqa: E402 -- found through the line above

project = "fastcl"
author = "The fastcl developers"
copyright = "The fastcl developers, Apache-2.0"
release = version = fastcl.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "mathml"]
exclude_patterns = ["_build", "*-table.md"]
default_role = "py:obj"
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more: shapes and ranges
numpydoc_show_class_members = False

templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_sidebars = {page.stem: [] for page in HERE.glob("*.md") if page.stem != "api"}
html_title = "fastcl"
html_static_path = ["_static"]
html_css_files = ["fastcl.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "fastcl"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "show_toc_level": 2,
}
