import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


class _Reader(HTMLParser):
    """Collects links by their `rel`, and the text of books."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("rel"):
            self.links[str(given["rel"])] = str(given["href"])


def page(client: Client, address: str, *, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def links(html: str) -> dict[str, str]:
    """Return the addresses of the links to the pages before and after."""
    reader = _Reader()
    reader.feed(html)
    return reader.links


def titles(html: str) -> list[str]:
    return re.findall(r'class="book-title">([^<]*)<', html)


def test_the_address_has_a_name() -> None:
    assert reverse("home") == "/"


@pytest.mark.usefixtures("catalogue")
def test_without_a_query_the_page_shows_books_and_how_many_there_are(client: Client) -> None:
    html = page(client, "/")
    assert len(titles(html)) == 14
    assert "14 books by 8 authors" in " ".join(html.split())
    assert "in 5 languages" in html


@pytest.mark.usefixtures("catalogue")
def test_anyone_can_search_and_sees_the_number_of_hits(client: Client) -> None:
    html = page(client, "/?q=hugo")
    assert titles(html) == ["Notre-Dame de Paris", "Les Misérables"]
    assert "2 books found" in html


@pytest.mark.usefixtures("catalogue")
def test_a_year_before_christ_and_a_language_are_shown_in_words(client: Client) -> None:
    html = page(client, "/?q=iliad")
    assert "800 BC" in html
    assert 'class="book-language">Greek<' in html
    assert "1 book found" in html


@pytest.mark.usefixtures("catalogue")
def test_a_language_can_be_chosen_and_stays_chosen(client: Client) -> None:
    html = page(client, "/?q=&language=fr")
    assert len(titles(html)) == 3
    assert '<option value="fr" selected>French</option>' in html


@pytest.mark.usefixtures("catalogue")
def test_nothing_found_is_said_and_leads_on(client: Client) -> None:
    html = page(client, "/?q=nothing+like+it")
    assert titles(html) == []
    assert "No book found" in html


def test_an_empty_catalogue_still_has_a_page(client: Client) -> None:
    assert "There is no book yet" in page(client, "/")


@pytest.mark.usefixtures("long_catalogue")
def test_the_links_lead_through_every_page(client: Client) -> None:
    address, seen = "/?q=volume&language=en", []
    while True:
        html = page(client, address)
        seen += titles(html)
        if "next" not in links(html):
            break
        address = "/" + links(html)["next"]
    assert seen == [f"Volume {number}" for number in range(1, 46)]
    assert links(html)["prev"] == "?q=volume&amp;language=en&amp;page=2".replace("&amp;", "&")


@pytest.mark.usefixtures("long_catalogue")
def test_the_first_page_has_no_way_back_and_tells_its_place(client: Client) -> None:
    html = page(client, "/?q=volume")
    assert set(links(html)) == {"next"}
    assert "Page 1 of 3" in html


@pytest.mark.usefixtures("catalogue")
def test_a_single_page_has_no_pager(client: Client) -> None:
    assert links(page(client, "/?q=hugo")) == {}


@pytest.mark.usefixtures("long_catalogue")
@pytest.mark.parametrize("number", ["4", "0", "-3"])
def test_a_page_that_does_not_exist_leads_to_the_last_one(client: Client, number: str) -> None:
    html = page(client, f"/?q=volume&page={number}", status=404)
    assert "?q=volume&amp;page=3" in html


@pytest.mark.parametrize("query", [f"q={'a' * 201}", "page=two", "language=xx", "q=a%00b"])
def test_a_search_that_cannot_be_taken_says_so_above_the_form(client: Client, query: str) -> None:
    html = page(client, f"/?{query}", status=400)
    assert 'role="alert"' in html
    assert 'name="q"' in html


@pytest.mark.usefixtures("catalogue")
def test_what_was_typed_is_shown_again_and_escaped(client: Client) -> None:
    html = page(client, "/?q=%22%3E%3Cscript%3E")
    assert "<script>" not in html
    assert 'value="&quot;&gt;&lt;script&gt;"' in html


@pytest.mark.usefixtures("catalogue")
def test_the_page_works_without_script_and_inline_style(client: Client) -> None:
    html = page(client, "/")
    assert "<script" not in html
    assert " style=" not in html
    assert "<style" not in html


def test_a_head_request_is_answered_and_a_post_is_not(client: Client) -> None:
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405


@pytest.mark.usefixtures("long_catalogue")
def test_a_search_takes_three_queries(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):  # count, languages, books
        client.get("/?q=volume")
