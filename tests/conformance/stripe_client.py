"""Reads a sandbox with Stripe's official library, as a program written for Stripe would, and complains about what it finds.

Reads from standard input what the sandbox says about itself, as JSON; prints a line per check and ends with 0 when all
of them hold.
"""

import json
import sys
import urllib.request
from decimal import Decimal

import stripe

from checks import run
from stripe_shapes import CLASSES, object_complaints

# What is read from standard input: {"baseUrl", "key", "restrictedKey", "ids": {entity: [newest, ...]}, "deletedCustomer"}
TOLD = json.load(sys.stdin)


def client(key, retries=0):
    return stripe.StripeClient(key, base_addresses={"api": TOLD["baseUrl"]}, max_network_retries=retries)


FULL = client(TOLD["key"])


def control(path, body):
    """Tells the sandbox something that Stripe has no way to be told."""
    request = urllib.request.Request(f"{TOLD['baseUrl']}/_sandbox/{path}", data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def entities():
    for name, ids in TOLD["ids"].items():
        yield name, getattr(FULL.v1, name), ids


def everything(name):
    """Parameters that leave nothing out of a list."""
    return {"limit": 100, **({"status": "all"} if name == "subscriptions" else {})}


def lists_page_by_themselves():
    for name, entity, ids in entities():
        seen = [record.id for record in entity.list(everything(name)).auto_paging_iter()]
        assert seen == ids, f"{name}: {len(seen)} records, {len(ids)} expected, or another order"


def lists_page_backwards():
    for name, entity, ids in entities():
        if len(ids) < 2:
            continue
        page = entity.list({**everything(name), "limit": 7, "ending_before": ids[-1]})
        seen = [record.id for record in page.auto_paging_iter()]
        assert seen == list(reversed(ids[:-1])), f"{name}: {len(seen)} records backwards"


def every_record_has_the_shape_the_library_describes():
    for name, entity, ids in entities():
        page, checked = entity.list(everything(name)), 0
        while not page.is_empty:
            for raw, record in zip(json.loads(page.last_response.body)["data"], page.data):
                cls = CLASSES[type(record).__name__]
                found = object_complaints(raw, cls, raw["object"])
                assert not found, f"{raw['id']}: " + "; ".join(found[:20])
                reads_like_its_json(record, raw, raw["object"])
                checked += 1
            page = page.next_page()
        assert checked == len(ids) > 0, f"{name}: {checked} records checked"


def reads_like_its_json(record, raw, where):
    """Every field can be read as an attribute, and says what the JSON says."""
    for key, value in raw.items():
        if key == "items":
            # A method of the library's objects hides this attribute.
            read = record["items"]
        else:
            read = getattr(record, key)
        if isinstance(value, dict):
            reads_like_its_json(read, value, f"{where}.{key}")
        elif isinstance(value, list):
            assert len(read) == len(value), f"{where}.{key}"
            for part, raw_part in zip(read, value):
                if isinstance(raw_part, dict):
                    reads_like_its_json(part, raw_part, f"{where}.{key}")
        elif isinstance(read, Decimal):
            assert read == Decimal(value), f"{where}.{key}"
        else:
            assert read == value, f"{where}.{key}: {read!r} is not {value!r}"


def records_are_retrieved_one_by_one():
    for name, entity, ids in entities():
        for record_id in (ids[0], ids[-1]):
            record = entity.retrieve(record_id)
            assert record.id == record_id and record.object == name[:-1], record
    gone = FULL.v1.customers.retrieve(TOLD["deletedCustomer"])
    assert gone.deleted is True and gone.id == TOLD["deletedCustomer"], gone


def filters_filter():
    for name, entity, _ in entities():
        records = list(entity.list(everything(name)).auto_paging_iter())
        middle = records[len(records) // 2].created
        since = [r.id for r in entity.list({**everything(name), "created": {"gte": middle}}).auto_paging_iter()]
        until = [r.id for r in entity.list({**everything(name), "created": {"lt": middle}}).auto_paging_iter()]
        assert since + until == [r.id for r in records], name
    invoice = FULL.v1.invoices.list({"limit": 1}).data[0]
    of_customer = FULL.v1.invoices.list({"customer": invoice.customer, "limit": 100}).data
    assert invoice.id in [i.id for i in of_customer] and {i.customer for i in of_customer} == {invoice.customer}
    statuses = {s.status for s in FULL.v1.subscriptions.list({"limit": 100}).auto_paging_iter()}
    assert "canceled" not in statuses, statuses


def amounts_are_read_as_the_library_types_them():
    decimals = [p.unit_amount_decimal for p in FULL.v1.prices.list({"limit": 100}).auto_paging_iter()]
    assert decimals and all(isinstance(d, Decimal) for d in decimals), decimals[:3]
    assert any(d != int(d) for d in decimals), "no price with a fraction of a cent"


def the_account_and_its_balance_are_read():
    account = FULL.v1.accounts.retrieve_current()
    assert account.charges_enabled and account.country == "US", account
    balance = FULL.v1.balance.retrieve()
    assert balance.available[0].amount > 0, balance
    for record, cls in ((account, stripe.Account), (balance, stripe.Balance)):
        found = object_complaints(json.loads(record.last_response.body), cls, cls.__name__)
        assert not found, found


def changes_arrive_as_events():
    changed = TOLD["ids"]["customers"][3]
    control("mutations", {"op": "update", "entity": "customers", "id": changed, "patch": {"name": "Änderung, \"neu\""}})
    control("mutations", {"op": "create", "entity": "customers", "count": 2})
    events = list(FULL.v1.events.list({"types": ["customer.updated", "customer.created"], "limit": 2}).auto_paging_iter())
    assert [e.type for e in events] == ["customer.created"] * 2 + ["customer.updated"], events
    update = events[-1]
    assert update.data.object.id == changed and update.data.object.name == "Änderung, \"neu\"", update
    assert list(update.data.previous_attributes.to_dict()) == ["name"], update
    for event in events:
        raw = json.loads(FULL.v1.events.retrieve(event.id).last_response.body)
        found = object_complaints(raw, stripe.Event, "event") + object_complaints(raw["data"]["object"], stripe.Customer, "customer")
        assert not found, found


def refused(error, call):
    try:
        call()
    except error as caught:
        return caught
    raise AssertionError(f"no {error.__name__}")


def errors_arrive_as_the_library_names_them():
    customers = FULL.v1.customers
    caught = refused(stripe.AuthenticationError, lambda: client("sk_test_wrong").v1.customers.list())
    assert caught.http_status == 401 and caught.request_id, caught
    restricted = client(TOLD["restrictedKey"])
    assert restricted.v1.customers.list().data
    caught = refused(stripe.PermissionError, lambda: restricted.v1.invoices.list())
    assert caught.http_status == 403, caught
    for params, param, code in (
        ({"limit": 101}, "limit", None),
        ({"limit": 0}, "limit", None),
        ({"starting_after": "cus_none"}, "starting_after", "resource_missing"),
        ({"page": 2}, "page", "parameter_unknown"),
    ):
        caught = refused(stripe.InvalidRequestError, lambda: customers.list(params))
        assert (caught.http_status, caught.param, caught.code) == (400, param, code), (params, caught)
    caught = refused(stripe.InvalidRequestError, lambda: customers.retrieve("cus_none"))
    assert (caught.http_status, caught.code) == (404, "resource_missing"), caught

    control("faults", {"path": "/v1/customers", "fault": {"kind": "rateLimited", "retryAfterS": 1}})
    caught = refused(stripe.RateLimitError, customers.list)
    # The library keeps no code for this error: its class says it all.
    assert (caught.http_status, caught.error.code, caught.headers["retry-after"]) == (429, "rate_limit", "1"), caught
    control("faults", {"path": "/v1/customers", "fault": {"kind": "status", "status": 500}})
    caught = refused(stripe.APIError, customers.list)
    assert caught.http_status == 500, caught
    control("faults", {"path": "/v1/customers", "fault": {"kind": "resetMidBody"}})
    refused(stripe.APIConnectionError, customers.list)


def a_failure_that_passes_is_retried_by_the_library():
    control("faults", {"path": "/v1/customers", "fault": {"kind": "status", "status": 503}})
    assert client(TOLD["key"], retries=1).v1.customers.list().data


# In this order: changes come after everything that compares with what the sandbox said at the start.
CHECKS = (
    lists_page_by_themselves,
    lists_page_backwards,
    every_record_has_the_shape_the_library_describes,
    records_are_retrieved_one_by_one,
    filters_filter,
    amounts_are_read_as_the_library_types_them,
    the_account_and_its_balance_are_read,
    errors_arrive_as_the_library_names_them,
    a_failure_that_passes_is_retried_by_the_library,
    changes_arrive_as_events,
)


if __name__ == "__main__":
    sys.exit(run(CHECKS, f"stripe {stripe.VERSION}"))
