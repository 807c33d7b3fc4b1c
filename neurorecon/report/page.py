"""One HTML file to look at: trees in 3D, the stack with the trees over it, tables, charts.

The file holds all that it needs. Opened from a disk it asks no network, and a content security
policy in it forbids that it ever does.

The 3D view is drawn by three.js (MIT), bundled in `web/vendor`; `web/vendor/README.md` says how.
"""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from neurorecon import __version__
from neurorecon.report.charts import chart_svg
from neurorecon.report.content import Page
from neurorecon.report.encoding import data_url, page_data

_WEB = files("neurorecon.report") / "web"
# In the order in which the page runs them: each uses what those before it define.
_SCRIPTS = ("vendor/three.min.js", "data.js", "scene.js", "sections.js", "main.js")


def render_page(page: Page) -> str:
    """The page as the text of one HTML file.

    Any text in `page` may hold any characters: none of it can become markup or script, and what
    UTF-8 cannot hold (bytes in file names that are no text) is replaced.
    """
    environment = Environment(
        loader=DictLoader({"page": _text("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page").render(
        page=page,
        data=page_data(page),
        charts=[
            (chart.title, data_url("image/svg+xml", chart_svg(chart))) for chart in page.charts
        ],
        style=_text("style.css"),
        scripts=[_text(name) for name in _SCRIPTS],
        version=__version__,
    )
    return html.encode("utf-8", errors="replace").decode("utf-8")


def _text(name: str) -> str:
    return _WEB.joinpath(name).read_text(encoding="utf-8")
