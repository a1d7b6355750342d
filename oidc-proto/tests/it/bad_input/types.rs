//! Every member that limits a token or names its owner, in every JSON type and on every way in. A value of
//! the wrong type is refused and named, and never taken for absent. Only `null` counts as absent,
//! everywhere.

use super::{NOW, Party, ok};
use http::{HeaderMap, HeaderValue, Method};
use oidc_proto::{
    Error, Secret,
    base::{JsonError, base64url},
    flow::{ClientCredentialsRequest, Flow, ResponseRule, Step},
    jose::{Algorithm, Jwk, JwsError, KeySet, RingSigner, Sign},
    message::IntrospectionResponse,
    sender::{DpopVerifier, ProofError},
    token::{AccessTokenVerifier, Confirmation, Expected, IdTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::TestProvider;
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://op.example";
const API: &str = "https://api.example";
const URL: &str = "https://api.example/orders";

/// The type that a member must have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Text,
    /// A number. `null` counts as absent.
    Date,
    /// A number, or a text of digits.
    LooseDate,
    /// A string or an array of strings.
    Texts,
    Object,
    Boolean,
}

impl Type {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Date | Self::LooseDate => value.is_number(),
            Self::Texts => {
                value.is_string() || value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
            }
            Self::Object => value.is_object(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

/// A value of each JSON type, and some values that look like another type.
fn values() -> Vec<Value> {
    vec![
        json!(true),
        json!(false),
        json!(0),
        json!(7),
        json!(-7.5),
        json!("text"),
        json!("7"),
        json!([]),
        json!(["text"]),
        json!([7]),
        json!([null]),
        json!([["text"]]),
        json!({}),
        json!({"text": "text"}),
    ]
}

fn signer() -> RingSigner {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/testkit/data/test-only-keys.json")).unwrap();
    let keys = file["keys"].as_array().unwrap();
    let mut jwk = keys.iter().find(|key| key["material"] == "ed25519-1").unwrap().clone();
    jwk.as_object_mut().unwrap().remove("material");
    RingSigner::from_jwk(jwk.to_string().as_bytes(), Some(Algorithm::EdDSA)).unwrap()
}

fn keys() -> KeySet {
    KeySet::from_jwks(signer().public_jwk()).unwrap()
}

fn sign(header: &Value, payload: &Value) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = signer().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

/// An object whose member at this path has another value.
fn with(object: &Value, path: &str, value: Value) -> Value {
    let mut object = object.clone();
    match path.split_once('/') {
        Some((outer, inner)) => object[outer] = json!({inner: value}),
        None => object[path] = value,
    }
    object
}

/// Checks the verdict on every value of every member against the member's type. A verdict names the member
/// of the wrong type. A value of the right type may be refused only for its content.
fn hold(way: &str, good: &Value, members: &[(&str, Type)], verdict: impl Fn(&Value) -> Result<(), String>) {
    assert_eq!(verdict(good), Ok(()), "{way}: the unchanged token is accepted");
    for (path, of) in members {
        let member = path.rsplit('/').next().unwrap();
        for value in values() {
            if *of == Type::LooseDate && value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()) {
                continue;
            }
            let wrong = format!("type of {member}");
            let found = verdict(&with(good, path, value.clone()));
            if of.admits(&value) {
                assert_ne!(found, Err(wrong), "{way}: {path} {value}");
            } else {
                assert_eq!(found, Err(wrong), "{way}: {path} {value}");
            }
        }
        let absent = verdict(&with(good, path, Value::Null));
        assert_ne!(absent, Err(format!("type of {member}")), "{way}: {path} counts as absent");
    }
}

fn told(why: &JsonError) -> String {
    match why {
        JsonError::WrongType { member, .. } => format!("type of {member}"),
        other => other.to_string(),
    }
}

fn rejected(why: &VerificationError) -> String {
    match why {
        VerificationError::Claims(why) | VerificationError::Jws(JwsError::Header(why)) => told(why),
        other => other.to_string(),
    }
}

const HEADER: [(&str, Type); 5] = [
    ("alg", Type::Text),
    ("kid", Type::Text),
    ("typ", Type::Text),
    ("x5t#S256", Type::Text),
    ("jwk", Type::Object),
];

/// The claims that a JWT may have, whoever it is for.
const CLAIMS: [(&str, Type); 22] = [
    ("iss", Type::Text),
    ("sub", Type::Text),
    ("aud", Type::Texts),
    ("exp", Type::Date),
    ("nbf", Type::Date),
    ("iat", Type::Date),
    ("jti", Type::Text),
    ("azp", Type::Text),
    ("nonce", Type::Text),
    ("auth_time", Type::Date),
    ("acr", Type::Text),
    ("amr", Type::Texts),
    ("at_hash", Type::Text),
    ("c_hash", Type::Text),
    ("s_hash", Type::Text),
    ("sid", Type::Text),
    ("client_id", Type::Text),
    ("scope", Type::Texts),
    ("scp", Type::Texts),
    ("cnf", Type::Object),
    ("cnf/jkt", Type::Text),
    ("cnf/x5t#S256", Type::Text),
];

/// The claims that are set aside if they are of another type.
const ODD: [&str; 4] = ["auth_time", "acr", "amr", "sid"];

/// The claims that tell a plain JWT from other tokens.
const PLAIN: [(&str, Type); 5] = [
    ("cid", Type::Text),
    ("appid", Type::Text),
    ("azpacr", Type::Text),
    ("token_use", Type::Text),
    ("typ", Type::Text),
];

fn access_claims() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "aud": API, "client_id": "app", "jti": "1", "scope": "read",
           "iat": NOW.0, "exp": NOW.0 + 300})
}

#[test]
fn every_member_of_an_access_token_must_have_its_type() {
    let verify = |verifier: &AccessTokenVerifier, header: &Value, claims: &Value| {
        let token = sign(header, claims);
        let verdict = verifier.verify(&token, &keys(), &mut Scratch::new(), NOW).map(drop);
        verdict.map_err(|why| rejected(&why))
    };
    let strict = AccessTokenVerifier::new(ISSUER, API);
    let header = json!({"alg": "EdDSA", "typ": "at+jwt"});
    // Only some routes need these, and they refuse a token without them.
    let (others, needed): (Vec<_>, Vec<_>) = CLAIMS.iter().copied().partition(|(name, _)| ODD.contains(name));
    hold("JWT", &access_claims(), &needed, |claims| verify(&strict, &header, claims));
    let plain = AccessTokenVerifier::new(ISSUER, API).accept_plain_jwt();
    let untyped = json!({"alg": "EdDSA"});
    let all = [&needed[..], &PLAIN].concat();
    hold("plain JWT", &access_claims(), &all, |claims| verify(&plain, &untyped, claims));
    for (name, value) in others.iter().flat_map(|(name, _)| values().into_iter().map(move |v| (*name, v))) {
        let claims = with(&access_claims(), name, value.clone());
        for verdict in [verify(&strict, &header, &claims), verify(&plain, &untyped, &claims)] {
            assert_eq!(verdict, Ok(()), "{name} {value}");
        }
    }
    hold("header", &header, &HEADER[..4], |header| verify(&strict, header, &access_claims()));
    for member in ["crit", "b64"] {
        for value in values().into_iter().chain([Value::Null]) {
            let header = with(&header, member, value.clone());
            let critical = Err(VerificationError::Jws(JwsError::Critical).to_string());
            assert_eq!(verify(&strict, &header, &access_claims()), critical, "{member} {value}");
        }
    }
}

#[test]
fn every_member_of_an_id_token_must_have_its_type() {
    let verifier = IdTokenVerifier::new(ISSUER, "app");
    let claims = json!({"iss": ISSUER, "sub": "alice", "aud": "app", "iat": NOW.0, "exp": NOW.0 + 300,
                        "nonce": "n", "auth_time": NOW.0, "acr": "gold"});
    let expected = |wanted: &'static [String]| {
        let mut expected = Expected::default();
        (expected.nonce, expected.max_age, expected.acr) =
            (Some("n"), Some(std::time::Duration::from_secs(60)), wanted);
        expected
    };
    // A login needs none of these. They are set aside, or not looked at.
    let unneeded = |name: &str| {
        let outer = name.split('/').next().unwrap_or(name);
        ["jti", "amr", "sid", "client_id", "scope", "scp", "cnf"].contains(&outer)
    };
    let (others, needed): (Vec<_>, Vec<_>) = CLAIMS.iter().copied().partition(|(name, _)| unneeded(name));
    let verdict = |claims: &Value| {
        let token = Secret::new(sign(&json!({"alg": "EdDSA"}), claims));
        let gold: &'static [String] = Box::leak(Box::new(["gold".to_owned()]));
        let verdict = verifier.verify(&token, &keys(), &expected(gold), NOW).map(drop);
        verdict.map_err(|why| rejected(&why))
    };
    hold("ID token", &claims, &needed, verdict);
    for (path, value) in
        others.iter().flat_map(|(path, _)| values().into_iter().map(move |value| (path, value)))
    {
        assert_eq!(verdict(&with(&claims, path, value.clone())), Ok(()), "{path} {value}");
    }
}

const INTROSPECTED: [(&str, Type); 15] = [
    ("active", Type::Boolean),
    ("iss", Type::Text),
    ("sub", Type::Text),
    ("aud", Type::Texts),
    ("exp", Type::LooseDate),
    ("nbf", Type::LooseDate),
    ("iat", Type::LooseDate),
    ("client_id", Type::Text),
    ("azp", Type::Text),
    ("token_type", Type::Text),
    ("scope", Type::Texts),
    ("scp", Type::Texts),
    ("typ", Type::Text),
    ("token_use", Type::Text),
    ("cnf", Type::Object),
];

fn introspected() -> Value {
    json!({"active": true, "iss": ISSUER, "sub": "alice", "aud": API, "client_id": "app", "scope": "read",
           "token_type": "Bearer", "exp": NOW.0 + 300})
}

#[test]
fn every_member_of_an_introspection_response_must_have_its_type() {
    let mut party = Party::new();
    party.provider = TestProvider::new("https://op.example");
    hold("introspection flow", &introspected(), &INTROSPECTED, |said| {
        let metadata = party.client.metadata().clone();
        let mut document = party.provider.metadata();
        document["introspection_endpoint"] = json!("https://op.example/introspect");
        let metadata = oidc_proto::metadata::ProviderMetadata::parse(
            document.to_string().as_bytes(),
            &metadata.issuer,
            oidc_proto::metadata::Profile::OpenIdProvider,
            &oidc_proto::UrlPolicy::default(),
        );
        let client = oidc_proto::flow::Client::builder(metadata.unwrap(), "api").secret("s").build().unwrap();
        one(
            client.introspect_once(&Secret::new("t"), None, oidc_proto::Moment::new(NOW, [7; 32])).unwrap(),
            said,
        )
    });
    let in_cnf = [("cnf/jkt", Type::Text), ("cnf/x5t#S256", Type::Text)];
    // Without `active`, no other member counts.
    let members = [&INTROSPECTED[1..], &in_cnf].concat();
    hold("introspection claims", &introspected(), &members, |said| {
        let members: Map<String, Value> = said.as_object().unwrap().clone();
        // A resource server reads the binding of the token.
        let said = IntrospectionResponse::from_members(members);
        let bound = said.and_then(|said| said.cnf.map(Confirmation::from_members).transpose());
        bound.map(drop).map_err(|why| told(&why))
    });
    // Only some routes need these, and they refuse a token without them.
    for (name, value) in
        ["acr", "auth_time"].into_iter().flat_map(|name| values().into_iter().map(move |v| (name, v)))
    {
        let said = with(&introspected(), name, value.clone());
        let said = IntrospectionResponse::from_members(said.as_object().unwrap().clone());
        assert!(said.is_ok(), "{name} {value}");
    }
}

/// The member that a flow's verdict on this body names.
fn one<F: Flow>(call: oidc_proto::flow::Call<F>, body: &Value) -> Result<(), String> {
    let (_, _, pending) = call.into_parts();
    match pending.receive(ok(body.to_string()), oidc_proto::Moment::new(NOW, [1; 32])) {
        Ok(Step::Done(_)) => Ok(()),
        Ok(other) => panic!("{other:?}"),
        Err(Error::Response(error)) => Err(match &error.rule {
            ResponseRule::Json(why) => told(why),
            other => other.to_string(),
        }),
        Err(other) => Err(other.to_string()),
    }
}

#[test]
fn every_member_of_a_token_response_must_have_its_type() {
    let party = Party::new();
    let good = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "scope": "read",
                      "refresh_token": "r"});
    let members = [
        ("access_token", Type::Text),
        ("token_type", Type::Text),
        ("expires_in", Type::Date),
        ("scope", Type::Text),
        ("refresh_token", Type::Text),
        ("id_token", Type::Text),
    ];
    hold("token response", &good, &members, |body| {
        one(
            party
                .client
                .client_credentials_once(
                    &ClientCredentialsRequest::default(),
                    oidc_proto::Moment::new(NOW, [7; 32]),
                )
                .unwrap(),
            body,
        )
    });
}

#[test]
fn every_member_of_a_dpop_proof_must_have_its_type() {
    let jwk: Jwk = signer().public_jwk().unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk.to_json()});
    let ath = base64url::encode(ring::digest::digest(&ring::digest::SHA256, b"token").as_ref());
    let claims = json!({"jti": "1", "htm": "GET", "htu": URL, "iat": NOW.0, "ath": ath});
    let verify = |header: &Value, claims: &Value| {
        let mut headers = HeaderMap::new();
        headers.insert("dpop", HeaderValue::from_str(&sign(header, claims)).unwrap());
        let token = Secret::new("token");
        let verdict = DpopVerifier::new().verify(&headers, &Method::GET, URL, Some(&token), NOW);
        verdict.map(drop).map_err(|why| match why {
            ProofError::Claims(why) | ProofError::Jws(JwsError::Header(why)) => told(&why),
            other => other.to_string(),
        })
    };
    let members = [
        ("jti", Type::Text),
        ("htm", Type::Text),
        ("htu", Type::Text),
        ("iat", Type::Date),
        ("ath", Type::Text),
        ("nonce", Type::Text),
    ];
    hold("DPoP proof", &claims, &members, |claims| verify(&header, claims));
    hold("DPoP header", &header, &HEADER, |header| verify(header, &claims));
}
