"""What a server can do wrong, as one table: the right file arrives, or a named error and no file. Never a mixed one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from artifactflow.errors import ArtifactflowError, OutsideError, UsageError
from artifactflow.fetch.download import fetch

BODY = bytes(range(256)) * 40
OTHER = bytes(reversed(range(256))) * 40
SIZE = len(BODY)
HALF = SIZE // 2
ONE, TWO, WEAK = {"ETag": '"one"'}, {"ETag": '"two"'}, {"ETag": 'W/"one"'}


def part(body: bytes, start: int, *, etag: str = '"one"', stated: str | None = None, **options: object):
    """An answer of 206 from `start` on."""
    content_range = stated if stated is not None else f"bytes {start}-{len(body) - 1}/{len(body)}"
    headers = {"Content-Range": content_range, "ETag": etag, **options.pop("headers", {})}
    return lambda server: server.say(206, body[start:], headers=headers, **options)


def whole(body: bytes = BODY, headers: dict[str, str] = ONE, **options: object):
    return lambda server: server.say(200, body, headers=dict(headers), **options)


def says(status: int, **headers: str):
    return lambda server: server.say(status, b"not the file", headers=headers)


def leads(location: str, status: int = 302):
    return lambda server: server.say(status, headers={"Location": location.replace("SERVER", server.address)})


CUT = whole(sent=HALF)


@dataclass(frozen=True)
class Case:
    """The answers to `/data.bin`, one after another, and what comes of them: these bytes, or an error that says so."""

    name: str
    answers: list[Callable]
    gives: bytes | None = None
    refused: str = ""
    asked: int = 0
    elsewhere: dict[str, Callable] = field(default_factory=dict)
    error: type[ArtifactflowError] = OutsideError
    length_verified: bool = True


CASES = [
    # Whole at once.
    Case("a plain answer", [whole()], BODY, asked=1),
    Case("an empty file", [whole(b"")], b"", asked=1),
    Case("a chunked body", [whole(chunked=True)], BODY, asked=1),
    Case("no length at all", [whole(length=False)], BODY, asked=1, length_verified=False),
    Case("an encoding that nobody asked for", [whole(headers={"Content-Encoding": "gzip"})], BODY, asked=1),
    Case("two lengths that agree", [whole(headers={"Content-Length": f"{SIZE}, {SIZE}"})], BODY, asked=1),
    # Cut, and gone on with.
    Case("a cut, then the rest", [CUT, part(BODY, HALF)], BODY, asked=2),
    Case("a cut, twice", [CUT, part(BODY, HALF, sent=100), part(BODY, HALF + 100)], BODY, asked=3),
    Case("a cut before the first byte", [whole(sent=0), whole()], BODY, asked=2),
    Case("a cut of a chunked body", [whole(chunked=True, sent=HALF), part(BODY, HALF)], BODY, asked=2),
    Case("a cut, and a range of unknown total", [CUT, part(BODY, HALF, stated=f"bytes {HALF}-{SIZE - 1}/*")], BODY),
    Case("a cut, and the range is ignored", [CUT, whole()], BODY, asked=2),
    Case("a cut, and the file has changed", [CUT, whole(OTHER, TWO)], OTHER, asked=2),
    Case("a cut, and part of another file", [CUT, part(OTHER, HALF, etag='"two"'), whole(OTHER, TWO)], OTHER, asked=3),
    Case("a cut, and the range is gone", [CUT, says(416), whole(OTHER[:9], TWO)], OTHER[:9], asked=3),
    Case("a cut with a weak validator only", [whole(headers=WEAK, sent=HALF), whole(OTHER, TWO)], OTHER, asked=2),
    Case("a cut, then a pause that was asked for", [CUT, says(503, **{"Retry-After": "7"}), part(BODY, HALF)], BODY),
    Case("a cut every time", [whole(headers={}, sent=HALF)], refused="cut short: got 5,120 of 10,240", asked=5),
    Case("a cut every time, chunked", [whole(headers={}, chunked=True, sent=HALF)], refused="cut short", asked=5),
    # Ranges that do not fit.
    Case("no Content-Range", [CUT, part(BODY, HALF, stated="")], refused="Content-Range ''", asked=2),
    Case("a range from 0", [CUT, part(BODY, HALF, stated=f"bytes 0-{SIZE - 1}/{SIZE}")], refused="Content-Range"),
    Case(
        "a range one byte on",
        [CUT, part(BODY, HALF + 1, stated=f"bytes {HALF + 1}-{SIZE - 1}/{SIZE}")],
        refused="expected the range from byte 5120/10240",
    ),
    Case(
        "a range of a longer file",
        [CUT, part(BODY, HALF, stated=f"bytes {HALF}-{SIZE}/{SIZE + 1}")],
        refused="Content-Range",
    ),
    Case(
        "a range that ends too early",
        [CUT, part(BODY, HALF, stated=f"bytes {HALF}-{SIZE - 2}/{SIZE}")],
        refused="Content-Range",
    ),
    Case(
        "several ranges at once",
        [CUT, part(BODY, HALF, stated="", headers={"Content-Type": "multipart/byteranges; boundary=x"})],
        refused="Content-Range",
    ),
    Case(
        "a range longer than it states",
        [CUT, part(BODY, HALF, headers={"Content-Length": str(HALF + 1)})],
        refused="Content-Range",
    ),
    Case("a part that nobody asked for", [part(BODY, HALF)], refused="answered 206", asked=1),
    # Headers that two readers read in two ways.
    Case("two lengths", [whole(headers={"Content-Length": "5, 7"})], refused="length of the body in two", asked=1),
    Case("a negative length", [whole(headers={"Content-Length": "-5"})], refused="states the length '-5'", asked=1),
    Case("a length in words", [whole(headers={"Content-Length": "10k"})], refused="states the length", asked=1),
    Case(
        "an unknown transfer coding",
        [whole(headers={"Transfer-Encoding": "gzip, chunked"}, length=False)],
        refused="transfer coding 'gzip, chunked'",
        asked=1,
    ),
    # Answers that are not the file.
    Case("404", [says(404)], refused="answered 404", asked=1),
    Case("401", [says(401)], refused="answered 401", asked=1),
    Case("an empty 204", [lambda server: server.say(204)], refused="answered 204", asked=1),
    Case("304 without a condition", [lambda server: server.say(304)], refused="answered 304", asked=1),
    Case("500, then the file", [says(500), whole()], BODY, asked=2),
    Case("500 for ever", [says(500)], refused=r"answered 500 .*\(5 tries\)", asked=5),
    Case("429 with seconds", [says(429, **{"Retry-After": "3"}), whole()], BODY, asked=2),
    Case(
        "429 with a date that has passed",
        [says(429, **{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), whole()],
        BODY,
        asked=2,
    ),
    Case("429 with a date far away", [says(429, **{"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})],
         refused="asks to come back in", asked=1),
    Case("503 for an hour", [says(503, **{"Retry-After": "3600"})], refused="come back in 3600 s", asked=1),
    # Redirects.
    Case("a redirect", [leads("/there/x")], BODY, asked=2, elsewhere={"/there/x": whole()}),
    Case("a redirect to itself", [leads("/data.bin")], refused="in a circle", asked=1),
    Case("a circle of two", [leads("/b")], refused="in a circle", asked=2, elsewhere={"/b": leads("/data.bin")}),
    Case("a redirect to a file", [leads("file:///etc/passwd")], refused="neither http nor https", asked=1),
    Case("a redirect to a gopher", [leads("gopher://127.0.0.1/x")], refused="neither http nor https", asked=1),
    Case("a redirect without a target", [says(302)], refused="without saying where to", asked=1),
    Case(
        "the rest from elsewhere",
        [CUT, leads("/mirror")],
        OTHER,
        asked=5,
        elsewhere={"/mirror": [part(OTHER, HALF), whole(OTHER, ONE)]},
    ),
]  # fmt: skip


def test_there_are_thirty_cases_at_least():
    assert len({case.name for case in CASES}) == len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_file_or_a_named_error(server, patience, tmp_path, case):
    answers = [answer(server) for answer in case.answers]
    address = server.answer("/data.bin", *answers)
    for path, others in case.elsewhere.items():
        server.answer(path, *(other(server) for other in (others if isinstance(others, list) else [others])))
    partial = tmp_path / "partial"

    def bring():
        return fetch(address, tmp_path / "out", partial_folder=partial, patience=patience)

    if case.gives is not None:
        fetched = bring()
        assert fetched.path.read_bytes() == case.gives
        assert fetched.length_verified is case.length_verified
        assert list(partial.iterdir()) == []
    else:
        with pytest.raises(case.error, match=case.refused) as caught:
            bring()
        assert caught.value.hint
        assert list((tmp_path / "out").iterdir()) == []
    if case.asked:
        assert len(server.requests) == case.asked
    # Whatever was left over of the failure, the next call gives the file as it is by then and nothing else.
    server.answer("/data.bin", server.say(200, OTHER, headers={"ETag": '"three"'}))
    assert bring().path.read_bytes() == OTHER


def test_headers_that_are_dripped_are_not_waited_for(patience, tmp_path, server):
    import socket
    import threading

    asked = []
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip(connection):
            with connection:
                asked.append(connection.recv(4096))
                try:
                    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100_000:
                        connection.sendall(bytes([byte]))
                        threading.Event().wait(0.01)
                except OSError:
                    pass

        def serve():
            for _ in range(2):
                threading.Thread(target=drip, args=(dripping.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        hurried = replace(patience, answer=0.1, tries=2)
        with pytest.raises(OutsideError, match="the connection broke"):
            fetch(f"http://127.0.0.1:{dripping.getsockname()[1]}/a", tmp_path / "out", patience=hurried)
    assert len(asked) == 2


# Asked whether it is the same still.


@pytest.mark.parametrize(
    ("etag", "date", "sent"),
    [
        ('"one"', "Fri, 31 Dec 1999 23:59:59 GMT", {"if-none-match": '"one"'}),
        ('W/"one"', None, {"if-none-match": 'W/"one"'}),
        (None, "Fri, 31 Dec 1999 23:59:59 GMT", {"if-modified-since": "Fri, 31 Dec 1999 23:59:59 GMT"}),
        (None, None, {}),
    ],
)
def test_a_known_file_is_asked_for_by_what_the_server_said_of_it(server, patience, tmp_path, etag, date, sent):
    from artifactflow.fetch.http import Validators

    address = server.answer("/a", server.say(304 if sent else 200, b"" if sent else BODY))
    fetched = fetch(address, tmp_path / "out", patience=patience, known=Validators(etag, date))
    assert (fetched is None) == bool(sent)
    asked = server.requests[0][1]
    assert {name: asked[name] for name in ("if-none-match", "if-modified-since") if name in asked} == sent


def test_a_half_that_was_left_is_thrown_away_where_the_known_file_is_the_one(server, patience, tmp_path):
    from artifactflow.fetch.http import Validators

    partial = tmp_path / "partial"
    address = server.answer("/a", server.say(200, BODY, headers=TWO, sent=HALF), server.say(404))
    with pytest.raises(OutsideError):
        fetch(address, tmp_path / "out", partial_folder=partial, patience=patience)
    server.answer("/a", server.say(304))
    known = Validators('"one"', None)
    assert fetch(address, tmp_path / "out", partial_folder=partial, patience=patience, known=known) is None
    assert list(partial.iterdir()) == []


def test_an_object_that_is_none_is_a_usage_error(patience, tmp_path):
    with pytest.raises(UsageError, match="names no object"):
        fetch("s3://bucket", tmp_path, patience=patience)
