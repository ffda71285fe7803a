"""Validates a sandbox's QuickBooks records against Intuit's own XML schemas.

Intuit publishes no schema of its JSON. Its JSON has the names and types of its XML, so a record is written as XML in the
order the schema wants, and validated. Reads {"baseUrl", "credentials", "ids", "schemas"} from standard input.
"""

import gzip
import json
import shutil
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import requests
import xmlschema

from checks import run

TOLD = json.load(sys.stdin)
NAMESPACE = "{http://schema.intuit.com/finance/v3}"
# Everything Intuit publishes, as one schema: elements in one file, their types in others.
WHOLE = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://schema.intuit.com/finance/v3">
  <xs:include schemaLocation="Finance.xsd"/>
  <xs:include schemaLocation="Report.xsd"/>
  <xs:include schemaLocation="SalesTax.xsd"/>
  <xs:include schemaLocation="IntuitRestServiceDef.xsd"/>
</xs:schema>"""


def published():
    """The schemas, unpacked where one can include another."""
    with tempfile.TemporaryDirectory() as folder:
        for path in Path(TOLD["schemas"]).iterdir():
            if path.suffix == ".gz":
                with gzip.open(path) as packed, open(Path(folder) / path.stem, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            elif path.suffix == ".xsd":
                shutil.copy(path, folder)
        whole = Path(folder) / "whole.xsd"
        whole.write_text(WHOLE, encoding="utf-8")
        return xmlschema.XMLSchema(str(whole))


SCHEMA = published()


def get(path, **parameters):
    answer = requests.get(
        f"{TOLD['baseUrl']}/v3/company/{TOLD['credentials']['realmId']}/{path}",
        params=parameters,
        headers={"Authorization": f"Bearer {TOLD['credentials']['accessToken']}", "Accept": "application/json"},
        timeout=10,
    )
    answer.raise_for_status()
    return json.loads(answer.text, parse_float=Decimal)


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def element(name, value, kind):
    """A JSON value as an element of this type, its children in the type's order."""
    made = ElementTree.Element(NAMESPACE + name)
    if not isinstance(value, dict):
        made.text = text(value)
        return made
    if "value" in value and kind.has_simple_content():
        made.text = text(value["value"])
        made.attrib.update({key: text(part) for key, part in value.items() if key != "value"})
        return made
    children = [child for child in kind.content.iter_elements() if child.name]
    kinds = {child.local_name: child.type for child in children}
    order = list(kinds)
    for key, part in value.items():
        if key in kind.attributes:
            made.set(key, text(part))
        elif key not in kinds:
            raise AssertionError(f"{name}.{key} is no element of {kind.name}")
    for key in sorted((key for key in value if key in kinds), key=order.index):
        parts = value[key] if isinstance(value[key], list) else [value[key]]
        made.extend(element(key, part, kinds[key]) for part in parts)
    return made


def assert_valid(name, value):
    made = element(name, value, SCHEMA.maps.elements[NAMESPACE + name].type)
    error = next(SCHEMA.iter_errors(made), None)
    assert error is None, f"{name} {value.get('Id')}: {error.reason} at {error.path}"


def every_record_is_valid():
    for name, ids in TOLD["ids"].items():
        records = get("query", query=f"SELECT * FROM {name} MAXRESULTS 1000")["QueryResponse"][name]
        assert len(records) == len(ids), name
        for record in records:
            assert_valid(name, record)


def the_company_is_valid():
    assert_valid("CompanyInfo", get(f"companyinfo/{TOLD['credentials']['realmId']}")["CompanyInfo"])


def reports_are_valid():
    for name in ("ProfitAndLoss", "BalanceSheet", "CashFlow"):
        assert_valid("Report", get(f"reports/{name}", start_date="2025-01-01", end_date="2025-12-31"))


CHECKS = (every_record_is_valid, the_company_is_valid, reports_are_valid)

if __name__ == "__main__":
    sys.exit(run(CHECKS, "Intuit's schemas"))
