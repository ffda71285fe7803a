//! What is read out of a listing, and what is refused.

use super::*;

#[test]
fn a_name_that_xml_cannot_hold_is_decoded_and_any_other_kept_as_it_is() {
    let s3 = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <Contents><Key>a+b%2Bc%01%25.csv</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
        <ETag>&quot;abc-2&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>\
        <Contents><Key>%C3%A9%20.csv</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
        <ETag>&#34;d&#34;</ETag><Size>0</Size></Contents></ListBucketResult>";
    let (objects, next) = listing::of_s3(s3.as_bytes(), Some("a")).unwrap();
    assert_eq!(objects[0].key, "a b+c\u{1}%.csv");
    assert_eq!(
        (objects[0].etag.as_str(), objects[0].size),
        ("\"abc-2\"", 7)
    );
    assert_eq!(
        objects[0].last_modified.to_rfc3339(),
        "2026-01-02T03:04:05+00:00"
    );
    assert_eq!(objects[0].also, [("storageClass", "STANDARD".to_owned())]);
    assert_eq!(
        (objects[1].key.as_str(), objects[1].etag.as_str()),
        ("é .csv", "\"d\"")
    );
    assert_eq!(
        next.as_deref(),
        Some("é .csv"),
        "as it is asked for, not as it is written"
    );

    let azure = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"x\"><Blobs>\
        <Blob><Name Encoded=\"true\">a%01%25+b</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>\
        <Etag>0x8D</Etag><Content-Length>9</Content-Length><BlobType>BlockBlob</BlobType><Content-MD5 /></Properties></Blob>\
        <Blob><Name>a%01+b &amp; c</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>\
        <Etag>\"0x8E\"</Etag><Content-Length>1</Content-Length></Properties></Blob></Blobs>\
        <NextMarker>2!8!x</NextMarker></EnumerationResults>";
    let (objects, next) = listing::of_azure(azure.as_bytes()).unwrap();
    assert_eq!(objects[0].key, "a\u{1}%+b");
    assert_eq!((objects[0].etag.as_str(), objects[0].size), ("\"0x8D\"", 9));
    assert_eq!(objects[0].also, [("blobType", "BlockBlob".to_owned())]);
    assert_eq!(objects[1].key, "a%01+b & c");
    assert_eq!(next.as_deref(), Some("2!8!x"));
}

#[test]
fn a_listing_that_is_none_never_means_an_empty_bucket() {
    for (xml, says) in [
        ("", "breaks off"),
        ("<html><body>login</body></html>", "is no ListBucketResult"),
        ("{}", "breaks off"),
        (
            "<ListBucketResult><IsTruncated>false</IsTruncated>",
            "breaks off",
        ),
        (
            "<ListBucketResult></ListBucketResult>",
            "whether there is more",
        ),
        (
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "without objects",
        ),
        (
            "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Size>x</Size></Contents></ListBucketResult>",
            "a size",
        ),
    ] {
        let wrong = listing::of_s3(xml.as_bytes(), None).unwrap_err();
        assert!(wrong.contains(says), "{xml}: {wrong}");
    }
    for xml in [
        "<EnumerationResults><Blobs>",
        "<EnumerationResults><Blobs /></EnumerationResults>",
    ] {
        assert!(listing::of_azure(xml.as_bytes()).is_err(), "{xml}");
    }
    let empty =
        listing::of_azure(b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>");
    assert_eq!(empty.unwrap(), (Vec::new(), None));
}

#[test]
fn a_listing_that_does_not_say_all_of_an_object_is_refused() {
    let name = "<Key>a</Key>";
    let time = "<LastModified>2026-01-02T03:04:05Z</LastModified>";
    let size = "<Size>1</Size>";
    let of = |objects: &[String]| {
        let objects: String = objects
            .iter()
            .map(|object| format!("<Contents>{object}</Contents>"))
            .collect();
        let xml = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
        );
        listing::of_s3(xml.as_bytes(), Some("A"))
    };
    assert!(of(&[format!("{name}{time}{size}")]).is_ok());
    for (object, lacks) in [
        (format!("{time}{size}"), "the name"),
        (format!("{name}{size}"), "the time"),
        (format!("{name}{time}"), "the size"),
    ] {
        let wrong = of(&[object]).unwrap_err();
        assert!(wrong.contains(lacks), "{wrong}");
    }
    // The next page begins after the last name of this one: out of order, objects would be passed over.
    let named = |name: &str| format!("<Key>{name}</Key>{time}{size}");
    assert!(of(&[named("a"), named("b")]).is_ok());
    for names in [["b", "a"], ["a", "a"], ["A", "b"]] {
        let wrong = of(&names.map(named)).unwrap_err();
        assert!(wrong.contains("order"), "{names:?}: {wrong}");
    }
}
