"""A simulated Azure is filled from a file, and a file that is wrong is refused with where and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.simulated import Pair

from stanch.core.errors import ConfigError, InputError
from stanch.simulators.azure import AzureSimulation
from stanch.simulators.azure_data import LARGEST, load_data
from stanch.simulators.azure_sample import add_sample

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(3)]
SECRET = "".join(["Vb6", "8Q~", "from" * 6])
WHOLE = f"""
[[tenant]]
domain = "Contoso.onmicrosoft.com"
id = "{IDS[0]}"
cloud = "usgov"

  [[tenant.application]]
  name = "billing"
  client_id = "{IDS[1]}"
  certificates = ["app.pem"]
  secret_env = ["BILLING"]
  roles = ["Application.Read.All"]

  [[tenant.application]]
  name = "old"
  enabled = false

[[subscription]]
id = "{IDS[2]}"
name = "Test"
certificates = ["app.pem", "app.cer"]
"""


def load(folder: Path, text: str, **environment: str) -> AzureSimulation:
    azure = AzureSimulation()
    (folder / "azure.toml").write_text(text)
    load_data(azure, folder / "azure.toml", environment)
    return azure


def test_everything_in_the_file_is_there(tmp_path):
    pair, other = Pair(), Pair("other")
    pair.pem(tmp_path).rename(tmp_path / "app.pem")
    (tmp_path / "app.cer").write_bytes(other.der)
    azure = load(tmp_path, WHOLE, BILLING=SECRET)
    state = azure.directory.latest()
    tenant = state.tenant("contoso.ONMICROSOFT.com")
    assert (tenant.id, tenant.cloud) == (IDS[0], "usgov")
    app = state.application_of(IDS[1])
    assert [key.key for key in app.key_credentials] == [pair.der]
    assert [(p.display_name, p.matches(SECRET), p.matches("x")) for p in app.password_credentials] == [("BILLING", True, False)]
    principals = {p.display_name: p for p in state.service_principals.values()}
    assert (principals["billing"].roles, principals["old"].account_enabled) == (("Application.Read.All",), False)
    assert azure.classic.subscription(IDS[2]).certificates.keys() == {pair.thumbprint, other.thumbprint}
    assert SECRET not in repr(state)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tenant]", "no TOML"),
        ("[[tenants]]", "no 'tenants'"),
        ("[[tenant]]", "needs a domain"),
        ("tenant = 5", "array of tables"),
        ('[[tenant]]\ndomain = 5', "wrong type"),
        ('[[tenant]]\ndomain = "a.example"\ncolour = "red"', "'colour'"),
        ('[[tenant]]\ndomain = "a.example"\ncloud = "moon"', "cloud"),
        ('[[tenant]]\ndomain = "a.example"\napplication = [1]', "array of tables"),
        ('[[tenant]]\ndomain = "a.example"\n[[tenant.application]]\nroles = [1]', "list of texts"),
        ('[[tenant]]\ndomain = "a.example"\n[[tenant.application]]\nsecret_env = ["NOT_SET"]', "'NOT_SET' is not set"),
        ('[[subscription]]\ncertificates = ["azure.toml"]', "no certificate"),
        ('[[subscription]]\nenabled = "yes"', "wrong type"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_wrong_file_is_refused_with_where_and_why(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "azure.toml") in str(caught.value)


def test_missing_and_huge_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="could not be read"):
        load_data(AzureSimulation(), tmp_path / "none.toml", {})
    with pytest.raises(InputError, match="larger"):
        load(tmp_path, "#" * (LARGEST + 1))


def test_sample_files_are_readable_by_their_owner_only(tmp_path):
    azure = AzureSimulation()
    sample = add_sample(azure, tmp_path)
    files = [sample.pem, *sample.leak.iterdir()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert len(files) == 3
    assert azure.classic.subscription(sample.subscription).certificates
