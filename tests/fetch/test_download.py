"""A file arrives whole, or there is a named error and no file."""

import fcntl
import hashlib
import json
import os
import pickle
import threading
from dataclasses import replace

import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError, UsageError
from artifactflow.fetch.download import fetch
from artifactflow.fetch.redirects import REDIRECT_LIMIT, redirect_target

BODY = bytes(range(256)) * 40
OTHER = bytes(reversed(range(256))) * 40
HALF = len(BODY) // 2
STRONG = {"ETag": '"one"'}


def rest_of(server, body, start, **headers):
    stated = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "ETag": '"one"', **headers}
    return server.say(206, body[start:], headers=stated)


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.fixture
def bring(tmp_path, patience):
    """Fetch into a folder; the partial folder is kept between calls."""

    def call(address, **options):
        options.setdefault("patience", patience)
        options.setdefault("partial_folder", tmp_path / "partial")
        return fetch(address, tmp_path / "out", **options)

    return call


# What works at once.


def test_a_file_arrives_with_its_digest_and_what_the_server_said(server, bring, tmp_path):
    dated = {"ETag": '"one"', "Last-Modified": "Fri, 31 Dec 1999 23:59:59 GMT"}
    address = server.answer("/dir/data.csv", server.say(200, BODY, headers=dated))
    fetched = bring(address)
    assert fetched.path == tmp_path / "out" / "data.csv"
    assert fetched.path.read_bytes() == BODY
    assert (fetched.file_name, fetched.address) == ("data.csv", address)
    assert (fetched.digest, fetched.size) == (Digest.of(BODY), len(BODY))
    assert (fetched.etag, fetched.last_modified) == (dated["ETag"], dated["Last-Modified"])
    assert fetched.length_verified
    assert files_in(tmp_path / "out") == ["data.csv"]
    assert files_in(tmp_path / "partial") == []


def test_an_empty_file_is_a_file(server, bring):
    fetched = bring(server.answer("/empty", server.say()))
    assert (fetched.size, fetched.path.read_bytes()) == (0, b"")


def test_progress_is_told_bytes_and_total(server, bring):
    told = []
    bring(server.answer("/a", server.say(200, BODY)), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_bytes_are_kept_as_served_and_no_encoding_is_asked_for(server, bring):
    import gzip

    packed = gzip.compress(BODY)
    fetched = bring(server.answer("/a", server.say(200, packed, headers={"Content-Encoding": "gzip"})))
    assert fetched.path.read_bytes() == packed
    assert server.requests[0][1]["accept-encoding"] == "identity"


def test_the_length_counts_as_verified_only_where_a_cut_would_show(server, bring):
    assert not bring(server.answer("/a", server.say(200, BODY, length=False))).length_verified
    assert bring(server.answer("/b", server.say(200, BODY, chunked=True))).length_verified
    known = bring(server.answer("/c", server.say(200, BODY, length=False)), sha256=Digest.of(BODY).hexadecimal)
    assert known.length_verified


def test_a_file_without_partial_folder_leaves_nothing_else(server, tmp_path, patience):
    fetch(server.answer("/a", server.say(200, BODY, headers=STRONG)), tmp_path / "out", patience=patience)
    assert files_in(tmp_path) == ["a", "out"]


# Digests.


@pytest.mark.parametrize("form", ["{}", "sha256:{}", " {} "])
def test_the_right_sha256_passes_in_any_form(server, bring, form, tmp_path):
    bring(server.answer("/a", server.say(200, BODY)), sha256=form.format(Digest.of(BODY).hexadecimal.upper()))
    assert (tmp_path / "out" / "a").read_bytes() == BODY


def test_a_wrong_sha256_is_refused_with_both_and_leaves_nothing(server, bring, tmp_path):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG))
    with pytest.raises(IntegrityError) as caught:
        bring(address, sha256=Digest.of(OTHER).hexadecimal)
    assert str(Digest.of(OTHER)) in caught.value.message
    assert str(Digest.of(BODY)) in caught.value.message
    assert files_in(tmp_path / "out") == files_in(tmp_path / "partial") == []


def test_a_sha256_that_is_none_is_refused_before_anything_is_asked(server, bring):
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        bring(server.answer("/a", server.say(200, BODY)), sha256="abc")
    assert server.requests == []


# Failures, and which of them are tried again.


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410, 416, 501])
def test_an_answer_that_will_not_change_is_not_asked_for_again(server, bring, status, tmp_path):
    with pytest.raises(OutsideError, match=f"answered {status}") as caught:
        bring(server.answer("/a", server.say(status)))
    assert len(server.requests) == 1
    assert caught.value.hint
    assert files_in(tmp_path / "out") == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(server, bring, status, slept):
    fetched = bring(server.answer("/a", server.say(status), server.say(status), server.say(200, BODY)))
    assert fetched.path.read_bytes() == BODY
    assert len(slept) == 2


def test_a_lasting_500_ends_after_five_tries(server, bring, slept):
    with pytest.raises(OutsideError, match=r"answered 500 .*\(5 tries\)"):
        bring(server.answer("/a", server.say(500)))
    assert len(server.requests) == 5
    assert len(slept) == 4


@pytest.mark.parametrize(("header", "expected"), [("7", 7.0), ("0", None)])
def test_retry_after_is_kept(server, bring, slept, header, expected):
    bring(server.answer("/a", server.say(429, headers={"Retry-After": header}), server.say(200, BODY)))
    assert slept == ([expected] if expected else [])


def test_a_retry_after_beyond_the_bound_ends_at_once(server, bring, slept):
    with pytest.raises(OutsideError, match="asks to come back in 3600 s"):
        bring(server.answer("/a", server.say(503, headers={"Retry-After": "3600"})))
    assert (len(server.requests), slept) == (1, [])


def test_a_server_that_is_not_there_is_named(bring, server, slept):
    address = server.address
    server.server_close()
    with pytest.raises(OutsideError, match="no connection to the server: Connection refused") as refused:
        bring(f"{address}/a")
    assert refused.value.hint == "check the address and the network, then run the same command again"
    assert len(slept) == 4


def test_silence_ends_by_the_read_timeout(server, bring, patience):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(OutsideError, match="went quiet at 0 bytes"):
            bring(f"http://127.0.0.1:{port}/a", patience=replace(patience, read=0.05, tries=2))


def test_a_stalled_transfer_is_given_up(server, bring, patience):
    ticks = iter(range(0, 100_000, 61))
    stalling = replace(patience, clock=lambda: next(ticks), tries=2)
    with pytest.raises(OutsideError, match="stalled below 1024 bytes/s"):
        bring(server.answer("/a", server.say(200, BODY)), patience=stalling)


def test_what_is_no_http_at_all_is_a_named_error(bring, server):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as odd:

        def talk():
            for _ in range(5):
                connection, _ = odd.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        with pytest.raises(OutsideError, match="the connection broke"):
            bring(f"http://127.0.0.1:{odd.getsockname()[1]}/a?key=CANARY")
        thread.join()


# Cuts and resumption.


def test_a_cut_body_is_resumed_from_where_it_stopped(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    fetched = bring(server.answer("/a", cut, rest_of(server, BODY, HALF)))
    assert fetched.path.read_bytes() == BODY
    assert fetched.digest == Digest.of(BODY)
    assert fetched.length_verified
    second = server.requests[1][1]
    assert (second["range"], second["if-range"]) == (f"bytes={HALF}-", '"one"')


def test_the_next_call_resumes_what_the_last_one_left(server, bring, tmp_path):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG, sent=HALF), server.say(404))
    with pytest.raises(OutsideError):
        bring(address)
    assert len(files_in(tmp_path / "partial")) == 2
    server.answer("/a", rest_of(server, BODY, HALF))
    assert bring(address).path.read_bytes() == BODY
    assert files_in(tmp_path / "partial") == []


def test_a_body_that_is_always_cut_is_an_error_with_both_sizes(server, bring, tmp_path):
    with pytest.raises(OutsideError, match="cut short: got 5,120 of 10,240 bytes"):
        bring(server.answer("/a", server.say(200, BODY, sent=HALF)))
    assert files_in(tmp_path / "out") == files_in(tmp_path / "partial") == []


def test_a_cut_chunked_body_is_noticed(server, bring):
    with pytest.raises(OutsideError, match="cut short at 5,120 bytes"):
        bring(server.answer("/a", server.say(200, BODY, chunked=True, sent=HALF)))


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}, {"ETag": "bare"}, {"Last-Modified": "x"}])
def test_without_a_strong_validator_it_starts_over(server, bring, headers):
    cut = server.say(200, BODY, headers=headers, sent=HALF)
    assert bring(server.answer("/a", cut, server.say(200, BODY))).path.read_bytes() == BODY
    assert "range" not in server.requests[1][1]


def test_a_changed_file_is_taken_anew(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    fetched = bring(server.answer("/a", cut, server.say(200, OTHER, headers={"ETag": '"two"'})))
    assert fetched.path.read_bytes() == OTHER
    assert fetched.etag == '"two"'


def test_a_range_of_another_file_is_never_appended(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    lying = rest_of(server, OTHER, HALF, ETag='"two"')
    assert bring(server.answer("/a", cut, lying, server.say(200, OTHER))).path.read_bytes() == OTHER


def test_an_ignored_range_starts_over(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    assert bring(server.answer("/a", cut, server.say(200, BODY, headers=STRONG))).path.read_bytes() == BODY


@pytest.mark.parametrize(
    "stated",
    ["", "bytes", "bytes 0-10239/10240", "bytes 5119-10239/10240", "bytes 5121-10239/10240", "bytes 5120-10239/10241",
     "bytes 5120-10238/10240", "bytes 5120-5119/10240", "bytes */10240", "items 5120-10239/10240"],
)  # fmt: skip
def test_a_wrong_content_range_is_an_error_and_the_next_call_starts_over(server, bring, tmp_path, stated):
    assert (HALF, len(BODY)) == (5120, 10240)
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    address = server.answer("/a", cut, rest_of(server, BODY, HALF, **{"Content-Range": stated}))
    with pytest.raises(OutsideError, match="Content-Range"):
        bring(address)
    assert files_in(tmp_path / "out") == []
    server.answer("/a", server.say(200, BODY))
    assert bring(address).path.read_bytes() == BODY


def test_a_range_of_unknown_total_is_accepted_where_it_ends_right(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    rest = rest_of(server, BODY, HALF, **{"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/*"})
    assert bring(server.answer("/a", cut, rest)).path.read_bytes() == BODY


def test_416_starts_over(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    again = server.say(200, BODY[:100], headers={"ETag": '"two"'})
    assert bring(server.answer("/a", cut, server.say(416), again)).path.read_bytes() == BODY[:100]


def test_a_resumed_range_can_be_cut_and_resumed_again(server, bring):
    cut = server.say(200, BODY, headers=STRONG, sent=HALF)
    rest = rest_of(server, BODY, HALF)
    rest.sent = 100
    assert bring(server.answer("/a", cut, rest, rest_of(server, BODY, HALF + 100))).path.read_bytes() == BODY


@pytest.mark.parametrize("damage", ["not json", "{}", "[]", '{"etag": 1}'])
def test_a_damaged_sidecar_starts_over(server, bring, tmp_path, damage):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG, sent=HALF), server.say(404))
    with pytest.raises(OutsideError):
        bring(address)
    (sidecar,) = (tmp_path / "partial").glob("*.json")
    sidecar.write_text(damage)
    server.answer("/a", server.say(200, BODY))
    assert bring(address).path.read_bytes() == BODY
    assert "range" not in server.requests[-1][1]


def test_two_downloads_of_one_address_are_kept_apart(server, bring, tmp_path):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG, sent=HALF), server.say(404))
    with pytest.raises(OutsideError):
        bring(address)
    (part,) = (tmp_path / "partial").glob("*.part")
    server.answer("/a", server.say(200, OTHER))
    with part.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert bring(address).path.read_bytes() == OTHER
    assert part.read_bytes() == BODY[:HALF]


def test_many_at_once_all_get_the_whole_file(server, tmp_path, patience):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG))
    failures = []

    def one(number):
        try:
            folder = tmp_path / str(number)
            assert fetch(address, folder, partial_folder=tmp_path / "partial", patience=patience).size == len(BODY)
            assert (folder / "a").read_bytes() == BODY
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# Redirects and secrets.


def test_redirects_are_followed(server, bring):
    server.answer("/b", server.say(302, headers={"Location": "c/data.csv"}))
    server.answer("/c/data.csv", server.say(200, BODY))
    fetched = bring(server.answer("/a", server.say(301, headers={"Location": "/b"})))
    assert fetched.path.read_bytes() == BODY
    assert fetched.file_name == "a"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/a", "in a circle"),
        ("file:///etc/passwd", "neither http nor https"),
        ("data:text/plain,x", "neither http nor https"),
        ("ftp://host/x", "neither http nor https"),
        ("http://[x", "no address"),
        ("http://a:b:c/", "no address"),
        (None, "without saying where"),
    ],
)
def test_a_redirect_to_nowhere_good_is_refused(server, bring, tmp_path, location, message):
    with pytest.raises(OutsideError, match=message):
        bring(server.answer("/a", server.say(302, headers={"Location": location} if location else {})))
    assert len(server.requests) == 1
    assert files_in(tmp_path / "out") == []


def test_endless_redirects_end(server, bring):
    for number in range(REDIRECT_LIMIT + 2):
        server.answer(f"/{number}", server.say(302, headers={"Location": f"/{number + 1}"}))
    with pytest.raises(OutsideError, match="more than 10 times"):
        bring(f"{server.address}/0")


def test_a_redirect_from_https_to_http_is_refused():
    from urllib3.util import parse_url

    secure = parse_url("https://host/a?key=CANARY")
    with pytest.raises(OutsideError, match="from https to http") as caught:
        redirect_target(secure, "http://host/a?key=CANARY")
    assert "CANARY" not in str(caught.value)
    assert redirect_target(secure, "https://u:p@other/b#c").url == "https://other/b"
    assert redirect_target(parse_url("http://host/a"), "https://host/a").url == "https://host/a"


def test_credentials_are_sent_to_their_own_origin_only(server, bring):
    server.answer("/b", server.say(302, headers={"Location": f"http://localhost:{server.server_port}/c"}))
    server.answer("/c", server.say(302, headers={"Location": f"{server.address}/d"}))
    server.answer("/d", server.say(200, BODY))
    server.answer("/a", server.say(302, headers={"Location": "/b"}))
    bring(f"http://me:a%20word@127.0.0.1:{server.server_port}/a")
    sent = {path: headers.get("authorization") for path, headers in server.requests}
    assert sent == {"/a": "Basic bWU6YSB3b3Jk", "/b": "Basic bWU6YSB3b3Jk", "/c": None, "/d": None}


def test_no_secret_stands_in_messages_results_or_on_disk(server, bring, tmp_path, patience):
    host = f"me:CANARY@127.0.0.1:{server.server_port}"
    seen = []

    def fails(path, *answers, **options):
        server.answer(path, *answers)
        with pytest.raises(Exception) as caught:
            bring(f"http://{host}{path}?sig=CANARY", **options)
        seen.append(repr(pickle.loads(pickle.dumps(caught.value)).__dict__))

    fails("/1", server.say(404))
    fails("/2", server.say(500))
    fails("/3", server.say(200, BODY, sent=5))
    fails("/4", server.say(302, headers={"Location": "file:///x?CANARY"}))
    fails("/5", server.say(302, headers={"Location": "http://u:CANARY@127.0.0.1:1/x?y=CANARY"}))
    fails("/6", server.say(302, headers={"Location": "/6?sig=CANARY"}))
    fails("/7", server.say(200, BODY), sha256="0" * 64)
    fails("/8", server.say(503, headers={"Retry-After": "9999"}))
    fails("/9", server.say(200, BODY, headers=STRONG, sent=HALF), server.say(404))
    seen += [path.read_bytes().decode("latin-1") + path.name for path in (tmp_path / "partial").iterdir()]
    fetched = bring(f"http://{host}{'/ok'}?sig=CANARY") if server.answer("/ok", server.say(200, BODY)) else None
    seen.append(repr(fetched))
    assert not [text for text in seen if "CANARY" in text]


# Files that are here already.


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_local_file_is_copied(bring, tmp_path, form):
    (tmp_path / "a.csv").write_bytes(BODY)
    fetched = bring(form.format(tmp_path / "a.csv"), sha256=hashlib.sha256(BODY).hexdigest())
    assert fetched.path.read_bytes() == BODY
    assert (fetched.digest, fetched.size, fetched.length_verified) == (Digest.of(BODY), len(BODY), True)
    assert files_in(tmp_path / "out") == ["a.csv"]


def test_relative_and_home_paths_are_understood(bring, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(BODY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bring("a.csv").size == bring("~/a.csv").size == len(BODY)


def test_a_missing_local_file_offers_its_neighbour(bring, tmp_path):
    (tmp_path / "housing.csv").touch()
    with pytest.raises(NotFoundError) as caught:
        bring(str(tmp_path / "houses.csv"))
    assert caught.value.hint == "did you mean housing.csv?"


def test_a_local_file_with_another_sha256_is_refused(bring, tmp_path):
    (tmp_path / "a.csv").write_bytes(BODY)
    with pytest.raises(IntegrityError, match="expected sha256:0000"):
        bring(str(tmp_path / "a.csv"), sha256="0" * 64)
    assert files_in(tmp_path / "out") == []


def test_only_plain_files_are_read(bring, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, message in [(tmp_path / "pipe", "not a plain file"), (tmp_path, "is a folder")]:
        with pytest.raises(UsageError, match=message):
            bring(str(path))


@pytest.mark.parametrize("address", ["", "sftp://host/key?CANARY", "ftp://h/x", "http://", "http://a b", "~nobody-x/a"])
def test_an_address_that_cannot_be_fetched_is_a_usage_error(bring, address):
    with pytest.raises(UsageError) as caught:
        bring(address)
    assert "CANARY" not in str(caught.value)


def test_package_data_is_copied(bring):
    fetched = bring("pkg:sklearn.datasets.data/iris.csv")
    assert fetched.file_name == "iris.csv"
    assert fetched.path.read_bytes().startswith(b"150,4,setosa")


def test_a_full_disk_is_named(server, bring, tmp_path):
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(OutsideError, match="cannot write"):
        bring(server.answer("/a", server.say(200, BODY)))


def test_the_sidecar_says_what_the_bytes_are_a_part_of(server, bring, tmp_path):
    address = server.answer("/a", server.say(200, BODY, headers=STRONG, sent=HALF), server.say(404))
    with pytest.raises(OutsideError):
        bring(address)
    (sidecar,) = (tmp_path / "partial").glob("*.json")
    assert json.loads(sidecar.read_text()) == {"etag": '"one"', "address": address, "total": len(BODY)}
