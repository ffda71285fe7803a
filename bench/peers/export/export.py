"""Writes the measurement's records to a file, out of the same jsonb: with DuckDB or with pandas.

    export.py duckdb|pandas CSV|NDJSON|PARQUET POSTGRES_URL FILE

Postgres is asked for typed columns, so that each format gets numbers and times as such. DuckDB does the rest by itself;
pandas takes them from a server-side cursor, 50,000 rows at a time. The last line of its output is its greatest resident memory
in KiB.
"""

import resource
import sys

TYPES = {
    "numeric(38, 20)": ["amount", "balance", "score"],
    "bigint": ["count"],
    "boolean": ["flag"],
    "date": ["day"],
    "timestamptz": ["createdAt", "updatedAt"],
}
FIELDS = (
    "id account address amount balance city count country createdAt currency day description email flag name note phone "
    "score status updatedAt"
).split()
ROWS = 50_000


def select() -> str:
    types = {name: kind for kind, names in TYPES.items() for name in names}
    columns = [f"(payload ->> '{name}')::{types.get(name, 'text')} AS \"{name}\"" for name in FIELDS]
    return f"SELECT {', '.join(columns)} FROM records WHERE deleted_at IS NULL"


def duckdb(form: str, postgres: str, file: str) -> None:
    import duckdb
    from duckdb_extensions import import_extension

    import_extension("postgres_scanner")
    base = duckdb.connect()
    base.execute("LOAD postgres_scanner")
    base.execute(f"ATTACH '{postgres}' AS rail (TYPE postgres, READ_ONLY)")
    options = {"CSV": "FORMAT csv", "NDJSON": "FORMAT json", "PARQUET": "FORMAT parquet, COMPRESSION zstd"}[form]
    query = select().replace("'", "''")
    base.execute(f"COPY (SELECT * FROM postgres_query('rail', '{query}')) TO '{file}' ({options})")


def pandas(form: str, postgres: str, file: str) -> None:
    import pandas
    import pyarrow
    import pyarrow.parquet
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres.replace("postgres://", "postgresql+psycopg2://"))
    writer = None
    with engine.connect().execution_options(stream_results=True, max_row_buffer=ROWS) as connection, open(file, "wb") as out:
        for frame in pandas.read_sql(sqlalchemy.text(select()), connection, chunksize=ROWS):
            if form == "CSV":
                frame.to_csv(out, index=False, header=out.tell() == 0)
            elif form == "NDJSON":
                frame.to_json(out, orient="records", lines=True, date_format="iso")
            else:
                table = pyarrow.Table.from_pandas(frame, schema=writer and writer.schema, preserve_index=False)
                writer = writer or pyarrow.parquet.ParquetWriter(out, schema(table), compression="zstd")
                writer.write_table(table.cast(writer.schema))
        if writer:
            writer.close()


def schema(table):
    """What of a first piece is the same for all pieces."""
    import pyarrow

    fields = [
        field.with_type(pyarrow.decimal128(38, 20)) if pyarrow.types.is_decimal(field.type) else field for field in table.schema
    ]
    return pyarrow.schema([field.with_nullable(True) for field in fields])


if __name__ == "__main__":
    peer, *arguments = sys.argv[1:]
    {"duckdb": duckdb, "pandas": pandas}[peer](*arguments)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
