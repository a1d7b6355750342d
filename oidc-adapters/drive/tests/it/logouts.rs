//! What a logout token ends, ends at all nodes that share a store.

use oidc_drive::{
    blocking::store as threads,
    store::{MemoryStore, Revoked},
};
use oidc_proto::{Secret, Timestamp, jose::KeySet, token::LogoutTokenVerifier};
use oidc_testkit::{Registration, TestProvider};
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";
const DAY: Duration = Duration::from_secs(86_400);

/// Users, their sessions, and when these began, in seconds from the logout.
const SESSIONS: [(&str, &str, i64); 4] =
    [("alice", "a1", -60), ("alice", "a2", -60), ("alice", "a3", 60), ("bob", "b1", -60)];

#[test]
fn a_logout_token_ends_a_session_or_those_that_its_user_began_before() {
    for (sub, sid, ended) in [
        (Some("alice"), Some("a1"), vec!["a1"]),
        (None, Some("b1"), vec!["b1"]),
        (Some("alice"), None, vec!["a1", "a2"]),
        (Some("carol"), None, vec![]),
        // A logout that overtakes the session that it ends.
        (None, Some("a3"), vec!["a3"]),
    ] {
        let mut provider = TestProvider::new(ISSUER);
        provider.register(Registration::public("app"));
        let keys = KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap();
        let token = Secret::new(provider.logout_token("app", sub, sid, NOW));
        let token = LogoutTokenVerifier::new(ISSUER, "app").verify(&token, &keys, NOW).unwrap();

        let store = MemoryStore::new();
        let [here, there] = [store.clone(), store].map(threads::Revocations::new);
        here.revoke(Revoked::from(&token.ends), token.iat, DAY).unwrap();
        let gone = SESSIONS.into_iter().filter(|(sub, sid, began)| {
            let any = [Revoked::Session { iss: ISSUER, sid }, Revoked::Subject { iss: ISSUER, sub }];
            there.is_revoked(&any, NOW.plus(*began)).unwrap()
        });
        assert_eq!(gone.map(|(_, sid, _)| sid).collect::<Vec<_>>(), ended, "{sub:?} {sid:?}");
    }
}
