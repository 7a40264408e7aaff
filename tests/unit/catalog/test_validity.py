from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.load import DATA, load_catalog
from stanch.catalog.model import DetectorError, detector_from
from stanch.catalog.template import Hole, TemplateError, holes, template
from stanch.catalog.validity import KEYS, validity_from, validity_specs
from stanch.catalog.validity_text import told
from stanch.core.errors import ConfigError
from stanch.core.validity import Validity

TABLE = {
    "request": "GET https://api.acme.com/v1/me",
    "headers": {"Authorization": "Bearer {value}"},
    "live": [200],
    "dead": [401],
    "docs": "https://docs.acme.com/me",
}
POST = {"request": "POST https://api.acme.com/q", "headers": {"Authorization": "{value}"}, "idempotent": True}
BEARER = {"Authorization": "Bearer {value}"}


def made(companions=("user", "site"), **changes):
    table = {key: value for key, value in {**TABLE, **changes}.items() if value is not None}
    return validity_from(table, detector="acme-token", provider="Acme", companions=companions)


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"colour": "red"}, "colour", "known are answers, basic"),
        ({"header": "Authorization: Bearer {value}"}, "header", "write headers ="),
        ({"request": "DELETE https://api.acme.com/v1/me"}, "request", "begins with GET, HEAD, POST"),
        ({"request": "GET http://api.acme.com/v1/me"}, "request", "https:// only"),
        ({"request": "GET https://user@api.acme.com/"}, "request", "no plain host"),
        ({"request": "GET https://localhost/"}, "request", "no host name"),
        ({"request": "GET https://api.acme.com/a b"}, "request", "white space"),
        ({"request": "GET https://api.acme.com/a#b"}, "request", "white space, #"),
        ({"request": "GET https://api.acme.com/münchen"}, "request", "foreign letters"),
        ({"request": "GET https://{host}/v1"}, "request", "'{host}' is no placeholder"),
        ({"request": "GET https://api.acme.com/{value"}, "request", "is no placeholder"),
        ({"request": "GET https://api.acme.com/{companion:nobody}"}, "request", "no companion is called 'nobody'"),
        ({"request": "GET https://{companion:site}/v1"}, "hosts", "is missing"),
        ({"request": "GET {value}", "headers": None}, "hosts", "is missing"),
        ({"request": "GET https://{value}.acme.com/", "hosts": ["*.acme.com"]}, "request", "cannot name the host"),
        ({"request": "POST https://api.acme.com/v1/me"}, "idempotent", "has to be true with POST"),
        ({"headers": None}, "request", "holds {value}"),
        ({"headers": {"Bad Name": "{value}"}}, "headers", "no name of a header"),
        ({"headers": {"Host": "{value}"}}, "headers", "set by the transport"),
        ({"headers": "Authorization: Bearer {value}"}, "headers", "table of texts"),
        ({"basic": "{value}:x"}, "headers", "exclude each other"),
        ({"headers": None, "basic": "{value}"}, "basic", "one colon"),
        ({"form": {"token": "{value}"}}, "request", "so it is a POST"),
        ({**POST, "form": {"a": "b"}, "json": {"a": "b"}}, "form", "exclude each other"),
        ({**POST, "json": {"a": {"value": "{value:x}"}}}, "json", "is no placeholder"),
        ({"hosts": ["*.com"]}, "hosts", "no pattern"),
        ({"hosts": ["*"]}, "hosts", "no pattern"),
        ({"hosts": ["acme*.com"]}, "hosts", "no pattern"),
        ({"hosts": ["https://api.acme.com"]}, "hosts", "no pattern"),
        ({"hosts": []}, "hosts", "list of texts"),
        ({"regions": ["eu"]}, "regions", "no host name"),
        ({"regions": [f"r{n}.acme.com" for n in range(9)]}, "regions", "more than 8"),
        ({"docs": "http://docs.acme.com"}, "docs", "https:// address"),
        ({"self_hosted": "yes"}, "self_hosted", "true or false"),
        ({"live": None}, "live", "no answer means live"),
        ({"dead": None}, "dead", "every answer means live"),
        ({"live": "200"}, "live", "list of HTTP statuses"),
        ({"live": [2000]}, "live", "2000"),
        ({"live": ["299-200"]}, "live", "a range like"),
        ({"live": [True]}, "live", "for a status"),
        ({"dead": [401, 200]}, "answers", "say twice what 200 means"),
        ({"dead": [302]}, "answers", "redirect"),
        ({"dead": [429]}, "answers", "429"),
        ({"dead": ["400-404", "428-430"]}, "answers", "429"),
        ({"dead": [500]}, "answers", "5xx only together with an error code"),
        ({"answers": [{"status": 500, "body": "bad key", "means": "dead"}]}, "answers", "5xx only"),
        ({"answers": [{"status": 403, "means": "gone"}]}, "answers", "it is one of dead"),
        ({"answers": [{"means": "dead"}]}, "answers", "fits every answer"),
        ({"answers": [{"status": 403, "json": "a", "means": "dead"}]}, "answers", "exactly one of json"),
        ({"answers": [{"status": 403, "json": "a", "is": 1, "contains": "b", "means": "dead"}]}, "answers", "exactly one of json"),
        ({"answers": [{"status": 403, "json": "a", "in": [], "means": "dead"}]}, "answers", "cannot compare by in"),
        ({"answers": [{"status": 403, "json": "a", "exists": "yes", "means": "dead"}]}, "answers", "cannot compare by exists"),
        ({"answers": [{"status": 403, "json": "a..b", "is": 1, "means": "dead"}]}, "answers", "no place in an answer"),
        ({"answers": [{"status": 403, "json": ".".join("a" * 9), "is": 1, "means": "dead"}]}, "answers", "no place in an answer"),
        ({"answers": [{"status": 403, "means": "dead", "colour": 1}]}, "answers", "unknown key 'colour'"),
        ({"answers": [{"status": 403, "means": "dead", "reason": "Not So"}]}, "answers", "snake case"),
        ({"answers": {"status": 403}}, "answers", "list of at most"),
        ({"evidence": {"Account": "json:login"}}, "evidence", "no fact"),
        ({"evidence": {"account": "login"}}, "evidence", "no place in an answer"),
        ({"evidence": {"account": "text:me"}}, "evidence", "json: or header:"),
        ({"request": None}, "dead", "needs a request"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_key_and_what_to_write(changes, key, says):
    with pytest.raises(DetectorError) as caught:
        made(**changes)
    assert caught.value.key == key
    assert says in str(caught.value)


@pytest.mark.parametrize("table", [{}, [], "GET https://api.acme.com", None])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(DetectorError, match="must be a table"):
        validity_from(table, detector="acme-token", provider="Acme")


def test_prose_alone_is_kept_and_not_run():
    spec = validity_from({"how": "Ask Acme by telephone."}, detector="acme-token", provider="Acme")
    assert (spec.how, spec.runs) == ("Ask Acme by telephone.", False)


def test_a_request_is_split_where_no_placeholder_is():
    url = "GET https://{companion:site|eu.acme.com}/v1/{value}/x?next=/a?b&key={companion:user}"
    spec = made(request=url, hosts=["*.acme.com"])
    assert spec.authority == (Hole(companion="site", default="eu.acme.com"),)
    assert spec.path == ("/v1/", Hole(), "/x")
    assert spec.query == ("next=/a?b&key=", Hole(companion="user"))


def test_rules_come_before_shorthands_and_limited_is_live_without_a_scope():
    rules = made(answers=[{"status": 401, "json": "code", "is": "expired", "means": "expired"}], limited=[403]).rules
    assert [(rule.means, rule.reason, rule.looks_inside) for rule in rules] == [
        (Validity.EXPIRED, "expired", True),
        (Validity.LIVE, "accepted", False),
        (Validity.LIVE, "accepted", False),
        (Validity.DEAD, "refused", False),
    ]
    assert [name for name, _ in rules[2].evidence] == ["scope"]


def test_without_a_page_of_the_vendor_acceptance_is_cross_checked():
    assert (made().control, made(docs=None).control, made(docs=None, control=False).control) == (False, True, False)


def test_self_hosted_software_may_get_its_host_from_the_user_alone():
    spec = made(request="GET https://{companion:my server}/v1", self_hosted=True)
    assert [hole.companion for hole in holes([spec.authority])] == ["my server"]


def test_braces_of_a_query_language_are_plain_text_in_a_body():
    assert template("{ me { id } } {value}", braces=True) == ("{ me { id } } ", Hole())


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_is_refused_as_one(text):
    for braces in (False, True):
        try:
            parts = template(text, braces=braces)
        except TemplateError:
            continue
        assert all(isinstance(part, Hole) or part for part in parts)


@given(
    st.dictionaries(
        st.sampled_from(sorted(KEYS)),
        st.one_of(st.text(max_size=30), st.integers(), st.booleans(), st.lists(st.integers(0, 700), max_size=3)),
    )
)
def test_any_table_is_a_spec_or_a_detector_error(table):
    try:
        validity_from(table, detector="acme-token", provider="Acme")
    except DetectorError as exc:
        assert exc.key


def detector(validity):
    return {
        "id": "acme-token", "name": "Acme", "kind": "token", "severity": "high", "value": "acme_[a-z0-9]{20}",
        "positive": ["a={value}", "b={value}", "c={value}"], "negative": ["a={value:short}", "b={value:long}"], "validity": validity,
    }  # fmt: skip


def test_a_detector_with_a_wrong_validity_table_is_refused():
    with pytest.raises(DetectorError, match="no answer means live"):
        detector_from(detector({key: value for key, value in TABLE.items() if key != "live"}), provider="Acme")
    assert detector_from(detector(TABLE), provider="Acme").facts["validity"] == TABLE


OWN = """[provider]
name = "Acme"

[[detector]]
id = "{id}"
name = "Acme token"
kind = "token"
severity = "high"
value = 'acme_[a-z0-9]{{20}}'
positive = ["a={{value}}", "b={{value}}", "c={{value}}"]
negative = ["a={{value:short}}", "b={{value:long}}"]
{validity}
"""


def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "acme.toml"
    path.write_text(OWN.format(id="acme-token", validity='[detector.validity]\nrequest = "GET http://api.acme.com/"\n'), "utf-8")
    with pytest.raises(ConfigError) as caught:
        validity_specs(["acme-token"], [path])
    assert (caught.value.path, caught.value.line) == (str(path), 13)


def test_a_users_detector_replaces_a_shipped_one_with_or_without_a_table(tmp_path: Path):
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(id="figma-personal-access-token", validity=""), "utf-8")
    assert validity_specs(["figma-personal-access-token"], [path]) == {}
    table = '[detector.validity]\nrequest = "GET https://api.acme.com/"\nheaders = { X-Key = "{value}" }\nlive = [200]\ndead = [401]\n'
    path.write_text(OWN.format(id="figma-personal-access-token", validity="{}").replace("{}", table), "utf-8")
    found = validity_specs(["figma-personal-access-token"], [path])
    assert found["figma-personal-access-token"].authority == ("api.acme.com",)


def test_only_the_files_of_the_detectors_asked_for_are_parsed(monkeypatch):
    read = []
    monkeypatch.setattr(Path, "read_text", lambda self, *a: read.append(self.name) or self.read_bytes().decode())
    assert set(validity_specs(["figma-personal-access-token", "asana-personal-access-token", "no-such-detector"])) == {
        "figma-personal-access-token", "asana-personal-access-token",
    }  # fmt: skip
    assert sorted(read) == ["asana.toml", "figma.toml"]


def test_every_detector_of_the_catalog_is_found_by_its_id():
    wanted = {detector.id: "validity" in detector.facts for detector in load_catalog(DATA)}
    assert set(validity_specs(wanted)) == {name for name, has in wanted.items() if has}


def test_every_key_is_explained_in_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "detectors.md").read_text("utf-8")
    rows = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| "))
    assert [key for key in sorted(KEYS) if f"`{key}`" not in rows] == []


def test_a_table_is_told_in_words():
    spec = made(
        request="GET https://{companion:site|eu.acme.com}/me?a={value}",
        hosts=["*.acme.com"],
        answers=[{"status": 401, "json": "code", "in": ["a", "b"], "means": "expired", "note": "Renew it."}],
        limited=[403],
        evidence={"account": "json:login"},
    )
    assert told(spec) == [
        ("request", "GET https://{site}/me?a={value}"),
        ("header", "Authorization: Bearer {value}"),
        ("hosts", "*.acme.com"),
        ("expired", "401 with code is a or b (Renew it.)"),
        ("live", "200"),
        ("live, limited", "403"),
        ("dead", "401"),
        ("learned", "account"),
        ("documented", "https://docs.acme.com/me"),
    ]


def test_every_table_of_the_catalog_can_be_told():
    for spec in validity_specs([detector.id for detector in load_catalog(DATA)]).values():
        assert told(spec)
        assert all(label and text and "\n" not in text for label, text in told(spec)), spec.detector
