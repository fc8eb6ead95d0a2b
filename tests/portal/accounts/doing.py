"""What a person does in these tests, and what the database then holds."""

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from post_office.models import Email


def the_mail() -> Email:
    """Returns the only mail in the queue."""
    mail: Email = Email.objects.get()
    return mail


def mailed_path() -> str:
    """Returns the path of the first link in the only mail, at SITE_URL."""
    found = re.search(r"^https://portal\.example(/\S+/)$", the_mail().message, re.MULTILINE)
    assert found, the_mail().message
    return found[1]


def statements_of(client: Client, path: str, data: dict[str, str]) -> tuple[list[str], str]:
    """Posts; returns the first words of each SQL statement, and where the answer redirects to."""
    with CaptureQueriesContext(connection) as captured:
        response = client.post(path, data)
    assert response.status_code == 302, response.content
    verbs = [re.sub(r"_x\d+", "", " ".join(query["sql"].split()[:3])) for query in captured]
    return verbs, response["Location"]
