//! The XML of listings.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::Listed;

/// The objects of a page, and where the next one is.
type Page = (Vec<Listed>, Option<String>);

/// What is wrong with a listing, in words that follow "the listing".
type Wrong = String;

/// An object of which not everything was said yet. What is not said is not guessed: one of no size would pass for empty,
/// and its rows for deleted.
#[derive(Default)]
struct Described {
    key: Option<String>,
    etag: String,
    size: Option<u64>,
    last_modified: Option<DateTime<Utc>>,
    also: Vec<(&'static str, String)>,
}

impl Described {
    fn listed(self) -> Result<Listed, Wrong> {
        let lacks = |what: &str| format!("lacks {what} of an object");
        Ok(Listed {
            key: self.key.ok_or_else(|| lacks("the name"))?,
            etag: self.etag,
            size: self.size.ok_or_else(|| lacks("the size"))?,
            last_modified: self.last_modified.ok_or_else(|| lacks("the time"))?,
            also: self.also,
        })
    }
}

/// Of `ListObjectsV2`, asked for what comes after the key `from`. The next page begins after the last key of this one,
/// which is right only where keys come in their order: that is checked.
pub(super) fn of_s3(xml: &[u8], from: Option<&str>) -> Result<Page, Wrong> {
    let (mut objects, mut object) = (Vec::new(), Described::default());
    let (mut is_truncated, mut is_encoded) = (None, false);
    leaves(xml, "ListBucketResult", "Contents", |leaf| {
        match (leaf.within, leaf.name) {
            (true, "") => objects.push(std::mem::take(&mut object).listed()?),
            (true, "Key") => object.key = Some(leaf.text),
            (true, "ETag") => object.etag = leaf.text,
            (true, "Size") => object.size = Some(number(&leaf.text)?),
            (true, "LastModified") => object.last_modified = Some(rfc3339(&leaf.text)?),
            (true, "StorageClass") => object.also.push(("storageClass", leaf.text)),
            (false, "IsTruncated") => is_truncated = Some(leaf.text == "true"),
            (false, "EncodingType") => is_encoded = leaf.text == "url",
            _ => {}
        }
        Ok(())
    })?;
    // Wherever the line about it stands, it is about all keys.
    if is_encoded {
        for object in &mut objects {
            object.key = decoded(&object.key.replace('+', "%20"))?;
        }
    }
    let keys = objects.iter().map(|object| object.key.as_str());
    if !from.into_iter().chain(keys).is_sorted_by(|a, b| a < b) {
        return Err("is not in the order of names".to_owned());
    }
    let next = match is_truncated {
        None => return Err("does not say whether there is more".to_owned()),
        Some(false) => None,
        Some(true) => {
            let last = objects.last().map(|object| object.key.clone());
            Some(last.ok_or("promises more after a page without objects")?)
        }
    };
    Ok((objects, next))
}

/// Of `List Blobs`. The next page is where the marker says; a page may be empty and have one.
pub(super) fn of_azure(xml: &[u8]) -> Result<Page, Wrong> {
    let (mut objects, mut object) = (Vec::new(), Described::default());
    let mut next = None;
    leaves(xml, "EnumerationResults", "Blob", |leaf| {
        match (leaf.within, leaf.name) {
            (true, "") => objects.push(std::mem::take(&mut object).listed()?),
            (true, "Name") if leaf.is_encoded => object.key = Some(decoded(&leaf.text)?),
            (true, "Name") => object.key = Some(leaf.text),
            (true, "Etag") => object.etag = quoted(leaf.text),
            (true, "Content-Length") => object.size = Some(number(&leaf.text)?),
            (true, "Last-Modified") => {
                let time = http_date(&leaf.text).ok_or("holds a time that is none")?;
                object.last_modified = Some(time);
            }
            (true, name) if !leaf.text.is_empty() => {
                let known = ALSO.iter().find(|(theirs, _)| *theirs == name);
                object
                    .also
                    .extend(known.map(|(_, ours)| (*ours, leaf.text)));
            }
            (false, "NextMarker") => next = Some(leaf.text),
            _ => {}
        }
        Ok(())
    })?;
    let next = next.ok_or("does not say whether there is more")?;
    Ok((objects, Some(next).filter(|next| !next.is_empty())))
}

/// Whether an answer has this root, and its end.
pub(in crate::blobs) fn is_whole(xml: &[u8], root: &str) -> bool {
    said(xml, root, "").is_ok()
}

/// What another answer of this root says under a name; `None` where it does not.
pub(in crate::blobs) fn said(xml: &[u8], root: &str, name: &str) -> Result<Option<String>, Wrong> {
    let mut said = None;
    leaves(xml, root, "", |leaf| {
        if leaf.name == name {
            said = Some(leaf.text);
        }
        Ok(())
    })?;
    Ok(said)
}

/// As headers write it: listings leave the quotes out.
fn quoted(etag: String) -> String {
    if etag.starts_with('"') {
        etag
    } else {
        format!("\"{etag}\"")
    }
}

/// What else of a blob is kept.
const ALSO: &[(&str, &str)] = &[
    ("Creation-Time", "createdAt"),
    ("BlobType", "blobType"),
    ("Content-Type", "contentType"),
    ("Content-Encoding", "contentEncoding"),
    ("Content-MD5", "contentMd5"),
    ("AccessTier", "accessTier"),
];

/// A piece of text in a listing, or the end of an object (with an empty name).
struct Leaf<'n> {
    name: &'n str,
    text: String,
    is_encoded: bool,
    /// Whether it is about an object.
    within: bool,
}

fn leaves(
    xml: &[u8],
    root: &str,
    object: &str,
    mut see: impl FnMut(Leaf<'_>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let not_xml = || "is not XML".to_owned();
    let xml = std::str::from_utf8(xml).map_err(|_| "is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    // What is there and empty says something too.
    reader.config_mut().expand_empty_elements = true;
    let (mut path, mut text): (Vec<String>, String) = (Vec::new(), String::new());
    let (mut is_encoded, mut within, mut closed) = (false, false, false);
    loop {
        match reader.read_event().map_err(|_| not_xml())? {
            Event::Start(start) => {
                let name = name_of(&start)?;
                if path.is_empty() && name != root {
                    return Err(format!("is no {root}"));
                }
                within |= name == object;
                is_encoded = start
                    .attributes()
                    .flatten()
                    .any(|it| it.key.as_ref() == b"Encoded" && *it.value == *b"true");
                text.clear();
                path.push(name);
            }
            Event::Text(piece) => text.push_str(&piece.decode().map_err(|_| not_xml())?),
            Event::CData(piece) => text.push_str(&piece.decode().map_err(|_| not_xml())?),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => text.push(character),
                _ => {
                    let name = reference.decode().map_err(|_| not_xml())?;
                    text.push_str(resolve_predefined_entity(&name).ok_or_else(not_xml)?);
                }
            },
            Event::End(_) => {
                let name = path.pop().ok_or_else(not_xml)?;
                closed = path.is_empty();
                if name == object {
                    within = false;
                    let text = String::new();
                    see(Leaf {
                        name: "",
                        text,
                        is_encoded: false,
                        within: true,
                    })?;
                } else {
                    let text = std::mem::take(&mut text);
                    see(Leaf {
                        name: &name,
                        text,
                        is_encoded,
                        within,
                    })?;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if closed {
        Ok(())
    } else {
        Err("breaks off".to_owned())
    }
}

fn name_of(start: &BytesStart<'_>) -> Result<String, Wrong> {
    let name = std::str::from_utf8(start.local_name().into_inner());
    name.map(str::to_owned).map_err(|_| "is not XML".to_owned())
}

fn decoded(text: &str) -> Result<String, Wrong> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|_| "holds a name that is not UTF-8".to_owned())
}

fn number(text: &str) -> Result<u64, Wrong> {
    text.trim()
        .parse()
        .map_err(|_| "holds a size that is none".to_owned())
}

fn rfc3339(text: &str) -> Result<DateTime<Utc>, Wrong> {
    text.trim()
        .parse()
        .map_err(|_| "holds a time that is none".to_owned())
}

/// A time as HTTP writes it.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(date.to_utc())
}
