"""Placeholders that stand where a value could inject code into a shell command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from artifactflow.errors import ContractError
from artifactflow.read.command_words import Atom, Placeholder, Word, as_text

_OPENING = {"$((": "arithmetic", "((": "arithmetic", "${": "an expansion", "$(": "(", "(": "("}
_CLOSING = {
    "(": ")",
    "arithmetic": "))",
    "an expansion": "}",
    "backquotes": "`",
    "a comment": "\n",
    '"': '"',
    "'": "'",
    "$'": "'",
}
_QUOTES = ("'", '"', "$'")


def refuse_unsafe_placeholders(atoms: Sequence[Atom]) -> None:
    """Raise ContractError where bash would not read a quoted value as one word, so that it could inject code.

    That is inside quotes, backquotes, comments, `${…}` and `$((…))`, behind a backslash and behind `<<`. What nests in
    one of them counts too.
    """
    text = as_text(atoms)
    opened: list[str] = []
    position = 0
    while position < len(text):
        inside = opened[-1] if opened else ""
        closing = _CLOSING.get(inside)
        if text[position] == "\0":
            unsafe = next((kind for kind in opened if kind != "("), None)
            if unsafe:
                raise _injection(atoms[position], "inside quotes" if unsafe in _QUOTES else f"inside {unsafe}")
            position += 1
        elif closing and text.startswith(closing, position):
            opened.pop()
            position += len(closing)
        elif inside in ("'", "a comment", "a here-document"):
            position += 1
        elif text[position] == "\\":
            if text[position + 1 : position + 2] == "\0":
                raise _injection(atoms[position + 1], "behind a backslash")
            position += 2
        elif inside == "$'":
            position += 1
        else:
            position += _enter(text, position, inside, opened)
    if opened and opened[-1] in (*_QUOTES, "backquotes"):
        raise ContractError("the command has a quote that is never closed", hint="close the quote")


def refuse_script_placeholders(words: Sequence[Word]) -> None:
    """Raise ContractError for a placeholder in the script of a plain `bash -c "…"`: its value could inject code."""
    if (words[0].literal or "").rpartition("/")[2] in ("sh", "bash", "dash", "ksh", "zsh"):
        for option, word in pairwise(words[1:]):
            held = [part for part in word.parts if isinstance(part, Placeholder)]
            if held and re.fullmatch(r"-[a-z]*c", option.literal or ""):
                raise _injection(held[0], "inside the script")


def _injection(atom: Atom, where: str) -> ContractError:
    name = atom.name if isinstance(atom, Placeholder) else atom
    return ContractError(
        f"{{{name}}} stands {where} in a shell command, where its value could inject code",
        hint=f"write a bare {{{name}}}: it is quoted when the command runs",
    )


def _enter(text: str, position: int, inside: str, opened: list[str]) -> int:
    """Note what opens at `position`, if anything does; how many characters that takes."""
    quoted = inside == '"'
    for token, kind in _OPENING.items():
        if text.startswith(token, position) and (not quoted or token.startswith("$")):
            opened.append(kind)
            return len(token)
    character = text[position]
    if character == "`":
        opened.append("backquotes")
    elif character == '"':
        opened.append('"')
    elif quoted:
        return 1
    elif text.startswith("$'", position):
        opened.append("$'")
        return 2
    elif character == "'":
        opened.append("'")
    elif text.startswith("<<<", position):
        return 3
    elif text.startswith("<<", position):
        opened.append("a here-document")
    elif character == "#" and (position == 0 or text[position - 1] in " \t\n;|&("):
        opened.append("a comment")
    return 1
