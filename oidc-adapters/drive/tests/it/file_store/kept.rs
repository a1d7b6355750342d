//! What programs keep in a store, over files: refreshes, logins, used messages, revocations, tokens.

use super::{Home, LONG, at_once, get, put};
use oidc_drive::{
    blocking::store as threads,
    moment,
    store::{Revocations, Revoked, SavedLogins, SharedReplays, Store, StoreError},
};
use oidc_proto::{
    Timestamp,
    flow::{AppState, PendingAuthorization, SealError, SealingKeys},
    message::AuthorizationRequest,
    sender::{ReplayAnswer, ReplayKey},
};
use oidc_testkit::Party;
use std::fs;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn keys() -> SealingKeys {
    SealingKeys::new(1, &[0x5A; 32])
}

fn pending() -> PendingAuthorization {
    let request = AuthorizationRequest::new(["email"]);
    Party::new().client.authorize(&request, moment()).expect("metadata").1
}

/// A command begins a login, and another run of it ends it.
#[test]
fn a_login_that_one_run_began_is_ended_once_by_another() {
    let home = Home::new();
    for _ in 0..3 {
        let pending = pending();
        let logins = || threads::SavedLogins::new(home.store(), keys());
        logins().put(pending.state(), &pending, moment()).expect("an answer");
        let secrets = serde_json::to_value(&pending).unwrap();
        let content = fs::read(home.file()).unwrap();
        for secret in ["s", "n", "p"].map(|member| secrets[member].as_str().unwrap()) {
            assert!(!content.windows(secret.len()).any(|text| text == secret.as_bytes()), "it is sealed");
        }
        let taken = [(); 3].map(|()| logins().take::<PendingAuthorization>(pending.state()).unwrap());
        assert_eq!(taken, [Some(pending), None, None]);
    }
}

#[test]
fn a_login_is_not_opened_with_a_key_that_was_made_anew() {
    let home = Home::new();
    for id in [1, 2, 3] {
        let pending = pending();
        at_once(SavedLogins::new(home.store(), keys()).put(pending.state(), &pending, moment())).unwrap();
        let other = threads::SavedLogins::new(home.store(), SealingKeys::new(id, &[0xA5; 32]));
        let expected = if id == 1 { SealError::Wrong } else { SealError::UnknownKey };
        let taken = other.take::<PendingAuthorization>(pending.state());
        assert_eq!(taken, Err(StoreError::Seal(expected)));
    }
}

#[test]
fn tokens_of_a_user_are_there_after_a_restart() {
    let home = Home::new();
    for issuer in ["https://one.example", "https://two.example", "http://localhost:8080/realms/x"] {
        let name = format!("tokens:{issuer}");
        let sealed = keys()
            .seal_stored(&AppState(("refresh".to_owned(), issuer.to_owned())), &name, moment())
            .unwrap();
        put(&home.store(), &name, sealed.as_bytes(), LONG);
    }
    for issuer in ["https://one.example", "https://two.example", "http://localhost:8080/realms/x"] {
        let name = format!("tokens:{issuer}");
        let sealed = String::from_utf8(get(&home.store(), &name).value.expect("it is there")).unwrap();
        let AppState((token, of)) = keys().open_stored::<AppState<(String, String)>>(&sealed, &name).unwrap();
        assert_eq!((&*token, &*of), ("refresh", issuer));
    }
}

#[test]
fn a_message_is_used_once_among_all_runs() {
    let home = Home::new();
    for purpose in ["dpop", "client_assertion", "logout_token"] {
        for id in ["1", "2", "3"] {
            let message = ReplayKey::new(purpose, "https://op.example", &[id], NOW.plus(90));
            let first = at_once(SharedReplays::new(home.store()).first_use(message, NOW));
            assert_eq!(first, Ok(ReplayAnswer::First));
            let again = threads::SharedReplays::new(home.store()).first_use(message, NOW);
            assert_eq!(again, Ok(ReplayAnswer::Replayed));
        }
    }
    // A memory that is damaged does not say that a message is new.
    let message = ReplayKey::new("dpop", "https://op.example", &["1"], NOW.plus(90));
    home.files().iter().for_each(|file| fs::write(file, "").unwrap());
    let error = threads::SharedReplays::new(home.store()).first_use(message, NOW).unwrap_err();
    assert_eq!(error.code(), "store_unusable");
}

#[test]
fn a_logout_in_one_run_is_known_in_all() {
    let home = Home::new();
    let (iss, day) = ("https://op.example", std::time::Duration::from_secs(86_400));
    for sub in ["alice", "bob", "carol"] {
        let user = Revoked::Subject { iss, sub };
        assert_eq!(threads::Revocations::new(home.store()).is_revoked(&[user], NOW), Ok(false));
        at_once(Revocations::new(home.store()).revoke(user, NOW, day)).unwrap();
        assert_eq!(threads::Revocations::new(home.store()).is_revoked(&[user], NOW), Ok(true), "{sub}");
    }
}

/// Each method works when it is called, and its future is ready.
#[test]
fn the_store_is_ready_at_once() {
    let home = Home::new();
    let store = home.store();
    let futures = (store.put("a", b"1", LONG), store.compare_and_set("b", None, Some((b"2", LONG))));
    assert_eq!(home.files().len(), 2);
    let ready = (at_once(futures.0), at_once(futures.1), at_once(store.get("a")).unwrap().value);
    assert_eq!(ready, (Ok(()), Ok(None), Some(b"1".to_vec())));
    assert_eq!(at_once(store.take("b")).unwrap().as_deref(), Some(&b"2"[..]));
}
