"""API tokens: made by people, shown once, revoked at any time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from stanch.core.people import Permission
from stanch.db import listing
from stanch.people import tokens
from stanch.server.idempotency import shown_once
from stanch.server.models.base import Named, Page
from stanch.server.models.people import Token, TokenGiven, TokenMade
from stanch.server.routing import Key, Paged, Reader, api_router

router = api_router("tokens")


@router.get("/tokens")
def list_tokens(caller: Reader, paged: Paged) -> Page[Token]:
    """List your tokens, the newest first; administrators see those of everybody in the workspace."""
    owner = "" if caller.principal.may(Permission.MANAGE) else caller.principal.user_id
    with caller.desk.look() as connection:
        found, cursor = listing.tokens_of(connection, caller.workspace, cursor=paged.cursor, limit=paged.limit, user=owner)
    return Page[Token].of(map(_token, found), cursor)


@router.post("/tokens", status_code=201)
def create_token(caller: Reader, given: TokenGiven, request: Request) -> TokenMade:
    """Make a token that acts for you. People make tokens, tokens do not. Its value is shown this once."""
    shown_once(request)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        created = tokens.create_token(
            work.connection,
            caller.principal,
            name=given.name,
            scopes=[Permission(scope) for scope in given.scopes],
            expires_at=given.expires_at,
            now=work.now,
            audit=caller.desk.audit,
            request_id=caller.request_id,
        )
        (row,), _ = listing.tokens_of(work.connection, caller.workspace, cursor="", limit=1, only=created.id)
    return TokenMade(value=created.token.reveal().decode(), token=_token(row))


@router.delete("/tokens/{token}", status_code=204)
def revoke_token(caller: Reader, token: Key) -> Response:
    """Revoke one of your tokens; administrators revoke every one of the workspace, a token itself. Twice is the same as once."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        tokens.revoke_token(
            work.connection, caller.principal, token, now=work.now, audit=caller.desk.audit, request_id=caller.request_id
        )
    return Response(status_code=204)


def _token(row: Mapping[Any, Any]) -> Token:
    return Token.model_validate({**row, "owner": Named(id=row["user_id"], name=row["user_name"] or row["email"])})
