# Writes to an object store as it is told, by the vendor's own library. One line of JSON in, one out.
import base64
import datetime
import decimal
import io
import json
import sys
import uuid


class S3:
    def __init__(self, told):
        import boto3
        from botocore.config import Config

        self.bucket = told["bucket"]
        self.client = boto3.client(
            "s3",
            endpoint_url=told["endpoint"],
            region_name="us-east-1",
            aws_access_key_id=told["id"],
            aws_secret_access_key=told["secret"],
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def put(self, key, content):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def get(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def delete(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def list(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [
            {"key": it["Key"], "etag": it["ETag"].strip('"'), "size": it["Size"]}
            for page in pages
            for it in page.get("Contents", [])
        ]


class Azure:
    def __init__(self, told):
        from azure.storage.blob import BlobServiceClient

        self.told = told
        credential = {"account_name": told["id"], "account_key": told["secret"]}
        account = BlobServiceClient(told["endpoint"], credential=credential)
        self.container = account.create_container(told["bucket"])

    def put(self, key, content):
        self.container.upload_blob(key, content, overwrite=True)

    def get(self, key):
        return self.container.download_blob(key).readall()

    def delete(self, key):
        self.container.delete_blob(key)

    def list(self):
        return [
            {"key": it.name, "etag": it.etag.strip('"'), "size": it.size}
            for it in self.container.list_blobs()
        ]

    def sas(self, permissions):
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        return generate_container_sas(
            self.told["id"],
            self.told["bucket"],
            account_key=self.told["secret"],
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
        )


def parquet(rows, group):
    import pyarrow
    import pyarrow.parquet

    def value(it):
        if isinstance(it, dict) and len(it) == 1:
            ((kind, text),) = it.items()
            if kind == "$decimal":
                return decimal.Decimal(text)
            if kind == "$time":
                return datetime.datetime.fromisoformat(text)
            if kind == "$date":
                return datetime.date.fromisoformat(text)
            if kind == "$bytes":
                return base64.b64decode(text)
            if kind == "$nanos":
                return text
            if kind == "$uuid":
                return uuid.UUID(text).bytes
        return it

    types = {"$nanos": pyarrow.timestamp("ns", tz="UTC"), "$uuid": pyarrow.binary(16)}
    types = {
        name: kind
        for name, it in rows[0].items()
        if isinstance(it, dict) and (kind := types.get(next(iter(it))))
    }
    rows = [{name: value(it) for name, it in row.items()} for row in rows]
    out = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows)
    for place, name in enumerate(table.column_names):
        if kind := types.get(name):
            column = table.column(place).combine_chunks().cast(kind)
            if kind == pyarrow.binary(16):
                column = pyarrow.ExtensionArray.from_storage(pyarrow.uuid(), column)
            table = table.set_column(place, name, column)
    pyarrow.parquet.write_table(table, out, row_group_size=group, compression="zstd")
    return out.getvalue()


store = None
for line in sys.stdin:
    told = json.loads(line)
    try:
        done = None
        match told.get("do"):
            case None:
                store = S3(told) if told["kind"] == "s3" else Azure(told)
            case "put":
                store.put(told["key"], base64.b64decode(told["content"]))
            case "get":
                done = base64.b64encode(store.get(told["key"])).decode()
            case "parquet":
                store.put(told["key"], parquet(told["rows"], told["group"]))
            case "delete":
                store.delete(told["key"])
            case "list":
                done = store.list()
            case "sas":
                done = store.sas(told["permissions"])
        answer = {"ok": done}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
