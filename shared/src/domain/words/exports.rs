//! The words of exports.

words!(
    /// The file format of an export.
    ExportFormat {
        /// Comma-separated values.
        Csv = "CSV",
        /// JSON.
        Json = "JSON",
        /// Apache Parquet.
        Parquet = "PARQUET",
        /// XML.
        Xml = "XML",
    }
);
words!(
    /// What happens to objects within a record, in formats of rows.
    #[derive(Default)]
    Nested {
        /// Each is compact JSON in one cell.
        #[default]
        Json = "JSON",
        /// Their members are columns of their own; arrays and empty objects are compact JSON.
        Flattened = "FLATTENED",
    }
);
words!(
    /// How records stand in a file of JSON.
    #[derive(Default)]
    JsonLayout {
        /// One array of all.
        #[default]
        Array = "ARRAY",
        /// One a line, which is called NDJSON.
        Lines = "LINES",
    }
);
words!(
    /// How a file is compressed as a whole.
    #[derive(Default)]
    Packing {
        /// Not at all.
        #[default]
        None = "NONE",
        /// As RFC 1952 says, without a name or a time: the same bytes in, the same bytes out.
        Gzip = "GZIP",
        /// As RFC 8878 says, with a checksum.
        Zstd = "ZSTD",
    }
);
words!(
    /// What becomes of a scheduled run whose time passed while nothing worked.
    MissedRuns {
        /// However many were missed, one is made up for.
        RunOnce = "RUN_ONCE",
        /// None is made up for.
        Skip = "SKIP",
    }
);
words!(
    /// Where the files of an export go.
    DestinationType {
        /// S3 or a store that speaks its protocol.
        S3 = "S3",
        /// Azure Blob Storage.
        AzureBlob = "AZURE_BLOB",
        /// A directory the operator allows.
        Local = "LOCAL",
    }
);
words!(
    /// How often a scheduled export runs.
    Frequency {
        /// Every hour, at the minute of `time`.
        Hourly = "HOURLY",
        /// Every day at `time`.
        Daily = "DAILY",
        /// On `day` (1 is Monday) of every week at `time`.
        Weekly = "WEEKLY",
        /// On `day` of every month (the month's last day when it is shorter) at `time`.
        Monthly = "MONTHLY",
    }
);
