"""A text once seen stays covered: through drop-outs, fades, flashes, movement and other names."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.cleaning.detector import Quad, Region
from supervisor_core.cleaning.reader import Reading
from supervisor_core.cleaning.tracks import MaskPlan, Span, Tracker

Box = tuple[float, float, float, float]
LINE: Box = (40, 100, 160, 120)
WIDTH, HEIGHT = 400, 300
READ, UNREAD = Reading("Mustermann", 0.95), Reading("iiwl", 0.4)


def region(box: Box, angle: float = 0.0) -> Region:
    center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    quad = cv2.boxPoints((center, (box[2] - box[0], box[3] - box[1]), angle))
    return Region(quad.astype(np.float32), 0.9)


def followed(seen: dict[int, list[Box]], reading: Reading = READ) -> Tracker:
    """Shows the boxes to a tracker, frame by frame; each new text gets the reading."""
    tracker = Tracker()
    for frame in range(max(seen) + 1):
        for track in tracker.see(frame, [region(box) for box in seen.get(frame, [])]):
            if not track.readings:
                track.readings.append(reading)
    return tracker


def painted_at(tracker: Tracker, frame: int, point: tuple[float, float]) -> bool:
    spans = [span for track in tracker.tracks for span in track.painted()]
    return any(
        span.first <= frame <= span.last and cv2.pointPolygonTest(span.quad, point, False) >= 0
        for span in spans
    )


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def moved(box: Box, across: float, down: float = 0.0) -> Box:
    return box[0] + across, box[1] + down, box[2] + across, box[3] + down


def test_a_drop_out_is_filled() -> None:
    seen = {frame: [LINE] for frame in range(60) if not 20 <= frame < 40}
    tracker = followed(seen)
    assert len(tracker.tracks) == 1
    assert all(painted_at(tracker, frame, middle(LINE)) for frame in range(60))


def test_a_text_that_fades_is_covered_before_it_was_seen_and_after() -> None:
    tracker = followed({frame: [LINE] for frame in range(50, 60)})
    assert all(painted_at(tracker, frame, middle(LINE)) for frame in range(40, 70))
    assert not painted_at(tracker, 0, middle(LINE))
    assert not painted_at(tracker, 120, middle(LINE))


def test_a_flash_on_one_frame_is_covered_with_a_margin_in_time_and_space() -> None:
    tracker = followed({30: [LINE]})
    corners = [(LINE[0], LINE[1]), (LINE[2], LINE[3])]
    assert all(painted_at(tracker, frame, point) for frame in (29, 30, 31) for point in corners)


def test_half_a_word_does_not_uncover_the_other_half() -> None:
    half = (LINE[0], LINE[1], 100.0, LINE[3])
    seen = {frame: [half if frame % 3 else LINE] for frame in range(30)}
    tracker = followed(seen)
    assert all(painted_at(tracker, frame, (150, 110)) for frame in range(30))


def test_moving_text_is_covered_where_it_is() -> None:
    seen = {frame: [moved(LINE, 4 * frame)] for frame in range(50)}
    tracker = followed(seen)
    assert len(tracker.tracks) == 1
    for frame, (box,) in seen.items():
        assert painted_at(tracker, frame, (box[0] + 1, box[1] + 1))
        assert painted_at(tracker, frame, (box[2] - 1, box[3] - 1))
    assert not painted_at(tracker, 49, (LINE[0], LINE[1]))


def test_a_moving_text_is_covered_on_the_way_while_it_is_not_seen() -> None:
    way = {frame: moved(LINE, 0, 3 * frame) for frame in range(40)}
    tracker = followed({frame: [box] for frame, box in way.items() if not 15 < frame < 20})
    assert all(painted_at(tracker, frame, middle(box)) for frame, box in way.items())


def test_the_next_patient_at_the_same_place_is_covered_to_the_full_length_of_the_name() -> None:
    longer = (LINE[0], LINE[1], 260.0, LINE[3])
    seen = {frame: [LINE if frame < 20 else longer] for frame in range(40)}
    tracker = followed(seen)
    assert all(painted_at(tracker, frame, (250, 110)) for frame in range(20, 40))
    assert all(painted_at(tracker, frame, middle(LINE)) for frame in range(40))


def test_texture_that_nobody_can_read_is_covered_where_it_is_seen_and_soon_free_again() -> None:
    tracker = followed({30: [LINE], 31: [LINE]}, reading=UNREAD)
    assert all(painted_at(tracker, frame, middle(LINE)) for frame in (30, 31))
    assert not any(painted_at(tracker, frame, middle(LINE)) for frame in (20, 45))


def test_two_lines_one_above_the_other_are_two_texts() -> None:
    below = moved(LINE, 0, 24)
    tracker = followed({frame: [LINE, below] for frame in range(10)})
    assert len(tracker.tracks) == 2
    assert [track.sightings for track in tracker.tracks] == [10, 10]


boxes = st.tuples(
    st.floats(-20, 300), st.floats(-20, 250), st.floats(6, 150), st.floats(6, 60)
).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))


@given(
    seen=st.dictionaries(st.integers(0, 40), st.lists(boxes, max_size=4), min_size=1),
    angle=st.floats(-90, 90),
    read=st.booleans(),
)
def test_whatever_was_seen_is_painted_on_its_own_frame(
    seen: dict[int, list[Box]], angle: float, read: bool
) -> None:
    tracker = Tracker()
    sightings: list[tuple[int, Region]] = []
    for frame in sorted(seen):
        regions = [region(box, angle) for box in seen[frame]]
        sightings += [(frame, one) for one in regions]
        for track in tracker.see(frame, regions):
            track.readings.append(READ if read else UNREAD)
    plan = MaskPlan([span for track in tracker.tracks for span in track.painted()])
    at = {frame: plan.quads_at(frame) for frame in range(41)}
    for frame, one in sightings:
        assert any(_covers(quad, one.quad) for quad in at[frame])


def _covers(outer: Quad, inner: Quad) -> bool:
    return all(cv2.pointPolygonTest(outer, (float(x), float(y)), True) >= -0.5 for x, y in inner)


@given(st.lists(st.tuples(st.integers(-30, 60), st.integers(0, 40)), max_size=30))
def test_the_plan_has_the_spans_of_each_frame_and_no_other(ranges: list[tuple[int, int]]) -> None:
    spans = [Span(first, first + length, region(LINE).quad) for first, length in ranges]
    plan = MaskPlan(spans)
    for frame in range(100):
        due = {id(span.quad) for span in spans if span.first <= frame <= span.last}
        assert {id(quad) for quad in plan.quads_at(frame)} == due
