"""No private address once a public server has had the say; and no name means two things in one connection."""

import socket
from dataclasses import replace

import pytest

from artifactflow.errors import OutsideError
from artifactflow.fetch import peers
from artifactflow.fetch.download import fetch
from artifactflow.fetch.peers import Gate, is_private

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
     "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255",
     "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
     "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1"],
)  # fmt: skip
def test_an_address_of_the_inside_is_private_in_every_clothing(address):
    assert is_private(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_an_address_of_the_internet_is_not(address):
    assert not is_private(address)


def test_the_gate_closes_behind_the_first_public_server():
    gate = Gate()
    gate.pass_through("intranet", ["10.0.0.1"])
    gate.pass_through("host", [PUBLIC])
    gate.pass_through("other", ["1.1.1.1", PUBLIC])
    with pytest.raises(OutsideError, match=r"redirects to metadata \(169.254.169.254\)") as caught:
        gate.pass_through("metadata", ["169.254.169.254"])
    assert "--allow-private" in caught.value.hint
    with pytest.raises(OutsideError):
        gate.pass_through("both", [PUBLIC, "127.0.0.1"])
    gate.allow_private = True
    gate.pass_through("metadata", ["169.254.169.254"])


def test_behind_a_proxy_addresses_are_judged_and_names_are_the_proxys():
    gate = Gate()
    gate.pass_literal("name-that-the-proxy-knows")
    for literal in ("127.0.0.1", "[::1]", "[fe80::1%25eth0]"):
        with pytest.raises(OutsideError):
            gate.pass_literal(literal)


@pytest.fixture
def resolved(monkeypatch):
    """Names with the addresses that they resolve to, one list for each time that they are asked for."""
    answers: dict[str, list[list[str]]] = {}
    asked: list[str] = []

    def resolve(host, port, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in answers:
            return real(host, port, *arguments, **options)
        asked.append(name)
        found = answers[name].pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answers["asked"] = asked  # type: ignore[assignment]
    return answers


@pytest.fixture
def inside_only_by_name(monkeypatch):
    """Loopback counts as public where it is the server of the test, and `::1` as private: nothing else is at hand."""
    judge = is_private
    monkeypatch.setattr(peers, "is_private", lambda address: address != "127.0.0.1" and judge(address))


@pytest.mark.usefixtures("inside_only_by_name")
@pytest.mark.parametrize("target", ["http://[::1]:PORT/x", "http://inside:PORT/x"])
def test_a_redirect_into_the_private_network_is_refused(server, patience, tmp_path, resolved, target):
    resolved["inside"] = [["10.0.0.7"]]
    target = target.replace("PORT", str(server.server_port))
    address = server.answer("/a", server.say(302, headers={"Location": target}))
    with pytest.raises(OutsideError, match="an address of a private network") as caught:
        fetch(address, tmp_path / "out", patience=patience)
    assert "--allow-private" in caught.value.hint
    assert [path for path, _ in server.requests] == ["/a"]


@pytest.mark.usefixtures("inside_only_by_name")
def test_with_leave_it_is_followed(server, patience, tmp_path, resolved):
    server.answer("/x", server.say(200, b"inside"))
    target = f"http://inside:{server.server_port}/x"
    address = server.answer("/a", server.say(302, headers={"Location": target}))
    resolved["inside"] = [["::ffff:127.0.0.1", "127.0.0.1"]]
    fetched = fetch(address, tmp_path / "out", patience=replace(patience, tries=1), allow_private=True)
    assert fetched.path.read_bytes() == b"inside"


def test_a_private_address_that_was_typed_is_fetched_and_may_redirect_to_another(server, patience, tmp_path):
    server.answer("/b", server.say(200, b"here"))
    target = f"http://localhost:{server.server_port}/b"
    address = server.answer("/a", server.say(302, headers={"Location": target}))
    assert fetch(address, tmp_path / "out", patience=patience).size == 4


def test_the_connection_goes_to_the_address_that_was_judged_though_the_name_is_bound_anew(
    server, patience, tmp_path, resolved, monkeypatch
):
    tried = []
    connect = socket.socket.connect

    def watched(self, address):
        tried.append(address[0])
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    server.answer("/a", server.say(200, b"secret"))
    resolved["rebinding"] = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    with pytest.raises(OutsideError, match="no connection"):
        fetch(f"http://rebinding:{server.server_port}/a", tmp_path / "out", patience=replace(patience, tries=1))
    assert (tried, resolved["asked"], server.requests) == ([PUBLIC], ["rebinding"], [])


def test_the_next_address_of_a_host_is_tried_where_the_first_is_dead(server, patience, tmp_path, resolved):
    server.answer("/a", server.say(200, b"alive"))
    resolved["twofold"] = [["127.0.0.2", "127.0.0.1"]]
    fetched = fetch(f"http://twofold:{server.server_port}/a", tmp_path / "out", patience=patience)
    assert fetched.size == 5
    assert server.requests[0][1]["host"] == f"twofold:{server.server_port}"


def test_a_name_that_does_not_resolve_is_said(patience, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(OutsideError, match="the host's name cannot be resolved") as refused:
        fetch("http://nowhere.example/a", tmp_path / "out", patience=replace(patience, tries=2))
    assert refused.value.hint == "check the host's name and the network, then run the same command again"
