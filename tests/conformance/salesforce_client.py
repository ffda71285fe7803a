"""Reads a sandbox with simple-salesforce, as a program written for Salesforce would.

Reads from standard input what the sandbox says about itself, as JSON; prints a line per check and ends with 0 when all
of them hold.
"""

import csv
import io
import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import requests
from simple_salesforce import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed, SalesforceExpiredSession, SalesforceMalformedRequest, SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from checks import refused, run

# {"baseUrl", "credentials", "ids": {object: [id, ...]}, "deletedAccount", "now"}
TOLD = json.load(sys.stdin)
CREDENTIALS = TOLD["credentials"]
BASE = urlsplit(TOLD["baseUrl"])


class ToTheSandbox(requests.adapters.HTTPAdapter):
    """The library knows no URL without TLS and only hosts of Salesforce: leads all of them to the sandbox."""

    def send(self, request, **more):
        url = urlsplit(request.url)
        request.url = urlunsplit((BASE.scheme, BASE.netloc, url.path, url.query, ""))
        return super().send(request, **more)


def session():
    made = requests.Session()
    made.mount("https://", ToTheSandbox())
    return made


def client(token=CREDENTIALS["accessToken"], **more):
    return Salesforce(instance_url=CREDENTIALS["instanceUrl"], session_id=token, session=session(), **more)


ORG = client()


def code_of(call, kind=SalesforceMalformedRequest):
    return refused(call, kind).content[0]["errorCode"]


def an_app_that_acts_for_itself_is_let_in():
    org = Salesforce(
        consumer_key=CREDENTIALS["clientId"], consumer_secret=CREDENTIALS["clientSecret"], domain="mine.my", session=session(),
    )
    assert org.sf_instance == BASE.netloc, org.sf_instance
    assert org.query("SELECT COUNT() FROM Account")["totalSize"] == len(TOLD["ids"]["Account"])
    refused(
        lambda: Salesforce(consumer_key="x", consumer_secret="y", domain="mine.my", session=session()),
        SalesforceAuthenticationFailed,
    )


def every_object_is_described_and_read_page_by_page():
    known = {told["name"] for told in ORG.describe()["sobjects"]}
    for name, ids in TOLD["ids"].items():
        assert name in known, name
        fields = [field["name"] for field in getattr(ORG, name).describe()["fields"]]
        soql = f"SELECT {','.join(fields)} FROM {name} ORDER BY SystemModstamp, Id"
        # Archived activities are there, and a plain query leaves them out.
        put_away = f"SELECT Id FROM {name} WHERE IsArchived = true" if "IsArchived" in fields else None
        archived = {row["Id"] for row in ORG.query_all_iter(put_away, include_deleted=True)} if put_away else set()
        assert bool(archived) == (name in ("Task", "Event")), name
        ids = [id for id in ids if id not in archived]
        first = ORG.query(soql, headers={"Sforce-Query-Options": "batchSize=200"})
        assert first["done"] == (len(ids) <= 200) and first["totalSize"] == len(ids), name
        records = list(ORG.query_all_iter(soql, headers={"Sforce-Query-Options": "batchSize=200"}))
        assert sorted(record["Id"] for record in records) == sorted(ids), name
        stamps = [record["SystemModstamp"] for record in records]
        assert stamps == sorted(stamps) and all(stamp.endswith(".000+0000") for stamp in stamps), name
        assert all(set(record) == {"attributes", *fields} for record in records), name


def values_are_quoted_by_the_librarys_own_rules():
    name = next(row["Name"] for row in ORG.query_all_iter("SELECT Name FROM Account") if "'" in row["Name"])
    rows = ORG.query(format_soql("SELECT Id, Name FROM Account WHERE Name = {}", name))["records"]
    assert rows and all(row["Name"].lower() == name.lower() for row in rows), name
    since = datetime(2025, 7, 1, tzinfo=timezone.utc)
    soql = format_soql("SELECT COUNT() FROM Contact WHERE SystemModstamp >= {} AND IsDeleted = {}", since, False)
    assert 0 < ORG.query(soql)["totalSize"] < len(TOLD["ids"]["Contact"])
    ids = TOLD["ids"]["Lead"][:3]
    assert ORG.query(format_soql("SELECT Id FROM Lead WHERE Id IN {ids}", ids=ids))["totalSize"] == 3


def single_records_are_read():
    for name, ids in TOLD["ids"].items():
        assert getattr(ORG, name).get(ids[0])["attributes"]["type"] == name
    refused(lambda: ORG.Account.get(TOLD["deletedAccount"]), SalesforceResourceNotFound)
    refused(lambda: ORG.Account.get("001000000000000"), SalesforceResourceNotFound)


def deletions_are_told_in_two_ways():
    soql = "SELECT Id FROM Account WHERE IsDeleted = true"
    assert ORG.query(soql)["records"] == []
    assert [row["Id"] for row in ORG.query(soql, include_deleted=True)["records"]] == [TOLD["deletedAccount"]]
    now = datetime.fromtimestamp(TOLD["now"], timezone.utc)
    account = SFType("Account", ORG.session_id, ORG.sf_instance, session=session())
    told = account.deleted(now - timedelta(days=2), now + timedelta(days=1))
    assert [row["id"] for row in told["deletedRecords"]] == [TOLD["deletedAccount"]]
    assert told["latestDateCovered"].endswith("+0000")


def money_is_read_as_decimals_with_all_digits():
    org = client(parse_float=Decimal)
    amounts = [row["Amount"] for row in org.query_all_iter("SELECT Amount FROM Opportunity")]
    assert all(isinstance(amount, Decimal) for amount in amounts)
    assert any(amount > 10**7 for amount in amounts), "none is written with an exponent"
    assert all(float(amount) == float(str(amount)) and round(amount, 2) == amount for amount in amounts)


def bulk_jobs_give_the_same_rows_in_files():
    soql = "SELECT Id, Name, Credit_Limit__c, CreatedDate, IsDeleted FROM Account"
    parts = list(ORG.bulk2.Account.query(soql, max_records=100, wait=0))
    assert len(parts) == 3, len(parts)
    rows = [row for part in parts for row in csv.DictReader(io.StringIO(part, newline=""))]
    live = {row["Id"]: row for row in ORG.query_all_iter(soql)}
    assert {row["Id"] for row in rows} == set(live)
    for row in rows:
        same = live[row["Id"]]
        assert row["Name"] == same["Name"] and float(row["Credit_Limit__c"]) == same["Credit_Limit__c"], row
        assert row["CreatedDate"] == same["CreatedDate"].replace("+0000", "Z") and row["IsDeleted"] == "false"
    everything = list(ORG.bulk2.Account.query_all("SELECT Id FROM Account WHERE IsDeleted = true", wait=0))
    assert TOLD["deletedAccount"] in "".join(everything)
    refused(lambda: list(ORG.bulk2.Account.query("SELECT BillingAddress FROM Account")), SalesforceMalformedRequest)


def errors_arrive_as_the_library_names_them():
    assert code_of(lambda: ORG.query("SELECT Foo FROM Account")) == "INVALID_FIELD"
    assert code_of(lambda: ORG.query("SELECT Id FROM Nothing__c")) == "INVALID_TYPE"
    assert code_of(lambda: ORG.query("SELECT Id FROM")) == "MALFORMED_QUERY"
    assert code_of(lambda: ORG.query_more("0r8000000000000AAA-2000")) == "INVALID_QUERY_LOCATOR"
    assert code_of(lambda: client(token="nobody").query("SELECT Id FROM Account"), SalesforceExpiredSession) == "INVALID_SESSION_ID"
    fault = {"path": "/services/data/*", "fault": {"kind": "status", "status": 403}}
    requests.post(f"{TOLD['baseUrl']}/_sandbox/faults", json=fault, timeout=10)
    assert code_of(lambda: ORG.query("SELECT Id FROM Account"), SalesforceRefusedRequest) == "REQUEST_LIMIT_EXCEEDED"


def usage_and_limits_are_read():
    daily = ORG.limits()["DailyApiRequests"]
    usage = ORG.api_usage["api-usage"]
    assert daily["Max"] - daily["Remaining"] == usage.used and usage.total == daily["Max"], (daily, usage)
    assert ORG.oauth2("userinfo")["user_type"] == "STANDARD"


CHECKS = (
    an_app_that_acts_for_itself_is_let_in,
    every_object_is_described_and_read_page_by_page,
    values_are_quoted_by_the_librarys_own_rules,
    single_records_are_read,
    deletions_are_told_in_two_ways,
    money_is_read_as_decimals_with_all_digits,
    bulk_jobs_give_the_same_rows_in_files,
    errors_arrive_as_the_library_names_them,
    usage_and_limits_are_read,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "simple-salesforce"))
