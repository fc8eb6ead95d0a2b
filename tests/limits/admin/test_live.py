"""Live counters in the admin: who is shown to whom, found, and forgiven."""

from urllib.parse import unquote

import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from limits import identity, services
from limits.core.client_keys import parse_client_key
from limits.core.decisions import Claim
from limits.core.overrides import Effect
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.models import Override, Policy, Revision
from limits.services.live import COUNTERS
from limits.store import counters, documents
from limits.store.live import Sample
from portal.accounts.models import User
from tests.limits import making
from tests.limits.overriding import saved

from .conftest import logged_in, staff
from .doing import LIST, open_form, page_of, text_of, told

pytestmark = pytest.mark.django_db
LIVE = "/admin/limits/livecounters/"
ADDRESS = "203.0.113.9"


def live_page(slug: str = "login", part: str = "change") -> str:
    return f"{LIVE}{Policy.objects.get(slug=slug).pk}/{part}/"


def use(client: str, *, times: int = 1, slug: str = "login") -> None:
    counters.charge([Claim(Policy.objects.get(slug=slug).as_value(), client, times)])


@pytest.fixture
def forgiver(db: None) -> Client:
    """A browser of somebody who may look at policies and reset counters."""
    return logged_in(staff("forgiver", "view_policy", "reset_counters"))


@pytest.fixture
def counted(redis_server: redis.Redis) -> None:
    """Two clients of `login`, of whom one has used all of its five."""
    use("198.51.100.1", times=2)
    use(ADDRESS, times=5)


# Looking


def test_the_page_shows_who_how_many_of_how_many_and_how_long(viewer: Client, counted: None) -> None:
    page = viewer.get(live_page())
    rows = page.context["rows"]
    assert [row.client for row in rows] == [ADDRESS, "198.51.100.1"]
    assert [line.words for row in rows for line in row.lines] == ["5 of 5 per minute", "2 of 5 per minute"]
    assert rows[0].lines[0].ends == "ends in 1 minute"
    assert rows[0].lines[0].room == "used up"
    assert rows[1].lines[0].room == ""
    assert "5 of 5 per minute" in text_of(page)


def test_a_policy_of_several_rates_shows_each(viewer: Client, redis_server: redis.Redis) -> None:
    use(ADDRESS, slug="default")
    (row,) = viewer.get(live_page("default")).context["rows"]
    assert [line.words for line in row.lines] == ["1 of 200 per day", "1 of 50 per hour"]


def test_nobody_counted_is_said(viewer: Client, redis_server: redis.Redis) -> None:
    assert "Nobody is counted by login now." in text_of(viewer.get(live_page()))


def test_a_penalty_is_shown(viewer: Client, redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(penalty_seconds=600)
    use(ADDRESS, times=6)
    assert "refused until a penalty ends, in 10 minutes" in text_of(viewer.get(live_page()))


def test_a_page_that_shows_a_part_says_so(viewer: Client, counted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Sample((ADDRESS,), counters=7_000, looked_at=380_500, keys=1_000_000, has_more=True)
    monkeypatch.setattr("limits.services.live.live.sample", lambda *_, **__: part)
    page = text_of(viewer.get(live_page()))
    assert "This is a part: 38 % of the 1,000,000 keys in Redis were looked at." in page
    assert "Of 7,000 counters found" in page


def test_the_fragment_is_the_part_of_the_page_that_changes(viewer: Client, counted: None) -> None:
    page = viewer.get(live_page())
    fragment = text_of(viewer.get(page.context["rows_url"]))
    assert "5 of 5 per minute" in fragment
    assert "<html" not in fragment
    one = viewer.get(live_page(), {"client": ADDRESS})
    assert "198.51.100.1" not in text_of(viewer.get(one.context["rows_url"]))


def test_a_redis_that_is_away_is_a_plain_sentence(admin: Client) -> None:
    for path in (live_page(), live_page(part="rows"), f"{live_page(part='reset')}?client={ADDRESS}"):
        page = admin.get(path)
        assert page.status_code == 200
        assert "Redis cannot be reached" in text_of(page)
    page = admin.post(f"{live_page(part='reset')}?client={ADDRESS}", follow=True)
    assert "try again" in told(page)
    assert not Revision.objects.filter(subject_type=COUNTERS).exists()


def test_the_list_leads_to_each_policy(viewer: Client) -> None:
    page = text_of(viewer.get(LIVE))
    assert live_page("login") in page
    assert live_page("default") in page
    assert f'href="{LIVE}"' in text_of(viewer.get("/admin/"))
    assert "addlink" not in page


# Finding one client


def find(client: Client, typed: str, slug: str = "login") -> list[str]:
    """Type a client, press Find; return the clients that are then shown as counted."""
    page = client.post(live_page(slug), {"client": typed}, follow=True)
    assert page.status_code == 200
    return [row.client for row in page.context["rows"] if row.lines]


def test_one_client_is_found_without_a_scan(viewer: Client, counted: None, round_trips: list[str]) -> None:
    assert find(viewer, f" {ADDRESS} ") == [ADDRESS]
    assert "SCAN" not in round_trips
    assert find(viewer, "192.0.2.1") == []


@pytest.mark.parametrize("typed", ["jane", "jane@example.org", "id", "user=id"])
def test_a_user_is_found_by_name_mail_or_id_and_called_by_name(
    admin: Client, viewer: Client, redis_server: redis.Redis, typed: str
) -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    use(f"user={jane.pk}", slug="api-search")
    assert find(admin, typed.replace("id", str(jane.pk)), "api-search") == [f"user={jane.pk}"]
    assert "User jane" in text_of(admin.get(live_page("api-search")))
    # Whoever may not look at people is not told their names.
    page = text_of(viewer.get(live_page("api-search")))
    assert f"User {jane.pk}" in page
    assert "jane" not in page


def test_what_was_typed_is_found_by_its_plain_value_which_no_address_shows(
    viewer: Client, redis_server: redis.Redis
) -> None:
    Policy.objects.filter(slug="login").update(key="header:X-Api-Key")
    policy = Policy.objects.get(slug="login")
    request = making.request(**{"X-Api-Key": "Open Sesame"})
    page = viewer.post(live_page(), {"client": "open  sesame"}, follow=True)
    (address, _) = page.redirect_chain[0]
    assert "sesame" not in unquote(address)
    client = page.context["client"]
    assert client == identity.client_of(request, key=policy.key)
    use(client)
    assert find(viewer, "Open Sesame") == [client]


def test_joined_keys_are_found_by_both(viewer: Client, redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key("ip and field:username"))
    page = viewer.post(live_page(), {"client": f"{ADDRESS} and alice@example.org"}, follow=True)
    use(page.context["client"])
    assert find(viewer, f"{ADDRESS} and Alice@Example.org") == [page.context["client"]]


@pytest.mark.parametrize("typed", ["999.1.1.1", "10.0.0.0/8", "bob", "203.0.113.9 and alice"])
def test_what_is_no_address_is_told_on_the_page_and_kept(viewer: Client, counted: None, typed: str) -> None:
    page = viewer.post(live_page(), {"client": typed})
    assert page.status_code == 200
    assert "That is not an address." in text_of(page)
    assert f'value="{typed}"' in text_of(page)
    assert "not counted" not in text_of(page)


@pytest.mark.parametrize("typed", ["SECRET and 203.0.113.9", "SECRET", "ip+header:X-Api-Key=203.0.113.9+SECRET"])
def test_a_secret_typed_in_the_wrong_place_gets_into_no_address(
    viewer: Client, redis_server: redis.Redis, typed: str
) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key("ip and header:X-Api-Key"))
    page = viewer.post(live_page(), {"client": typed})
    assert "Location" not in page
    assert "SECRET" not in page.context["rows_url"]
    assert "Give both, the address first: 203.0.113.9 and alice." in text_of(page)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("ip", "unknown"),
        ("ip", "2001:db8::1"),
        ("everyone", "anything"),
        ("user", "17"),
        ("user", "user=17"),
        ("user", "user=@203.0.113.9"),
        ("user or ip", "user-or-ip=@203.0.113.9"),
        ("ip and header:X-Api-Key", "203.0.113.9"),
        ("ip and header:X-Api-Key", f"ip+header:X-Api-Key=203.0.113.9+{'0f' * 10}"),
    ],
)
def test_a_client_as_it_is_shown_is_found(viewer: Client, redis_server: redis.Redis, key: str, typed: str) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key(key))
    assert "?client=" in viewer.post(live_page(), {"client": typed})["Location"]


@pytest.mark.parametrize("typed", ["bob", "10.0.0.0/8"])
def test_who_is_no_user_is_told(admin: Client, redis_server: redis.Redis, typed: str) -> None:
    page = admin.post(live_page("api-search"), {"client": typed})
    assert f"There is no user “{typed}”." in text_of(page)


@pytest.mark.parametrize("typed", ["", " ", "*", "x" * 5000, "<script>", "\x00", "}:60", "é" * 300])
def test_whatever_is_typed_is_an_answer(viewer: Client, counted: None, typed: str) -> None:
    page = viewer.post(live_page(), {"client": typed}, follow=True)
    assert page.status_code == 200
    assert "<script>alert" not in text_of(page)
    assert "&lt;script&gt;" in page.content.decode() or typed != "<script>"


def test_a_joined_client_is_told_in_words_above_its_name(viewer: Client, redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key("ip and field:username"))
    joined = f"ip+field:username={ADDRESS}+{'4f0c' * 5}"
    use(joined)
    words = f"{ADDRESS} and field username, 4f0c4f0c…"
    shown = f'{words}<div class="limits-as-kept">{joined}</div>'
    assert shown in text_of(viewer.get(live_page()))
    assert shown in text_of(viewer.get(live_page(), {"client": joined}))
    gone = joined.replace("4f0c", "1111")
    told = f"{words.replace('4f0c', '1111')} is not counted by login now."
    assert told in text_of(viewer.get(live_page(), {"client": gone}))


def test_an_ipv6_client_is_told_as_the_network_that_it_is(viewer: Client, redis_server: redis.Redis) -> None:
    use("2001:db8:1:2::")
    shown = '2001:db8:1:2::/64<div class="limits-as-kept">2001:db8:1:2::</div>'
    assert shown in text_of(viewer.get(live_page()))
    assert shown in text_of(viewer.get(live_page(), {"client": "2001:db8:1:2::"}))


# Overriding


def test_a_client_leads_to_an_override_for_it_for_whoever_may_add_one(counted: None) -> None:
    somebody = logged_in(staff("somebody", "view_policy", "add_override"))
    page = somebody.get(live_page())
    url = page.context["rows"][0].override_url
    assert f'<a class="button" href="{url.replace("&", "&amp;")}">Override…' in page.content.decode()
    form = somebody.get(url).context["adminform"].form
    typed = {name: form[name].value() for name in ("about", "who", "policy", "effect")}
    assert typed == {"about": "address", "who": ADDRESS, "policy": "login", "effect": None}


def test_a_client_that_is_counted_no_more_can_still_be_overridden(admin: Client, redis_server: redis.Redis) -> None:
    page = text_of(admin.get(live_page(), {"client": ADDRESS}))
    assert "is not counted by login now." in page
    assert "Override…" in page
    assert "Reset" not in page


def test_an_override_for_a_counted_user_is_not_for_whoever_took_the_id_as_a_name(
    admin: Client, redis_server: redis.Redis
) -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    User.objects.create_user(str(jane.pk), "squatter@example.org")
    use(f"user={jane.pk}", slug="api-search")
    (row,) = admin.get(live_page("api-search")).context["rows"]
    form = open_form(admin, row.override_url)
    since = timezone.localtime(form["since"])
    begins = {"since_0": f"{since:%Y-%m-%d}", "since_1": f"{since:%H:%M:%S}"}
    typed = form | begins | {"effect": "denied", "reason": "A flood"}
    assert admin.post("/admin/limits/override/add/", typed).status_code == 302
    assert Override.objects.get().subject == f"user={jane.pk}"


def test_a_note_of_an_override_leads_to_it_for_whoever_may_look_at_overrides(viewer: Client, counted: None) -> None:
    held = saved(ADDRESS, policy="login", effect=Effect.DENIED.value)
    link = f'<a href="/admin/limits/override/{held.pk}/change/">{{}}</a>'
    for codename, leads in (("view_override", True), ("change_override", True), ("add_override", False)):
        page = text_of(logged_in(staff(codename, "view_policy", codename)).get(live_page()))
        assert (link.format("denied by an override") in page) == leads
        assert "denied by an override" in page
    assert f"/override/{held.pk}/" not in text_of(viewer.get(live_page()))


def test_whoever_may_add_no_override_is_led_to_none(viewer: Client, forgiver: Client, counted: None) -> None:
    for browser in (viewer, forgiver):
        assert "Override…" not in text_of(browser.get(live_page()))


def test_whom_no_override_can_name_leads_to_none(admin: Client, redis_server: redis.Redis) -> None:
    use("unknown")
    assert [row.override_url for row in admin.get(live_page()).context["rows"]] == [""]


# Forgiving


def test_a_reset_asks_first_and_then_lets_one_client_start_afresh(forgiver: Client, counted: None) -> None:
    row = forgiver.get(live_page()).context["rows"][0]
    asked = forgiver.get(row.reset_url)
    assert "5 of 5 per minute" in text_of(asked)
    assert find(forgiver, ADDRESS) == [ADDRESS]
    epoch = documents.look().epoch
    page = forgiver.post(row.reset_url, {"reason": "Called us"}, follow=True)
    assert f"{ADDRESS} starts afresh under login" in told(page)
    assert [row.client for row in page.context["rows"]] == ["198.51.100.1"]
    assert documents.look().epoch != epoch


def test_a_reset_is_kept_with_who_and_why_and_without_a_person_s_address(forgiver: Client, counted: None) -> None:
    forgiver.post(f"{live_page(part='reset')}?client={ADDRESS}", {"reason": "Called us"})
    kept = Revision.objects.get(subject_type=COUNTERS)
    assert (kept.subject, kept.actor_name, kept.origin, kept.reason) == (
        "login",
        "forgiver",
        "203.0.113.7",
        "Called us",
    )
    assert kept.before == {"client": "203.0.113.0/24", "counters": ["5 of 5 per minute"]}
    assert kept.after is None
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Let 203.0.113.0/24 start afresh. Reason: Called us"
    history = f"/admin/limits/policy/{Policy.objects.get(slug='login').pk}/history/"
    assert "Let 203.0.113.0/24 start afresh" in text_of(forgiver.get(history))


def test_a_reset_names_a_user_as_people_do(admin: Client, redis_server: redis.Redis) -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    use(f"user={jane.pk}", slug="api-search")
    path = f"{live_page('api-search', 'reset')}?client=user%3D{jane.pk}"
    named = f'<strong>User jane</strong> <span class="limits-as-kept">(user={jane.pk})</span>'
    assert named in text_of(admin.get(path))
    assert "User jane starts afresh under api-search" in told(admin.post(path, follow=True))


def test_nothing_to_reset_is_said_and_not_kept(forgiver: Client, redis_server: redis.Redis) -> None:
    page = forgiver.post(f"{live_page(part='reset')}?client={ADDRESS}", follow=True)
    assert "nothing to reset" in told(page)
    assert not Revision.objects.filter(subject_type=COUNTERS).exists()
    assert not LogEntry.objects.exists()


def test_what_was_counted_before_an_edit_is_forgotten_too(admin: Client, redis_server: redis.Redis) -> None:
    actor = services.Actor(name="somebody", origin="a test")
    use(ADDRESS, times=5)
    policy = Policy.objects.get(slug="login")
    policy.rates, policy.algorithm = (Rate(7, 3600),), Algorithm.SLIDING_WINDOW
    services.save_policy(policy, actor=actor)
    use(ADDRESS, times=7)
    admin.post(f"{live_page(part='reset')}?client={ADDRESS}")
    assert redis_server.keys("rl:*") == []


# Rights


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_may_only_look_resets_nothing(viewer: Client, counted: None, method: str) -> None:
    assert all("reset" not in line for line in text_of(viewer.get(live_page())).splitlines() if "href" in line)
    answer = getattr(viewer, method)(f"{live_page(part='reset')}?client={ADDRESS}")
    assert answer.status_code == 403
    assert find(viewer, ADDRESS) == [ADDRESS]


@pytest.mark.parametrize("codenames", [("reset_counters",), ("add_policy",), ("view_user",), ()])
def test_whoever_may_not_look_at_policies_sees_no_counters(counted: None, db: None, codenames: tuple[str, ...]) -> None:
    somebody = logged_in(staff("somebody", *codenames))
    for path in (LIVE, live_page(), live_page(part="rows"), f"{live_page(part='reset')}?client={ADDRESS}"):
        assert somebody.get(path).status_code == 403
        assert somebody.post(path).status_code in (403, 405)
    assert LIVE not in text_of(somebody.get("/admin/"))


def test_whoever_is_no_staff_gets_the_login_page(client: Client, db: None) -> None:
    for part in ("change", "rows", "reset"):
        assert client.get(live_page(part=part))["Location"].startswith("/admin/login/")


def test_a_get_and_a_post_from_another_site_reset_nothing(forgiver: Client, counted: None) -> None:
    path = f"{live_page(part='reset')}?client={ADDRESS}"
    forgiver.get(path)
    forgiver.handler.enforce_csrf_checks = True
    assert forgiver.post(path).status_code == 403
    assert find(logged_in(staff("another", "view_policy")), ADDRESS) == [ADDRESS]


def test_a_policy_that_is_gone_is_not_found(admin: Client) -> None:
    for part in ("change", "rows", "reset"):
        assert admin.get(f"{LIVE}999999/{part}/").status_code == 404


def test_the_policy_s_own_page_leads_here(viewer: Client) -> None:
    assert live_page() in text_of(viewer.get(page_of("login")))
    assert viewer.get(LIST).status_code == 200


# Who has an account


def test_whoever_may_not_view_users_finds_them_by_id_alone(viewer: Client, redis_server: redis.Redis) -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    page = live_page("api-search")
    assert "Give the user's id" in viewer.post(page, {"client": "jane"}).context["wrong"]
    assert "Give the user's id" in viewer.post(page, {"client": "nobody"}).context["wrong"]
    assert viewer.post(page, {"client": str(jane.pk)})["Location"].endswith(f"?client=user%3D{jane.pk}")
    assert "name" not in viewer.get(page).context["find_help"]
    assert f"user={jane.pk}" not in text_of(viewer.get(page, {"client": "jane@example.org"}))


@pytest.mark.parametrize(
    "client", ["9" * 26, f"user={'9' * 26}", f"user-or-ip={'9' * 26}", "user=", "user=x", "user=1/2"]
)
@pytest.mark.parametrize("slug", ["login", "api-search"])
def test_any_client_in_an_address_is_an_answer(
    admin: Client, redis_server: redis.Redis, client: str, slug: str
) -> None:
    for part in ("change", "rows", "reset"):
        assert admin.get(live_page(slug, part), {"client": client}).status_code == 200
