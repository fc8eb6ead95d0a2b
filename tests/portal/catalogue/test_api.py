import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/search"


@pytest.fixture
def reader() -> Client:
    """A client that is logged in."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create(email="reader@example.org"))
    return client


def problem_of(response: Any) -> dict[str, Any]:
    """Return the problem, having held it against RFC 9457."""
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.content)
    assert problem["status"] == response.status_code
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    return problem


def test_the_address_has_a_name() -> None:
    assert reverse("search-api") == SEARCH


@pytest.mark.usefixtures("catalogue")
def test_the_answer_has_every_part(reader: Client) -> None:
    response = reader.get(SEARCH, {"q": " Homer Iliad "})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "query": "Homer Iliad",
        "count": 1,
        "page": 1,
        "pages": 1,
        "per_page": 20,
        "next": None,
        "previous": None,
        "results": [{"title": "The Iliad", "author": "Homer", "year": -800, "language": "el"}],
    }


@pytest.mark.usefixtures("catalogue")
def test_nothing_found_is_an_answer(reader: Client) -> None:
    answer = reader.get(SEARCH, {"q": "nothing like it"}).json()
    assert (answer["count"], answer["page"], answer["pages"], answer["results"]) == (0, 1, 1, [])


@pytest.mark.usefixtures("catalogue")
def test_a_language_narrows_the_search(reader: Client) -> None:
    answer = reader.get(SEARCH, {"q": "emile", "language": "fr"}).json()
    assert [book["title"] for book in answer["results"]] == ["Germinal"]


@pytest.mark.usefixtures("long_catalogue")
def test_the_links_lead_through_every_page_and_back(reader: Client) -> None:
    address: str | None = f"{SEARCH}?q=volume&per_page=20&language=en"
    years, last = [], ""
    while address:
        assert address.startswith(f"{SEARCH}?")
        last = address
        answer = reader.get(address).json()
        years += [book["year"] for book in answer["results"]]
        address = answer["next"]
    assert years == list(range(1801, 1846))
    assert len(answer["results"]) == 5
    assert parse_qs(urlsplit(last).query) == {
        "q": ["volume"],
        "per_page": ["20"],
        "language": ["en"],
        "page": ["3"],
    }
    assert reader.get(answer["previous"]).json()["page"] == 2


@pytest.mark.usefixtures("long_catalogue")
def test_a_page_has_as_many_books_as_asked_for(reader: Client) -> None:
    answer = reader.get(SEARCH, {"q": "volume", "per_page": "100"}).json()
    assert (answer["per_page"], answer["pages"], len(answer["results"])) == (100, 1, 45)


@pytest.mark.usefixtures("catalogue")
def test_a_link_keeps_what_was_asked_for_letter_by_letter(reader: Client) -> None:
    answer = reader.get(SEARCH, {"q": "é &", "per_page": "1"}).json()
    assert answer["query"] == "é &"
    answer = reader.get(SEARCH, {"q": "É", "per_page": "1"}).json()
    assert reader.get(answer["next"]).json()["query"] == "É"


@pytest.mark.usefixtures("long_catalogue")
@pytest.mark.parametrize("page", ["4", "0", "-1", "999999999999999999999"])
def test_a_page_that_does_not_exist_is_not_found(reader: Client, page: str) -> None:
    response = reader.get(SEARCH, {"q": "volume", "page": page})
    assert response.status_code == 404
    assert "last page is 3" in problem_of(response)["detail"]


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20%20", "?q=%C2%B4", "?page=1"])
def test_a_query_that_is_missing_or_blank_is_refused(reader: Client, query: str) -> None:
    response = reader.get(f"{SEARCH}{query}")
    assert response.status_code == 400
    assert "q is missing or blank" in problem_of(response)["detail"]


def test_a_query_of_200_characters_is_the_longest(reader: Client) -> None:
    assert reader.get(SEARCH, {"q": "é" * 200}).status_code == 200
    response = reader.get(SEARCH, {"q": "é" * 201})
    assert response.status_code == 400
    assert "200" in problem_of(response)["detail"]


def test_a_query_of_megabytes_is_refused(reader: Client) -> None:
    response = reader.get(SEARCH, {"q": "a" * 10_000_000})
    assert response.status_code == 400
    assert len(response.content) < 1000
    problem_of(response)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "two"),
        ("page", "1.5"),
        ("page", "9" * 5000),
        ("per_page", "0"),
        ("per_page", "101"),
        ("per_page", "many"),
        ("language", "xx"),
        ("language", "French"),
    ],
)
def test_a_parameter_that_cannot_be_taken_is_refused(reader: Client, name: str, value: str) -> None:
    response = reader.get(SEARCH, {"q": "emma", name: value})
    assert response.status_code == 400
    problem_of(response)


@pytest.mark.parametrize("query", ["a\x00b", "\x00"])
def test_a_null_character_is_refused(reader: Client, query: str) -> None:
    response = reader.get(SEARCH, {"q": query})
    assert response.status_code == 400
    problem_of(response)


@pytest.mark.parametrize("query", ["?q=%ff", "?q=%ED%A0%80", "?q=a&q=b"])
def test_odd_bytes_and_repeated_parameters_do_no_harm(reader: Client, query: str) -> None:
    assert reader.get(f"{SEARCH}{query}").status_code == 200


def test_whoever_is_not_logged_in_is_told_so_without_a_redirect(client: Client) -> None:
    response = client.get(SEARCH, {"q": "emma"})
    assert response.status_code == 401
    assert "/login/" in problem_of(response)["detail"]
    assert "Location" not in response.headers


def test_being_logged_out_names_a_scheme_that_no_browser_asks_a_password_for(
    client: Client,
) -> None:
    scheme = client.get(SEARCH).headers["WWW-Authenticate"].split()[0]
    assert scheme.lower() not in {"basic", "digest", "negotiate", "ntlm"}


def test_an_account_that_is_no_longer_active_is_logged_out(reader: Client) -> None:
    get_user_model().objects.update(is_active=False)
    assert reader.get(SEARCH, {"q": "emma"}).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_told_what_is_allowed(reader: Client, method: str) -> None:
    response = getattr(reader, method)(SEARCH)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    problem_of(response)


def test_ten_megabytes_in_a_body_are_told_what_is_allowed(reader: Client) -> None:
    response = reader.post(SEARCH, {"q": "a" * 10_000_000})
    assert response.status_code == 405


@pytest.mark.usefixtures("catalogue")
def test_a_head_request_gets_the_headers_alone(reader: Client) -> None:
    response = reader.head(SEARCH, {"q": "emma"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("catalogue")
def test_no_cache_keeps_an_answer(reader: Client, client: Client) -> None:
    answers: list[HttpResponse] = [
        reader.get(SEARCH, {"q": "emma"}),
        reader.get(SEARCH),
        reader.get(SEARCH, {"q": "emma", "page": "9"}),
        reader.post(SEARCH),
        client.get(SEARCH),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 405, 401]
    for answer in answers:
        assert set(answer.headers["Cache-Control"].split(", ")) == {"private", "no-store"}


@pytest.mark.usefixtures("catalogue")
def test_a_search_takes_four_queries(reader: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):  # session, user, count, books
        reader.get(SEARCH, {"q": "other", "per_page": "100"})
