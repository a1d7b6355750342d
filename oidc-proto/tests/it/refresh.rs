//! Refresh: rotation, and the claims that a refreshed ID token must keep (RFC 6749 section 6, OpenID
//! Connect Core 1.0 section 12.2).

use oidc_proto::{
    Error, Secret,
    flow::{Authenticated, Client, ConfigError, PreviousLogin, Refreshed, ResponseRule},
    jose::JwsError,
    message::AuthorizationRequest,
    metadata::{Profile, ProviderMetadata},
    token::VerificationError,
};
use oidc_testkit::{
    EndpointName, Party,
    drive::NOW,
    drive_with, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

type Object = Map<String, Value>;

/// A login, and a refresh whose ID token is altered.
fn refreshed(
    login: impl FnMut(&mut Object, &mut Object) + Send + 'static,
    refresh: impl FnMut(&mut Object, &mut Object) + Send + 'static,
) -> Result<Refreshed, Error> {
    let mut party = Party::builder().client(|client| client.trusted_audiences(["api", "other"])).build();
    party.provider.alter_id_token(login);
    let user = party.login().unwrap();
    party.provider.clear_alterations();
    party.provider.alter_id_token(refresh);
    party.clock.advance(200);
    let result = party.refresh(&user);
    party.provider.assert_clean();
    result
}

fn honest(_: &mut Object, _: &mut Object) {}

#[track_caller]
fn assert_rejected(result: Result<Refreshed, Error>, why: VerificationError) {
    match result {
        Err(error) => {
            assert_eq!(error.cause(), &Error::Token(why));
            use VerificationError::{Audience, Changed, Issuer};
            let somebody_else = matches!(why, Issuer | Audience | Changed("sub" | "iss" | "aud"));
            let kept = error.new_refresh_token().is_some();
            assert_eq!(
                kept, !somebody_else,
                "the new refresh token is not lost, unless it may be another user's"
            );
        }
        Ok(other) => panic!("{why:?} was expected: {other:?}"),
    }
}

fn refresh_token(user: &Authenticated) -> Secret {
    user.tokens.refresh_token.clone().unwrap()
}

#[test]
fn a_rotated_token_is_returned_and_the_chain_goes_on() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let previous = PreviousLogin::from(&user.id_token);
    let mut token = refresh_token(&user);
    for _ in 0..3 {
        party.clock.advance(250);
        let next = party.refresh_with(&token, Some(previous.clone()), None).unwrap();
        assert!(next.rotated);
        let newer = next.tokens.refresh_token.unwrap();
        assert_ne!(newer, token);
        assert_eq!(next.id_token.unwrap().sub, "alice");
        token = newer;
    }
    party.provider.assert_clean();
}

#[test]
fn without_rotation_the_old_token_is_returned() {
    let mut party = Party::new();
    party.provider.rotate_refresh_tokens(false);
    let user = party.login().unwrap();
    for _ in 0..2 {
        let next = party.refresh(&user).unwrap();
        assert!(!next.rotated);
        assert_eq!(next.tokens.refresh_token.unwrap(), refresh_token(&user));
    }
    party.provider.assert_clean();
}

/// Some providers repeat the refresh token that was used. That is no new one: it may be sent again.
#[test]
fn the_same_token_again_is_no_new_one() {
    let mut party = Party::new();
    party.provider.rotate_refresh_tokens(false);
    for _ in 0..3 {
        let user = party.login().unwrap();
        let old = refresh_token(&user);
        let repeated = serde_json::json!(old.expose());
        party.provider.alter_response(EndpointName::Token, hostile::set_member("refresh_token", repeated));
        let next = party.refresh(&user).unwrap();
        assert_eq!((next.rotated, next.tokens.refresh_token), (false, Some(old)));
    }
    party.provider.assert_clean();
}

#[test]
fn a_refresh_without_an_id_token_is_fine_and_fetches_no_keys() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let before = party.provider.count(EndpointName::Jwks);
    party.provider.alter_response(EndpointName::Token, hostile::remove_member("id_token"));
    let next = party.refresh(&user).unwrap();
    assert!(next.id_token.is_none() && next.learned.keys.is_none());
    assert_eq!(party.provider.count(EndpointName::Jwks), before);
}

#[test]
fn issuer_and_subject_must_be_those_of_the_login() {
    let set = hostile::set_claim;
    assert_rejected(refreshed(honest, set("iss", "https://evil.example")), VerificationError::Issuer);
    assert_rejected(refreshed(honest, set("sub", "mallory")), VerificationError::Changed("sub"));
    assert_rejected(refreshed(honest, hostile::remove_claim("sub")), VerificationError::Missing("sub"));
}

#[test]
fn the_audience_must_include_that_of_the_login() {
    let aud = |aud: Value| hostile::set_claim("aud", aud);
    let two = || aud(json!([CLIENT_ID, "api"]));
    assert_rejected(refreshed(two(), aud(json!(CLIENT_ID))), VerificationError::Changed("aud"));
    assert_rejected(refreshed(two(), aud(json!([CLIENT_ID, "other"]))), VerificationError::Changed("aud"));
    refreshed(two(), aud(json!(["api", CLIENT_ID]))).unwrap();
    refreshed(honest, two()).unwrap();
    assert_rejected(refreshed(honest, aud(json!(["api"]))), VerificationError::Audience);
}

#[test]
fn the_authorized_party_must_be_present_exactly_if_the_login_had_one() {
    let azp = || hostile::set_claim("azp", CLIENT_ID);
    refreshed(azp(), azp()).unwrap();
    assert_rejected(refreshed(azp(), honest), VerificationError::Changed("azp"));
    assert_rejected(refreshed(honest, azp()), VerificationError::Changed("azp"));
}

#[test]
fn the_time_of_authentication_must_be_that_of_the_login_if_present() {
    let set = |seconds: i64| hostile::set_claim("auth_time", NOW.0 + seconds);
    assert_rejected(refreshed(honest, set(200)), VerificationError::Changed("auth_time"));
    assert_rejected(refreshed(honest, set(-1)), VerificationError::Changed("auth_time"));
    refreshed(honest, set(0)).unwrap();
    refreshed(honest, hostile::remove_claim("auth_time")).unwrap();
}

#[test]
fn no_nonce_is_demanded_and_a_present_one_must_be_the_same() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let nonce = user.id_token.nonce.clone().unwrap();
    let next = party.refresh(&user).unwrap();
    assert_eq!(next.id_token.unwrap().nonce, None);
    let previous = Some(PreviousLogin::from(&user.id_token));
    let token = next.tokens.refresh_token.unwrap();
    party.provider.alter_id_token(hostile::set_claim("nonce", nonce));
    party.refresh_with(&token, previous, None).unwrap();
    for other in ["", "other"] {
        assert_rejected(
            refreshed(honest, hostile::set_claim("nonce", other)),
            VerificationError::Changed("nonce"),
        );
    }
    // A login without a nonce of its own accepts no nonce later.
    let mut party = Party::new();
    let user = party.login().unwrap();
    let mut without = user.id_token.clone();
    without.nonce = None;
    party.provider.alter_id_token(hostile::set_claim("nonce", "new"));
    let result = party.refresh_with(&refresh_token(&user), Some((&without).into()), None);
    assert_rejected(result, VerificationError::Changed("nonce"));
}

#[test]
fn all_other_rules_for_id_tokens_hold_too() {
    assert_rejected(
        refreshed(honest, hostile::set_claim("exp", NOW.0)),
        VerificationError::Expired { ago: Duration::from_secs(200), leeway: Duration::from_secs(30) },
    );
    assert_rejected(
        refreshed(honest, hostile::set_claim("nbf", NOW.0 + 300)),
        VerificationError::NotYetValid { ahead: Duration::from_secs(100), leeway: Duration::from_secs(30) },
    );
    assert_rejected(
        refreshed(honest, hostile::set_claim("at_hash", "AAAA")),
        VerificationError::AccessTokenHash,
    );
    assert_rejected(refreshed(honest, hostile::set_header_member("typ", "at+jwt")), VerificationError::Type);
    assert_rejected(refreshed(honest, hostile::set_header_member("alg", "none")), JwsError::Unsigned.into());
    let untrusted = hostile::set_claim("aud", json!([CLIENT_ID, "stranger"]));
    assert_rejected(refreshed(honest, untrusted), VerificationError::UntrustedAudience);
}

#[test]
fn a_refresh_survives_a_rotation_of_keys_but_no_wrong_signature() {
    let mut party = Party::new();
    let keys = party.keys().unwrap();
    let user = party.login_with(&AuthorizationRequest::default(), Some(keys.clone())).unwrap();
    party.provider.rotate_keys();
    let previous = Some(PreviousLogin::from(&user.id_token));
    let next = party.refresh_with(&refresh_token(&user), previous.clone(), Some(keys.clone())).unwrap();
    let learned = next.learned.keys.unwrap();
    assert!(learned.knows("rsa-2"));
    party.provider.break_signatures(true);
    let before = party.provider.count(EndpointName::Jwks);
    let token = next.tokens.refresh_token.unwrap();
    let result = party.refresh_with(&token, previous, Some(learned));
    assert_rejected(result, JwsError::Signature.into());
    assert_eq!(party.provider.count(EndpointName::Jwks) - before, 1);
    party.provider.assert_clean();
}

#[test]
fn a_refresh_token_is_sent_once_whatever_happens_to_its_response() {
    type Alteration = Box<dyn FnMut(&mut http::Response<Vec<u8>>) + Send>;
    let accidents: [(&str, Alteration); 5] = [
        ("503", Box::new(hostile::retry_after(1))),
        ("500", Box::new(hostile::respond(500, "text/html", "<p>oops"))),
        ("invalid_grant", Box::new(hostile::oauth_error(400, "invalid_grant"))),
        ("broken JSON", Box::new(hostile::truncate_body(20))),
        ("redirect", Box::new(hostile::redirect_to("https://op.example/token"))),
    ];
    for (name, accident) in accidents {
        let mut party = Party::new();
        let user = party.login().unwrap();
        party.provider.alter_response(EndpointName::Token, accident);
        assert!(party.refresh(&user).is_err(), "{name}");
        assert_eq!(party.provider.count(EndpointName::Token), 2, "{name}: the code and the refresh token");
        party.provider.assert_clean();
    }
    let mut party = Party::new();
    let user = party.login().unwrap();
    let call = party
        .client
        .refresh(&refresh_token(&user), None, None, oidc_proto::Moment::new(NOW, [7; 32]))
        .unwrap();
    let Party { provider, clock, .. } = &mut party;
    let outcome = drive_with(call, clock, |request, _, now| {
        provider.handle(request, now);
        None
    });
    assert!(matches!(outcome, Ok(None)));
    assert_eq!(provider.count(EndpointName::Token), 2);
    provider.assert_clean();
}

#[test]
fn a_spent_refresh_token_is_a_typed_refusal() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.refresh(&user).unwrap();
    let Err(Error::OAuth(error)) = party.refresh(&user) else { panic!() };
    assert_eq!((error.status, error.response.error.as_str()), (400, "invalid_grant"));
    assert!(error.to_string().contains("was used already"), "{error}");
}

#[test]
fn the_saved_part_of_a_login_belongs_to_its_provider_and_survives_saving() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let previous = PreviousLogin::from(&user.id_token);
    let saved = serde_json::to_string(&previous).unwrap();
    assert_eq!(serde_json::from_str::<PreviousLogin>(&saved).unwrap(), previous);
    let other = Party::builder().issuer("https://evil.example").build();
    let refused = other
        .client
        .refresh(&refresh_token(&user), Some(previous.clone()), None, oidc_proto::Moment::new(NOW, [7; 32]))
        .unwrap_err();
    assert_eq!(refused, ConfigError::SavedState.into(), "the token is not sent to another provider");
    assert_eq!(other.provider.count(EndpointName::Token), 0);
    let metadata = party.client.metadata().clone();
    let neighbour = Client::builder(metadata, "another-client").build().unwrap();
    let refused = neighbour
        .refresh(&refresh_token(&user), Some(previous), None, oidc_proto::Moment::new(NOW, [7; 32]))
        .unwrap_err();
    assert_eq!(
        refused,
        ConfigError::SavedState.into(),
        "another client of the provider cannot use it either"
    );
}

#[test]
fn a_refresh_token_that_no_form_can_carry_is_refused_on_arrival() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("refresh_token", "a\r\nb"));
    let Err(Error::Response(error)) = party.refresh(&user) else { panic!() };
    assert_eq!(error.rule, ResponseRule::Value("refresh_token"));
}

/// The old refresh token is used up by then: an outage of the keys must not cost the user their session.
#[test]
fn new_tokens_are_returned_even_if_the_keys_cannot_be_fetched() {
    type Alteration = Box<dyn FnMut(&mut http::Response<Vec<u8>>) + Send>;
    let outages: [(&str, Alteration); 5] = [
        ("503", Box::new(hostile::retry_after(1))),
        ("a page", Box::new(hostile::respond(200, "text/html", "<p>maintenance"))),
        ("no keys", Box::new(hostile::respond(200, "application/json", "{}"))),
        ("redirect", Box::new(hostile::redirect_to("https://op.example/maintenance"))),
        ("too large", Box::new(hostile::pad_body(1 << 20))),
    ];
    for (name, outage) in outages {
        let mut party = Party::new();
        let user = party.login().unwrap();
        party.provider.alter_response(EndpointName::Jwks, outage);
        let next = party.refresh_with(&refresh_token(&user), Some((&user.id_token).into()), None).unwrap();
        assert!(next.rotated && next.id_token_unchecked && next.id_token.is_none(), "{name}");
        assert_eq!(next.tokens.id_token, None, "{name}: no unverified ID token is returned");
        // The session goes on. Once the keys are back, so is the check.
        party.provider.clear_alterations();
        let token = next.tokens.refresh_token.unwrap();
        let later = party.refresh_with(&token, Some((&user.id_token).into()), None).unwrap();
        assert_eq!(later.id_token.unwrap().sub, "alice", "{name}");
        assert!(!later.id_token_unchecked);
        party.provider.assert_clean();
    }
}

#[test]
fn new_tokens_are_returned_even_if_the_response_with_the_keys_is_lost() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let previous = Some(PreviousLogin::from(&user.id_token));
    let call = party
        .client
        .refresh(&refresh_token(&user), previous, None, oidc_proto::Moment::new(NOW, [7; 32]))
        .unwrap();
    let provider = &mut party.provider;
    let next = drive_with(call, &mut party.clock, |request, _, now| {
        (request.uri().path() != "/jwks").then(|| provider.handle(request, now))
    });
    let next = next.unwrap().expect("tokens, and not a lost flow");
    assert!(next.rotated && next.id_token_unchecked && next.id_token.is_none());
}

#[test]
fn new_tokens_are_returned_even_if_the_metadata_lacks_what_an_id_token_needs() {
    for missing in ["jwks_uri", "id_token_signing_alg_values_supported"] {
        let mut party = Party::new();
        let user = party.login().unwrap();
        let mut document = party.provider.metadata();
        document.as_object_mut().unwrap().remove(missing);
        let (text, profile) = (document.to_string(), Profile::AuthorizationServer);
        let issuer = party.provider.issuer();
        let metadata =
            ProviderMetadata::parse(text.as_bytes(), issuer, profile, &Default::default()).unwrap();
        party.client = Client::builder(metadata, CLIENT_ID).secret(SECRET).build().unwrap();
        let next = party.refresh_with(&refresh_token(&user), Some((&user.id_token).into()), None);
        let next = next.expect("the old refresh token is spent");
        assert!(next.rotated && next.id_token_unchecked && next.id_token.is_none(), "{missing}");
        assert_eq!(next.tokens.id_token, None, "{missing}: no unverified ID token is returned");
    }
}
