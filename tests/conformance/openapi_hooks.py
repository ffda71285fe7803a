"""What schemathesis cannot know of the rail. openapi.rs gives it this module."""

import hashlib
import hmac
import json
import os
import re
import time
from pathlib import Path

import schemathesis
from schemathesis.core import NotSet

# The key that the calls are made with, and the things whose ids are in the lists.
KEPT = set(os.environ["RAIL_FUZZ_KEPT"].split())
# The connection that can check webhooks.
TOLD = Path("told-connections.dict").read_text().split()[0].strip('"')


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Lines are made of text; what is none is written as such."""
    return value.encode() if isinstance(value, str) else str(value).encode()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document lets answers grow new fields; today they have none that it does not name."""
    close(raw_schema["components"]["schemas"])
    close(raw_schema["paths"])


def close(value):
    if isinstance(value, list):
        for item in value:
            close(item)
    elif isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            value.setdefault("additionalProperties", False)
        for member in value.values():
            close(member)


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is deleted is one of the spare things, or nothing: ids also come from answers, the key's own from its list.

    A webhook is signed, as Stripe signs it, over the bytes that are sent. The document's own example is sent to where it belongs:
    examples do not look into the dictionaries of an operation."""
    if case.operation.path.endswith("/webhooks/{vendor}") and not isinstance(case.body, NotSet):
        if isinstance(case.body, dict) and case.body.get("object") == "event":
            case.path_parameters.update(connectionId=TOLD, vendor="stripe")
        body, now = json.dumps(case.body).encode(), int(time.time())
        secret = os.environ["RAIL_FUZZ_WEBHOOK_SECRET"].encode()
        signature = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        case.headers["Stripe-Signature"] = f"t={now},v1={signature}"
        kwargs["data"] = body
    if case.method.upper() == "DELETE":
        # The last one says what is deleted, those before it where that is.
        for name in re.findall(r"{(\w+)}", case.operation.path)[-1:]:
            value = (case.path_parameters or {}).get(name)
            if value in KEPT:
                prefix, _, rest = value.partition("_")
                case.path_parameters[name] = f"{prefix}_{'0' * len(rest)}"
