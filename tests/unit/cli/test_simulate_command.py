"""`stanch simulate azure` as people start it: what it prints works, and Ctrl-C ends it without a trace."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from azure.identity import CertificateCredential

COMMAND = (sys.executable, "-m", "stanch", "simulate", "azure")


@contextmanager
def started(*arguments: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Start the command and read its lines up to the last one."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    variables = {}
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                variables[name] = value
            if "/_simulator/faults" in line:
                break
        yield process, variables
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")


def test_what_is_printed_works_with_the_official_client_and_ctrl_c_leaves_nothing(tmp_path):
    with started(folder=tmp_path) as (_, variables):
        assert Path(variables["STANCH_CA_FILE"]).is_file()
        hosts = dict(entry.split("=", 1) for entry in variables["STANCH_ISSUER_HOST"].split(","))
        assert {"login.microsoftonline.com", "login.microsoftonline.us", "management.core.windows.net"} <= hosts.keys()
        with CertificateCredential(
            variables["AZURE_TENANT_ID"],
            variables["AZURE_CLIENT_ID"],
            variables["AZURE_CLIENT_CERTIFICATE_PATH"],
            authority=variables["AZURE_AUTHORITY_HOST"],
            disable_instance_discovery=True,
            connection_verify=variables["REQUESTS_CA_BUNDLE"],
        ) as credential:
            assert credential.get_token("https://graph.microsoft.com/.default").token
        answer = requests.get(
            f"{hosts['login.microsoftonline.com']}/_simulator/faults", verify=variables["STANCH_CA_FILE"], timeout=10
        )
        assert answer.json()["faults"] == []
    assert list(tmp_path.iterdir()) == []


def test_data_file_and_place_of_the_certificate_are_taken(tmp_path):
    data, bundle = tmp_path / "azure.toml", tmp_path / "ca.pem"
    data.write_text('[[tenant]]\ndomain = "fabrikam.example"\n')
    with started("--data", str(data), "--ca-file", str(bundle), folder=tmp_path) as (_, variables):
        assert variables["STANCH_CA_FILE"] == str(bundle)
        assert "AZURE_CLIENT_ID" not in variables
        url = f"{variables['AZURE_AUTHORITY_HOST']}/fabrikam.example/v2.0/.well-known/openid-configuration"
        assert requests.get(url, verify=str(bundle), timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "none.toml"), "could not be read"),
        (("--ca-file", "no/such/ca.pem"), "could not be written"),
        (("--port", "0"), "--port"),
    ],
)
def test_wrong_option_is_an_input_error_without_a_trace(tmp_path, arguments, said):
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_importing_the_command_loads_nothing_heavy():
    code = "import sys, stanch.cli.simulate_command; print(sorted({'cryptography', 'OpenSSL', 'ssl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.stdout.strip() == "[]", tempfile.gettempdir()
