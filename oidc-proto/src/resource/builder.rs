//! [`ResourceServerBuilder`]: the settings of a protected resource: the trusted issuers and the rules for requests.

use super::{
    challenge::{Challenges, is_quotable},
    credentials::CredentialPolicy,
    issuer::{MAX_ISSUER_TEMPLATES, MAX_ISSUERS, ResourceServerError, Trusted, TrustedIssuer},
    publish::{self, PublishedMetadata},
    server::{CertificateBinding, Dpop, ResourceServer, Settings},
};
use crate::{backend::Mac, metadata::ResourceMetadata, sender::DpopVerifier};
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
            publication: None,
            mcp: false,
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
    publication: Option<ResourceMetadata>,
    mcp: bool,
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

    /// Sets the URL of the metadata of this resource, for challenges (RFC 9728 section 5.1). The default is none, or the
    /// well-known URL if the metadata are [published](Self::publish).
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

    /// Publishes the metadata of this resource, so that clients that know only its URL find their way in (RFC 9728). `set`
    /// gets the metadata and returns them with more members, such as `scopes_supported`. A second call continues from the
    /// first. What you leave open follows from the other settings: the authorization servers are the trusted issuers.
    ///
    /// * [`ResourceServer::published`] has the document and its URL. The layers of `oidc-tower` and `oidc-axum` serve it,
    ///   and answer browsers (CORS): the preflight of a request needs no token then.
    /// * Every challenge has `resource_metadata` and `scope`: the scopes that the route demands, or else those of
    ///   `scopes_supported`. So name the scopes there that a client needs first.
    /// * The challenges of a response are in one header line (RFC 9110 section 11.6.1), for clients that read only one.
    ///
    /// [`resource_metadata`](Self::resource_metadata) moves the document to another URL.
    ///
    /// ```
    /// use oidc_proto::{
    ///     resource::{RequestView, ResourceServer, TrustedIssuer},
    ///     token::Scratch,
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let api = ResourceServer::builder("https://api.example")
    ///     .trust(TrustedIssuer::new("https://op.example"))
    ///     .publish(|about| about.scopes_supported(["orders.read"]).resource_name("Orders"))
    ///     .build()?;
    /// let (head, ()) = http::Request::get("/orders").body(())?.into_parts();
    /// let Err(denied) = api.inspect(&RequestView::of(&head), &mut Scratch::new()) else { return Err("there is no token".into()) };
    /// let challenge = concat!(
    ///     r#"Bearer realm="https://api.example", scope="orders.read", "#,
    ///     r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#,
    /// );
    /// assert_eq!(denied.headers()["www-authenticate"], challenge);
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish(mut self, set: impl FnOnce(ResourceMetadata) -> ResourceMetadata) -> Self {
        let about = self.publication.take().unwrap_or_else(|| ResourceMetadata::new(&*self.resource));
        self.publication = Some(set(about));
        self
    }

    /// Makes this resource an MCP server (Model Context Protocol, revision 2026-07-28, Authorization). It
    /// [publishes](Self::publish) its metadata, and:
    ///
    /// * Every token must name this server as its audience, and comes in the header. A setting that takes this check away is
    ///   an error of [`build`](Self::build).
    /// * Neither the metadata nor a challenge names the scope `offline_access`: that is between a client and its
    ///   authorization server.
    /// * Browsers may send and read the headers of the protocol: `MCP-Protocol-Version`, `Mcp-Session-Id` and others.
    ///
    /// A token is for this server alone: do not pass it on to another API.
    ///
    /// ```
    /// use oidc_proto::resource::{ResourceServer, TrustedIssuer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::builder("https://mcp.example/mcp")
    ///     .trust(TrustedIssuer::new("https://op.example"))
    ///     .publish(|about| about.scopes_supported(["tools:read"]))
    ///     .mcp()
    ///     .build()?;
    /// let place = server.published().map(|published| published.url().as_str());
    /// assert_eq!(place, Some("https://mcp.example/.well-known/oauth-protected-resource/mcp"));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn mcp(mut self) -> Self {
        self.mcp = true;
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
        if self.mcp {
            let in_query = self.credentials.query.then_some("CredentialPolicy::query");
            let in_form = self.credentials.form.then_some("CredentialPolicy::form");
            let unchecked = issuers.iter().find_map(Trusted::without_audience);
            if let Some(setting) = unchecked.or(in_query).or(in_form) {
                return Err(ResourceServerError::Mcp(setting));
            }
        }
        let (bearer, dpop) = (
            !matches!(self.dpop, Dpop::Required(_)),
            self.dpop.verifier().map(DpopVerifier::algorithm_names),
        );
        let publication =
            self.publication.or_else(|| self.mcp.then(|| ResourceMetadata::new(&*self.resource)));
        let published = publication.map(|about| {
            let settings = publish::Settings {
                resource: &self.resource,
                place: self.resource_metadata.as_deref(),
                issuers: issuers.iter().map(Trusted::name).collect(),
                credentials: self.credentials,
                dpop: dpop.clone().map(|algorithms| (algorithms, !bearer)),
                certificates: self.certificate != CertificateBinding::Off,
                mcp: self.mcp,
            };
            PublishedMetadata::new(about, settings)
        });
        let published = published.transpose()?;
        let place = published.as_ref().map(|published| published.url().as_str().to_owned());
        let about = Arc::new(Challenges {
            realm,
            resource_metadata: place.or(self.resource_metadata),
            bearer,
            dpop,
            scope: published.as_ref().and_then(PublishedMetadata::scope),
            in_one_line: published.is_some(),
            mcp: self.mcp,
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
                published,
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
