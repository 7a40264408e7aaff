"""`stanch users`: help people in who cannot get in by themselves. For whoever has a shell on the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from stanch.cli.db_command import DATABASE
from stanch.cli.incidents_command import FORMAT
from stanch.cli.listing import ago, as_json, table
from stanch.cli.opening import opened
from stanch.cli.terminal import say
from stanch.core.errors import NotFoundError


@click.group(epilog="\b\nExamples:\n  stanch users list\n  stanch users link ada@example.com\n\nhttps://github.com/stanch/stanch")
def users() -> None:
    """List users, and make links for people who cannot get in.

    Everything else about people is done in the dashboard.
    """


@users.command("list")
@FORMAT
@DATABASE
def list_(format_: str, database: str | None) -> int:
    """List users."""
    from stanch.db import people as rows

    with opened(database=database) as record, record.desk.look() as connection:
        now = record.desk.now()
        found = [_shown(row) for row in rows.all_users(connection)]
    if format_ == "json":
        as_json(found)
    elif not found:
        click.echo("Nobody yet. `stanch serve` prints the link for the first administrator.")
    else:
        states = [("disabled" if u["disabled"] else "operator" if u["operator"] else "user") for u in found]
        table(
            ("email", "name", "state", "last seen"),
            [(u["email"], u["name"], s, ago(u["last_seen_at"], now)) for u, s in zip(found, states, strict=True)],
        )
    return 0


@users.command()
@click.argument("email", required=False)
@click.option(
    "--base-url",
    envvar="STANCH_BASE_URL",
    default="http://127.0.0.1:8420",
    show_default=True,
    help="How people reach the server.",
)
@DATABASE
def link(email: str | None, base_url: str, database: str | None) -> int:
    """Print a link, good once for an hour, with which EMAIL sets a new password.

    Without EMAIL: the link of the first administrator, while there is none.
    """
    from stanch.db import people as rows
    from stanch.people import accounts
    from stanch.people.principal import system

    with opened(database=database) as record:
        desk = record.desk
        if not email:
            with desk.database.begin() as connection:
                token = accounts.create_first_administrator_link(connection, desk.now(), audit=desk.audit)
            if token is None:
                raise NotFoundError("there are people who can sign in already.", hint="Name whose password is to be set anew.")
        else:
            with desk.look() as connection:
                row = rows.user_by_email(connection, email.strip().lower())
            if row is None:
                raise NotFoundError("there is no user with that address.", hint="`stanch users list` shows them.")
            with desk.work("", record.actor) as work:
                token = accounts.create_password_link(work, system(""), row["id"])
    click.echo(f"{base_url.rstrip('/')}/welcome/{token}")
    say("stanch: good once, for an hour. Give it to them over a channel that you trust.")
    return 0


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "email": row["email"],
        "name": row["name"],
        "operator": row["operator"],
        "authenticator": row["totp_enabled"],
        "disabled": row["disabled_at"] is not None,
        "last_seen_at": row["last_seen_at"],
    }
