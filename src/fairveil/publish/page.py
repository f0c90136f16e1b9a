"""Pages with one look: one HTML file each, which asks nothing of a network.

Public or confidential: whatever the caller hands in; a page is stamped accordingly.
Guarantees: every value is escaped; there is no script, and a content security policy
forbids whatever could be fetched; equal contents give equal pages.

jinja2 (the extra ``reports``) is imported when a page is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fairveil import _check
from fairveil.errors import UnsupportedError, problem

if TYPE_CHECKING:
    from jinja2 import Environment

# what a page may be stamped with; the style sheet repeats it on every printed page
STAMPS: Mapping[str, str] = {
    "synthetic": "SYNTHETIC",
    "not-private": "NOT PRIVATE",
    "confidential": "CONFIDENTIAL: computed from real rows",
}
_TEMPLATES = "templates"


def render(template: str, *, stamps: tuple[str, ...], **context: Any) -> str:
    """A page.

    Args:
        template: its file in ``templates``; it extends ``base.html``.
        stamps: keys of ``STAMPS``, the gravest first.
        context: whatever the template names. A text is escaped; an SVG of ``pictures``
            is given as ``picture(svg)``.

    Raises:
        UnsupportedError: jinja2 is not installed.
        ConfigError: an unknown stamp.
    """
    for stamp in stamps:
        _check.one_of(tuple(STAMPS), stamp=stamp)
    page = _environment().get_template(template)
    marks = [(stamp, STAMPS[stamp]) for stamp in stamps]
    text = page.render(stamps=marks, style=picture(_file("style.css")), **context)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def picture(markup: str) -> Any:
    """Markup that is not to be escaped: of ``pictures``, or a file of this folder."""
    _require()
    from markupsafe import Markup  # noqa: PLC0415  (comes with jinja2)

    return Markup(markup)  # noqa: S704  (made here, of escaped parts)


def number(value: Any, digits: int = 4) -> str:
    """A number for readers; texts such as ``inf`` in words, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return "infinite" if value == "inf" else value
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return "0"
    return f"{value:,.{digits}g}" if abs(value) < 1e15 else f"{value:.{digits}g}"  # noqa: PLR2004  (exact integers)


def percent(value: float | None, digits: int = 3) -> str:
    """A share in [0, 1] as per cent; None as a dash."""
    return "-" if value is None else f"{100.0 * value:.{digits}g}\u00a0%"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(_file)


def environment(
    load: Callable[[str], str], **filters: Callable[..., str]
) -> Environment:
    """Templates by name: all text escaped, no name left undefined.

    Args:
        load: the text of a template.
        filters: beside ``number`` and ``percent``.

    Raises:
        UnsupportedError: jinja2 is not installed.
    """
    _require()
    import jinja2  # noqa: PLC0415  (an extra)

    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(number=number, percent=percent, **filters)
    return found


def _require() -> None:
    if find_spec("jinja2") is None:
        raise UnsupportedError(
            problem(
                "pages need the package jinja2, which is not installed",
                try_="pip install 'fairveil[reports]', or a .json file",
            )
        )


def _file(name: str) -> str:
    place = resources.files("fairveil.publish") / _TEMPLATES / name
    return place.read_text(encoding="utf-8")
