"""Reads a sandbox with PayPal's own library, as a program written for PayPal would, and complains about what it finds.

Reads {"baseUrl", "clientId", "clientSecret", "ids", "webhook"} from standard input.
"""

import base64
import json
import sys
import urllib.request
import zlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.api_exception import ApiException
from paypalserversdk.exceptions.o_auth_provider_exception import OAuthProviderException
from paypalserversdk.exceptions.search_error_exception import SearchErrorException
from paypalserversdk.exceptions.subscription_error_exception import SubscriptionErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from checks import refused, run

TOLD = json.load(sys.stdin)
# The library knows two places and takes no other.
Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = TOLD["baseUrl"]


def client(secret):
    credentials = ClientCredentialsAuthCredentials(o_auth_client_id=TOLD["clientId"], o_auth_client_secret=secret)
    return PaypalServersdkClient(client_credentials_auth_credentials=credentials)


PAYPAL = client(TOLD["clientSecret"])
MONTHS = [(f"2025-{month:02}-01T00:00:00Z", f"2025-{month:02}-{days}T23:59:59Z") for month, days in enumerate(
    (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1)]


def control(path, body):
    """Tells the sandbox something that PayPal has no way to be told."""
    request = urllib.request.Request(f"{TOLD['baseUrl']}/_sandbox/{path}", data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def search(**options):
    return PAYPAL.transaction_search.search_transactions(options).body


def transactions_are_found_month_by_month():
    seen, empty = [], 0
    for start, end in MONTHS:
        number = 1
        while True:
            page = search(start_date=start, end_date=end, fields="all", balance_affecting_records_only="N", page=number, page_size=7)
            seen += getattr(page, "transaction_details", None) or []
            if number >= page.total_pages:
                break
            number += 1
    keys = {(d.transaction_info.transaction_id, d.transaction_info.transaction_event_code, str(d.transaction_info.transaction_initiation_date)) for d in seen}
    assert len(seen) == len(keys) == len(TOLD["ids"]["transactions"]), (len(seen), len(keys))
    assert len({d.transaction_info.transaction_id for d in seen}) < len(seen)
    amount = seen[0].transaction_info.transaction_amount
    assert isinstance(amount.value, str) and len(amount.currency_code) == 3, amount
    assert any(getattr(d.payer_info, "email_address", None) for d in seen)
    page = search(start_date="2024-01-01T00:00:00Z", end_date="2024-01-02T00:00:00Z")
    # The library keeps no number that is 0.
    assert not hasattr(page, "transaction_details") and not getattr(page, "total_pages", 0), page


def balances_are_read():
    balances = PAYPAL.transaction_search.search_balances({}).body
    assert {b.currency for b in balances.balances} == {"USD", "EUR", "GBP", "JPY"}, balances
    assert all(b.total_balance.currency_code == b.currency for b in balances.balances)


def pages_of(call, key, **options):
    number, seen = 1, []
    while True:
        page = call({"page": number, "page_size": 20, **options}).body
        seen += getattr(page, key) or []
        if not any(link.rel == "next" for link in page.links):
            return seen
        number += 1


def plans_and_subscriptions_are_listed_and_read():
    api = PAYPAL.subscriptions
    for key, listing, single in (
        ("plans", api.list_billing_plans, api.get_billing_plan),
        ("subscriptions", api.list_subscriptions, api.get_subscription),
    ):
        seen = [record.id for record in pages_of(listing, key)]
        assert seen == list(reversed(TOLD["ids"][key])), key
        read = single({"id": seen[0]} if key == "subscriptions" else seen[0]).body
        assert read.id == seen[0] and read.status, read
    subscription = api.get_subscription({"id": seen[0]}).body
    assert subscription.billing_info.cycle_executions[0].tenure_type == "REGULAR"
    assert subscription.subscriber.email_address.endswith("@subscriber.example")


def errors_arrive_as_the_library_names_them():
    # The library cannot ask for a token with a wrong secret without saying what came back.
    caught = refused(lambda: client("wrong").oauth_2.fetch_token(), OAuthProviderException)
    assert caught.response_code == 401 and caught.error == "invalid_client", caught
    caught = refused(lambda: search(start_date="2025-01-01T00:00:00Z", end_date="2025-02-02T00:00:00Z"), SearchErrorException)
    assert caught.response_code == 400 and caught.name == "INVALID_REQUEST", caught
    assert caught.details[0].issue == "Date range is greater than 31 days" and caught.debug_id, caught
    caught = refused(lambda: PAYPAL.subscriptions.get_billing_plan("P-NONE"), SubscriptionErrorException)
    assert caught.response_code == 404 and caught.name == "RESOURCE_NOT_FOUND", caught
    control("faults", {"path": "/v1/billing/plans", "fault": {"kind": "rateLimited"}})
    caught = refused(lambda: PAYPAL.subscriptions.list_billing_plans({}), ApiException)
    assert caught.response_code == 429 and "RATE_LIMIT_REACHED" in caught.response.text, caught


def a_webhook_is_verified_with_its_certificate_and_by_paypals_own_check():
    hook = TOLD["webhook"]
    headers, body = hook["headers"], hook["body"].encode()
    with urllib.request.urlopen(headers["paypal-cert-url"]) as answer:
        certificate = x509.load_pem_x509_certificate(answer.read())
    signed = f"{headers['paypal-transmission-id']}|{headers['paypal-transmission-time']}|{hook['id']}|{zlib.crc32(body)}"
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    check = lambda text: certificate.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    check(signed)
    refused(lambda: check(signed + "0"), InvalidSignature)
    token = PAYPAL.oauth_2.fetch_token().access_token
    asked = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": hook["id"],
    }
    for event, status in ((hook["body"], "SUCCESS"), (hook["body"].replace("1.10", "1.20"), "FAILURE")):
        text = json.dumps(asked)[:-1] + f', "webhook_event": {event}}}'
        request = urllib.request.Request(
            f"{TOLD['baseUrl']}/v1/notifications/verify-webhook-signature",
            data=text.encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer) == {"verification_status": status}, status


CHECKS = (
    transactions_are_found_month_by_month,
    balances_are_read,
    plans_and_subscriptions_are_listed_and_read,
    errors_arrive_as_the_library_names_them,
    a_webhook_is_verified_with_its_certificate_and_by_paypals_own_check,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "paypal-server-sdk"))
