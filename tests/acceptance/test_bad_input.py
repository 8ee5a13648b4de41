"""What goes wrong outside ends with one message and its exit code, and leaves the store exactly as it was."""

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest

CSV = b"a,b\n1,x\n2,y\n"
DOWNLOAD = "name: fetched\nsteps:\n  download: {component: artifactflow:download, with: {file_url: %s}}\n"


def archive_with(name: str) -> bytes:
    """A tar.gz of one small file under any name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return packed.getvalue()


@pytest.fixture(scope="module")
def shell(new_shell: Callable):
    """A user whose store holds one artifact already."""
    made = new_shell()
    (made.folder / "known.csv").write_bytes(CSV)
    made.artifactflow("artifacts", "put", "known.csv")
    return made


def component(folder, script: str) -> None:
    """A component with one output, and a script of one's own."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(script)
    (folder / "MLproject").write_text(
        "name: step\n"
        "entry_points:\n"
        "  main:\n"
        "    parameters:\n"
        "      made: {type: str, default: made.txt}\n"
        "    outputs:\n"
        "      made: {type: text, path: made.txt}\n"
        "    command: python main.py {made}\n"
    )


@pytest.fixture
def refused(shell):
    """Runs a command that must fail as told, once as it is and with the store compared before and after."""

    def check(*arguments: object, code: int, error: str, hint: str = "") -> str:
        before = state_of(shell)
        printed = shell.artifactflow(*arguments, code=code).err
        message, _, rest = printed.partition("\nhint: ")
        assert message.startswith("error: ")
        assert error in message
        assert hint in rest
        assert "Traceback" not in printed
        assert state_of(shell) == before
        return printed

    return check


def state_of(shell) -> object:
    """The versions with their aliases as they are listed, and every file of the object folder."""
    objects = shell.folder / ".artifactflow" / "objects"
    listed = shell.artifactflow("artifacts", "ls", "--json").json
    return listed, sorted(str(file.relative_to(objects)) for file in objects.rglob("*") if file.is_file())


class TestADownload:
    """Each as a command of its own; the same step in a pipeline is below."""

    def test_an_address_that_is_not_there(self, refused, server):
        refused("download", "--file-url", f"{server.address}/none.csv", code=9, error="the server answered 404")

    def test_a_body_that_is_cut(self, refused, server, shell):
        address = server.page("/cut.csv", CSV * 100, sent=50)
        refused("download", "--file-url", address, code=9, error="cut.csv")

    def test_a_wrong_sha256(self, refused, server):
        address = server.page("/table.csv", CSV)
        refused(
            "download", "--file-url", address, "--sha256", "0" * 64,
            code=5, error=f"expected sha256:{'0' * 64}, got sha256:", hint="give --sha256 ",
        )  # fmt: skip

    def test_a_file_that_is_no_archive_behind_the_name_of_one(self, refused, server):
        address = server.page("/data.tgz", b"<html>Please sign in</html>")
        refused("download", "--file-url", address, code=5, error="data.tgz")

    def test_an_archive_that_is_cut(self, refused, server):
        whole = archive_with("data.csv")
        refused("download", "--file-url", server.page("/short.tgz", whole[:-12]), code=5, error="short.tgz")

    def test_an_archive_that_reaches_out_of_its_folder(self, refused, server, shell):
        address = server.page("/evil.tgz", archive_with("../evil.csv"))
        refused("download", "--file-url", address, code=5, error="../evil.csv")
        assert not list(shell.folder.rglob("evil.csv"))

    def test_a_damaged_gzip_file(self, refused, server):
        packed = bytearray(gzip.compress(CSV))
        packed[-6] ^= 1
        refused("download", "--file-url", server.page("/table.csv.gz", bytes(packed)), code=5, error="table.csv.gz")


class TestAPipelineFile:
    """Refused before anything runs, with the line and the column."""

    @pytest.mark.parametrize(
        ("text", "error", "hint"),
        [
            ("", "the pipeline file is empty (wrong.yaml:1)", "steps:"),
            ("name: [\n", "(wrong.yaml:2:1)", ""),
            ("- a\n", "(wrong.yaml:1:1)", ""),
            ("name: x\n", "at least one step", ""),
            ("name: x\nstep: {}\n", "the unknown key 'step', expected one of", "did you mean steps?"),
            (
                "name: x\nsteps:\n  a: {component: artifactflow:download, wth: {}}\n",
                "step a has the unknown key 'wth', expected one of component, entry_point, with,",
                "did you mean with?",
            ),
            (
                'name: x\nsteps:\n  get: {component: artifactflow:download, with: {file_url: u}}\n'
                '  fit: {component: artifactflow:train, with: {data: "${gte.dataset}"}}\n',
                "step fit: data refers to ${gte.dataset}, but there is no step 'gte' (wrong.yaml:4:53)",
                "did you mean get?",
            ),
            (
                'name: x\nsteps:\n  a: {component: artifactflow:train, with: {data: "${b.model}"}}\n'
                '  b: {component: artifactflow:train, with: {data: "${a.model}"}}\n',
                "the steps take from each other in a circle: a → b → a (wrong.yaml:3:3)",
                "cut the circle",
            ),
            (
                "name: x\nsteps:\n  a: {component: artifactflow:download, with: {file_ur: u}}\n",
                "step a sets 'file_ur', which download does not take (wrong.yaml:3:57)",
                "did you mean file_url?",
            ),
        ],
        ids=["empty", "malformed", "list", "no-steps", "unknown-key", "step-key", "unknown-step", "cycle", "binding"],
    )  # fmt: skip
    def test_that_is_wrong(self, refused, shell, text, error, hint):
        (shell.folder / "wrong.yaml").write_text(text)
        refused("run-pipeline", "wrong.yaml", code=3, error=error, hint=hint)

    def test_an_unknown_parameter_has_a_near_match(self, refused, shell):
        (shell.folder / "fetch.yaml").write_text(
            "name: x\nparameters: {address: u}\nsteps:\n"
            '  a: {component: artifactflow:download, with: {file_url: "${address}"}}\n'
        )
        refused(
            "run-pipeline", "fetch.yaml", "-P", "adress=x",
            code=2, error="pipeline x has no parameter 'adress'", hint="did you mean address?",
        )  # fmt: skip


class TestAStep:
    """What fails while it runs ends with 6, shows the end of its log, and registers nothing."""

    def test_that_exits_with_3(self, refused, shell):
        component(shell.folder / "exits", "print('the disk is on fire')\nraise SystemExit(3)\n")
        printed = refused("run-pipeline", "exits", code=6, error="step step failed with exit code 3", hint="runs log")
        assert "  the disk is on fire\n" in printed
        assert shell.artifactflow("runs", "show", "step", "--json").json["status"] == "failed"

    def test_that_writes_no_output(self, refused, shell):
        component(shell.folder / "silent", "print('done')\n")
        refused("run-pipeline", "silent", code=6, error="ended well but wrote no output 'made'", hint="--made")

    def test_that_downloads_what_is_not_there(self, refused, shell, server):
        (shell.folder / "pipeline.yaml").write_text(DOWNLOAD % f"{server.address}/none.csv")
        printed = refused("run-pipeline", ".", code=6, error="step download failed with exit code 9")
        assert "the server answered 404" in printed


@pytest.mark.torture  # five tries with their pauses; tests/fetch has them without
def test_a_server_that_fails_is_asked_again_and_then_given_up(refused, server):
    address = server.page("/broken.csv", b"", status=500)
    refused("download", "--file-url", address, code=9, error="the server answered 500")
    assert server.asked.count("/broken.csv") > 1


def test_secrets_of_an_address_are_in_no_message_and_no_record(shell, server):
    server.page("/secret.csv", CSV + b"3,z\n")
    address = server.address.replace("http://", "http://someone:hunter2@") + "/secret.csv?X-Amz-Signature=5ecre7"
    (shell.folder / "secret.yaml").write_text(
        "name: hidden\nparameters: {address: {type: uri}}\nsteps:\n"
        '  get: {component: artifactflow:download, with: {file_url: "${address}", artifact_name: hidden}}\n'
    )
    said = [
        shell.artifactflow("download", "--file-url", address),
        shell.artifactflow("download", "--file-url", address.replace("secret.csv", "none.csv"), code=9),
        shell.artifactflow("run-pipeline", "secret.yaml", "-P", f"address={address}"),
        shell.artifactflow("run-pipeline", "secret.yaml", "-P", f"address={address}", "--dry-run"),
        shell.artifactflow("run-pipeline", "secret.yaml", "-P", f"address={address}", "--dry-run", "--json"),
        shell.artifactflow("runs", "show", "download"),
        shell.artifactflow("runs", "show", "get", "--json"),
        shell.artifactflow("artifacts", "show", "secret", "--json"),
    ]
    for answer in said:
        assert "hunter2" not in answer.out + answer.err
        assert "5ecre7" not in answer.out + answer.err
    holding = [
        str(file.relative_to(shell.folder))
        for file in (shell.folder / ".artifactflow").rglob("*")
        if file.is_file() and any(secret in file.read_bytes() for secret in (b"hunter2", b"5ecre7"))
    ]
    assert holding == []
