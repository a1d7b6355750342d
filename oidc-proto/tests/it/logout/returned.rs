//! The return from a logout (RP-Initiated Logout 1.0 section 3): the `state` is checked, and nothing more is known.

use super::*;
use oidc_proto::{
    Moment, UrlPolicy,
    base::FormError,
    flow::{LogoutError, PendingAuthorization, SealError, SealingKeys},
    message::{LogoutResponse, MAX_CALLBACK},
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::drive::NOW;

const GOLDEN: &str = include_str!("../../../../tests/data/saved/pending-logout-v1.json");

fn client_of(issuer: &str, id: &str) -> Client {
    let document = format!(
        r#"{{"issuer": "{issuer}", "jwks_uri": "{issuer}/jwks", "end_session_endpoint": "{issuer}/out"}}"#
    );
    let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
    let metadata = ProviderMetadata::parse(document.as_bytes(), issuer, profile, &policy).unwrap();
    Client::builder(metadata, id)
        .id_token_signed_response_alg(oidc_proto::jose::Algorithm::RS256)
        .build()
        .unwrap()
}

fn client() -> Client {
    client_of("https://op.example", "app")
}

fn begin(client: &Client, entropy: u8) -> PendingLogout {
    let request = LogoutRequest::new().post_logout_redirect_uri(BACK);
    client.logout(&request, Moment::new(NOW, [entropy; 32])).unwrap().by_url().1.unwrap()
}

#[test]
fn only_the_state_of_this_logout_says_that_its_user_is_back() {
    let client = client();
    let pending = begin(&client, 1);
    let (state, other) = (pending.state().to_owned(), begin(&client, 2).state().to_owned());
    let judged = |query: &str| pending.clone().returned(&client, &LogoutResponse::from_query(query).unwrap());
    for query in [
        String::new(),
        "state=".to_owned(),
        "?state".to_owned(),
        format!("state={other}"),
        format!("state={}", &state[1..]),
        format!("state={state}x"),
        format!("State={state}"),
        format!("code={state}"),
    ] {
        assert_eq!(judged(&query), Err(LogoutError::State), "{query}");
    }
    for query in [format!("state={state}"), format!("?state={state}&more=1"), format!("x=&state={state}&")] {
        assert_eq!(judged(&query), Ok(()), "{query}");
    }
}

#[test]
fn a_return_that_two_readers_could_read_in_two_ways_is_refused() {
    for (query, error) in [
        ("state=a&state=b".to_owned(), FormError::Duplicate),
        ("state=a&st%61te=a".to_owned(), FormError::Duplicate),
        ("state=%ff".to_owned(), FormError::NotUtf8),
        (format!("state={}", "x".repeat(MAX_CALLBACK)), FormError::TooLong),
    ] {
        assert_eq!(LogoutResponse::from_query(&query), Err(error));
        assert_eq!(LogoutResponse::from_url(&format!("/out?{query}#state=c")), Err(error));
    }
    let response = LogoutResponse::from_url("https://app.example/out?state=a&b=c#state=d").unwrap();
    assert_eq!(response.state.as_deref(), Some("a"));
    assert_eq!(response.extra, [("b".to_owned(), Secret::new("c"))]);
    assert_eq!(LogoutResponse::from_url("/out").unwrap(), LogoutResponse::default());
}

#[test]
fn a_logout_belongs_to_one_client_at_one_provider() {
    let pending = begin(&client(), 1);
    let response = LogoutResponse::from_query(&format!("state={}", pending.state())).unwrap();
    for (issuer, id) in
        [("https://op.example", "other"), ("https://other.example", "app"), ("https://op.example/a", "app")]
    {
        let verdict = pending.clone().returned(&client_of(issuer, id), &response);
        assert_eq!(verdict, Err(LogoutError::SavedState), "{issuer} {id}");
    }
    assert_eq!(pending.returned(&client(), &response), Ok(()));
}

#[test]
fn a_pending_logout_is_saved_and_sealed_and_comes_back_whole() {
    let pending = begin(&client(), 1);
    assert_eq!((pending.issuer(), pending.created()), ("https://op.example", NOW));
    let saved = serde_json::to_string(&pending).unwrap();
    assert!(saved.len() < 256, "{saved}");
    assert_eq!(serde_json::from_str::<PendingLogout>(&saved).unwrap(), pending);
    // What the first version has saved.
    assert_eq!(serde_json::from_str::<PendingLogout>(GOLDEN).unwrap(), pending);
    assert_eq!(GOLDEN.trim(), saved);

    let keys = SealingKeys::new(1, &[42; 32]);
    let sealed = keys.seal(&pending, "logout@app.example", Moment::new(NOW, [3; 32])).unwrap();
    assert!(sealed.len() < 512, "{}", sealed.len());
    assert_eq!(keys.open::<PendingLogout>(&sealed, "logout@app.example"), Ok(pending));
    assert_eq!(keys.open::<PendingLogout>(&sealed, "login@app.example"), Err(SealError::Wrong));
    let another_kind = keys.open::<PendingAuthorization>(&sealed, "logout@app.example");
    assert_eq!(another_kind.unwrap_err(), SealError::Wrong);
}

#[test]
fn a_saved_logout_is_read_whole_or_not_at_all() {
    for (member, value) in [
        ("v", Value::from(2)),
        ("v", Value::from(0)),
        ("v", Value::Null),
        ("s", "".into()),
        ("s", "x".repeat(42).into()),
        ("s", "x".repeat(129).into()),
        ("s", format!("{}&", "x".repeat(43)).into()),
        ("i", "".into()),
        ("i", "x".repeat(2049).into()),
        ("i", "https://op.example\n".into()),
        ("c", "".into()),
        ("c", "a\u{202e}b".into()),
        ("c", Value::from(7)),
        ("t", "now".into()),
        ("more", "x".into()),
    ] {
        let mut saved: Value = serde_json::from_str(GOLDEN).unwrap();
        saved[member] = value.clone();
        assert!(serde_json::from_value::<PendingLogout>(saved).is_err(), "{member} {value}");
    }
    for member in ["v", "i", "c", "s", "t"] {
        let mut saved: Value = serde_json::from_str(GOLDEN).unwrap();
        saved.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<PendingLogout>(saved).is_err(), "{member}");
    }
}
