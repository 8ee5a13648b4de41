"""Secrets are masked in what a step prints, however the pieces are cut."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.executors.masking import Masking


def printed(secrets, *pieces):
    masking = Masking(secrets)
    return b"".join([*map(masking.feed, pieces), masking.finish()])


def test_a_secret_that_is_cut_by_the_end_of_a_piece_is_masked():
    assert printed(["word-of-honour"], b"it is word-of-", b"honour, really") == b"it is ***, really"


def test_of_two_secrets_the_longer_one_is_masked_whole():
    assert printed(["abcd", "abcdefgh"], b"abcd", b"efgh!") == b"***!"
    assert printed(["abcd", "abcdefgh"], b"abcd", b"ef!") == b"***ef!"


def test_the_lines_of_a_secret_are_masked_on_their_own():
    key = "-----BEGIN-----\nMIIEpAIBAAKCAQEA\n-----END-----"
    assert printed([key], b"line: MIIEpAIBAAKCAQEA\n") == b"line: ***\n"
    assert printed([key], key.encode()) == b"***"


def test_a_text_of_three_characters_is_left_alone():
    assert printed(["abc"], b"abcabc") == b"abcabc"


def test_without_secrets_everything_passes_at_once():
    assert Masking([]).feed(b"\xff\x00 as it is") == b"\xff\x00 as it is"


def test_what_cannot_be_the_beginning_of_a_secret_is_not_held_back():
    assert Masking(["secret"]).feed(b"name? ") == b"name? "


@settings(max_examples=150, deadline=None)
@given(
    secrets=st.lists(st.text("abé\n", min_size=4, max_size=6), max_size=3),
    text=st.text("abé\n", max_size=40),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_pieces_and_the_whole_text_are_masked_alike(secrets, text, cuts):
    content = text.encode()
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [content[start:end] for start, end in pairwise(places)]
    assert printed(secrets, *pieces).decode() == Masking(secrets).whole(text)
