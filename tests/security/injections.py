"""Texts that would do harm where somebody takes them for code, for an option, for a format or for a path."""

import random

PAYLOADS = (
    "; touch PWNED", "| touch PWNED", "|| touch PWNED", "& touch PWNED", "&& touch PWNED", "\ntouch PWNED\n",
    "$(touch PWNED)", "`touch PWNED`", "${IFS}touch${IFS}PWNED", "<(touch PWNED)", ">PWNED", ">>PWNED", "2>PWNED",
    "$'\\x74ouch PWNED'", "\\\ntouch PWNED", "#touch PWNED", "!touch PWNED", "{touch,PWNED}", "touch\tPWNED", "~/PWNED",
)  # fmt: skip
QUOTES = ("", "'", '"', "\\", "'\"", "$'", '$"', "\\'", '\\"')
WORDS = (
    "--flag=value", "-rf", "--", "-", "---", "-c", "--help", "--config-settings=x", "-e ../evil", "-e",
    "-r /etc/passwd",
    "--index-url=https://evil.example/simple", "git+https://evil.example/x.git@main#egg=x", "git+ssh://x/`id`",
    "ext::sh -c touch% PWNED", "fd::17", "-oProxyCommand=touch PWNED", "--upload-pack=touch PWNED",
    "{x}", "{{", "}}", "{", "}", "{0}", "{x.__class__}", "{x!r}", "{:>9}", "${HOME}", "$HOME", "$$", "$", "$1", "$@",
    "${x}", "%s", "%(x)s", "%n%n%n", "%%", "%{x}", "\\n", "\\0", "\\x00", "\\u202e", "*", "?", "[a-z]*", "**/*", "~",
    "~root", ".", "..", "../..", "../../etc/passwd", "/etc/passwd", "/", "//", "a/b", "a\\b", "C:\\x", "CON", "nul.txt",
    "yes", "no", "on", "null", "~ # x", "1e3", "0x10", "010", "1_000", ".inf", ".nan", "2001-01-01",
    "!!python/object:x",
    "!!python/object/apply:os.system ['touch PWNED']", "&a x", "*a", "<<: *a", "? x", "- x", "a: b", "a:b", "a: {b: c}",
    "[", "]", "{a: b}", "|", ">", "@x", "`x", "#x", " # x", "'", '"', "''", '""', "---", "...", "%YAML 1.1",
    "\t", " ", "  ", " x ", "x ", "\n", "\r", "\r\n", "x\ny", "x\ry", "x\n", "\x0b", "\x0c", "\x1c", "\x85x", "\u2028x",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1bP1;1|x\x1b\\", "\x9b31m", "\x07", "\x08\x08",
    "\x7f",
    "\u202etxt.exe", "\u2066x\u2069", "\ufeffx", "\u200bx", "e\u0301", "\u00e9", "\u0130", "\ufb01",
    "\U0001f600", "\u4e2d\u6587",
    "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U0010fffe", "'; DROP TABLE versions; --", "<script>alert(1)</script>",
    "&lt;", "]]>", "=cmd|' /C calc'!A0", "__proto__", "constructor", "x" * 5_000, "-" * 3_000,
    "\u00e9" * 4_000, "x" * 60_000,
    "artifactflow:/x/latest", "file:///etc/passwd", "https://host/?a=b&c=d#e", "latest", "v1", "x:v1", "x:latest", "@",
    "None", "True", "False", "nan", "-1", "+1", "1,2", "a=b", "=", "==", "a==1", "name @ https://x", "x; extra == 'y'",
)  # fmt: skip


def injections(count: int = 500) -> list[str]:
    """So many different texts, always the same; none has a NUL or half a surrogate pair, which cannot be passed on."""
    found = list(WORDS)
    found += [f"{quote}{payload}{quote}" for payload in PAYLOADS for quote in QUOTES]
    found += [f"{quote}{payload}" for payload in PAYLOADS for quote in QUOTES]
    chance = random.Random(5)
    while len(dict.fromkeys(found)) < count:
        found.append("".join(chance.choice([*PAYLOADS, *QUOTES, *WORDS[:120]]) for _ in range(3)))
    return list(dict.fromkeys(found))[:count]
