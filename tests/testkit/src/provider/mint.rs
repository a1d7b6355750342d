//! Honest and forged tokens: ID tokens (OpenID Connect Core 1.0 section 2) and JWT access tokens (RFC 9068
//! section 2.2).

use super::{
    Registration, TestProvider,
    store::{Access, Grant},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use ring::digest;
use serde_json::{Map, Value, json};

pub(super) type TokenAlteration = Box<dyn FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send>;

/// The ways in which the following tokens differ from honest ones.
#[derive(Default)]
pub(super) struct Forgery {
    pub(super) id_token: Vec<TokenAlteration>,
    pub(super) access_token: Vec<TokenAlteration>,
    pub(super) introspection: Vec<TokenAlteration>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) generation: Option<u32>,
    pub(super) broken: bool,
}

impl TestProvider {
    pub(super) fn mint_id_token(
        &mut self,
        client: &Registration,
        grant: &Grant,
        nonce: Option<&str>,
        access_token: &str,
        now: Timestamp,
    ) -> String {
        self.mint_id_token_with(client, grant, nonce, access_token, Map::new(), now)
    }

    /// An ID token with more claims.
    pub(super) fn mint_id_token_with(
        &mut self,
        client: &Registration,
        grant: &Grant,
        nonce: Option<&str>,
        access_token: &str,
        more: Map<String, Value>,
        now: Timestamp,
    ) -> String {
        let algorithm = self.forgery.algorithm.unwrap_or(client.id_token_alg);
        let mut claims = object(json!({
            "iss": self.issuer,
            "sub": grant.subject(),
            "aud": client.client_id,
            "exp": now.0 + self.settings.id_token_lifetime,
            "iat": now.0,
            "auth_time": grant.auth_time.0,
            "at_hash": left_half_hash(algorithm, access_token),
        }));
        claims.extend(more);
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        if let Some(acr) = &grant.acr {
            claims.insert("acr".to_owned(), acr.as_str().into());
        }
        if let (Some(user), Some(asked)) = (&grant.user, grant.claims["id_token"].as_object()) {
            let asked = user.claims.iter().filter(|(name, _)| asked.contains_key(*name));
            claims.extend(asked.map(|(name, value)| (name.clone(), value.clone())));
        }
        let mut alterations = std::mem::take(&mut self.forgery.id_token);
        let token = self.sign(client, algorithm, Map::new(), claims, &mut alterations);
        self.forgery.id_token = alterations;
        token
    }

    pub(super) fn mint_access_token(
        &mut self,
        client: &Registration,
        index: usize,
        scope: &[String],
        resources: &[String],
        now: Timestamp,
    ) -> String {
        let grant = self.store.grant(index).clone();
        let lifetime = self.settings.access_token_lifetime;
        let audience = match resources {
            [] => self.settings.default_resource.as_str().into(),
            [one] => one.as_str().into(),
            several => Value::from(several),
        };
        let mut claims = object(json!({
            "iss": self.issuer,
            "aud": audience,
            "sub": grant.subject(),
            "client_id": client.client_id,
            "iat": now.0,
            "exp": now.0 + lifetime,
            "jti": self.fresh(),
        }));
        if !scope.is_empty() {
            claims.insert("scope".to_owned(), scope.join(" ").into());
        }
        if grant.user.is_some() {
            claims.insert("auth_time".to_owned(), grant.auth_time.0.into());
        }
        if let Some(thumbprint) = &self.dpop.proven {
            claims.insert("cnf".to_owned(), json!({ "jkt": thumbprint }));
        }
        if let Some(bound) = self.bound_certificate(client) {
            claims.insert("cnf".to_owned(), bound);
        }
        claims.extend(self.delegation(index));
        if let Some(details) = &self.rar.minted {
            claims.insert(super::rar::PARAMETER.to_owned(), details.clone().into());
        }
        let algorithm = self.forgery.algorithm.unwrap_or(self.settings.access_token_alg);
        let mut alterations = std::mem::take(&mut self.forgery.access_token);
        let header = object(json!({ "typ": "at+jwt" }));
        let told = claims.clone();
        let token = match self.settings.opaque_access_tokens {
            true => self.fresh(),
            false => self.sign(client, algorithm, header, claims, &mut alterations),
        };
        self.forgery.access_token = alterations;
        let (scope, expires) = (scope.to_vec(), now.plus(lifetime));
        let known = Access { grant: index, claims: told, scope, expires };
        self.store.access_tokens.insert(token.clone(), known);
        token
    }

    /// Signs an ID-JAG (ID-JAG draft section 3). An alteration of access tokens alters it, too: it takes their place.
    pub(super) fn mint_id_jag(&mut self, client: &Registration, claims: Map<String, Value>) -> String {
        let algorithm = self.forgery.algorithm.unwrap_or(self.settings.access_token_alg);
        let mut alterations = std::mem::take(&mut self.forgery.access_token);
        let header = object(json!({ "typ": "oauth-id-jag+jwt" }));
        let assertion = self.sign(client, algorithm, header, claims, &mut alterations);
        self.forgery.access_token = alterations;
        assertion
    }

    pub(super) fn sign(
        &self,
        client: &Registration,
        algorithm: Algorithm,
        mut header: Map<String, Value>,
        mut claims: Map<String, Value>,
        alterations: &mut [TokenAlteration],
    ) -> String {
        let generation = self.forgery.generation.unwrap_or(self.keys.current);
        let (signer, kid) = self.keys.signer(algorithm, generation, client.authentication.secret());
        header.insert("alg".to_owned(), algorithm.name().into());
        if let Some(kid) = kid {
            header.insert("kid".to_owned(), kid.into());
        }
        for alteration in alterations {
            alteration(&mut header, &mut claims);
        }
        let unsigned = header.get("alg").is_some_and(|alg| alg == "none");
        let encode = |members| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let mut signature = match unsigned {
            true => Vec::new(),
            false => signer.sign(input.as_bytes()).expect("a test key signs"),
        };
        if self.forgery.broken
            && let Some(byte) = signature.last_mut()
        {
            *byte ^= 1;
        }
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The `at_hash` of an access token (OpenID Connect Core 1.0 section 3.1.3.6), computed without the library
/// under test.
pub(super) fn left_half_hash(algorithm: Algorithm, token: &str) -> String {
    let name = algorithm.name();
    let hash = match name.get(name.len().saturating_sub(3)..) {
        Some("256") => &digest::SHA256,
        Some("384") => &digest::SHA384,
        _ => &digest::SHA512,
    };
    let hash = digest::digest(hash, token.as_bytes());
    let half = hash.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..half])
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The access token and the hash are those of OpenID Connect Core 1.0 appendix A.3.
    #[test]
    fn at_hash_equals_the_example_of_the_specification() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(left_half_hash(Algorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(left_half_hash(Algorithm::ES384, token).len(), 32);
        assert_eq!(left_half_hash(Algorithm::EdDSA, token).len(), 43);
        assert_eq!(left_half_hash(Algorithm::Ed25519, token).len(), 43);
    }
}
