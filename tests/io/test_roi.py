import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.errors import InputError
from neurorecon.io.roi import parse_roi

SHAPE_ZYX = (7, 11, 13)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:4,2:9,3:13", [(1, 4), (2, 9), (3, 13)]),
        (":,:,:", [(0, 7), (0, 11), (0, 13)]),
        ("2:,:5, 3 : 4 ", [(2, 7), (0, 5), (3, 4)]),
    ],
)
def test_ranges_in_z_y_x_order_with_open_ends(text: str, expected: list[tuple[int, int]]) -> None:
    assert [(side.start, side.stop) for side in parse_roi(text, SHAPE_ZYX)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1:2",
        "1:2,3:4",
        "1:2,3:4,5:6,7:8",
        "1,2,3",
        "a:b,:,:",
        "-3:5,:,:",
        "1.5:2,:,:",
        "1:5:2,:,:",
    ],
)
def test_other_forms_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="Z0:Z1,Y0:Y1,X0:X1"):
        parse_roi(text, SHAPE_ZYX)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3:3,:,:", "empty along z"),
        (":,9:2,:", "empty along y"),
        (":,:,5:14", "it has 13"),
        ("7:,:,:", "empty along z"),
    ],
)
def test_empty_ranges_and_ranges_outside_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_roi(text, SHAPE_ZYX)


@given(st.text("0123456789:, -", max_size=20) | st.text(max_size=20))
def test_any_text_gives_a_box_in_the_stack_or_an_input_error(text: str) -> None:
    try:
        box = parse_roi(text, SHAPE_ZYX)
    except InputError:
        return
    for side, size in zip(box, SHAPE_ZYX, strict=True):
        assert 0 <= side.start < side.stop <= size
