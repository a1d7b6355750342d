//! Discovery (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3): from an issuer to its metadata.
//!
//! ```text
//! Getting ──document──▶ Done(ProviderMetadata)
//!         ──400, 401, 403, 404, 405, 410──▶ Getting     the other form, once, if it may be tried
//! ```
//! The statuses 400, 401, 403, 404, 405 and 410 mean "not there": servers send them if they have nothing at a path, or
//! nothing for everybody. Every other response ends the flow, above all a document with another issuer, but also a
//! redirect, a busy server, or a page that is no document.

use crate::{
    base::{endpoint_url::UrlPolicy, freshness::Freshness, moment::Moment},
    flow::{
        contract::{Call, ConfigError, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Document, Get},
    },
    jose::KeySet,
    metadata::{Demands, IssuerRule, Profile, ProviderMetadata, WellKnown},
};
use std::sync::Arc;

/// The statuses that mean "not there".
const NOT_THERE: [u16; 6] = [400, 401, 403, 404, 405, 410];

/// The flow from an issuer to its metadata.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::{Discovery, Step}};
///
/// let call = Discovery::start("https://op.example", &UrlPolicy::default())?;
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
///
/// // Your HTTP client sends the request, and reads this:
/// let document = r#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks",
///     "authorization_endpoint": "https://op.example/auth", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"], "subject_types_supported": ["public"],
///     "id_token_signing_alg_values_supported": ["RS256"]}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(document)?;
///
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let Step::Done(metadata) = pending.receive(response, moment)? else { panic!("one response is enough") };
/// assert_eq!(metadata.issuer, "https://op.example"); // another issuer would be an error
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Discovery;

/// The settings of a [`Discovery`]: where to ask, and what the metadata must have.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, metadata::Profile};
///
/// // An authorization server without OpenID, in the OAuth form, or else in the OpenID form.
/// let options = DiscoveryOptions::of_profile(Profile::AuthorizationServer, &UrlPolicy::default());
/// let call = Discovery::with("https://as.example/tenant", options.or_other_form())?;
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://as.example/.well-known/oauth-authorization-server/tenant");
///
/// let not_found = http::Response::builder().status(404).body("")?;
/// let step = pending.receive(not_found, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// let Step::Send(call) = step else { panic!("there is another form") };
/// assert_eq!(call.request().uri(), "https://as.example/tenant/.well-known/openid-configuration");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until `Discovery::with` takes them"]
pub struct DiscoveryOptions {
    policy: UrlPolicy,
    profile: Option<Profile>,
    form: WellKnown,
    or_other: bool,
    rule: Option<IssuerRule>,
    signed_by: Option<Arc<KeySet>>,
}

impl DiscoveryOptions {
    /// Returns the settings of [`Discovery::start`]: an OpenID Provider, in the OpenID form alone.
    pub fn new(policy: &UrlPolicy) -> Self {
        Self { policy: *policy, ..Self::default() }
    }

    /// Returns the settings of [`Discovery::with_profile`].
    pub fn of_profile(profile: Profile, policy: &UrlPolicy) -> Self {
        let form = match profile {
            Profile::AuthorizationServer => WellKnown::OAuth,
            Profile::OpenIdProvider | Profile::TokenIssuer => WellKnown::OpenId,
        };
        Self::new(policy).profile(profile).form(form)
    }

    /// Sets the profile: the members that the metadata must have. By default, it is that of an OpenID Provider in the
    /// OpenID form, and that of an authorization server in the OAuth form.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Sets the well-known form in which to ask. The default is the OpenID form.
    pub const fn form(mut self, form: WellKnown) -> Self {
        self.form = form;
        self
    }

    /// Asks in the other form, too, if the first form finds nothing.
    pub const fn or_other_form(mut self) -> Self {
        self.or_other = true;
        self
    }

    /// Accepts metadata whose issuer is the template of this rule. Give the same rule to
    /// [`ClientBuilder::issuer_rule`](crate::flow::ClientBuilder::issuer_rule) or to the verifier.
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Returns the rule that accepts another issuer in the metadata than the one that was asked for, if there is one.
    #[must_use]
    pub const fn rule(&self) -> Option<&IssuerRule> {
        self.rule.as_ref()
    }

    /// Demands `signed_metadata` that one of these keys has signed (RFC 8414 section 2.1). Its values take precedence.
    /// These keys replace those of an earlier call. With an empty key set, no metadata is accepted. By default,
    /// `signed_metadata` is plain text that nothing verifies.
    pub fn signed_by(mut self, keys: Arc<KeySet>) -> Self {
        self.signed_by = Some(keys);
        self
    }
}

/// The issuer and the settings of the request.
#[derive(Debug)]
pub struct Asked {
    issuer: String,
    options: Box<DiscoveryOptions>,
}

impl Discovery {
    /// Asks the issuer for its metadata as an OpenID Provider.
    ///
    /// # Errors
    /// [`ConfigError::Issuer`] if no issuer may have this URL, or if the policy does not allow it.
    pub fn start(issuer: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::new(policy))
    }

    /// Asks for metadata with the members that this [`Profile`] demands. It asks in the OAuth form for an authorization
    /// server, and in the OpenID form for every other profile.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_profile(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::of_profile(profile, policy))
    }

    /// Asks the issuer for its metadata as an authorization server (RFC 8414), in the OAuth form alone.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn oauth(issuer: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with_profile(issuer, Profile::AuthorizationServer, policy)
    }

    /// Asks in one form and, if that finds nothing, in the other.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn either(issuer: &str, first: WellKnown, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::new(policy).form(first).or_other_form())
    }

    /// Asks with these settings.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with(issuer: &str, options: DiscoveryOptions) -> Result<Call<Self>, Error> {
        Ok(Found::start(issuer, options)?.carrying(()))
    }
}

impl Then for Discovery {
    type First = Found;
    type Carried = ();
    type Output = ProviderMetadata;

    fn then((metadata, _): (ProviderMetadata, Freshness), (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(metadata))
    }
}

/// The flow from an issuer to its metadata, and to how long the metadata stays fresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found;

impl Found {
    pub(crate) fn start(issuer: &str, options: DiscoveryOptions) -> Result<Call<Self>, Error> {
        Asked { issuer: issuer.to_owned(), options: Box::new(options) }.call()
    }
}

impl Asked {
    fn call(self) -> Result<Call<Found>, Error> {
        let url = self.options.form.url(&self.issuer, &self.options.policy).map_err(ConfigError::Issuer)?;
        Ok(Get::start(Endpoint::Discovery, &url, "application/json").carrying(self))
    }
}

impl Then for Found {
    type First = Get;
    type Carried = Asked;
    type Output = (ProviderMetadata, Freshness);

    fn then(document: Document, mut asked: Asked, moment: Moment) -> Result<Step<Self>, Error> {
        if asked.options.or_other && NOT_THERE.contains(&document.status.as_u16()) {
            asked.options.or_other = false;
            asked.options.form = asked.options.form.other();
            return Ok(asked.call()?.into());
        }
        let json = document.json(&["application/json"])?;
        let Asked { issuer, options } = asked;
        let DiscoveryOptions { policy, profile, form, or_other: _, rule, signed_by } = *options;
        let metadata = ProviderMetadata::parse_as(
            json,
            &Demands {
                issuer: &issuer,
                template: rule.as_ref().and_then(IssuerRule::as_template),
                profile: profile.unwrap_or(match form {
                    WellKnown::OpenId => Profile::OpenIdProvider,
                    WellKnown::OAuth => Profile::AuthorizationServer,
                }),
                policy: &policy,
                signed_by: signed_by.as_deref().map(|keys| (keys, moment.now())),
            },
        );
        let metadata = metadata.map_err(|error| document.broken(ResponseRule::Metadata(error)))?;
        Ok(Step::Done((metadata, document.freshness())))
    }
}
