use super::*;

#[test]
fn the_next_link_is_found_among_others() {
    for (header, expected) in [
        (
            r#"<https://x.example/?p=2>; rel="next""#,
            Some("https://x.example/?p=2"),
        ),
        (
            r#"</?p=1,2>; rel="prev", </?p=3>; title="a"; REL=next"#,
            Some("/?p=3"),
        ),
        (r#"</a>;rel="last next",</b>;rel=first"#, Some("/a")),
        (r#"</a>; rel="nextish""#, None),
        ("<unclosed", None),
        ("", None),
    ] {
        assert_eq!(next_link(header), expected, "{header}");
    }
}

#[test]
fn a_next_url_may_be_relative_but_never_on_another_host() {
    let here = Url::parse("https://api.vendor.example/v1/things?limit=2").unwrap();
    let follow = |target| own_url(&here, target);
    for target in [
        "/v1/things?after=a%20b",
        "?after=a%20b",
        "https://api.vendor.example/v1/things?after=a%20b",
    ] {
        assert_eq!(
            follow(target),
            Ok(Position::Url("/v1/things?after=a%20b".to_owned()))
        );
    }
    for target in [
        "https://evil.example/v1/things",
        "//evil.example/v1/things",
        "http://api.vendor.example/v1/things",
        "https://api.vendor.example:8443/v1/things",
        "https://user@api.vendor.example/v1/things",
        "ftp://api.vendor.example/",
    ] {
        assert_eq!(follow(target), Err(Lost::OtherHost), "{target}");
    }
}
