import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from portal.catalogue.models import Book

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
LIST = "admin:catalogue_book_changelist"


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create(email="admin@example.org", is_staff=True, is_superuser=True))
    return client


def test_books_are_searched_as_on_the_site(admin: Client) -> None:
    html = admin.get(reverse(LIST), {"q": "EMILE zola"}).content.decode()
    assert "Germinal" in html
    assert "Les Misérables" not in html


def test_books_can_be_narrowed_to_a_language(admin: Client) -> None:
    html = admin.get(reverse(LIST), {"language": "el"}).content.decode()
    assert "The Odyssey" in html
    assert "800 BC" in html
    assert "Emma" not in html


def test_books_cannot_be_written_in_the_admin(admin: Client) -> None:
    book = Book.objects.get(title="Emma")
    change = reverse("admin:catalogue_book_change", args=[book.pk])
    assert admin.get(change).status_code == 200
    assert admin.post(change, {"title": "Emma II"}).status_code == 403
    assert admin.get(reverse("admin:catalogue_book_add")).status_code == 403
    assert admin.get(reverse("admin:catalogue_book_delete", args=[book.pk])).status_code == 403
