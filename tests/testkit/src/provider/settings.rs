//! What a test may change about the provider: everything that is not an answer to a request.

use super::{EndpointName, Finding, Registration, Seen, TestProvider, User};
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
    pub(super) device_interval: i64,
    pub(super) device_lifetime: i64,
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
            device_interval: 5,
            device_lifetime: 600,
        }
    }
}

/// Set-up.
impl TestProvider {
    /// Makes a client known, or replaces it.
    ///
    /// # Panics
    /// If its ID tokens are to be signed with a client secret that is missing or too short.
    pub fn register(&mut self, registration: Registration) {
        registration.check();
        self.clients.insert(registration.client_id.clone(), registration);
    }

    /// Sets the user who logs in from now on.
    pub fn user(&mut self, user: User) {
        self.user = user;
    }

    /// Refuses the next authorization request with this error, `access_denied` for example.
    pub fn deny_next(&mut self, error: impl Into<String>) {
        self.deny_next = Some(error.into());
    }

    /// Makes codes, tokens and identifiers from another seed than 0.
    pub fn seed(&mut self, seed: u64) {
        self.seed = Seed::silent(seed);
    }

    /// Whether `iss` stands in authorization responses, and the metadata says so (RFC 9207). On at
    /// first.
    pub fn issuer_in_callback(&mut self, on: bool) {
        self.settings.issuer_in_callback = on;
    }

    /// Whether each refresh brings a new refresh token and spends the old one. On at first.
    pub fn rotate_refresh_tokens(&mut self, on: bool) {
        self.settings.rotate_refresh_tokens = on;
    }

    /// The audience of access tokens for which no `resource` was asked. `https://api.example` at
    /// first.
    pub fn default_resource(&mut self, resource: impl Into<String>) {
        self.settings.default_resource = resource.into();
    }

    /// The algorithm that signs access tokens. RS256 at first.
    pub fn access_token_alg(&mut self, algorithm: Algorithm) {
        self.settings.access_token_alg = algorithm;
    }

    /// How many seconds access tokens live. 300 at first.
    pub fn access_token_lifetime(&mut self, seconds: i64) {
        self.settings.access_token_lifetime = seconds;
    }

    /// How many seconds ID tokens live. 300 at first.
    pub fn id_token_lifetime(&mut self, seconds: i64) {
        self.settings.id_token_lifetime = seconds;
    }

    /// How many seconds codes live. 60 at first.
    pub fn code_lifetime(&mut self, seconds: i64) {
        self.settings.code_lifetime = seconds;
    }

    /// How many seconds metadata and keys may be cached, as their `Cache-Control` says. 300 at first.
    pub fn max_age(&mut self, seconds: u32) {
        self.settings.max_age = seconds;
    }
}

/// Documents and tokens in other forms.
impl TestProvider {
    /// In which well-known forms the metadata is published: after the path of the issuer (OpenID Connect
    /// Discovery 1.0 section 4), and before it (RFC 8414 section 3). Both at first.
    pub fn metadata_forms(&mut self, openid: bool, oauth: bool) {
        self.settings.openid_form = openid;
        self.settings.oauth_form = oauth;
    }

    /// Puts these claims, all of them and no others, into `signed_metadata` (RFC 8414 section 2.1).
    pub fn sign_metadata(&mut self, claims: Value) {
        self.settings.signed_metadata = Some(claims);
    }

    /// Whether access tokens tell nothing, so that one has to ask (RFC 7662). Off at first.
    pub fn opaque_access_tokens(&mut self, on: bool) {
        self.settings.opaque_access_tokens = on;
    }
}

/// The audit.
impl TestProvider {
    /// Everything that requests did wrong so far.
    #[must_use]
    pub fn audit(&self) -> &[Finding] {
        &self.audit.findings
    }

    /// Fails the test if any request did anything wrong.
    ///
    /// # Panics
    /// If there are findings; the message lists them.
    #[track_caller]
    pub fn assert_clean(&self) {
        let findings: Vec<_> = self.audit.findings.iter().map(|finding| format!("\n  {finding}")).collect();
        assert!(findings.is_empty(), "{} findings:{}", findings.len(), findings.concat());
    }

    /// Forgets the findings so far: for tests that go on after an intended error.
    pub fn clear_audit(&mut self) {
        self.audit.findings.clear();
    }

    /// Declares a parameter that the test sends on purpose, so that it is no stray.
    pub fn allow_parameter(&mut self, endpoint: EndpointName, name: impl Into<String>) {
        self.audit.allow(endpoint, name.into());
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> &[Seen] {
        &self.log
    }

    /// How many requests an endpoint has got so far.
    #[must_use]
    pub fn count(&self, endpoint: EndpointName) -> usize {
        self.log.iter().filter(|seen| seen.endpoint == endpoint).count()
    }
}

/// Rotation of signing keys.
impl TestProvider {
    /// A new generation of keys is published and signs from now on; all others are withdrawn.
    pub fn rotate_keys(&mut self) {
        self.keys.published.clear();
        self.rotate_keys_keeping_old();
    }

    /// A new generation of keys is published beside the others, and signs from now on.
    pub fn rotate_keys_keeping_old(&mut self) {
        self.keys.current += 1;
        self.keys.published.insert(self.keys.current);
    }

    /// Takes a generation out of the published set. The current one goes on signing.
    pub fn withdraw(&mut self, generation: u32) {
        self.keys.published.remove(&generation);
    }

    /// The generation that signs now. The first is 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.keys.current
    }

    /// Publishes a key of whatever kind behind the provider's own.
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
    /// Changes every following response of an endpoint, in the order in which alterations were given.
    /// The request has had its effect by then: a code is spent even if the response is a 503.
    pub fn alter_response(
        &mut self,
        endpoint: EndpointName,
        alteration: impl FnMut(&mut Response<Vec<u8>>) + Send + 'static,
    ) {
        self.alterations.push((endpoint, Box::new(alteration)));
    }

    /// Changes header and claims of every following ID token, before it is signed.
    pub fn alter_id_token(
        &mut self,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) {
        self.forgery.id_token.push(Box::new(alteration));
    }

    /// Changes header and claims of every following access token, before it is signed.
    pub fn alter_access_token(
        &mut self,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) {
        self.forgery.access_token.push(Box::new(alteration));
    }

    /// Signs all tokens with this algorithm, whatever was registered. An HMAC algorithm takes the
    /// client's secret or, if that is missing or too short, the JSON text of the public RSA key: the
    /// classic confusion of a public key with a secret.
    pub fn sign_with(&mut self, algorithm: Algorithm) {
        self.forgery.algorithm = Some(algorithm);
    }

    /// Signs all tokens with the keys of this generation, published or not.
    pub fn sign_with_generation(&mut self, generation: u32) {
        self.forgery.generation = Some(generation);
    }

    /// Whether a bit of every signature is wrong.
    pub fn break_signatures(&mut self, on: bool) {
        self.forgery.broken = on;
    }

    /// Behaves again.
    pub fn clear_alterations(&mut self) {
        self.alterations.clear();
        self.forgery = super::mint::Forgery::default();
    }
}
