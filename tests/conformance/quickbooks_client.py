"""Reads a sandbox with Intuit's OAuth library and python-quickbooks, as a program written for QuickBooks would.

Reads from standard input what the sandbox says about itself, as JSON; prints a line per check and ends with 0 when all
of them hold.
"""

import json
import os
import sys
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

# The sandbox has no TLS. Said before the libraries are read, which ask for it then.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks, exceptions
from quickbooks.cdc import change_data_capture
from quickbooks.objects import (
    Account, Bill, CreditMemo, Customer, Invoice, Item, JournalEntry, Payment, Purchase, Vendor,
)

from checks import refused, run

# {"baseUrl", "credentials", "ids": {object: [id, ...]}, "webhook": {"key", "body", "signature"}, "deletedInvoice", "changedSince"}
TOLD = json.load(sys.stdin)
CREDENTIALS = TOLD["credentials"]
BACK = "https://rail.example.com/callback"
CLASSES = {
    cls.qbo_object_name: cls
    for cls in (Account, Bill, CreditMemo, Customer, Invoice, Item, JournalEntry, Payment, Purchase, Vendor)
}


def auth_client(**tokens):
    discovery = f"{TOLD['baseUrl']}/.well-known/openid_configuration/"
    return AuthClient(CREDENTIALS["clientId"], CREDENTIALS["clientSecret"], BACK, discovery, **tokens)


def client(auth=None, **more):
    auth = auth or auth_client(access_token=CREDENTIALS["accessToken"])
    books = QuickBooks(
        auth_client=auth,
        refresh_token=CREDENTIALS["refreshToken"],
        company_id=CREDENTIALS["realmId"],
        minorversion=75,
        **more,
    )
    books.api_url_v3 = f"{TOLD['baseUrl']}/v3"
    return books


BOOKS = client()


def the_consent_gives_tokens_that_open_the_company():
    auth = auth_client()
    page = requests.get(auth.get_authorization_url([Scopes.ACCOUNTING], "st4te"), allow_redirects=False, timeout=10)
    told = parse_qs(urlsplit(page.headers["location"]).query)
    assert told["state"] == ["st4te"] and told["realmId"] == [CREDENTIALS["realmId"]], told
    auth.get_bearer_token(told["code"][0], realm_id=told["realmId"][0])
    assert Customer.all(max_results=1, qb=client(auth))


def tokens_are_refreshed_and_revoked():
    auth = auth_client(refresh_token=CREDENTIALS["refreshToken"])
    auth.refresh()
    assert auth.expires_in == 3600 and auth.x_refresh_token_expires_in == 8640000
    auth.revoke(token=auth.refresh_token)
    error = refused(auth.refresh, AuthClientError)
    assert error.status_code == 400 and "invalid_grant" in str(error.content), error


def every_entity_is_read_page_by_page():
    for name, ids in TOLD["ids"].items():
        seen, page = [], 1
        while True:
            where = "Active IN (true, false)" if hasattr(CLASSES[name](), "Active") else ""
            records = CLASSES[name].where(where, order_by="Id", start_position=page, max_results=7, qb=BOOKS)
            seen += [record.Id for record in records]
            page += 7
            if len(records) < 7:
                break
        assert seen == sorted(ids, key=int), f"{name}: {len(seen)} records, {len(ids)} expected, or another order"


def records_are_counted_and_read_one_by_one():
    for name, ids in TOLD["ids"].items():
        assert CLASSES[name].get(ids[0], qb=BOOKS).Id == ids[0]
        if name != "Customer":
            assert CLASSES[name].count(qb=BOOKS) == len(ids), name


def money_is_read_as_decimals_with_all_digits():
    books = client(use_decimal=True)
    totals = [invoice.TotalAmt for invoice in Invoice.all(max_results=1000, qb=books)]
    assert all(isinstance(total, Decimal) and total.as_tuple().exponent == -2 for total in totals)
    assert any(Decimal(float(total)) != total and total > 10**13 for total in totals), "none needs a decimal"


def lines_are_read_as_what_they_are():
    invoice = Invoice.get(TOLD["ids"]["Invoice"][0], qb=BOOKS)
    assert invoice.Line[0].DetailType == "SalesItemLineDetail", invoice.Line[0].to_json()
    assert Item.get(invoice.Line[0].SalesItemLineDetail.ItemRef.value, qb=BOOKS).Type == "Service"
    assert Customer.get(invoice.CustomerRef.value, qb=BOOKS).DisplayName == invoice.CustomerRef.name


def changes_come_with_what_was_deleted():
    changes = change_data_capture([Invoice, Vendor], TOLD["changedSince"], qb=BOOKS)
    rows = changes.Invoice._object_list
    assert [(row.Id, row.status) for row in rows] == [(TOLD["deletedInvoice"], "Deleted")], rows
    assert not hasattr(changes, "Vendor")


def reports_are_trees():
    report = BOOKS.get_report("BalanceSheet", {"accounting_method": "Accrual"})
    assert report["Header"]["ReportName"] == "BalanceSheet"
    assert {row["group"] for row in report["Rows"]["Row"]} == {"TotalAssets", "Liabilities", "Equity"}


def errors_arrive_as_the_library_names_them():
    refused(lambda: Invoice.get("999999", qb=BOOKS), exceptions.ObjectNotFoundException)
    refused(lambda: Invoice.get(TOLD["deletedInvoice"], qb=BOOKS), exceptions.ObjectNotFoundException)
    refused(lambda: BOOKS.query("SELECT * FROM Invoice STARTPOSITION 0"), exceptions.ValidationException)
    refused(lambda: BOOKS.get(f"{BOOKS.api_url}/company/{BOOKS.company_id}/batch"), exceptions.UnsupportedException)
    stranger = client(auth_client(access_token="nobody"))
    refused(lambda: Invoice.all(qb=stranger), exceptions.AuthorizationException)


def a_refusal_with_status_200_is_a_refusal():
    fault = {"path": "/v3/*", "fault": {"kind": "refusalInOk", "status": 500}}
    requests.post(f"{TOLD['baseUrl']}/_sandbox/faults", json=fault, timeout=10)
    refused(lambda: Invoice.all(qb=BOOKS), exceptions.SevereException)


def webhooks_are_verified():
    webhook = TOLD["webhook"]
    assert BOOKS.validate_webhook_signature(webhook["body"], webhook["signature"], webhook["key"])
    assert not BOOKS.validate_webhook_signature(webhook["body"] + " ", webhook["signature"], webhook["key"])


CHECKS = (
    the_consent_gives_tokens_that_open_the_company,
    every_entity_is_read_page_by_page,
    records_are_counted_and_read_one_by_one,
    money_is_read_as_decimals_with_all_digits,
    lines_are_read_as_what_they_are,
    changes_come_with_what_was_deleted,
    reports_are_trees,
    errors_arrive_as_the_library_names_them,
    a_refusal_with_status_200_is_a_refusal,
    webhooks_are_verified,
    tokens_are_refreshed_and_revoked,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "intuit-oauth and python-quickbooks"))
