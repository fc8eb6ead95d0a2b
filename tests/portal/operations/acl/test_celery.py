"""What kombu does now and then, under Celery's user: jobs that come back, queues that end, talk among workers."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue

from portal import redis_address
from portal.operations.acl.users import CELERY
from tests.portal.operations.acl.guarding import Guarded

pytestmark = pytest.mark.server

QUEUE = Queue("celery", Exchange("celery"), routing_key="celery")


@pytest.fixture
def broker(guarded: Guarded) -> Iterator[Any]:
    address = guarded.address(CELERY, 2)
    options = redis_address.broker_options(address) | {"visibility_timeout": 0, "unacked_restore_throttle": 1}
    with Connection(address.broker_url, transport_options=options) as broker:
        yield broker
    assert guarded.refused() == []


def test_a_job_that_nobody_acknowledges_comes_back(broker: Any) -> None:
    with broker.channel() as channel, broker.Producer(channel) as producer:
        queue = QUEUE(channel)
        producer.publish("job", routing_key="celery", exchange="celery", declare=[queue])
        assert queue.get() is not None
        assert queue.get() is None
        channel.qos.restore_visible(interval=1)
        message = queue.get()
        assert message.headers == {} or message.body
        message.requeue()
        queue.get().ack()


def test_jobs_of_each_priority_come(broker: Any) -> None:
    with broker.channel() as channel, broker.Producer(channel) as producer:
        queue = QUEUE(channel)
        for priority in (0, 3, 9):
            producer.publish("job", routing_key="celery", exchange="celery", declare=[queue], priority=priority)
        assert channel._size("celery") == 3
        assert queue.purge() == 3
        assert not channel._has_queue("celery")


def test_a_queue_of_replies_comes_and_goes(broker: Any) -> None:
    name = "5f0c.reply.celery.pidbox"
    with broker.channel() as channel, broker.Producer(channel) as producer:
        replies = Queue(name, Exchange("reply.celery.pidbox", "direct"), routing_key="5f0c", expires=10)(channel)
        replies.declare()
        producer.publish("pong", exchange="reply.celery.pidbox", routing_key="5f0c")
        assert replies.get(no_ack=True).payload == "pong"
        channel.sweep_bindings()
        replies.delete()
