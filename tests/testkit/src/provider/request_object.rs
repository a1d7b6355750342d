//! Request objects (RFC 9101), read and verified without the library under test.

use super::{
    ClientAuthentication, Registration, TestProvider,
    assertion::{mac, verify},
    params::Params,
};
use crate::keys::secret_length;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use serde_json::{Map, Value};

/// The longest life of a request object, in seconds, and the largest difference between the clocks.
const LONGEST: i64 = 3600;
const SKEW: i64 = 5;

impl TestProvider {
    /// Serves a request object at a URL, as its client does. The provider fetches it there.
    pub fn host_request_object(&mut self, request_uri: impl Into<String>, request_object: impl Into<String>) {
        self.forms.hosted.insert(request_uri.into(), request_object.into());
    }

    /// Sets the algorithms of request objects that the metadata lists, and that are accepted. All by default.
    pub fn request_object_algorithms<const N: usize>(&mut self, algorithms: [Algorithm; N]) {
        self.forms.algorithms = algorithms.to_vec();
    }

    /// Verifies a request object of a client, and returns the parameters inside. The error says what is wrong with it.
    pub(super) fn request_object(
        &mut self,
        client: &Registration,
        object: &str,
        now: Timestamp,
    ) -> Result<Params, String> {
        let [header, claims] = self.signed_request(client, object)?;
        if header.get("typ").and_then(Value::as_str) != Some("oauth-authz-req+jwt") {
            return Err("its `typ` is another (RFC 9101 section 10.8)".into());
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let id = Some(client.client_id.as_str());
        if text("iss") != id || text("client_id") != id {
            return Err("its `iss` or its `client_id` is not the client (RFC 9101 section 4)".into());
        }
        if claims.contains_key("sub") {
            return Err("it has a `sub` (RFC 9101 section 10.8)".into());
        }
        if text("aud") != Some(&self.issuer) {
            return Err("its `aud` is not this provider (RFC 9101 section 4)".into());
        }
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        match (time("nbf"), time("iat"), time("exp")) {
            (.., Some(exp)) if exp <= now.0 => return Err("it has expired".into()),
            (Some(nbf), ..) if nbf > now.0 + SKEW => return Err("it is of the future".into()),
            (Some(nbf), _, Some(exp)) if exp - nbf > LONGEST => return Err("it lives for too long".into()),
            (Some(_), Some(_), Some(_)) => {}
            _ => return Err("it lacks `exp`, `nbf` or `iat`".into()),
        }
        if let Some(name) = ["request", "request_uri"].into_iter().find(|name| claims.contains_key(*name)) {
            return Err(format!("it has `{name}` (RFC 9101 section 4)"));
        }
        match text("jti") {
            Some(jti) if jti.len() < 22 => return Err("its `jti` can be guessed".into()),
            Some(jti) if !self.audit.first_time("the `jti` of a request object", jti) => {
                return Err("its `jti` was used".into());
            }
            Some(_) => {}
            None => return Err("it lacks `jti`".into()),
        }
        let params = parameters(&claims)?;
        self.audit.parameters(&params, &self.authorization_parameters());
        Ok(params)
    }

    /// Verifies the signature with the key of the registration. Returns the header and the claims.
    fn signed_request(&self, client: &Registration, object: &str) -> Result<[Map<String, Value>; 2], String> {
        let parts: Vec<&str> = object.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err("it is no JWS".into()) };
        let members = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "its signature is not base64url")?;
        let input = &object.as_bytes()[..header.len() + 1 + claims.len()];
        let (header, claims) =
            members(header).zip(members(claims)).ok_or("its header or its claims are no JSON object")?;
        let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = Algorithm::from_name(alg).ok_or("its `alg` is unknown")?;
        if !self.forms.algorithms.contains(&algorithm) {
            return Err(format!("its `alg` is {alg}, which the metadata does not list"));
        }
        let jwk = match (&client.request_object_key, &client.authentication) {
            (Some(jwk), _) | (None, ClientAuthentication::PrivateKeyJwt(jwk)) => Some(jwk),
            _ => None,
        };
        let verified = match (algorithm.is_symmetric(), jwk, client.authentication.secret()) {
            (false, Some(jwk), _) => {
                if header.contains_key("kid") && header.get("kid") != jwk.get("kid") {
                    return Err("its `kid` is not that of the registered key".into());
                }
                verify(algorithm, jwk, input, &signature).unwrap_or(false)
            }
            (true, _, Some(secret)) => {
                secret.len() >= secret_length(algorithm) && mac(algorithm, secret, input, &signature)
            }
            _ => false,
        };
        if verified { Ok([header, claims]) } else { Err("its signature is not that of the client".into()) }
    }
}

/// The claims about the request object itself.
const ABOUT: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// Returns the parameters in the claims. A number must be a number, and JSON must be JSON (RFC 9101 section 4).
fn parameters(claims: &Map<String, Value>) -> Result<Params, String> {
    let mut pairs = Vec::new();
    for (name, value) in claims.iter().filter(|(name, _)| !ABOUT.contains(&name.as_str())) {
        let mut put = |text: String| pairs.push((name.clone(), text));
        match value {
            Value::Number(number) if name == "max_age" => put(number.to_string()),
            Value::Object(_) if name == "claims" => put(value.to_string()),
            Value::Array(_) if name == "authorization_details" => put(value.to_string()),
            Value::Array(several) if name == "resource" || name == "audience" => {
                for one in several {
                    put(one.as_str().ok_or(format!("`{name}` has something that is no text"))?.to_owned());
                }
            }
            Value::String(_) if ["max_age", "claims"].contains(&name.as_str()) => {
                return Err(format!("`{name}` is a text (RFC 9101 section 4)"));
            }
            Value::String(text) => put(text.clone()),
            _ => return Err(format!("`{name}` has the wrong type (RFC 9101 section 4)")),
        }
    }
    Ok(Params::of(pairs))
}
