import re
from html.parser import HTMLParser

import pytest

from artifactflow.report.collect import collect, find_record
from artifactflow.report.page import render_page
from artifactflow.runs import RunStatus

VOID = {"meta", "img", "input", "br", "hr", "link"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\u202etxt.exe\x1b[31m\x00</pre></style>"


class Page(HTMLParser):
    """What a page is made of; fails where an element is not closed, or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(history, name: str | None = None) -> str:
    return render_page(collect(history.store, find_record(history.store, name)))


@pytest.fixture(scope="module")
def page(demo) -> Page:
    return Page(page_of(demo))


@pytest.fixture
def hostile(history) -> str:
    """A run in which every text that users write tries to get out of its place."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>top.hacked = 1</script><rect width="9" height="9"/></svg>'
    made = history.step(
        f"train[{HOSTILE}]",
        decision="FAILED",
        message=HOSTILE,
        reason=HOSTILE,
        component=HOSTILE,
        command=HOSTILE,
        log=HOSTILE.encode() * 50,
        parameters={HOSTILE: HOSTILE, "list": [HOSTILE]},
        sources={HOSTILE: HOSTILE},
        inputs={HOSTILE: HOSTILE, "digest": "sha256:" + HOSTILE},
        facts={HOSTILE: HOSTILE, "environment": HOSTILE, "environment_reason": HOSTILE, "lock": HOSTILE},
        ingredients={"environment": {"python": HOSTILE, HOSTILE: HOSTILE}},
        outputs={
            HOSTILE: {"name": "plot", "content": svg, "file": "a' onerror='top.hacked=1'.svg", "description": HOSTILE}
            | {"metadata": {HOSTILE: HOSTILE}},
            "scores": {"name": "scores", "content": b'{"<b>rmse</b>": 1}', "file": "m.json", "kind": "metrics"},
        },
    )
    history.outcome(HOSTILE, HOSTILE, HOSTILE, outputs=made)
    history.end(
        RunStatus.FAILED,
        pipeline=HOSTILE,
        message=HOSTILE,
        parameters={HOSTILE: HOSTILE},
        sources={HOSTILE: HOSTILE},
        facts={"source": {"commit": HOSTILE, "repository": HOSTILE}},
    )
    return page_of(history)


def test_every_element_is_closed_and_every_id_is_its_own(page: Page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_link_leads_to_a_place_on_the_page(page: Page):
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for attributes in page.named("a")]
    assert len(links) > 30
    assert {link[1:] for link in links} <= ids


def test_nothing_is_loaded_from_anywhere(page: Page):
    assert page.named("link") == []
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/")), f"<{tag} {name}={value}>"
        assert not any(name.startswith("on") for name in attributes)


def test_the_style_loads_nothing(demo):
    style = re.search(r"<style>(.*?)</style>", page_of(demo), re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_headings_go_down_one_level_at_a_time(page: Page):
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(following <= one + 1 for one, following in zip(page.headings, page.headings[1:], strict=False))


def test_the_page_has_its_landmarks_and_tables_have_headers(page: Page):
    assert [len(page.named(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    assert page.named("html") == [{"lang": "en"}]
    assert all(attributes.get("scope") for attributes in page.named("th"))
    assert all(attributes.get("alt") for attributes in page.named("img"))


def test_it_tells_of_the_run_and_of_every_step(page: Page):
    for told in (
        "demo failed",
        "commit 0123456789 with changes not committed",
        "publish failed with exit code 1",
        "403 Forbidden",
        "needs publish",
        "depth",
        "matrix",
        "12.0 MB",
        "numpy 2.0.1",
        "python main.py --depth={depth}",
        "epoch 2",
        "raw.csv",
        "-P file",
    ):
        assert told in page.text, told


def test_decisions_are_told_in_words_and_not_by_colour_alone(page: Page):
    for words in ("RUN · 1.50 s", "FAILED · 1.50 s", "BLOCKED", "3 cells · RUN · 4.50 s"):
        assert words in page.text


def test_metrics_tell_before_now_and_what_that_means(page: Page):
    assert "rmse 1 0.9 −10 % better" in page.text
    assert "rows 10 10 same" in page.text


def test_a_first_run_has_nothing_to_compare_with(demo):
    page = Page(page_of(demo, demo.store.pipeline_runs()[-1].id))
    assert "There is no earlier run of this pipeline" in page.text
    assert "before" not in page.text


def test_a_run_without_steps_says_so(history):
    history.end(RunStatus.RUNNING)
    assert "No step has ended yet." in Page(page_of(history)).text


def test_what_users_wrote_is_text_and_nothing_else(hostile: str):
    page = Page(hostile)
    assert len(page.named("script")) == 1
    assert all(attributes["src"].startswith("data:") for attributes in page.named("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.text.count("<script>alert(1)</script>") > 20


def test_control_characters_and_colours_of_a_terminal_do_not_reach_the_page(hostile: str):
    assert "\x00" not in hostile
    assert "\x1b" not in hostile
    assert not re.search(r"(?<!u001b)\[31m", hostile)  # but as JSON spells it


def test_texts_that_turn_the_direction_of_writing_are_kept_in_their_place(hostile: str):
    # Each stands in a block of its own, in a text of the drawing or the title, or in what is isolated, as <bdi> is.
    alone = {"bdi", "span", "td", "dt", "dd", "p", "pre", "code", "figcaption", "title", "text"}
    assert set(re.findall(r"<(\w+)[^<>]*>[^<>]*\u202e", hostile)) <= alone


def test_even_an_injected_script_would_not_run(hostile: str):
    policy = next(one["content"] for one in Page(hostile).named("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline'; script" in policy  # for styles alone


def test_a_masked_secret_stays_masked(history):
    history.step("train", parameters={"token": "***"}, sources={"token": "variable TOKEN"})
    history.end()
    assert re.search(r"token \*\*\* ", Page(page_of(history)).text)


def test_ten_megabytes_of_log_make_a_page_of_a_few_hundred_kilobytes(history):
    history.step("noisy", log=b"<b>& noise\n" * 950_000)
    history.end()
    page = page_of(history)
    assert len(page) < 700_000
    assert "More of the log, without 10.2 MB in its middle" in page


def test_the_logs_of_many_steps_share_their_room(history):
    for number in range(25):
        history.step(f"noisy{number}", log=b"some noise\n" * 19_000)
    history.end()
    assert len(page_of(history)) < 5_500_000


def test_a_lone_surrogate_does_not_stop_the_page(history):
    history.step("train", parameters={"text": "a\ud800b"})
    history.end()
    page_of(history).encode()


def test_nothing_is_unpickled(history, monkeypatch):
    monkeypatch.setattr("pickle.loads", lambda *_: pytest.fail("unpickled"))
    monkeypatch.setattr("pickle.load", lambda *_: pytest.fail("unpickled"))
    history.step("train", outputs={"model": {"name": "model", "content": b"\x80\x04N.", "file": "model.pkl"}})
    history.end()
    assert "model:v1" in page_of(history)
