//! What a file is, by its name.

/// The media type of a file as it lies there: of one that is compressed, that of its compression.
#[must_use]
pub fn media_type(key: &str) -> &'static str {
    match key.rsplit_once('.') {
        Some((_, "csv")) => "text/csv; charset=utf-8",
        Some((_, "json")) => "application/json",
        Some((_, "ndjson")) => "application/x-ndjson",
        Some((_, "xml" | "xsd")) => "application/xml",
        Some((_, "parquet")) => "application/vnd.apache.parquet",
        Some((_, "gz")) => "application/gzip",
        Some((_, "zst")) => "application/zstd",
        _ => "application/octet-stream",
    }
}
