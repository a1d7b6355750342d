//! [`TrustedIssuer`]: an issuer whose access tokens a protected resource accepts, and on what terms; and
//! [`SettingError`].

use super::introspection::IntrospectionClaims;
use crate::{
    jose::{AlgorithmSet, Allowed},
    metadata::IssuerRule,
    token::{DEFAULT_LEEWAY, Rejected, Verifier},
};

/// How many issuers a resource server may trust.
pub const MAX_ISSUERS: usize = 4096;

/// How many of them may be known by a template: each is looked at for a token of an unknown issuer.
pub const MAX_ISSUER_TEMPLATES: usize = 64;

/// The longest issuer identifier, in bytes.
pub const MAX_ISSUER: usize = 1024;

/// Why settings make no resource server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// No issuer is trusted.
    #[error("no issuer is trusted")]
    NoIssuer,
    /// More than [`MAX_ISSUERS`], or more than [`MAX_ISSUER_TEMPLATES`] by a template.
    #[error("more than {MAX_ISSUERS} issuers are trusted, or more than {MAX_ISSUER_TEMPLATES} by a template")]
    TooManyIssuers,
    /// Empty, longer than [`MAX_ISSUER`], or with other characters than visible ASCII.
    #[error("an issuer is empty, longer than {MAX_ISSUER} bytes, or not visible ASCII")]
    Issuer,
    /// The same issuer twice; or two templates that make the same one.
    #[error("an issuer is trusted twice, with settings that may differ")]
    IssuerTwice,
    /// A template in the place of an issuer. No token names it.
    #[error("an issuer is a template, and nothing says who may fill it in: set `TrustedIssuer::issuer_rule`")]
    Template,
    /// Two issuers for opaque tokens.
    #[error("two issuers are set to introspect opaque tokens, and nothing tells whose a token is")]
    TwoIntrospectors,
    /// The resource identifier, realm or metadata URL is empty or has other characters than printable
    /// ASCII.
    #[error("the setting `{0}` is empty or not printable ASCII")]
    Text(&'static str),
    /// DPoP needs to know where clients see the resource.
    #[error("DPoP needs `origin`: the resource identifier is not an http or https URL that says it")]
    Origin,
}

/// An issuer whose access tokens are accepted, and what is demanded of them.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    issuer: String,
    rule: Option<IssuerRule>,
    audiences: Vec<String>,
    algorithms: Allowed,
    leeway: u16,
    plain_jwt: bool,
    scope_claim: Option<String>,
    pub(super) introspects: bool,
    any_audience_introspected: bool,
}

impl TrustedIssuer {
    /// Trusts this issuer's JWT access tokens (RFC 9068) for the resource, signed with any asymmetric
    /// algorithm.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            rule: None,
            audiences: Vec::new(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            plain_jwt: false,
            scope_claim: None,
            introspects: false,
            any_audience_introspected: false,
        }
    }

    /// Accepts tokens of the issuers of this rule: of many tenants of one provider, by a template that each
    /// token must fill in. The issuer that was named is then where the metadata of all is asked for, such as
    /// `https://login.microsoftonline.com/common/v2.0`, and the name of all in records;
    /// [`Access::issuer`](super::Access::issuer) is that of the token. An issuer that is trusted by its own name is
    /// never taken for one of a template.
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Accepts tokens for this audience, and for those named before; the default is the identifier of the
    /// resource, which then is no longer accepted unless it is named as well.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts these algorithms only: those that every call names, if called again. The default is every
    /// asymmetric one; with an empty set, no token is accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far, in seconds, the issuer's clock may be from ours, either way.
    #[must_use]
    pub const fn leeway(mut self, seconds: u16) -> Self {
        self.leeway = seconds;
        self
    }

    /// Accepts JWTs that do not say they are access tokens: see
    /// [`Verifier::accept_plain_jwt`].
    #[must_use]
    pub const fn accept_plain_jwt(mut self) -> Self {
        self.plain_jwt = true;
        self
    }

    /// Sets the claim that holds the scopes, and no other then does; the default is `scope`, or `scp` (Entra,
    /// Okta) if there is no `scope`.
    #[must_use]
    pub fn scope_claim(mut self, claim: impl Into<String>) -> Self {
        self.scope_claim = Some(claim.into());
        self
    }

    /// Asks this issuer about tokens that are no JWTs (RFC 7662). One issuer at most can be that.
    #[must_use]
    pub const fn introspects_opaque_tokens(mut self) -> Self {
        self.introspects = true;
        self
    }

    /// Accepts introspection responses without `aud`: the issuer then must itself refuse tokens that
    /// are not for the resource server that asks (RFC 7662 section 4).
    #[must_use]
    pub const fn introspects_without_audience(mut self) -> Self {
        self.any_audience_introspected = true;
        self
    }
}

/// A trusted issuer, ready for use.
pub(super) struct Trusted {
    pub(super) name: String,
    pub(super) rule: IssuerRule,
    pub(super) verifier: Verifier,
    pub(super) audiences: Vec<String>,
    pub(super) leeway: u16,
    pub(super) scope_claim: Option<String>,
    pub(super) introspects: bool,
    pub(super) any_audience_introspected: bool,
}

impl Trusted {
    pub(super) fn new(issuer: TrustedIssuer, resource: &str) -> Result<Self, SettingError> {
        let name = issuer.issuer;
        if name.is_empty() || name.len() > MAX_ISSUER || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingError::Issuer);
        }
        let rule = match issuer.rule {
            Some(rule) => rule,
            None if name.contains(['{', '}']) => return Err(SettingError::Template),
            None => IssuerRule::exact(&name),
        };
        let mut audiences = issuer.audiences;
        if audiences.is_empty() {
            audiences.push(resource.to_owned());
        }
        let (first, others) = audiences.split_first().ok_or(SettingError::Text("audience"))?;
        let verifier = Verifier::new(&name, first).issuer_rule(rule.clone());
        let mut verifier = verifier.algorithms(issuer.algorithms.set()).leeway(issuer.leeway);
        for audience in others {
            verifier = verifier.or_audience(audience);
        }
        if issuer.plain_jwt {
            verifier = verifier.accept_plain_jwt();
        }
        Ok(Self {
            name,
            rule,
            verifier,
            audiences,
            leeway: issuer.leeway.min(crate::token::MAX_LEEWAY),
            scope_claim: issuer.scope_claim,
            introspects: issuer.introspects,
            any_audience_introspected: issuer.any_audience_introspected,
        })
    }
}

impl Trusted {
    /// The issuer that an introspection response means; its name, if it need not say so.
    pub(super) fn issuer_of<'c>(&'c self, claims: &'c IntrospectionClaims) -> Result<&'c str, Rejected> {
        match &claims.iss {
            Some(iss) if self.rule.fits_members(iss, &claims.claims) => Ok(iss),
            Some(_) => Err(Rejected::Issuer),
            None if self.rule.as_template().is_some() => Err(Rejected::Missing("iss")),
            None => Ok(&self.name),
        }
    }
}
