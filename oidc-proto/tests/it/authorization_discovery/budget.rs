//! How much a discovery asks for and reads: by its limits, and never more.

use super::{
    API, APPENDED, AS, AT_PATH, AT_ROOT, INSERTED, OAUTH, honest, mcp, plain, refused, resource, run, server,
};
use oidc_proto::flow::{Endpoint, MAX_DISCOVERY_BYTES, MAX_DISCOVERY_REQUESTS, MAX_DOCUMENT, ResponseRule};
use oidc_proto::metadata::DiscoveryError;
use oidc_testkit::web::{Page, Web};

/// A network in which every place but the last of each document has a page of this size.
fn pages(size: usize) -> Web {
    let mut web = honest();
    for place in [AT_PATH, OAUTH, INSERTED] {
        web.put(place, Page::html().padded(size));
    }
    web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
    web.put(APPENDED, Page::json(&server(AS)));
    web
}

fn over(requests: usize, bytes: usize) -> ResponseRule {
    ResponseRule::Discovery(DiscoveryError::OverBudget { requests, bytes })
}

#[test]
fn the_limits_are_stated_and_the_longest_way_is_within_them() {
    assert_eq!((MAX_DISCOVERY_REQUESTS, MAX_DISCOVERY_BYTES), (6, 393_216));
    for size in [0, 1000, MAX_DOCUMENT, MAX_DOCUMENT + 1, 10 << 20] {
        let mut web = pages(size);
        assert!(run(&mut web, mcp()).unwrap().is_some(), "pages of {size} bytes");
        assert_eq!(web.urls().len(), 5);
        assert!(web.bytes() <= MAX_DISCOVERY_BYTES, "{}", web.bytes());
    }
}

#[test]
fn no_more_requests_are_sent_than_the_limit_says() {
    for most in 0..5 {
        let mut web = pages(0);
        let error = refused(&mut web, mcp().max_requests(most));
        let most = most.max(1);
        assert_eq!((error.rule, web.urls().len()), (over(most, MAX_DISCOVERY_BYTES), most));
        let asked_last = if most < 2 { Endpoint::ResourceMetadata } else { error.endpoint };
        assert_eq!(error.endpoint, asked_last);
    }
    assert!(run(&mut pages(0), mcp().max_requests(5)).unwrap().is_some());
    assert!(run(&mut honest(), mcp().max_requests(2)).unwrap().is_some(), "an honest resource needs two");
}

#[test]
fn no_more_bytes_are_read_than_the_limit_says() {
    let (document, metadata) = (resource(API, &[AS]).to_string().len(), server(AS).to_string().len());
    for bytes in [1, 2, 10, document, document + 1, document + metadata, document + metadata + 1, 5000] {
        let mut web = honest();
        let ended = run(&mut web, mcp().max_bytes(bytes));
        assert!(web.bytes() <= bytes, "{} of {bytes}", web.bytes());
        match ended {
            // The last byte is that by which a driver sees that a body is too large.
            Ok(found) => assert!(found.is_some() && bytes > document + metadata, "{bytes}"),
            Err(oidc_proto::Error::Response(error)) => {
                assert_eq!(error.rule, over(MAX_DISCOVERY_REQUESTS, bytes), "{bytes}");
                assert!(bytes <= document + metadata, "{bytes}");
            }
            other => panic!("{other:?}"),
        }
    }
    for size in [100, 5_000, 20_000, 70_000] {
        for bytes in [5_000, 30_000, 100_000, 200_000] {
            let mut web = pages(size);
            let ended = run(&mut web, mcp().max_bytes(bytes));
            assert!(web.bytes() <= bytes, "{} of {bytes}", web.bytes());
            let enough = bytes > 3 * size.min(MAX_DOCUMENT + 1) + 1_000;
            assert_eq!(matches!(ended, Ok(Some(_))), enough, "{size} {bytes}: {ended:?}");
        }
    }
}

#[test]
fn one_document_has_a_limit_of_its_own_that_does_not_raise_that_of_all() {
    let large = |bytes: usize| {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&resource(API, &[AS])).padded(bytes));
        web
    };
    assert!(run(&mut large(MAX_DOCUMENT), plain()).unwrap().is_some());
    let error = refused(&mut large(MAX_DOCUMENT + 1), plain());
    assert_eq!(
        (error.rule, &error.urls[..]),
        (ResponseRule::TooLarge { limit: MAX_DOCUMENT }, &[AT_PATH.into()][..])
    );
    assert!(run(&mut large(200_000), plain().max_document(200_000)).unwrap().is_some());
    let mut web = large(500_000);
    let error = refused(&mut web, plain().max_document(500_000));
    assert_eq!(error.rule, over(MAX_DISCOVERY_REQUESTS, MAX_DISCOVERY_BYTES));
    assert!(web.bytes() <= MAX_DISCOVERY_BYTES);
    assert!(run(&mut web, plain().max_document(500_000).max_bytes(600_000)).unwrap().is_some());
    let error = refused(&mut honest(), plain().max_document(20));
    assert_eq!(error.rule, ResponseRule::TooLarge { limit: 20 });
}

/// JSON that is too large may be metadata of something else, so it is not skipped. A page is no metadata, however large.
#[test]
fn a_document_that_is_too_large_ends_the_discovery_and_a_page_does_not() {
    let json = Page::json(&resource(API, &[AS])).padded(MAX_DOCUMENT + 1);
    for (page, goes_on) in [
        (json, false),
        (Page::new(200, "text/plain", "x").padded(MAX_DOCUMENT + 1), false),
        (Page::new(201, "application/json", "x").padded(MAX_DOCUMENT + 1), false),
        (Page::html().padded(MAX_DOCUMENT + 1), true),
        (Page::new(404, "application/json", "x").padded(MAX_DOCUMENT + 1), true),
    ] {
        let mut web = honest();
        web.put(AT_PATH, page);
        web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
        let ended = run(&mut web, mcp());
        assert_eq!(matches!(ended, Ok(Some(_))), goes_on, "{ended:?}");
    }
    let mut web = honest();
    web.put(AT_PATH, Page::html().padded(MAX_DOCUMENT + 1));
    let text = refused(&mut web, plain()).to_string();
    assert!(text.contains("larger than 65536 bytes, and of `text/html`"), "{text}");
}
