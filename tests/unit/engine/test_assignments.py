import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.engine.assignments import LOOK_BACK, MAX_VALUE, read_assignment

VALUE = "kV7qZt2mXw9cRb4h"


def read(text: str, value: str = VALUE):
    """Read the assignment whose value is where V stands."""
    data = text.replace("«V»", value).encode()
    found = read_assignment(data, text.encode().index("«V»".encode()))
    assert found is not None
    assert found.value == data[found.start : found.end]
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("API_KEY=«V»\n", "API_KEY"),
        ("export API_KEY=«V»; run\n", "API_KEY"),
        ("export API_KEY='«V»'\n", "API_KEY"),
        ('API_KEY="«V>"\n'.replace("«V>", "«V»"), "API_KEY"),
        ("api_key: «V»\n", "api_key"),
        ("api_key: '«V»'\n", "api_key"),
        ('  "apiKey": "«V»",\n', "apiKey"),
        ('{"a": {"apiKey":"«V»"}}', "apiKey"),
        ("api-key = '«V»' # why\n", "api-key"),
        ("<apiKey>«V»</apiKey>", "apiKey"),
        ('<add key="ApiKey" value="«V»"/>', "ApiKey"),
        ("- name: API_KEY\n  value: «V»\n", "API_KEY"),
        ('- name: API_KEY\n  value: "«V»"\n', "API_KEY"),
        ('{"name": "API_KEY", "value": "«V»"}', "API_KEY"),
        ('variable "api_key" {\n  default = "«V»"\n}', "api_key"),
        ("https://host/path?api_key=«V»&page=2", "api_key"),
        ("https://host/path?a=1&amp;api_key=«V»&amp;b=2", "api_key"),
        ('"{\\"apiKey\\": \\"«V»\\"}"', "apiKey"),
        ("&quot;apiKey&quot;: &quot;«V»&quot;,", "apiKey"),
        ('const apiKey: string = "«V»";', "apiKey"),
        ('apiKey := "«V»"\n', "apiKey"),
        ("'apiKey' => '«V»',", "apiKey"),
        ('config["api_key"] = "«V»"', "api_key"),
        ("API_KEY=«V»\\nNEXT=1", "API_KEY"),
    ],
)
def test_name_and_end_of_a_value_are_read(text, name):
    found = read(text)
    assert found.value == VALUE.encode()
    assert found.name.decode().split()[-1] == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('setApiKey("«V»")', "setApiKey"),
        ('Client(api_key="«V»")', "api_key"),
        ('os.putenv("API_KEY", "«V»")', "API_KEY"),
        ("set('api_key', '«V»');", "api_key"),
        ("client = Client(«V»)", "Client"),
    ],
)
def test_calls_are_read(text, name):
    found = read(text)
    assert found.value == VALUE.encode()
    assert found.name.decode().endswith(name)


@pytest.mark.parametrize(
    ("text", "quote"), [('a_key = "«V»"', b'"'), ("a_key = '«V»'", b"'"), ("a_key = `«V»`", b"`"), ("a_key = «V»", b"")]
)
def test_quote_is_the_one_the_value_stands_in(text, quote):
    assert read(text).quote == quote


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("k = «V»", b"="),
        ("k: «V»", b":"),
        ("k := «V»", b":="),
        ("k => '«V»'", b"=>"),
        ("k == '«V»'", b"=="),
        ('f(k, "«V»")', b","),
    ],
)
def test_operator_is_what_stands_between(text, operator):
    assert read(text).operator == operator


def test_with_mere_space_between_there_is_no_operator():
    found = read("password «V»\n")
    assert (found.name, found.operator) == (b"password", b"")


def test_quoted_value_keeps_spaces_and_escaped_quotes():
    assert read('a_key = "«V»"', 'kV7q Zt2m;\\"Xw9c').value == b'kV7q Zt2m;\\"Xw9c'


def test_value_in_an_open_quote_ends_at_the_first_space():
    assert read('a_key = "«V» and more\n').value == VALUE.encode()


def test_name_of_a_data_item_is_the_name_beside_it():
    text = '<data name="SmtpPassword" xml:space="preserve"><value>«V»</value></data>'  # stanch:allow
    assert read(text).name == b"SmtpPassword"


def test_value_is_never_longer_than_the_bound():
    assert len(read("a_key=«V»", "k" * (MAX_VALUE + 10)).value) == MAX_VALUE


def test_value_at_the_beginning_has_no_name():
    found = read_assignment(VALUE.encode(), 0)
    assert found is None or found.name == b""


def test_name_too_far_away_is_not_read():
    found = read_assignment(b"api_key" + b" " * LOOK_BACK + VALUE.encode(), 7 + LOOK_BACK)
    assert found is None or found.name == b""


@given(st.binary(max_size=300), st.integers(0, 300))
def test_whatever_the_bytes_the_value_lies_where_it_is_said(data, start):
    start = min(start, len(data))
    found = read_assignment(data, start)
    if found is not None:
        assert found.start == start <= found.end <= len(data)
        assert found.value == data[found.start : found.end]
