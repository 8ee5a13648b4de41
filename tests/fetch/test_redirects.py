"""The way to a server: by the proxy that the environment names, which alone is told its credentials."""

import base64

import pytest

from artifactflow.errors import UsageError
from artifactflow.fetch.download import fetch

FAR = "http://far.example/data.csv"


@pytest.fixture
def asked(server, monkeypatch, patience, tmp_path):
    """Fetches an address by a proxy, and says with which headers that was asked."""

    def ask(user_info: str = "", address: str = FAR, **variables: str) -> dict[str, str]:
        monkeypatch.setenv("http_proxy", f"http://{user_info}127.0.0.1:{server.server_port}")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        server.answer(address, server.say(200, b"a"))
        fetch(address, tmp_path / "out", patience=patience)
        path, headers = server.requests[-1]
        assert path == address
        return headers

    return ask


def test_a_proxy_is_asked_for_the_whole_address_without_credentials_where_it_has_none(asked):
    assert "proxy-authorization" not in asked()


def test_a_proxy_gets_its_credentials_as_they_were_before_they_were_quoted(asked):
    headers = asked("me:p%40ss@")
    assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "authorization" not in headers


def test_a_host_that_is_excepted_is_reached_without_the_proxy(server, monkeypatch, patience, tmp_path):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetch(server.answer("/a", server.say(200, b"a")), tmp_path / "out", patience=patience)
    assert server.requests[-1][0] == "/a"


@pytest.mark.parametrize("proxy", ["http://", "http://[1"])
def test_a_proxy_that_is_no_address_is_refused(monkeypatch, patience, tmp_path, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(UsageError, match="is no web address"):
        fetch(FAR, tmp_path / "out", patience=patience)
