"""What the constructor of a class takes, read from the text of its module: nothing of the user's is executed."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.targets import Missing, find_module, source_of

__all__ = ["Signature", "signature_of"]

MOST_STEPS = 20
"""From a class to the one that it is derived from, or from a name to the module that it is imported from."""
MAKERS = frozenset({"__init__", "__new__", "__init_subclass__"})


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters that can be given by name.

    :param required: those of `names` that have no default.
    """

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    is_package: bool
    tree: ast.Module


def signature_of(module: str, name: str, base_dir: Path) -> Signature | None:
    """What a class takes; None if its text does not tell: it may take anything, or be made over by a decorator.

    :param base_dir: the user's modules are looked for there, and among what is installed.
    """
    own: Signature | None = None
    for _ in range(MOST_STEPS):  # up to the last base, as each of them may have a say in how the class is made
        read = _read(module, base_dir)
        found = None if read is None or _is_patched(read.tree) else _bound_once(read.tree, name)
        if read is None or found is None:
            return None
        if isinstance(found, ast.ImportFrom):
            module, name = _imported(read, found, name)
            continue
        if not isinstance(found, ast.ClassDef) or found.keywords or found.decorator_list:
            return None
        makers = list(_makers(found))
        if any(maker not in found.body for maker in makers):
            return None
        if makers and own is None:
            own = _signature(makers)
        if makers and (own is None or not all(_is_init(maker) for maker in makers)):
            return None
        match found.bases:
            case []:
                return own or Signature()
            case [ast.Name(id=base)]:
                module, name = read.name, base
            case _:
                return None
    return None


def _read(name: str, base_dir: Path) -> Module | None:
    try:
        spec = find_module(name, base_dir)
        source = None if spec is None else source_of(spec, base_dir)
        if spec is None or source is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes; whoever imports it is told
            return Module(name, spec.submodule_search_locations is not None, ast.parse(source))
    except (Missing, SyntaxError, ValueError, RecursionError, MemoryError):  # said where names are looked for
        return None


def _is_patched(tree: ast.Module) -> bool:
    """Whether a module changes from outside how a class is made."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if name in MAKERS:
                return True
            case ast.Call(args=args) if any(isinstance(a, ast.Constant) and a.value in MAKERS for a in args):
                return True
    return False


def _bound_once(tree: ast.Module, name: str) -> ast.stmt | None:
    """The statement of a module that gives a name its only meaning."""
    binding = [node for node in ast.walk(tree) if name in _names_of(node)]
    return next((each for each in tree.body if [each] == binding), None)


def _names_of(node: ast.AST) -> tuple[str | None, ...]:
    """The names that a statement or an expression binds by itself."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return (name,)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return tuple(alias.asname or alias.name for alias in aliases)
    return ()


def _imported(module: Module, statement: ast.ImportFrom, name: str) -> tuple[str, str]:
    """Where a name comes from: the module, and what it is called there."""
    original = next(alias.name for alias in statement.names if name == (alias.asname or alias.name))
    if not statement.level:
        return statement.module or "", original
    parts = module.name.split(".")
    above = parts[: len(parts) - statement.level + module.is_package]
    return ".".join([*above, *([statement.module] if statement.module else [])]), original


def _makers(cls: ast.ClassDef) -> Iterator[ast.AST]:
    """What in a class's body has to do with how it is made, apart from the bodies of its functions."""
    waiting: list[ast.AST] = list(cls.body)
    while waiting:
        node = waiting.pop()
        if not MAKERS.isdisjoint(_names_of(node)):
            yield node
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def _is_init(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _signature(makers: list[ast.AST]) -> Signature | None:
    """What one plain ``__init__`` takes; None for anything else."""
    match makers:
        case [ast.FunctionDef(name="__init__", decorator_list=[], args=given)] if given.kwarg is None:
            by_place = [*given.posonlyargs, *given.args]
            defaults = [None] * (len(by_place) - len(given.defaults)) + list(given.defaults)
            each = list(zip(by_place, defaults, strict=True))[max(1, len(given.posonlyargs)) :]
            each += zip(given.kwonlyargs, given.kw_defaults, strict=True)
            return Signature(
                tuple(argument.arg for argument, _ in each),
                tuple(argument.arg for argument, default in each if default is None),
            )
    return None
