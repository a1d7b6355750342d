//! The identity assertion grant: both requests of a client, and the checks of the server that gets an ID-JAG.

use super::*;
use oidc_proto::{
    Error,
    base::base64url,
    flow::{ConfigError, IdJagRequest, ResponseRule, TokenTypeIdentifier},
    jose::{Algorithm, AlgorithmSet, JwsError, KeySet, sign_compact},
    sender::{ReplayAnswer, ReplayKey, ReplayWindow},
    token::{IdJagVerifier, VerificationError},
};
use oidc_testkit::{EndpointName, JWT_BEARER_GRANT, KeyRing, Party, TOKEN_EXCHANGE_GRANT, drive, hostile};
use serde_json::json;
use std::time::Duration;

const IDP: &str = "https://op.example";
const AS: &str = "https://as.chat.example";
const API: &str = "https://api.chat.example/";

fn idp() -> Party {
    let mut idp = Party::new();
    idp.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
    idp
}

fn service(idp: &Party) -> Party {
    let mut service = Party::builder().issuer(AS).build();
    service.provider.allow_grant("app", JWT_BEARER_GRANT);
    service.provider.trust_id_jags(IDP, idp.provider.key_set());
    service
}

fn wanted(id_token: &oidc_proto::Secret) -> IdJagRequest {
    IdJagRequest::new(id_token.clone(), TokenTypeIdentifier::ID_TOKEN, AS)
}

#[test]
fn a_user_of_the_identity_provider_gets_a_token_at_the_service() {
    for (resource, scopes) in
        [(Some(API), vec!["chat.read"]), (Some(API), vec![]), (None, vec!["chat.read", "chat.write"])]
    {
        let mut idp = idp();
        let mut service = service(&idp);
        let user = idp.login().unwrap();
        let mut wanted = wanted(&user.id_token.token).scopes(scopes.clone());
        if let Some(resource) = resource {
            wanted = wanted.resource(resource);
        }
        let call = idp.client.id_jag(&wanted, idp.clock.moment()).unwrap();
        let id_jag = drive(call, &mut idp.provider, &mut idp.clock).unwrap();
        assert_eq!((id_jag.audience.as_str(), id_jag.expires_at), (AS, Some(idp.clock.now().plus(300))));
        assert_eq!(id_jag.scope.as_deref(), (!scopes.is_empty()).then(|| scopes.join(" ")).as_deref());
        let seen = idp.provider.requests().last().unwrap();
        for (name, value) in [
            ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("audience", AS),
        ] {
            assert_eq!(all(seen, name), [value]);
        }
        // The server that gets it makes these checks.
        let keys = KeySet::parse(idp.provider.key_set().to_string().as_bytes()).unwrap();
        let verified = IdJagVerifier::new(IDP, AS)
            .verify(id_jag.assertion.expose(), "app", &keys, idp.clock.now())
            .unwrap();
        assert_eq!(
            (verified.sub.as_str(), verified.scopes.clone()),
            ("alice", scopes.iter().map(|s| (*s).to_owned()).collect())
        );
        assert_eq!(verified.resource, resource.map(str::to_owned).into_iter().collect::<Vec<_>>());

        let call = service.client.redeem_id_jag(id_jag, service.clock.moment()).unwrap();
        let tokens = drive(call, &mut service.provider, &mut service.clock).unwrap();
        assert!(tokens.is_bearer());
        // It limits the tokens to what the ID-JAG names.
        let payload = tokens.access_token.expose().split('.').nth(1).and_then(base64url::decode).unwrap();
        let access: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(access["aud"], resource.unwrap_or("https://api.example"));
        assert_eq!(access["scope"].as_str().unwrap_or_default(), scopes.join(" "));
        let seen = service.provider.requests().last().unwrap();
        assert_eq!(all(seen, "grant_type"), [JWT_BEARER_GRANT]);
        idp.provider.assert_clean();
        service.provider.assert_clean();
    }
}

#[test]
fn what_is_no_id_jag_is_not_taken_for_one() {
    let idp = idp();
    let id_jag = TokenTypeIdentifier::ID_JAG;
    let access = TokenTypeIdentifier::ACCESS_TOKEN;
    let ask = || idp.client.id_jag(&wanted(&"an ID token".into()), moment(NOW)).unwrap();
    for (issued, token_type, rule) in [
        (Some(&access), "Bearer", ResponseRule::Value("issued_token_type")),
        (Some(&TokenTypeIdentifier::JWT), "N_A", ResponseRule::Value("issued_token_type")),
        (None, "N_A", ResponseRule::Missing("issued_token_type")),
        (Some(&id_jag), "Bearer", ResponseRule::Value("token_type")),
        (Some(&id_jag), "DPoP", ResponseRule::Value("token_type")),
    ] {
        let mut members = json!({"access_token": "a.b.c", "token_type": token_type});
        if let Some(issued) = issued {
            members["issued_token_type"] = issued.as_str().into();
        }
        let Err(Error::Response(refused)) = told(ask(), 200, &members) else { panic!("{members}") };
        assert_eq!(refused.rule, rule, "{members}");
    }
    let members = json!({"access_token": "a.b.c", "token_type": "n_a", "issued_token_type": id_jag.as_str(),
        "refresh_token": "not to be used"});
    assert!(matches!(told(ask(), 200, &members), Ok(Step::Done(_))));
}

#[test]
fn an_id_jag_goes_only_to_the_server_that_it_is_for_and_only_once() {
    let mut idp = idp();
    let mut service = service(&idp);
    let user = idp.login().unwrap();
    let fetch = |idp: &mut Party| {
        let call = idp.client.id_jag(&wanted(&user.id_token.token), idp.clock.moment()).unwrap();
        drive(call, &mut idp.provider, &mut idp.clock).unwrap()
    };
    let other = Party::builder().issuer("https://as.evil.example").build();
    let refused = other.client.redeem_id_jag(fetch(&mut idp), moment(NOW)).unwrap_err();
    assert_eq!(refused, ConfigError::Parameter("audience").into());
    // The identity provider itself is another server, too.
    let id_jag = fetch(&mut idp);
    let refused = idp.client.redeem_id_jag(id_jag, moment(NOW)).unwrap_err();
    assert_eq!(refused, ConfigError::Parameter("audience").into());

    service.provider.alter_response(EndpointName::Token, hostile::retry_after(5));
    let call = service.client.redeem_id_jag(fetch(&mut idp), service.clock.moment()).unwrap();
    assert_eq!(drive(call, &mut service.provider, &mut service.clock).unwrap_err().code(), "unavailable");
    assert_eq!(service.provider.count(EndpointName::Token), 1);
    let (_, _, pending) = service.client.redeem_id_jag(fetch(&mut idp), moment(NOW)).unwrap().into_parts();
    assert!(pending.fail(moment(NOW)).unwrap().is_none());
}

/// The claims of a good ID-JAG.
fn claims() -> Value {
    json!({"iss": IDP, "sub": "alice", "aud": AS, "client_id": "app", "jti": "9e43f81b", "iat": NOW.0, "exp": NOW.0 + 300,
        "resource": API, "scope": "chat.read chat.write", "auth_time": NOW.0 - 60, "amr": ["mfa"], "tenant": "acme"})
}

fn signed(header: &Value, claims: &Value) -> (String, KeySet) {
    let ring = KeyRing::new();
    let (signer, _) = ring.signer(Algorithm::ES256, 1, None);
    let header = header.as_object().cloned().unwrap();
    let jwt = sign_compact(&*signer, header, claims.to_string().as_bytes()).unwrap();
    (jwt, KeySet::parse(ring.document().to_string().as_bytes()).unwrap())
}

fn typ() -> Value {
    json!({"typ": "oauth-id-jag+jwt"})
}

#[test]
fn a_good_id_jag_is_read_whole() {
    for (member, value, resource) in [
        ("resource", json!(API), vec![API]),
        ("resource", json!([API, "https://b.example/"]), vec![API, "https://b.example/"]),
        ("resource", Value::Null, vec![]),
        ("aud", json!([AS]), vec![API]),
    ] {
        let mut claims = claims();
        claims[member] = value;
        let (jwt, keys) = signed(&typ(), &claims);
        let verified = IdJagVerifier::new(IDP, AS).verify(&jwt, "app", &keys, NOW).unwrap();
        assert_eq!(verified.resource, resource);
        assert_eq!(
            (verified.iss.as_str(), verified.sub.as_str(), verified.client_id.as_str()),
            (IDP, "alice", "app")
        );
        assert_eq!(verified.scopes, ["chat.read", "chat.write"]);
        assert_eq!((verified.iat, verified.exp), (NOW, NOW.plus(300)));
        assert_eq!(verified.auth_time, Some(NOW.plus(-60)));
        let mut others = verified.extra.keys().collect::<Vec<_>>();
        others.sort();
        assert_eq!(others, ["amr", "tenant"]);
    }
    for spelling in ["oauth-id-jag+jwt", "OAuth-ID-JAG+JWT", "application/oauth-id-jag+jwt"] {
        let (jwt, keys) = signed(&json!({"typ": spelling}), &claims());
        assert!(IdJagVerifier::new(IDP, AS).verify(&jwt, "app", &keys, NOW).is_ok(), "{spelling}");
    }
}

#[test]
fn each_rule_of_an_id_jag_is_checked() {
    use VerificationError::{
        Audience, Issuer, Missing, SenderConstrained, Type, UntrustedAudience, Value as Wrong,
    };
    let verify = |header: &Value, claims: &Value| {
        let (jwt, keys) = signed(header, claims);
        IdJagVerifier::new(IDP, AS).verify(&jwt, "app", &keys, NOW).unwrap_err()
    };
    for header in [json!({}), json!({"typ": "JWT"}), json!({"typ": "at+jwt"}), json!({"typ": "oauth-id-jag"})]
    {
        assert_eq!(verify(&header, &claims()), Type, "{header}");
    }
    for (name, value, rule) in [
        ("iss", Value::Null, Missing("iss")),
        ("iss", json!("https://evil.example"), Issuer),
        ("iss", json!("https://op.example/"), Issuer),
        ("aud", Value::Null, Missing("aud")),
        ("aud", json!("https://another.example"), Audience),
        ("aud", json!("https://as.chat.example/"), Audience),
        ("aud", json!([]), Audience),
        ("aud", json!([AS, "https://another.example"]), UntrustedAudience),
        ("client_id", Value::Null, Missing("client_id")),
        ("client_id", json!(""), Missing("client_id")),
        ("client_id", json!("another"), Wrong("client_id")),
        ("sub", Value::Null, Missing("sub")),
        ("sub", json!(""), Missing("sub")),
        ("jti", Value::Null, Missing("jti")),
        ("jti", json!(""), Missing("jti")),
        ("exp", Value::Null, Missing("exp")),
        ("iat", Value::Null, Missing("iat")),
        ("events", json!({}), Wrong("events")),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), SenderConstrained),
        ("scope", json!(["chat.read"]), Wrong("scope")),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        assert_eq!(verify(&typ(), &claims), rule, "{name}: {value}");
    }
    let mut own = claims();
    own["iss"] = AS.into();
    let (jwt, keys) = signed(&typ(), &own);
    assert_eq!(IdJagVerifier::new(AS, AS).verify(&jwt, "app", &keys, NOW).unwrap_err(), Issuer, "its own");
    for value in [json!(7), json!({"a": 1}), json!([7])] {
        let mut claims = claims();
        claims["resource"] = value.clone();
        assert!(matches!(verify(&typ(), &claims), VerificationError::Claims(_)), "{value}");
    }
    for (name, ahead, code) in [
        ("exp", -31, "token_expired"),
        ("exp", -400, "token_expired"),
        ("iat", 31, "token_issued_in_future"),
        ("nbf", 31, "token_not_yet_valid"),
    ] {
        let mut claims = claims();
        claims[name] = (NOW.0 + ahead).into();
        assert_eq!(verify(&typ(), &claims).code(), code, "{name}");
    }
}

#[test]
fn the_signature_algorithm_leeway_and_length_of_an_id_jag_count() {
    let (jwt, keys) = signed(&typ(), &claims());
    let verifier = || IdJagVerifier::new(IDP, AS);
    let refused = |verifier: IdJagVerifier, jwt: &str| verifier.verify(jwt, "app", &keys, NOW).unwrap_err();
    let mut forged = jwt.clone().into_bytes();
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(refused(verifier(), &forged), JwsError::Signature.into());
    let only = AlgorithmSet::EMPTY.with(Algorithm::RS256);
    assert_eq!(refused(verifier().algorithms(only), &jwt), JwsError::AlgorithmNotAllowed.into());
    assert_eq!(
        refused(verifier().algorithms(AlgorithmSet::EMPTY), &jwt),
        JwsError::AlgorithmNotAllowed.into()
    );
    let long = "x".repeat(oidc_proto::token::MAX_TOKEN + 1);
    assert_eq!(refused(verifier(), &long), VerificationError::TooLarge);
    let later = NOW.plus(300 + 25);
    assert!(verifier().verify(&jwt, "app", &keys, later).is_ok(), "within the leeway");
    let strict = verifier().leeway(Duration::ZERO);
    assert_eq!(strict.verify(&jwt, "app", &keys, later).unwrap_err().code(), "token_expired");
}

/// `usable_until` is the last second in which the assertion is accepted: a window that remembers it until then lets
/// nothing pass twice.
#[test]
fn an_id_jag_is_remembered_for_as_long_as_it_could_be_accepted() {
    for leeway in [0, 1, 30] {
        let (jwt, keys) = signed(&typ(), &claims());
        let verifier = IdJagVerifier::new(IDP, AS).leeway(Duration::from_secs(leeway));
        let verified = verifier.verify(&jwt, "app", &keys, NOW).unwrap();
        let key = ReplayKey::new("id-jag", &verified.iss, &[&verified.jti], verified.usable_until);
        let mut window = ReplayWindow::new();
        assert_eq!(window.first_use(key, NOW), ReplayAnswer::First);
        let mut last = NOW;
        while verifier.verify(&jwt, "app", &keys, last.plus(1)).is_ok() {
            last = last.plus(1);
        }
        assert!(last <= verified.usable_until && verified.usable_until.0 - last.0 <= 1, "{leeway}: {last:?}");
        assert_ne!(window.first_use(key, last), ReplayAnswer::First);
    }
}
