//! Whether a client asks for signed introspection responses (RFC 9701), and which it accepts.

use super::{builder::ClientBuilder, client::Client, signing::Algorithms};
use crate::{flow::contract::ConfigError, jose::Algorithm};

impl ClientBuilder {
    /// Asks for signed introspection responses (RFC 9701), and refuses all others. The signature, the issuer, the audience
    /// and the age of a response are checked. By default, the client asks for JSON: then TLS alone says who wrote it.
    ///
    /// Each asymmetric algorithm that the metadata names is accepted (`introspection_signing_alg_values_supported`), or
    /// `RS256` if it names none (RFC 9701 section 6). Encrypted responses are refused: this library decrypts nothing.
    ///
    /// ```
    /// use oidc_proto::{Moment, Secret, Timestamp, UrlPolicy, flow::Client, metadata::*};
    ///
    /// let document = br#"{"issuer": "https://op.example", "response_types_supported": ["code"],
    ///     "jwks_uri": "https://op.example/jwks", "introspection_endpoint": "https://op.example/introspect",
    ///     "introspection_signing_alg_values_supported": ["ES256"]}"#;
    /// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    /// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
    /// let api = Client::builder(metadata, "my-api").secret("my secret").signed_introspection().build()?;
    ///
    /// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
    /// let call = api.introspect(&Secret::new("mF_9.B5f-4.1JqM"), None, moment)?;
    /// assert_eq!(call.request().headers()["accept"], "application/token-introspection+jwt");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn signed_introspection(mut self) -> Self {
        self.introspection.wanted = true;
        self
    }

    /// Sets the registered signature algorithm of introspection responses: no other is accepted, and neither is a response
    /// without a signature. It calls [`signed_introspection`](Self::signed_introspection).
    pub const fn introspection_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.introspection.algorithm = Some(algorithm);
        self.signed_introspection()
    }

    /// Adds a name of this resource server: a signed introspection response may have it as its audience (`aud`). By
    /// default, the audience must be the `client_id`. Some servers name the API instead, by the identifier that its access
    /// tokens have as their audience.
    pub fn introspection_audience(mut self, audience: impl Into<String>) -> Self {
        self.introspection.audiences.push(audience.into());
        self
    }

    /// Returns the algorithms of signed responses, and the secret as a key if it signs them. `None` if the client asks for
    /// JSON.
    pub(super) fn introspection_algorithms(&self) -> Result<Option<Algorithms>, ConfigError> {
        let named = self.metadata().introspection_algorithms();
        let wanted = self.introspection.wanted;
        wanted.then(|| self.algorithms(self.introspection.algorithm, named)).transpose()
    }
}

impl Client {
    /// Whether this client demands signed introspection responses:
    /// [`signed_introspection`](ClientBuilder::signed_introspection).
    #[must_use]
    pub fn demands_signed_introspection(&self) -> bool {
        self.inner().introspection.is_some()
    }
}
