import io
import json

from hypothesis import given
from hypothesis import strategies as st

from stanch.reports.stream import Rows, write_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def dumped(value):
    out = io.StringIO()
    write_json(value, out)
    return out.getvalue()


def streaming(value):
    """The same value with every array made while it is written."""
    if isinstance(value, list):
        return Rows(streaming(item) for item in value)
    if isinstance(value, dict):
        return {key: streaming(item) for key, item in value.items()}
    return value


@given(VALUES)
def test_streamed_json_is_byte_for_byte_what_json_dumps_writes(value):
    expected = json.dumps(value, indent=2) + "\n"
    assert dumped(value) == expected
    assert dumped(streaming(value)) == expected


def test_rows_inside_lists_and_objects_are_found():
    assert json.loads(dumped({"runs": [{"results": Rows(iter([1, {"a": Rows([])}]))}]})) == {
        "runs": [{"results": [1, {"a": []}]}]
    }
