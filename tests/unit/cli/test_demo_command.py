import json
import random

import pytest

from stanch.cli.demo_command import make_repository
from stanch.core.errors import InputError

from .runner import run


@pytest.fixture(scope="module")
def made(engine, tmp_path_factory):
    """The demo's repository and how the demo ended."""
    root = tmp_path_factory.mktemp("demo") / "leaky"
    return root, run("demo", "--folder", root)


@pytest.fixture(scope="module")
def findings(made):
    ended = run("scan", made[0], "-f", "json", "--jobs", 1)
    assert ended.status == 1
    return json.loads(ended.out)["findings"]


def test_demo_ends_well_and_says_where_it_is(made):
    root, ended = made
    assert ended.status == 0
    assert str(root) in ended.out
    assert "stanch baseline create" in ended.out


def test_demo_finds_three_secrets_and_opens_the_certificate(findings):
    assert len({f["id"] for f in findings}) == 3
    (key,) = (f["key"] for f in findings if f["key"])
    assert (key["verdict"], key["certificate"]["subject"]) == ("usable", "CN=Windows Azure Tools")
    paths = sorted(f["path"].partition("leaky/")[2] for f in findings)
    assert paths == [
        "azure/contoso.publishsettings",
        "backup/2026-11.zip!etc/billing/.env", "deploy/release.sh",
    ]  # fmt: skip


def test_publish_settings_are_in_the_history_only(made, findings):
    assert not (made[0] / "azure/contoso.publishsettings").exists()
    in_head = {f["path"].rpartition("leaky/")[2]: f["history"]["in_head"] for f in findings}
    assert not in_head.pop("azure/contoso.publishsettings")
    assert set(in_head.values()) == {True}


def test_same_seed_makes_the_same_files(tmp_path):
    for name in ("one", "two"):
        make_repository(tmp_path / name, random.Random(3))
    for path in ("deploy/release.sh", "backup/2026-11.zip"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    assert isinstance(run("demo", "--folder", tmp_path).error, InputError)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
