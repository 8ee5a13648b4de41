"""Ctrl-C while a run keeps its books comes when they are kept."""

import os
import signal
import threading

import pytest

from artifactflow.runner.interrupts import Interrupts


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_held_back_until_it_is_asked_for():
    woken = []
    with Interrupts(lambda: woken.append(1)) as interrupts:
        press_ctrl_c()
        assert woken == [1]
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()  # once is enough


def test_where_it_is_allowed_it_comes_at_once():
    with Interrupts(lambda: None) as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            press_ctrl_c()
        press_ctrl_c()  # and afterwards not
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_where_it_came_before_it_is_allowed_the_body_is_not_begun():
    begun = False
    with Interrupts(lambda: None) as interrupts:
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            begun = True
    assert not begun


def test_what_nobody_asked_for_is_raised_in_the_end():
    with pytest.raises(KeyboardInterrupt), Interrupts(lambda: None):
        press_ctrl_c()


def test_afterwards_everything_is_as_it_was():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(lambda: None):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_a_signal_that_nobody_handles_keeps_its_meaning():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with Interrupts(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_a_thread_nothing_is_held_back():
    handlers = []

    def enter():
        with Interrupts(lambda: None) as interrupts, interrupts.allowed():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
