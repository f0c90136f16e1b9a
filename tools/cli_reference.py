"""Write docs/reference/cli.md from the program itself: every command and option.

    python tools/cli_reference.py           # writes the page
    python tools/cli_reference.py --check   # exit code 1 where the page is out of date

Nothing is typed by hand there: the texts are those of ``fairveil COMMAND --help``.
"""  # noqa: INP001  (a script, not a package)

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from fairveil.cli import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

Made by `make cli-page` from the program itself; not typed by hand. Each command shows
the same with `--help`. Exit codes and files: [Operations](../operations.md#exit-codes).
`fairveil --version` shows the version; `fairveil --log-json FILE COMMAND` appends what
happens to a file, [without data](../operations.md#logs).
"""


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it, by name."""
    for name, command in sorted(group.commands.items()):
        words = f"{path} {name}"
        if getattr(command, "commands", None):
            yield from commands(command, words)
        elif not command.hidden:
            yield words, command


def page() -> str:
    """The whole page, as Markdown."""
    root = typer.main.get_command(app)
    parts = [section(words, command) for words, command in commands(root, "fairveil")]
    return "\n".join([HEAD, *parts])


def section(words: str, command: Any) -> str:
    """One command: what it does, an example, its arguments and options."""
    given = [p for p in command.params if not getattr(p, "hidden", False)]
    given = [p for p in given if p.name != "help"]
    usage = " ".join([words, *(shown(p) for p in given if positional(p))])
    needed = [p for p in given if p.required and not positional(p)]
    usage += "".join(f" {p.opts[0]} {metavar(p)}" for p in needed)
    usage += " [OPTIONS]" if len(needed) < sum(not positional(p) for p in given) else ""
    lines = [f"## {words}", "", prose(command.help or ""), ""]
    lines += ["```text", usage, "```", ""]
    if command.epilog:
        lines += ["Example:", "", "```text"]
        lines += [command.epilog.removeprefix("Example: ").strip(), "```", ""]
    if given:
        lines += ["| argument or option | meaning | default |", "|---|---|---|"]
        lines += [
            f"| {spelt(p)} | {cell(p.help or '')} | {default(p)} |" for p in given
        ]
        lines += [""]
    return "\n".join(lines)


def positional(param: Any) -> bool:
    """Whether it is given by its place."""
    return param.param_type_name == "argument"


def metavar(param: Any) -> str:
    """What stands for its value; empty for a flag."""
    if getattr(param, "is_flag", False):
        return ""
    if param.metavar:
        return param.metavar
    return param.name.upper() if positional(param) else kind(annotation(param))


def annotation(param: Any) -> Any:
    """The declared type of its value, without "or None" and "list of"."""
    found = param.type_descriptor.annotation
    while get_origin(found) not in (None, Literal):
        found = next(part for part in get_args(found) if part is not type(None))
    return found


def kind(declared: Any) -> str:
    """The kind of a value in one word, or the choices."""
    if get_origin(declared) is Literal:
        return "|".join(map(str, get_args(declared)))
    words = {"Path": "FILE", "str": "TEXT", "int": "INTEGER", "float": "NUMBER"}
    return words[declared.__name__]


def shown(param: Any) -> str:
    """A positional argument in a line of usage."""
    text = metavar(param)
    return text if param.required else f"[{text}]"


def spelt(param: Any) -> str:
    """All spellings, and what stands for the value."""
    if positional(param):
        return f"`{cell(metavar(param))}`"
    names = ", ".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    value = cell(metavar(param))
    return f"{names} `{value}`" if value else names


def default(param: Any) -> str:
    """The default, where there is one that tells something."""
    if param.required:
        return "required"
    value = param.default
    told = getattr(param, "show_default", True)
    if isinstance(told, str):
        return cell(told)
    if callable(value) or value is None or value is False or value in ((), [], ""):
        return ""
    return "" if told is False else f"`{cell(str(value))}`"


def prose(text: str) -> str:
    """Help text as paragraphs: single line ends are those of the source."""
    return "\n\n".join(
        " ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())
    ).replace("<", "&lt;")


def cell(text: str) -> str:
    """Text that a table can hold."""
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is what would be written."""
    text = page()
    if "--check" in arguments:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
