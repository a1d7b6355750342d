//! Who acts for the subject of a token (RFC 8693 sections 4.1 and 4.4), for whoever verifies it.

use oidc_proto::{
    Secret, Timestamp,
    base::JsonError,
    flow::{TokenExchangeRequest, TokenTypeIdentifier},
    jose::{Algorithm, KeySet, sign_compact},
    message::{Actor, IntrospectionResponse},
    token::{
        AccessTokenVerifier, Expected, IdToken, IdTokenVerifier, MAX_ACTORS, Scratch, VerificationError,
    },
};
use oidc_testkit::{KeyRing, Party, TOKEN_EXCHANGE_GRANT, drive};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";
const API: &str = "https://api.example";

fn keys() -> KeySet {
    KeySet::parse(KeyRing::new().document().to_string().as_bytes()).unwrap()
}

fn sign(typ: &str, claims: &Value) -> String {
    let (signer, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
    let header = Map::from_iter([("typ".to_owned(), typ.into())]);
    sign_compact(&*signer, header, claims.to_string().as_bytes()).unwrap()
}

fn with(mut claims: Value, more: Value) -> Value {
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// What a verifier of access tokens says of a token with these claims: who acts, and who may.
fn access(
    verifier: &AccessTokenVerifier,
    more: Value,
) -> Result<(Option<Actor>, Option<Actor>), VerificationError> {
    let claims = json!({"iss": ISSUER, "sub": "alice", "aud": API, "client_id": "app", "jti": "1",
        "iat": NOW.0, "exp": NOW.0 + 300});
    let token = sign("at+jwt", &with(claims, more));
    let mut scratch = Scratch::new();
    let verified = verifier.verify(&token, &keys(), &mut scratch, NOW)?;
    Ok((verified.actor(), verified.may_act()))
}

fn id_token(verifier: &IdTokenVerifier, more: Value) -> Result<IdToken, VerificationError> {
    let claims = json!({"iss": ISSUER, "sub": "alice", "aud": "app", "iat": NOW.0, "exp": NOW.0 + 300});
    let token = Secret::new(sign("JWT", &with(claims, more)));
    let (keys, expected, mut scratch) = (keys(), Expected::default(), Scratch::new());
    let borrowed = verifier.verify_borrowed(&token, &keys, &expected, &mut scratch, NOW)?;
    let owned = borrowed.to_id_token()?;
    assert_eq!((borrowed.actor(), borrowed.may_act()), (owned.actor(), owned.may_act()));
    Ok(owned)
}

fn said(more: Value) -> Result<IntrospectionResponse, JsonError> {
    let members = with(json!({"active": true, "sub": "alice"}), more);
    IntrospectionResponse::from_members(members.as_object().unwrap().clone())
}

/// An `act` with this many actors, one within the other.
fn chain(actors: u8) -> Value {
    (1..actors).fold(
        json!({"sub": "agent 1"}),
        |earlier, number| json!({"sub": format!("agent {}", number + 1), "act": earlier}),
    )
}

#[test]
fn the_actor_is_the_same_in_each_kind_of_token_and_earlier_ones_are_history() {
    let (api, app) = (AccessTokenVerifier::new(ISSUER, API), IdTokenVerifier::new(ISSUER, "app"));
    for (act, sub, earlier) in [
        (json!({"sub": "agent"}), Some("agent"), &[][..]),
        (
            json!({"iss": "https://agents.example", "sub": "7", "client_id": "a", "email": "a@b"}),
            Some("7"),
            &[],
        ),
        (chain(3), Some("agent 3"), &["agent 2", "agent 1"]),
        (json!({"client_id": "a service"}), None, &[]),
        (json!({"sub": null, "act": {"sub": "\u{e9}"}}), None, &["\u{e9}"]),
        (json!({}), None, &[]),
    ] {
        let claims = json!({ "act": act });
        let actor = access(&api, claims.clone()).unwrap().0.expect("somebody acts");
        assert_eq!(actor.sub.as_deref(), sub, "{act}");
        assert_eq!(actor.earlier().filter_map(|actor| actor.sub.as_deref()).collect::<Vec<_>>(), earlier);
        assert_eq!(actor.iss.as_deref(), act["iss"].as_str());
        assert_eq!(actor.client_id.as_deref(), act["client_id"].as_str());
        assert_eq!(actor.extra.get("email"), act.get("email"));
        let user = id_token(&app, claims.clone()).unwrap();
        assert_eq!((user.actor().as_ref(), user.claim::<Value>("act")), (Some(&actor), Some(act)));
        assert_eq!(said(claims).unwrap().actor(), Some(actor));
    }
    for nobody in [json!({}), json!({"act": null})] {
        assert_eq!(access(&api, nobody.clone()).unwrap().0, None);
        assert_eq!(id_token(&app, nobody.clone()).unwrap().actor(), None);
        assert_eq!(said(nobody).unwrap().actor(), None);
    }
}

#[test]
fn an_act_that_cannot_be_read_refuses_the_token_whatever_its_kind() {
    let (api, app) = (AccessTokenVerifier::new(ISSUER, API), IdTokenVerifier::new(ISSUER, "app"));
    let wrong = JsonError::WrongType { member: "act", expected: "an object that names an actor" };
    for act in [
        json!("agent"),
        json!(7),
        json!(true),
        json!(["agent"]),
        json!([{"sub": "agent"}]),
        json!({"sub": 7}),
        json!({"sub": ["agent"]}),
        json!({"iss": {}}),
        json!({"client_id": false}),
        json!({"sub": "agent", "act": "earlier"}),
        json!({"sub": "agent", "act": {"act": {"sub": 1}}}),
    ] {
        let claims = json!({ "act": act });
        assert_eq!(access(&api, claims.clone()).unwrap_err(), VerificationError::Claims(wrong), "{act}");
        assert_eq!(id_token(&app, claims.clone()).unwrap_err(), VerificationError::Claims(wrong), "{act}");
        assert_eq!(said(claims).unwrap_err(), wrong, "{act}");
    }
    // A name that hides something in a log.
    for name in ["a\nb", "\u{202e}a", "a\u{200b}", "\u{0}"] {
        for act in [json!({"sub": name}), json!({"iss": name}), json!({"act": {"client_id": name}})] {
            let claims = json!({ "act": act });
            assert_eq!(access(&api, claims.clone()).unwrap_err(), VerificationError::Value("act"), "{act}");
            assert_eq!(id_token(&app, claims).unwrap_err(), VerificationError::Value("act"), "{act}");
        }
    }
    // An inactive token names nobody.
    let dead = json!({"active": false, "act": {"sub": "agent"}, "may_act": {"sub": "agent"}});
    let dead = IntrospectionResponse::from_members(dead.as_object().unwrap().clone()).unwrap();
    assert_eq!((dead.actor(), dead.may_act()), (None, None));
}

#[test]
fn the_number_of_actors_has_a_limit_that_is_a_setting() {
    let (api, app) = (AccessTokenVerifier::new(ISSUER, API), IdTokenVerifier::new(ISSUER, "app"));
    let act = |actors| json!({ "act": chain(actors) });
    assert!(access(&api, act(MAX_ACTORS)).is_ok() && id_token(&app, act(MAX_ACTORS)).is_ok());
    let too_many = VerificationError::TooManyActors { limit: MAX_ACTORS };
    assert_eq!(access(&api, act(MAX_ACTORS + 1)).unwrap_err(), too_many);
    assert_eq!(id_token(&app, act(MAX_ACTORS + 1)).unwrap_err(), too_many);
    for limit in [0, 1, 3, 20] {
        let (api, app) = (api.clone().max_actors(limit), app.clone().max_actors(limit));
        let too_many = VerificationError::TooManyActors { limit };
        for actors in [1, 2, 3, 4, 20, 21] {
            let fits = actors <= limit;
            assert_eq!(access(&api, act(actors)).map(drop), if fits { Ok(()) } else { Err(too_many) });
            assert_eq!(id_token(&app, act(actors)).map(drop), if fits { Ok(()) } else { Err(too_many) });
        }
        assert!(access(&api, json!({})).is_ok() && id_token(&app, json!({})).is_ok());
    }
    // Deeper than JSON may nest, whatever the setting says.
    let deep = access(&api.max_actors(u8::MAX), act(40)).unwrap_err();
    assert_eq!(deep, VerificationError::Claims(JsonError::TooDeep));
}

#[test]
fn whoever_may_act_is_named_or_nobody_may() {
    let (api, app) = (AccessTokenVerifier::new(ISSUER, API), IdTokenVerifier::new(ISSUER, "app"));
    let named = json!({"may_act": {"sub": "agent", "iss": ISSUER}});
    let may = |actor: Option<Actor>| actor.and_then(|actor| actor.sub);
    assert_eq!(may(access(&api, named.clone()).unwrap().1).as_deref(), Some("agent"));
    assert_eq!(may(id_token(&app, named.clone()).unwrap().may_act()).as_deref(), Some("agent"));
    assert_eq!(may(said(named).unwrap().may_act()).as_deref(), Some("agent"));
    for unreadable in [json!("agent"), json!(["agent"]), json!({"sub": 5}), json!(true), Value::Null] {
        let claims = json!({ "may_act": unreadable });
        assert_eq!(access(&api, claims.clone()).unwrap(), (None, None));
        assert_eq!(id_token(&app, claims.clone()).unwrap().may_act(), None);
        assert_eq!(said(claims).unwrap().may_act(), None);
    }
}

/// The exchange of RFC 8693 with the token of an actor, and the token that the next API gets.
#[test]
fn an_exchanged_token_names_the_user_and_the_actor() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
    let service = party.client_credentials(&Default::default()).unwrap().access_token;
    let mut subject = user.tokens.access_token;
    for actors in 1..=3 {
        let wanted = TokenExchangeRequest::new(subject, TokenTypeIdentifier::ACCESS_TOKEN)
            .actor(service.clone(), TokenTypeIdentifier::ACCESS_TOKEN)
            .resource(API);
        let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
        subject = drive(call, &mut party.provider, &mut party.clock).unwrap().tokens.access_token;
        let keys = KeySet::parse(party.provider.key_set().to_string().as_bytes()).unwrap();
        let (verifier, mut scratch) = (AccessTokenVerifier::new(ISSUER, API), Scratch::new());
        let now = party.clock.moment().now();
        let verified = verifier.verify(subject.expose(), &keys, &mut scratch, now).unwrap();
        assert_eq!(verified.claims().sub.as_deref(), Some("alice"));
        let actor = verified.actor().unwrap();
        assert_eq!((actor.sub.as_deref(), actor.earlier().count()), (Some("app"), actors - 1));
    }
    // Without the token of an actor, the new token is the user's own (impersonation).
    let wanted = TokenExchangeRequest::new(service, TokenTypeIdentifier::ACCESS_TOKEN).resource(API);
    let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
    let alone = drive(call, &mut party.provider, &mut party.clock).unwrap().tokens.access_token;
    assert!(!alone.expose().split('.').nth(1).unwrap().is_empty());
    party.provider.assert_clean();
}
