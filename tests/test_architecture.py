"""The privacy border is visible in the import graph; these tests read it.

Every check returns lines ``file:line: what is wrong``, so that a failure names the
offending import. Each rule is also shown to fail on a planted violation.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "fairveil"

# Longest prefix wins. A module imports lower levels, or its own folder and level.
LEVELS = {
    "errors": 0,
    "_check": 0,
    "_types": 0,
    "_files": 0,
    "_shield": 0,
    "_compiled": 0,
    "_log": 0,
    "_plot_style": 0,
    "_parameters": 1,
    "schema": 1,
    "_column": 1,
    "_objects": 1,
    "_temporal": 1,
    "_iso": 1,
    "_fakes": 1,
    "_personal": 1,
    "_keys": 2,
    "_sdv": 1,  # the metadata of another library; columns only
    "_infer": 1,
    "_gaps": 1,
    "config": 1,
    "_config_release": 1,
    "seeds": 1,
    "privacy": 2,
    "bins": 2,
    "_trim": 2,
    "_sizing": 2,
    "codec": 2,
    "_asked": 2,
    "_constraints": 1,
    "constraints": 1,
    "_enforce": 2,
    "_where": 2,
    "_groups": 2,
    "marginals": 2,
    "_cliques": 2,
    "tables": 2,
    "datasets": 2,  # public tables; knows errors and schema only
    "nn": 3,
    "nn.layers": 2,
    "nn.blocks": 2,
    "private": 4,
    "post": 5,
    "artifact": 6,  # writes what post made
    "_artifact_checks": 6,
    "_artifact_parts": 6,
    "_artifact_versions": 6,
    "_checkpoint": 6,
    "_artifact_zip": 2,  # a container, which knows nothing of models
    "evaluate": 5,
    "chain": 6,
    "_rounds": 6,
    "_wishes": 6,
    "_promise": 6,
    "_release": 6,
    "_rows": 6,
    "_partial": 6,
    "_spending": 6,
    "synthesizer": 6,
    "hosts": 7,  # fits that several processes make together
    "frontier": 6,
    "_frontier_candidate": 6,
    "_frontier_measure": 6,
    "_frontier_plot": 6,
    "_frontier_result": 6,
    "_frontier_search": 6,
    "_frontier_settings": 6,
    "publish": 5,  # what may be published: never sees a real row
    "certificate": 6,
    "demo": 6,
    "report": 7,
    "": 6,  # the package's own __init__: names that load late
    "planning": 6,
    "audit": 7,
    "bench": 7,
    "studio": 7,
    "studio.work": 8,  # the child that wires fits, reports and certificates
    "cli": 8,
    "_cli_use": 7,
    "_cli_plan": 7,
    "_cli_schema": 7,
    "_cli_privacy": 7,
    "_console": 7,
    "_cli_names": 7,
    "_stages": 6,
    "_cli_ledger": 7,
    "_cli_certify": 7,
    "_cli_export": 8,
    "_cli_audit": 8,
    "_cli_refine": 8,
    "_cli_report": 8,
    "_cli_resume": 8,
    "_cli_frontier": 8,
    "_cli_bench": 8,
    "_cli_studio": 8,
    "__main__": 8,
}
TENSORS = ("jax", "jaxlib", "optax", "equinox", "flax", "torch", "tensorflow")
TENSOR_HOMES = ("nn", "private", "post")
PEERS = "bench.peers"  # its scripts run elsewhere: see standalone_scripts
# what the certificate may know: declared facts, statements, and what it is handed
PUBLISH_KNOWS = ("publish", "privacy", "schema", "errors", "_check", "_files", "_types")
NOISE_HOMES = ("privacy", "private", "chain", "_rounds", "synthesizer", "audit")
NO_OTHER_RANDOM = ("privacy", "private", "chain")
OTHER_RANDOM = ("numpy.random", "random", "scipy.stats")
ROW_HOMES = ("private", "evaluate", "codec")
FORBIDDEN = (("post", "private"), ("evaluate", "private"), ("nn", "private"))
MOST_FILE, MOST_FUNCTION = 400, 60


@dataclasses.dataclass(frozen=True)
class Import:
    """One import of one module."""

    path: Path
    line: int
    source: str  # module inside the package: "nn.vae"
    target: str  # inside the package, or a foreign module
    own: bool  # the target is in the package

    def __str__(self) -> str:
        name = f"fairveil.{self.target}" if self.own else self.target
        return f"{self.path}:{self.line}: fairveil.{self.source} imports {name}"


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts)] = path
    return found


@functools.cache
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Parsed once, as every rule asks for the same files; no rule changes a node."""
    return tuple(ast.walk(ast.parse(text)))


def tree(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file as it stands now."""
    return nodes(path.read_text(encoding="utf-8"))


def typing_only(module: tuple[ast.AST, ...]) -> set[int]:
    """Lines inside ``if TYPE_CHECKING``: nothing is imported there at run time."""
    lines: set[int] = set()
    for node in module:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            lines |= {
                child.lineno for child in ast.walk(node) if hasattr(child, "lineno")
            }
    return lines


def imports(root: Path) -> Iterator[Import]:
    known = modules(root)
    for source, path in known.items():
        module = tree(path)
        late = typing_only(module)
        for node in module:
            if getattr(node, "lineno", 0) in late:
                continue
            for name in _names(node, source, path, known):
                own = name == "fairveil" or name.startswith("fairveil.")
                target = name.removeprefix("fairveil").lstrip(".") if own else name
                yield Import(path, node.lineno, source, target, own)


def _names(node: ast.AST, source: str, path: Path, known: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        here = source.split(".") if source else []
        here = here if path.stem == "__init__" else here[:-1]
        here = here[: len(here) - node.level + 1]
        base = ".".join(["fairveil", *here, *([base] if base else [])])
    out = []
    for alias in node.names:
        inner = f"{base}.{alias.name}".removeprefix("fairveil").lstrip(".")
        own = base == "fairveil" or base.startswith("fairveil.")
        out.append(f"{base}.{alias.name}" if not own or inner in known else base)
    return out


def belongs(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def level(module: str) -> int | None:
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in LEVELS:
            return LEVELS[".".join(parts[:end])]
    return None


def folder(module: str, known: dict[str, Path]) -> str:
    path = known[module]
    return module if path.stem == "__init__" else module.rpartition(".")[0]


def upward_imports(root: Path) -> list[str]:
    out = [
        f"{p}:1: fairveil.{m} has no level"
        for m, p in modules(root).items()
        if level(m) is None
    ]
    known = modules(root)
    for found in imports(root):
        if not found.own:
            continue
        if found.target not in known:
            out.append(f"{found}, which does not exist")
            continue
        mine, theirs = level(found.source), level(found.target)
        same = folder(found.source, known) == folder(found.target, known)
        if mine is None or theirs is None or theirs < mine:
            continue
        if theirs > mine or not same:
            out.append(f"{found}: level {theirs} from level {mine}")
    return out


def cycles(root: Path) -> list[str]:
    graph: dict[str, dict[str, Import]] = {module: {} for module in modules(root)}
    for found in imports(root):
        if found.own and found.target != found.source:
            graph[found.source][found.target] = found
    out: list[str] = []
    for start, first in graph.items():
        reached, edge = set(), list(first.values())
        while edge:
            found = edge.pop()
            if found.target == start:
                out.append(f"{found}: a circle")
            elif found.target not in reached:
                reached.add(found.target)
                edge.extend(graph.get(found.target, {}).values())
    return out


def forbidden_imports(root: Path) -> list[str]:
    return [
        str(found)
        for found in imports(root)
        for source, target in FORBIDDEN
        if found.own
        and belongs(found.source, (source,))
        and belongs(found.target, (target,))
    ] + [
        str(found)
        for found in imports(root)
        if found.own
        and belongs(found.source, ("nn",))
        and not belongs(found.target, ("nn", "_types", "errors", "_check"))
    ]


def publish_imports(root: Path) -> list[str]:
    """Whatever could reach a real row, or the noise, from what is published."""
    return [
        str(found)
        for found in imports(root)
        if found.own
        and belongs(found.source, ("publish",))
        and not belongs(found.target, PUBLISH_KNOWS)
    ]


def tensor_imports(root: Path) -> list[str]:
    return [
        str(found)
        for found in imports(root)
        if not found.own
        and found.target.split(".")[0] in TENSORS
        and not belongs(found.source, TENSOR_HOMES)
        and not is_script(found.source)
    ]


def is_script(module: str) -> bool:
    """Whether it runs a peer's library, in the peer's own environment."""
    return belongs(module, (PEERS,)) and module.endswith("_adapter")


def standalone_scripts(root: Path) -> list[str]:
    """Peers' scripts that know fairveil, and modules of fairveil that know the peers.

    The scripts may import any library because fairveil never does: each is a process
    of its own, in an environment where fairveil is not installed.
    """
    return [
        str(found)
        for found in imports(root)
        if found.own
        and found.source != found.target
        and (belongs(found.source, (PEERS,)) or belongs(found.target, (PEERS,)))
    ]


def noise_imports(root: Path) -> list[str]:
    return [
        str(found)
        for found in imports(root)
        if found.own
        and belongs(found.target, ("privacy.noise", "privacy._discrete"))
        and not belongs(found.source, NOISE_HOMES)
    ]


def other_randomness(root: Path) -> list[str]:
    """NumPy's or Python's generators in the files that must not use them."""
    out = [
        str(found)
        for found in imports(root)
        if not found.own
        and belongs(found.target, OTHER_RANDOM)
        and belongs(found.source, NO_OTHER_RANDOM)
    ]
    for module, path in modules(root).items():
        if not belongs(module, NO_OTHER_RANDOM):
            continue
        out += [
            f"{path}:{node.lineno}: {ast.unparse(node)}"
            for node in tree(path)
            if isinstance(node, ast.Attribute)
            and ast.unparse(node) in ("np.random", "numpy.random")
        ]
    return out


def row_access(root: Path) -> list[str]:
    """Calls that open, change or encode real rows outside their homes."""
    out = []
    for module, path in modules(root).items():
        for node in tree(path):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            opens = node.attr in ("unwrap", "unwrap_units")
            if opens and not belongs(module, ("private",)):
                out.append(f"{path}:{node.lineno}: {node.attr} of {owner}")
            rows = owner == "rows" or owner.endswith(".rows")
            if node.attr == "map" and rows and not belongs(module, ("private",)):
                out.append(f"{path}:{node.lineno}: {owner}.map computes from rows")
            hidden = node.attr in ("_codes", "_units") and not owner.startswith("self")
            if hidden and module != "private.view":
                out.append(f"{path}:{node.lineno}: {owner}.{node.attr}")
            if (
                node.attr == "encode"
                and owner.endswith("codec")
                and not belongs(module, ROW_HOMES)
            ):
                out.append(f"{path}:{node.lineno}: {owner}.encode")
    return out


def raw_access(root: Path) -> list[str]:
    """Uses of what ``private.raw.RawRows`` would tell, outside its home."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)} reads raw rows"
        for module, path in modules(root).items()
        if not belongs(module, ("private",))
        for node in tree(path)
        if isinstance(node, ast.Attribute)
        and node.attr in ("cells", "count", "encoded")
        and ast.unparse(node.value).split(".")[-1] == "rows"
    ]


def too_long(root: Path) -> list[str]:
    out = []
    for module, path in modules(root).items():
        length = len(path.read_text(encoding="utf-8").splitlines())
        if length > MOST_FILE:
            out.append(f"{path}:1: {length} lines")
        if belongs(module, ("nn",)):
            continue
        for node in tree(path):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = _code_lines(node)
                if lines > MOST_FUNCTION:
                    out.append(f"{path}:{node.lineno}: {node.name} has {lines} lines")
    return out


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    start = node.body[0].lineno
    if ast.get_docstring(node) is not None:
        start = (node.body[0].end_lineno or start) + 1
    return (node.end_lineno or start) - start + 1


def output_calls(root: Path) -> list[str]:
    """Printing or logging on the way from the rows to the release."""
    homes = ("privacy", "private", "chain", "codec", "bins", "marginals", "post", "nn")
    out = []
    for module, path in modules(root).items():
        if not belongs(module, homes):
            continue
        out += [
            f"{path}:{node.lineno}: {ast.unparse(node.func)}"
            for node in tree(path)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("print", "jax.debug.print", "warnings.warn")
        ]
    return out + [
        str(found)
        for found in imports(root)
        if found.target in ("logging", "warnings") and belongs(found.source, homes)
    ]


RULES = {
    rule.__name__: rule
    for rule in (
        upward_imports,
        cycles,
        forbidden_imports,
        publish_imports,
        tensor_imports,
        standalone_scripts,
        noise_imports,
        other_randomness,
        row_access,
        raw_access,
        too_long,
        output_calls,
    )
}


@pytest.mark.parametrize("name", RULES)
def test_the_tree_keeps_the_rule(name: str) -> None:
    found = RULES[name](ROOT)
    assert not found, "\n".join(["", *found])


def test_the_walk_sees_the_whole_tree() -> None:
    seen = {(found.source, found.target) for found in imports(ROOT)}
    assert ("private.step", "private.view") in seen
    assert ("private.fit_vae", "nn.vae") in seen  # from a package, a module
    assert ("private.fit_vae", "jax.numpy") in seen or (
        "private.fit_vae",
        "jax",
    ) in seen
    assert len(modules(ROOT)) > 30


PLANTED = {
    "post sees private": (
        "post/leak.py",
        "from fairveil.private.view import Sensitive\n",
        "forbidden_imports",
    ),
    "evaluate sees private": (
        "evaluate/leak.py",
        "\n\nfrom fairveil.private import view\n",
        "forbidden_imports",
    ),
    "nn sees config": ("nn/leak.py", "import fairveil.config\n", "forbidden_imports"),
    "nn sees the ledger": (
        "nn/leak.py",
        "from fairveil.privacy.ledger import Ledger\n",
        "forbidden_imports",
    ),
    "the certificate sees private": (
        "publish/leak.py",
        "from fairveil.private.view import Sensitive\n",
        "publish_imports",
    ),
    "the certificate evaluates": (
        "publish/leak.py",
        "def f():\n    from fairveil import evaluate\n",
        "publish_imports",
    ),
    "the certificate reads tables": (
        "publish/leak.py",
        "from fairveil.tables.files import read_table\n",
        "publish_imports",
    ),
    "relative upward": (
        "private/leak.py",
        "from ..chain import measure_table\n",
        "upward_imports",
    ),
    "inside a function": (
        "codec.py",
        "def f():\n    from fairveil.synthesizer import FairVeil\n",
        "upward_imports",
    ),
    "a stranger": ("stranger.py", "", "upward_imports"),
    "sideways": (
        "tables/leak.py",
        "from fairveil.codec import Codec\n",
        "upward_imports",
    ),
    "a circle": ("private/view.py", "from fairveil.private import step\n", "cycles"),
    "jax in the codec": ("codec.py", "import jax.numpy as jnp\n", "tensor_imports"),
    "torch anywhere else": ("privacy/zcdp.py", "import torch\n", "tensor_imports"),
    "torch beside the peers' scripts": (
        "bench/peers/leak.py",
        "import torch\n",
        "tensor_imports",
    ),
    "a peer's script sees fairveil": (
        "bench/peers/leak_adapter.py",
        "from fairveil.schema import Schema\n",
        "standalone_scripts",
    ),
    "fairveil sees a peer's script": (
        "bench/leak.py",
        "from fairveil.bench.peers import dpmm_adapter\n",
        "standalone_scripts",
    ),
    "noise behind the border": (
        "post/leak.py",
        "from fairveil.privacy.noise import NoiseSource\n",
        "noise_imports",
    ),
    "numpy noise": (
        "private/view.py",
        "import numpy as np\nx = np.random.default_rng(0).normal()\n",
        "other_randomness",
    ),
    "numpy generator by name": (
        "privacy/zcdp.py",
        "from numpy.random import default_rng\n",
        "other_randomness",
    ),
    "python's random": ("private/view.py", "import random\n", "other_randomness"),
    "rows opened outside": (
        "chain.py",
        "def f(rows):\n    return rows.unwrap()\n",
        "row_access",
    ),
    "rows behind the wrapper": (
        "private/step.py",
        "from fairveil.private import view\ndef f(r):\n    return r._codes\n",
        "row_access",
    ),
    "units opened outside": (
        "chain.py",
        "def f(rows):\n    return rows.unwrap_units()\n",
        "row_access",
    ),
    "raw rows counted outside": (
        "chain.py",
        "def f(gate):\n    return gate.rows.count()\n",
        "raw_access",
    ),
    "rows mapped outside": (
        "chain.py",
        "def f(border):\n    return border.rows.map(print, ())\n",
        "row_access",
    ),
    "table encoded outside": (
        "chain.py",
        "def f(codec, table):\n    return codec.encode(table)\n",
        "row_access",
    ),
    "a long file": ("codec.py", "x = 1\n" * 401, "too_long"),
    "a long function": ("codec.py", "def f():\n" + "    x = 1\n" * 61, "too_long"),
    "a print": ("private/view.py", "def f(n):\n    print(n)\n", "output_calls"),
    "a log": ("private/view.py", "import logging\n", "output_calls"),
}


def small_tree(root: Path) -> Path:
    clean = {
        "__init__.py": "",
        "errors.py": "",
        "config.py": "",
        "codec.py": "",
        "privacy/__init__.py": "",
        "privacy/noise.py": "",
        "privacy/ledger.py": "",
        "privacy/zcdp.py": "",
        "tables/__init__.py": "",
        "nn/__init__.py": "",
        "nn/vae.py": "import jax\n",
        "private/__init__.py": "",
        "private/view.py": "from fairveil.privacy.noise import NoiseSource\n",
        "private/step.py": "from fairveil.private import view\n",
        "post/__init__.py": "",
        "evaluate/__init__.py": "",
        "publish/__init__.py": "",
        "tables/files.py": "",
        "chain.py": "from fairveil.private.step import x\n",
        "synthesizer.py": "from fairveil import chain\n",
        "bench/__init__.py": "",
        "bench/peers/__init__.py": "",
        "bench/peers/dpmm_adapter.py": "import torch\n",
    }
    for name, text in clean.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_clean_small_tree_passes(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "fairveil")
    assert [line for rule in RULES.values() for line in rule(root)] == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str, tmp_path: Path) -> None:
    file, text, rule = PLANTED[name]
    root = small_tree(tmp_path / "fairveil")
    (root / file).write_text(text, encoding="utf-8")
    found = RULES[rule](root)
    assert any(f"{root / file}:" in line for line in found), found


def test_a_failure_names_file_line_and_import(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "fairveil")
    (root / "post/leak.py").write_text("\nfrom fairveil.private import view\n")
    (line,) = forbidden_imports(root)
    assert line.endswith(
        "post/leak.py:2: fairveil.post.leak imports fairveil.private.view"
    )


def test_imports_for_types_alone_are_not_counted(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "fairveil")
    (root / "errors.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import fairveil.chain\n"
    )
    assert upward_imports(root) == []
