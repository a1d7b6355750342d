//! The settings of the provider: everything that a test may change, except the responses themselves.

use super::{AssertionAudience, EndpointName, Finding, Registration, Seen, TestProvider, User};
use crate::entropy::Seed;
use http::Response;
use oidc_proto::jose::Algorithm;
use serde_json::{Map, Value};

/// Numbers and switches.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) issuer_in_callback: bool,
    pub(super) rotate_refresh_tokens: bool,
    pub(super) default_resource: String,
    pub(super) access_token_alg: Algorithm,
    pub(super) access_token_lifetime: i64,
    pub(super) id_token_lifetime: i64,
    pub(super) code_lifetime: i64,
    pub(super) max_age: u32,
    pub(super) openid_form: bool,
    pub(super) oauth_form: bool,
    pub(super) signed_metadata: Option<Value>,
    pub(super) opaque_access_tokens: bool,
    pub(super) signed_introspection: Option<Algorithm>,
    pub(super) may_act: Option<Value>,
    pub(super) device_interval: i64,
    pub(super) device_lifetime: i64,
    pub(super) assertion_audience: AssertionAudience,
    pub(super) assertion_algorithms: Vec<Algorithm>,
    pub(super) typed_assertions: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer_in_callback: true,
            rotate_refresh_tokens: true,
            default_resource: "https://api.example".to_owned(),
            access_token_alg: Algorithm::RS256,
            access_token_lifetime: 300,
            id_token_lifetime: 300,
            code_lifetime: 60,
            max_age: 300,
            openid_form: true,
            oauth_form: true,
            signed_metadata: None,
            opaque_access_tokens: false,
            signed_introspection: None,
            may_act: None,
            device_interval: 5,
            device_lifetime: 600,
            assertion_audience: AssertionAudience::Issuer,
            assertion_algorithms: Algorithm::RING.to_vec(),
            typed_assertions: false,
        }
    }
}

/// Set-up of clients, users and lifetimes.
impl TestProvider {
    /// Registers a client, or replaces it.
    ///
    /// # Panics
    /// If the client secret must sign ID tokens, and is missing or too short.
    pub fn register(&mut self, registration: Registration) {
        registration.check();
        self.clients.insert(registration.client_id.clone(), registration);
    }

    /// Sets the audience of client assertions that is accepted: no other is.
    pub fn assertion_audience(&mut self, audience: AssertionAudience) {
        self.settings.assertion_audience = audience;
    }

    /// Sets the algorithms of client assertions that the metadata lists, and that are accepted. All by default.
    pub fn assertion_algorithms<const N: usize>(&mut self, algorithms: [Algorithm; N]) {
        self.settings.assertion_algorithms = algorithms.to_vec();
    }

    /// Whether client assertions must have the type `client-authentication+jwt`. They need not by default.
    pub fn typed_assertions(&mut self, on: bool) {
        self.settings.typed_assertions = on;
    }

    /// Sets the user of all following logins.
    pub fn user(&mut self, user: User) {
        self.user = user;
    }

    /// Refuses the next authorization request with this error, for example `access_denied`.
    pub fn deny_next(&mut self, error: impl Into<String>) {
        self.deny_next = Some(error.into());
    }

    /// Sets the seed of codes, tokens and identifiers. 0 by default.
    pub fn seed(&mut self, seed: u64) {
        self.seed = Seed::silent(seed);
    }

    /// Whether authorization responses carry `iss` and the metadata announces it (RFC 9207). On by default.
    pub fn issuer_in_callback(&mut self, on: bool) {
        self.settings.issuer_in_callback = on;
    }

    /// Whether each refresh returns a new refresh token and invalidates the old one. On by default.
    pub fn rotate_refresh_tokens(&mut self, on: bool) {
        self.settings.rotate_refresh_tokens = on;
    }

    /// Sets the audience of access tokens whose request names no `resource`. `https://api.example` by
    /// default.
    pub fn default_resource(&mut self, resource: impl Into<String>) {
        self.settings.default_resource = resource.into();
    }

    /// Sets the algorithm that signs access tokens. RS256 by default.
    pub fn access_token_alg(&mut self, algorithm: Algorithm) {
        self.settings.access_token_alg = algorithm;
    }

    /// Sets the lifetime of access tokens in seconds. 300 by default.
    pub fn access_token_lifetime(&mut self, seconds: i64) {
        self.settings.access_token_lifetime = seconds;
    }

    /// Sets the lifetime of ID tokens in seconds. 300 by default.
    pub fn id_token_lifetime(&mut self, seconds: i64) {
        self.settings.id_token_lifetime = seconds;
    }

    /// Sets the lifetime of codes in seconds. 60 by default.
    pub fn code_lifetime(&mut self, seconds: i64) {
        self.settings.code_lifetime = seconds;
    }

    /// Sets the `max-age` of metadata and keys in seconds. 300 by default.
    pub fn max_age(&mut self, seconds: u32) {
        self.settings.max_age = seconds;
    }
}

/// Other forms of documents and tokens.
impl TestProvider {
    /// Sets at which well-known addresses the metadata is published: after the path of the issuer (OpenID
    /// Connect Discovery 1.0 section 4), and before it (RFC 8414 section 3). Both by default.
    pub fn metadata_forms(&mut self, openid: bool, oauth: bool) {
        self.settings.openid_form = openid;
        self.settings.oauth_form = oauth;
    }

    /// Publishes `signed_metadata` with exactly these claims (RFC 8414 section 2.1).
    pub fn sign_metadata(&mut self, claims: Value) {
        self.settings.signed_metadata = Some(claims);
    }

    /// Whether access tokens are opaque, so that a resource server must introspect them (RFC 7662). Off by
    /// default.
    pub fn opaque_access_tokens(&mut self, on: bool) {
        self.settings.opaque_access_tokens = on;
    }
}

/// The audit.
impl TestProvider {
    /// All findings so far.
    #[must_use]
    pub fn audit(&self) -> &[Finding] {
        &self.audit.findings
    }

    /// Fails the test if the audit has any finding.
    ///
    /// # Panics
    /// If there are findings. The message lists them.
    #[track_caller]
    pub fn assert_clean(&self) {
        let findings: Vec<_> = self.audit.findings.iter().map(|finding| format!("\n  {finding}")).collect();
        assert!(findings.is_empty(), "{} findings:{}", findings.len(), findings.concat());
    }

    /// Clears the findings, for tests that go on after an intended error.
    pub fn clear_audit(&mut self) {
        self.audit.findings.clear();
    }

    /// Declares a parameter that the test sends on purpose, so that the audit accepts it.
    pub fn allow_parameter(&mut self, endpoint: EndpointName, name: impl Into<String>) {
        self.audit.allow(endpoint, name.into());
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> &[Seen] {
        &self.log
    }

    /// The number of requests to an endpoint so far.
    #[must_use]
    pub fn count(&self, endpoint: EndpointName) -> usize {
        self.log.iter().filter(|seen| seen.endpoint == endpoint).count()
    }
}

/// The rotation of signing keys.
impl TestProvider {
    /// Publishes a new generation of keys, which signs from now on, and withdraws all others.
    pub fn rotate_keys(&mut self) {
        self.keys.published.clear();
        self.rotate_keys_keeping_old();
    }

    /// Publishes a new generation of keys, which signs from now on, and keeps the others.
    pub fn rotate_keys_keeping_old(&mut self) {
        self.keys.current += 1;
        self.keys.published.insert(self.keys.current);
    }

    /// Removes a generation from the published set. The current generation goes on signing even if it is
    /// removed.
    pub fn withdraw(&mut self, generation: u32) {
        self.keys.published.remove(&generation);
    }

    /// The generation that signs now. The first is 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.keys.current
    }

    /// Publishes a key of any kind after the provider's own.
    pub fn publish_extra_jwk(&mut self, jwk: Value) {
        self.keys.extra.push(jwk);
    }

    /// The key set as it is published now.
    #[must_use]
    pub fn key_set(&self) -> Value {
        self.keys.document()
    }
}

/// Misbehaviour on command. [`hostile`](super::hostile) has ready-made alterations.
impl TestProvider {
    /// Changes every following response of an endpoint. Alterations run in the order in which they were
    /// added. The request has taken effect by then: a code is used up even if the response becomes a 503.
    pub fn alter_response(
        &mut self,
        endpoint: EndpointName,
        alteration: impl FnMut(&mut Response<Vec<u8>>) + Send + 'static,
    ) {
        self.alterations.push((endpoint, Box::new(alteration)));
    }

    /// Changes the header and the claims of every following ID token, before it is signed.
    pub fn alter_id_token(
        &mut self,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) {
        self.forgery.id_token.push(Box::new(alteration));
    }

    /// Changes the header and the claims of every following access token, before it is signed.
    pub fn alter_access_token(
        &mut self,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) {
        self.forgery.access_token.push(Box::new(alteration));
    }

    /// Signs all tokens with this algorithm, whatever was registered. An HMAC algorithm uses the client's
    /// secret. If the secret is missing or too short, it uses the JSON text of the public RSA key: the
    /// classic confusion of a public key with a secret.
    pub fn sign_with(&mut self, algorithm: Algorithm) {
        self.forgery.algorithm = Some(algorithm);
    }

    /// Signs all tokens with the keys of this generation, whether or not they are published.
    pub fn sign_with_generation(&mut self, generation: u32) {
        self.forgery.generation = Some(generation);
    }

    /// Whether every signature has one wrong bit. Off by default.
    pub fn break_signatures(&mut self, on: bool) {
        self.forgery.broken = on;
    }

    /// Removes all alterations: the provider behaves again.
    pub fn clear_alterations(&mut self) {
        self.alterations.clear();
        self.forgery = super::mint::Forgery::default();
    }
}
