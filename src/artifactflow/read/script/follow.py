"""Follows a script into its own functions, its classes and the modules beside it, without running anything."""

from __future__ import annotations

import ast
from collections import ChainMap
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError
from artifactflow.read.script.module_constants import Module, qualified_name, read_module
from artifactflow.read.script.script_objects import Class, Frame, Function, Instance
from artifactflow.read.script.statements import Statements
from artifactflow.read.script.static_values import UNKNOWN, Arguments, Imported, Members, is_constant

MOST_STEPS: Final = 100_000
DEEPEST_CALL: Final = 8
MOST_MODULES: Final = 20
_TRANSPARENT: Final = frozenset({"builtins.staticmethod", "builtins.classmethod", "functools.cache"})


class Follower(Statements):
    """Follows one script. Readers extend it by the library objects that they look for."""

    def __init__(self, module: Module) -> None:
        super().__init__(module, MOST_STEPS)
        self.main = module
        self.reached: set[ast.AST] = set()
        self._calls: list[ast.AST] = []
        self._modules: dict[str, Members | None] = {}

    def follow(self) -> None:
        """Follow the module from its first statement to its last."""
        self.block(self.module.tree.body)

    def follow_unreached(self) -> None:
        """Follow every function that nothing called: something outside may call it, at any time, with anything."""
        own = self.scope.maps[0]
        for name in [name for name, value in own.items() if is_constant(value)]:
            del own[name]  # what it is at that time is for the module's constants to say
        for value in list(own.values()):
            if isinstance(value, Function) and value.module is self.main:
                self._maybe_called(value)
            elif isinstance(value, Class) and value.module is self.main:
                instance = Instance(value)
                for statement in value.node.body:
                    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        self._maybe_called(Function(statement, value.module, value.names, instance))

    def _maybe_called(self, function: Function) -> None:
        if function.node not in self.reached:
            blocks, self.blocks = self.blocks, (*self.blocks, self.new_block())
            self.inline(function, Arguments(open=True))
            self.blocks = blocks

    def attribute(self, value: object, name: str, node: ast.Attribute) -> object:
        """What `value.name` is worth, for the script's own objects too."""
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            return self._member(value.owner, name, value)
        if isinstance(value, Class):
            return self._member(value, name, None)
        return self._local(super().attribute(value, name, node))

    def _member(self, owner: Class, name: str, receiver: object) -> object:
        method = owner.method(name)
        if method is None:
            members = owner.module.names.get(owner.node.name)
            return members.values.get(name, UNKNOWN) if isinstance(members, Members) else UNKNOWN
        decorators = {qualified_name(each, self.names) for each in method.decorator_list}
        bound = Function(method, owner.module, owner.names, None if "builtins.staticmethod" in decorators else receiver)
        if "builtins.property" in decorators and receiver is not None:
            return self.inline(bound, Arguments())
        return bound

    def _name(self, node: ast.Name) -> object:
        return self._local(super()._name(node))

    def call(self, callee: object, arguments: Arguments, node: ast.Call) -> object:
        """What a call gives; the script's own functions are followed."""
        if isinstance(callee, Function):
            if callee.node not in self._calls and len(self._calls) < DEEPEST_CALL:
                return self.inline(callee, arguments)
        elif isinstance(callee, Class):
            return self.instance(callee, arguments, node)
        else:
            found = super().call(callee, arguments, node)
            if found is not UNKNOWN:
                return found
        self.escape(callee, arguments, node)
        return UNKNOWN

    def instance(self, owner: Class, arguments: Arguments, node: ast.Call) -> object:
        """A new object of a class of the script."""
        made = Instance(owner)
        if any(base != "builtins.object" for base in owner.bases):
            self.escape(owner, arguments, node)  # what the base does with them is not followed
        initializer = owner.method("__init__")
        if initializer and initializer not in self._calls and len(self._calls) < DEEPEST_CALL:
            self.inline(Function(initializer, owner.module, owner.names, made), arguments)
        return made

    def escape(self, callee: object, arguments: Arguments, node: ast.Call) -> None:
        """Something that is not followed is given these arguments, and may do to them what it likes."""

    def inline(self, function: Function, arguments: Arguments) -> object:
        """Follow a function as called with these arguments; gives what it returns, where every way agrees."""
        node = function.node
        self.reached.add(node)
        before = self.module, self.scope, self.names, self.frame, self.blocks
        self.module, self.frame = function.module, Frame()
        self.names = self.scope = ChainMap({}, *function.names.maps)
        # Values of defaults were made where the function was; they are constants, or of no use here.
        self.scope.maps[0].update(self._parameters(function, arguments))
        self._calls.append(node)
        try:
            flow = self.block(node.body)
            frame = self.frame
        finally:
            self._calls.pop()
            self.module, self.scope, self.names, self.frame, self.blocks = before
        returns = frame.returns if flow in {"return", "exit"} else [*frame.returns, None]
        decorated = {qualified_name(each, self.names) for each in node.decorator_list} - _TRANSPARENT
        if frame.generates or not returns or (decorated and function.receiver is None):
            return UNKNOWN
        return returns[0] if all(each is returns[0] for each in returns) else _same_parts(returns)

    def _parameters(self, function: Function, arguments: Arguments) -> dict[str, object]:
        stated = function.node.args
        names = [argument.arg for argument in [*stated.posonlyargs, *stated.args]]
        given = list(arguments.positional)
        if function.receiver is not None:
            given.insert(0, function.receiver)
        elif any(qualified_name(each, self.names) == "builtins.classmethod" for each in function.node.decorator_list):
            given.insert(0, UNKNOWN)
        found: dict[str, object] = dict.fromkeys([*names, *(each.arg for each in stated.kwonlyargs)], UNKNOWN)
        if not arguments.open:
            defaults = stated.defaults
            pairs = zip(names[len(names) - len(defaults) :], defaults, strict=True)
            only = zip((each.arg for each in stated.kwonlyargs), stated.kw_defaults, strict=True)
            for name, default in [*pairs, *only]:
                if default is not None:
                    found[name] = self.value(default)
        found.update(zip(names, given, strict=False))
        found.update({name: value for name, value in arguments.keywords.items() if name in found})
        for rest in (stated.vararg, stated.kwarg):
            if rest:
                found[rest.arg] = UNKNOWN
        return found

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> object:
        self.frame.generates = True
        return self._parts(node)

    _yieldfrom = _yield

    def _await(self, node: ast.Await) -> object:
        return self.value(node.value)

    def _local(self, value: object) -> object:
        """A thing of a module that stands beside the script; `value` itself where it is none."""
        if not isinstance(value, Imported) or self.main.folder is None or self.module is not self.main:
            return value
        first, *rest = value.name.lstrip(".").split(".")
        found: object = self._beside(first)
        for name in rest:
            found = found.values.get(name, UNKNOWN) if isinstance(found, Members) else None
        return value if found is None else found

    def _beside(self, name: str) -> Members | None:
        if name not in self._modules:
            self._modules[name] = None  # also while it is followed: modules may import each other
            file = self.main.folder / f"{name}.py" if self.main.folder else None
            if name.isidentifier() and file and file.is_file() and len(self._modules) <= MOST_MODULES:
                self._modules[name] = self._followed(file, name)
        return self._modules[name]

    def _followed(self, file: Path, name: str) -> Members | None:
        try:
            module = read_module(file)
        except ArtifactflowError:
            return None  # a module that cannot be read is one that is not known
        before = self.module, self.scope, self.names, self.frame, self.blocks
        self.module, self.frame = module, Frame()
        self.names = self.scope = ChainMap({"__name__": name}, dict(module.names))
        names = self.scope
        try:
            self.block(module.tree.body)
        finally:
            self.module, self.scope, self.names, self.frame, self.blocks = before
        return Members(name, names)


def _same_parts(returns: list[object]) -> object:
    """One tuple for several that are returned: `return args, rest` on two ways may agree in `args`."""
    sizes = {len(each) if isinstance(each, tuple) else -1 for each in returns}
    if sizes != {len(returns[0])} if isinstance(returns[0], tuple) else True:
        return UNKNOWN
    columns = zip(*[each for each in returns if isinstance(each, tuple)], strict=True)
    return tuple(column[0] if all(each is column[0] for each in column) else UNKNOWN for column in columns)
