"""Archives: everything in them, inside the target, or an error and no target."""

import bz2
import gzip
import io
import resource
import runpy
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
made = runpy.run_path(str(Path(__file__).with_name("hostile_archives.py")))
TABLE, FILES = made["TABLE"], made["FILES"]
tar, typed, header, pax = made["tar"], made["typed"], made["header"], made["pax"]
zipped, zip_member, poke, CENTRAL = made["zipped"], made["zip_member"], made["poke"], made["CENTRAL"]
COMPRESS = {**made["COMPRESS"], "zst": zstandard.ZstdCompressor(write_checksum=True).compress}


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


# Links, where they are to be left out.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "x.tar",
            tar(
                ("a", b"x"),
                (typed("up", tarfile.SYMTYPE, linkname=".."), b""),
                (typed("d", tarfile.SYMTYPE, linkname="/tmp"), b""),
                ("d/b", b"y"),
                (typed("hard", tarfile.LNKTYPE, linkname="a"), b""),
            ),
        ),
        (
            "x.zip",
            zipped(
                ("a", b"x"),
                (zip_member("up", stat.S_IFLNK | 0o777), b".."),
                (zip_member("d", stat.S_IFLNK | 0o777), b"/tmp"),
                ("d/b", b"y"),
                (zip_member("hard/", stat.S_IFLNK), b""),
            ),
        ),
    ],
)
def test_links_are_left_out_where_that_is_asked_for_and_counted(tmp_path, name, data):
    (tmp_path / "archive").write_bytes(data)
    assert extract(tmp_path / "archive", tmp_path / "target", name=name, skip_links=True) == 3
    assert contents(tmp_path / "target") == {"a": b"x", "d/b": b"y"}
    assert not [path for path in (tmp_path / "target").rglob("*") if path.is_symlink()]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (tar((typed("../a", tarfile.SYMTYPE, linkname="b"), b"")), "leads out"),
        (header("a", kind=tarfile.SYMTYPE, size=512) + bytes(1536), "symbolic link with content"),
        (header("a", kind=tarfile.GNUTYPE_SPARSE) + bytes(1024), "sparse"),
        (tar((typed("a", tarfile.FIFOTYPE), b"")), "named pipe"),
        (
            tar(*((typed(f"l{number}", tarfile.SYMTYPE, linkname="x"), b"") for number in range(4))),
            "more than 3 members",
        ),
    ],
)
def test_leaving_links_out_allows_nothing_else(unpack, data, why):
    unpack.refused(data, "x.tar", match=why, skip_links=True, limits=Limits(members=3))


def test_a_link_that_is_left_out_of_a_zip_is_verified_all_the_same(unpack):
    data = zipped((zip_member("up", stat.S_IFLNK | 0o777), b"target"), compression=zipfile.ZIP_STORED)
    unpack.refused(data.replace(b"target", b"tarXet"), "x.zip", match="damaged", skip_links=True)


@pytest.mark.parametrize(
    ("limits", "option"),
    [(Limits(bytes=1), "--max-size"), (Limits(members=0, ratio=9999), "--max-files"), (Limits(ratio=1), "--max-ratio")],
)
def test_a_limit_names_the_option_that_raises_it(tmp_path, limits, option):
    (tmp_path / "a").write_bytes(gzip.compress(tar(("a", bytes(11 << 20)))))
    with pytest.raises(IntegrityError) as caught:
        extract(tmp_path / "a", tmp_path / "target", name="x.tgz", limits=limits)
    assert option in caught.value.hint


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


MEASURED = """
import pathlib, sys, time
from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive import extract
bomb, target, name = sys.argv[1:]
begun = time.monotonic()
try:
    extract(pathlib.Path(bomb), pathlib.Path(target), name=name)
except IntegrityError as error:
    print(error)
status = pathlib.Path("/proc/self/status").read_text()  # what getrusage says begins with the parent's memory
print(time.monotonic() - begun, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
"""


def explode(bomb, name):
    """What is said of a bomb, and the seconds and bytes of memory that this took."""
    command = [sys.executable, "-c", MEASURED, bomb, bomb.parent / "out", name]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert not (bomb.parent / "out").exists()
    *said, measured = done.stdout.splitlines()
    seconds, memory = measured.split()
    return "".join(said), float(seconds), int(memory)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@needs_proc
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_bomb_is_refused_in_little_memory(tmp_path, compression):
    # Streams one after another are one file: 320 MiB come of them.
    (tmp_path / "bomb").write_bytes(COMPRESS[compression](bytes(16 << 20)) * 20)
    said, _, memory = explode(tmp_path / "bomb", f"b.{compression}")
    assert "more than 200 times" in said
    assert memory < 300_000_000


@needs_proc
@pytest.mark.torture
@pytest.mark.parametrize("compression", [*COMPRESS, "zip"])
def test_a_bomb_of_ten_gigabytes_is_refused_in_five_seconds(tmp_path, compression):
    if compression == "zip":
        members = [(f"{number}", bytes(64 << 20)) for number in range(160)]
        (tmp_path / "bomb").write_bytes(zipped(*members))
    else:
        (tmp_path / "bomb").write_bytes(COMPRESS[compression](bytes(64 << 20)) * 160)
    said, seconds, memory = explode(tmp_path / "bomb", f"b.{compression}")
    assert "more than" in said
    assert seconds < 5
    assert memory < 300_000_000


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
