"""What attributes and items of symbols are."""

from __future__ import annotations

from artifactflow.read.orchestration.symbols import (
    UNKNOWN,
    Constant,
    Handle,
    Imported,
    Items,
    Joined,
    Kind,
    Method,
    Reference,
    Symbol,
    Table,
)
from artifactflow.read.orchestration.texts import last_part, parent


def attribute_of(base: Symbol, name: str) -> Symbol:
    """What `base.name` gives, a Method where nothing else is known."""
    match base:
        case Imported(module):
            return Imported(f"{module}.{name}")
        case Reference(Kind.CONFIG, key):
            return Reference(Kind.CONFIG, f"{key}.{name}" if key else name)
        case Reference(Kind.RUN | Kind.VARIABLE as kind, owner):
            return Reference(kind, f"{owner}.{name}")
        case Handle("arguments") if name != "get":
            return Reference(Kind.PARAMETER, name)
        case Constant(str()) | Joined() | Reference() if name == "parent":
            return parent(base)
        case Constant(str()) | Joined() if name == "name":
            return last_part(base)
    return Method(base, name)


def item_of(base: Symbol, key: Symbol) -> Symbol:
    """What `base[key]` gives."""
    if isinstance(base, Method) and base.name == "parents" and isinstance(key, Constant):
        found = base.receiver
        for _ in range(min(key.value, 20) + 1 if isinstance(key.value, int) else 0):
            found = parent(found)
        return found
    if isinstance(base, Imported) and isinstance(key, Constant):
        if base.name == "os.environ":
            return Reference(Kind.VARIABLE, str(key.value))
        if base.name == "sys.argv":
            return Reference(Kind.VARIABLE, f"sys.argv[{key.value}]")
    if not isinstance(key, Constant) or isinstance(key.value, float):
        return UNKNOWN
    match base:
        case Table(entries):
            return entries[str(key.value)].value if str(key.value) in entries else UNKNOWN
        case Items(elements) if isinstance(key.value, int) and -len(elements) <= key.value < len(elements):
            return elements[key.value]
        case Reference(Kind.CONFIG, name):
            return Reference(Kind.CONFIG, f"{name}.{key.value}" if name else str(key.value))
        case Handle("arguments") if isinstance(key.value, str):
            return Reference(Kind.PARAMETER, key.value)
    return UNKNOWN
