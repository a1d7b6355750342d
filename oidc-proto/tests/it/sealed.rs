//! Sealed states: the browser keeps them, and can neither read nor change them.

use oidc_proto::{
    Moment,
    flow::{
        AppState, ClientCredentialsRequest, DeviceAuthorization, MAX_OPEN_LOGINS, MAX_SEALED,
        PENDING_LIFETIME, PendingAuthorization, PendingAuthorizations, PreviousLogin, SavedClientCredentials,
        Seal, SealError, SealingKeys, Step,
    },
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Party, Seed, drive, drive::NOW, hostile};

const AUDIENCE: &str = "__Host-login at app.example";

fn keys() -> SealingKeys {
    SealingKeys::new(7, &[0x5A; 32])
}

fn moment(seed: &mut Seed) -> Moment {
    seed.moment(NOW)
}

/// A login with names as long as real ones.
fn pending(n: usize) -> PendingAuthorization {
    let mut saved: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/saved/pending-v1.json"))
            .expect("a golden file");
    let mut seed = Seed::new(n as u64);
    for token in ["s", "n", "p"] {
        saved[token] = oidc_proto::base::base64url::encode(&seed.bytes32()).into();
    }
    saved["t"] = (NOW.0 + n as i64).into();
    serde_json::from_value(saved).expect("a saved login")
}

fn ten() -> PendingAuthorizations {
    let mut open = PendingAuthorizations::new();
    for n in 0..10 {
        assert_eq!(open.add(pending(n), NOW), None);
    }
    open
}

#[test]
fn ten_open_logins_fit_into_one_cookie_with_room_to_spare() {
    let (open, mut seed) = (ten(), Seed::new(1));
    let sealed = keys().seal(&open, AUDIENCE, moment(&mut seed)).unwrap();
    assert!(sealed.len() < 2_048, "{} bytes", sealed.len());
    assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert_eq!(keys().open::<PendingAuthorizations>(&sealed, AUDIENCE), Ok(open));
    let one = keys().seal(&pending(3), AUDIENCE, moment(&mut seed)).unwrap();
    assert!(one.len() < 512, "{} bytes", one.len());
}

#[test]
fn a_state_that_does_not_fit_is_a_typed_error_with_its_length() {
    let mut saved = serde_json::to_value(pending(1)).unwrap();
    let mut seed = Seed::new(2);
    let mut sized = |padding: usize| {
        // An issuer and a redirect URI of 2 KiB do not fit into one cookie.
        saved["i"] = format!("https://op.example/{}", "x".repeat(1_500)).into();
        saved["r"] = format!("https://app.example/{}", "x".repeat(padding)).into();
        let mut open = PendingAuthorizations::new();
        open.add(serde_json::from_value(saved.clone()).unwrap(), NOW);
        keys().seal(&open, AUDIENCE, moment(&mut seed))
    };
    let longest = (0..2000).rev().step_by(1).find(|padding| sized(*padding).is_ok()).unwrap();
    let fits = sized(longest).unwrap();
    assert!((MAX_SEALED - 4..=MAX_SEALED).contains(&fits.len()), "{}", fits.len());
    let Err(SealError::TooLarge { bytes }) = sized(longest + 1) else { panic!("it is one byte longer") };
    assert!((MAX_SEALED + 1..MAX_SEALED + 4).contains(&bytes), "{bytes}");
}

#[test]
fn a_sealed_state_opens_only_for_its_audience_its_kind_and_its_key() {
    let mut seed = Seed::new(3);
    let state = pending(1);
    let sealed = keys().seal(&state, AUDIENCE, moment(&mut seed)).unwrap();
    assert_eq!(keys().open::<PendingAuthorization>(&sealed, AUDIENCE), Ok(state.clone()));
    assert_eq!(keys().open::<PendingAuthorization>(&sealed, "another"), Err(SealError::Wrong));
    assert_eq!(keys().open::<PendingAuthorizations>(&sealed, AUDIENCE), Err(SealError::Wrong));
    assert_eq!(keys().open::<SavedClientCredentials>(&sealed, AUDIENCE), Err(SealError::Wrong));
    let other = SealingKeys::new(7, &[1; 32]);
    assert_eq!(other.open::<PendingAuthorization>(&sealed, AUDIENCE), Err(SealError::Wrong));
    let again = keys().seal(&state, AUDIENCE, moment(&mut seed)).unwrap();
    assert_ne!(sealed, again, "each sealing has a key of its own");
}

#[test]
fn keys_are_rotated_without_losing_older_states() {
    let mut seed = Seed::new(4);
    let sealed = keys().seal(&pending(1), AUDIENCE, moment(&mut seed)).unwrap();
    let rotated = SealingKeys::new(8, &[9; 32]).previous(7, &[0x5A; 32]);
    assert_eq!(rotated.open(&sealed, AUDIENCE), Ok(pending(1)));
    let newer = rotated.seal(&pending(1), AUDIENCE, moment(&mut seed)).unwrap();
    assert_eq!(keys().open::<PendingAuthorization>(&newer, AUDIENCE), Err(SealError::UnknownKey));
    let dropped = SealingKeys::new(8, &[9; 32]);
    assert_eq!(dropped.open::<PendingAuthorization>(&sealed, AUDIENCE), Err(SealError::UnknownKey));
    assert_eq!(dropped.open(&newer, AUDIENCE), Ok(pending(1)));
    assert_eq!(format!("{rotated:?}"), "[8, 7]", "no key shows");
}

#[test]
fn every_change_and_every_cut_is_detected() {
    let mut seed = Seed::new(5);
    let sealed = keys().seal(&pending(1), AUDIENCE, moment(&mut seed)).unwrap();
    let bytes = oidc_proto::base::base64url::decode(&sealed).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << seed.below(8);
        let why = keys()
            .open::<PendingAuthorization>(&oidc_proto::base::base64url::encode(&changed), AUDIENCE)
            .unwrap_err();
        let expected = match at {
            0 => SealError::Version,
            1 => SealError::UnknownKey,
            _ => SealError::Wrong,
        };
        assert_eq!(why, expected, "byte {at}");
        let cut = oidc_proto::base::base64url::encode(&bytes[..at]);
        assert!(keys().open::<PendingAuthorization>(&cut, AUDIENCE).is_err(), "cut at {at}");
    }
    for text in ["", "A", "AAAA", "not sealed", "é", &"A".repeat(MAX_SEALED + 1), &format!("{sealed}=")] {
        assert_eq!(
            keys().open::<PendingAuthorization>(text, AUDIENCE),
            Err(SealError::NotSealed),
            "{text:.20}"
        );
    }
    for _ in 0..2000 {
        let length = usize::try_from(seed.below(200)).unwrap();
        let noise: Vec<u8> = (0..length).map(|_| seed.below(256) as u8).collect();
        let text = oidc_proto::base::base64url::encode(&noise);
        assert!(keys().open::<PendingAuthorizations>(&text, AUDIENCE).is_err());
    }
}

#[test]
fn logins_of_several_tabs_can_each_be_taken_once_in_any_order() {
    let mut open = ten();
    let states: Vec<String> = (0..10).map(|n| pending(n).state().to_owned()).collect();
    assert_eq!(open.take("no such state"), None);
    for n in [3, 9, 0, 5] {
        assert_eq!(open.take(&states[n]), Some(pending(n)));
        assert_eq!(open.take(&states[n]), None, "once");
    }
    assert_eq!(open.len(), 6);
}

#[test]
fn the_oldest_login_gives_way_and_expired_ones_are_dropped() {
    let mut open = ten();
    assert_eq!(open.add(pending(11), NOW), Some(pending(0)), "the oldest login gives way, and is returned");
    assert_eq!(open.len(), MAX_OPEN_LOGINS);
    // An hour later, all but the two newest logins have expired.
    let later = NOW.after(PENDING_LIFETIME).plus(9);
    assert_eq!(open.add(pending(12), later), None);
    assert_eq!(open.len(), 3, "of 9, 11 and 12");
    assert!(open.take(pending(9).state()).is_some() && open.take(pending(8).state()).is_none());
}

/// The user goes to the provider with the newest login. It must be there when they return.
#[test]
fn the_newest_login_never_gives_way_whatever_the_clock_says() {
    // Ten tabs on a node whose clock is ahead, and one more on a node whose clock is right.
    let mut open = PendingAuthorizations::new();
    for n in 100..110 {
        open.add(pending(n), NOW);
    }
    let new = pending(1);
    assert_eq!(open.add(new.clone(), new.created()), Some(pending(100)), "the oldest of the others");
    assert_eq!((open.len(), open.take(new.state())), (MAX_OPEN_LOGINS, Some(new)));
}

/// A login whose state was sealed into a cookie and opened on another node is the same login.
#[test]
fn a_login_from_a_sealed_cookie_is_the_same_login() {
    for seed in 0..20 {
        let whole = Party::builder().seed(seed).build().login().unwrap();
        let mut party = Party::builder().seed(seed).build();
        let mut cookies = Seed::new(seed);
        let (url, pending) = party.authorize(&AuthorizationRequest::new(["profile", "email"])).unwrap();
        let mut open = PendingAuthorizations::new();
        open.add(pending, party.clock.now());
        let cookie = keys().seal(&open, AUDIENCE, cookies.moment(party.clock.now())).unwrap();
        let query = party.callback_query(&url);
        let response = AuthorizationResponse::from_query(&query).unwrap();
        let mut open: PendingAuthorizations = keys().open(&cookie, AUDIENCE).unwrap();
        let pending = open.take(response.state.as_deref().unwrap()).unwrap();
        assert!(open.is_empty());
        let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        let resumed = drive(call, &mut party.provider, &mut party.clock).unwrap();
        assert_eq!((resumed.id_token.sub, resumed.id_token.nonce.is_some()), (whole.id_token.sub, true));
        party.provider.assert_clean();
    }
}

#[test]
fn saved_grants_and_previous_logins_are_sealed_too() {
    let (mut party, mut seed) = (Party::new(), Seed::new(6));
    let user = party.login().unwrap();
    let previous = PreviousLogin::from(&user.id_token);
    let sealed = keys().seal(&previous, AUDIENCE, moment(&mut seed)).unwrap();
    assert_eq!(keys().open(&sealed, AUDIENCE), Ok(previous));

    party
        .provider
        .alter_response(oidc_testkit::EndpointName::Token, hostile::times(1, hostile::retry_after(5)));
    let call = party
        .client
        .client_credentials(&ClientCredentialsRequest::new(["api"]), Moment::new(NOW, [7; 32]))
        .unwrap();
    let (request, _, waiting) = call.into_parts();
    let response = party.provider.handle(&request, party.clock.now());
    let Step::Wait(pause) = waiting.receive(response, party.clock.moment()).unwrap() else { panic!("busy") };
    let saved = pause.save();
    let sealed = keys().seal(&saved, AUDIENCE, moment(&mut seed)).unwrap();
    let resumed: SavedClientCredentials = keys().open(&sealed, AUDIENCE).unwrap();
    assert_eq!(resumed, saved);
    let pause = party.client.resume_client_credentials(resumed, party.clock.now()).unwrap();
    assert!(drive(pause, &mut party.provider, &mut party.clock).is_ok());
}

/// A state that an application keeps in a cookie.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Session {
    sub: String,
    expires: i64,
}

#[test]
fn a_state_of_the_application_is_sealed_by_the_same_rules() {
    let mut seed = Seed::new(8);
    let session = AppState(Session { sub: "alice \u{1f511}".to_owned(), expires: i64::MAX });
    let sealed = keys().seal(&session, "session", moment(&mut seed)).unwrap();
    assert_eq!(keys().open(&sealed, "session"), Ok(session.clone()));
    assert_eq!(keys().open::<AppState<Session>>(&sealed, AUDIENCE), Err(SealError::Wrong));
    assert_eq!(
        keys().open::<PendingAuthorizations>(&sealed, "session"),
        Err(SealError::Wrong),
        "another kind"
    );
    assert_eq!(
        SealingKeys::new(9, &[1; 32]).open::<AppState<Session>>(&sealed, "session"),
        Err(SealError::UnknownKey)
    );
    let logins = keys().seal(&ten(), "session", moment(&mut seed)).unwrap();
    assert_eq!(keys().open::<AppState<Session>>(&logins, "session"), Err(SealError::Wrong));
    // A state of another form is refused, unless its members match.
    assert_eq!(keys().open::<AppState<Vec<String>>>(&sealed, "session"), Err(SealError::State));
    assert_eq!(format!("{session:?} {:#?}", AppState("alice")), "AppState(..) AppState(..)");
}

#[test]
fn a_state_without_json_or_with_too_much_of_it_is_a_typed_error() {
    let mut seed = Seed::new(9);
    let by_pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(keys().seal(&AppState(by_pairs), "x", moment(&mut seed)), Err(SealError::State));
    let long = AppState("x".repeat(MAX_SEALED));
    assert!(matches!(keys().seal(&long, "x", moment(&mut seed)), Err(SealError::TooLarge { .. })));
}

/// Every later version must open a state that this version sealed, or refuse it with a typed error.
#[test]
fn a_sealed_state_of_version_1_is_still_opened() {
    let golden = include_str!("../../../tests/data/saved/sealed-v1.txt").trim();
    let open: PendingAuthorizations = keys().open(golden, AUDIENCE).unwrap();
    assert_eq!(open, ten());
    let same = keys().seal(&ten(), AUDIENCE, Moment::new(NOW, [1; 32])).unwrap();
    assert_eq!(same, golden, "the form has changed: raise its version");
}

/// The other kinds of states, one in each line. The kind is sealed with the state, so a renamed kind closes
/// all of them.
#[test]
fn each_kind_of_sealed_state_of_version_1_is_still_opened() {
    fn holds<S: Seal + PartialEq + std::fmt::Debug>(state: &S, golden: Option<&str>) {
        let golden = golden.expect("a line for each");
        assert_eq!(keys().open::<S>(golden, AUDIENCE).as_ref(), Ok(state));
        let same = keys().seal(state, AUDIENCE, Moment::new(NOW, [2; 32])).unwrap();
        assert_eq!(same, golden, "the form has changed: raise its version");
    }
    let mut lines = include_str!("../../../tests/data/saved/sealed-kinds-v1.txt").lines();
    holds(&pending(1), lines.next());
    let saved: SavedClientCredentials =
        serde_json::from_str(include_str!("../../../tests/data/saved/client-credentials-v1.json")).unwrap();
    holds(&saved, lines.next());
    let saved: DeviceAuthorization =
        serde_json::from_str(include_str!("../../../tests/data/saved/device-authorization-v1.json")).unwrap();
    holds(&saved, lines.next());
    let previous: PreviousLogin =
        serde_json::from_str(include_str!("../../../tests/data/saved/previous-login-v1.json")).unwrap();
    holds(&previous, lines.next());
    holds(&AppState(Session { sub: "alice".to_owned(), expires: NOW.0 }), lines.next());
    assert_eq!(lines.next(), None);
}
