//! The code of `docs/migrate-jsonwebtoken.md`.

use super::{API, loopback, socket};
use oidc_proto::{flow::ClientCredentialsRequest, jose::*};
use oidc_testkit::{EndpointName, Socket};

// GUIDE: handle
mod handle {
    use oidc_hyper::{Http, Provider, ProviderError};
    use oidc_proto::UrlPolicy;
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct Claims {
        pub sub: String,
        pub department: Option<String>,
    }

    /// Makes the handle. Call it once, and keep the result.
    pub fn api(issuer: &str, urls: UrlPolicy) -> Result<Provider, ProviderError> {
        // `UrlPolicy::default()`, unless the provider is on this machine.
        Http::new().provider(issuer).url_policy(urls).audience("https://api.example/").build()
    }

    pub async fn claims(
        api: &Provider,
        token: &str,
    ) -> Result<Claims, Box<dyn std::error::Error + Send + Sync>> {
        Ok(api.verify(token, |token| token.custom::<Claims>()).await??)
    }
}
// GUIDE: end

// GUIDE: plain
mod plain {
    use oidc_hyper::{Http, Provider, ProviderError};
    use oidc_proto::{UrlPolicy, jose::*};
    use std::time::Duration;

    pub fn api(issuer: &str, urls: UrlPolicy) -> Result<Provider, ProviderError> {
        let http = Http::new();
        let api = http.provider(issuer).url_policy(urls).audience("https://api.example/");
        api.access_tokens(|demands| {
            demands
                .accept_plain_jwt() // `typ` may be absent or `JWT`
                .or_audience("my-old-api")
                .algorithms(AlgorithmSet::EMPTY.with(Algorithm::RS256).with(Algorithm::ES256))
                .leeway(Duration::from_secs(60))
        })
        .build()
    }
}
// GUIDE: end

// GUIDE: keys
mod keys {
    use oidc_proto::{Timestamp, jose::*, token::*};

    /// Reads the JSON of a JWK Set. Call it once: reading prepares the keys.
    pub fn prepare(issuer: &str, jwks: &[u8]) -> Result<(AccessTokenVerifier, KeySet), KeySetError> {
        Ok((AccessTokenVerifier::new(issuer, "https://api.example/"), KeySet::parse(jwks)?))
    }

    pub fn may_read(
        (verifier, keys): &(AccessTokenVerifier, KeySet),
        token: &str,
        scratch: &mut Scratch, // with one for each thread, nothing is allocated
        now: Timestamp,
    ) -> Result<bool, VerificationError> {
        Ok(verifier.verify(token, keys, scratch, now)?.has_scope("api:read"))
    }
}
// GUIDE: end

// GUIDE: secret
mod secret {
    use oidc_proto::{Secret, Timestamp, jose::*, token::*};

    pub fn subject(
        token: &str,
        shared: &Secret,
        now: Timestamp,
    ) -> Result<Option<String>, VerificationError> {
        let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example/")
            .accept_plain_jwt()
            .algorithms(AlgorithmSet::EMPTY.with(Algorithm::HS256)); // never by default
        let (keys, mut scratch) = (KeySet::from_secret(shared), Scratch::new());
        let verified = verifier.verify(token, &keys, &mut scratch, now)?;
        Ok(verified.claims().sub.as_deref().map(str::to_owned))
    }
}
// GUIDE: end

// GUIDE: sign
mod sign {
    use oidc_proto::jose::*;
    use serde::Serialize;

    pub fn encode(
        signer: &dyn Sign,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let header = [("typ".to_owned(), typ.into())]; // the signer adds `alg` and `kid`
        Ok(sign_compact(signer, header.into_iter().collect(), &serde_json::to_vec(claims)?)?)
    }

    /// Verifies only the signature. Your code judges the payload.
    pub fn decode(
        token: &str,
        keys: &KeySet,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        let mut buffers = Scratch::default();
        let jws = verify_compact(token, keys, AlgorithmSet::ASYMMETRIC, &mut buffers)?;
        Ok(serde_json::from_slice(jws.payload())?)
    }
}
// GUIDE: end

// GUIDE: errors
mod errors {
    use oidc_hyper::ProviderError;
    use oidc_proto::token::VerificationError;

    pub fn answer(error: &ProviderError) -> (u16, &'static str) {
        match error {
            ProviderError::AccessToken(VerificationError::Expired { .. }) => (401, "log in again"),
            ProviderError::AccessToken(rejected) => (401, rejected.code()),
            ours => (503, ours.code()), // no keys: the sender of the token is not to blame
        }
    }
}
// GUIDE: end

/// Returns an access token for the API, and the keys of its issuer.
async fn issued(socket: &Socket) -> (String, Vec<u8>) {
    let client = oidc_hyper::Http::new().provider(socket.issuer()).url_policy(loopback());
    let provider = client.client_id("my-client").secret("my secret").build().expect("settings that fit");
    let token =
        provider.client_credentials(&ClientCredentialsRequest::new(["api:read"])).await.expect("a token");
    let keys = socket.provider(|provider| provider.key_set().to_string().into_bytes());
    (token.value.access_token.expose().to_owned(), keys)
}

/// Returns this token with a wrong signature.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a JWS");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

#[tokio::test]
async fn a_token_is_verified_and_its_keys_are_fetched_once() {
    let socket = socket();
    let (token, _) = issued(&socket).await;
    let api = handle::api(socket.issuer(), loopback()).expect("settings that fit");
    for _ in 0..3 {
        let claims = handle::claims(&api, &token).await.expect("a good token");
        assert_eq!((&*claims.sub, claims.department), ("my-client", None));
    }
    assert_eq!(socket.provider(|provider| provider.count(EndpointName::Jwks)), 1);
    let other = handle::claims(&api, "not a token").await.map(drop).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the access token is refused: the JWT does not consist of three parts with dots between them"
    );
}

#[tokio::test]
async fn a_plain_jwt_is_accepted_only_if_the_setting_allows_it() {
    let socket = socket();
    socket.provider(|provider| {
        provider.alter_access_token(|header, claims| {
            header.insert("typ".into(), "JWT".into());
            claims.insert("aud".into(), "my-old-api".into());
        });
    });
    let (token, _) = issued(&socket).await;
    let strict = handle::api(socket.issuer(), loopback()).expect("settings that fit");
    assert_eq!(strict.verify(&token, |_| ()).await.unwrap_err().code(), "token_typ");
    let plain = plain::api(socket.issuer(), loopback()).expect("settings that fit");
    plain.verify(&token, |_| ()).await.expect("a plain JWT");
}

#[tokio::test]
async fn known_keys_are_enough_and_a_refusal_names_its_reason() {
    let socket = socket();
    let (token, jwks) = issued(&socket).await;
    let (prepared, now) = (keys::prepare(socket.issuer(), &jwks).expect("a JWK Set"), oidc_drive::now());
    let mut scratch = oidc_proto::token::Scratch::new();
    assert_eq!(keys::may_read(&prepared, &token, &mut scratch, now), Ok(true));
    let later = keys::may_read(&prepared, &token, &mut scratch, now.plus(86_400)).unwrap_err();
    assert_eq!(errors::answer(&later.into()), (401, "log in again"));
    let forged = keys::may_read(&prepared, &forged(&token), &mut scratch, now).unwrap_err();
    assert_eq!(errors::answer(&forged.into()), (401, "jws_signature"));
}

#[tokio::test]
async fn an_outage_of_the_provider_is_not_blamed_on_the_token() {
    let socket = socket();
    let (token, _) = issued(&socket).await;
    let api = handle::api(socket.issuer(), loopback()).expect("settings that fit");
    drop(socket);
    let error = api.verify(&token, |_| ()).await.unwrap_err();
    assert_eq!(errors::answer(&error), (503, "no_response"));
}

#[test]
fn custom_tokens_are_signed_and_verified() {
    let random = ring::rand::SystemRandom::new();
    let key = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let signer = RingSigner::from_pkcs8(Algorithm::EdDSA, key.as_ref(), Some("one")).expect("a signer");
    let claims = serde_json::json!({ "sub": "alice" });
    let token = sign::encode(&signer, "session+jwt", &claims).expect("a token");
    let keys = KeySet::from_jwks(signer.public_jwk()).expect("a key");
    assert_eq!(sign::decode(&token, &keys).expect("a signature"), claims);
    let error = sign::decode(&forged(&token), &keys).unwrap_err();
    assert_eq!(error.to_string(), JwsError::Signature.to_string());
}

#[test]
fn a_shared_secret_counts_only_with_the_setting_for_it() {
    let secret = oidc_proto::Secret::new("a secret of at least thirty-two bytes");
    let signer = RingSigner::from_secret(Algorithm::HS256, &secret, None).expect("a signer");
    let now = oidc_drive::now();
    let claims = serde_json::json!({
        "iss": "https://op.example", "aud": API, "sub": "alice", "exp": now.plus(60).0,
    });
    let token = sign::encode(&signer, "JWT", &claims).expect("a token");
    assert_eq!(secret::subject(&token, &secret, now), Ok(Some("alice".to_owned())));
    let other = oidc_proto::Secret::new("another one of at least thirty-two bytes");
    assert_eq!(secret::subject(&token, &other, now).unwrap_err().code(), "jws_signature");
    let default = oidc_proto::token::AccessTokenVerifier::new("https://op.example", API).accept_plain_jwt();
    let keys = KeySet::from_secret(&secret);
    let mut scratch = oidc_proto::token::Scratch::new();
    let refused = default.verify(&token, &keys, &mut scratch, now).unwrap_err();
    assert_eq!(refused.code(), "jws_alg_not_allowed");
}
