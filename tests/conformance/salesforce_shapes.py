"""Compares a sandbox's descriptions of Salesforce's objects, and its errors, with recorded ones of real orgs.

Reads {"baseUrl", "credentials", "recordings"} from standard input.
"""

import gzip
import json
import re
import sys
from pathlib import Path

import requests
import yaml

from checks import run

TOLD = json.load(sys.stdin)
RECORDINGS = Path(TOLD["recordings"])
# What a field is and what can be done with it. Labels and counts of bytes are each org's own.
FACTS = ("type", "soapType", "length", "precision", "scale", "nillable", "filterable", "sortable", "custom", "referenceTo")
# Differences with a reason.
EXPECTED = {
    ("Lead", "OwnerId", "referenceTo"): "the sandbox has no queues, which could own leads too",
}


def get(path, status=200):
    answer = requests.get(
        f"{TOLD['baseUrl']}/services/data/v59.0/{path}",
        headers={"Authorization": f"Bearer {TOLD['credentials']['accessToken']}"},
        timeout=10,
    )
    assert answer.status_code == status, (path, answer.status_code, answer.text)
    return answer.json()


def recorded(name):
    with gzip.open(RECORDINGS / "cumulusci" / f"{name}.yaml.gz", "rt", encoding="utf-8") as file:
        text = yaml.safe_load(file)["response"]["body"]["string"]
    # Some recordings were folded, in the middle of strings too.
    return json.loads(re.sub(r"\n\s*", "", text))


def fixture(name):
    return json.loads((RECORDINGS / "restforce/spec/fixtures" / name).read_text(encoding="utf-8"))


def fields_are_what_they_are_in_a_real_org():
    for name in ("Account", "Opportunity", "Lead"):
        real = {field["name"]: field for field in recorded(f"GET_sobjects_{name}_describe")["fields"]}
        keys = set(real["Id"])
        for field in get(f"sobjects/{name}/describe")["fields"]:
            assert set(field) == keys, (name, field["name"], set(field) ^ keys)
            if field["custom"]:
                continue
            assert field["name"] in real, f"{name} has no field {field['name']}"
            for fact in FACTS:
                told, truth = field[fact], real[field["name"]][fact]
                excused = (name, field["name"], fact) in EXPECTED
                assert (told == truth) != excused, (name, field["name"], fact, told, truth)
            if field["compoundFieldName"]:
                assert field["compoundFieldName"] == real[field["name"]]["compoundFieldName"], field["name"]


def descriptions_have_the_keys_of_real_ones():
    real = recorded("GET_sobjects_Lead_describe")
    told = get("sobjects/Lead/describe")
    assert set(told) == set(real), set(told) ^ set(real)
    different = {key for key in told if isinstance(told[key], (bool, str)) and told[key] != real[key]}
    assert not different, different
    assert set(told["urls"]) < set(real["urls"])


def the_list_of_objects_has_the_keys_of_a_real_one():
    real, told = recorded("GET_sobjects_Global_describe"), get("sobjects")
    assert set(told) == set(real) and told["maxBatchSize"] == real["maxBatchSize"]
    keys = {frozenset(item) for item in real["sobjects"]}
    assert all(frozenset(item) in keys for item in told["sobjects"]), keys ^ {frozenset(i) for i in told["sobjects"]}
    prefixes = {item["name"]: item["keyPrefix"] for item in real["sobjects"]}
    for item in told["sobjects"]:
        # The recording has lost the prefix of leads.
        assert prefixes.get(item["name"]) in (None, item["keyPrefix"]), item["name"]


def errors_have_the_shape_of_recorded_ones():
    told = get("query?q=SELECT+Foo+FROM+Account", 400)
    assert [set(error) for error in told] == [set(error) for error in fixture("sobject/query_error_response.json")]
    assert told[0]["errorCode"] == "INVALID_FIELD"
    missing = fixture("sobject/sobject_describe_error_response.json")
    assert get("sobjects/Nothing/describe", 404) == missing


def pages_have_the_keys_of_recorded_ones():
    real, told = fixture("sobject/query_success_response.json"), get("query?q=SELECT+Id+FROM+Account+LIMIT+1")
    assert set(told) == set(real), set(told) ^ set(real)
    assert set(told["records"][0]["attributes"]) == set(real["records"][0]["attributes"])
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000"
    assert re.fullmatch(when, real["records"][0]["DateTime_Label"])
    assert re.fullmatch(when, get("query?q=SELECT+CreatedDate+FROM+Account+LIMIT+1")["records"][0]["CreatedDate"])


def deletions_have_the_keys_of_recorded_ones():
    real = fixture("sobject/get_deleted_success_response.json")
    told = get("sobjects/Account/deleted/?start=2026-02-27T00:00:00%2B00:00&end=2026-03-02T00:00:00%2B00:00")
    assert set(told) == set(real) and set(told["deletedRecords"][0]) == set(real["deletedRecords"][0])


CHECKS = (
    fields_are_what_they_are_in_a_real_org,
    descriptions_have_the_keys_of_real_ones,
    the_list_of_objects_has_the_keys_of_a_real_one,
    errors_have_the_shape_of_recorded_ones,
    pages_have_the_keys_of_recorded_ones,
    deletions_have_the_keys_of_recorded_ones,
)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "recordings of real orgs"))
