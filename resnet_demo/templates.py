"""HTML and Markdown from Jinja2 templates that lie beside the Python which fills them. Of HTML all
values are escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(name: str, /, **values: object) -> str:
    """name: below the package, as "ui/classify/opinion.html"."""
    return TEMPLATES.get_template(name).render(values)
