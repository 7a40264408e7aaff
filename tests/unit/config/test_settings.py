import pickle
import subprocess
import sys

import pytest

from stanch.config.settings import AllowRule, Settings
from stanch.sources.limits import Limits


def test_settings_travel_to_workers():
    settings = Settings(allow=(AllowRule(reason="x", values=("hunter",)),))
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_repr_shows_no_rule_because_people_put_secrets_into_them():
    rule = AllowRule(reason="x", values=("hunter",))
    assert "hunter" not in repr(rule) + repr(Settings(allow=(rule,)))


def test_defaults_on_containers_are_those_of_the_sources():
    settings, limits = Settings(), Limits()
    assert (settings.max_depth, settings.max_expanded, settings.max_members) == (limits.depth, limits.expanded, limits.members)


def test_unknown_name_is_not_found_in_the_module():
    import stanch.config.settings as module

    with pytest.raises(AttributeError):
        _ = module.Nothing


def test_settings_of_a_scan_without_a_file_load_nothing_heavy():
    code = (
        "import os, sys, pathlib; from stanch.config.load import load; load({}, pathlib.Path('/proc/self'), {}, None);"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'tomllib', 'json', 'difflib', 'datetime'}"
        " or m.startswith('stanch.config')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = ["", ".load", ".options", ".settings", ".smallfile"]
    assert done.stdout.strip() == str(["stanch.config" + name for name in names])
