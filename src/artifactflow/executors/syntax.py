"""What a script's syntax tells about its imports: which they are, and what it does that has to come before them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

_late_variables: Final = frozenset({
    "PWD", "OLDPWD", "SHLVL", "_", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID",
})  # fmt: skip
_late_prefixes: Final = ("ARTIFACTFLOW_", "WANDB_")


def is_late(variable: str) -> bool:
    """Whether an environment variable is read when it is needed, and not when a library is imported.

    >>> is_late("WANDB_MODE"), is_late("OMP_NUM_THREADS")
    (True, False)
    """
    return variable in _late_variables or variable.startswith(_late_prefixes)


def absolute_imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each absolute import, also within functions: the module and the names taken from it.

    >>> sorted(absolute_imports(ast.parse("import os.path, json\\nfrom sklearn import svm")))
    [('json', ()), ('os.path', ()), ('sklearn', ('svm',))]

    What is imported for type checkers only is left out.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import():
                yield from ((alias.name, ()) for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module, tuple(alias.name for alias in node.names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                waiting.extend(node.orelse)
                continue
        waiting.extend(ast.iter_child_nodes(node))


def preparation(tree: ast.Module, *, is_script: bool) -> str | None:
    """What the file does that imports after it may depend on, with its line; None where there is nothing.

    That is: changing where modules are found, other than by appending, and changing environment variables. After the
    last import of the script itself variables can be changed: whatever reads them while being imported has been.

    >>> preparation(ast.parse("import os\\nos.environ['OMP_NUM_THREADS'] = '1'\\nimport numpy"), is_script=True)
    'changes environment variables before an import, in line 2'
    """
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.stmt, ast.expr))]
    last_import = max((node.lineno for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))), default=0)
    for node in nodes:
        if _changes_search_path(node):
            return f"changes where modules are found, in line {node.lineno}"
        if _changes_environment(node) and (node.lineno < last_import or not is_script):
            return f"changes environment variables before an import, in line {node.lineno}"
    return None


def _changes_search_path(node: ast.stmt | ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=changed, attr="insert" | "remove" | "pop" | "clear" | "reverse")):
            return _is_search_path(changed)
        case ast.Call(func=ast.Attribute(attr="addsitedir" | "patch_all")):  # the latter replaces what modules hold
            return True
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return any(_is_search_path(_container(target)) for target in targets)
    return False


def _is_search_path(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr="path" | "meta_path" | "path_hooks" | "modules"):
            return True
    return False


def _changes_environment(node: ast.stmt | ast.expr) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=changed, attr="setdefault" | "pop" | "update" | "clear"), args=arguments
        ):
            return _is_environment(changed) and not (arguments and _is_late_name(arguments[0]))
        case ast.Call(func=ast.Attribute(attr="putenv" | "unsetenv" | "load_dotenv") | ast.Name(id="load_dotenv")):
            return True
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return any(_is_environment_place(target) for target in targets)
        case ast.AugAssign(target=target):
            return _is_environment_place(target)
    return False


def _is_environment_place(target: ast.expr) -> bool:
    if isinstance(target, ast.Subscript) and _is_late_name(target.slice):
        return False
    return _is_environment(_container(target))


def _is_environment(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(attr="environ" | "environb") | ast.Name(id="environ"):
            return True
    return False


def _is_late_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and is_late(node.value)


def _container(target: ast.expr) -> ast.expr:
    return target.value if isinstance(target, ast.Subscript) else target
