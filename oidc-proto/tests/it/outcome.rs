//! What came of a refresh, sealed by one node and adopted by another.

use oidc_proto::{
    Error, Secret, Timestamp,
    flow::{MAX_SEALED, MAX_STORED, PreviousLogin, RefreshOutcome, Refreshed, SealError, SealingKeys},
    message::Quirks,
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, Seed, drive::NOW, hostile};
use serde_json::json;
use std::time::Duration;

const AUDIENCE: &str = "the refresh of one token";

fn keys() -> SealingKeys {
    SealingKeys::new(1, &[0x5A; 32])
}

fn sealed(refreshed: &Result<Refreshed, Error>) -> String {
    let outcome = RefreshOutcome::of(refreshed.as_ref()).unwrap();
    keys().seal_stored(&outcome, AUDIENCE, Seed::new(1).moment(NOW)).unwrap()
}

fn opened(sealed: &str) -> RefreshOutcome {
    keys().open_stored(sealed, AUDIENCE).unwrap()
}

/// A login, and a refresh at a provider that was changed in between.
fn refresh(change: impl FnOnce(&mut Party)) -> (PreviousLogin, Secret, Result<Refreshed, Error>) {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.clock.advance(200);
    change(&mut party);
    let previous = PreviousLogin::from(&user.id_token);
    (previous, user.tokens.refresh_token.clone().unwrap(), party.refresh(&user))
}

#[test]
fn another_node_gets_the_same_tokens_and_the_same_claims() {
    for rotates in [true, false] {
        let (previous, old, refreshed) = refresh(|party| party.provider.rotate_refresh_tokens(rotates));
        let outcome = opened(&sealed(&refreshed));
        let ours = refreshed.unwrap();
        let theirs = outcome.refreshed(Duration::ZERO, NOW.plus(200)).unwrap();
        assert_eq!((outcome.rotated(), theirs.rotated), (rotates, rotates));
        assert_eq!(theirs.tokens.refresh_token == Some(old), !rotates);
        assert_eq!(theirs.tokens.access_token, ours.tokens.access_token);
        assert_eq!(theirs.tokens.scope, ours.tokens.scope);
        assert_eq!(theirs.tokens.extra, ours.tokens.extra);
        assert!(theirs.id_token.is_some());
        assert_eq!(theirs.id_token, ours.id_token, "every claim, and the token for a logout");
        assert_eq!(outcome.new_refresh_token(), ours.tokens.refresh_token.as_ref());
        theirs.check(&previous, Quirks::default()).unwrap();
    }
}

/// A claim of an odd type stays set aside, so it is not taken for an absent one.
#[test]
fn a_claim_that_was_set_aside_stays_so() {
    for odd in ["auth_time", "acr", "sid"] {
        let (previous, _, refreshed) = refresh(|party| {
            party.provider.alter_id_token(move |_, claims| drop(claims.insert(odd.into(), json!([1]))));
        });
        // An odd `auth_time` is not that of the login, so the response is not believed.
        let Ok(ours) = &refreshed else {
            assert_eq!(odd, "auth_time");
            continue;
        };
        let theirs = opened(&sealed(&refreshed)).refreshed(Duration::ZERO, NOW).unwrap();
        let (id_token, kept) = (theirs.id_token.clone().unwrap(), ours.id_token.clone().unwrap());
        assert_eq!(id_token.set_aside[0].claim, odd);
        assert_eq!(id_token, kept);
        theirs.check(&previous, Quirks::default()).unwrap();
    }
}

#[test]
fn the_access_token_has_aged_meanwhile_by_the_clock_of_the_store_alone() {
    let (_, _, refreshed) = refresh(|_| ());
    let lifetime = refreshed.as_ref().unwrap().tokens.expires_in.unwrap();
    let outcome = opened(&sealed(&refreshed));
    for (age, left) in [(0, lifetime.as_secs()), (10, lifetime.as_secs() - 10), (1 << 40, 0)] {
        // The clock of this node is a year behind.
        let now = Timestamp(NOW.0 - 31_536_000);
        let theirs = outcome.refreshed(Duration::from_secs(age), now).unwrap();
        assert_eq!(theirs.tokens.expires_in, Some(Duration::from_secs(left)));
        assert_eq!(theirs.tokens.expires_at, Some(now.plus(left.try_into().unwrap())));
    }
}

/// The refresh token is spent, so other nodes need the new one, even if its node did not believe the response.
#[test]
fn of_a_response_that_is_not_believed_the_new_refresh_token_is_kept_unless_it_is_somebody_elses() {
    for (claim, value, kept) in [("auth_time", json!(1), true), ("sub", json!("mallory"), false)] {
        let (_, _, refreshed) = refresh(|party| {
            party.provider.alter_id_token(move |_, claims| drop(claims.insert(claim.into(), value.clone())));
        });
        let error = refreshed.as_ref().unwrap_err();
        assert_eq!(error.cause(), &Error::Token(VerificationError::Changed(claim)));
        let outcome = opened(&sealed(&refreshed));
        assert!(outcome.rotated());
        assert!(outcome.refreshed(Duration::ZERO, NOW).is_none());
        assert_eq!(outcome.new_refresh_token(), error.new_refresh_token());
        assert_eq!(outcome.new_refresh_token().is_some(), kept);
    }
}

#[test]
fn a_refusal_and_an_outage_have_no_outcome_for_others() {
    let answers: [fn(&mut Party); 3] = [
        |party| party.provider.alter_response(EndpointName::Token, hostile::retry_after(3)),
        |party| {
            party.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, "invalid_grant"))
        },
        |party| party.provider.alter_response(EndpointName::Token, hostile::truncate_body(1)),
    ];
    for answer in answers {
        let (_, _, refreshed) = refresh(answer);
        assert!(RefreshOutcome::of(refreshed.as_ref()).is_none(), "{refreshed:?}");
    }
}

#[test]
fn an_outcome_opens_only_for_its_token_and_its_kind_and_shows_nothing() {
    let (previous, _, refreshed) = refresh(|_| ());
    let (outcome, text) = (RefreshOutcome::of(refreshed.as_ref()).unwrap(), sealed(&refreshed));
    let open = |audience: &str| keys().open_stored::<RefreshOutcome>(&text, audience).map(drop);
    assert_eq!(open("the refresh of another token"), Err(SealError::Wrong));
    assert_eq!(open(AUDIENCE), Ok(()));
    assert_eq!(keys().open_stored::<PreviousLogin>(&text, AUDIENCE), Err(SealError::Wrong));
    assert_eq!(
        format!("{outcome:?} {previous:?}").matches(refreshed.unwrap().tokens.access_token.expose()).count(),
        0
    );
    let later = json!({"version": 2, "outcome": {"NotBelieved": null}});
    assert!(serde_json::from_value::<RefreshOutcome>(later).is_err());
}

/// Tokens are longer than a cookie may be.
#[test]
fn a_store_takes_what_is_too_long_for_a_cookie_and_no_more_than_it_may() {
    let seal = |length: usize| {
        let state = oidc_proto::flow::AppState("x".repeat(length));
        keys().seal_stored(&state, AUDIENCE, Seed::new(1).moment(NOW))
    };
    let long = seal(MAX_SEALED * 2).unwrap();
    assert_eq!(
        keys().open::<oidc_proto::flow::AppState<String>>(&long, AUDIENCE).err(),
        Some(SealError::NotSealed)
    );
    assert!(keys().open_stored::<oidc_proto::flow::AppState<String>>(&long, AUDIENCE).is_ok());
    let bytes = match seal(MAX_STORED) {
        Err(SealError::TooLarge { bytes }) => bytes,
        other => panic!("{other:?}"),
    };
    assert!(bytes > MAX_STORED);
}
