//! The page that a provider shows in a frame to log a user out (Front-Channel Logout 1.0 section 2).

use super::*;
use oidc_proto::{
    base::FormError,
    flow::{FrontchannelLogoutError, FrontchannelLogoutRequest},
    metadata::{Profile, ProviderMetadata},
};
use serde_json::json;

fn read(query: &str) -> Result<FrontchannelLogoutRequest, FrontchannelLogoutError> {
    FrontchannelLogoutRequest::from_query(query)
}

#[test]
fn a_logout_that_names_a_session_ends_that_session() {
    let mut provider = provider(Algorithm::RS256);
    let client = client(&mut provider);
    for query in [
        "iss=https%3A%2F%2Fop.example%2Ftenant&sid=08a5019c",
        "sid=08a5019c&iss=https://op.example/tenant",
        "page=1&sid=08a5019c&iss=https%3a%2f%2fop.example%2ftenant&lang=de",
    ] {
        let request = read(query).unwrap();
        let ended = request.session(&client).unwrap();
        assert_eq!((ended.iss(), ended.sid(), ended.sub()), (ISSUER, Some("08a5019c"), None), "{query}");
        assert!(ended.include(ISSUER, "alice", Some("08a5019c")));
        assert!(!ended.include(ISSUER, "alice", Some("another")));
        assert_eq!(request.session_if_named(&client), Ok(Some(ended)));
    }
}

#[test]
fn a_query_that_is_not_whole_or_of_another_provider_ends_nothing() {
    let mut provider = provider(Algorithm::RS256);
    let client = client(&mut provider);
    use FrontchannelLogoutError::{Form, Issuer, Missing, Sid};
    for (query, why) in [
        ("sid=08a5019c", Missing("iss")),
        ("sid=", Missing("iss")),
        ("SID=1&sid=1&ISS=https://op.example/tenant", Missing("iss")),
        ("iss=https://op.example/tenant", Missing("sid")),
        ("iss=https://evil.example", Missing("sid")),
        ("iss=", Missing("sid")),
        ("iss=https://op.example/tenant&sid=", Sid),
        ("iss=https://op.example/tenant&sid=a%0ab", Sid),
        ("iss=https://op.example/tenant&sid=a%e2%80%ae", Sid),
        ("iss=https://op.example/tenant&sid=1&sid=2", Form(FormError::Duplicate)),
        ("iss=https://evil.example&iss=https://op.example/tenant&sid=1", Form(FormError::Duplicate)),
        ("iss=https://op.example/tenant&sid=%ff", Form(FormError::NotUtf8)),
    ] {
        assert_eq!(read(query).unwrap_err(), why, "{query}");
    }
    for iss in ["https://evil.example", "https://op.example", "https://op.example/tenant/", ""] {
        let request = read(&format!("iss={iss}&sid=1")).unwrap();
        assert_eq!(request.session(&client), Err(Issuer), "{iss}");
        assert_eq!(request.session_if_named(&client), Err(Issuer), "{iss}");
    }
}

#[test]
fn a_logout_that_names_nothing_is_refused_unless_the_program_takes_it() {
    let mut provider = provider(Algorithm::RS256);
    let client = client(&mut provider);
    for query in ["", "lang=de", "ISS=1&SID=2"] {
        let request = read(query).unwrap();
        assert_eq!(request.session(&client), Err(FrontchannelLogoutError::Missing("sid")), "{query}");
        assert_eq!(request.session_if_named(&client), Ok(None), "{query}");
    }
}

#[test]
fn only_the_provider_may_frame_the_page_and_no_cache_keeps_it() {
    for (issuer, end_session, sources) in [
        ("https://op.example", json!("https://op.example/logout"), "https://op.example"),
        (
            "https://op.example/tenant",
            json!("https://login.example:8443/out?x=1"),
            "https://login.example:8443 https://op.example",
        ),
        ("https://op.example/a", Value::Null, "https://op.example"),
    ] {
        let document = json!({
            "issuer": issuer, "authorization_endpoint": "https://op.example/authorize",
            "token_endpoint": "https://op.example/token", "jwks_uri": "https://op.example/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "end_session_endpoint": end_session,
        });
        let document = document.to_string();
        let metadata =
            ProviderMetadata::parse(document.as_bytes(), issuer, Profile::OpenIdProvider, &policy()).unwrap();
        let headers = FrontchannelLogoutRequest::headers(&metadata);
        assert_eq!(headers["content-security-policy"], format!("frame-ancestors {sources}"));
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers.len(), 2, "no `X-Frame-Options`, which would forbid the frame");
    }
}
