//! [`ResourceServerBuilder`]: the settings of a protected resource: the trusted issuers and the rules for requests.

use super::{
    challenge::{Challenges, is_quotable},
    credentials::CredentialPolicy,
    issuer::{MAX_ISSUER_TEMPLATES, MAX_ISSUERS, ResourceServerError, Trusted, TrustedIssuer},
    server::{CertificateBinding, Dpop, ResourceServer, Settings},
};
use crate::{backend::Mac, sender::DpopVerifier};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use url::Url;

impl ResourceServer {
    /// Begins the settings of a resource. `resource` is its identifier, such as `https://api.example`: tokens must name
    /// it in `aud` (RFC 8707 section 2).
    pub fn builder(resource: impl Into<String>) -> ResourceServerBuilder {
        ResourceServerBuilder {
            resource: resource.into(),
            issuers: Vec::new(),
            credentials: CredentialPolicy::default(),
            dpop: Dpop::Off,
            certificate: CertificateBinding::Off,
            realm: None,
            resource_metadata: None,
            origin: None,
            pseudonyms: None,
        }
    }
}

/// The settings of a [`ResourceServer`]. [`ResourceServer::builder`] makes one.
///
/// ```
/// use oidc_proto::{
///     resource::{ResourceServer, TrustedIssuer},
///     sender::DpopVerifier,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .trust(TrustedIssuer::new("https://partner.example").scope_claim("permissions"))
///     .accept_dpop(DpopVerifier::new()) // Besides bearer tokens.
///     .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
///     .build()?;
/// assert_eq!(api.issuers().collect::<Vec<_>>(), ["https://op.example", "https://partner.example"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceServerBuilder {
    resource: String,
    issuers: Vec<TrustedIssuer>,
    credentials: CredentialPolicy,
    dpop: Dpop,
    certificate: CertificateBinding,
    realm: Option<String>,
    resource_metadata: Option<String>,
    origin: Option<String>,
    pseudonyms: Option<Mac>,
}

impl ResourceServerBuilder {
    /// Trusts an issuer: a [`TrustedIssuer`], or the [`AccessTokenVerifier`](crate::token::AccessTokenVerifier) of its
    /// tokens. A second call adds another issuer.
    pub fn trust(mut self, issuer: impl Into<TrustedIssuer>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Sets where else, besides the `Authorization` header, a token may be, and how long. The default is nowhere else, and
    /// [`MAX_CREDENTIALS`](super::MAX_CREDENTIALS) bytes.
    pub const fn credentials(mut self, policy: CredentialPolicy) -> Self {
        self.credentials = policy;
        self
    }

    /// Accepts DPoP-bound tokens with a proof (RFC 9449), besides bearer tokens. The verifier replaces an earlier one.
    /// If proofs are already required, they stay required.
    pub fn accept_dpop(mut self, verifier: DpopVerifier) -> Self {
        self.dpop = match self.dpop {
            Dpop::Required(_) => Dpop::Required(verifier),
            Dpop::Off | Dpop::Accepted(_) => Dpop::Accepted(verifier),
        };
        self
    }

    /// Accepts DPoP-bound tokens with a proof (RFC 9449), and no bearer tokens. The verifier replaces an earlier one.
    pub fn require_dpop(mut self, verifier: DpopVerifier) -> Self {
        self.dpop = Dpop::Required(verifier);
        self
    }

    /// Accepts certificate-bound tokens (RFC 8705 section 3) from a client that has shown the certificate, besides
    /// other tokens. If they are already required, they stay required.
    pub const fn accept_certificate_bound(mut self) -> Self {
        if matches!(self.certificate, CertificateBinding::Off) {
            self.certificate = CertificateBinding::Accepted;
        }
        self
    }

    /// Accepts certificate-bound tokens (RFC 8705 section 3) only.
    pub const fn require_certificate_bound(mut self) -> Self {
        self.certificate = CertificateBinding::Required;
        self
    }

    /// Sets the `realm` of challenges. The default is the identifier of the resource.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Sets the URL of the metadata of this resource, for challenges (RFC 9728 section 5.1). The default is none.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }

    /// Sets scheme, host and port as clients see them, such as `https://api.example`. DPoP proofs are compared with
    /// this origin, never with the `Host` of a request. The default is the origin of the resource identifier.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Puts pseudonyms of the subject, and of the party that acts for it, into records: an HMAC with this key. The default
    /// is no pseudonym, because a plain hash of a guessable subject would hide nothing.
    pub fn pseudonyms(mut self, key: &[u8; 32]) -> Self {
        self.pseudonyms = Some(Mac::new(key));
        self
    }

    /// Checks the settings and makes the resource server.
    ///
    /// # Errors
    /// [`ResourceServerError`] names the setting that is wrong.
    pub fn build(self) -> Result<ResourceServer, ResourceServerError> {
        let realm = self.realm.unwrap_or_else(|| self.resource.clone());
        for (name, text) in [
            ("resource", Some(&self.resource)),
            ("realm", Some(&realm)),
            ("resource_metadata", self.resource_metadata.as_ref()),
        ] {
            if text.is_some_and(|text| !is_quotable(text)) {
                return Err(ResourceServerError::Text(name));
            }
        }
        let origin = origin(self.origin.as_deref().unwrap_or(&self.resource));
        if origin.is_none() && (self.origin.is_some() || self.dpop.verifier().is_some()) {
            return Err(ResourceServerError::Origin);
        }
        match self.issuers.len() {
            0 => return Err(ResourceServerError::NoIssuer),
            1..=MAX_ISSUERS => {}
            _ => return Err(ResourceServerError::TooManyIssuers),
        }
        let (mut by_name, mut by_issuer) = (BTreeSet::new(), BTreeMap::new());
        let mut templates: Vec<usize> = Vec::new();
        let mut introspecting = None;
        let mut issuers = Vec::with_capacity(self.issuers.len());
        for (index, issuer) in self.issuers.into_iter().enumerate() {
            let trusted = Trusted::new(issuer, &self.resource, self.credentials.max_token)?;
            let rule = trusted.rule();
            let twice = if rule.as_template().is_some() {
                let known = templates.iter().filter_map(|known: &usize| issuers.get(*known));
                let twice = known.map(Trusted::rule).any(|known| known.overlaps(rule));
                templates.push(index);
                twice
            } else {
                by_issuer.insert(rule.as_str().to_owned(), index).is_some()
            };
            let named = |other: &str| by_issuer.insert(other.to_owned(), index).is_some();
            let twice = twice | (rule.others().map(named).filter(|twice| *twice).count() > 0);
            if twice || !by_name.insert(trusted.name().to_owned()) {
                return Err(ResourceServerError::IssuerTwice);
            }
            if templates.len() > MAX_ISSUER_TEMPLATES {
                return Err(ResourceServerError::TooManyIssuers);
            }
            if trusted.introspects && introspecting.replace(index).is_some() {
                return Err(ResourceServerError::TwoIntrospectors);
            }
            issuers.push(trusted);
        }
        let about = Arc::new(Challenges {
            realm,
            resource_metadata: self.resource_metadata,
            bearer: !matches!(self.dpop, Dpop::Required(_)),
            dpop: self.dpop.verifier().map(DpopVerifier::algorithm_names),
        });
        Ok(ResourceServer {
            settings: Arc::new(Settings {
                resource: self.resource,
                issuers,
                by_issuer,
                templates,
                introspecting,
                credentials: self.credentials,
                dpop: self.dpop,
                certificate: self.certificate,
                origin: origin.unwrap_or_default(),
                about,
                pseudonyms: self.pseudonyms,
            }),
        })
    }
}

/// Returns the origin of an `http` or `https` URL in its normal form.
fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}
