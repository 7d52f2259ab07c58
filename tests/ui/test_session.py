"""The queue: what is asked for comes before what nobody asked for, each once, and what is stopped is gone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.ui.session import RANK, Job, RefusedError, Result, Session, Upload


def session(photos: int = 2) -> tuple[Session, list[str]]:
    made = Session(10, 1000)
    return made, [made.add(f"{n}.jpg", b"x") for n in range(photos)]


def kinds(of: Session) -> list[tuple[str, str, str | None]]:
    return [(job.kind, job.photo, job.level) for job in of.jobs]


def test_faces_are_found_before_anything_is_made() -> None:
    made, (a, _) = session(2)
    made.ask(Job("cloak", a, "robust"))
    late = made.add("late.jpg", b"x")
    assert kinds(made)[-1] == ("cloak", a, "robust")
    assert kinds(made)[2] == ("find", late, None)


def test_a_look_waits_for_all_that_was_asked_for() -> None:
    made, (a, b) = session()
    made.jobs.clear()
    made.ask(Job("look", a, "minimum"))
    made.ask(Job("cloak", b, "robust"))
    assert kinds(made) == [("cloak", b, "robust"), ("look", a, "minimum")]
    made.ask(Job("cloak", a, "minimum"))
    assert kinds(made) == [("cloak", b, "robust"), ("cloak", a, "minimum")]


def test_what_runs_stays_in_front_and_is_not_done_twice() -> None:
    made, (a, b) = session()
    made.jobs.clear()
    made.ask(Job("look", a, "minimum"))
    made.running = made.jobs[0]
    made.ask(Job("cloak", b, "robust"))
    made.ask(Job("cloak", a, "minimum"))
    assert kinds(made) == [("cloak", a, "minimum"), ("cloak", b, "robust")]


def test_what_was_changed_while_it_was_looked_at_is_looked_at_again() -> None:
    made, (a, _) = session()
    made.running = made.jobs[0]
    made.ask(Job("find", a))
    assert kinds(made).count(("find", a, None)) == 2
    made.ask(Job("find", a))
    assert kinds(made).count(("find", a, None)) == 2


def test_files_that_came_back_are_each_judged() -> None:
    made, (a, _) = session()
    made.jobs.clear()
    made.ask(Job("check", a, "robust", b"1"))
    made.ask(Job("check", a, "robust", b"2"))
    assert [job.data for job in made.jobs] == [b"1", b"2"]


@given(st.lists(st.tuples(st.sampled_from(sorted(RANK)), st.integers(0, 2), st.booleans()), max_size=20))
def test_the_order_is_that_of_the_ranks(asked) -> None:
    made, numbers = session(3)
    for kind, photo, run in asked:
        made.ask(Job(kind, numbers[photo], None if kind == "find" else "robust"))
        if run and made.running is None:
            made.running = made.jobs[0]
    waiting = [job for job in made.jobs if job is not made.running]
    assert [RANK[job.kind] for job in waiting] == sorted(RANK[job.kind] for job in waiting)
    asked_once = [(job.kind, job.photo, job.level) for job in waiting if job.kind != "check"]
    assert len(asked_once) == len(set(asked_once))
    assert made.running is None or made.jobs[0] is made.running


def test_stopping_ends_what_runs_and_what_waits() -> None:
    made, (a, b) = session()
    made.ask(Job("cloak", a, "robust"))
    made.running = made.jobs.pop()
    made.jobs.insert(0, made.running)
    made.ask(Job("look", a, "strong"))
    made.stop(a)
    assert made.running.stopped
    assert kinds(made) == [("cloak", a, "robust"), ("find", a, None), ("find", b, None)]


def test_another_wish_does_not_end_the_search_for_faces() -> None:
    """A photo whose search was dropped would be read for ever."""
    made, (a, b) = session()
    made.stop(a)
    assert kinds(made) == [("find", a, None), ("find", b, None)]
    made.give_up(made.photos[a])
    assert kinds(made) == [("find", b, None)]
    assert made.photos[a].state == "found"
    assert made.photos[a].error.kind == "stopped"
    made.photos[b].searched = (object(), False)  # type: ignore[assignment]
    made.know("me.jpg", b"y")
    made.give_up(made.photos[b])
    assert ("find", b, None) in kinds(made)


def test_who_was_left_out_and_who_is_me_stay_so_among_other_faces() -> None:
    photo = Upload("p1", "a.jpg", b"x")
    one, two, new = (SimpleNamespace(box=(x, 0.0, x + 50.0, 60.0)) for x in (0.0, 100.0, 200.0))
    photo.look([one, two])
    assert photo.chosen == {0, 1}
    photo.chosen, photo.me = {1}, 1
    photo.look([SimpleNamespace(box=(101.0, 0.0, 151.0, 61.0)), one, new])
    assert (photo.chosen, photo.me) == ({0, 2}, 0)
    photo.look([one])
    assert (photo.chosen, photo.me) == (set(), None)


def test_one_file_is_one_result() -> None:
    """What was saved of another level or another choice is replaced on the disk, and says so."""
    photo = Upload("p1", "a.jpg", b"x")
    photo.results = {level: Result(level, level.encode(), {}) for level in ("minimum", "robust")}
    photo.saved("minimum", bytes(bytearray(b"minimum")), "a.cloaked.jpg")
    assert photo.results["minimum"].saved is None, "not the bytes of this result"
    photo.saved("minimum", photo.results["minimum"].data, "a.cloaked.jpg")
    photo.saved("robust", photo.results["robust"].data, "a.cloaked.jpg")
    assert {name: it.saved for name, it in photo.results.items()} == {
        "minimum": None,
        "robust": "a.cloaked.jpg",
    }


def test_forgetting_leaves_nothing() -> None:
    made, (a, b) = session()
    made.know("me.jpg", b"y")
    made.forget(a)
    assert list(made.photos) == [b]
    with pytest.raises(RefusedError):
        made.forget(a)
    made.forget_all()
    assert not made.photos
    assert not made.gallery
    assert not made.jobs


def test_there_is_a_most() -> None:
    made = Session(2, 1000)
    made.add("a", b"x")
    made.add("b", b"x")
    with pytest.raises(RefusedError, match="expected at most"):
        made.add("c", b"x")


def test_another_choice_has_no_answer_yet() -> None:
    made, (a, _) = session()
    photo = made.photos[a]
    photo.chosen, photo.state = {0, 1}, "done"
    photo.results["robust"] = object()  # type: ignore[assignment]
    photo.choose({0, 1}, None)
    assert photo.results
    photo.choose({0}, None)
    assert not photo.results
    assert photo.state == "found"


def test_whoever_listens_is_told_of_each_change() -> None:
    made, _ = session()
    told: list[int] = []
    end = made.listen(lambda: told.append(made.version))
    made.add("c.jpg", b"x")
    end()
    made.add("d.jpg", b"x")
    assert len(told) == 1
