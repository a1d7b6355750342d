//! Proof of possession (RFC 9449): the provider judges proofs with code of its own, demands nonces, and binds codes and
//! tokens to keys.

use super::{
    ClientAuthentication, EndpointName, TestProvider, assertion::verify, form, insert, json, token::Refusal,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, Response, StatusCode, header};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// How old or how early a proof may be, in seconds.
const AGE: i64 = 60;

/// The rules for proofs, and what is bound to which key.
#[derive(Default)]
pub(super) struct Dpop {
    algorithms: Vec<Algorithm>,
    required: bool,
    /// The lifetime of a nonce in seconds, if proofs need one.
    nonces: Option<i64>,
    /// Every nonce that a response has named.
    named: BTreeSet<String>,
    /// The thumbprint of the key that has proven the present request.
    pub(super) proven: Option<String>,
    codes: BTreeMap<String, String>,
    /// Only those of public clients (section 5).
    refresh_tokens: BTreeMap<String, String>,
    access_tokens: BTreeMap<String, String>,
}

/// Why a proof does not count.
enum Refused {
    Nonce,
    Proof(String),
}

/// Set-up of DPoP.
impl TestProvider {
    /// Accepts DPoP proofs with these algorithms, and lists them in the metadata. By default, a proof is not looked at.
    pub fn accept_dpop<const N: usize>(&mut self, algorithms: [Algorithm; N]) {
        self.dpop.algorithms = algorithms.to_vec();
        self.audit.allow(EndpointName::Authorize, "dpop_jkt".to_owned());
    }

    /// Whether each token request needs a proof.
    pub fn require_dpop(&mut self, on: bool) {
        self.dpop.required = on;
    }

    /// Demands a nonce in each proof. It changes after this many seconds, and the one before still counts.
    pub fn demand_dpop_nonces(&mut self, seconds: i64) {
        self.dpop.nonces = Some(seconds.max(1));
    }

    /// The nonce that a proof needs now.
    #[must_use]
    pub fn dpop_nonce(&self, now: Timestamp) -> Option<String> {
        self.dpop.nonces.map(|lifetime| self.nonce_of(now.0.div_euclid(lifetime)))
    }

    /// The names of the algorithms, for the metadata.
    pub(super) fn dpop_algorithms(&self) -> Option<Value> {
        let names = self.dpop.algorithms.iter().map(|algorithm| algorithm.name());
        (!self.dpop.algorithms.is_empty()).then(|| names.collect())
    }

    fn nonce_of(&self, slot: i64) -> String {
        hashed(format!("a nonce of {} in slot {slot}", self.issuer).as_bytes())
    }
}

impl TestProvider {
    /// The authorization endpoint: a code is bound to the key that `dpop_jkt` names (section 10).
    pub(super) fn bound_authorize(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        let response = self.authorize(request, now);
        let query = request.uri().query().unwrap_or_default();
        let asked = super::Params::parse(query.as_bytes()).get("dpop_jkt").map(str::to_owned);
        let asked = asked.or_else(|| form(request).get("dpop_jkt").map(str::to_owned));
        let to = response.headers().get(header::LOCATION).and_then(|to| Url::parse(to.to_str().ok()?).ok());
        let code =
            to.and_then(|to| to.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into()));
        if let (Some(thumbprint), Some(code)) = (asked, code)
            && !self.dpop.algorithms.is_empty()
        {
            if URL_SAFE_NO_PAD.decode(&thumbprint).map_or(0, |bytes| bytes.len()) != 32 {
                self.audit.note("dpop_jkt is no SHA-256 thumbprint (RFC 9449 section 10)");
            }
            self.dpop.codes.insert(code, thumbprint);
        }
        response
    }

    /// The token endpoint, with a proof or without one.
    pub(super) fn proven_token(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        if self.dpop.algorithms.is_empty() {
            return self.token(request, now);
        }
        let mut response = match self.judge_token_proof(request, now) {
            Ok(()) => self.token(request, now),
            Err(refusal) => refusal.into_response(),
        };
        if let Some(thumbprint) = self.dpop.proven.take()
            && response.status() == StatusCode::OK
        {
            self.bind(&mut response, &thumbprint);
        }
        self.name_nonce(&mut response, now);
        response
    }

    /// Judges the proof of a token request, and whether its code or refresh token is bound to another key.
    fn judge_token_proof(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Result<(), Refusal> {
        let proven = match self.proven(request, None, now) {
            Ok(proven) => proven,
            Err(Refused::Nonce) => return Err(Refusal::bad("use_dpop_nonce", "the proof needs a nonce")),
            Err(Refused::Proof(why)) => {
                self.audit.note(format!("a DPoP proof is refused: {why}"));
                return Err(Refusal::bad("invalid_dpop_proof", &why));
            }
        };
        if proven.is_none() && self.dpop.required {
            self.audit.note("a token request without a DPoP proof");
            return Err(Refusal::bad("invalid_dpop_proof", "no DPoP proof"));
        }
        let params = form(request);
        let bound = params.get("code").and_then(|code| self.dpop.codes.get(code));
        let bound = bound
            .or_else(|| params.get("refresh_token").and_then(|token| self.dpop.refresh_tokens.get(token)));
        if bound.is_some_and(|bound| Some(bound) != proven.as_ref()) {
            return Err(self.refused("the code or the refresh token is bound to another key (RFC 9449)"));
        }
        self.dpop.proven = proven;
        Ok(())
    }

    /// Calls the access token by its type, and remembers to which key the tokens are bound.
    fn bind(&mut self, response: &mut Response<Vec<u8>>, thumbprint: &str) {
        let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(response.body()) else { return };
        members.insert("token_type".to_owned(), "DPoP".into());
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(token) = text("access_token") {
            self.dpop.access_tokens.insert(token, thumbprint.to_owned());
        }
        if let Some(token) = text("refresh_token")
            && self.is_of_public_client(&token)
        {
            self.dpop.refresh_tokens.insert(token, thumbprint.to_owned());
        }
        *response.body_mut() = Value::Object(members).to_string().into_bytes();
    }

    fn is_of_public_client(&self, refresh_token: &str) -> bool {
        let Some(token) = self.store.refresh_tokens.get(refresh_token) else { return false };
        let client = self.clients.get(&self.store.grant(token.grant).client_id);
        client.is_some_and(|client| client.authentication == ClientAuthentication::None)
    }

    /// UserInfo, for a bearer token or for a bound one (section 7).
    pub(super) fn proven_userinfo(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        if self.dpop.algorithms.is_empty() {
            return self.userinfo(request, now);
        }
        let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = value.and_then(|value| value.split_once(' ')).unwrap_or_default();
        let bound = self.dpop.access_tokens.get(token).cloned();
        let mut response = if scheme.eq_ignore_ascii_case("dpop") {
            match self.proven(request, Some(token), now) {
                Err(Refused::Nonce) => challenge("use_dpop_nonce"),
                Ok(Some(proven)) if bound.as_ref() == Some(&proven) => {
                    let mut bearer = request.clone();
                    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("it was a header");
                    bearer.headers_mut().insert(header::AUTHORIZATION, value);
                    self.userinfo(&bearer, now)
                }
                Ok(_) => {
                    self.audit.note("the access token is bound to another key, or there is no proof");
                    challenge("invalid_token")
                }
                Err(Refused::Proof(why)) => {
                    self.audit.note(format!("a DPoP proof is refused: {why}"));
                    challenge("invalid_dpop_proof")
                }
            }
        } else if bound.is_some() {
            self.audit.note("a bound access token was sent as a bearer token (RFC 9449 section 7.1)");
            challenge("invalid_token")
        } else {
            self.userinfo(request, now)
        };
        self.name_nonce(&mut response, now);
        response
    }

    fn name_nonce(&mut self, response: &mut Response<Vec<u8>>, now: Timestamp) {
        if let Some(nonce) = self.dpop_nonce(now) {
            insert(response, "dpop-nonce", &nonce);
            self.dpop.named.insert(nonce);
        }
    }

    /// Judges the proof of a request (section 4.3). Returns the thumbprint of its key, or `None` if there is no proof.
    fn proven(
        &mut self,
        request: &Request<Vec<u8>>,
        access_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<String>, Refused> {
        let broken = |why: &str| Refused::Proof(why.to_owned());
        let mut proofs = request.headers().get_all("dpop").iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(broken("there are two"));
        }
        let proof = proof.to_str().map_err(|_| broken("it is no text"))?;
        let parts: Vec<&str> = proof.split('.').collect();
        let [head, claims, signature] = parts[..] else { return Err(broken("it is no JWS")) };
        let input = &proof.as_bytes()[..head.len() + 1 + claims.len()];
        let object = |part: &str| {
            serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (Some(head), Some(claims)) = (object(head), object(claims)) else {
            return Err(broken("its header or its claims are no JSON object"));
        };
        if head.get("typ") != Some(&"dpop+jwt".into()) {
            return Err(broken("its `typ` is another"));
        }
        let alg = head.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
        let Some(alg) = alg.filter(|alg| self.dpop.algorithms.contains(alg)) else {
            return Err(broken("the metadata does not list its `alg`"));
        };
        let jwk = head.get("jwk").cloned().unwrap_or_default();
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|private| jwk.get(private).is_some()) {
            return Err(broken("it has a private key"));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let thumbprint = thumbprint(&jwk).filter(|_| verify(alg, &jwk, input, &signature) == Some(true));
        let Some(thumbprint) = thumbprint else { return Err(broken("its signature is not that of its key")) };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("htm") != Some(request.method().as_str()) {
            return Err(broken("its `htm` is another method"));
        }
        let base = Url::parse(&self.issuer).map_err(|_| broken("no issuer"))?;
        let htu = format!("{}{}", base.origin().ascii_serialization(), request.uri().path());
        if text("htu") != Some(htu.as_str()) {
            return Err(broken("its `htu` is another URL"));
        }
        let age = claims.get("iat").and_then(Value::as_i64).map(|iat| now.0.saturating_sub(iat));
        if !age.is_some_and(|age| (-AGE..=AGE).contains(&age)) {
            return Err(broken("it is too old, or of the future"));
        }
        if text("ath") != access_token.map(|token| hashed(token.as_bytes())).as_deref() {
            return Err(broken("its `ath` is not the hash of the access token of the request"));
        }
        let jti = text("jti").unwrap_or_default().to_owned();
        if jti.len() < 22 || !self.audit.first_time("the `jti` of a DPoP proof", &jti) {
            return Err(broken("its `jti` can be guessed, or was used"));
        }
        let Some(lifetime) = self.dpop.nonces else { return Ok(Some(thumbprint)) };
        let slot = now.0.div_euclid(lifetime);
        match text("nonce") {
            Some(nonce) if [slot, slot - 1].iter().any(|slot| self.nonce_of(*slot) == nonce) => {
                Ok(Some(thumbprint))
            }
            Some(nonce) if !self.dpop.named.contains(nonce) => {
                Err(broken("its `nonce` is of another server"))
            }
            Some(_) | None => Err(Refused::Nonce),
        }
    }
}

/// An error response of a protected resource to a request with a proof (section 7.1).
fn challenge(error: &str) -> Response<Vec<u8>> {
    let mut response = json(StatusCode::UNAUTHORIZED, &json!({}), "no-store");
    insert(&mut response, "www-authenticate", &format!("DPoP error=\"{error}\", algs=\"ES256 EdDSA\""));
    response
}

/// The thumbprint of a public key (RFC 7638), by code of the provider's own.
pub(super) fn thumbprint(jwk: &Value) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let member = |name: &&str| Some(format!("\"{name}\":\"{}\"", jwk.get(*name)?.as_str()?));
    let members: Option<Vec<String>> = names.iter().map(member).collect();
    Some(hashed(format!("{{{}}}", members?.join(",")).as_bytes()))
}

fn hashed(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}
