//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10), judged without the library
//! under test: attestations, proofs of possession, challenges, and refresh tokens that are bound to an instance.

use super::{
    ClientAuthentication, EndpointName, Registration, TestProvider, assertion::verify, dpop::thumbprint,
    form, insert, json, params::Params, token::Refusal,
};
use crate::keys::KeyRing;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, Response, StatusCode};
use oidc_proto::{
    base::Timestamp,
    jose::{Algorithm, Sign},
};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

const ATTESTATION: &str = "oauth-client-attestation";
const POP: &str = "oauth-client-attestation-pop";
const CHALLENGE: &str = "oauth-client-attestation-challenge";

/// How old or how early a proof of possession may be, in seconds.
const AGE: i64 = 60;

/// The backend of a client, which vouches for the instances of that client.
///
/// ```
/// use oidc_testkit::{Algorithm, Attester, ClientAuthentication, KeyRing, Party, Timestamp, drive::NOW};
/// use oidc_proto::{flow::ClientCredentialsRequest, sender::ClientAttestation};
///
/// let attester = Attester::new(Algorithm::ES384);
/// let (key, jwk) = KeyRing::client_key(Algorithm::ES256);
/// let attestation = ClientAttestation::parse(attester.attest("app", &jwk, NOW, 3600))?;
/// let mut party = Party::builder()
///     .authentication(ClientAuthentication::Attested(attester.jwk()))
///     .client(move |client| client.attestation_key(key).attestation(attestation))
///     .build();
/// party.client_credentials(&ClientCredentialsRequest::default())?;
/// party.provider.assert_clean();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Attester {
    signer: Box<dyn Sign>,
    jwk: Value,
}

impl Attester {
    /// An attester that signs with this algorithm.
    ///
    /// # Panics
    /// If the algorithm is symmetric.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let (signer, jwk) = KeyRing::attester_key(algorithm);
        Self { signer, jwk }
    }

    /// The public key of the attester.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// Vouches for the instance of a client that has the key with this public JWK, for so many seconds.
    #[must_use]
    pub fn attest(&self, client_id: &str, key: &Value, now: Timestamp, seconds: i64) -> String {
        let claims = json!({"sub": client_id, "iat": now.0, "exp": now.0 + seconds, "cnf": {"jwk": key}});
        self.sign(json!({"typ": "oauth-client-attestation+jwt"}), &claims)
    }

    /// Signs any header, to which `alg` is added unless it has one, and any claims.
    ///
    /// # Panics
    /// If the header is no object.
    #[must_use]
    pub fn sign(&self, mut header: Value, claims: &Value) -> String {
        let header_members = header.as_object_mut().expect("a header is an object");
        header_members.entry("alg").or_insert_with(|| self.signer.algorithm().name().into());
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.signer.sign(input.as_bytes()).expect("a test key signs");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for Attester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attester").finish_non_exhaustive()
    }
}

/// The rules for attestations, and what is bound to which instance.
pub(super) struct Attestations {
    /// The lifetime of a challenge in seconds, if proofs need one.
    challenges: Option<i64>,
    /// Whether each challenge counts once.
    once: bool,
    /// Whether there is a challenge endpoint.
    pub(super) endpoint: bool,
    /// The number of the challenges that were made.
    made: u64,
    /// The challenges that count, each with the time at which it was made.
    open: BTreeMap<String, i64>,
    /// Every challenge that was made.
    named: BTreeSet<String>,
    max_age: Option<i64>,
    algorithms: Vec<Algorithm>,
    /// The thumbprint of the instance that has sent the present request.
    instance: Option<String>,
    refresh_tokens: BTreeMap<String, String>,
}

impl Default for Attestations {
    fn default() -> Self {
        Self {
            challenges: None,
            once: false,
            endpoint: false,
            made: 0,
            open: BTreeMap::new(),
            named: BTreeSet::new(),
            max_age: None,
            algorithms: Algorithm::RING.iter().copied().filter(|known| !known.is_symmetric()).collect(),
            instance: None,
            refresh_tokens: BTreeMap::new(),
        }
    }
}

/// Set-up of attestations.
impl TestProvider {
    /// Demands a challenge in each proof of possession. A challenge counts for this many seconds. Each response to an
    /// attested request names a new one.
    pub fn demand_attestation_challenges(&mut self, seconds: i64) {
        self.attestations.challenges = Some(seconds.max(1));
    }

    /// Whether a challenge counts once. It counts for its whole time by default.
    pub fn attestation_challenges_once(&mut self, on: bool) {
        self.attestations.once = on;
    }

    /// Whether the provider has a challenge endpoint, at `/challenge`. It has none by default.
    pub fn challenge_endpoint(&mut self, on: bool) {
        self.attestations.endpoint = on;
    }

    /// Forgets all challenges: a client needs another one.
    pub fn forget_attestation_challenges(&mut self) {
        self.attestations.open.clear();
    }

    /// Refuses an attestation that is older than this, with `use_fresh_attestation`.
    pub fn attestation_max_age(&mut self, seconds: i64) {
        self.attestations.max_age = Some(seconds);
    }

    /// Sets the algorithms of attestations and of proofs of possession that the metadata lists, and that are accepted. All
    /// asymmetric ones by default.
    pub fn attestation_algorithms<const N: usize>(&mut self, algorithms: [Algorithm; N]) {
        self.attestations.algorithms = algorithms.to_vec();
    }

    pub(super) fn attestation_metadata(&self, metadata: &mut Value) {
        let is_attested =
            |client: &Registration| matches!(client.authentication, ClientAuthentication::Attested(_));
        if !self.clients.values().any(is_attested) {
            return;
        }
        if let Some(listed) = metadata["token_endpoint_auth_methods_supported"].as_array_mut() {
            listed.push("attest_jwt_client_auth".into());
        }
        let names: Vec<_> = self.attestations.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        metadata["client_attestation_signing_alg_values_supported"] = json!(names);
        metadata["client_attestation_pop_signing_alg_values_supported"] = json!(names);
        if self.attestations.endpoint {
            metadata["challenge_endpoint"] = self.url(EndpointName::Challenge).into();
        }
    }
}

/// Why an attestation does not count.
enum Refused {
    Challenge,
    Age,
    Attestation(String),
}

impl TestProvider {
    /// The challenge endpoint (section 6.1).
    pub(super) fn challenge(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        if !request.body().is_empty() {
            self.audit.note("a request for a challenge with a body");
        }
        if [ATTESTATION, POP, "authorization"].iter().any(|name| request.headers().contains_key(*name)) {
            self.audit.note("a request for a challenge with credentials");
        }
        let challenge = self.new_challenge(now);
        json(StatusCode::OK, &json!({ "attestation_challenge": challenge }), "no-store")
    }

    fn new_challenge(&mut self, now: Timestamp) -> String {
        self.attestations.made += 1;
        let text = format!("challenge {} of {}", self.attestations.made, self.issuer);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
        self.attestations.open.insert(challenge.clone(), now.0);
        self.attestations.named.insert(challenge.clone());
        challenge
    }

    /// Whether a request authenticates with an attestation.
    pub(super) fn is_attested(headers: &HeaderMap) -> bool {
        headers.contains_key(ATTESTATION) || headers.contains_key(POP)
    }

    /// Authenticates a client by its attestation (section 7). `attester` is the only one that the provider trusts.
    pub(super) fn attested(
        &mut self,
        client: &Registration,
        attester: &Value,
        request: &Request<Vec<u8>>,
        params: &Params,
    ) -> Result<(), Refusal> {
        let judged = self.judge_attestation(client, attester, request.headers());
        // The provider asks for the same request once more.
        if let (Err(Refused::Challenge | Refused::Age), Some(code)) = (&judged, params.get("code")) {
            self.audit.unseen("code", code);
        }
        match judged {
            Ok(instance) => {
                let spent = params.get("refresh_token");
                let bound = spent.and_then(|token| self.attestations.refresh_tokens.get(token));
                if bound.is_some_and(|bound| *bound != instance) {
                    return Err(self.refused("the refresh token is bound to another instance (section 9.3)"));
                }
                self.attestations.instance = Some(instance);
                Ok(())
            }
            Err(Refused::Challenge) => {
                Err(Refusal::bad("use_attestation_challenge", "the proof needs the newest challenge"))
            }
            Err(Refused::Age) => Err(Refusal::bad("use_fresh_attestation", "the attestation is too old")),
            Err(Refused::Attestation(why)) => {
                self.audit.note(format!("a client attestation is refused: {why}"));
                Err(Refusal::bad("invalid_client_attestation", &why))
            }
        }
    }

    /// Names the next challenge, and binds a refresh token to the instance that gets it.
    pub(super) fn after_attestation(
        &mut self,
        endpoint: EndpointName,
        request: &Request<Vec<u8>>,
        response: &mut Response<Vec<u8>>,
        now: Timestamp,
    ) {
        let instance = self.attestations.instance.take();
        if self.attestations.challenges.is_some() && Self::is_attested(request.headers()) {
            insert(response, CHALLENGE, &self.new_challenge(now));
        }
        if endpoint != EndpointName::Token || response.status() != StatusCode::OK {
            return;
        }
        let members = serde_json::from_slice::<Map<String, Value>>(response.body()).unwrap_or_default();
        let token = members.get("refresh_token").and_then(Value::as_str);
        let token =
            token.map(str::to_owned).or_else(|| form(request).get("refresh_token").map(str::to_owned));
        if let (Some(instance), Some(token)) = (instance, token) {
            self.attestations.refresh_tokens.insert(token, instance);
        }
    }

    /// Returns the thumbprint of the instance.
    fn judge_attestation(
        &mut self,
        client: &Registration,
        attester: &Value,
        headers: &HeaderMap,
    ) -> Result<String, Refused> {
        let broken = |why: &str| Refused::Attestation(why.to_owned());
        let now = self.audit.now().0;
        let only = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().and_then(|value| value.to_str().ok());
            value.filter(|_| values.next().is_none()).ok_or_else(|| broken("there is not one header of each"))
        };
        let (attestation, pop) = (only(ATTESTATION)?, only(POP)?);
        let known = &self.attestations.algorithms;

        let [header, claims] = read(attestation, known, attester).map_err(|why| broken(&why))?;
        let text = |members: &Map<String, Value>, name: &str| {
            members.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        let time = |members: &Map<String, Value>, name: &str| members.get(name).and_then(Value::as_i64);
        if text(&header, "typ").as_deref() != Some("oauth-client-attestation+jwt") {
            return Err(broken("its `typ` is another"));
        }
        if text(&claims, "sub").as_deref() != Some(client.client_id.as_str()) {
            return Err(broken("its `sub` is another client"));
        }
        match (time(&claims, "exp"), time(&claims, "iat")) {
            (Some(exp), _) if exp <= now => return Err(broken("it has expired")),
            (Some(_), Some(iat)) if iat > now + AGE => return Err(broken("it is of the future")),
            (Some(_), Some(iat)) if self.attestations.max_age.is_some_and(|most| now - iat > most) => {
                return Err(Refused::Age);
            }
            (Some(_), _) => {}
            (None, _) => return Err(broken("it lacks `exp`")),
        }
        let key = claims.get("cnf").and_then(|cnf| cnf.get("jwk")).cloned().unwrap_or_default();
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|private| key.get(private).is_some()) {
            return Err(broken("it has a private key"));
        }
        let instance = thumbprint(&key).ok_or_else(|| broken("it has no key"))?;

        let broken = |why: &str| Refused::Attestation(format!("the proof of possession: {why}"));
        let [header, claims] = read(pop, known, &key).map_err(|why| broken(&why))?;
        if text(&header, "typ").as_deref() != Some("oauth-client-attestation-pop+jwt") {
            return Err(broken("its `typ` is another"));
        }
        if text(&claims, "aud").as_deref() != Some(self.issuer.as_str()) {
            return Err(broken("its `aud` is not the issuer"));
        }
        let age = time(&claims, "iat").map(|iat| now.saturating_sub(iat));
        if !age.is_some_and(|age| (-AGE..=AGE).contains(&age)) {
            return Err(broken("it is too old, or of the future"));
        }
        let jti = text(&claims, "jti").unwrap_or_default();
        if jti.len() < 22 || !self.audit.first_time("the `jti` of a proof of possession", &jti) {
            return Err(broken("its `jti` can be guessed, or was used"));
        }
        let Some(lifetime) = self.attestations.challenges else { return Ok(instance) };
        let Some(challenge) = text(&claims, "challenge") else { return Err(Refused::Challenge) };
        if !self.attestations.named.contains(&challenge) {
            return Err(broken("its `challenge` is of another server"));
        }
        let made = match self.attestations.once {
            true => self.attestations.open.remove(&challenge),
            false => self.attestations.open.get(&challenge).copied(),
        };
        match made {
            Some(made) if now - made <= lifetime => Ok(instance),
            Some(_) | None => Err(Refused::Challenge),
        }
    }
}

/// Reads a JWT that this key has signed.
fn read(jwt: &str, known: &[Algorithm], key: &Value) -> Result<[Map<String, Value>; 2], String> {
    let parts: Vec<&str> = jwt.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err("it is no JWS".into()) };
    let object =
        |part: &str| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "its signature is not base64url")?;
    let input = &jwt.as_bytes()[..header.len() + 1 + claims.len()];
    let (header, claims) =
        object(header).zip(object(claims)).ok_or("its header or its claims are no JSON object")?;
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm = algorithm.filter(|algorithm| known.contains(algorithm));
    let algorithm = algorithm.ok_or("the metadata does not list its `alg`")?;
    match verify(algorithm, key, input, &signature) {
        Some(true) => Ok([header, claims]),
        Some(false) | None => Err("its signature is of another key".into()),
    }
}
