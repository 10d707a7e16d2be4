"""Whether what a config names outside of itself is there: modules, classes, functions, programs.

A name that is misspelled is found when the config is checked, not when the market opens. Nothing of the user's is
executed for it: a module is looked for as the child process will look for it, and read.
"""

import ast
import importlib
import os
import pkgutil
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path as FilePath

from orchestrator.config.errors import Finding, Path, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig
from orchestrator.config.references import FromReference, Surroundings, Unresolvable, resolve

__all__ = ["Missing", "find_module", "job_targets", "missing_targets", "source_of"]

TARGETS: tuple[Path, ...] = (("strategy", "name"), ("engine", "target"), ("broker", "broker_type"))
CLASSES: tuple[Path, ...] = (("strategy", "name"),)
"""Where a function that makes one will not do."""
ANYTHING = frozenset({"globals", "vars", "exec", "eval", "setattr"})
"""A module that calls one of these may have names that its text does not show."""
OWN_MODULES = ("__path__", "sys.modules")
"""A package whose text has one of these may have modules that its folder does not show."""


def missing_targets(config: TradingConfig, base_dir: FilePath) -> list[Finding]:
    """The import strings of strategy, engine and broker that lead nowhere."""
    importlib.invalidate_caches()
    texts = ((path, getattr(getattr(config, path[0]), path[1])) for path in map(_pair, TARGETS))
    found = (_import_finding(path, text, base_dir) for path, text in texts if ":" in text)
    return [finding for finding in found if finding is not None]


def job_targets(config: TradingConfig, base_dir: FilePath) -> list[Finding]:
    """The functions and programs that jobs name and that are not there. Jobs that are switched off are not asked."""
    importlib.invalidate_caches()
    found: list[Finding | None] = []
    for name, job in config.schedule.jobs.items():
        if isinstance(job, Mapping) and job.get("enabled") is not False:
            path: Path = ("schedule", "jobs", name)
            if isinstance(target := job.get("run"), str):
                found.append(_import_finding((*path, "run"), target, base_dir))
            if isinstance(command := job.get("command"), list | tuple) and command and isinstance(command[0], str):
                found.append(_program_finding((*path, "command", 0), command[0], base_dir))
    return [finding for finding in found if finding is not None]


def _pair(path: Path) -> tuple[str, str]:
    section, name = path
    return str(section), str(name)


# ------------------------------------------------------------------------------------------------------------- modules


class Missing(Exception):
    """Something is not there; `remedy` says what was probably meant."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message, self.remedy = message, remedy
        super().__init__(message)


def _import_finding(path: Path, text: str, base_dir: FilePath) -> Finding | None:
    """What is wrong with an import string; None if it leads somewhere, or that can't be told without running code."""
    module, _, name = text.partition(":")
    try:
        _look_for(module, name, base_dir, a_class=path in CLASSES)
    except Missing as missing:
        if isinstance(text, FromReference):  # what it stands for is not told
            return Finding(path, text.shown, f"{shown(text)} leads nowhere in {base_dir} or in what is installed")
        return Finding(path, text, missing.message, missing.remedy)
    return None


def _look_for(module: str, name: str, base_dir: FilePath, *, a_class: bool) -> None:
    """Find a name in a module; raises Missing."""
    spec = find_module(module, base_dir)
    source = None if spec is None else source_of(spec, base_dir)
    if spec is None or source is None:
        return
    file = _place(spec, base_dir)
    contents = names_in(source, file)
    if a_class and name in contents.functions:
        raise Missing(f"{shown(name)} in {file} is a function, not a class", "write the name of a class")
    if contents.complete and name not in contents.names:
        raise _no_such_name(name, contents, file, hidden=base_dir / f"{module}.py")


def _no_such_name(name: str, contents: "Contents", file: str, hidden: FilePath) -> Missing:
    """What to say of a module without the name.

    :param hidden: the file that was perhaps meant, but that is found after the other.
    """
    if hidden.exists() and file != hidden.name:
        return Missing(f"{file} has no {shown(name)}, and is found before {hidden}", "give that file another name")
    close = nearest(name, contents.names)
    return Missing(f"{file} has no {shown(name)}", f"write {close}" if close else "")


def find_module(name: str, base_dir: FilePath) -> ModuleSpec | None:
    """The place of a module as a child process of the daemon finds it, without importing anything.

    None if that can't be told, because the package of it makes its modules itself.

    :raises Missing: there is no such module.
    """
    top, *inner = name.split(".")
    path = [*(folder for folder in sys.path if folder), str(base_dir)]  # the user's own come last there, too
    spec = _top_level(top, path)
    if spec is None:
        close = nearest(top, _modules_in([str(base_dir)]))
        remedy = f"write {'.'.join([close, *inner])}" if close else ""
        raise Missing(f"there is no module {shown(top)} in {base_dir} or installed", remedy)
    for depth, part in enumerate(inner):
        path = _folders(spec, path)
        found = _submodule(spec, ".".join([top, *inner[:depth]]), part, path, base_dir)
        if found is None:
            return None
        spec = found
    return spec


def _top_level(name: str, path: list[str]) -> ModuleSpec | None:
    """By every finder that Python has, so that editable installs are found, too."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path if finder is PathFinder else None)
        if spec is not None:
            return spec
    return None


def _submodule(package: ModuleSpec, name: str, part: str, folders: list[str], base_dir: FilePath) -> ModuleSpec | None:
    """A module in a package of this name, which has these folders."""
    if not folders:
        raise Missing(f"{_place(package, base_dir)} is a module, not a package that could hold {shown(part)}")
    # By its last name alone: by its whole name, a folder without __init__.py would ask for its imported parent.
    spec = PathFinder.find_spec(part, folders)
    if spec is not None or any(word in (source_of(package, base_dir) or "") for word in OWN_MODULES):
        return spec
    close = nearest(part, _modules_in(folders))
    message = f"there is no module {shown(f'{name}.{part}')} in {', '.join(folders)}"
    raise Missing(message, f"write {name}.{close}" if close else "")


def _folders(package: ModuleSpec, path: list[str]) -> list[str]:
    """Where the modules of a package are; a folder without ``__init__.py`` may be in several places of a path."""
    if package.submodule_search_locations is None:
        return []
    if package.origin is None:
        folders = [os.path.join(folder, package.name) for folder in path]
        return [folder for folder in folders if os.path.isdir(folder)]
    return list(package.submodule_search_locations)


def _modules_in(folders: Iterable[str]) -> list[str]:
    return [each.name for each in pkgutil.iter_modules(list(folders))]


def _place(spec: ModuleSpec, base_dir: FilePath) -> str:
    """The file of a module, as its user knows it."""
    origin = FilePath(spec.origin or spec.name)
    return str(origin.relative_to(base_dir) if origin.is_relative_to(base_dir) else origin)


def source_of(spec: ModuleSpec, base_dir: FilePath) -> str | None:
    """The text of a module; None if it has none that says everything, as with C.

    :raises Missing: it can't be read.
    """
    read = getattr(spec.loader, "get_source", None)
    try:
        return None if read is None else read(spec.name)
    except (ImportError, SyntaxError, ValueError) as error:
        raise Missing(f"{_place(spec, base_dir)} can't be read: {error}") from error


# --------------------------------------------------------------------------------------------------------------- names


@dataclass
class Contents(ast.NodeVisitor):
    """The names that a module has once it is imported. Bodies of functions and classes are not looked into.

    :ivar functions: those of `names` that are functions and nothing else.
    :ivar complete: False if there may be more.
    """

    names: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    complete: bool = True

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name not in self.names and not node.decorator_list:
            self.functions.add(node.name)
        self.names.add(node.name)
        self.complete &= node.name != "__getattr__"
        for inner in ast.walk(node):
            self.names.update(inner.names if isinstance(inner, ast.Global) else ())

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._bind(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name)

    def visit_Call(self, node: ast.Call) -> None:
        self.complete &= not (isinstance(node.func, ast.Name) and node.func.id in ANYTHING)
        self.generic_visit(node)

    def _bind(self, name: str | None) -> None:
        if name == "*":
            self.complete = False
        elif name is not None:
            self.names.add(name)
            self.functions.discard(name)


@lru_cache(maxsize=8)  # many jobs may name functions of one module
def names_in(source: str, file: str) -> Contents:
    """The names that a module's text gives it; raises Missing if it is not Python."""
    contents = Contents()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes; whoever imports it is told
            contents.visit(ast.parse(source))
    except SyntaxError as error:
        raise Missing(f"{file} is not valid Python: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Missing(f"{file} is not valid Python: {error}") from error
    return contents


# ------------------------------------------------------------------------------------------------------------ programs


def _program_finding(path: Path, word: str, base_dir: FilePath) -> Finding | None:
    """What is wrong with the program of a command, which is started in `base_dir`."""
    try:
        program = resolve(word, Surroundings(base_dir))
    except Unresolvable:
        return None  # said where references are checked
    if os.path.dirname(program):
        return _file_finding(path, word, base_dir / program)
    folders = (os.path.join(base_dir, folder) for folder in _search_path())
    if shutil.which(program, path=os.pathsep.join(folders)) is not None:
        return None
    remedy = f"write ./{program}, or [python, {program}]" if os.path.isfile(base_dir / program) else ""
    return Finding(path, word, f"there is no program {shown(word)} on the PATH", remedy)


def _search_path() -> Iterator[str]:
    """The folders in which a job's program is looked for, its Python's first."""
    yield os.path.dirname(sys.executable)
    yield from os.environ.get("PATH", os.defpath).split(os.pathsep)


def _file_finding(path: Path, word: str, file: FilePath) -> Finding | None:
    if not os.path.exists(file):
        remedy = "write its whole path, as ~ is not read here" if word.startswith("~") else ""
        return Finding(path, word, f"there is no file {file}", remedy)
    if os.path.isdir(file):
        return Finding(path, word, f"{file} is a folder", "write a program")
    if not os.access(file, os.X_OK):
        return Finding(path, word, f"{file} is not executable", f"chmod +x {file}, or write the program that runs it")
    return None
