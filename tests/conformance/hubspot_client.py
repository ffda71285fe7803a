"""Reads a sandbox with HubSpot's official Python library, as a program written for HubSpot would.

The library checks what it reads against HubSpot's own description: a key that must be there and is not, or a value that
must be one of several and is not, is an exception. Reads from standard input what the sandbox says about itself, as JSON;
prints a line per check and ends with 0 when all of them hold.
"""

import json
import sys
from datetime import datetime

import hubspot
import requests
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.objects.exceptions import ApiException as ObjectsException
from hubspot.utils.signature import Signature

from checks import refused, run

# {"baseUrl", "credentials", "app", "ids": {object: [id, ...]}, "archivedDeal", "changedSince", "webhook": {"url", …}}
TOLD = json.load(sys.stdin)


def client(token=TOLD["credentials"]["accessToken"]):
    return hubspot.Client.create(access_token=token, host=TOLD["baseUrl"])


PORTAL = client()
OBJECTS = [name for name in TOLD["ids"] if name != "owners"]


def every_object_is_listed_page_by_page():
    for name in OBJECTS:
        seen, after = [], None
        while True:
            page = PORTAL.crm.objects.basic_api.get_page(name, limit=30, after=after, archived=False)
            seen += [record.id for record in page.results]
            if page.paging is None:
                break
            after = page.paging.next.after
            assert page.paging.next.link.startswith(TOLD["baseUrl"]), page.paging
        assert seen == TOLD["ids"][name], f"{name}: {len(seen)} records, {len(TOLD['ids'][name])} expected"
        assert [record.id for record in PORTAL.crm.objects.get_all(name)] == seen, name


def records_are_read_one_by_one_with_the_properties_asked_for():
    record = PORTAL.crm.contacts.basic_api.get_by_id(TOLD["ids"]["contacts"][0], properties=["email", "visits"])
    assert isinstance(record.created_at, datetime) and record.archived is False
    assert set(record.properties) == {"createdate", "email", "hs_object_id", "lastmodifieddate", "visits"}
    assert record.properties["hs_object_id"] == record.id


def archived_records_are_listed_by_themselves():
    page = PORTAL.crm.deals.basic_api.get_page(archived=True)
    assert [record.id for record in page.results] == [TOLD["archivedDeal"]]
    assert page.results[0].archived_at is not None
    refused(lambda: PORTAL.crm.objects.basic_api.get_by_id("deals", TOLD["archivedDeal"]), ObjectsException)


def searches_find_what_changed():
    search = {
        "filterGroups": [{"filters": [
            {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(TOLD["changedSince"] * 1000)},
        ]}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["email"], "limit": 200,
    }
    found = PORTAL.crm.contacts.search_api.do_search(search)
    assert found.total == 1 and found.results[0].properties["email"] == "changed@example.com", found
    assert found.paging is None


def a_search_goes_on_from_the_last_id():
    seen, last = [], "0"
    while True:
        found = PORTAL.crm.companies.search_api.do_search({
            "filterGroups": [{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": last}]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}], "limit": 20,
        })
        seen += [record.id for record in found.results]
        if found.total <= 20:
            break
        last = seen[-1]
    assert seen == TOLD["ids"]["companies"]


def owners_and_properties_are_read():
    owners = PORTAL.crm.owners.owners_api.get_page(limit=100)
    assert [owner.id for owner in owners.results] == TOLD["ids"]["owners"]
    assert PORTAL.crm.owners.get_all()[0].type == "PERSON"
    for name in OBJECTS:
        told = PORTAL.crm.properties.core_api.get_all(name).results
        assert {"createdate", "hs_object_id"} < {each.name for each in told}, name
    assert PORTAL.crm.properties.core_api.get_by_name("contacts", "visits").type == "number"


def tokens_are_refreshed_and_looked_at():
    app = TOLD["app"]
    tokens = PORTAL.oauth.tokens_api.create(
        grant_type="refresh_token", client_id=app["clientId"], client_secret=app["clientSecret"],
        refresh_token=app["refreshToken"],
    )
    assert tokens.refresh_token == app["refreshToken"] and tokens.expires_in == 1800
    told = PORTAL.oauth.access_tokens_api.get(tokens.access_token)
    assert "crm.objects.contacts.read" in told.scopes
    assert client(tokens.access_token).crm.contacts.basic_api.get_page(limit=1).results


def errors_have_what_the_library_knows_of_them():
    for status, category, call in (
        (404, "OBJECT_NOT_FOUND", lambda: PORTAL.crm.contacts.basic_api.get_by_id("1")),
        (400, "VALIDATION_ERROR", lambda: PORTAL.crm.contacts.basic_api.get_page(limit=101)),
        (400, "VALIDATION_ERROR", lambda: PORTAL.crm.contacts.search_api.do_search({"after": "10000", "limit": 1})),
        (401, "INVALID_AUTHENTICATION", lambda: client("pat-na1-none").crm.contacts.basic_api.get_page()),
    ):
        error = refused(call, ApiException)
        body = json.loads(error.body)
        assert (error.status, body["category"]) == (status, category), error
        known = {"status", *hubspot.crm.contacts.Error.attribute_map.values()}
        assert set(body) <= known and {"correlationId", "message"} <= set(body), body


def limits_are_told_by_lists_and_not_by_searches():
    headers = {"Authorization": f"Bearer {TOLD['credentials']['accessToken']}"}
    url = f"{TOLD['baseUrl']}/crm/v3/objects/contacts"
    listed = requests.get(url, headers=headers, timeout=10)
    assert listed.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    searched = requests.post(f"{url}/search", json={}, headers=headers, timeout=10)
    assert searched.ok and not any("ratelimit" in name.lower() for name in searched.headers)


def webhooks_are_signed_as_the_library_signs_them():
    webhook = TOLD["webhook"]
    signature = Signature.get_signature(
        TOLD["app"]["clientSecret"], webhook["body"], "v3", webhook["url"], "POST", webhook["timestamp"],
    )
    assert signature == webhook["signature"]


CHECKS = (
    every_object_is_listed_page_by_page,
    records_are_read_one_by_one_with_the_properties_asked_for,
    archived_records_are_listed_by_themselves,
    searches_find_what_changed,
    a_search_goes_on_from_the_last_id,
    owners_and_properties_are_read,
    tokens_are_refreshed_and_looked_at,
    errors_have_what_the_library_knows_of_them,
    limits_are_told_by_lists_and_not_by_searches,
    webhooks_are_signed_as_the_library_signs_them,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "hubspot-api-client"))
