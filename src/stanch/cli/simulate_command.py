"""`stanch simulate`: loopback stand-ins for services, to try checks and rotations on without touching anything real."""

from __future__ import annotations

import importlib.util
import shlex
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stanch.cli.terminal import environment_without_ours
from stanch.core.errors import InputError

if TYPE_CHECKING:
    from stanch.simulators.azure_sample import Sample
    from stanch.simulators.server import Simulator


@click.group(
    epilog="\b\nExamples:\n  stanch simulate azure\n  stanch simulate azure --port 8443 --data tenants.toml\n\n"
    "https://github.com/stanch/stanch"
)
def simulate() -> None:
    """Start stand-ins for services on this machine."""


@simulate.command(
    epilog="\b\nExamples:\n  stanch simulate azure\n  stanch simulate azure --port 8443 --data tenants.toml\n\n"
    "https://github.com/stanch/stanch",
    context_settings={"max_content_width": 80},
)
@click.option(
    "--port", type=click.IntRange(1, 65_000), help="Port of the first service, the others follow; any free ones without it."
)
@click.option("--ca-file", metavar="FILE", help="Where to write the certificate to trust; a temporary file without it.")
@click.option("--data", metavar="FILE", help="Tenants, applications and subscriptions, as TOML; a sample without it.")
def azure(port: int | None, ca_file: str | None, data: str | None) -> int:
    """Start Azure's stand-ins and print how to use them.

    They speak the real protocols over TLS on 127.0.0.1, verify what the real
    services verify, and accept the official clients unchanged. Whatever goes
    wrong in real life can be switched on: POST to /_simulator/faults on any of
    them. Ends with Ctrl-C; everything that was made is gone then.
    """
    _need_openssl()
    from stanch.simulators.azure import AzureSimulation
    from stanch.simulators.azure_data import load_data
    from stanch.simulators.azure_sample import add_sample

    simulation = AzureSimulation()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stanch-azure-")))
        sample = None if data else add_sample(simulation, folder)
        if data:
            load_data(simulation, Path(data), environment_without_ours())
        simulator = stack.enter_context(simulation.simulator(port=port or 0))
        trusted = _trusted(simulator, ca_file)
        _announce(simulator, trusted, sample)
        _wait()
    return 0


@simulate.command(
    epilog="\b\nExamples:\n  stanch simulate conjur\n  stanch simulate conjur --port 8443 --account acme\n\n"
    "https://github.com/stanch/stanch",
    context_settings={"max_content_width": 80},
)
@click.option("--port", type=click.IntRange(1, 65_000), help="Port; a free one without it.")
@click.option("--ca-file", metavar="FILE", help="Where to write the certificate to trust; a temporary file without it.")
@click.option("--account", default="stanch", show_default=True, help="Name of the account.")
def conjur(port: int | None, ca_file: str | None, account: str) -> int:
    """Start a stand-in for CyberArk Conjur and print how to use it.

    Authentication, policies, secrets with versions and rotation, over TLS on
    127.0.0.1; the official client is accepted unchanged. The API key of the
    user admin is made anew each time. Ends with Ctrl-C; everything that was
    made is gone then.
    """
    _need_openssl()
    from stanch.simulators.conjur_server import Conjur
    from stanch.simulators.server import Simulator

    try:
        server = Conjur(account)
    except ValueError as exc:
        raise InputError(f"{account!r} cannot be an account: {exc}.", hint="For example --account acme.") from exc
    with Simulator({"conjur": server}, faults=server.faults, port=port or 0) as simulator:
        trusted = _trusted(simulator, ca_file)
        variables = {
            "CONJUR_APPLIANCE_URL": simulator.address("conjur"),
            "CONJUR_ACCOUNT": account,
            "CONJUR_AUTHN_LOGIN": "admin",
            "CONJUR_AUTHN_API_KEY": server.admin_api_key,
            "CONJUR_CERT_FILE": str(trusted),
        }
        click.echo("# A stand-in for Conjur is running; Ctrl-C ends it. It is good for nothing else.")
        for name, value in variables.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        _wait()
    return 0


def _need_openssl() -> None:
    if importlib.util.find_spec("OpenSSL") is None:
        raise InputError("simulators need pyOpenSSL, which is not installed.", hint="pip install 'stanch[simulators]'")


def _trusted(simulator: Simulator, ca_file: str | None) -> Path:
    if ca_file is None:
        return simulator.ca_file
    try:
        Path(ca_file).write_bytes(simulator.authority.ca_pem)
    except OSError as exc:
        raise InputError(f"{ca_file!r} could not be written: {exc.strerror or type(exc).__name__}.") from exc
    return Path(ca_file).resolve()


def _announce(simulator: Simulator, ca_file: Path, sample: Sample | None) -> None:
    """Print environment lines on standard output, so that they can be sourced; the rest is comments."""
    hosts = ",".join(f"{name}={address}" for name, address in simulator.addresses.items())
    login = simulator.address("login.microsoftonline.com")
    variables = {"STANCH_ISSUER_HOST": hosts, "STANCH_CA_FILE": str(ca_file), "AZURE_AUTHORITY_HOST": login}
    lines = ["# Stand-ins for Azure are running; Ctrl-C ends them. Clients have to trust the certificate below."]
    lines += [f"#   {name:<34} {address}" for name, address in simulator.addresses.items()]
    if sample is not None:
        variables |= {
            "AZURE_TENANT_ID": sample.tenant,
            "AZURE_CLIENT_ID": sample.client,
            "AZURE_CLIENT_CERTIFICATE_PATH": str(sample.pem),
            "AZURE_SUBSCRIPTION_ID": sample.subscription,
            "AZURE_KEY_VAULT_URL": simulator.address("*.vault.azure.net"),
        }
    variables["REQUESTS_CA_BUNDLE"] = str(ca_file)
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if sample is not None:
        lines += ["# With these set, ask whether a leaked key still works:", f"#   stanch check {shlex.quote(str(sample.leak))}"]
    lines += ["# Let something go wrong, and look what has:"]
    fault = '{"faults": [{"kind": "throttle", "path": "*/token", "retry_after": 2}]}'
    lines += [f"#   curl --cacert {shlex.quote(str(ca_file))} -d {shlex.quote(fault)} {login}/_simulator/faults"]
    for line in lines:
        click.echo(line)


def _wait() -> None:
    """Wait for Ctrl-C or a polite kill."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
