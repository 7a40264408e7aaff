"""Channels against real receivers on loopback: what arrives, in which form, and what is refused."""

import json
from datetime import UTC, datetime

import pytest
import standardwebhooks
from tests.support.mailbox import Mailbox
from tests.support.servers import Authority, Server, drip, flood, hang_after_request, in_turn, reply, says
from tests.unit.notify.samples import nasty, notice

from stanch.core.errors import InputError
from stanch.net.policy import DoorPolicy
from stanch.notify.channels import Channel, Delivered, Failed, Sender, SigningKeys
from stanch.notify.message import NoticeKind

HERE = DoorPolicy(allowed=("127.0.0.0/8",), step_timeout=1.0, deadline=2.0)
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcDEF_ghijklmnop"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A"
)
ROUTING_KEY = "0123456789abcdef" * 2


def sender(policy=HERE, **options):
    return Sender(base_url="https://stanch.test", policy=policy, **options)


def webhook(server, path="/hook"):
    return Channel.new("webhook", {"url": server.url(path)})


def body_of(server, which=-1):
    return server.requests[which].partition(b"\r\n\r\n")[2]


def headers_of(server, which=-1):
    lines = server.requests[which].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


# --- webhooks -------------------------------------------------------------------------------------------------------


def test_webhook_arrives_with_a_signature_that_the_standard_library_verifies():
    told = notice()
    with Server(reply(204, b"")) as server:
        channel = webhook(server)
        assert sender().send(channel, told) == Delivered()
    headers = headers_of(server)
    read = standardwebhooks.Webhook(channel.keys.current).verify(body_of(server), headers)
    assert headers["webhook-id"] == told.id == read["id"]
    assert read["schema"] == "stanch.notice/1"
    assert read["url"] == "https://stanch.test/incidents/inc_1"
    assert read["incident"] == {"number": 12, "live": False}


def test_another_secret_or_a_changed_body_does_not_verify():
    with Server(reply(200)) as server:
        channel = webhook(server)
        sender().send(channel, notice())
    for secret, body in (
        (SigningKeys.new().current, body_of(server)),
        (channel.keys.current, body_of(server).replace(b"12", b"13")),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(body, headers_of(server))


def test_old_and_new_secret_both_verify_while_a_secret_is_replaced_and_only_the_new_one_later():
    now = datetime.now(UTC)
    old = SigningKeys.new()
    both = old.rotated(now)
    with Server(reply(200)) as server:
        for clock in (now, now.replace(year=now.year + 1)):
            channel = Channel(kind=webhook(server).kind, settings={"url": server.url()}, keys=both)
            Sender(policy=HERE, clock=lambda clock=clock: clock).send(channel, notice())
    assert len(headers_of(server, 0)["webhook-signature"].split(" ")) == 2
    for keys in (old, both):
        standardwebhooks.Webhook(keys.current).verify(body_of(server, 0), headers_of(server, 0))
    assert len(headers_of(server, 1)["webhook-signature"].split(" ")) == 1


@pytest.mark.parametrize(
    ("status", "permanent"), [(301, False), (302, False), (404, False), (410, True), (400, True), (429, False), (500, False)]
)
def test_what_is_no_success_is_a_failure_and_redirects_are_not_followed(status, permanent):
    with Server(reply(200)) as trap, Server(reply(status, b"", Location=trap.url())) as server:
        assert sender().send(webhook(server), notice()) == Failed(code=f"http_{status}", permanent=permanent)
        assert trap.connections == 0


def test_receiver_that_asks_for_time_is_heard():
    with Server(reply(503, b"", Retry_After="120")) as server:
        assert sender().send(webhook(server), notice()) == Failed(code="http_503", retry_after=120.0)


@pytest.mark.parametrize("behave", [hang_after_request, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", pause=0.5)])
def test_slow_receiver_does_not_hold_us(behave):
    with Server(behave) as server:
        outcome = sender().send(webhook(server), notice())
    assert outcome in (Failed(code="timeout"), Delivered())  # a status was read before the deadline, or not


def test_endless_answer_is_cut_and_counts_by_its_status():
    with Server(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536)) as server:
        assert sender().send(webhook(server), notice()) == Delivered()


def test_what_is_no_http_is_a_failure_without_foreign_words():
    with Server(says(b"SSH-2.0-secret-words\r\n\r\n")) as server:
        assert sender().send(webhook(server), notice()) == Failed(code="not_http")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_addresses_inside_are_refused_before_anything_is_sent(host):
    with Server(reply(200)) as server:
        channel = Channel.new("webhook", {"url": f"https://{host}:{server.port}/"})
        assert sender(DoorPolicy()).send(channel, notice()) == Failed(code="address_refused", permanent=True)
        with pytest.raises(InputError) as caught:
            sender(DoorPolicy()).check(channel)
        assert caught.value.code == "channel_address"
        assert server.connections == 0


def test_name_that_leads_inside_is_refused_also_when_it_did_not_at_first():
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    door = sender(DoorPolicy(), resolver=lambda host, port: next(answers))
    with Server(reply(200)) as server:
        channel = Channel.new("webhook", {"url": f"https://rebind.test:{server.port}/"})
        door.check(channel)
        assert door.send(channel, notice()) == Failed(code="address_refused", permanent=True)
        assert server.connections == 0


def test_plain_http_goes_only_to_hosts_that_are_allowed():
    resolver = {"hooks.example.test": ["93.184.215.14"], "inside.test": ["10.1.2.3"]}
    door = sender(DoorPolicy(allowed=("inside.test",)), resolver=lambda host, port: resolver[host])
    door.check(Channel.new("webhook", {"url": "http://inside.test/"}))
    with pytest.raises(InputError, match="plain http"):
        door.check(Channel.new("webhook", {"url": "http://hooks.example.test/"}))


@pytest.mark.parametrize(
    "url", ["https://a@b.test/", "https://b.test\\@c.test/", "https://2130706433/", "https://0x7f.1/", "https://b.test:25/"]
)
def test_addresses_that_programs_read_differently_are_refused(url):
    with pytest.raises(InputError) as caught:
        sender().check(Channel.new("webhook", {"url": url}))
    assert caught.value.code == "channel_address"


# --- apprise --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return Authority()


def elsewhere(authority, folder, server, *hosts):
    """A policy under which these hosts are a server on loopback, with a certificate for them."""
    overrides = dict.fromkeys(hosts, f"https://127.0.0.1:{server.port}")
    return DoorPolicy(overrides=overrides, ca_bundle=authority.bundle(folder))


def sent_to(authority, folder, host, kind, settings, told, behave=None):
    behave = behave or reply(200, b"ok")
    with Server(behave, context=authority.server(folder, host)) as server:
        outcome = sender(elsewhere(authority, folder, server, host)).send(Channel.new(kind, settings), told)
    return outcome, json.loads(body_of(server)) if server.requests else None


def test_slack_gets_its_own_markup_without_mentions_and_foreign_links(authority, tmp_path):
    outcome, sent = sent_to(authority, tmp_path, "hooks.slack.com", "slack", {"url": SLACK}, nasty())
    assert outcome == Delivered()
    text = json.dumps(sent, ensure_ascii=False)
    assert "<!channel" not in text and "<@" not in text and "@everyone" not in text and "<https://evil" not in text
    assert "<https://stanch.test/incidents/inc_1|Open incident #12>" in text


def test_discord_pings_nobody(authority, tmp_path):
    outcome, sent = sent_to(authority, tmp_path, "discord.com", "discord", {"url": DISCORD}, nasty(), reply(204, b""))
    assert outcome == Delivered()
    assert "@everyone" not in sent["content"] and "@U123" not in sent["content"]
    assert len(sent["content"]) <= 2000
    assert "https://stanch.test/incidents/inc_1" in sent["content"]


def test_teams_gets_a_card_without_mentions(authority, tmp_path):
    host = "prod-01.westeurope.logic.azure.com"
    outcome, sent = sent_to(authority, tmp_path, host, "teams", {"url": TEAMS}, nasty(), reply(202, b""))
    assert outcome == Delivered()
    card = sent["attachments"][0]["content"]
    text = json.dumps(card, ensure_ascii=False)
    assert "entities" not in card["msteams"] and "<at>" not in text and "](https" not in text
    assert "https://stanch.test/incidents/inc_1" in text


@pytest.mark.parametrize(("kind", "action"), [(NoticeKind.INCIDENT_OPENED, "trigger"), (NoticeKind.INCIDENT_RESOLVED, "resolve")])
def test_pagerduty_opens_and_closes_one_alert_for_an_incident(authority, tmp_path, kind, action):
    told = notice(kind=kind)
    settings = {"routing_key": ROUTING_KEY, "region": "eu"}
    outcome, sent = sent_to(authority, tmp_path, "events.eu.pagerduty.com", "pagerduty", settings, told, reply(202, b"{}"))
    assert outcome == Delivered()
    assert (sent["routing_key"], sent["event_action"], sent["dedup_key"]) == (ROUTING_KEY, action, "stanch:/incidents/inc_1")
    if action == "resolve":  # which needs no more
        return
    assert sent["payload"]["severity"] == "error"
    assert len(sent["payload"]["summary"]) <= 1024
    assert sent["links"] == [{"href": "https://stanch.test/incidents/inc_1"}]


def test_refusal_of_a_service_keeps_its_status_and_when_to_come_back(authority, tmp_path):
    behave = reply(429, b"", Retry_After="30")
    outcome, _ = sent_to(authority, tmp_path, "hooks.slack.com", "slack", {"url": SLACK}, notice(), behave)
    assert outcome == Failed(code="http_429", retry_after=30.0)


def test_service_with_a_wrong_certificate_is_told_nothing(authority, tmp_path):
    with Server(reply(200), context=authority.server(tmp_path, "other.test")) as server:
        policy = elsewhere(authority, tmp_path, server, "hooks.slack.com")
        assert sender(policy).send(Channel.new("slack", {"url": SLACK}), notice()) == Failed(code="tls")
    assert server.requests == []


def test_mail_arrives_as_html_with_all_foreign_text_escaped():
    box = Mailbox()
    with Server(box.behave) as server:
        settings = {
            "server": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "from": "stanch@a.test",
            "to": ["x@a.test", "y@b.test"],
        }
        assert sender().send(Channel.new("mail", settings), nasty()) == Delivered()
    assert sorted(box.recipients) == [["x@a.test"], ["y@b.test"]]
    page = box.mails[0].get_body(("html",)).get_content()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert 'href="https://stanch.test/incidents/inc_1"' in page
    assert "<" not in box.mails[0]["subject"] and "[high] #12" in box.mails[0]["subject"]


def test_assignment_is_mailed_to_the_assignee_where_the_channel_says_so():
    box = Mailbox()
    with Server(box.behave) as server:
        settings = {
            "server": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "from": "stanch@a.test",
            "to": ["all@a.test"],
            "to_assignee": True,
        }
        channel = Channel.new("mail", settings)
        for kind in (NoticeKind.INCIDENT_ASSIGNED, NoticeKind.INCIDENT_OPENED):
            assert sender().send(channel, notice(kind=kind, recipient="anna@a.test")) == Delivered()
    assert box.recipients == [["anna@a.test"], ["all@a.test"]]


def test_mail_logs_in_over_tls_with_any_password(authority, tmp_path):
    box = Mailbox()
    with Server(box.behave, context=authority.server(tmp_path, "127.0.0.1")) as server:
        settings = {
            "server": "127.0.0.1", "port": server.port, "security": "tls", "user": "u@a.test", "password": "p/:@%?& +#", "from": "stanch@a.test",
            "to": ["x@a.test"],
        }  # fmt: skip
        policy = DoorPolicy(allowed=("127.0.0.0/8",), ca_bundle=authority.bundle(tmp_path))
        assert sender(policy).send(Channel.new("mail", settings), notice()) == Delivered()
    assert box.logins == [("u@a.test", "p/:@%?& +#")]


@pytest.mark.parametrize(
    ("word", "answer", "expected"),
    [
        ("RCPT", "550 no such user secret words", Failed(code="smtp_550", permanent=True)),
        ("END", "451 come again", Failed(code="smtp_451")),
    ],
)
def test_refusal_of_a_mail_server_keeps_its_code(word, answer, expected):
    box = Mailbox(refuse={word: answer})
    with Server(box.behave) as server:
        settings = {"server": "127.0.0.1", "port": server.port, "security": "none", "from": "stanch@a.test", "to": ["x@a.test"]}
        assert sender().send(Channel.new("mail", settings), notice()) == expected


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1:{}/", "json://localhost:{}/", "mailto://localhost:{}/?from=a@b.test&to=c@d.test"]
)
def test_apprise_does_not_reach_inside_either(url):
    with Server(reply(200)) as server:
        channel = Channel.new("apprise", {"url": url.format(server.port)})
        assert sender(DoorPolicy()).send(channel, notice()) == Failed(code="address_refused", permanent=True)
        assert server.connections == 0


def test_apprise_does_not_follow_a_redirect_inside():
    with Server(reply(200)) as trap, Server(reply(307, b"", Location=trap.url())) as server:
        channel = Channel.new("apprise", {"url": f"json://127.0.0.1:{server.port}/"})
        assert sender().send(channel, notice()) == Failed(code="http_307")
        assert trap.connections == 0


def test_apprise_is_cut_off_when_an_answer_does_not_end():
    with Server(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536)) as server:
        channel = Channel.new("apprise", {"url": f"json://127.0.0.1:{server.port}/"})
        assert sender().send(channel, notice()) == Delivered()


@pytest.mark.parametrize(
    "url",
    [
        f"{DISCORD.replace('https://discord.com/api/webhooks', 'discord:/')}?template=/etc/passwd",
        "fcm://p/t?keyfile=/x",
        "jsons://h.test/?verify=no",
    ],
)
def test_options_that_read_files_or_switch_off_checks_are_refused(url):
    with pytest.raises(InputError, match="read files"):
        Channel.new("apprise", {"url": url})


def test_process_for_apprise_cannot_read_files_even_when_an_option_slips_through(tmp_path):
    from stanch.notify import apprised

    (tmp_path / "payload.json").write_text('{"content": "read from disk"}')
    with Server(reply(200)) as server:
        url = f"json://127.0.0.1:{server.port}/"
        assert apprised.send(url, plugin="", title="t", body="b", format="text", level="info", policy=HERE) == Delivered()
    outcome = apprised.send(
        f"discord://123456789012345678/abcDEF_ghijklmnop/?template={tmp_path}/payload.json", plugin="", title="t", body="b", format="",
        level="info", policy=HERE,
    )  # fmt: skip
    assert outcome == Failed(code="failed")


@pytest.mark.parametrize("url", ["syslog://", "rsyslog://127.0.0.1", "dbus://", "nonsense://x"])
def test_local_services_of_apprise_are_no_channels(url):
    assert isinstance(sender().send(Channel.new("apprise", {"url": url}), notice()), Failed)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("slack", {"url": SLACK}), ("slack", {"token": "xoxb-1234567890-abcdefghij", "channel": "alerts"}), ("teams", {"url": TEAMS}),
        ("discord", {"url": DISCORD}), ("pagerduty", {"routing_key": ROUTING_KEY}), ("apprise", {"url": "ntfys://ntfy.example.com/topic"}),
        ("mail", {"server": "smtp.example.com", "from": "a@b.test", "to": ["c@d.test"]}),
    ],
)  # fmt: skip
def test_every_kind_is_understood_by_apprise_and_shows_no_secret(kind, settings):
    channel = Channel.new(kind, settings)
    sender().check(channel)
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "abcDEF", "KODueb", ROUTING_KEY, "xoxb", "topic"):
        assert secret not in channel.shown and secret not in repr(channel)
    assert Channel.from_bytes(channel.to_bytes()).settings == channel.settings


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("slack", {}), ("slack", {"url": "https://hooks.slack.com.evil.test/services/a/b/c"}), ("slack", {"url": SLACK, "extra": 1}),
        ("teams", {"url": "https://evil.test/workflows/x?sig=a"}), ("teams", {"url": "https://x@a.logic.azure.com/workflows/x?sig=a"}),
        ("discord", {"url": "https://discord.com.evil.test/api/webhooks/1/a"}), ("pagerduty", {"routing_key": "no spaces here please"}),
        ("webhook", {"url": "ftp://a.test"}), ("webhook", {"url": 5}), ("apprise", {"url": "no address"}), ("mail", []),
        ("mail", {"server": "s.test", "from": "a@b.test", "to": []}), ("mail", {"server": "s.test/x", "from": "a@b.test", "to": ["a@b.test"]}),
        ("mail", {"server": "s.test", "from": "a@b.test\r\nBcc: x@y.test", "to": ["a@b.test"]}),
        ("mail", {"server": "s.test", "from": "a@b.test", "to": ["a@b.test"], "security": "none", "user": "u", "password": "p"}),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused_without_repeating_them(kind, settings):
    with pytest.raises(InputError) as caught:
        Channel.new(kind, settings)
    assert caught.value.code == "channel_settings"
    assert "evil" not in str(caught.value)


def test_nothing_but_the_kinds_there_are():
    with pytest.raises(InputError) as caught:
        Channel.new("fax", {})
    assert caught.value.code == "channel_kind"


def test_retry_after_a_failure_has_the_same_id_and_body(monkeypatch):
    told = notice()
    with Server(in_turn(reply(500), reply(200))) as server:
        channel = webhook(server)
        assert sender().send(channel, told) == Failed(code="http_500")
        assert sender().send(channel, told) == Delivered()
    assert headers_of(server, 0)["webhook-id"] == headers_of(server, 1)["webhook-id"]
    assert body_of(server, 0) == body_of(server, 1)
