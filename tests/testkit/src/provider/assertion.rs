//! Client assertions (RFC 7523 section 3, draft-ietf-oauth-rfc7523bis-11 section 5), read and verified without the
//! library under test.

use super::{ClientAuthentication, Registration, TestProvider, params::Params};
use crate::keys::{family, secret_length};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use oidc_proto::jose::Algorithm;
use ring::{hmac, signature};
use serde_json::{Map, Value};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest life of an assertion, in seconds, and the largest difference between the clocks.
const LONGEST: i64 = 300;
const SKEW: i64 = 5;

/// The audience that the provider wants in client assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer alone.
    #[default]
    Issuer,
    /// The token endpoint alone, at every endpoint.
    TokenEndpoint,
    /// The endpoint of the request alone.
    RequestedEndpoint,
}

impl TestProvider {
    /// Judges the assertion of a client, and notes what no client should have sent.
    pub(super) fn assertion(
        &mut self,
        client: &Registration,
        assertion: &str,
        params: &Params,
        request: &Request<Vec<u8>>,
    ) -> Result<(), String> {
        let judged = self.judge(client, assertion, params, request);
        if let Err(why) = &judged {
            self.audit.note(format!("a client assertion is refused: {why}"));
        }
        judged
    }

    fn judge(
        &mut self,
        client: &Registration,
        assertion: &str,
        params: &Params,
        request: &Request<Vec<u8>>,
    ) -> Result<(), String> {
        if params.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err("its `client_assertion_type` is another (RFC 7523 section 2.2)".into());
        }
        if let ClientAuthentication::Federated(credential) = &client.authentication {
            return self.judge_federated(credential, assertion);
        }
        let [header, claims] = self.signed_by(client, assertion)?;
        let typ = header.get("typ").and_then(Value::as_str);
        if self.settings.typed_assertions && typ != Some("client-authentication+jwt")
            || !matches!(typ, None | Some("JWT" | "client-authentication+jwt"))
        {
            return Err("its `typ` is another".into());
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let id = Some(client.client_id.as_str());
        if text("iss") != id || text("sub") != id {
            return Err("its `iss` or its `sub` is not the client (RFC 7523 section 3)".into());
        }
        let base = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        let wanted = match self.settings.assertion_audience {
            AssertionAudience::Issuer => self.issuer.clone(),
            AssertionAudience::TokenEndpoint => self.url(super::EndpointName::Token),
            AssertionAudience::RequestedEndpoint => {
                let url = url::Url::parse(base).map_err(|_| "no issuer")?;
                format!("{}{}", url.origin().ascii_serialization(), request.uri().path())
            }
        };
        if text("aud") != Some(&wanted) {
            return Err("its audience is another".into());
        }
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        let now = self.audit.now().0;
        match (time("exp"), time("iat")) {
            (Some(exp), _) if exp <= now => return Err("it has expired".into()),
            (Some(exp), _) if exp > now + LONGEST + SKEW => return Err("it lives for too long".into()),
            (Some(_), Some(iat)) if iat > now + SKEW => return Err("it is of the future".into()),
            (Some(_), Some(_)) => {}
            (..) => return Err("it lacks `exp` or `iat`".into()),
        }
        // 16 random bytes are 22 characters.
        match text("jti") {
            Some(jti) if jti.len() < 22 => Err("its `jti` can be guessed".into()),
            Some(jti) if !self.audit.first_time("the `jti` of a client assertion", jti) => {
                Err("its `jti` was used".into())
            }
            Some(_) => Ok(()),
            None => Err("it lacks `jti`".into()),
        }
    }

    /// Verifies the signature with the key of the registration. Returns the header and the claims.
    pub(super) fn signed_by(
        &self,
        client: &Registration,
        assertion: &str,
    ) -> Result<[Map<String, Value>; 2], String> {
        let parts: Vec<&str> = assertion.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err("it is no JWS".into()) };
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "its signature is not base64url")?;
        let input = &assertion.as_bytes()[..header.len() + 1 + claims.len()];
        let (header, claims) =
            object(header).zip(object(claims)).ok_or("its header or its claims are no JSON object")?;
        let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = Algorithm::from_name(alg).ok_or("its `alg` is unknown")?;
        if !self.settings.assertion_algorithms.contains(&algorithm) {
            return Err(format!("its `alg` is {alg}, which the metadata does not list"));
        }
        let verified = match &client.authentication {
            ClientAuthentication::ClientSecretJwt(secret) => {
                algorithm.is_symmetric()
                    && secret.len() >= secret_length(algorithm)
                    && mac(algorithm, secret, input, &signature)
            }
            ClientAuthentication::PrivateKeyJwt(jwk) => {
                if header.contains_key("kid") && header.get("kid") != jwk.get("kid") {
                    return Err("its `kid` is not that of the registered key".into());
                }
                !algorithm.is_symmetric() && verify(algorithm, jwk, input, &signature).unwrap_or(false)
            }
            _ => false,
        };
        if verified { Ok([header, claims]) } else { Err("its signature is not that of the client".into()) }
    }
}

pub(super) fn mac(algorithm: Algorithm, secret: &str, input: &[u8], signature: &[u8]) -> bool {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    hmac::verify(&hmac::Key::new(hash, secret.as_bytes()), input, signature).is_ok()
}

/// Verifies a signature with a JWK; `None` if the key is not for the algorithm.
pub(super) fn verify(algorithm: Algorithm, jwk: &Value, input: &[u8], signature: &[u8]) -> Option<bool> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let rsa = match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    };
    if let Some(rsa) = rsa {
        let key = signature::RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
        return Some(key.verify(rsa, input, signature).is_ok());
    }
    let (curve, scheme): (&str, &dyn signature::VerificationAlgorithm) = match family(algorithm) {
        "p256" => ("P-256", &signature::ECDSA_P256_SHA256_FIXED),
        "p384" => ("P-384", &signature::ECDSA_P384_SHA384_FIXED),
        _ => ("Ed25519", &signature::ED25519),
    };
    let point = match curve {
        "Ed25519" => number("x")?,
        _ => [vec![4], number("x")?, number("y")?].concat(),
    };
    let verified = signature::UnparsedPublicKey::new(scheme, point).verify(input, signature);
    Some(text("crv") == Some(curve) && verified.is_ok())
}
