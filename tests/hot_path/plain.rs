//! Tests tokens whose `typ` does not say that they are access tokens: the access tokens of real providers are accepted,
//! and other tokens signed with the same keys are refused.

use crate::tokens::{API, ISSUER, NOW, header_with, keys, raw, verifier};
use oidc_proto::{
    jose::Algorithm,
    token::{Scratch, VerificationError},
};
use serde_json::{Value, json};

/// Returns the verdict on a token with this `typ` and these claims, at an API that also accepts the audience of a
/// client.
fn verdict(typ: &Value, claims: &Value) -> Result<(), VerificationError> {
    let token = raw(&header_with(json!({"typ": typ})), &claims.to_string());
    let verifier = verifier().or_audience("client-1").accept_plain_jwt();
    verifier.verify(&token, &keys(Algorithm::EdDSA), &mut Scratch::new(), NOW).map(drop)
}

/// Adds claims to the claims that every token has.
fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": API, "iat": NOW.0, "exp": NOW.0 + 300});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[test]
fn plain_access_tokens_of_real_providers_are_accepted() {
    for (provider, more) in [
        ("RFC 9068 without typ", json!({"sub": "alice", "client_id": "app", "jti": "1"})),
        (
            "Auth0, user",
            json!({"sub": "auth0|5f7c8ec7", "aud": [API, "https://op.example/userinfo"], "azp": "4vPlDt6h",
                   "scope": "openid profile", "permissions": ["read:x"]}),
        ),
        ("Auth0, service", json!({"sub": "4vPl@clients", "azp": "4vPl", "gty": "client-credentials"})),
        (
            "Entra v1, user",
            json!({"nbf": NOW.0, "acr": "1", "aio": "A", "amr": ["pwd"], "appid": "6731de76", "appidacr": "0",
                   "name": "Abe", "oid": "0000", "rh": "I", "scp": "user_impersonation", "sub": "HKZpfaHy",
                   "tid": "fa15", "unique_name": "abe@x.example", "uti": "FqiX", "ver": "1.0"}),
        ),
        (
            "Entra v1, service",
            json!({"appid": "6731de76", "appidacr": "1", "idp": "x", "oid": "0000", "sub": "0000", "ver": "1.0"}),
        ),
        (
            "Entra v2, user",
            json!({"azp": "6e74172b", "azpacr": "0", "name": "Abe", "oid": "0000", "scp": "access_as_user",
                   "preferred_username": "abe@x.example", "sub": "HKZpfaHy", "tid": "fa15", "ver": "2.0"}),
        ),
        (
            "Entra v2, a service that calls itself",
            json!({"aud": "client-1", "azp": "client-1", "azpacr": "1", "oid": "0", "sub": "0", "ver": "2.0"}),
        ),
        (
            "Okta",
            json!({"ver": 1, "jti": "AT.0mP4", "sub": "a@x.example", "cid": "nmdP1fcy", "uid": "00ujmk",
                   "scp": ["openid", "email"], "auth_time": NOW.0}),
        ),
        (
            "Cognito with a resource",
            json!({"sub": "aaaa-bbbb", "token_use": "access", "scope": "aws.cognito.signin.user.admin",
                   "auth_time": NOW.0, "jti": "a", "client_id": "xxxx", "username": "alice"}),
        ),
        (
            "Keycloak",
            json!({"jti": "1", "sub": "alice", "typ": "Bearer", "azp": "web", "sid": "1", "acr": "1",
                   "realm_access": {"roles": ["user"]}, "scope": "email", "email": "a@b.example"}),
        ),
        (
            "a client that is its own API",
            json!({"aud": "client-1", "azp": "client-1", "sub": "alice", "scope": "read"}),
        ),
        ("of one's own, without a date", json!({"sub": "alice", "iat": null})),
        ("Zitadel", json!({"aud": ["client-1", API], "sub": "1", "client_id": "client-1", "jti": "V2_1"})),
    ] {
        for typ in [json!(null), json!("JWT"), json!("application/JWT")] {
            assert_eq!(verdict(&typ, &claims(more.clone())), Ok(()), "{provider} {typ}");
        }
    }
}

#[test]
fn other_tokens_of_an_issuer_are_no_access_tokens() {
    let id = |more: Value| {
        let mut claims = claims(json!({"aud": "client-1", "sub": "alice"}));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let jarm = |more: Value| {
        let mut claims = json!({"iss": ISSUER, "aud": "client-1", "exp": NOW.0 + 600});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let id_token = VerificationError::IdTokenAsAccessToken;
    for (what, claims, why) in [
        ("an ID token at its shortest", id(json!({})), id_token),
        (
            "an ID token of a device or of a refresh",
            id(json!({"auth_time": NOW.0, "azp": "client-1", "email": "a@b.example", "sid": "1"})),
            id_token,
        ),
        ("an ID token for several", id(json!({"aud": ["client-1", "x"], "azp": "client-1"})), id_token),
        ("an ID token of Entra", id(json!({"oid": "0", "tid": "f", "roles": ["a"], "ver": "2.0"})), id_token),
        ("an ID token of Cognito", id(json!({"token_use": "id", "scope": "x"})), id_token),
        ("an ID token of Keycloak", id(json!({"typ": "ID", "azp": "other", "scope": "x"})), id_token),
        (
            "a refresh token",
            id(json!({"typ": "Refresh", "azp": "other", "scope": "x"})),
            VerificationError::Type,
        ),
        ("a refresh token", id(json!({"token_use": "refresh", "client_id": "x"})), VerificationError::Type),
        ("a logout token", id(json!({"typ": "Logout", "azp": "other"})), VerificationError::Type),
        ("JARM", jarm(json!({"code": "c0de", "state": "s"})), VerificationError::Value("state")),
        ("JARM without state", jarm(json!({"code": "c0de"})), VerificationError::Value("code")),
        ("JARM, an error", jarm(json!({"error": "access_denied"})), VerificationError::Value("error")),
        (
            "JARM, a token",
            jarm(json!({"access_token": "a", "token_type": "bearer", "scope": "x", "sub": "alice"})),
            VerificationError::Value("access_token"),
        ),
        (
            "JARM of whatever else",
            id(json!({"code": "c", "client_id": "app"})),
            VerificationError::Value("code"),
        ),
        ("nobody", jarm(json!({})), VerificationError::Missing("sub")),
        ("nobody may do something", jarm(json!({"scope": "x"})), VerificationError::Missing("sub")),
        ("a client without a name", id(json!({"cid": "", "appid": ""})), id_token),
    ] {
        for typ in [json!(null), json!("JWT")] {
            assert_eq!(verdict(&typ, &claims), Err(why), "{what} {typ}");
        }
    }
}

/// A `typ` may omit `application/`, but no other prefix of the same length.
#[test]
fn only_the_right_prefix_of_a_type_may_be_omitted() {
    let good = claims(json!({"sub": "alice", "client_id": "app", "jti": "1"}));
    for (typ, accepted) in [
        ("at+jwt", true),
        ("application/at+jwt", true),
        ("APPLICATION/AT+JWT", true),
        ("aPPLICATIOn/at+jwt", true),
        ("application.at+jwt", false),
        ("applicatiom/at+jwt", false),
        ("not+at+jwt+/at+jwt", false),
        ("            at+jwt", false),
        ("application/", false),
        ("application/application/at+jwt", false),
        ("\u{e9}pplication/at+jwt", false),
    ] {
        let token = raw(&header_with(json!({"typ": typ})), &good.to_string());
        let verdict = verifier().verify(&token, &keys(Algorithm::EdDSA), &mut Scratch::new(), NOW).map(drop);
        assert_eq!(verdict, if accepted { Ok(()) } else { Err(VerificationError::Type) }, "{typ}");
    }
    for (typ, accepted) in [("application/jwt", true), ("applicationzjwt", false), ("twelve-bytesjwt", false)]
    {
        assert_eq!(verdict(&json!(typ), &good).is_ok(), accepted, "{typ}");
    }
}
