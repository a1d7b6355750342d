//! The provider tells the client that a user has logged out: by the back channel and by the front channel.

mod frontchannel;
mod requests;
mod rules;

use crate::support::*;
use oidc_proto::{
    Secret, Timestamp,
    flow::{Client, ClientBuilder, Discovery},
    jose::{Algorithm, KeySet},
    token::{LogoutToken, VerificationError},
};
use oidc_testkit::{Registration, TestProvider};
use serde_json::{Map, Value};

const SID: &str = "08a5019c-17e1-4977-8f42-65a12843ea02";

/// A provider that has the client `app` with a secret, which signs with this algorithm.
fn provider(algorithm: Algorithm) -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::basic("app", SECRET).id_token_alg(algorithm));
    provider.register(Registration::basic("other", SECRET).id_token_alg(algorithm));
    provider
}

fn client_with(provider: &mut TestProvider, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let metadata = run(provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
    set(Client::builder(metadata, "app").secret(SECRET)).build().unwrap()
}

fn client(provider: &mut TestProvider) -> Client {
    client_with(provider, |builder| builder)
}

fn keys(provider: &TestProvider) -> KeySet {
    KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap()
}

/// The verdict on a logout token of alice and her session that was changed before it was signed.
fn judged_at(
    now: Timestamp,
    alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
) -> Result<LogoutToken, VerificationError> {
    let mut provider = provider(Algorithm::RS256);
    let verifier = client(&mut provider).logout_token_verifier();
    let token = provider.logout_token_with("app", Some("alice"), Some(SID), NOW, alteration);
    verifier.verify(&Secret::new(token), &keys(&provider), now)
}

/// The verdict on a logout token with another claim.
fn with_claim(name: &'static str, value: Value) -> Result<LogoutToken, VerificationError> {
    judged_at(NOW, move |_, claims| {
        claims.insert(name.to_owned(), value.clone());
    })
}
