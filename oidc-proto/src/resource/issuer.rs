//! [`TrustedIssuer`]: an issuer whose access tokens a protected resource accepts, and on what terms; and
//! [`ResourceServerError`].

use crate::base::sentence::debug_is_sentence;
use crate::{
    base::json::Extra,
    metadata::IssuerRule,
    token::{AccessTokenVerifier, VerificationError},
};

/// How many issuers a resource server may trust.
pub const MAX_ISSUERS: usize = 4096;

/// How many of them may be known by a template: each is looked at for a token of an unknown issuer.
pub const MAX_ISSUER_TEMPLATES: usize = 64;

/// The longest issuer identifier, in bytes.
pub const MAX_ISSUER: usize = 1024;

/// Why settings make no resource server.
///
/// [`ResourceServerBuilder::build`](super::ResourceServerBuilder::build) returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceServerError {
    /// No issuer is trusted.
    #[error("the resource server trusts no issuer: call `ResourceServerBuilder::trust`")]
    NoIssuer,
    /// More than [`MAX_ISSUERS`], or more than [`MAX_ISSUER_TEMPLATES`] by a template.
    #[error(
        "the resource server trusts more than {MAX_ISSUERS} issuers, or more than {MAX_ISSUER_TEMPLATES} by a template"
    )]
    TooManyIssuers,
    /// Empty, longer than [`MAX_ISSUER`], or with other characters than visible ASCII.
    #[error(
        "the resource server trusts an issuer that is empty, longer than {MAX_ISSUER} bytes, or not visible ASCII"
    )]
    Issuer,
    /// The same issuer twice; or two templates that make the same one.
    #[error("the resource server trusts an issuer twice, with settings that may differ")]
    IssuerTwice,
    /// A template in the place of an issuer. No token names it.
    #[error(
        "the resource server trusts an issuer that is a template, and no rule says who may fill it in: call `AccessTokenVerifier::issuer_rule` in `TrustedIssuer::access_tokens`"
    )]
    Template,
    /// Two issuers for opaque tokens.
    #[error(
        "the resource server has two issuers that introspect opaque tokens (`TrustedIssuer::introspects_opaque_tokens`), and an opaque token does not say whose it is"
    )]
    TwoIntrospectors,
    /// The resource identifier, realm or metadata URL is empty or has other characters than printable
    /// ASCII.
    #[error("the resource server has a setting `{0}` that is empty or not printable ASCII")]
    Text(&'static str),
    /// DPoP needs to know where clients see the resource.
    #[error(
        "the resource server accepts DPoP proofs, and its resource identifier is not an http or https URL that says where clients see it: call `ResourceServerBuilder::origin`"
    )]
    Origin,
}

debug_is_sentence!(ResourceServerError);

/// An issuer whose access tokens are accepted, and what is demanded of them.
///
/// An [`AccessTokenVerifier`] demands it, with every setting that it has. [`new`](Self::new) makes one for the resource, and
/// [`access_tokens`](Self::access_tokens) sets it. For another audience than the resource, hand a verifier over.
///
/// ```
/// use oidc_proto::{
///     resource::{ResourceServer, TrustedIssuer},
///     token::AccessTokenVerifier,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .trust(TrustedIssuer::new("https://old.example").access_tokens(|demands| demands.accept_plain_jwt()))
///     .trust(AccessTokenVerifier::new("https://other.example", "orders-api"))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    verifier: AccessTokenVerifier,
    for_resource: bool,
    scope_claim: Option<String>,
    introspects: bool,
    any_audience_introspected: bool,
}

impl TrustedIssuer {
    /// Trusts this issuer's JWT access tokens (RFC 9068) for the resource, signed with any asymmetric
    /// algorithm.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { for_resource: true, ..Self::from(AccessTokenVerifier::without_audience(issuer)) }
    }

    /// Sets what is demanded of access tokens: the [`AccessTokenVerifier`] has the settings. Called again, it goes on from
    /// what was set before. The verifier of [`new`](Self::new) has no audience yet and refuses every token; the
    /// identifier of the resource is added to those that are named here.
    ///
    /// With a [rule](AccessTokenVerifier::issuer_rule) for the tenants of one provider, the issuer that was named is where
    /// the metadata of all is asked for, such as `https://login.microsoftonline.com/common/v2.0`, and the name of
    /// all in records; [`Access::issuer`](super::Access::issuer) is that of the token. An issuer that is trusted by
    /// its own name is never taken for one of a template.
    #[must_use]
    pub fn access_tokens(mut self, set: impl FnOnce(AccessTokenVerifier) -> AccessTokenVerifier) -> Self {
        self.verifier = set(self.verifier);
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

/// Trusts the issuer of a verifier, for the audiences of the verifier alone.
impl From<AccessTokenVerifier> for TrustedIssuer {
    fn from(verifier: AccessTokenVerifier) -> Self {
        Self {
            verifier,
            for_resource: false,
            scope_claim: None,
            introspects: false,
            any_audience_introspected: false,
        }
    }
}

/// A trusted issuer, ready for use.
pub(super) struct Trusted {
    pub(super) verifier: AccessTokenVerifier,
    pub(super) scope_claim: Option<String>,
    pub(super) introspects: bool,
    pub(super) any_audience_introspected: bool,
}

impl Trusted {
    pub(super) fn new(issuer: TrustedIssuer, resource: &str) -> Result<Self, ResourceServerError> {
        let TrustedIssuer { verifier, for_resource, scope_claim, introspects, any_audience_introspected } =
            issuer;
        let name = verifier.name();
        if name.is_empty() || name.len() > MAX_ISSUER || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ResourceServerError::Issuer);
        }
        let rule = verifier.rule();
        if rule.as_template().is_none() && rule.as_str().contains(['{', '}']) {
            return Err(ResourceServerError::Template);
        }
        let verifier = if for_resource { verifier.or_audience(resource) } else { verifier };
        Ok(Self { verifier, scope_claim, introspects, any_audience_introspected })
    }

    /// The name of the issuer in the settings.
    pub(super) fn name(&self) -> &str {
        self.verifier.name()
    }

    pub(super) const fn rule(&self) -> &IssuerRule {
        self.verifier.rule()
    }
}

impl Trusted {
    /// The issuer that an introspection response means; its name, if it need not say so.
    pub(super) fn issuer_of<'c>(
        &'c self,
        iss: Option<&'c str>,
        members: &Extra,
    ) -> Result<&'c str, VerificationError> {
        match iss {
            Some(iss) if self.rule().fits_members(iss, members) => Ok(iss),
            Some(_) => Err(VerificationError::Issuer),
            None if self.rule().as_template().is_some() => Err(VerificationError::Missing("iss")),
            None => Ok(self.name()),
        }
    }
}
