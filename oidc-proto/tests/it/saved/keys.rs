//! The saved forms of DPoP keys, and of the logins that know theirs: what version 1 wrote is still read.

use super::{CALLBACK, CLIENT, ISSUER, NOW, load, save};
use oidc_proto::{
    Moment, UrlPolicy,
    flow::{
        Client, DpopKey, PendingAccess, PendingAuthorization, PendingAuthorizations, PreviousLogin, Seal,
        SealingKeys,
    },
    message::{AccessRequest, AuthorizationRequest},
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::TestProvider;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

const GOLDEN: &str = include_str!("../../../../tests/data/saved/session-keys-v1.txt");
const PLACE: &str = "login";

fn moment(seed: u8) -> Moment {
    Moment::new(NOW, [seed; 32])
}

fn key() -> DpopKey {
    DpopKey::ed25519(moment(1)).unwrap()
}

fn client() -> Client {
    let document = TestProvider::new(ISSUER).metadata().to_string();
    let policy = UrlPolicy::default();
    let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy);
    let client = Client::builder(metadata.unwrap(), CLIENT).redirect_uri(CALLBACK).build().unwrap();
    client.with_dpop_key(&key()).unwrap()
}

fn pending(seed: u8) -> PendingAuthorization {
    client().authorize(&AuthorizationRequest::new(["profile"]), moment(seed)).unwrap().1
}

fn previous() -> PreviousLogin {
    let text = include_str!("../../../../tests/data/saved/previous-login-v1.json");
    let mut saved: serde_json::Value = serde_json::from_str(text).unwrap();
    saved["jkt"] = key().thumbprint().into();
    serde_json::from_value(saved).unwrap()
}

/// Checks one line with the JSON of a state, and one with its sealed form, as far as a kind has both.
struct Lines<'t>(Vec<&'t str>, Vec<String>);

impl Lines<'_> {
    fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, state: &T) {
        let text = save(state);
        if let Some(golden) = self.0.get(self.1.len()) {
            assert_eq!(&serde_json::from_str::<T>(golden).unwrap(), state);
        }
        self.1.push(text);
    }

    fn sealed<T: Seal + PartialEq + Debug>(&mut self, state: &T) {
        let keys = SealingKeys::new(1, &[0x5A; 32]);
        if let Some(golden) = self.0.get(self.1.len()) {
            assert_eq!(&keys.open::<T>(golden, PLACE).unwrap(), state);
        }
        self.1.push(keys.seal(state, PLACE, moment(2)).unwrap());
    }
}

#[test]
fn keys_and_the_logins_that_know_theirs_are_still_read() {
    let mut lines = Lines(GOLDEN.lines().collect(), Vec::new());
    lines.json(&key());
    lines.sealed(&key());
    lines.json(&pending(3));
    lines.sealed(&pending(3));
    let mut open = PendingAuthorizations::new();
    open.add(pending(3), NOW);
    open.add(load(super::PENDING).unwrap(), NOW);
    lines.sealed(&open);
    let access: PendingAccess = client().authorize_access(&AccessRequest::new(["a"]), moment(4)).unwrap().1;
    lines.json(&access);
    lines.sealed(&access);
    lines.json(&previous());
    lines.sealed(&previous());
    let written = lines.1.join("\n") + "\n";
    assert_eq!(written, GOLDEN, "the form has changed: raise its version");
}

/// What is cut off or damaged in a cookie is refused whole.
#[test]
fn a_damaged_cookie_of_bound_logins_is_refused_whole() {
    let keys = SealingKeys::new(1, &[0x5A; 32]);
    for logins in 1..4 {
        let mut open = PendingAuthorizations::new();
        (0..logins).for_each(|seed| drop(open.add(pending(seed + 10), NOW)));
        let sealed = keys.seal(&open, PLACE, moment(2)).unwrap();
        assert_eq!(keys.open::<PendingAuthorizations>(&sealed, PLACE).as_ref(), Ok(&open));
        for at in (0..sealed.len()).step_by(7) {
            let mut odd = sealed.clone();
            odd.replace_range(at..=at, if sealed.get(at..=at) == Some("A") { "B" } else { "A" });
            assert!(keys.open::<PendingAuthorizations>(&odd, PLACE).is_err(), "{at}");
            assert!(keys.open::<PendingAuthorizations>(&sealed[..at], PLACE).is_err(), "{at}");
        }
    }
}
