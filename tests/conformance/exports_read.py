"""Reads the files of exports with readers that know nothing of the rail, and complains about what they lost.

Reads {"folder", "entity", "records": [text of JSON]} from standard input; the folder holds one file of each kind.
"""

import csv
import datetime
import gzip
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as etree
from decimal import Decimal

import pyarrow
import pyarrow.parquet
import xmlschema

from checks import run

TOLD = json.load(sys.stdin)
FOLDER = pathlib.Path(TOLD["folder"])
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def exact(text):
    """JSON with every digit."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


RECORDS = {record["id"]: record for record in map(exact, TOLD["records"])}
FIELDS = sorted({name for record in RECORDS.values() for name in record})


def file(name):
    [found] = FOLDER.glob(f"{name}/{TOLD['entity']}-run_*")
    return found


def same(found, record_id, name=""):
    expected = RECORDS[record_id]
    assert found == expected, f"{name} {record_id}: {found!r} is not {expected!r}"


def check_all(records, name=""):
    assert len(records) == len(RECORDS), f"{len(records)} of {len(RECORDS)} records"
    for record in records:
        same(record, record["id"], name)


def is_cell(cell, value):
    """Whether a cell of CSV says this value."""
    if value is None:
        return cell == ""
    if isinstance(value, bool):
        return cell == str(value).lower()
    if isinstance(value, Decimal):
        return Decimal(cell) == value
    if isinstance(value, str):
        return cell == value
    return exact(cell) == value


def rows(path):
    text = gzip.open(path, "rt", encoding="utf-8", newline="") if path.suffix == ".gz" else path.open(encoding="utf-8", newline="")
    csv.field_size_limit(1 << 24)
    reader = csv.reader(text, strict=True)
    header = next(reader)
    assert len(set(header)) == len(header), header
    return header, [dict(zip(header, row, strict=True)) for row in reader]


def csv_holds_each_field_as_a_cell():
    for name in ["csv", "csv-gzip"]:
        header, found = rows(file(name))
        assert sorted(header) == FIELDS and header[0] == "id", header
        assert len(found) == len(RECORDS)
        for row in found:
            record = RECORDS[row["id"]]
            for column, cell in row.items():
                assert is_cell(cell, record.get(column)), (row["id"], column, cell)


def csv_with_a_raw_column_tells_null_from_absent():
    header, found = rows(file("csv-raw"))
    assert header[-1] == "_raw", header
    check_all([exact(row["_raw"]) for row in found])


def flattened_csv_has_a_column_for_each_leaf():
    header, found = rows(file("csv-flattened"))

    def leaves(value, path):
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                name = name.replace("\\", "\\\\").replace(".", "\\.")
                yield from leaves(inner, [*path, name])
        else:
            yield ".".join(path), value

    expected = {record_id: dict(leaves(record, [])) for record_id, record in RECORDS.items()}
    assert set(header) == {name for record in expected.values() for name in record}
    for row in found:
        for column, cell in row.items():
            value = expected[row["id"]].get(column)
            assert is_cell(cell, value), (row["id"], column, cell, value)


def json_is_one_array():
    check_all(exact(file("json").read_text(encoding="utf-8")))


def ndjson_is_an_object_a_line():
    plain = file("ndjson").read_bytes()
    with pyarrow.CompressedInputStream(str(file("ndjson-zstd")), "zstd") as packed:
        assert packed.read() == plain
    lines = plain.decode().split("\n")
    assert lines.pop() == ""
    check_all([exact(line) for line in lines])


def unescaped(text):
    return re.sub(r"_x([0-9A-F]{4}|[0-9A-F]{8})_", lambda found: chr(int(found[1], 16)), text or "")


def name_of(tag):
    return "" if tag == "_x_" else unescaped(tag)


def value_of(element):
    if element.get(XSI + "nil") == "true":
        return None
    kind = element.get("type")
    if kind == "object":
        return {name_of(child.tag): value_of(child) for child in element}
    if kind == "array":
        return [value_of(child) for child in element]
    text = element.text
    if kind == "number":
        return Decimal(text)
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    assert kind is None, kind
    return unescaped(text)


def xml_says_the_same_as_the_json():
    [path] = FOLDER.glob(f"xml/{TOLD['entity']}-run_*.xml")
    root = etree.parse(path).getroot()
    assert (root.tag, root.get("entity")) == ("records", TOLD["entity"])
    records = []
    for element in root:
        record = {name_of(child.tag): value_of(child) for child in element}
        assert unescaped(element.get("id")) == record["id"]
        records.append(record)
    check_all(records)


def xml_is_valid_by_the_schema_beside_it():
    [path] = FOLDER.glob(f"xml/{TOLD['entity']}-run_*.xml")
    [schema] = FOLDER.glob(f"xml/{TOLD['entity']}-run_*.xsd")
    schema = xmlschema.XMLSchema10(schema)
    schema.validate(path)
    wrong = path.read_text(encoding="utf-8").replace("<record ", "<record wrong='1' ", 1)
    assert not schema.is_valid(wrong), "the schema takes anything"


def cell_of(value, kind):
    """A value of JSON as a column of this type holds it."""
    if value is None:
        return None
    if pyarrow.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if pyarrow.types.is_date(kind):
        return datetime.date.fromisoformat(value)
    return value


def parquet_has_typed_columns():
    table = pyarrow.parquet.read_table(file("parquet"))
    types = {name: table.schema.field(name).type for name in table.schema.names}
    assert table.schema.names[0] == "id" and sorted(types) == FIELDS, table.schema
    assert types["count"] == pyarrow.int64(), types
    assert pyarrow.types.is_decimal(types["amount"]), types
    assert types["paid"] == pyarrow.bool_(), types
    assert pyarrow.types.is_date(types["day"]), types
    assert pyarrow.types.is_timestamp(types["at"]) and types["at"].tz == "UTC", types
    for row in table.to_pylist():
        record = RECORDS[row["id"]]
        for column, cell in row.items():
            value = cell_of(record.get(column), types[column])
            if column in TOLD["json"]:
                cell = None if cell is None else exact(cell)
            elif isinstance(cell, str) and isinstance(value, (bool, Decimal)):
                # A column that holds texts too.
                cell = exact(cell)
            assert cell == value, (row["id"], column, cell, value)


def parquet_with_a_raw_column_loses_nothing():
    table = pyarrow.parquet.read_table(file("parquet-raw"))
    assert table.schema.names[-1] == "_raw", table.schema
    check_all([exact(row["_raw"]) for row in table.to_pylist()])


def every_manifest_says_what_is_there():
    import hashlib

    manifests = sorted(FOLDER.glob("*/manifest-run_*.json"))
    assert len(manifests) == len(list(FOLDER.iterdir())), manifests
    for manifest in manifests:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        [listed] = told["files"]
        path = pathlib.Path(listed["location"])
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == listed["sha256"], path
        assert (len(content), len(RECORDS)) == (listed["bytes"], listed["rows"]), listed
        assert listed["schema"][0]["name"] == "id", listed["schema"]


if __name__ == "__main__":
    checks = [
        csv_holds_each_field_as_a_cell,
        csv_with_a_raw_column_tells_null_from_absent,
        flattened_csv_has_a_column_for_each_leaf,
        json_is_one_array,
        ndjson_is_an_object_a_line,
        xml_says_the_same_as_the_json,
        xml_is_valid_by_the_schema_beside_it,
        parquet_has_typed_columns,
        parquet_with_a_raw_column_loses_nothing,
        every_manifest_says_what_is_there,
    ]
    sys.exit(run(checks, f"Python {sys.version_info.major}.{sys.version_info.minor}, pyarrow {pyarrow.__version__}"))
