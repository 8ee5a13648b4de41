from artifactflow.report.excerpts import LARGEST_FIGURE, LAST_LINES, LONGEST_LOG, pictures, read_log


def test_a_short_log_is_whole(history):
    history.step("make", log=b"one\ntwo\n")
    log = read_log(history.store, history.store.runs()[0].log)
    assert (log.text, log.last, log.size, log.left_out) == ("one\ntwo\n", "one\ntwo", 8, 0)


def test_of_ten_megabytes_the_beginning_and_the_end_are_kept(history):
    history.step("make", log=b"first line\n" + b"0123456789abcde\n" * 650_000 + b"last line\n")
    log = read_log(history.store, history.store.runs()[0].log)
    assert log.size > 10_000_000
    assert len(log.text) < LONGEST_LOG + 200
    assert log.text.startswith("first line\n")
    assert log.text.endswith("last line\n")
    assert f"{log.left_out:,} bytes are left out" in log.text
    assert len(log.last.splitlines()) == LAST_LINES


def test_one_endless_line_does_not_fill_the_page(history):
    history.step("make", log=b"x" * 5_000_000)
    log = read_log(history.store, history.store.runs()[0].log)
    assert len(log.last) <= 400


def test_of_a_progress_bar_the_last_state_is_shown(history):
    history.step("make", log=b"10 %\r50 %\r100 %\ndone\n")
    assert read_log(history.store, history.store.runs()[0].log).last == "100 %\ndone"


def test_bytes_that_are_no_text_are_replaced(history):
    history.step("make", log=b"\xff\xfe\n")
    assert read_log(history.store, history.store.runs()[0].log).last == "��"


def test_a_log_outside_the_store_is_not_read(history, tmp_path):
    (tmp_path / "secret").write_text("secret")
    assert read_log(history.store, "../secret") is None
    assert read_log(history.store, "runs/none/log") is None
    assert read_log(history.store, "") is None


def test_pictures_are_embedded_and_other_files_are_not(history):
    ref = history.put("figures", {"a.PNG": b"png", "b/c.svg": b"<svg/>", "data.csv": b"1"})
    version = history.store.version(ref)
    found = {path: address for path, _, address in pictures(history.store, history.store.tree(version.digest))}
    assert found == {"a.PNG": "data:image/png;base64,cG5n", "b/c.svg": "data:image/svg+xml;base64,PHN2Zy8+"}


def test_a_picture_that_is_too_large_is_named_and_left_out(history):
    ref = history.put("figure", b"x" * (LARGEST_FIGURE + 1), file="large.png")
    ((path, size, address),) = pictures(history.store, history.store.tree(history.store.version(ref).digest))
    assert (path, size, address) == ("large.png", LARGEST_FIGURE + 1, "")
