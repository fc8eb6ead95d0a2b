"""The pages of alerts: what is under way comes first, and whoever may can acknowledge and silence it."""

from copy import copy
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from portal.operations.admin.alerting.silencing import next_morning
from portal.operations.models import Alert, AlertEvent, AlertRule, Channel, Delivery, Message, Severity, Silence
from tests.portal.operations.admin.alerting.made import ALERTS, HISTORY, PLACE, calm, event, firing, rule, server
from tests.portal.operations.admin.conftest import logged_in, staff
from tests.portal.operations.admin.doing import breaks_policy, press, text_of, told

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_rules_yet(db: None) -> None:
    AlertRule.objects.all().delete()


@pytest.fixture
def watcher(db: None) -> Client:
    """A browser of somebody who may look at alerts and their history, and nothing else."""
    return logged_in(staff("watcher", "view_alert", "view_alertevent", "view_redisserver"))


@pytest.fixture
def keeper(db: None) -> Client:
    """A browser of somebody who may acknowledge and silence."""
    return logged_in(staff("keeper", "view_alert", "acknowledge_alert", "silence_alert"))


def page_of(alert: Alert, part: str = "change") -> str:
    return f"{ALERTS}{alert.pk}/{part}/"


# The page of all


def test_what_is_under_way_comes_first_and_the_worst_at_its_head(watcher: Client) -> None:
    server()
    calm(rule("Calm"))
    firing(rule("Small", severity=Severity.INFO))
    firing(rule("Grave", severity=Severity.CRITICAL))
    text = text_of(watcher.get(ALERTS))
    assert "2 alerts are under way: 1 critical, 1 info." in text
    places = [text.rindex(name) for name in ("Grave", "Small", "Calm")]
    assert places == sorted(places)


def test_a_card_tells_all_that_one_needs_to_know(watcher: Client) -> None:
    found = server()
    firing(rule())
    answer = watcher.get(ALERTS)
    text = text_of(answer)
    assert "466.2 MB are used." in text
    assert "93.2 % now; it fires above 90 %, over at 85 % or less." in text
    assert "Under way for 10 min" in text
    assert "Told at" in text
    assert "What to do:" in text
    assert f'href="/admin/operations/redisserver/{found.pk}/change/"' in answer.content.decode()


def test_what_recovers_is_told_as_such_and_until_when(watcher: Client) -> None:
    server()
    since = timezone.now()
    firing(
        rule("Down", condition="down", threshold=0, recover_at=None, recover_seconds=60),
        state=Alert.State.RECOVERING,
        since=since,
        words="It answers.",
    )
    text = text_of(watcher.get(ALERTS))
    assert "1 alert is under way (1 recovering): 1 critical." in text
    assert f"It began with: Redis {PLACE} does not answer. Now: It answers." in text
    assert f"Over from {since + timedelta(seconds=60):%H:%M:%S} on, if it stays as it is." in text


def test_it_is_told_that_no_channel_would_tell_anybody(watcher: Client) -> None:
    firing(rule(severity=Severity.WARNING))
    text = text_of(watcher.get(ALERTS))
    assert "Nobody is told. No channel is on." in text
    assert "Nobody is told of it now. No channel is on." in text
    Channel.objects.create(name="Pager", address="ops@example.org", least_severity=Severity.CRITICAL)
    text = text_of(watcher.get(ALERTS))
    assert "No channel is on" not in text
    assert "Nobody is told of it now. Channels are told from critical on." in text


def test_when_nothing_is_under_way_it_says_so_and_when_somebody_looked_last(watcher: Client) -> None:
    server()
    text = text_of(watcher.get(ALERTS))
    assert "No alert is under way." in text
    assert "Looked at last at" in text
    assert "Nobody watches" not in text


@pytest.mark.parametrize("seconds", [61, 7200])
def test_a_look_of_more_than_a_minute_ago_is_told_loudly(watcher: Client, seconds: float) -> None:
    server(looked_seconds_ago=seconds)
    text = text_of(watcher.get(ALERTS))
    assert "Nobody watches Redis." in text
    assert "manage.py watch_redis --forever" in text


def test_that_nobody_has_ever_looked_is_told_loudly(watcher: Client) -> None:
    assert "Nobody has looked at it yet" in text_of(watcher.get(ALERTS))


def test_what_cannot_be_judged_is_not_called_normal(watcher: Client) -> None:
    server()
    calm(rule(), state=Alert.State.NO_DATA, words="It does not answer.")
    text = text_of(watcher.get(ALERTS))
    assert "No alert is under way, and 1 cannot be judged." in text
    assert "It does not answer." in text
    assert "normal" not in text.partition("Cannot be judged")[2].partition("Shown anew")[0]


def test_what_is_under_way_without_data_is_not_over(watcher: Client) -> None:
    firing(rule(), state=Alert.State.NO_DATA, value=None)
    text = text_of(watcher.get(ALERTS))
    assert "1 alert is under way" in text
    assert "It cannot be judged now, and is not taken for over." in text


def test_it_is_told_why_nobody_is_told(watcher: Client) -> None:
    down = rule("Down", condition="down", threshold=0, recover_at=None)
    firing(down)
    firing(rule())
    assert "Nobody is told of it now. The server does not answer" in text_of(watcher.get(ALERTS))


def test_of_thousands_the_page_shows_some_and_says_how_many_more(watcher: Client) -> None:
    of = rule()
    firing(of)
    calm(of, target="calm:0")
    copies = [(Alert.objects.get(target=PLACE), 150), (Alert.objects.get(target="calm:0"), 300)]
    for copied, count in copies:
        rows = [copy(copied) for _ in range(count)]
        for number, row in enumerate(rows):
            row.pk, row.target = None, f"{copied.target}:{number}"
        Alert.objects.bulk_create(rows)
    answer = watcher.get(ALERTS)
    assert "151 alerts are under way" in text_of(answer)
    assert "51 more are under way and not shown" in text_of(answer)
    assert "101 more are not shown" in text_of(answer)


def test_rules_that_say_nothing_are_listed(watcher: Client) -> None:
    rule("New one")
    rule("Dead one", is_on=False)
    text = text_of(watcher.get(ALERTS))
    assert "New one: has nothing to judge yet" in text
    assert "Dead one: is off" in text


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("state=under+way", {"Grave"}),
        ("state=pending", {"Small"}),
        ("severity=1", {"Small"}),
        (f"target={PLACE}", {"Grave"}),
        ("state=none+such&severity=x", {"Grave", "Small"}),
    ],
)
def test_alerts_can_be_chosen(watcher: Client, asked: str, names: set[str]) -> None:
    firing(rule("Grave"))
    calm(rule("Small", severity=Severity.INFO), state=Alert.State.PENDING, target="elsewhere:1")
    text = text_of(watcher.get(f"{ALERTS}rows/?{asked}"))
    assert {name for name in ("Grave", "Small") if name in text} == names


# One alert


def test_its_page_shows_its_states_with_the_figures(watcher: Client) -> None:
    of = rule()
    alert = firing(of)
    event(of, "normal", minutes_ago=60 * 30, value=50)
    event(of, "firing", minutes_ago=120, value=95)
    event(of, "normal", minutes_ago=60, value=80)
    event(of, "acknowledged", minutes_ago=100, by="jane")
    answer = watcher.get(page_of(alert))
    text = text_of(answer)
    assert "It fired once, 1 h in all." in text
    assert answer.content.decode().count("<rect") == 3
    assert "95 %" in text
    assert "Acknowledged" in text
    assert "jane" in text


def test_a_week_of_states_can_be_seen(watcher: Client) -> None:
    of = rule()
    alert = firing(of)
    event(of, "firing", minutes_ago=60 * 72)
    event(of, "normal", minutes_ago=60 * 70)
    assert "It did not fire." in text_of(watcher.get(page_of(alert)))
    assert "It fired once, 2 h in all." in text_of(watcher.get(f"{page_of(alert)}?days=7"))


def test_its_page_shows_what_people_were_told(admin: Client) -> None:
    alert = firing(rule())
    body = f"Text.\n\nhttps://example.org{page_of(alert)}"
    now = timezone.now()
    message = Message.objects.create(kind="start", severity=3, subject="CRITICAL: full", body=body, at=now)
    channel = Channel.objects.create(name="The team", address="team@example.org")
    Delivery.objects.create(message=message, channel=channel, not_before=now, failure="It was refused.")
    text = text_of(admin.get(page_of(alert)))
    assert "CRITICAL: full" in text
    assert "The team: waiting: It was refused." in text


def test_an_old_link_to_an_alert_that_is_gone_leads_to_all(watcher: Client) -> None:
    answer = watcher.get(f"{ALERTS}4711/change/", follow=True)
    assert answer.redirect_chain[-1][0] == ALERTS
    assert "That alert is gone" in told(answer)


# Acknowledging


def test_an_acknowledgement_is_kept_with_who_and_in_the_history(keeper: Client) -> None:
    alert = firing(rule())
    answer = press(keeper, page_of(alert, "acknowledge"))
    alert.refresh_from_db()
    assert alert.acknowledged_by == "keeper"
    assert "Acknowledged by keeper" in text_of(answer)
    assert AlertEvent.objects.get().by == "keeper"
    assert LogEntry.objects.get().get_change_message() == "Acknowledged."
    assert page_of(alert, "acknowledge") not in answer.content.decode()


def test_what_is_over_needs_no_acknowledgement(keeper: Client) -> None:
    alert = calm(rule())
    assert "nothing to acknowledge" in told(press(keeper, page_of(alert, "acknowledge")))
    assert not AlertEvent.objects.exists()


def test_an_acknowledgement_of_a_lesser_severity_has_expired(keeper: Client) -> None:
    alert = firing(
        rule(), acknowledged_by="jane", acknowledged_at=timezone.now(), acknowledged_severity=Severity.WARNING
    )
    assert page_of(alert, "acknowledge") in keeper.get(ALERTS).content.decode()


# Silencing


def test_an_alert_is_silenced_for_an_hour_with_a_reason(keeper: Client) -> None:
    alert = firing(rule())
    answer = press(keeper, page_of(alert, "silence"), how_long="1 h", where="here", reason="The disk moves")
    silence = Silence.objects.get()
    assert (silence.rule, silence.target, silence.by) == (alert.rule, PLACE, "keeper")
    assert abs(silence.until - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)
    text = text_of(answer)
    assert "Silent for now" in text
    assert "The disk moves" in text
    assert "Nobody is told of it now. It is silenced until" in text


def test_a_rule_is_silenced_everywhere(keeper: Client) -> None:
    alert = firing(rule())
    press(keeper, page_of(alert, "silence"), how_long="4 h", where="everywhere")
    assert Silence.objects.get().target == ""


@pytest.mark.parametrize(
    ("until", "complaint"),
    [
        ("", "Say until when"),
        ("2001-01-01T10:00", "This is past"),
        ("2999-01-01T10:00", "This is more than 30 days on"),
        ("soon", "Enter a valid date/time"),
    ],
)
def test_a_wrong_end_is_told_and_what_was_typed_stays(keeper: Client, until: str, complaint: str) -> None:
    alert = firing(rule())
    answer = press(
        keeper, page_of(alert, "silence"), how_long="own", until=until, where="here", reason="The disk moves"
    )
    text = text_of(answer)
    assert complaint in text
    assert "Nothing is silenced yet" in text
    assert "The disk moves" in answer.content.decode()
    assert not Silence.objects.exists()


def test_a_silence_is_ended(keeper: Client) -> None:
    alert = firing(rule())
    press(keeper, page_of(alert, "silence"), how_long="1 h", where="here")
    silence = Silence.objects.get()
    answer = press(keeper, f"{ALERTS}silences/{silence.pk}/end/")
    assert "people are told again" in told(answer)
    assert "Silent for now" not in text_of(answer)
    assert "was over already" in told(press(keeper, f"{ALERTS}silences/{silence.pk}/end/"))


@pytest.mark.parametrize(("hour", "days"), [(7, 0), (8, 1), (23, 1)])
def test_the_next_morning_is_the_next_eight_o_clock(hour: int, days: int) -> None:
    now = timezone.localtime().replace(hour=hour, minute=0, second=0, microsecond=0)
    assert next_morning(now) == now.replace(hour=8) + timedelta(days=days)


# Who may


@pytest.mark.parametrize("part", ["acknowledge", "silence"])
def test_whoever_may_only_look_can_do_nothing(watcher: Client, part: str) -> None:
    alert = firing(rule())
    assert watcher.post(page_of(alert, part), {"how_long": "1 h", "where": "here"}).status_code == 403
    assert page_of(alert, part) not in watcher.get(ALERTS).content.decode()


def test_whoever_may_only_look_ends_no_silence(watcher: Client) -> None:
    now = timezone.now()
    silence = Silence.objects.create(begins_at=now, until=now + timedelta(hours=1))
    assert watcher.post(f"{ALERTS}silences/{silence.pk}/end/").status_code == 403


@pytest.mark.parametrize("path", [ALERTS, f"{ALERTS}rows/", HISTORY])
def test_others_see_nothing(path: str) -> None:
    assert logged_in(staff("other", "view_backup")).get(path).status_code == 403


def test_an_act_needs_a_post_and_its_token() -> None:
    alert = firing(rule())
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff("keeper", "view_alert", "acknowledge_alert"))
    assert strict.get(page_of(alert, "acknowledge")).status_code == 405
    assert strict.post(page_of(alert, "acknowledge")).status_code == 403


# The history


def test_the_history_is_searched_and_chosen_from(watcher: Client) -> None:
    of = rule()
    event(of, "firing", minutes_ago=1, words="Found one.")
    event(of, "normal", minutes_ago=60 * 24 * 40, words="Found two.")
    for query, words in (("?q=two", "two"), ("?what=firing", "one"), ("?day=week", "one"), ("?severity__exact=3", "")):
        text = text_of(watcher.get(f"{HISTORY}{query}"))
        assert words in text
        assert ("Found one." in text) + ("Found two." in text) == (1 if words else 2), query


def test_the_history_outlives_its_rule(watcher: Client) -> None:
    of = rule()
    event(of, "firing", minutes_ago=1)
    of.delete()
    assert "Memory nearly full" in text_of(watcher.get(f"{HISTORY}?rule_name=Memory+nearly+full"))


def test_no_page_needs_what_the_policy_forbids(admin: Client) -> None:
    alert = firing(rule())
    event(alert.rule, "firing", minutes_ago=10)
    for path in (ALERTS, page_of(alert), page_of(alert, "silence"), HISTORY):
        assert not breaks_policy(admin.get(path)), path
