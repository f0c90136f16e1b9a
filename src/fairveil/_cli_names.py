"""Errors in the words of the command line: ``--target sex``, not ``target="sex"``.

The library names its arguments in errors, and the options are named after them. Here a
message is said anew with the options of the command that failed; what it got from the
caller stays as it is, save that a range is written ``0..18``. Public things only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

# where a command's option has another name than the argument
OTHER: Mapping[str, str] = {
    "n": "number",
    "strength": "strengths",
    "mode": "modes",
    "table": "sdv_table",
}
# code in a hint, and the command that does the same
PHRASES: Mapping[str, str] = {
    "Schema.infer(df, declare_public=True)": "'fairveil schema TABLE --declare-public'",
}
# how the parser's reader calls what it cannot read
_MUST: Mapping[tuple[str, ...], str] = {
    ("float_parsing", "float_type"): "a number",
    ("int_parsing", "int_type", "int_from_float"): "a whole number",
}
_GOT, _TRY = "; got ", "; try "
_VALUE = r"True|False|None|-?[\d.]+|'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^{}]*\}"
_ASSIGNED = re.compile(rf"\b([a-z]\w*)=({_VALUE})")
_DICT = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_HEAD = re.compile(r"\A[a-z]\w*(?= (?:must|is|needs|names?|belongs?)\b)")
_PYTHON_ONLY = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b(?!\()")
_TUPLE = re.compile(r"\(low, high\)")


def said(text: str, command: Any) -> str:
    """An error's text with options in the place of arguments.

    Args:
        text: as ``errors.problem`` builds it.
        command: the parser's command that failed; None where none was chosen.
    """
    options = options_of(command)
    what, got, rest = text.partition(_GOT)
    value, try_, hint = rest.partition(_TRY)
    if not got:
        what, try_, hint = text.partition(_TRY)
    what = _HEAD.sub(lambda found: _named(found[0], options), what)
    return "".join(
        (_worded(what, options), got, _range(value), try_, _worded(hint, options))
    )


def refused(error: Exception, text: str) -> str:
    """What the parser says of a command line, with the word that it could not read.

    Args:
        error: the parser's; the reader's error behind it knows the word.
        text: its own text.
    """
    text = text.replace("Value error, ", "")
    reader = getattr(error.__cause__, "errors", None)
    told = reader()[0] if reader else {}
    must = next((m for kind, m in _MUST.items() if str(told.get("type")) in kind), None)
    if must is None:
        return text
    place = text.partition(": ")[0]
    return f"{place}: it must be {must}; got {str(told.get('input'))!r}"


def options_of(command: Any) -> dict[str, tuple[str, str]]:
    """By argument the option, and the one that says no."""
    found = {}
    for param in getattr(command, "params", ()):
        if any(option.startswith("--") for option in param.opts):
            yes = max(param.opts, key=len)
            found[param.name] = (yes, max(param.secondary_opts, key=len, default=""))
    return found


def _named(name: str, options: Mapping[str, tuple[str, str]]) -> str:
    """The option of an argument; the name itself where there is none."""
    return options.get(name, options.get(OTHER.get(name, ""), (name,)))[0]


def _worded(text: str, options: Mapping[str, tuple[str, str]]) -> str:
    for code, command in PHRASES.items():
        text = text.replace(code, command)
    text = _ASSIGNED.sub(lambda found: _assigned(found, options), text)
    text = _PYTHON_ONLY.sub(lambda found: _named(found[0], options), text)
    text = _DICT.sub(lambda found: _shown(_literal(found[0])), text)
    return _TUPLE.sub("LOW..HIGH", text)


def _assigned(found: re.Match[str], options: Mapping[str, tuple[str, str]]) -> str:
    """``name=value`` as an option with its value."""
    option, value = _named(found[1], options), _literal(found[2])
    if option == found[1]:
        return found[0]
    if value is True:
        return option
    if value is False and options[found[1]][1]:
        return options[found[1]][1]
    shown = _shown(value)
    return f"{option} {shown}" if shown.isprintable() else found[0]


def _literal(code: str) -> Any:
    """The value of a literal; the text itself where it is none."""
    try:
        return ast.literal_eval(code)
    except (ValueError, SyntaxError):
        return code


def _shown(value: Any) -> str:
    """A value as the command line takes it: ``a,b``, ``0..18``, ``sex:Female=.5``."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "..".join("" if end is None else str(end) for end in value)
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    if isinstance(value, Mapping):
        parts = (
            f"{name}:{_shown(one)}"
            if isinstance(one, Mapping)
            else f"{_shown(name)}={_shown(one)}"
            for name, one in value.items()
        )
        return ",".join(parts)
    return str(value)


def _range(got: str) -> str:
    """A pair that was got, as it was typed; all else as it is."""
    value = _literal(got.removesuffix(".")) if got.startswith("(") else None
    if not isinstance(value, tuple) or len(value) != len(("low", "high")):
        return got
    return _shown(value) + ("." if got.endswith(".") else "")
