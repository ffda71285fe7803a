"""Checks what a receiver was sent with the library that Standard Webhooks publishes for Python.

Reads from standard input {"messages": [{"headers", "body"}], "secrets": [...], "stranger"}: every message is signed by each
of the secrets, and by no stranger. Prints a line per check and ends with 0 when all of them hold.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

from checks import refused, run

TOLD = json.load(sys.stdin)
MESSAGES = TOLD["messages"]


def every_message_is_believed_by_each_secret():
    assert len(MESSAGES) > 1
    for message in MESSAGES:
        for secret in TOLD["secrets"]:
            read = Webhook(secret).verify(message["body"], message["headers"])
            assert read["eventId"] == message["headers"]["webhook-id"], read


def what_was_changed_on_the_way_is_not_believed():
    message, secret = MESSAGES[0], TOLD["secrets"][0]
    changed = message["body"].replace("integration", "integrations", 1)
    refused(lambda: Webhook(secret).verify(changed, message["headers"]), WebhookVerificationError)
    for header in ("webhook-id", "webhook-timestamp"):
        headers = dict(message["headers"])
        headers[header] = headers[header][:-1] + ("0" if headers[header][-1] != "0" else "1")
        refused(lambda: Webhook(secret).verify(message["body"], headers), WebhookVerificationError)


def a_stranger_believes_nothing():
    message = MESSAGES[0]
    stranger = Webhook(TOLD["stranger"])
    refused(lambda: stranger.verify(message["body"], message["headers"]), WebhookVerificationError)


if __name__ == "__main__":
    sys.exit(
        run(
            [
                every_message_is_believed_by_each_secret,
                what_was_changed_on_the_way_is_not_believed,
                a_stranger_believes_nothing,
            ],
            "Standard Webhooks' library for Python",
        )
    )
