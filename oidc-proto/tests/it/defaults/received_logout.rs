//! What the default settings refuse of the logouts that come in.

use super::{Refusal, Row, row};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Client, FrontchannelLogoutRequest},
    jose::KeySet,
    metadata::{Profile, ProviderMetadata},
    token::LogoutTokenVerifier,
};
use oidc_testkit::{Registration, TestProvider, drive::NOW};
use serde_json::{Map, Value};
use std::time::Duration;

const ISSUER: &str = "https://op.example";

/// A logout token that was changed before it was signed, for a verifier with or without options.
fn sent(
    on: bool,
    options: fn(LogoutTokenVerifier) -> LogoutTokenVerifier,
    change: fn(&mut Map<String, Value>, &mut Map<String, Value>),
) -> Result<(), Refusal> {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::public("app"));
    let default = LogoutTokenVerifier::new(ISSUER, "app");
    let verifier = if on { options(default) } else { default };
    let token = provider.logout_token_with("app", Some("alice"), None, NOW, change);
    let keys = KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap();
    let verdict = verifier.verify(&Secret::new(token), &keys, NOW).map(drop);
    verdict.map_err(|why| Refusal(why.code(), why.to_string()))
}

fn client() -> Client {
    let document = br#"{"issuer": "https://op.example", "response_types_supported": ["code"],
        "authorization_endpoint": "https://op.example/a", "token_endpoint": "https://op.example/t"}"#;
    let profile = Profile::AuthorizationServer;
    let metadata = ProviderMetadata::parse(document, ISSUER, profile, &UrlPolicy::default()).unwrap();
    Client::builder(metadata, "app").build().unwrap()
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("LogoutTokenVerifier::exp_may_be_absent", "`exp`", |on| {
            sent(on, LogoutTokenVerifier::exp_may_be_absent, |_, claims| drop(claims.remove("exp")))
        }),
        row("LogoutTokenVerifier::max_age", "(`iat`)", |on| {
            let longer = |verifier: LogoutTokenVerifier| verifier.max_age(Duration::from_secs(3600));
            sent(on, longer, |_, claims| drop(claims.insert("iat".to_owned(), (NOW.0 - 600).into())))
        }),
        row(
            "FrontchannelLogoutRequest::session_if_named",
            "FrontchannelLogoutRequest::session_if_named`",
            |on| {
                let request = FrontchannelLogoutRequest::from_query("").unwrap();
                let verdict = match on {
                    true => request.session_if_named(&client()).map(drop),
                    false => request.session(&client()).map(drop),
                };
                verdict.map_err(|why| Refusal(why.code(), why.to_string()))
            },
        ),
    ]
}
