//! [`TrustedIssuer`]: an issuer whose access tokens a protected resource accepts, with the rules for them.
//! [`ResourceServerError`]: why settings are refused.

mod presets;

use crate::base::sentence::{Remedy, debug_is_sentence};
use crate::{
    base::json::Extra,
    metadata::IssuerRule,
    token::{AccessTokenVerifier, VerificationError},
};
use std::sync::Arc;

/// The maximum number of issuers that a resource server may trust.
pub const MAX_ISSUERS: usize = 4096;

/// The maximum number of issuers with a template. A token of an unknown issuer is compared with every template.
pub const MAX_ISSUER_TEMPLATES: usize = 64;

/// The maximum length of an issuer identifier, in bytes.
pub const MAX_ISSUER: usize = 1024;

/// The reason why settings make no resource server.
///
/// ```
/// use oidc_proto::resource::{ResourceServer, ResourceServerError};
///
/// let without_issuer = ResourceServer::builder("https://api.example").build();
/// assert_eq!(without_issuer.err(), Some(ResourceServerError::NoIssuer));
/// ```
///
/// [`ResourceServerBuilder::build`](super::ResourceServerBuilder::build) returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceServerError {
    /// No issuer is trusted.
    #[error("the resource server trusts no issuer: call `ResourceServerBuilder::trust`")]
    NoIssuer,
    /// More than [`MAX_ISSUERS`] issuers are trusted, or more than [`MAX_ISSUER_TEMPLATES`] with a template.
    #[error(
        "the resource server trusts more than {MAX_ISSUERS} issuers, or more than {MAX_ISSUER_TEMPLATES} by a template"
    )]
    TooManyIssuers,
    /// An issuer is empty, longer than [`MAX_ISSUER`], or has characters other than visible ASCII.
    #[error(
        "the resource server trusts an issuer that is empty, longer than {MAX_ISSUER} bytes, or not visible ASCII"
    )]
    Issuer,
    /// An issuer is trusted twice, or two templates fit the same issuer.
    #[error("the resource server trusts an issuer twice, with settings that may differ")]
    IssuerTwice,
    /// An issuer is a template. No token names a template, so a rule must say who may fill it in.
    #[error(
        "the resource server trusts an issuer that is a template, and no rule says who may fill it in: call `AccessTokenVerifier::issuer_rule` in `TrustedIssuer::access_tokens`"
    )]
    Template,
    /// Two issuers are set to introspect opaque tokens.
    #[error(
        "the resource server has two issuers that introspect opaque tokens (`TrustedIssuer::introspects_opaque_tokens`), and an opaque token does not say whose it is"
    )]
    TwoIntrospectors,
    /// The resource identifier, realm or metadata URL is empty or has characters other than printable ASCII.
    #[error("the resource server has a setting `{0}` that is empty or not printable ASCII")]
    Text(&'static str),
    /// The origin is unknown or not an `http` or `https` URL. DPoP needs it: proofs name the URL that clients see.
    #[error(
        "the resource server accepts DPoP proofs, and its resource identifier is not an http or https URL that says where clients see it: call `ResourceServerBuilder::origin`"
    )]
    Origin,
    /// The server publishes its metadata, and no URL for the document follows from its settings.
    #[error(
        "the resource server publishes its metadata (`ResourceServerBuilder::publish`), and its identifier, or the `resource_metadata` that was set, is no https URL where clients would find them"
    )]
    Metadata,
    /// The server publishes its metadata, and they name no authorization server. An issuer that is a template is none.
    #[error(
        "the resource server publishes its metadata, and they name no authorization server that a client could ask: name one in `ResourceServerBuilder::publish`"
    )]
    NoAuthorizationServer,
    /// The server is an MCP server, and another setting takes away a check that an MCP server must make.
    #[error(
        "the resource server is an MCP server (`ResourceServerBuilder::mcp`), and `{0}` takes away a check that one must make"
    )]
    Mcp(&'static str),
}

debug_is_sentence!(ResourceServerError);

impl ResourceServerError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoIssuer => "server_no_issuer",
            Self::TooManyIssuers => "server_too_many_issuers",
            Self::Issuer => "server_issuer",
            Self::IssuerTwice => "server_issuer_twice",
            Self::Template => "server_template",
            Self::TwoIntrospectors => "server_two_introspectors",
            Self::Text(_) => "server_text",
            Self::Origin => "server_origin",
            Self::Metadata => "server_metadata",
            Self::NoAuthorizationServer => "server_no_authorization_server",
            Self::Mcp(_) => "server_mcp",
        }
    }

    /// Returns [`FixConfiguration`](Remedy::FixConfiguration).
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

/// An issuer whose access tokens a resource server accepts, with the rules for these tokens.
///
/// An [`AccessTokenVerifier`] has the rules. [`new`](Self::new) makes one for the audience of the resource, and
/// [`access_tokens`](Self::access_tokens) changes its settings. For another audience than the resource, pass an
/// [`AccessTokenVerifier`] of your own to [`trust`](super::ResourceServerBuilder::trust).
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
/// assert_eq!(server.issuers().count(), 3);
/// # Ok(())
/// # }
/// ```
///
/// # Presets
///
/// Real providers issue access tokens that differ from RFC 9068. A preset is the settings that answer this for one
/// provider, and nothing else: [`keycloak`](Self::keycloak), [`entra`](Self::entra), [`entra_v1`](Self::entra_v1),
/// [`cognito`](Self::cognito), [`auth0`](Self::auth0), [`okta`](Self::okta), [`adfs`](Self::adfs),
/// [`spring`](Self::spring), [`zitadel`](Self::zitadel). Change the settings further as those of any other issuer. A
/// handle (`oidc_drive::Provider`) has no presets: pass the settings that the preset names to `access_tokens` of its
/// builder.
///
/// There is none for Google: its access tokens are opaque, are meant for Google's own APIs, and Google has no
/// introspection endpoint of RFC 7662. An API of your own cannot accept them.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    verifier: AccessTokenVerifier,
    for_resource: bool,
    introspects: bool,
    introspects_jwts: bool,
    refuses_opaque: bool,
    any_audience_introspected: bool,
}

impl TrustedIssuer {
    /// Trusts the JWT access tokens (RFC 9068) of this issuer for the resource, signed with any algorithm of
    /// [`AlgorithmSet::DEFAULT`](crate::jose::AlgorithmSet::DEFAULT).
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { for_resource: true, ..Self::from(AccessTokenVerifier::without_audience(issuer)) }
    }

    /// Changes the rules for access tokens: `set` gets the [`AccessTokenVerifier`] and returns it with other settings.
    /// A second call continues from the settings of the first. The resource server later adds the identifier of the
    /// resource to the audiences that are named here.
    ///
    /// A [rule](AccessTokenVerifier::issuer_rule) accepts the tokens of all tenants of one provider. The issuer given
    /// to [`new`](Self::new) is then their common name, such as `https://login.microsoftonline.com/common/v2.0`: the
    /// program fetches its metadata for all of them, and records name it. [`Access::issuer`](super::Access::issuer) is
    /// the issuer of the token. An issuer that is trusted by its own name takes precedence over every template.
    #[must_use]
    pub fn access_tokens(mut self, set: impl FnOnce(AccessTokenVerifier) -> AccessTokenVerifier) -> Self {
        self.verifier = set(self.verifier);
        self
    }

    /// Sets the claim that has the scopes, in JWTs and in introspection responses:
    /// [`AccessTokenVerifier::scope_claim`].
    #[must_use]
    pub fn scope_claim(self, claim: impl Into<String>) -> Self {
        self.access_tokens(|demands| demands.scope_claim(claim))
    }

    /// Returns the name of the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.verifier.name()
    }

    /// Returns the rule for the `iss` of this issuer's tokens. `None` if the tokens simply name this issuer.
    #[must_use]
    pub fn rule(&self) -> Option<&IssuerRule> {
        Some(self.verifier.rule())
            .filter(|rule| rule.as_str() != self.issuer() || rule.as_template().is_some())
    }

    /// Returns a verifier with these rules, for this audience besides those that are named already. So a preset serves a
    /// program without a resource server, too. A verifier never introspects: the settings for that have no effect.
    ///
    /// ```
    /// use oidc_proto::{resource::TrustedIssuer, token::AccessTokenVerifier};
    ///
    /// let preset = TrustedIssuer::keycloak("https://keycloak.example/realms/shop");
    /// let verifier: AccessTokenVerifier = preset.for_audience("orders-api");
    /// # let _ = verifier;
    /// ```
    #[must_use]
    pub fn for_audience(self, audience: impl Into<String>) -> AccessTokenVerifier {
        self.verifier.or_audience(audience)
    }

    /// Makes this issuer the one that introspects opaque tokens: tokens that are not JWTs (RFC 7662). Only one issuer
    /// of a resource server can do this.
    #[must_use]
    pub const fn introspects_opaque_tokens(mut self) -> Self {
        self.introspects = true;
        self
    }

    /// Makes this issuer introspect all tokens: those that are not JWTs, as
    /// [`introspects_opaque_tokens`](Self::introspects_opaque_tokens) does, and also its JWTs. The server then never
    /// verifies a JWT of this issuer itself: the issuer is asked about each one. Only one issuer of a resource server can
    /// do this.
    ///
    /// Some issuers leave claims out of their JWTs on purpose, and an API gets them by introspection: Keycloak's
    /// lightweight access tokens have no `sub`, and by default no `aud`. Introspection also knows at once that a token was revoked.
    #[must_use]
    pub const fn introspects_jwts(mut self) -> Self {
        self.introspects = true;
        self.introspects_jwts = true;
        self
    }

    /// Refuses tokens that are not JWTs, though this issuer [introspects its JWTs](Self::introspects_jwts).
    ///
    /// For an issuer whose access tokens are JWTs, whose refresh tokens are not, and whose introspection calls both active
    /// without saying which is which (authentik). A stolen refresh token is of no use without the client's secret, and must
    /// not open an API instead.
    #[must_use]
    pub const fn refuses_opaque_tokens(mut self) -> Self {
        self.refuses_opaque = true;
        self
    }

    /// Accepts introspection responses without `aud`. The issuer must then itself refuse tokens that are not for this
    /// resource server (RFC 7662 section 4).
    ///
    /// # Danger
    /// It takes a check away: a token for another API of the issuer may open this one. See [`danger`](crate::danger).
    #[must_use]
    pub const fn introspects_without_audience(mut self) -> Self {
        self.any_audience_introspected = true;
        self
    }
}

/// Trusts the issuer of a verifier, for the audiences of the verifier only.
impl From<AccessTokenVerifier> for TrustedIssuer {
    fn from(verifier: AccessTokenVerifier) -> Self {
        Self {
            verifier,
            for_resource: false,
            introspects: false,
            introspects_jwts: false,
            refuses_opaque: false,
            any_audience_introspected: false,
        }
    }
}

/// A trusted issuer, ready for use.
pub(super) struct Trusted {
    /// The name of the issuer in the settings.
    pub(super) name: Arc<str>,
    pub(super) verifier: AccessTokenVerifier,
    pub(super) introspects: bool,
    pub(super) introspects_jwts: bool,
    pub(super) refuses_opaque: bool,
    pub(super) any_audience_introspected: bool,
}

impl Trusted {
    pub(super) fn new(
        issuer: TrustedIssuer,
        resource: &str,
        longest: usize,
    ) -> Result<Self, ResourceServerError> {
        let TrustedIssuer {
            verifier,
            for_resource,
            introspects,
            introspects_jwts,
            refuses_opaque,
            any_audience_introspected,
        } = issuer;
        let name = verifier.name();
        if name.is_empty() || name.len() > MAX_ISSUER || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ResourceServerError::Issuer);
        }
        let rule = verifier.rule();
        if rule.as_template().is_none() && rule.as_str().contains(['{', '}']) {
            return Err(ResourceServerError::Template);
        }
        let verifier = if for_resource { verifier.or_audience(resource) } else { verifier };
        let verifier = verifier.at_least(longest);
        let name = verifier.name().into();
        Ok(Self { name, verifier, introspects, introspects_jwts, refuses_opaque, any_audience_introspected })
    }

    /// Returns the name of the issuer in the settings.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn rule(&self) -> &IssuerRule {
        self.verifier.rule()
    }

    /// Returns the setting by which a token may open this server without naming it in `aud`.
    pub(super) fn without_audience(&self) -> Option<&'static str> {
        if self.any_audience_introspected {
            return Some("TrustedIssuer::introspects_without_audience");
        }
        self.verifier.takes_client_as_audience().then_some("AccessTokenVerifier::client_id_as_audience")
    }
}

impl Trusted {
    /// Returns the issuer of an introspection response. A response without `iss` is of the issuer in the settings,
    /// unless that is a template.
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
