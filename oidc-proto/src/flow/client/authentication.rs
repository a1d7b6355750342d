//! Client authentication (RFC 6749 section 2.3, RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9). It is made
//! anew for each request, because an assertion is used once.

mod attestation;

use super::{
    assertion::{Assertion, Unsigned},
    choice::AssertionKey,
    client::{Client, Inner},
};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        form,
        moment::{Entropy, Timestamp},
        secret::Secret,
    },
    flow::contract::{ConfigError, Error},
    metadata::ClientAuthentication,
};
use http::HeaderValue;
use std::borrow::Cow;

/// The parameters of a request, without those that must be new each time.
pub(in crate::flow) type Form = Vec<(Cow<'static, str>, Secret)>;

impl Client {
    /// Authenticates a form for the endpoint with this URL: returns a header, or adds parameters to the form. `prepared`
    /// is an assertion that was signed elsewhere.
    pub(in crate::flow) fn authenticate(
        &self,
        form: &mut Form,
        prepared: Option<Assertion>,
        url: &EndpointUrl,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Option<HeaderValue>, Error> {
        const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let Inner { authentication, secret, assertion_key, .. } = self.inner();
        let id = || (Cow::Borrowed("client_id"), Secret::new(self.client_id()));
        if prepared.is_some() && !self.asserts() {
            return Err(ConfigError::UnwantedAssertion.into());
        }
        match (authentication, secret) {
            (ClientAuthentication::ClientSecretBasic, Some(secret)) => return Ok(Some(self.basic(secret))),
            (ClientAuthentication::ClientSecretPost, Some(secret)) => {
                form.push(id());
                form.push(("client_secret".into(), secret.clone()));
            }
            (ClientAuthentication::PrivateKeyJwt | ClientAuthentication::ClientSecretJwt, _) => {
                let Assertion(assertion) = match (prepared, assertion_key) {
                    (Some(assertion), _) => assertion,
                    (None, Some(AssertionKey { key, algorithm })) => {
                        let header = Unsigned { algorithm: *algorithm, kid: key.0.key_id(), url: Some(url) };
                        self.unsigned_assertion(&header, now, entropy).sign(&*key.0)?
                    }
                    (None, None) => return Err(ConfigError::NoAssertion.into()),
                };
                form.push(id());
                form.push(("client_assertion_type".into(), JWT_BEARER.into()));
                form.push(("client_assertion".into(), assertion));
            }
            // The builder gives a secret to each method above that needs one.
            (
                ClientAuthentication::None
                | ClientAuthentication::ClientSecretBasic
                | ClientAuthentication::ClientSecretPost
                // The connection presents the certificate.
                | ClientAuthentication::TlsClientAuth
                | ClientAuthentication::SelfSignedTlsClientAuth
                // The headers of the request have the attestation.
                | ClientAuthentication::AttestJwtClientAuth,
                _,
            ) => form.push(id()),
        }
        Ok(None)
    }

    /// Whether assertions authenticate the client.
    pub(in crate::flow) fn asserts(&self) -> bool {
        use ClientAuthentication::{ClientSecretJwt, PrivateKeyJwt};
        matches!(self.authentication(), PrivateKeyJwt | ClientSecretJwt)
    }

    /// Returns the client secret as it is and as it is sent: no error may repeat either.
    pub(in crate::flow) fn secrets(&self) -> Vec<Secret> {
        let mut secrets: Vec<_> = self.attested.secret().into_iter().collect();
        if let Some(secret) = &self.inner().secret {
            let basic = self.basic(secret);
            let basic = basic.to_str().unwrap_or_default().trim_start_matches("Basic ");
            secrets.extend([basic.into(), form::encode_one(secret.expose()).into(), secret.clone()]);
        }
        secrets
    }

    /// Whether form encoding changes the credentials that are sent by HTTP Basic authentication.
    pub(in crate::flow) fn encodes_credentials(&self) -> bool {
        let Inner { authentication, secret, quirks, .. } = self.inner();
        let changes = |text: &str| form::encode_one(text) != text;
        *authentication == ClientAuthentication::ClientSecretBasic
            && !quirks.basic_not_form_encoded
            && (changes(self.client_id()) || secret.as_ref().is_some_and(|secret| changes(secret.expose())))
    }

    /// Form-encodes and joins the identifier and the secret (RFC 6749 section 2.3.1), and makes a Basic header of
    /// them (RFC 7617).
    fn basic(&self, secret: &Secret) -> HeaderValue {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let encode = |text: &str| match self.inner().quirks.basic_not_form_encoded {
            true => text.to_owned(),
            false => form::encode_one(text),
        };
        let joined = Secret::new(format!("{}:{}", encode(self.client_id()), encode(secret.expose())));
        let encoded = Secret::new(BASE64_STANDARD.encode(joined.expose()));
        // base64 is visible ASCII, so there is always a value.
        crate::base::header::credentials("Basic", &encoded)
            .unwrap_or_else(|| HeaderValue::from_static("Basic"))
    }
}
