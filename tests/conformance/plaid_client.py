"""Reads a sandbox with Plaid's own library, as a program written for Plaid would, and complains about what it finds.

Reads {"baseUrl", "clientId", "secret", "accessToken", "transactions", "webhook"} from standard input. The library checks
every answer against the types that Plaid's API description gives; here every field must be one that it describes, too.
"""

import base64
import datetime
import hashlib
import json
import sys
import urllib.request

import plaid
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from plaid import models
from plaid.api import plaid_api
from plaid.model_utils import ModelNormal

from checks import refused, run

TOLD = json.load(sys.stdin)


def api(secret=TOLD["secret"]):
    keys = {"clientId": TOLD["clientId"], "secret": secret, "plaidVersion": "2020-09-14"}
    return plaid_api.PlaidApi(plaid.ApiClient(plaid.Configuration(host=TOLD["baseUrl"], api_key=keys)))


PLAID = api()
ITEM = {"access_token": TOLD["accessToken"]}


def control(path, body):
    """Tells the sandbox something that Plaid has no way to be told."""
    request = urllib.request.Request(f"{TOLD['baseUrl']}/_sandbox/{path}", data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def undescribed(value, where):
    """Fields that the library took in without knowing them."""
    if isinstance(value, (list, tuple)):
        return [field for part in value for field in undescribed(part, f"{where}[]")]
    if not isinstance(value, ModelNormal):
        return []
    found = []
    for name, part in value._data_store.items():
        if name not in value.openapi_types:
            found.append(f"{where}.{name}")
        found += undescribed(part, f"{where}.{name}")
    return found


def described(answer):
    """The same answer, if the library knows all of it."""
    found = sorted(set(undescribed(answer, type(answer).__name__)))
    assert not found, found
    return answer


def updates(cursor="", count=50):
    """Every page of an update."""
    while True:
        page = described(PLAID.transactions_sync(models.TransactionsSyncRequest(cursor=cursor, count=count, **ITEM)))
        yield page
        cursor = page.next_cursor
        if not page.has_more:
            return


def an_update_brings_every_transaction_once():
    pages = list(updates(count=7))
    seen = [t.transaction_id for page in pages for t in page.added]
    assert sorted(seen) == sorted(TOLD["transactions"]), len(seen)
    assert len(pages) == -(-len(seen) // 7)
    assert len(pages[0].next_cursor) <= 256
    added = [t for page in pages for t in page.added]
    assert all(isinstance(t.amount, float) for t in added)
    assert any(t.iso_currency_code is None and t.unofficial_currency_code for t in added)
    assert any(t.pending for t in added)


def changes_come_as_updates():
    *_, last = updates(count=500)
    pending = next(t for page in updates(count=500) for t in page.added if t.pending)
    posted = control("mutations", {"op": "update", "entity": "transactions", "id": pending.transaction_id, "patch": {"pending": False}})
    changed = TOLD["transactions"][3]
    control("mutations", {"op": "update", "entity": "transactions", "id": changed, "patch": {"name": "Änderung"}})
    (page,) = updates(last.next_cursor)
    assert [t.transaction_id for t in page.added] == posted["ids"], page
    assert page.added[0].pending_transaction_id == pending.transaction_id
    assert [t.transaction_id for t in page.removed] == [pending.transaction_id]
    assert [(t.transaction_id, t.name) for t in page.modified] == [(changed, "Änderung")]


def data_that_changes_between_pages_is_an_error_of_its_own():
    pages = updates(count=50)
    next(pages)
    control("mutations", {"op": "create", "entity": "transactions", "count": 1})
    assert code(lambda: next(pages)) == (400, "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")


def everything_else_is_read():
    accounts = described(PLAID.accounts_get(models.AccountsGetRequest(**ITEM))).accounts
    assert len(accounts) == 4 and accounts[0].balances.available is not None
    described(PLAID.accounts_balance_get(models.AccountsBalanceGetRequest(**ITEM)))
    owners = described(PLAID.identity_get(models.IdentityGetRequest(**ITEM))).accounts[0].owners
    assert owners[0].names[0] and owners[0].addresses[0].data.city
    item = described(PLAID.item_get(models.ItemGetRequest(**ITEM)))
    assert item.item.institution_id == "ins_1" and item.status.transactions.last_successful_update
    start, end = datetime.date(2025, 1, 1), datetime.date(2025, 12, 31)
    options = models.TransactionsGetRequestOptions(count=10, offset=5)
    page = described(PLAID.transactions_get(models.TransactionsGetRequest(start_date=start, end_date=end, options=options, **ITEM)))
    assert len(page.transactions) == 10 and page.total_transactions > 100
    countries = [models.CountryCode("US")]
    banks = described(PLAID.institutions_get(models.InstitutionsGetRequest(count=5, offset=0, country_codes=countries)))
    assert banks.total == 10 and len(banks.institutions) == 5
    bank = banks.institutions[0].institution_id
    described(PLAID.institutions_get_by_id(models.InstitutionsGetByIdRequest(institution_id=bank, country_codes=countries)))


def an_item_goes_through_its_life():
    wanted = models.SandboxPublicTokenCreateRequest(institution_id="ins_3", initial_products=[models.Products("transactions")])
    public = described(PLAID.sandbox_public_token_create(wanted)).public_token
    made = described(PLAID.item_public_token_exchange(models.ItemPublicTokenExchangeRequest(public_token=public)))
    new = {"access_token": made.access_token}
    page = described(PLAID.transactions_sync(models.TransactionsSyncRequest(**new)))
    assert (page.added, page.next_cursor, page.has_more) == ([], "", False), page
    assert str(page.transactions_update_status) == "NOT_READY", page
    hook = models.ItemWebhookUpdateRequest(webhook="https://rail.example/hook", **new)
    described(PLAID.item_webhook_update(hook))
    fire = models.SandboxItemFireWebhookRequest(webhook_code="SYNC_UPDATES_AVAILABLE", **new)
    assert described(PLAID.sandbox_item_fire_webhook(fire)).webhook_fired
    new = {"access_token": described(PLAID.item_access_token_invalidate(models.ItemAccessTokenInvalidateRequest(**new))).new_access_token}
    assert described(PLAID.sandbox_item_reset_login(models.SandboxItemResetLoginRequest(**new))).reset_login
    item = described(PLAID.item_get(models.ItemGetRequest(**new))).item
    assert item.error.error_code == "ITEM_LOGIN_REQUIRED", item
    assert code(lambda: PLAID.accounts_get(models.AccountsGetRequest(**new))) == (400, "ITEM_LOGIN_REQUIRED")
    described(PLAID.item_remove(models.ItemRemoveRequest(**new)))
    assert code(lambda: PLAID.item_get(models.ItemGetRequest(**new))) == (400, "INVALID_ACCESS_TOKEN")
    user = models.LinkTokenCreateRequestUser(client_user_id="u1")
    link = models.LinkTokenCreateRequest(client_name="Rail", language="en", country_codes=[models.CountryCode("US")], user=user)
    assert described(PLAID.link_token_create(link)).link_token.startswith("link-sandbox-")


def code(call):
    """Status and code of a refusal, whose body must be an error as the library describes it."""
    caught = refused(call, plaid.ApiException)
    body = json.loads(caught.body)
    error = models.PlaidError._from_openapi_data(
        _configuration=plaid.Configuration(), _spec_property_naming=True,
        **{**body, "error_type": models.PlaidErrorType(body["error_type"])})
    described(error)
    return caught.status, error.error_code


def errors_are_as_the_library_describes_them():
    accounts = lambda client: client.accounts_get(models.AccountsGetRequest(**ITEM))
    assert code(lambda: accounts(api("wrong"))) == (400, "INVALID_API_KEYS")
    control("faults", {"path": "/accounts/get", "fault": {"kind": "rateLimited"}})
    assert code(lambda: accounts(PLAID)) == (429, "RATE_LIMIT")
    control("faults", {"path": "/accounts/get", "fault": {"kind": "status", "status": 500}})
    assert code(lambda: accounts(PLAID)) == (500, "INTERNAL_SERVER_ERROR")
    wrong = models.TransactionsSyncRequest(cursor="nonsense", **ITEM)
    assert code(lambda: PLAID.transactions_sync(wrong)) == (400, "INVALID_FIELD")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def a_webhook_is_verified_with_the_key_that_its_header_names():
    hook = TOLD["webhook"]
    message, _, signature = hook["token"].rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in message.split("."))
    assert header["alg"] == "ES256", header
    assert claims["request_body_sha256"] == hashlib.sha256(hook["body"].encode()).hexdigest(), claims
    asked = models.WebhookVerificationKeyGetRequest(key_id=header["kid"])
    key = described(PLAID.webhook_verification_key_get(asked)).key
    x, y = (int.from_bytes(decoded(part), "big") for part in (key.x, key.y))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = decoded(signature)
    pair = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(pair, message.encode(), ec.ECDSA(hashes.SHA256()))
    refused(lambda: public.verify(pair, b"another", ec.ECDSA(hashes.SHA256())), InvalidSignature)


# In this order: changes come after what compares with what the sandbox said at the start.
CHECKS = (
    an_update_brings_every_transaction_once,
    everything_else_is_read,
    errors_are_as_the_library_describes_them,
    a_webhook_is_verified_with_the_key_that_its_header_names,
    an_item_goes_through_its_life,
    changes_come_as_updates,
    data_that_changes_between_pages_is_an_error_of_its_own,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "plaid-python"))
