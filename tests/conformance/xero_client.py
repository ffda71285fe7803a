"""Reads a sandbox with Xero's official Python library, as a program written for Xero would.

Reads from standard input what the sandbox says about itself, as JSON; prints a line per check and ends with 0 when all
of them hold.
"""

import json
import math
import sys
from datetime import date, datetime, timezone

from xero_python.accounting import AccountingApi
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.exceptions import ApiException
from xero_python.identity import IdentityApi

from checks import refused, run

# {"baseUrl", "credentials", "ids": {list: [id, ...]}, "archivedContact", "changedSince"}
TOLD = json.load(sys.stdin)
CREDENTIALS = TOLD["credentials"]
TENANT = CREDENTIALS["tenantId"]
SCOPE = ["offline_access", "accounting.invoices.read"]
TokenApi.refresh_token_url = f"{TOLD['baseUrl']}/connect/token"
TokenApi.revoke_token_url = f"{TOLD['baseUrl']}/connect/revocation"

# List: (method of the library, attribute with the records, attribute with the id, whether it comes in pages)
LISTS = {
    "Accounts": ("get_accounts", "accounts", "account_id", False),
    "BankTransactions": ("get_bank_transactions", "bank_transactions", "bank_transaction_id", True),
    "Contacts": ("get_contacts", "contacts", "contact_id", True),
    "CreditNotes": ("get_credit_notes", "credit_notes", "credit_note_id", True),
    "Invoices": ("get_invoices", "invoices", "invoice_id", True),
    "Items": ("get_items", "items", "item_id", False),
    "ManualJournals": ("get_manual_journals", "manual_journals", "manual_journal_id", True),
    "Payments": ("get_payments", "payments", "payment_id", True),
}


def api_client(access_token=CREDENTIALS["accessToken"], refresh_token=CREDENTIALS["refreshToken"]):
    held = {
        "access_token": access_token, "refresh_token": refresh_token, "expires_in": 1800, "token_type": "Bearer",
        "scope": SCOPE, "expires_at": 4_000_000_000,
    }
    oauth2 = OAuth2Token(client_id=CREDENTIALS["clientId"], client_secret=CREDENTIALS["clientSecret"])
    client = ApiClient(Configuration(oauth2_token=oauth2), pool_threads=1)
    client.oauth2_token_getter(lambda: held)
    client.oauth2_token_saver(held.update)
    client.held = held
    return client


BOOKS = AccountingApi(api_client(), f"{TOLD['baseUrl']}/api.xro/2.0")


def walk(name, **parameters):
    method, attribute, key, paged = LISTS[name]
    if not paged:
        records = getattr(getattr(BOOKS, method)(TENANT, order="UpdatedDateUTC ASC", **parameters), attribute)
        return [getattr(record, key) for record in records]
    seen, page = [], 1
    while True:
        answer = getattr(BOOKS, method)(TENANT, order="UpdatedDateUTC ASC", page=page, page_size=7, **parameters)
        records = getattr(answer, attribute)
        seen += [getattr(record, key) for record in records]
        assert answer.pagination.item_count == len(TOLD["ids"][name]), answer.pagination
        if page >= answer.pagination.page_count:
            return seen
        page += 1


def the_connection_tells_the_tenant():
    connections = IdentityApi(api_client(), TOLD["baseUrl"]).get_connections()
    assert [str(connection.tenant_id) for connection in connections] == [TENANT]
    assert BOOKS.get_organisations(TENANT).organisations[0].base_currency.name == "USD"


def every_list_is_read_to_its_end():
    for name, ids in TOLD["ids"].items():
        more = {"include_archived": True} if name == "Contacts" else {}
        seen = walk(name, **more)
        assert sorted(seen) == sorted(ids), f"{name}: {len(seen)} records, {len(ids)} expected"


def records_are_read_one_by_one():
    for name, ids in TOLD["ids"].items():
        method, attribute, key, _ = LISTS[name]
        one = method.rstrip("s")
        record = getattr(getattr(BOOKS, one)(TENANT, ids[0]), attribute)[0]
        assert getattr(record, key) == ids[0], name


def dates_and_amounts_are_read():
    invoice = BOOKS.get_invoices(TENANT, page=1).invoices[0]
    assert isinstance(invoice.date, date) and isinstance(invoice.updated_date_utc, datetime)
    assert math.isclose(math.fsum(line.line_amount for line in invoice.line_items), invoice.total)
    assert BOOKS.get_invoices(TENANT).invoices[0].line_items is None


def only_changes_come_when_only_they_are_asked_for():
    since = datetime.fromtimestamp(TOLD["changedSince"], timezone.utc)
    changed = BOOKS.get_contacts(TENANT, if_modified_since=since, include_archived=True).contacts
    assert [contact.contact_id for contact in changed] == [TOLD["archivedContact"]]
    assert changed[0].contact_status == "ARCHIVED"
    assert BOOKS.get_contacts(TENANT, if_modified_since=since).contacts == []


def tokens_are_refreshed():
    client = api_client()
    client.refresh_oauth2_token()
    assert client.held["refresh_token"] != CREDENTIALS["refreshToken"] and client.held["expires_in"] == 1800
    assert AccountingApi(client, BOOKS.base_url).get_items(TENANT).items


def errors_arrive_with_their_status():
    other = "11111111-1111-4111-8111-111111111111"
    assert refused(lambda: BOOKS.get_items(other), ApiException).status == 403
    assert refused(lambda: BOOKS.get_invoice(TENANT, other), ApiException).status == 404
    stranger = AccountingApi(api_client("nobody"), BOOKS.base_url)
    assert refused(lambda: stranger.get_items(TENANT), ApiException).status == 401


CHECKS = (
    the_connection_tells_the_tenant,
    every_list_is_read_to_its_end,
    records_are_read_one_by_one,
    dates_and_amounts_are_read,
    only_changes_come_when_only_they_are_asked_for,
    tokens_are_refreshed,
    errors_arrive_with_their_status,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "xero-python"))
