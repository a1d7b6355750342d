//! The saved forms of DPoP keys, and of the logins that know theirs: what version 1 wrote is still read.

use super::{CALLBACK, CLIENT, ISSUER, NOW, load, save};
use oidc_proto::{
    Moment, UrlPolicy,
    flow::{
        Attempt, Client, ConfigError, DeviceAuthorization, DpopKey, PendingAccess, PendingAuthorization,
        PendingAuthorizations, PreviousLogin, Seal, SealError, SealingKeys,
    },
    message::{AccessRequest, AuthorizationDetail, AuthorizationDetails, AuthorizationRequest},
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

/// The codes of a device that had a key: a public device goes on with the same key, any other one with a key.
#[test]
fn a_device_that_began_with_a_key_goes_on_with_one() {
    let golden = include_str!("../../../../tests/data/saved/device-authorization-v1.json");
    let mut saved: serde_json::Value = serde_json::from_str(golden).unwrap();
    let device =
        |saved: &serde_json::Value| -> DeviceAuthorization { serde_json::from_value(saved.clone()).unwrap() };
    let [issuer, id] = ["issuer", "client_id"].map(|name| saved[name].as_str().unwrap().to_owned());
    let expires = device(&saved).expires_at();
    let at = |seed| Moment::new(expires.plus(-100), [seed; 32]);
    let document = TestProvider::new(&issuer).metadata().to_string();
    let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
    let metadata = ProviderMetadata::parse(document.as_bytes(), &issuer, profile, &policy).unwrap();
    let public = Client::builder(metadata.clone(), &id).build().unwrap();
    let confidential = Client::builder(metadata, &id).secret("its secret").build().unwrap();
    let keyed =
        |client: &Client, seed| client.with_dpop_key(&DpopKey::ed25519(moment(seed)).unwrap()).unwrap();
    for client in [&public, &confidential] {
        assert!(device(&saved).poll(client, None, at(0).now()).is_ok(), "it began without a key, or before");
        assert!(device(&saved).poll(&keyed(client, 1), None, at(0).now()).is_ok());
    }
    saved["jkt"] = key().thumbprint().into();
    for (client, goes_on) in [
        (public.clone(), false),
        (keyed(&public, 1), true),
        (keyed(&public, 2), false),
        (confidential.clone(), false),
        (keyed(&confidential, 1), true),
        (keyed(&confidential, 2), true),
    ] {
        let polled = device(&saved).poll(&client, None, at(0).now()).map(drop);
        let attempted = Attempt::from(&client).poll(device(&saved), None, at(3)).map(drop);
        let expected = if goes_on { Ok(()) } else { Err(ConfigError::OtherDpopKey.into()) };
        assert_eq!((&polled, &attempted), (&expected, &expected));
    }
    for odd in ["", "abc", "with space"] {
        saved["jkt"] = odd.into();
        assert!(serde_json::from_value::<DeviceAuthorization>(saved.clone()).is_err(), "{odd}");
    }
}

/// A browser can always log in: the oldest logins make room for the new one.
#[test]
fn the_new_login_always_has_room_in_the_cookie() {
    let keys = SealingKeys::new(1, &[0x5A; 32]);
    let long = |bytes: usize| format!("https://api.example/{}", "a".repeat(bytes - 20));
    let begin = |seed: u8, resource: &str, details: usize| {
        let mut request = AuthorizationRequest::new(["profile"]);
        if !resource.is_empty() {
            request = request.resource(resource);
        }
        if details > 0 {
            let detail = AuthorizationDetail::new("t");
            let empty = AuthorizationDetails::from(detail.clone().identifier("")).to_json().len();
            request = request.authorization_detail(detail.identifier("i".repeat(details - empty)));
        }
        let moment = Moment::new(NOW.plus(i64::from(seed)), [seed; 32]);
        client().authorize(&request, moment).unwrap().1
    };
    for (resource, details, kept) in
        [(String::new(), 0, 10..=10), (long(60), 120, 3..=9), (long(1_500), 0, 1..=2)]
    {
        let mut open = PendingAuthorizations::new();
        let mut states: Vec<String> = Vec::new();
        for seed in 1..=12 {
            let new = begin(seed, &resource, details);
            states.push(new.state().to_owned());
            let before = open.clone();
            let gone = open.add(new.clone(), NOW.plus(i64::from(seed)));
            let sealed = keys.seal(&open, PLACE, moment(2)).unwrap();
            let mut opened: PendingAuthorizations = keys.open(&sealed, PLACE).unwrap();
            assert_eq!(opened, open);
            assert_eq!(opened.take(new.state()), Some(new), "the new one is there");
            // Those that are left are the newest, and not one fewer than there is room for.
            let mut left = open.clone();
            let newest = states.iter().rev().take(open.len());
            assert!(newest.clone().all(|state| left.take(state).is_some()) && left.is_empty());
            let oldest = states.get(states.len() - 1 - before.len()).filter(|_| open.len() <= before.len());
            assert_eq!(gone.as_ref().map(|gone| gone.state()), oldest.map(String::as_str));
        }
        assert!(kept.contains(&open.len()), "{} of {resource}", open.len());
    }
    // A clock behind the others does not cost the new login its place, and a login that is too large fails alone.
    let mut open = PendingAuthorizations::new();
    (50..60).for_each(|seed| drop(open.add(begin(seed, &long(60), 120), NOW.plus(50))));
    let earlier = begin(1, &long(60), 120);
    open.add(earlier.clone(), NOW.plus(50));
    assert!(keys.seal(&open, PLACE, moment(2)).is_ok() && open.take(earlier.state()).is_some());
    open.add(begin(61, &long(2_000), 1_500), NOW.plus(61));
    assert_eq!(open.len(), 1);
    assert!(matches!(keys.seal(&open, PLACE, moment(2)), Err(SealError::TooLarge { .. })));
}
