"""Validates a sandbox's Xero answers against Xero's own OpenAPI description.

Reads {"baseUrl", "credentials", "ids", "schemas"} from standard input. The description says little about what must be
there, so fields that it does not know are complaints too.
"""

import gzip
import json
import sys
from pathlib import Path

import jsonschema
import requests
import yaml

from checks import run

TOLD = json.load(sys.stdin)


def described(name):
    path = Path(TOLD["schemas"]) / name
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


ACCOUNTING = described("xero_accounting.yaml.gz")
IDENTITY = described("xero-identity.yaml")
WEBHOOKS = described("xero-webhooks.yaml")

# What is around every list, and not described with most of them.
UNDESCRIBED = {"Status", "Id", "ProviderName", "DateTimeUTC"}

# What Xero sends beside a date, as recorded answers of it show, and does not describe.
BESIDE_DATES = ("DateString", "DueDateString")


def strict(schema):
    """The schema with every field it does not describe forbidden, and with dates as Xero sends them."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items() if key not in ("example", "externalDocs")}
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if made.get("x-is-msdate") or made.get("x-is-msdate-time"):
        made.pop("format", None)
        made["pattern"] = r"^/Date\(-?\d+(\+0000)?\)/$"
    if "properties" in made and isinstance(made["properties"], dict):
        made.setdefault("additionalProperties", False)
    return made


def complaints(document, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": strict(document["components"])}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["uuid"]))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def get(path, **parameters):
    credentials = TOLD["credentials"]
    headers = {
        "Authorization": f"Bearer {credentials['accessToken']}",
        "Accept": "application/json",
        "xero-tenant-id": credentials["tenantId"],
    }
    answer = requests.get(f"{TOLD['baseUrl']}{path}", params=parameters, headers=headers, timeout=10)
    return answer.json()


def expected(name):
    """Which of those a list has."""
    return {
        "Invoices": BESIDE_DATES, "CreditNotes": BESIDE_DATES[:1], "BankTransactions": BESIDE_DATES[:1]
    }.get(name, ())


def every_list_is_valid():
    for name, ids in TOLD["ids"].items():
        answer = get(f"/api.xro/2.0/{name}", page=1, pageSize=1000)
        assert answer[name], name
        body = {key: value for key, value in answer.items() if key not in UNDESCRIBED}
        for record in body[name]:
            for field in BESIDE_DATES:
                assert (record.pop(field, None) is not None) == (field in expected(name)), (name, field)
        found = complaints(ACCOUNTING, name, body)
        assert not found, (name, found[:5])


def the_organisation_and_the_connection_are_valid():
    organisation = get("/api.xro/2.0/Organisation")
    body = {key: value for key, value in organisation.items() if key not in UNDESCRIBED}
    assert not (found := complaints(ACCOUNTING, "Organisations", body)), found[:5]
    for connection in get("/connections"):
        assert not (found := complaints(IDENTITY, "Connection", connection)), found[:5]


def refusals_are_valid():
    requests.post(
        f"{TOLD['baseUrl']}/_sandbox/faults", json={"fault": {"kind": "status", "status": 400}}, timeout=10
    )
    assert not (found := complaints(ACCOUNTING, "Error", get("/api.xro/2.0/Items"))), found


def webhooks_are_valid():
    body = json.loads(TOLD["webhook"])
    assert not (found := complaints(WEBHOOKS, "WebhookEvent", body)), found


CHECKS = (
    every_list_is_valid,
    the_organisation_and_the_connection_are_valid,
    refusals_are_valid,
    webhooks_are_valid,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "Xero's description"))
