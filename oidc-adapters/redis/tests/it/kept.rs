//! What programs keep in a store, over Redis: logins, used messages, revocations.

use crate::server::Server;
use oidc_proto::{
    Timestamp,
    flow::{PendingAuthorization, SealingKeys},
    message::AuthorizationRequest,
    sender::{ReplayAnswer, ReplayKey},
};
use oidc_redis::{
    RedisStore, blocking,
    oidc_drive::{
        blocking::store as threads,
        moment,
        store::{Revocations, Revoked, SavedLogins, SharedReplays, StoreError},
    },
};
use oidc_testkit::Party;
use std::{thread, time::Duration};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn keys() -> SealingKeys {
    SealingKeys::new(1, &[0x5A; 32])
}

fn pending() -> PendingAuthorization {
    let request = AuthorizationRequest::new(["email"]);
    Party::new().client.authorize(&request, moment()).expect("metadata").1
}

#[test]
fn a_login_that_one_node_began_is_ended_once_by_another() {
    let Some(server) = Server::start() else { return };
    for _ in 0..3 {
        let pending = pending();
        let logins = || threads::SavedLogins::new(blocking::RedisStore::open(&server.url()).unwrap(), keys());
        logins().put(pending.state(), &pending, moment()).expect("an answer");
        let taken: Vec<Option<PendingAuthorization>> = thread::scope(|scope| {
            let nodes: Vec<_> =
                (0..8).map(|_| scope.spawn(|| logins().take(pending.state()).unwrap())).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).collect()
        });
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [pending]);
    }
}

#[tokio::test]
async fn a_login_is_sealed_and_opens_only_under_its_state() {
    let Some(server) = Server::start() else { return };
    let (pending, other) = (pending(), pending());
    let store = RedisStore::open(&server.url()).unwrap();
    let logins = SavedLogins::new(store.clone(), keys());
    logins.put(pending.state(), &pending, moment()).await.expect("an answer");
    let mut raw = store_client(&server);
    let name: Vec<String> = redis_command(&mut raw, &["KEYS", "*"]);
    let value: Vec<u8> = redis_command(&mut raw, &["GET", &name[0]]);
    assert_eq!(name.len(), 1);
    let life: i64 = redis_command(&mut raw, &["TTL", &name[0]]);
    assert!((3_500..=3_600).contains(&life), "{life}");
    let saved = serde_json::to_value(&pending).unwrap();
    for secret in [&saved["s"], &saved["n"], &saved["p"]] {
        let secret = secret.as_str().unwrap();
        assert!(
            !name[0].contains(secret) && !value.windows(secret.len()).any(|text| text == secret.as_bytes())
        );
    }
    // Under the name of another login, it does not open.
    logins.put(other.state(), &other, moment()).await.expect("an answer");
    let names: Vec<String> = redis_command(&mut raw, &["KEYS", "*"]);
    let of_other = names.iter().find(|other| **other != name[0]).unwrap();
    let _moved: String = redis_command(&mut raw, &["RENAME", &name[0], of_other]);
    let error = logins.take::<PendingAuthorization>(other.state()).await.unwrap_err();
    assert!(matches!(error, StoreError::Seal(_)), "{error}");
}

fn store_client(server: &Server) -> oidc_redis::redis::Connection {
    oidc_redis::redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn redis_command<T: oidc_redis::redis::FromRedisValue>(
    connection: &mut oidc_redis::redis::Connection,
    words: &[&str],
) -> T {
    let mut command = oidc_redis::redis::cmd(words[0]);
    words[1..].iter().for_each(|word| drop(command.arg(*word).get_packed_command()));
    command.query(connection).unwrap()
}

#[tokio::test]
async fn a_message_is_used_once_among_all_nodes() {
    let Some(server) = Server::start() else { return };
    let node = || SharedReplays::new(RedisStore::open(&server.url()).unwrap());
    let thread = || threads::SharedReplays::new(blocking::RedisStore::open(&server.url()).unwrap());
    for purpose in ["dpop", "client_assertion", "logout_token"] {
        for id in ["1", "2", "3"] {
            // The third has ended, but a node whose clock is behind may still get it.
            let until = if id == "3" { NOW.plus(-30) } else { NOW.plus(90) };
            let message = ReplayKey::new(purpose, "https://op.example", &[id], until);
            assert_eq!(node().first_use(message, NOW).await, Ok(ReplayAnswer::First));
            assert_eq!(node().first_use(message, NOW.plus(-60)).await, Ok(ReplayAnswer::Replayed));
            assert_eq!(thread().first_use(message, NOW), Ok(ReplayAnswer::Replayed));
        }
    }
}

#[tokio::test]
async fn a_logout_at_one_node_ends_the_sessions_at_all() {
    let Some(server) = Server::start() else { return };
    let node = || Revocations::new(RedisStore::open(&server.url()).unwrap());
    let thread = || threads::Revocations::new(blocking::RedisStore::open(&server.url()).unwrap());
    let (iss, day) = ("https://op.example", Duration::from_secs(86_400));
    let (alice, session) = (Revoked::Subject { iss, sub: "alice" }, Revoked::Session { iss, sid: "s" });
    node().revoke(alice, NOW, day).await.expect("an answer");
    thread().revoke(session, NOW, day).expect("an answer");
    // An earlier logout that arrives later changes nothing.
    node().revoke(alice, NOW.plus(-500), day).await.expect("an answer");
    assert_eq!(node().revoked_at(alice).await, Ok(Some(NOW)));
    for (what, began, revoked) in [
        (alice, -100, true),
        (alice, 0, true),
        (alice, 1, false),
        (session, -100, true),
        (session, 100, true),
        (Revoked::Subject { iss, sub: "bob" }, -100, false),
        (Revoked::Subject { iss: "https://other.example", sub: "alice" }, -100, false),
        (Revoked::Session { iss, sid: "alice" }, -100, false),
    ] {
        assert_eq!(node().is_revoked(&[what], NOW.plus(began)).await, Ok(revoked), "{what:?} {began}");
        let bob = Revoked::Subject { iss, sub: "bob" };
        assert_eq!(thread().is_revoked(&[bob, what], NOW.plus(began)), Ok(revoked), "{what:?} {began}");
    }
}
