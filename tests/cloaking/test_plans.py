"""Plans: the numbers that the name of a level stands for, and what is given instead of them."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import get_args

import pytest

from mnd.channel import VERIFICATION
from mnd.cloaking.levels import CAP, PLANS, Level, Plan, told
from mnd.cloaking.settings import CloakSettings
from mnd.optimizer.settings import SearchSettings
from mnd.targets.looks import LOOKS

LEVELS = get_args(Level)
ROBUST = PLANS["robust", False]
GALLERY = Path("photos")
GIVEN = {f.name for f in dataclasses.fields(Plan)} & {f.name for f in dataclasses.fields(CloakSettings)} - {
    "level"
}
"""The numbers of a plan that can be given by hand."""


def plan(**options) -> Plan:
    return CloakSettings(**options).plan


class TestPlans:
    @pytest.mark.parametrize("gallery", [None, GALLERY])
    @pytest.mark.parametrize("level", LEVELS)
    def test_of_every_level(self, level, gallery):
        got = plan(level=level, gallery=gallery)
        assert got == PLANS[level, gallery is not None]
        # what a plan says can be given by hand: no level has a number that the settings refuse
        given = dataclasses.asdict(got)
        chosen = {k: v for k, v in given.items() if k in GIVEN}
        again = plan(level=level, gallery=gallery, **chosen)
        assert (
            dataclasses.replace(again, similarity=got.similarity, alone=got.alone, logits=got.logits) == got
        )

    def test_all_there_are(self):
        assert set(PLANS) == set(itertools.product(LEVELS, (True, False)))

    @pytest.mark.parametrize("gallery", [None, GALLERY])
    def test_a_level_asks_for_no_less_than_the_one_below(self, gallery):
        minimum, robust, strong = (plan(level=level, gallery=gallery) for level in LEVELS)
        assert minimum.withstands == ()
        assert minimum.draws == 0
        assert robust.withstands == strong.withstands == tuple(VERIFICATION)
        assert 0 < strong.least_ssim <= robust.least_ssim < 1
        assert 0 < robust.most_iris <= strong.most_iris
        assert 0 <= robust.most_stitches <= strong.most_stitches
        # the least that fools is visible where a search was cut short: what has gone wrong alone is refused
        limits = ("least_ssim", "most_iris", "most_stitches")
        assert [getattr(minimum, name) for name in limits] == [getattr(strong, name) for name in limits]
        assert robust.draws >= 1
        assert strong.draws >= 1
        assert strong.steps >= robust.steps
        for room in ("headroom", "similarity", "jitter", "misplaced", "flips", "looks", "alone"):
            assert getattr(strong, room) >= getattr(robust, room)

    @pytest.mark.parametrize("field", ["draws", "flips", "looks"])
    def test_where_looks_differ_the_last_picture_counts_and_gradients_are_kept_longer(self, field):
        still = plan(level="minimum")
        plain = SearchSettings()
        assert (still.keep, still.momentum, still.gain) == ("cheapest", plain.momentum, plain.gain)
        moved = dataclasses.replace(still, **{field: 2 if field == "looks" else 1})
        assert moved.keep == "last"
        assert moved.momentum[0] == still.momentum[0]
        assert still.momentum[1] < moved.momentum[1] < 1
        assert 0 < moved.gain < still.gain

    @pytest.mark.parametrize(("level", "gallery"), list(PLANS))
    def test_looks_are_some_that_there_are_and_one_of_each_row_at_least(self, level, gallery):
        got = PLANS[level, gallery]
        assert got.level == level
        assert got.seen_as
        assert all(row and set(row) <= set(LOOKS) for row in got.seen_as)
        for steps in (
            1,
            2,
            3,
            10,
            got.steps,
        ):  # however few: the last step looks at all, and its picture counts
            few = dataclasses.replace(got, steps=steps)
            assert 0 <= few.settled < steps
            assert 0 <= few.ready < steps
            assert all(0 <= step < steps for step in few.tried)

    def test_numbers_for_the_person_of_a_gallery_and_for_others(self):
        """Each face has the plan of what is known of it, whatever the others in the photo have."""
        for level in LEVELS:
            chosen = CloakSettings(level=level, gallery=GALLERY, steps=3)
            for known in (True, False):
                want = dataclasses.replace(PLANS[level, known], steps=3)
                assert chosen.plan_for(known) == want
            assert chosen.plan == chosen.plan_for(True)

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("steps", 7),
            ("jitter", 0.0),
            ("flips", 0.0),
            ("flips", 1.0),
            ("reference", "mean"),
            ("draws", 0),
            ("draws", 16),
            ("looks", 1),
            ("looks", 64),
            ("jpeg", (1, 100)),
            ("scale", (0.1, 1.0)),
            ("spread", 0.0),
            ("flat", 0.5),
            ("least_ssim", 0.0),
            ("most_iris", 0.0),
            ("most_stitches", 0),
        ],
    )
    def test_a_number_that_is_given_replaces_that_of_the_level_and_no_other(self, level, field, value):
        """Zero is a number, and no wish for the level's own."""
        got = plan(level=level, **{field: value})
        assert got == dataclasses.replace(PLANS[level, False], **{field: value})

    @pytest.mark.parametrize("headroom", [0.0, 0.5, 10.0])
    def test_headroom_that_is_given_is_that_of_all_kinds(self, headroom):
        got = plan(level="robust", headroom=headroom)
        rooms = dict.fromkeys(("headroom", "similarity", "logits"), headroom)
        assert got == dataclasses.replace(ROBUST, **rooms, alone=1.0)

    @pytest.mark.parametrize(
        ("room", "want"), [(0.4, 0.6), (0.1, 0.15), (0.02, 0.07), (0.0, 0.05), (10.0, 15.0)]
    )
    def test_harder(self, room, want):
        """One and a half times the head-room, a bit at least, for those who are asked for; nothing else."""
        old = dataclasses.replace(ROBUST, headroom=room, similarity=0.2, logits=2.0)
        new = old.harder({"euclidean distance", "logit margin"})
        assert (new.headroom, new.similarity, new.logits) == pytest.approx((want, 0.2, 3.0))
        old = dataclasses.replace(old, similarity=room)
        assert old.harder({"cosine similarity"}).similarity == pytest.approx(want)
        assert old.harder(()) == old

    def test_freer(self):
        """First the colours, with a looser cap, then all; nothing else; what holds neither stays as it is."""
        new = ROBUST.freer()
        assert (ROBUST.lightness, new.lightness, new.feature_cap) == (True, False, ROBUST.looser)
        assert ROBUST.feature_cap < ROBUST.looser
        kept = dataclasses.replace(new, lightness=True, feature_cap=ROBUST.feature_cap)
        assert kept == ROBUST
        assert new.freer() == dataclasses.replace(new, feature_cap=None)
        assert new.freer().freer() == new.freer()
        assert PLANS["minimum", True].freer() == PLANS["minimum", True]

    def test_calmer(self):
        """What a file went past decides what another attempt may do; where nothing helps it is the same."""
        minimum, free = PLANS["minimum", True], ROBUST.freer().freer()
        for passed in ({"ssim"}, {"ssim", "iris"}, {"ssim", "iris", "stitches"}):
            assert ROBUST.calmer(passed) == ROBUST.freer()
            assert free.calmer(passed) == free
        # free colours would move the iris further
        assert free.calmer({"iris"}) == dataclasses.replace(free, lightness=True)
        assert minimum.calmer({"iris"}) == dataclasses.replace(minimum, lightness=True)
        assert ROBUST.calmer({"iris"}) == ROBUST
        assert ROBUST.calmer({"stitches"}) == dataclasses.replace(ROBUST, feature_cap=4.0)
        assert minimum.calmer({"stitches"}).feature_cap == CAP
        assert free.calmer({"iris", "stitches"}) == dataclasses.replace(ROBUST, feature_cap=CAP)
        assert ROBUST.calmer(()) == ROBUST

    def test_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ROBUST.steps = 3


class TestTold:
    @pytest.mark.parametrize("field", sorted(GIVEN))
    def test_says_of_every_level_what_its_plans_have(self, field):
        text = told(field)
        for level in LEVELS:
            known, alone = (getattr(PLANS[level, gallery], field) for gallery in (True, False))
            words = [
                ",".join(f"{v:g}" for v in x) if isinstance(x, tuple) else str(x) for x in (known, alone)
            ]
            want = words[0] if words[0] == words[1] else f"{words[0]} with a gallery and {words[1]} without"
            (part,) = [p for p in text.replace("), ", ")|").split("|") if level in p.partition(" (")[2]]
            assert part.startswith(f"{want} (")
        assert all(text.count(level) == 1 for level in LEVELS)

    def test_with_and_without_a_gallery(self, monkeypatch):
        plans = {
            (level, known): dataclasses.replace(p, headroom=0.1 + known, jpeg=(70, 95))
            for (level, known), p in PLANS.items()
        }
        monkeypatch.setattr("mnd.cloaking.levels.PLANS", plans)
        assert told("headroom") == "1.1 with a gallery and 0.1 without (minimum, robust, strong)"
        assert told("jpeg") == "70,95 (minimum, robust, strong)"

    def test_an_unknown_number(self):
        with pytest.raises(AttributeError):
            told("sparkle")


class TestWithstand:
    def test_is_asked_for_beside_what_the_level_promises(self):
        got = plan(withstand="signal+instagram,half")
        assert got == dataclasses.replace(ROBUST, withstands=(*ROBUST.withstands, "signal+instagram"))

    def test_a_search_for_it_looks_at_a_way_through_the_channel(self):
        assert plan(level="minimum", withstand=("signal",)).draws == 1
        assert plan(level="minimum", withstand=("signal",), draws=0).draws == 0
        assert plan(withstand=("signal",), draws=3).draws == 3
