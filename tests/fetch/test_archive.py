"""Archives: everything in them, inside the target, or an error and no target."""

import bz2
import gzip
import io
import lzma
import resource
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from artifactflow.errors import IntegrityError, OutsideError, UsageError
from artifactflow.fetch.archive import ArchiveKind, Limits, archive_kind, extract

HOUSING = Path(__file__).resolve().parents[3] / "shared" / "data" / "housing.tgz"
TABLE = b"".join(b"%d,%d,%d\n" % (row, row * row, row % 7) for row in range(150))
FILES = {"data/a.csv": TABLE, "data/empty": b"", "b.txt": b"short"}
COMPRESS = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
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


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def unpack(tmp_path):
    """Extract bytes under a name; afterwards there is the target and the archive and nothing else."""
    work = tmp_path / "work"
    work.mkdir()

    def call(data, name, **options):
        (tmp_path / "archive").write_bytes(data)
        target = work / "target"
        shutil.rmtree(target, ignore_errors=True)
        try:
            extract(tmp_path / "archive", target, name=name, **options)
        finally:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "work"]
            assert [path.name for path in work.iterdir()] in ([], ["target"])
        return contents(target)

    def refused(data, name, match=".", **options):
        with pytest.raises(IntegrityError, match=match) as caught:
            call(data, name, **options)
        assert not (work / "target").exists()
        assert str(caught.value).isprintable()

    call.refused = refused
    call.target = work / "target"
    return call


# What is extracted.


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    ("name", "compression"),
    [("x.tar", ""), ("x.tgz", "gz"), ("x.TAR.GZ", "gz"), ("x.tbz2", "bz2"), ("x.tar.bz2", "bz2"), ("x.txz", "xz"),
     ("x.tar.xz", "xz"), ("x.tar.zst", "zst"), ("x.tgz", ""), ("x.tar.gz", "xz")],
)  # fmt: skip
def test_every_kind_of_tar(unpack, name, compression, layout):
    data = tar(*FILES.items(), layout=layout)
    assert unpack(COMPRESS[compression](data) if compression else data, name) == FILES


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip(unpack, compression):
    assert unpack(zipped(*FILES.items(), compression=compression), "x.zip") == FILES


def test_a_zip_written_as_a_stream_with_a_comment_in_zip64(unpack):
    class OneWay(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    sink = OneWay()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"made by hand"
        with archive.open("a.csv", "w", force_zip64=True) as member:
            member.write(TABLE)
    assert unpack(bytes(sink.data), "x.zip") == {"a.csv": TABLE}


def test_a_zip64_end_record_is_read(unpack):
    data = zipped(*FILES.items())
    at = data.index(b"PK\5\6")
    count, size, start = struct.unpack("<HLL", data[at + 10 : at + 20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert unpack(data[:at] + record + locator + end, "x.zip") == FILES


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_single_compressed_file_loses_its_ending(unpack, compression):
    assert unpack(COMPRESS[compression](TABLE), f"data.csv.{compression}") == {"data.csv": TABLE}


@pytest.mark.parametrize("compression", COMPRESS)
def test_streams_one_after_another_are_one_file(unpack, compression):
    pack = COMPRESS[compression]
    assert unpack(pack(TABLE) + pack(b"more") + bytes(512), f"a.{compression}") == {"a": TABLE + b"more"}


@pytest.mark.parametrize("data", [tar(), zipped()], ids=["tar", "zip"])
def test_an_empty_archive_is_an_empty_folder(unpack, data):
    assert unpack(data, "x.tar" if data[:1] == b"\0" else "x.zip") == {}
    assert unpack.target.is_dir()


def test_large_members_come_out_whole(unpack):
    big = TABLE * 3000
    for name, data in [("x.tgz", gzip.compress(tar(("a", big)), 1)), ("x.zip", zipped(("a", big)))]:
        assert unpack(data, name) == {"a": big}


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_come_from_extended_headers(unpack, layout):
    files = {"d" * 120 + "/" + "ü" * 100: b"x", "plain": b"y"}
    assert unpack(tar(*files.items(), layout=layout), "x.tar") == files


def test_empty_folders_and_the_root_folder_are_kept(unpack):
    root, empty = typed("./", tarfile.DIRTYPE), typed("./data/empty", tarfile.DIRTYPE)
    unpack(tar((root, b""), (empty, b""), ("./data/a", b"x")), "x.tar")
    assert (unpack.target / "data" / "empty").is_dir()
    unpack(zipped(("data/empty/", b""), ("data/a", b"x")), "x.zip")
    assert (unpack.target / "data" / "empty").is_dir()


@pytest.mark.parametrize(("mode", "kept"), [(0o4777, 0o755), (0o755, 0o755), (0o644, 0o644), (0o000, 0o644)])
def test_only_the_executable_bit_is_kept(unpack, mode, kept):
    for data, name in [(tar((typed("a", tarfile.REGTYPE, mode=mode), b"x")), "x.tar"),
                       (zipped((zip_member("a", stat.S_IFREG | mode), b"x")), "x.zip")]:  # fmt: skip
        unpack(data, name)
        assert stat.S_IMODE((unpack.target / "a").stat().st_mode) == kept
        assert stat.S_IMODE(unpack.target.stat().st_mode) == 0o755


def test_a_global_comment_as_github_writes_it_is_passed_over(unpack):
    data = pax((b"comment", b"0123abc"), kind=tarfile.XGLTYPE) + tar(("a", b"x"))
    assert unpack(data, "x.tar") == {"a": b"x"}


def test_zeros_after_the_end_marker_are_padding(unpack):
    assert unpack(tar(("a", b"x")) + bytes(20_480), "x.tar") == {"a": b"x"}


def test_archives_of_the_programs_people_use(unpack, tmp_path):
    source = tmp_path.parent / f"{tmp_path.name}-source"
    (source / "data").mkdir(parents=True)
    (source / "data" / "a.csv").write_bytes(TABLE)
    for name, options in [("x.tgz", "-czf"), ("x.tar", "-cf"), ("x.tar.bz2", "-cjf"), ("x.tar.xz", "-cJf")]:
        for program in ("tar", "bsdtar"):
            if shutil.which(program):
                made = source / name
                done = subprocess.run([program, options, made, "-C", source, "data"], capture_output=True)
                if done.returncode == 0:
                    assert unpack(made.read_bytes(), name) == {"data/a.csv": TABLE}


@pytest.mark.skipif(not HOUSING.exists(), reason=f"{HOUSING} is not there")
def test_the_housing_archive(tmp_path):
    extract(HOUSING, tmp_path / "housing", name="housing.tgz")
    assert (tmp_path / "housing" / "housing.csv").stat().st_size == 1_423_529


# What an archive is.


@pytest.mark.parametrize(
    "name", ["t.parquet", "t.xlsx", "m.npz", "m.skops", "d.docx", "a.jar", "a.whl", "a.csv", "zip"]
)
def test_a_file_whose_name_is_no_archives_is_left_alone(tmp_path, name):
    (tmp_path / "a").write_bytes(zipped(("a", b"x")))
    assert archive_kind(tmp_path / "a", name) is None
    with pytest.raises(UsageError, match="does not end as an archive"):
        extract(tmp_path / "a", tmp_path / "target", name=name)


def test_the_kind_is_decided_by_the_content(tmp_path):
    (tmp_path / "a").write_bytes(COMPRESS["bz2"](tar(("a", b"x"))))
    assert archive_kind(tmp_path / "a", "x.tar.gz") == ArchiveKind("tar", "bz2")
    assert archive_kind(tmp_path / "a", "x.bz2") == ArchiveKind("single", "bz2")


@pytest.mark.parametrize(
    ("content", "name", "looks_like"),
    [
        (b"\n<!DOCTYPE html><html>", "x.tgz", "an HTML page"),
        (b"<?xml version='1.0'?><Error/>", "x.tgz", "an XML document"),
        (b'{"error": 1}', "x.zip", "JSON"),
        (b"", "x.tgz", "an empty file"),
        (b"a,b\n1,2\n", "x.gz", "plain text"),
        ("é".encode() * 1023, "x.gz", "plain text"),
        (bytes(range(256)) * 4, "x.tar", "unknown binary data"),
        (b"Rar!\x1a\x07", "x.zip", "a RAR archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "x.zip", "a Git LFS pointer"),
        (gzip.compress(b"x", mtime=0), "x.zip", "gzip data"),
        (gzip.compress(b"x", mtime=0), "x.xz", "gzip data"),
        (zipped(("a", b"x")), "x.tgz", "a zip file"),
        (tar(("a", b"x")), "x.zip", "a tar archive"),
    ],
)
def test_what_is_no_archive_is_said_to_look_like_what_it_is(unpack, content, name, looks_like):
    unpack.refused(content, name, match=f"{name} is no archive: .* got .*{looks_like}")


@pytest.mark.parametrize("data", [TABLE, b"not a tar"])
def test_a_tgz_that_holds_no_tar_is_refused(unpack, data):
    unpack.refused(gzip.compress(data), "x.tgz", match="cut short|damaged")


# What is refused in a tar.

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


@pytest.mark.parametrize("case", HOSTILE_TARS)
@pytest.mark.parametrize("compression", ["", "gz"])
def test_a_hostile_or_damaged_tar_is_refused(unpack, case, compression):
    data, why = HOSTILE_TARS[case]
    if compression:
        why = why.replace("is no archive", "cut short")
    unpack.refused(COMPRESS[compression](data) if compression else data, "x.tar.gz", match=why)


# What is refused in a zip.

PLAIN_ZIP = zipped(("first.csv", TABLE), ("second.csv", TABLE))
STORED_ZIP = zipped(("a", TABLE), compression=zipfile.ZIP_STORED)
CENTRAL, LOCAL, END_RECORD = b"PK\1\2", b"PK\3\4", b"PK\5\6"
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


@pytest.mark.parametrize("case", HOSTILE_ZIPS)
def test_a_hostile_or_damaged_zip_is_refused(unpack, case):
    data, why = HOSTILE_ZIPS[case]
    unpack.refused(data, "x.zip", match=why)


# Compressed streams.


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("name", ["x.tar.{}", "x.{}"])
def test_a_cut_anywhere_in_a_compressed_file_is_refused(unpack, compression, name):
    data = COMPRESS[compression](tar(("a", TABLE)))
    for length in (len(data) // 2, len(data) - 9, len(data) - 4, len(data) - 1):
        unpack.refused(data[:length], name.format(compression), match="cut short|damaged")


@pytest.mark.parametrize("compression", COMPRESS)
def test_rubbish_after_a_compressed_stream_is_refused(unpack, compression):
    unpack.refused(COMPRESS[compression](TABLE) + b"rubbish", f"a.{compression}", match="damaged|cut short")


def test_a_damaged_second_stream_is_not_taken_for_rubbish(unpack):
    data = bz2.compress(TABLE) + b"BZx" + bz2.compress(TABLE)[3:]
    unpack.refused(data, "a.bz2", match="damaged")


@pytest.mark.parametrize("name", ["../x.gz", ".gz", "nul.gz", "a\nb.gz"])
def test_a_single_file_of_a_harmful_name_is_refused(unpack, name):
    unpack.refused(gzip.compress(b"x"), name)


SMALL = {"x.tgz": COMPRESS["gz"](tar(("a.csv", TABLE), ("b", b"x"))), "x.tar.bz2": bz2.compress(tar(("a.csv", TABLE))),
         "x.tar.xz": lzma.compress(tar(("a.csv", TABLE))), "x.zip": zipped(("a.csv", TABLE), ("b", b"x")),
         "x.csv.zst": COMPRESS["zst"](TABLE)}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_flipped_bit_gives_an_error_or_the_same_content(tmp_path, name):
    data = SMALL[name]
    (tmp_path / "archive").write_bytes(data)
    extract(tmp_path / "archive", tmp_path / "right", name=name)
    right = contents(tmp_path / "right")
    refused = 0
    for bit in range(0, len(data) * 8, 16):
        # Not always the same bit of a byte.
        bit += bit // 16 % 16  # noqa: PLW2901 - the offset belongs to the loop's own number
        flipped = bytearray(data)
        flipped[min(bit // 8, len(data) - 1)] ^= 1 << bit % 8
        (tmp_path / "archive").write_bytes(flipped)
        target = tmp_path / "target"
        try:
            extract(tmp_path / "archive", target, name=name)
        except IntegrityError:
            refused += 1
            assert not target.exists()
        else:
            assert contents(target) == right
            shutil.rmtree(target)
    assert refused > len(data) / 4


# Limits.


def zeros(megabytes):
    """A gzip stream of so many MiB of zeros, about a thousandth of that."""
    return gzip.compress(bytes(megabytes << 20), 9)


def test_a_bomb_is_refused_by_its_ratio(unpack):
    unpack.refused(zeros(40), "x.gz", match="more than 200 times")
    unpack.refused(zipped(("a", bytes(40 << 20))), "x.zip", match="more than 200 times")
    unpack.refused(gzip.compress(tar(("a", bytes(40 << 20)))), "x.tgz", match="more than 200 times")


def test_a_small_file_may_be_of_any_ratio(unpack):
    assert unpack(zeros(10), "x.gz") == {"x": bytes(10 << 20)}


def test_zeros_after_the_end_of_a_tar_count_too(unpack):
    unpack.refused(gzip.compress(tar(("a", b"x")) + bytes(40 << 20)), "x.tgz", match="more than 200 times")


def test_the_limits_can_be_set(unpack):
    ten = [(f"f{number}", b"x" * 100) for number in range(10)]
    for data, name in [(tar(*ten), "x.tar"), (zipped(*ten), "x.zip")]:
        unpack.refused(data, name, match="more than 9 members", limits=Limits(members=9))
        unpack.refused(data, name, match="more than 999 bytes", limits=Limits(bytes=999))
        assert len(unpack(data, name, limits=Limits(members=10, bytes=30_000))) == 10
    assert unpack(zeros(11), "x.gz", limits=Limits(ratio=2000)) == {"x": bytes(11 << 20)}


def test_a_zip_that_lies_about_its_sizes_is_stopped_while_it_comes_out(unpack):
    data = poke(zipped(("a", bytes(40 << 20))), CENTRAL, 24, struct.pack("<L", 5))
    unpack.refused(data, "x.zip")


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_bomb_is_refused_in_little_memory(tmp_path, compression):
    bomb = tmp_path / "bomb"
    bomb.write_bytes(COMPRESS[compression](bytes(256 << 20)))
    code = (
        "import sys, pathlib; from artifactflow.fetch.archive import extract, Limits\n"
        "from artifactflow.errors import IntegrityError\n"
        f"try: extract(pathlib.Path({str(bomb)!r}), pathlib.Path({str(tmp_path / 'out')!r}), name='b.{compression}')\n"
        "except IntegrityError as error: print(error)"
    )
    limit = 400 << 20  # of address space, which is more than what is resident
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert "more than 200 times" in done.stdout, done.stderr
    assert not (tmp_path / "out").exists()


# The target.


def test_a_target_that_exists_is_left_alone(unpack, tmp_path):
    (tmp_path / "archive").write_bytes(tar(("a", b"x")))
    for target in (tmp_path / "folder", tmp_path / "link"):
        if target.name == "folder":
            target.mkdir()
        else:
            target.symlink_to(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="exists"):
            extract(tmp_path / "archive", target, name="x.tar")
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_disk_that_fails_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "archive").write_bytes(tar(("a", TABLE * 500)))
    code = (
        "import pathlib, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from artifactflow.errors import OutsideError\nfrom artifactflow.fetch.archive import extract\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "try: extract(here / 'archive', here / 'target', name='x.tar')\n"
        "except OutsideError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert "File too large" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_an_archive_that_is_not_there_is_an_outside_error(tmp_path):
    with pytest.raises(OutsideError, match="No such file"):
        extract(tmp_path / "none", tmp_path / "target", name="x.tar")
