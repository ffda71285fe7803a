"""Signs webhooks with Stripe's official library, sends them to the rail, and compares what it takes with what the library
itself believes.

Reads from standard input {"url", "secret", "sandbox": {"body", "signature"}}; prints a line per check and ends with 0
when all of them hold.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import stripe

from checks import run

TOLD = json.load(sys.stdin)
SIGN = stripe.WebhookSignature


def event(number, name="Jenny"):
    customer = {"id": "cus_1", "object": "customer", "name": name}
    return json.dumps({"id": f"evt_{number}", "object": "event", "type": "customer.updated", "data": {"object": customer}})


def send(body, header):
    """The status and the code of the rail's answer."""
    headers = {"Content-Type": "application/json", **({"Stripe-Signature": header} if header is not None else {})}
    request = urllib.request.Request(TOLD["url"], data=body.encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, None
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["code"]


def believed(body, header):
    try:
        return SIGN.verify_header(body, header, TOLD["secret"], stripe.Webhook.DEFAULT_TOLERANCE)
    except stripe.SignatureVerificationError:
        return False


def both(body, header):
    """What both say of a webhook, which must be the same."""
    status, code = send(body, header)
    taken = status == 200
    assert taken == believed(body, header), (status, code, header)
    assert taken or (status, code) in ((401, "bad-signature"), (400, "stale-webhook")), (status, code)
    return taken


def what_the_library_signs_is_taken():
    for number, name in enumerate(("Jenny", "Ünïcödé", "\u2028", "\U0001f600", "a" * 200_000)):
        body = event(f"signed_{number}", name)
        assert both(body, SIGN.generate_signature_header(body, TOLD["secret"]))


def the_sandbox_signs_as_the_library_does():
    hook = TOLD["sandbox"]
    assert both(hook["body"], hook["signature"])


def several_signatures_in_one_header_are_read_alike():
    body, now = event("several"), int(time.time())
    right = SIGN._compute_signature(f"{now}.{body}", TOLD["secret"])
    wrong = SIGN._compute_signature(f"{now}.{body}", "whsec_another")
    assert both(body, f"t={now},v1={wrong},v1={right}")
    assert both(body, f"t={now},v1={right},v0={wrong}")
    assert both(body, f"v1={right},t={now}")
    for header in (
        f"t={now},v1={wrong}", f"t={now},v0={right}", f"t={now}", f"v1={right}", f"t={now + 1},v1={right}",
        f"t=,v1={right}", "", "t", ",", f"t={now},v1={right[:-2]}", f"t={now},v1={right}00", f"t={now},v1={right.upper()}",
    ):
        assert not both(body, header), header
    assert not both(body, None)


def a_changed_byte_is_noticed_alike():
    body = event("changed")
    header = SIGN.generate_signature_header(body, TOLD["secret"])
    for at in range(len(body)):
        changed = body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1:]
        assert not both(changed, header), at


def what_is_old_is_refused_alike():
    body, now = event("old"), int(time.time())
    for age, taken in ((10, True), (290, True), (310, False), (100_000, False)):
        header = SIGN.generate_signature_header(body, TOLD["secret"], timestamp=now - age)
        assert both(body, header) == taken, age


CHECKS = (
    what_the_library_signs_is_taken,
    the_sandbox_signs_as_the_library_does,
    several_signatures_in_one_header_are_read_alike,
    a_changed_byte_is_noticed_alike,
    what_is_old_is_refused_alike,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, f"stripe {stripe.VERSION}"))
