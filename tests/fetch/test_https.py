"""Over TLS: the certificate is checked against the name, though the connection goes to an address."""

import shutil
import ssl
import subprocess

import pytest

from artifactflow.errors import OutsideError
from artifactflow.fetch.download import fetch


@pytest.fixture
def secure(server, tmp_path, monkeypatch):
    """The scripted server under TLS, with a certificate for `localhost` that is trusted."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not on this machine")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, *subject],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return server


def test_the_name_is_what_the_certificate_is_checked_against(secure, patience, tmp_path):
    secure.answer("/a", secure.say(200, b"safe"))
    fetched = fetch(f"https://localhost:{secure.server_port}/a", tmp_path / "out", patience=patience)
    assert fetched.path.read_bytes() == b"safe"
    assert secure.requests[0][1]["host"] == f"localhost:{secure.server_port}"
    with pytest.raises(OutsideError, match="certificate cannot be verified"):
        fetch(f"https://127.0.0.1:{secure.server_port}/a", tmp_path / "out", patience=patience)


def test_a_redirect_to_http_is_refused(secure, patience, tmp_path):
    secure.answer("/a", secure.say(302, headers={"Location": f"http://localhost:{secure.server_port}/b"}))
    with pytest.raises(OutsideError, match="redirects from https to"):
        fetch(f"https://localhost:{secure.server_port}/a", tmp_path / "out", patience=patience)
    assert [path for path, _ in secure.requests] == ["/a"]


def test_a_certificate_that_nobody_signed_is_refused(secure, patience, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(OutsideError, match="certificate cannot be verified"):
        fetch(f"https://localhost:{secure.server_port}/a", tmp_path / "out", patience=patience)
    assert secure.requests == []


def test_a_server_that_speaks_no_tls_is_not_said_to_have_a_bad_certificate(server, patience, tmp_path):
    with pytest.raises(OutsideError, match="the connection broke at 0 bytes"):
        fetch(f"https://127.0.0.1:{server.server_port}/a", tmp_path / "out", patience=patience)
    assert server.requests == []
