"""All tables. Rows that belong to people carry their workspace; ids are text with a prefix; times are `Moment`.

No column holds a plain credential: ``sealed`` columns hold ciphertext under a data key, ``hash`` columns a one-way hash.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint

from stanch.db.types import Json, Moment

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BIG: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only in INTEGER columns


def _id(length: int = 40) -> Column[Any]:
    return Column("id", String(length), primary_key=True)


def _in_workspace() -> Column[Any]:
    return Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def _text(name: str, default: str = "") -> Column[Any]:
    return Column(name, Text, nullable=False, default=default, server_default=default)


def _number(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, default=0, server_default="0")


def _moment(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Moment, nullable=null)


def _flag(name: str, *, default: bool = False) -> Column[Any]:
    return Column(name, Boolean, nullable=False, default=default, server_default=sa.true() if default else sa.false())


# ── the installation ────────────────────────────────────────────────────────────────────────────────────────────────────

workspaces = sa.Table(
    "workspaces", metadata, _id(), Column("slug", String(80), nullable=False, unique=True), _text("name"),
    Column("settings", Json, nullable=False, default=dict), _moment("created_at"),
    _number("next_number"),  # of the next incident
    Column("version", BigInteger, nullable=False, default=0, server_default="0"),  # counts writes: the key of caches
)  # fmt: skip

keyring = sa.Table(
    "keyring", metadata, _id(), Column("purpose", String(20), nullable=False),  # data | audit | cookie
    Column("wrapped", LargeBinary, nullable=False), Column("wrapped_by", String(40), nullable=False),
    _moment("created_at"), _moment("retired_at", null=True),
)  # fmt: skip

workers = sa.Table(
    "workers", metadata, _id(80), _text("name"), _text("host"), _number("pid"), _text("version"), _text("queues", "[]"),
    _moment("started_at"), _moment("beat_at"), _moment("stopped_at", null=True), _moment("lost_at", null=True),
)  # fmt: skip

# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

users = sa.Table(
    "users", metadata, _id(), Column("email", String(254), nullable=False, unique=True),  # lower case
    _text("name"), Column("password_hash", Text), Column("totp_sealed", LargeBinary), _flag("totp_enabled"),
    Column("recovery_hashes", Json, nullable=False, default=list), Column("totp_last_step", BigInteger),
    _flag("operator"), Column("oidc_issuer", Text), Column("oidc_subject", Text),
    _text("theme"), _text("locale"), _moment("created_at"), _moment("disabled_at", null=True), _moment("last_seen_at", null=True),
    UniqueConstraint("oidc_issuer", "oidc_subject"),
)  # fmt: skip

memberships = sa.Table(
    "memberships", metadata,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(20), nullable=False), _moment("created_at"),
    Index("ix_memberships_user_id", "user_id"),
)  # fmt: skip

teams = sa.Table(
    "teams", metadata, _id(), _in_workspace(), Column("name", String(120), nullable=False), _moment("created_at"),
    UniqueConstraint("workspace_id", "name"),
)  # fmt: skip

team_members = sa.Table(
    "team_members", metadata,
    Column("team_id", ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
)  # fmt: skip

sessions = sa.Table(
    "sessions", metadata, Column("hash", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("csrf_hash", String(64), nullable=False), _moment("created_at"), _moment("expires_at"), _moment("seen_at"),
    _text("address"), _text("agent"), _moment("confirmed_at", null=True),  # password or code given again, for risky acts
    Index("ix_sessions_user_id", "user_id"),
)  # fmt: skip

tokens = sa.Table(
    "tokens", metadata, _id(), _in_workspace(), Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _text("name"), Column("hint", String(20), nullable=False),  # the end that people see
    Column("hash", String(64), nullable=False, unique=True), Column("scopes", Json, nullable=False),
    _moment("created_at"), _moment("expires_at", null=True), _moment("used_at", null=True), _moment("revoked_at", null=True),
    Index("ix_tokens_workspace_id", "workspace_id"),
)  # fmt: skip

links = sa.Table(  # one-time links: first administrator, invitations, password resets
    "links", metadata, Column("hash", String(64), primary_key=True), Column("purpose", String(20), nullable=False),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")), Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE")),
    Column("role", String(20)), Column("email", String(254)), _moment("created_at"), _moment("expires_at"), _moment("used_at", null=True),
)  # fmt: skip

throttles = sa.Table(  # failed sign-ins by account and by address
    "throttles", metadata, Column("bucket", String(80), primary_key=True), _number("failures"), _moment("since"),
    _moment("until", null=True),
)  # fmt: skip

# ── what was found ──────────────────────────────────────────────────────────────────────────────────────────────────────

sources = sa.Table(
    "sources", metadata, _id(), _in_workspace(), Column("kind", String(20), nullable=False),  # git | files | upload | import
    _text("name"), Column("target", String(1024), nullable=False), Column("settings", Json, nullable=False, default=dict),
    Column("exposure", String(12), nullable=False, default="unknown"), Column("environment", String(12), nullable=False, default="unknown"),
    _text("schedule"), _moment("created_at"), _moment("scanned_at", null=True), _moment("removed_at", null=True),
    UniqueConstraint("workspace_id", "kind", "target"),
)  # fmt: skip

scans = sa.Table(
    "scans", metadata, _id(), _in_workspace(), Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(12), nullable=False),  # running | complete | incomplete | failed | cancelled
    _text("tool"), _text("version"), Column("totals", Json, nullable=False, default=dict),
    _number("found"), _number("opened"), _number("gone"), Column("skipped", Json, nullable=False, default=list),
    Column("run_id", String(80)), _text("error"), _text("actor_name"), _moment("started_at"), _moment("ended_at", null=True),
    Index("ix_scans_workspace_id_started_at", "workspace_id", "started_at"), Index("ix_scans_source_id", "source_id", "started_at"),
)  # fmt: skip

scan_batches = sa.Table(  # which parts of a scan are in the record: a repeated batch changes nothing
    "scan_batches", metadata, Column("scan_id", ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True),
    Column("batch", Integer, primary_key=True), Column("digest", String(64), nullable=False), Column("result", Json, nullable=False),
)  # fmt: skip

secrets = sa.Table(
    "secrets", metadata, _id(), _in_workspace(), Column("fingerprint", String(64), nullable=False), _flag("value_known", default=True),
    Column("detector", String(120), nullable=False), _text("title"), _text("provider"), _text("kind"), _text("redacted"),
    Column("declared", String(10), nullable=False),  # severity that the detector declares
    Column("sealed", LargeBinary), Column("companions", Json, nullable=False, default=dict), Column("key_facts", Json),
    Column("spki", String(64), nullable=False, default=""), Column("reasons", Json, nullable=False, default=list), _moment("created_at"),
    UniqueConstraint("workspace_id", "fingerprint"), Index("ix_secrets_spki", "workspace_id", "spki"),
)  # fmt: skip

incidents = sa.Table(
    "incidents", metadata, _id(), _in_workspace(),
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False, unique=True),
    _number("number"), Column("state", String(16), nullable=False), Column("severity", String(10), nullable=False),
    _number("rank"),  # of the severity: 4 critical … 0 info
    _number("score"), Column("why", Json, nullable=False, default=list),
    Column("validity", String(14), nullable=False, default="unchecked"), _text("validity_reason"), _moment("checked_at", null=True),
    Column("exposure", String(12), nullable=False, default="unknown"), Column("environment", String(12), nullable=False, default="unknown"),
    Column("privileged", Boolean),
    # copies of what lists filter by and show, so that a list is one index scan
    Column("detector", String(120), nullable=False), _text("title"), _text("provider"), _text("kind"), _text("redacted"),
    _text("path"), _text("source_names"), _number("occurrences"), _number("sources"), _number("gone"),
    Column("assignee_id", ForeignKey("users.id", ondelete="SET NULL")), Column("team_id", ForeignKey("teams.id", ondelete="SET NULL")),
    Column("ignore_reason", String(20)), _moment("ignored_until", null=True), Column("resolution", String(20)),
    Column("proof", Json), _number("reopened"), _text("search"),  # lower-case words that the search box looks in
    _moment("opened_at"), _moment("first_seen"), _moment("last_seen"), _moment("resolved_at", null=True), _moment("updated_at"),
    Column("version", Integer, nullable=False, default=1),
    UniqueConstraint("workspace_id", "number"),
    Index("ix_incidents_order", "workspace_id", "state", "rank", "score", "id"),
    Index("ix_incidents_urgency", "workspace_id", "rank", "score", "id"),
    Index(  # the overview and the numbers beside filters read this and not the table
        "ix_incidents_overview", "workspace_id", "state", "severity", "validity", "exposure", "environment", "opened_at", "resolved_at",
        "detector", "provider", "kind", "assignee_id", "team_id", "id",
    ),
    Index("ix_incidents_opened_at", "workspace_id", "opened_at"),
    Index("ix_incidents_last_seen", "workspace_id", "last_seen", "id"),
    Index("ix_incidents_validity", "workspace_id", "validity", "state"),
    Index("ix_incidents_detector", "workspace_id", "detector"),
    Index("ix_incidents_assignee_id", "assignee_id"),
    Index("ix_incidents_resolved_at", "workspace_id", "resolved_at"),
)  # fmt: skip

occurrences = sa.Table(
    "occurrences", metadata, _id(), _in_workspace(),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("place", String(64), nullable=False),  # SHA-256 of path and ordinal
    _text("path"), _number("line"), _number("column"), _number("end_line"), _number("end_column"),
    _text("snippet"), _number("snippet_line"), Column("commit", String(64), nullable=False, default=""), _text("author"), _text("email"),
    _text("committed"), Column("in_head", Boolean), Column("blob", String(64), nullable=False, default=""), _text("url"),
    Column("confidence", String(10), nullable=False, default="high"),
    _moment("first_seen"), _moment("last_seen"), _moment("gone_at", null=True),
    Column("first_scan", String(40), nullable=False), Column("last_scan", String(40), nullable=False),
    UniqueConstraint("secret_id", "source_id", "place"),
    Index("ix_occurrences_incident_id", "incident_id", "gone_at", "id"),
    Index("ix_occurrences_source_id", "source_id", "last_scan"),
)  # fmt: skip

incident_sources = sa.Table(  # in which sources a secret is, counted: lists by source need not look at each place
    "incident_sources", metadata,
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    _in_workspace(), _number("places"),  # that are still there
    Index("ix_incident_sources_source_id", "source_id", "places", "incident_id"),
)  # fmt: skip

validity_checks = sa.Table(
    "validity_checks", metadata, _id(), _in_workspace(),
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False),
    Column("validity", String(14), nullable=False), _text("reason"), _text("message"),
    Column("evidence", Json, nullable=False, default=dict), Column("probes", Json, nullable=False, default=list),
    _moment("checked_at"), _text("actor_name"), Index("ix_validity_checks_secret_id", "secret_id", "checked_at"),
)  # fmt: skip

comments = sa.Table(
    "comments", metadata, _id(), _in_workspace(), Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", String(40), nullable=False), _text("author_name"), _text("body"), _moment("created_at"), _moment("edited_at", null=True),
    Index("ix_comments_incident_id", "incident_id"),
)  # fmt: skip

tags = sa.Table(
    "tags", metadata, Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(60), primary_key=True), _in_workspace(), Index("ix_tags_workspace_id", "workspace_id", "tag"),
)  # fmt: skip

events = sa.Table(  # the timeline of an incident
    "events", metadata, _id(), _in_workspace(), Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(30), nullable=False), _moment("at"), Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(40), nullable=False, default=""), _text("actor_name"), Column("data", Json, nullable=False, default=dict),
    Index("ix_events_incident_id", "incident_id", "at", "id"),
)  # fmt: skip

views = sa.Table(  # saved filters of the incident list
    "views", metadata, _id(), _in_workspace(), Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),  # null: everybody's
    Column("name", String(120), nullable=False), _text("query"), _moment("created_at"), Index("ix_views_workspace_id", "workspace_id"),
)  # fmt: skip

runs = sa.Table(  # what the durable engine works on, as people see it; its own tables hold the steps
    "runs", metadata, _id(80), Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE")),  # null: the installation's own
    Column("job", String(40), nullable=False), _text("subject"), _text("title"), Column("arguments", Json, nullable=False, default=dict),
    Column("actor_kind", String(10), nullable=False, server_default="system"), Column("actor_id", String(40), nullable=False, server_default=""),
    _text("actor_name"), _moment("created_at"), Column("state", String(12), nullable=False, default="queued"), _moment("ended_at", null=True),
    Column("queue", String(40), nullable=False, server_default="jobs"), _number("priority"), _moment("started_at", null=True),
    _text("progress"), _text("step"), _number("step_number"), _moment("step_at", null=True), Column("worker_id", String(80), nullable=False, server_default=""),
    _number("attempts"), Column("retry_of", String(80), nullable=False, server_default=""), Column("result", Json), Column("error", Json),
    Index("ix_runs_workspace_id", "workspace_id", "created_at"), Index("ix_runs_subject", "workspace_id", "subject"),
    Index("ix_runs_state", "state", "created_at"),
)  # fmt: skip

# ── safety ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

audit = sa.Table(
    "audit", metadata, Column("seq", _BIG, primary_key=True, autoincrement=False), _moment("at"),
    Column("workspace_id", String(40)), Column("actor_kind", String(10), nullable=False), Column("actor_id", String(40), nullable=False),
    _text("actor_name"), Column("action", String(60), nullable=False), _text("subject"), Column("data", Json, nullable=False, default=dict),
    _text("request_id"), Column("key_id", String(40), nullable=False), Column("mac", String(64), nullable=False),
    Index("ix_audit_workspace_id", "workspace_id", "seq"), Index("ix_audit_subject", "subject"),
)  # fmt: skip

audit_head = sa.Table(  # the last link, so that cutting off the end of the chain shows
    "audit_head", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("seq", _BIG, nullable=False),
    Column("mac", String(64), nullable=False), Column("seal", String(64), nullable=False),
    Column("first_seq", _BIG, nullable=False, default=1), Column("first_mac", String(64), nullable=False, default=""),  # after retention
)  # fmt: skip

requests = sa.Table(  # what the API was asked, for the people who ask it
    "requests", metadata, _id(), Column("workspace_id", String(40)), _moment("at"), Column("method", String(8), nullable=False),
    _text("path"), Column("status", Integer, nullable=False), _text("code"), _text("detail"), _number("milliseconds"),
    Column("actor_kind", String(10), nullable=False, default=""), Column("actor_id", String(40), nullable=False, default=""), _text("actor_name"),
    _text("address"), Index("ix_requests_workspace_id", "workspace_id", "at"), Index("ix_requests_at", "at"),
)  # fmt: skip

idempotency = sa.Table(
    "idempotency", metadata, Column("actor_id", String(40), primary_key=True), Column("key", String(120), primary_key=True),
    Column("digest", String(64), nullable=False), _number("status"), Column("body", Text), _moment("at"),
    Index("ix_idempotency_at", "at"),
)  # fmt: skip

channels = sa.Table(
    "channels", metadata, _id(), _in_workspace(), Column("name", String(120), nullable=False), Column("kind", String(20), nullable=False),
    Column("sealed", LargeBinary, nullable=False), _text("shown"), Column("rules", Json, nullable=False, default=dict),
    Column("quiet", Json, nullable=False, default=dict), _flag("enabled", default=True), _moment("created_at"),
    UniqueConstraint("workspace_id", "name"),
)  # fmt: skip

deliveries = sa.Table(
    "deliveries", metadata, _id(), _in_workspace(), Column("channel_id", ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("dedupe", String(120), nullable=False), Column("state", String(12), nullable=False),  # waiting | sent | failed | dropped
    Column("notice", Json, nullable=False), _number("attempts"), _number("merged"), _moment("created_at"), _moment("next_at", null=True),
    _moment("sent_at", null=True), _text("error"),
    UniqueConstraint("channel_id", "dedupe"), Index("ix_deliveries_next_at", "state", "next_at"),
)  # fmt: skip
