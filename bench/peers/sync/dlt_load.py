"""Loads the measurement's customers with dlt, twice as a rule: into the same Postgres, in a schema of its own.

    dlt_load.py VENDOR_URL POSTGRES_URL FOLDER

Set up for speed, as far as its documents say how: nested objects stay JSON columns, one file is loaded with COPY, and what is
there is merged by its key with an upsert. The last line of its output is its greatest resident memory in KiB.
"""

import os
import resource
import sys

# Nothing is reported to anybody.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
# Nobody looks at them, and they cost time.
os.environ["EXTRACT__DATA_WRITER__BUFFER_MAX_ITEMS"] = "5000"

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator


def main(vendor: str, postgres: str, folder: str) -> None:
    client = RESTClient(
        base_url=vendor,
        paginator=JSONResponseCursorPaginator(
            cursor_path="data[-1].id", cursor_param="starting_after", has_more_path="has_more"
        ),
        data_selector="data",
    )

    @dlt.resource(
        name="customers",
        primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        max_table_nesting=0,
    )
    def customers():
        yield from client.paginate("/v1/customers", params={"limit": 100})

    pipeline = dlt.pipeline(
        pipeline_name="peer",
        pipelines_dir=folder,
        destination=dlt.destinations.postgres(postgres),
        dataset_name="dlt",
    )
    pipeline.run(customers(), loader_file_format="csv")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(*sys.argv[1:])
