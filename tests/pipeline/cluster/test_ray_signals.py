"""Ray changes the handler of SIGTERM when it starts and when it ends; the driver's has to outlive both."""

from __future__ import annotations

import signal
import time

from pipeline.cluster.start import _kept, cluster


def test_the_handler_of_sigterm_is_there_while_ray_runs_and_afterwards() -> None:
    heard: list[int] = []

    def hear(signum: int, _frame: object) -> None:
        heard.append(signum)

    before = signal.signal(signal.SIGTERM, hear)
    try:
        with cluster():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 2


def test_signals_wait_until_ray_has_ended_even_if_ray_takes_their_handler_away() -> None:
    heard: list[int] = []

    def hear(signum: int, _frame: object) -> None:
        heard.append(signum)

    before, alarm = signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.getsignal(signal.SIGALRM)
    timer = signal.setitimer(signal.ITIMER_REAL, 1000.0)  # another's, as pytest's own limit is
    try:
        with _kept(hear):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            until = time.monotonic() + 60
            while signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                assert time.monotonic() < until
                time.sleep(0.01)
            signal.raise_signal(signal.SIGTERM)
            assert heard == []
        assert signal.getsignal(signal.SIGTERM) == hear
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGALRM) == alarm
    left, interval = signal.setitimer(signal.ITIMER_REAL, *timer)
    assert left > 500
    assert interval == 0
