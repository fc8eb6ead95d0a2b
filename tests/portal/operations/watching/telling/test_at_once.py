"""Several that deliver at once, and one that is killed in the middle: each message is told, twice if it must be."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from portal.operations.models import Channel, Delivery
from portal.operations.watching.telling.deliver import CLAIMED_FOR, deliver_due
from tests.portal.operations.runs.test_killed import database_url
from tests.servers import wait_until

from .receivers import MailServer, Webhook, loads_apprise
from .telling import deliver, say, states

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), loads_apprise]

PROGRAM = """
import django
django.setup()
from portal.operations.watching.telling.deliver import deliver_due
deliver_due()
"""


def test_of_two_that_deliver_at_once_one_sends_each(
    mail: Channel, chat: Channel, mail_server: MailServer, webhook: Webhook
) -> None:
    for number in range(10):
        say(f"Number {number}")

    def work() -> int:
        delivered = deliver()
        connection.close()
        return delivered

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work) for _ in range(2)]
        assert sum(each.result() for each in both) == 20
    wanted = sorted(f"Number {number}" for number in range(10))
    assert (sorted(mail_server.subjects), sorted(webhook.titles)) == (wanted, wanted)
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


@pytest.mark.slow
def test_who_is_killed_before_it_is_noted_has_it_told_again(root: Path, chat: Channel, webhook: Webhook) -> None:
    say(now=timezone.now())
    webhook.may_answer.clear()
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=root, env=environment) as process:
        try:
            wait_until(lambda: len(webhook.received) == 1, what="the message", seconds=60)
        finally:
            process.kill()
    webhook.may_answer.set()
    assert states(chat) == ["waiting"]
    assert deliver_due() == 0
    later = timezone.now() + CLAIMED_FOR + timedelta(seconds=1)
    assert deliver_due(clock=lambda: later) == 1
    assert webhook.titles == ["Memory is full", "Memory is full"]
    assert states(chat) == ["delivered"]
