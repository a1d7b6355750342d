//! [`ResourceServer`]: a protected resource with its settings.

use super::{
    challenge::{Challenges, DenialReason, Denied, Details},
    credentials::CredentialPolicy,
    issuer::Trusted,
    publish::PublishedMetadata,
    record::VerdictRecord,
};
use crate::{
    backend::Mac,
    base::moment::{Timestamp, seconds_up_to},
    metadata::IssuerRule,
    sender::DpopVerifier,
};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// A protected resource (an API): it takes requests and returns verdicts. Make one when the program starts. It is cheap
/// to clone.
///
/// [`inspect`](Self::inspect) reads the token of a request, and [`judge`](Self::judge) verifies it. The
/// [module](crate::resource) has the shortest whole program.
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
///     .build()?;
///
/// // A request with a malformed token, and one without a token:
/// let request = http::Request::get("/orders").header("authorization", "Bearer <token>").body(())?;
/// let (malformed, ()) = request.into_parts();
/// let (missing, ()) = http::Request::get("/orders").body(())?.into_parts();
/// let code = |head| api.inspect(&RequestView::of(head), &mut Scratch::new()).err().map(|denied| denied.code());
/// assert_eq!(code(&malformed), Some("credentials_syntax"));
/// assert_eq!(code(&missing), Some("credentials_missing"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ResourceServer {
    pub(super) settings: Arc<Settings>,
}

/// The policy of a resource server for DPoP.
#[derive(Clone, Debug)]
pub(super) enum Dpop {
    Off,
    Accepted(DpopVerifier),
    Required(DpopVerifier),
}

impl Dpop {
    pub(super) const fn verifier(&self) -> Option<&DpopVerifier> {
        match self {
            Self::Off => None,
            Self::Accepted(verifier) | Self::Required(verifier) => Some(verifier),
        }
    }
}

/// The policy of a resource server for certificate-bound tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CertificateBinding {
    /// Refuses certificate-bound tokens.
    #[default]
    Off,
    /// Accepts certificate-bound tokens from the holder of the certificate, and other tokens.
    Accepted,
    /// Accepts certificate-bound tokens only.
    Required,
}

pub(super) struct Settings {
    pub(super) resource: String,
    pub(super) issuers: Vec<Trusted>,
    pub(super) by_issuer: BTreeMap<String, usize>,
    pub(super) templates: Vec<usize>,
    pub(super) introspecting: Option<usize>,
    pub(super) credentials: CredentialPolicy,
    pub(super) dpop: Dpop,
    pub(super) certificate: CertificateBinding,
    pub(super) origin: String,
    pub(super) about: Arc<Challenges>,
    pub(super) published: Option<PublishedMetadata>,
    pub(super) pseudonyms: Option<Mac>,
}

impl Settings {
    /// Finds the trusted issuer of a token with this `iss`. A name takes precedence over every template, and no two
    /// templates fit the same issuer.
    pub(super) fn find(&self, issuer: &str) -> Option<usize> {
        let by_template =
            |index: &&usize| self.issuer(**index).is_some_and(|known| known.rule().admits(issuer));
        self.by_issuer.get(issuer).or_else(|| self.templates.iter().find(by_template)).copied()
    }

    pub(super) fn issuer(&self, index: usize) -> Option<&Trusted> {
        self.issuers.get(index)
    }

    /// Returns the issuer that is asked about tokens that are not JWTs.
    pub(super) fn introspects_opaque(&self) -> Option<usize> {
        self.introspecting.filter(|index| self.issuer(*index).is_some_and(|known| !known.refuses_opaque))
    }
}

impl ResourceServer {
    /// Returns the identifier of the resource.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.settings.resource
    }

    /// Returns the names of the trusted issuers. No other keys are ever needed.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.settings.issuers.iter().map(Trusted::name)
    }

    /// Returns the rule for the `iss` of this issuer's tokens. `None` if the tokens simply name this issuer, or if it
    /// is not trusted.
    #[must_use]
    pub fn issuer_rule(&self, issuer: &str) -> Option<&IssuerRule> {
        let trusted = self.settings.issuers.iter().find(|known| known.name() == issuer)?;
        Some(trusted.rule())
            .filter(|rule| rule.names().any(|name| name != trusted.name()) || rule.as_template().is_some())
    }

    /// Returns the issuer that introspects opaque tokens.
    #[must_use]
    pub fn introspecting_issuer(&self) -> Option<&str> {
        let issuer = self.settings.issuer(self.settings.introspecting?)?;
        Some(issuer.name())
    }

    /// Returns the longest token that a request may have, in bytes.
    #[must_use]
    pub fn max_token(&self) -> usize {
        self.settings.credentials.max_token
    }

    /// Returns the refusal for a request that cannot be judged now, because the keys are missing or the issuer does not
    /// answer. The status is 503: this is not the client's fault, and another token would not help. `retry_after` is
    /// sent in whole seconds.
    pub fn unavailable(&self, retry_after: Duration) -> Denied {
        self.unavailable_of(None, None, retry_after)
    }

    /// Returns the same refusal as [`unavailable`](Self::unavailable). Its record also names the issuer, and the host
    /// and port of the request that failed.
    pub fn unavailable_of(
        &self,
        issuer: Option<&str>,
        asked: Option<(&str, u16)>,
        retry_after: Duration,
    ) -> Denied {
        let record = VerdictRecord {
            issuer: issuer.map(Arc::from),
            host: asked.map(|(host, _)| host.to_owned()),
            port: asked.map(|(_, port)| port),
            ..VerdictRecord::default()
        };
        let retry_after = Some(seconds_up_to(retry_after, u32::MAX));
        let details = Details { retry_after, ..Details::default() };
        self.denied(DenialReason::Unavailable, record).detailed(details)
    }

    /// Returns the DPoP nonce that clients should use now. `None` if no nonce is demanded (RFC 9449 section 9).
    #[must_use]
    pub fn dpop_nonce(&self, now: Timestamp) -> Option<String> {
        self.settings.dpop.verifier()?.nonce(now)
    }

    /// Returns what the resource publishes about itself. `None` unless
    /// [`ResourceServerBuilder::publish`](super::ResourceServerBuilder::publish) or
    /// [`mcp`](super::ResourceServerBuilder::mcp) is set.
    #[must_use]
    pub fn published(&self) -> Option<&PublishedMetadata> {
        self.settings.published.as_ref()
    }

    pub(super) fn denied(&self, reason: DenialReason, record: VerdictRecord) -> Denied {
        Denied::new(reason, &self.settings.about, record)
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("resource", &self.settings.resource)
            .field("issuers", &self.settings.issuers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/server_tests.rs"]
mod tests;
