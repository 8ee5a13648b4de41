"""What an address says by itself: its kind, a file name, the local file behind it, and how it may be shown."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from artifactflow.errors import MissingToolError, NotFoundError, UsageError
from artifactflow.fetch.packages import PACKAGE_PREFIX, package_file

WEB_SCHEMES = ("http", "https")
MASK = "***"

_scheme_pattern = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_address_in_text = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+")  # bounded: it is tried at every letter of a text
_value_pattern = re.compile(r"=[^&]*|(?:(?<=&)|\A)[^&=]+(?=&|\Z)")
_unwanted_in_names = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')


def scheme_of(address: str) -> str:
    """What stands before `://` in lower case, or the empty string.

    >>> scheme_of("HTTPS://host/file"), scheme_of("data/file.csv")
    ('https', '')
    """
    match = _scheme_pattern.match(address)
    return match[1].lower() if match else ""


def masked_address(address: str) -> str:
    """The address as it may stand in messages and records: user info and the query's values are replaced.

    The fragment is left out, it never reaches a server. A path is returned as it is.

    >>> masked_address("https://me:word@host/data.csv?Expires=12&Signature=abc#top")
    'https://***@host/data.csv?Expires=***&Signature=***'
    >>> masked_address("data/housing.tgz")
    'data/housing.tgz'
    """
    if not scheme_of(address):
        return address
    # By hand, because it must not fail: addresses that cannot be parsed are shown as well, and hold secrets as well.
    scheme, _, rest = address.partition("://")
    rest = rest.partition("#")[0]
    rest, question_mark, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"{MASK}@{authority.rpartition('@')[2]}"
    query = _value_pattern.sub(lambda match: f"={MASK}" if match[0].startswith("=") else MASK, query)
    return f"{scheme}://{authority}{slash}{path}{question_mark}{query}"


def masked_text(text: str) -> str:
    """A text with every address in it masked, as a command that is to be typed again may be shown.

    >>> masked_text("-P url=https://me:word@host/data.csv")
    '-P url=https://***@host/data.csv'
    """
    return _address_in_text.sub(lambda match: masked_address(match[0]), text)


_signing_names = re.compile(
    r"(x-(amz|goog|ms)-.*|sig|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid"
    r"|(access_?)?token|api_?key|password|secret)\Z",
    re.IGNORECASE,
)
"""Names of query values that say who asks. Any other may say what for, and a wrong guess would reuse a wrong file."""


def address_identity(address: str) -> str:
    """What of an address decides which file it names: the masked address, and a digest of its harmless query values.

    User info and the values of a signature say who asks, not what for; they are secret and change with every signing.

    >>> address_identity("https://me:word@host/data.csv?Signature=abc") == "https://***@host/data.csv?Signature=***"
    True
    """
    query = address.partition("#")[0].partition("?")[2] if scheme_of(address) else ""
    telling = [pair for pair in query.split("&") if pair and not _signing_names.match(pair.partition("=")[0])]
    shown = masked_address(address)
    return f"{shown}#{hashlib.sha256('&'.join(telling).encode()).hexdigest()[:12]}" if telling else shown


def text_identity(text: str) -> str:
    """A text with every address in it as `address_identity` gives it: what a parameter's value counts as for reuse."""
    if scheme_of(text):
        return address_identity(text)
    return _address_in_text.sub(lambda match: address_identity(match[0]), text)


def secrets_in(text: str) -> list[str]:
    """The secrets in the addresses of a text: passwords, tokens in place of a user's name, what signs a query.

    Each as it is written, and as it is meant where that is another text.

    >>> secrets_in("https://me:w%21rd@host/data.csv?page=2&sig=abc"), secrets_in("https://host/data.csv?page=2")
    (['w%21rd', 'abc', 'w!rd'], [])
    """
    found = []
    for match in _address_in_text.finditer(text):
        rest = match[0].partition("://")[2].partition("#")[0]
        before_query, _, query = rest.partition("?")
        user_info, at, _ = before_query.partition("/")[0].rpartition("@")
        user, colon, password = user_info.partition(":")
        if at and (colon or scheme_of(match[0]) in WEB_SCHEMES):
            found.append(password or user)
        found += [value for name, _, value in (pair.partition("=") for pair in query.split("&"))
                  if value and _signing_names.match(name)]  # fmt: skip
    plain = [unquote(secret) for secret in found]
    return list(dict.fromkeys(filter(None, [*found, *plain])))


_user_info = re.compile(r"(?<=://)[^\s/?#]*@")
_signing_pair = re.compile(
    rf"(?<=[?&])({_signing_names.pattern.removesuffix(chr(92) + 'Z')})=[^\s&#'\"<>)\]]+", re.IGNORECASE
)


def masked_message(text: str) -> str:
    """A message with the secrets of every address in it masked, and nothing else of it.

    >>> masked_message("fetch https://me:word@host/data.csv?page=2&sig=abc: refused")
    'fetch https://***@host/data.csv?page=2&sig=*** refused'
    """
    if "://" not in text:
        return text
    return _signing_pair.sub(rf"\1={MASK}", _user_info.sub(f"{MASK}@", text))


def file_name_of(address: str) -> str:
    """The name under which the file behind a web address is kept; `download` where the address names none.

    >>> file_name_of("https://host/a/raw%20data.csv?x=1"), file_name_of("https://host/")
    ('raw data.csv', 'download')
    """
    name = unquote(PurePosixPath(urlsplit(address).path).name, errors="replace")
    name = _unwanted_in_names.sub("_", name).strip(" .")
    # 200 bytes leave room for the endings of temporary files; the end is kept, because it tells the format.
    return name.encode()[-200:].decode(errors="ignore") or "download"


def local_path(address: str) -> Path:
    """The file that a path (absolute, relative to the current folder, with `~`) or a `file:` address names.

    >>> local_path("file:///data/a%20b.csv").as_posix()
    '/data/a b.csv'

    Raises UsageError for a `file:` address of another machine, and for the home of a user who does not exist.
    """
    if scheme_of(address) != "file":
        try:
            return Path(address).expanduser()
        except RuntimeError as error:
            raise UsageError(f"{address}: there is no such user's home folder") from error
    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{address} names a file on another machine", hint="write file:///path for a local file")
    return Path(unquote(parts.path))


def local_file(address: str) -> Path | None:
    """The file or folder on this machine that an address names, inside a package too; None where there is none.

    >>> local_file("https://host/data.csv") is None
    True
    """
    if scheme_of(address) not in ("", "file") or not address:
        return None
    try:
        path = package_file(address) if address.startswith(PACKAGE_PREFIX) else local_path(address)
        return path if path.exists() else None
    except (UsageError, NotFoundError, MissingToolError, OSError, ValueError):
        return None  # fetching it will say what is wrong


def check_web_address(address: str) -> None:
    """Refuse what cannot be an address, and what two parsers could read in two ways. Raises UsageError."""
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in address):
        raise UsageError(
            f"the address {masked_address(address)!r} has a space, a control character or a backslash in it",
            hint="write a space as %20 and a backslash as %5C",
        )
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if not host:
        raise UsageError(f"{masked_address(address)!r} is no web address", hint="write https://host/path")


def check_object_address(address: str) -> None:
    """Refuse what cannot be the address of an object in a store. Raises UsageError."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if not (address.isprintable() and parts.netloc and parts.path.strip("/")):
        scheme = scheme_of(address)
        raise UsageError(
            f"{masked_address(address)!r} names no object",
            hint=f"write {scheme}://bucket/path/of/file",
        )
