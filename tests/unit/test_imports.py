"""No module of the package imports itself in a circle: not at the top, not in functions, not for types alone."""

from __future__ import annotations

import ast
from pathlib import Path

import sandbox

_ROOT = Path(sandbox.__file__).parent


def _modules(root: Path) -> dict[str, Path]:
    found = {}
    for file in root.rglob("*.py"):
        parts = file.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def _imported(file: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that a file names in any import statement."""
    named = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            named |= inner & modules.keys() if inner <= modules.keys() else {node.module, *inner}
    return named & modules.keys()


def circular(root: Path) -> set[str]:
    """The modules that are in a circle of imports, or between two: what is left when ends are taken off."""
    modules = _modules(root)
    imports = {name: _imported(file, modules) - {name} for name, file in modules.items()}
    while True:
        importers = set().union(*imports.values())
        ends = {name for name, used in imports.items() if not used or name not in importers}
        if not ends:
            return set(imports)
        imports = {name: used - ends for name, used in imports.items() if name not in ends}


def test_there_is_no_circle_of_imports() -> None:
    assert circular(_ROOT) == set()


def test_a_circle_is_found_wherever_it_hides(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("from pack.a import A\n")
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.b import B\n"
    )
    (package / "b.py").write_text("def late():\n    from pack import c\n")
    (package / "c.py").write_text("import pack.a\n")
    (package / "d.py").write_text("from pack import a\n")
    assert circular(package) == {"pack.a", "pack.b", "pack.c"}


def test_no_class_name_is_defined_twice() -> None:
    """One name, one meaning: whoever reads a class's name knows which is meant."""
    places: dict[str, list[str]] = {}
    for module, file in _modules(_ROOT).items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
