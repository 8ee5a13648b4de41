"""Archives that must not be extracted, made by hand: every way out of a folder, every lie of a header, every cut.

`python hostile_archives.py write FOLDER` writes them, `… check FOLDER` takes each apart and says as JSON what came of
it, and `… flip FOLDER STEP` flips bits of good archives. The checks run on any Python that has artifactflow's source on
its path: the archives are then those of one Python, and the extraction that of another.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import shutil
import stat
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

TABLE = b"".join(b"%d,%d,%d\n" % (row, row * row, row % 7) for row in range(150))
FILES = {"data/a.csv": TABLE, "data/empty": b"", "b.txt": b"short"}
COMPRESS = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def tar(*members, end=True, layout=tarfile.PAX_FORMAT):
    """A tar of (name, content) or (TarInfo, content), with or without its end marker."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            if info.isreg():
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        length = archive.offset
    return buffer.getvalue() if end else buffer.getvalue()[:length]


def typed(name, kind, **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def header(name="a", *, size=0, kind=tarfile.REGTYPE, **changes):
    """One raw ustar header with a right checksum, for what the library will not write."""
    info = typed(name, kind, size=size, **changes)
    return info.tobuf(tarfile.USTAR_FORMAT)


def pax(*records, kind=tarfile.XHDTYPE, raw=None):
    """An extended header with these records."""
    content = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        length = len(body) + len(str(len(body) + 2))
        content += str(length).encode() + body
    content = raw if raw is not None else content
    return header("pax", size=len(content), kind=kind) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def padded(content):
    return content + bytes(-len(content) % 512)


END = bytes(1024)


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    """A zip of (name, content) or (ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for member, content in members:
            if isinstance(member, zipfile.ZipInfo):
                member.compress_type = compression
            archive.writestr(member, content)
    return buffer.getvalue()


def zip_member(name, mode=0, system=3):
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.external_attr, info.create_system = name, mode << 16, system
    return info


def doubled(name, content):
    """A zip that lists its only member twice: the same bytes under two names."""
    data = zipped((name, content))
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entry = data[start:end]
    other = entry.replace(name.encode(), name[::-1].encode())
    record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 2 * len(entry), start, 0)
    return data[:start] + entry + other + record


def poke(data, signature, offset, value):
    at = data.index(signature) + offset
    return data[:at] + value + data[at + len(value) :]


# Tars.

LINKS = "only plain files and folders"
HOSTILE_TARS = {
    "symbolic link": (tar((typed("a", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")), f"symbolic link; {LINKS}"),
    "link then file through it": (
        tar((typed("d", tarfile.SYMTYPE, linkname="/tmp"), b""), ("d/x", b"x")),
        "symbolic link",
    ),
    "hard link": (tar(("a", b"x"), (typed("b", tarfile.LNKTYPE, linkname="a"), b"")), "hard link"),
    "long link": (
        tar((typed("a", tarfile.SYMTYPE, linkname="x" * 300), b""), layout=tarfile.GNU_FORMAT),
        "symbolic link",
    ),
    "named pipe": (tar((typed("a", tarfile.FIFOTYPE), b"")), "named pipe"),
    "device": (tar((typed("a", tarfile.CHRTYPE), b"")), "device"),
    "block device": (tar((typed("a", tarfile.BLKTYPE), b"")), "device"),
    "old sparse": (header("a", kind=tarfile.GNUTYPE_SPARSE) + END, "sparse"),
    "pax sparse": (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9999")) + header() + END, "sparse"),
    "unknown type": (header("a", kind=b"V") + END, "unknown type"),
    "multi volume": (header("a", kind=b"M") + END, "unknown type"),
    "folder with content": (header("a", kind=tarfile.DIRTYPE, size=512) + bytes(512) + END, "folder with content"),
    "parent": (tar(("../a", b"x")), "leads out"),
    "parent inside": (tar(("a/../../b", b"x")), "leads out"),
    "parent folder": (tar((typed("..", tarfile.DIRTYPE), b"")), "leads out"),
    "absolute": (tar(("/tmp/a", b"x")), "absolute"),
    "absolute by pax": (pax((b"path", b"/tmp/a")) + header() + END, "absolute"),
    "parent by GNU long name": (header("x", kind=b"L", size=4) + padded(b"../a") + header() + END, "leads out"),
    "backslash": (tar(("..\\a", b"x")), "backslash"),
    "drive": (tar(("C:a", b"x")), "drive"),
    "newline": (tar(("a\nb", b"x")), "control character"),
    "escape": (tar(("a\x1b[31m", b"x")), "control character"),
    "NUL by pax": (pax((b"path", b"a\0b")) + header() + END, "control character"),
    "reserved": (tar(("con", b"x")), "reserved"),
    "trailing dot": (tar(("a.", b"x")), "dot or a space"),
    "long part": (tar(("n" * 256, b"x")), "longer than 255"),
    "empty name": (header("") + END, "empty"),
    "file called a folder": (pax((b"path", b"a/")) + header() + END, "name of a folder"),
    "root as a file": (tar((".", b"x")), "name of a folder"),
    "duplicate": (tar(("a", b"x"), ("a", b"y")), "twice"),
    "duplicate by ./": (tar(("a", b"x"), ("./a", b"y")), "twice"),
    "case": (tar(("a", b"x"), ("A", b"y")), "differ only"),
    "form": (tar(("\u00e9", b"x"), ("e\u0301", b"y")), "differ only"),
    "file as folder": (tar(("a", b"x"), ("a/b", b"y")), "both a file and a folder"),
    "folder as file": (tar(("a/b", b"x"), ("a", b"y")), "both a file and a folder"),
    "name not UTF-8": (tarfile.TarInfo("é").tobuf(tarfile.USTAR_FORMAT, "latin-1") + END, "not UTF-8"),
    "pax name not UTF-8": (pax((b"path", b"\xff")) + header() + END, "UTF-8"),
    "pax size no number": (pax((b"size", b"-5")) + header() + END, "no number"),
    "pax record too long": (pax(raw=b"99 path=a\n") + header() + END, "extended header"),
    "pax record without length": (pax(raw=b"path=a\n") + header() + END, "extended header"),
    "pax of one megabyte and more": (header("x", kind=b"x", size=2 << 20) + bytes(2 << 20), "too long"),
    "global path": (pax((b"path", b"a"), kind=tarfile.XGLTYPE) + header() + END, "global header"),
    "eight terabytes": (
        typed("a", tarfile.REGTYPE, size=8 << 40).tobuf(tarfile.GNU_FORMAT) + END,
        "more than 10,737,418,240 bytes",
    ),
    "no end marker": (tar(("a", b"x"), end=False), "no end marker"),
    "half an end marker": (tar(("a", b"x"), end=False) + bytes(512), "end marker is damaged"),
    "cut in a member": (tar(("a", TABLE))[:1000], "middle of a member"),
    "cut in a header": (tar(("a", TABLE))[:300], "is no archive"),
    "cut after an extended header": (tar(("a", b"x"), end=False) + pax((b"path", b"b")) + END, "announces one more"),
    "rubbish after the end": (tar(("a", b"x")) + b"rubbish", "follows its end marker"),
    "two tars": (tar(("a", b"x")) + tar(("b", b"x")), "follows its end marker"),
    "damaged second header": (
        tar(("a", b"x"), end=False) + poke(header("b"), b"b", 0, b"c") + END,
        "header of a member is damaged",
    ),
}

# Zips.

PLAIN_ZIP = zipped(("first.csv", TABLE), ("second.csv", TABLE))
STORED_ZIP = zipped(("a", TABLE), compression=zipfile.ZIP_STORED)
CENTRAL, END_RECORD = b"PK\1\2", b"PK\5\6"
HOSTILE_ZIPS = {
    "symbolic link": (zipped((zip_member("a", stat.S_IFLNK | 0o777), b"/etc/passwd")), f"symbolic link; {LINKS}"),
    "link from another system": (zipped((zip_member("a", stat.S_IFLNK, system=0), b"/etc")), "symbolic link"),
    "named pipe": (zipped((zip_member("a", stat.S_IFIFO), b"")), "neither a plain file"),
    "folder that is a file": (zipped((zip_member("a/", stat.S_IFREG), b"")), "neither a plain file"),
    "file that is a folder": (zipped((zip_member("a", stat.S_IFDIR), b"")), "neither a plain file"),
    "folder with content": (zipped((zip_member("a/", stat.S_IFDIR), b"content")), "folder with content"),
    "parent": (zipped((zip_member("../a"), b"x")), "leads out"),
    "absolute": (zipped((zip_member("/tmp/a"), b"x")), "absolute"),
    "backslash": (zipped((zip_member("..\\a"), b"x")), "backslash"),
    "drive": (zipped((zip_member("c:/a"), b"x")), "drive"),
    "newline": (zipped((zip_member("a\nb"), b"x")), "control character"),
    "NUL": (zipped((zip_member("aa"), b"x")).replace(b"aa", b"a\0"), "control character"),
    "reserved": (zipped((zip_member("nul.txt"), b"x")), "reserved"),
    "case": (zipped(("a", b"x"), ("A", b"y")), "differ only"),
    "form": (zipped(("\u00e9", b"x"), ("e\u0301", b"y")), "differ only"),
    "file as folder": (zipped(("a", b"x"), ("a/b", b"y")), "both a file"),
    "duplicate": (zipped(("aa", b"x"), ("bb", b"y")).replace(b"bb", b"aa"), "twice"),
    "overlap": (doubled("ab", TABLE), "overlaps"),
    "encrypted": (poke(PLAIN_ZIP, CENTRAL, 8, b"\x01\0"), "encrypted"),
    "bzip2": (zipped(("a", b"x"), compression=zipfile.ZIP_BZIP2), "method 12"),
    "unknown method": (poke(PLAIN_ZIP, CENTRAL, 10, b"\x63\0"), "method 99"),
    "wrong checksum": (poke(PLAIN_ZIP, CENTRAL, 16, b"\0\0\0\0"), "damaged"),
    "smaller than it says": (poke(PLAIN_ZIP, CENTRAL, 24, struct.pack("<L", len(TABLE) + 1)), "damaged|bytes, not"),
    "larger than it says": (poke(PLAIN_ZIP, CENTRAL, 24, struct.pack("<L", len(TABLE) - 1)), "damaged"),
    "exabytes": (poke(STORED_ZIP, CENTRAL, 24, b"\xff\xff\xff\xfe"), "times its own|damaged"),
    "other name inside": (PLAIN_ZIP.replace(b"first.csv", b"other.csv", 1), "damaged"),
    "flipped content": (STORED_ZIP.replace(b"\n10,100", b"\n10,101", 1), "damaged"),
    "cut": (PLAIN_ZIP[:-1], "cut short|no end record"),
    "cut in half": (PLAIN_ZIP[: len(PLAIN_ZIP) // 2], "no end record"),
    "rubbish after it": (PLAIN_ZIP + b"rubbish", "something follows"),
    "rubbish before it": (PLAIN_ZIP[:4] + b"rubbish" + PLAIN_ZIP, "directory is not where"),
    "fewer members counted": (poke(PLAIN_ZIP, END_RECORD, 8, b"\1\0\1\0"), "other members"),
    "more members counted": (poke(PLAIN_ZIP, END_RECORD, 8, b"\3\0\3\0"), "damaged"),
    "no members counted": (poke(PLAIN_ZIP, END_RECORD, 8, b"\0\0\0\0"), "other members"),
    "directory elsewhere": (poke(PLAIN_ZIP, END_RECORD, 16, b"\0\0\0\0"), "directory is not where"),
    "damaged directory": (poke(PLAIN_ZIP, CENTRAL, 0, b"XX"), "directory is damaged"),
    "damaged local header": (poke(PLAIN_ZIP, b"second.csv", -30, b"XX"), "damaged"),
}


MORE_TARS = {
    "link upwards, then a file through it": (
        tar((typed("up", tarfile.SYMTYPE, linkname=".."), b""), ("up/escaped", b"x")),
        "symbolic link",
    ),
    "link to itself": (tar((typed("a", tarfile.SYMTYPE, linkname="a"), b"")), "symbolic link"),
    "chain of links": (
        tar(*((typed(f"l{n}", tarfile.SYMTYPE, linkname=f"l{n + 1}"), b"") for n in range(50))),
        "symbolic link",
    ),
    "link over a file": (tar(("a", b"x"), (typed("a", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")), "symbolic link"),
    "link in the place of a folder": (
        tar((typed("d", tarfile.DIRTYPE), b""), (typed("d", tarfile.SYMTYPE, linkname="/tmp"), b""), ("d/x", b"x")),
        "symbolic link",
    ),
    "hard link to outside": (tar((typed("a", tarfile.LNKTYPE, linkname="../../../etc/passwd"), b"")), "hard link"),
    "hard link with content": (header("a", kind=tarfile.LNKTYPE, size=512) + bytes(512) + END, "hard link"),
    "long link of GNU, absolute": (
        header("x", kind=b"K", size=4) + padded(b"/etc") + header("a", kind=tarfile.SYMTYPE) + END,
        "symbolic link",
    ),
    "link by pax": (pax((b"linkpath", b"/etc/passwd")) + header("a", kind=tarfile.SYMTYPE) + END, "symbolic link"),
    "parent in the middle": (tar(("a/b/../../../c", b"x")), "leads out"),
    "parent behind a dot": (tar(("./../a", b"x")), "leads out"),
    "parent by pax": (pax((b"path", b"../a")) + header() + END, "leads out"),
    "parent by a prefix": (header("../" + "p" * 99 + "/" + "n" * 90) + END, "leads out"),
    "parent folder alone": (tar((typed("a/..", tarfile.DIRTYPE), b"")), "leads out"),
    "two slashes": (tar(("//host/share", b"x")), "absolute"),
    "slash alone": (header("/") + END, "absolute|name of a folder"),
    "absolute by GNU long name": (header("x", kind=b"L", size=6) + padded(b"/tmp/a") + header() + END, "absolute"),
    "drive with a slash": (tar(("C:/Windows/a", b"x")), "drive"),
    "UNC path": (tar(("\\\\host\\share", b"x")), "backslash"),
    "backslash by pax": (pax((b"path", b"a\\..\\b")) + header() + END, "backslash"),
    "carriage return": (tar(("a\rb", b"x")), "control character"),
    "delete character": (tar(("a\x7f", b"x")), "control character"),
    "C1 control": (tar(("a\x9b31m", b"x")), "control character"),
    "line separator": (tar(("a\u2028b", b"x")), "control character"),
    "terminal title": (tar(("\x1b]0;title\x07", b"x")), "control character"),
    "reserved with an ending": (tar(("aux.csv", b"x")), "reserved"),
    "reserved folder": (tar(("com1/a", b"x")), "reserved"),
    "reserved with a superscript": (tar(("lpt²", b"x")), "reserved"),
    "reserved console": (tar(("CONOUT$", b"x")), "reserved"),
    "trailing space": (tar(("a ", b"x")), "dot or a space"),
    "folder with a trailing dot": (tar(("a./b", b"x")), "dot or a space"),
    "long name": (pax((b"path", b"/".join([b"n" * 200] * 6))) + header() + END, "longer than 1024"),
    "long part in letters of two bytes": (pax((b"path", "ü".encode() * 128)) + header() + END, "longer than 255"),
    "deep": (pax((b"path", b"/".join([b"a"] * 101))) + header() + END, "deeper than 100"),
    "very deep folder": (
        pax((b"path", b"a/" * 400)) + header(kind=tarfile.DIRTYPE) + END,
        "deeper than 100|both|folder",
    ),
    "case of a folder": (tar(("Data/a", b"x"), ("data/b", b"y")), "differ only"),
    "folded letters": (tar(("straße", b"x"), ("STRASSE", b"y")), "differ only"),
    "ligature": (tar(("ﬁle", b"x"), ("FILE", b"y")), "differ only"),
    "folder then file of a name": (tar((typed("a", tarfile.DIRTYPE), b""), ("a", b"x")), "both a file and a folder"),
    "file then folder of a name": (tar(("a", b"x"), (typed("a", tarfile.DIRTYPE), b"")), "both a file and a folder"),
    "duplicate by pax": (tar(("a", b"x"), end=False) + pax((b"path", b"a")) + header() + END, "twice"),
    "duplicate by two slashes": (tar(("d/a", b"x"), ("d//a", b"y")), "twice"),
    "sparse by pax 1.0": (
        pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"/etc/x")) + header() + END,
        "sparse",
    ),
    "sparse map by pax 0.1": (pax((b"GNU.sparse.map", b"0,1,8796093022208,1")) + header() + END, "sparse"),
    "exabytes by pax": (pax((b"size", b"1152921504606846976")) + header() + END, "more than 10,737,418,240 bytes"),
    "size of many digits": (pax((b"size", b"9" * 30)) + header() + END, "no number"),
    "size in other digits": (pax((b"size", "٣".encode())) + header() + END, "no number"),
    "negative size": (
        typed("a", tarfile.REGTYPE, size=-512).tobuf(tarfile.GNU_FORMAT) + END,
        "negative size|damaged",
    ),
    "extended header of negative length": (header("x", kind=b"x")[:124] + b"-0000000001\0" + header()[136:] + END, "."),
    "global size": (pax((b"size", b"1"), kind=tarfile.XGLTYPE) + header() + END, "global header"),
    "GNU long name of one megabyte and more": (header("x", kind=b"L", size=2 << 20) + bytes(2 << 20), "too long"),
    "pax record of length zero": (pax(raw=b"0 path=a\n") + header() + END, "extended header"),
    "pax record without an end": (pax(raw=b"8 path=a") + header() + END, "extended header"),
    "pax record of a million digits": (pax(raw=b"1" * 9000 + b" a=b\n") + header() + END, "extended header"),
    "socket": (header("a", kind=b"s") + END, "unknown type"),
    "volume header": (header("a", kind=b"A") + END, "unknown type"),
    "dump of folder names": (header("a", kind=b"D") + END, "unknown type"),
    "only an extended header": (pax((b"path", b"a")) + END, "announces one more"),
    "headers cut by a block": (tar(("a", TABLE), end=False)[:512], "cut short"),
    "wrong checksum of the first header": (poke(header("a"), b"a", 0, b"b") + END, "is no archive|damaged"),
    "checksum in words": (header("a")[:148] + b"checksum" + header("a")[156:] + END, "is no archive|damaged"),
    "zeros in the middle": (tar(("a", b"x"), end=False) + END + tar(("../b", b"x")), "follows its end marker"),
}
MORE_ZIPS = {
    "link, then a file through it": (
        zipped((zip_member("d", stat.S_IFLNK | 0o777), b"/tmp"), (zip_member("d/x"), b"x")),
        "symbolic link",
    ),
    "link called a folder": (zipped((zip_member("d/", stat.S_IFLNK | 0o777), b"/tmp")), "symbolic link|content"),
    "device": (zipped((zip_member("a", stat.S_IFBLK), b"")), "neither a plain file"),
    "socket": (zipped((zip_member("a", stat.S_IFSOCK), b"")), "neither a plain file"),
    "parent inside": (zipped((zip_member("a/../../b"), b"x")), "leads out"),
    "parent folder": (zipped((zip_member("../"), b"")), "leads out"),
    "UNC path": (zipped((zip_member("\\\\host\\a"), b"x")), "backslash"),
    "two slashes": (zipped((zip_member("//a"), b"x")), "absolute"),
    "escape": (zipped((zip_member("a\x1b[2J"), b"x")), "control character"),
    "paragraph separator": (zipped((zip_member("a\u2029"), b"x")), "control character"),
    "trailing dot": (zipped((zip_member("a."), b"x")), "dot or a space"),
    "long part": (zipped((zip_member("n" * 256), b"x")), "longer than 255"),
    "long name": (zipped((zip_member("/".join(["n" * 200] * 6)), b"x")), "longer than 1024"),
    "deep": (zipped((zip_member("/".join(["a"] * 101)), b"x")), "deeper than 100"),
    "no name": (zipped((zip_member(""), b"x")), "is empty"),
    "name of a NUL": (zipped((zip_member("aa"), b"x")).replace(b"aa", b"\0a"), "control character"),
    "folded letters": (zipped(("straße", b"x"), ("STRASSE", b"y")), "differ only"),
    "case of a folder": (zipped(("Data/a", b"x"), ("data/b", b"y")), "differ only"),
    "folder as file": (zipped(("a/", b""), ("a", b"y")), "both a file"),
    "lzma": (zipped(("a", b"x"), compression=zipfile.ZIP_LZMA), "method 14"),
    "strong encryption": (poke(PLAIN_ZIP, CENTRAL, 8, b"\x40\0"), "encrypted"),
    "masked header": (poke(PLAIN_ZIP, CENTRAL, 8, b"\0\x20"), "encrypted"),
    "patched data": (poke(PLAIN_ZIP, CENTRAL, 8, b"\x20\0"), "damaged"),
    "content beyond the end": (poke(PLAIN_ZIP, CENTRAL, 20, struct.pack("<L", 1 << 30)), "overlaps|damaged"),
    "offset beyond the end": (poke(PLAIN_ZIP, CENTRAL, 42, struct.pack("<L", 1 << 30)), "damaged|overlaps"),
    "offset into the directory": (
        poke(PLAIN_ZIP, CENTRAL, 42, struct.pack("<L", PLAIN_ZIP.index(CENTRAL))),
        "damaged|overlaps",
    ),
    "entry's name too long": (poke(PLAIN_ZIP, CENTRAL, 28, b"\xff\xff"), "directory|damaged"),
    "extra field too long": (poke(PLAIN_ZIP, CENTRAL, 30, b"\xff\xff"), "directory|damaged"),
    "comment too long": (poke(PLAIN_ZIP, END_RECORD, 20, b"\xff\xff"), "something follows|damaged"),
    "a million members counted": (poke(PLAIN_ZIP, END_RECORD, 8, b"\xff\xff\xff\xff"), "damaged"),
    "directory of four gigabytes": (poke(PLAIN_ZIP, END_RECORD, 12, b"\xff\xff\xff\xff"), "directory is not where"),
    "zip64 locator to nowhere": (
        PLAIN_ZIP[: PLAIN_ZIP.index(END_RECORD)]
        + struct.pack("<4sLQL", b"PK\6\7", 0, 1 << 40, 1)
        + PLAIN_ZIP[PLAIN_ZIP.index(END_RECORD) :],
        "zip64|directory",
    ),
    "two end records": (PLAIN_ZIP + PLAIN_ZIP[PLAIN_ZIP.index(END_RECORD) :], "directory is not where"),
    "two zips in one": (PLAIN_ZIP + STORED_ZIP, "directory is not where"),
    "end record in the comment": (
        PLAIN_ZIP[:-2] + struct.pack("<H", 22) + PLAIN_ZIP[PLAIN_ZIP.index(END_RECORD) :],
        "directory is not where|damaged",
    ),
    "bomb": (zipped(("a", bytes(40 << 20))), "more than 200 times"),
    "bomb of many": (zipped(*((f"{n}", bytes(1 << 20)) for n in range(40))), "more than 200 times"),
}
BOMB = tar(("a", bytes(12 << 20)))
SINGLES = {
    "x.gz": (b"\x1f\x8b\x08\0\0", "cut short"),
    "cut.csv.gz": (COMPRESS["gz"](TABLE)[:-1], "cut short"),
    "flipped.csv.gz": (COMPRESS["gz"](TABLE)[:-8] + bytes(8), "damaged"),
    "follows.csv.bz2": (COMPRESS["bz2"](TABLE) + b"rubbish", "damaged|cut short"),
    "cut.csv.xz": (COMPRESS["xz"](TABLE)[:-7], "damaged|cut short"),
    "bomb.bz2": (COMPRESS["bz2"](bytes(12 << 20)), "more than 200 times"),
    "bomb.tgz": (COMPRESS["gz"](BOMB), "more than 200 times"),
    "bomb.tar.xz": (COMPRESS["xz"](BOMB), "more than 200 times"),
    "zeros after the end.tgz": (COMPRESS["gz"](tar(("a", b"x")) + bytes(12 << 20)), "more than 200 times"),
    "page.tgz": (b"<!DOCTYPE html><html>log in</html>", "an HTML page"),
    "empty.zip": (b"", "an empty file"),
    "..gz": (COMPRESS["gz"](TABLE), "."),
    "nul.gz": (COMPRESS["gz"](TABLE), "reserved"),
}
# In every compression the tar's own rules hold: one of each kind is enough beside plain and gzip.
OTHERWISE_COMPRESSED = ("symbolic link", "parent", "duplicate", "no end marker", "rubbish after the end")


def corpus():
    """(what it is, the archive's name, its bytes, what the refusal says) of each."""
    for what, (data, message) in {**HOSTILE_TARS, **MORE_TARS}.items():
        yield f"tar: {what}", "x.tar", data, message
        yield f"tgz: {what}", "x.tgz", COMPRESS["gz"](data), message.replace("is no archive", "cut short|damaged")
    for what in OTHERWISE_COMPRESSED:
        data, message = HOSTILE_TARS[what]
        for compression in ("bz2", "xz"):
            yield f"tar.{compression}: {what}", f"x.tar.{compression}", COMPRESS[compression](data), message
    for what, (data, message) in {**HOSTILE_ZIPS, **MORE_ZIPS}.items():
        yield f"zip: {what}", "x.zip", data, message
    for name, (data, message) in SINGLES.items():
        yield f"single: {name}", name, data, message


def good():
    """Archives of about 4 KiB, by name, with nothing wrong."""
    noise = random.Random(4).randbytes(3300)
    members = [("data/a.csv", TABLE[:900]), ("b.bin", noise), ("data/empty", b"")]
    data = tar(*members)
    return {
        "x.tgz": COMPRESS["gz"](data),
        "x.tar.bz2": COMPRESS["bz2"](data),
        "x.tar.xz": COMPRESS["xz"](data),
        "x.zip": zipped(*members),
    }


def write(folder):
    """Write the corpus, and an index of it."""
    folder.mkdir(parents=True)
    index = []
    for number, (what, name, data, message) in enumerate(corpus()):
        (folder / f"{number}").write_bytes(data)
        index.append([f"{number}", what, name, message])
    (folder / "index.json").write_text(json.dumps(index))
    for name, data in good().items():
        (folder / name).write_bytes(data)


class Watch:
    """Takes note of everything that this process writes, makes, links or renames outside of one folder."""

    def __init__(self, inside):
        self.inside = (str(inside.resolve()), str(Path.cwd()), os.devnull)
        self.outside = []
        sys.addaudithook(self.see)

    def see(self, event, arguments):
        if event == "open":
            path, mode, flags = arguments
            written = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if flags else mode and set(mode) & set("wax+")
            paths = [path] if written else []
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.mknod", "os.truncate"):
            paths = arguments[:1]
        elif event in ("os.rename", "os.link", "os.symlink"):
            paths = arguments[:2]
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes)) and not self.holds(str(Path(os.fsdecode(path)).resolve())):
                self.outside.append(f"{event} {path!r}")

    def holds(self, path):
        # Removing a temporary folder names its parts relative to an open folder: these are checked by their absence.
        return path.startswith(self.inside)


def check(folder):
    """Take each archive of the corpus apart; what came of it, as rows of what, outcome, message, problems."""
    from artifactflow.errors import IntegrityError
    from artifactflow.fetch.archive import extract

    work = folder.parent / "work"
    work.mkdir()
    nowhere = folder.parent / "nowhere"
    nowhere.mkdir()
    os.chdir(nowhere)
    watch = Watch(work)
    rows = []
    for file, what, name, _ in json.loads((folder / "index.json").read_text()):
        watch.outside.clear()
        target = work / "target"
        try:
            extract(folder / file, target, name=name)
            outcome, said = "extracted", ""
        except IntegrityError as error:
            outcome, said = "refused", str(error)
        except Exception as error:
            outcome, said = "broke", repr(error)
        problems = list(watch.outside) + [f"left behind: {path}" for path in (*work.iterdir(), *nowhere.iterdir())]
        for path in work.iterdir():
            shutil.rmtree(path)
        rows.append([what, outcome, said, problems])
    return rows


def contents(folder):
    """Every file of a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(folder, step):
    """Flip every `step`-th bit of each good archive; how many flips were refused or harmless, and what went wrong."""
    from artifactflow.errors import IntegrityError
    from artifactflow.fetch.archive import extract

    work = folder.parent / "flipped"
    work.mkdir()
    found = {}
    for name in good():
        data = (folder / name).read_bytes()
        (work / "archive").write_bytes(data)
        extract(work / "archive", work / "target", name=name)
        right = contents(work / "target")
        shutil.rmtree(work / "target")
        counted = {"bits": 0, "refused": 0, "harmless": 0, "wrong": []}
        for bit in range(0, len(data) * 8, step):
            place = min(bit + (bit // step) % 8, len(data) * 8 - 1) if step > 1 else bit
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            (work / "archive").write_bytes(flipped)
            counted["bits"] += 1
            try:
                extract(work / "archive", work / "target", name=name)
            except IntegrityError:
                counted["refused"] += 1
                if (work / "target").exists():
                    counted["wrong"].append(f"bit {place}: refused, and there is a target")
            except Exception as error:
                counted["wrong"].append(f"bit {place}: {error!r}")
            else:
                same = contents(work / "target") == right
                counted["harmless" if same else "refused"] += same
                if not same:
                    counted["wrong"].append(f"bit {place}: other content")
            if (work / "target").exists():
                shutil.rmtree(work / "target")
        found[name] = counted
    return found


if __name__ == "__main__":
    action, place, *more = sys.argv[1:]
    if action == "write":
        write(Path(place))
    else:
        print(json.dumps(check(Path(place)) if action == "check" else flip(Path(place), int(more[0]))))
