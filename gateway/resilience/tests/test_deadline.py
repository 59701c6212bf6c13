from gateway.resilience.deadline import Deadline


def test_time_runs_out() -> None:
    now = 10.0
    deadline = Deadline.after(2, lambda: now)
    assert (deadline.remaining(), deadline.expired) == (2, False)
    now = 11.5
    assert (deadline.remaining(), deadline.expired) == (0.5, False)
    now = 13
    assert (deadline.remaining(), deadline.expired) == (0, True)
