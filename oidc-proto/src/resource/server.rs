//! [`ResourceServer`]: a protected resource with its settings. Built once, cheap to clone.

use super::{
    challenge::{Challenges, DenialReason, Denied, Details},
    credentials::CredentialPolicy,
    issuer::Trusted,
    record::VerdictRecord,
};
use crate::{backend::Mac, base::moment::Timestamp, metadata::IssuerRule, sender::DpopVerifier};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A protected resource: takes requests in, gives verdicts out.
#[derive(Clone)]
pub struct ResourceServer {
    pub(super) settings: Arc<Settings>,
}

/// What a resource server does about DPoP.
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

/// What a resource server does about certificate-bound tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CertificateBinding {
    /// Refuses them.
    #[default]
    Off,
    /// Accepts them from whoever holds the certificate.
    Accepted,
    /// Accepts no others.
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
    pub(super) pseudonyms: Option<Mac>,
}

impl Settings {
    /// Which trusted issuer a token means that names this one. A name comes before every template, and no two
    /// templates make the same.
    pub(super) fn find(&self, issuer: &str) -> Option<usize> {
        let by_template =
            |index: &&usize| self.issuer(**index).is_some_and(|known| known.rule().admits(issuer));
        self.by_issuer.get(issuer).or_else(|| self.templates.iter().find(by_template)).copied()
    }

    pub(super) fn issuer(&self, index: usize) -> Option<&Trusted> {
        self.issuers.get(index)
    }
}

impl ResourceServer {
    /// The identifier of the resource.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.settings.resource
    }

    /// The trusted issuers: nobody else's keys are ever needed.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.settings.issuers.iter().map(Trusted::name)
    }

    /// The rule by which tokens of this trusted issuer name theirs, if it is not that they name this one.
    #[must_use]
    pub fn issuer_rule(&self, issuer: &str) -> Option<&IssuerRule> {
        let trusted = self.settings.issuers.iter().find(|known| known.name() == issuer)?;
        Some(trusted.rule()).filter(|rule| rule.as_str() != trusted.name() || rule.as_template().is_some())
    }

    /// The issuer that is asked about opaque tokens.
    #[must_use]
    pub fn introspecting_issuer(&self) -> Option<&str> {
        let issuer = self.settings.issuer(self.settings.introspecting?)?;
        Some(issuer.name())
    }

    /// The refusal for when keys cannot be had or the issuer does not answer: 503, since it is not the
    /// client's fault and another token would not help.
    pub fn unavailable(&self, retry_after: u32) -> Denied {
        self.unavailable_of(None, None, retry_after)
    }

    /// As [`unavailable`](Self::unavailable), and the record says which issuer is meant, and which host was asked
    /// in vain on which port.
    pub fn unavailable_of(
        &self,
        issuer: Option<&str>,
        asked: Option<(&str, u16)>,
        retry_after: u32,
    ) -> Denied {
        let record = VerdictRecord {
            issuer: issuer.map(str::to_owned),
            host: asked.map(|(host, _)| host.to_owned()),
            port: asked.map(|(_, port)| port),
            ..VerdictRecord::default()
        };
        let details = Details { retry_after: Some(retry_after), ..Details::default() };
        self.denied(DenialReason::Unavailable, record).detailed(details)
    }

    /// The DPoP nonce that clients should use now, if one is demanded (RFC 9449 section 9).
    #[must_use]
    pub fn dpop_nonce(&self, now: Timestamp) -> Option<String> {
        self.settings.dpop.verifier()?.nonce(now)
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
