"""Which module may import which: the table in docs/architecture.md. How long a function may be."""

import ast
import re

import pytest
from helpers import REPO

GCOV = REPO / "scripts" / "gcov"
LONGEST = 60  # lines of a function: what a reader sees at once
ROW = re.compile(r"^\| `scripts/(gcov[\w/]*)` \| [^|]+ \|(.*)\|$", re.MULTILINE)
ALLOWED = {
    room.replace("/", "."): {room.replace("/", "."), *re.findall(r"`([\w.]+)`", allowed)}
    for room, allowed in ROW.findall((REPO / "docs" / "architecture.md").read_text())
}


def room_of(module: str) -> str:
    """The room of a module: gcov, or a folder in it."""
    return max((room for room in ALLOWED if module == room or module.startswith(f"{room}.")), key=len)


def imported(path):
    """Every module that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_what_the_table_allows(room):
    folder = REPO / "scripts" / room.replace(".", "/")
    files = sorted(set(folder.glob("*.py")) - {GCOV / "store.py"})  # the public name of `open_store`
    assert len(files) > 1
    for path in files:
        used = set(imported(path))
        assert not [name for name in used if name.split(".")[0] == "snakemake"], path
        assert {room_of(name) for name in used if name.split(".")[0] == "gcov"} <= ALLOWED[room], path


@pytest.mark.parametrize("path", sorted(GCOV.rglob("*.py")), ids=lambda path: str(path.relative_to(GCOV)))
def test_a_module_that_uses_the_rio_accessor_imports_it(path):
    """Otherwise it works only in jobs in which another module has done so."""
    uses = any(isinstance(node, ast.Attribute) and node.attr == "rio" for node in ast.walk(ast.parse(path.read_text())))
    assert not uses or "rioxarray" in set(imported(path))


def test_every_folder_is_in_the_table():
    assert {f"gcov.{path.parent.name}" for path in GCOV.glob("*/__init__.py")} | {"gcov"} == set(ALLOWED)


def test_scripts_do_not_write_granules():
    for path in (REPO / "scripts").glob("*.py"):
        assert not [name for name in imported(path) if name.startswith("gcov.testing")], path


def test_functions_are_short():
    lengths = {
        f"{path.relative_to(REPO)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in (REPO / "scripts").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 500 and not {name: lines for name, lines in lengths.items() if lines > LONGEST}
