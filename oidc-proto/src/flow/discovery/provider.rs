//! Discovery (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3): from an issuer to its metadata.
//!
//! ```text
//! Getting ──document──▶ Done(ProviderMetadata)
//!         ──400, 401, 403, 404, 405, 410──▶ Getting     the other form, once, if it may be tried
//! ```
//! "Not there" is 400, 401, 403, 404, 405 or 410: the ways in which servers say that they have nothing at a
//! path, or nothing for everybody. Whatever else comes ends the flow: another issuer in the document above
//! all, but also a redirect, a busy server, or a page that is no document.

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

/// The statuses that mean: not here.
const NOT_THERE: [u16; 6] = [400, 401, 403, 404, 405, 410];

/// The flow from an issuer to its metadata.
#[derive(Debug)]
#[non_exhaustive]
pub struct Discovery;

/// How to ask for metadata, and what to hold it against.
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
    /// As [`Discovery::start`] asks: an OpenID Provider, at its one place.
    pub fn new(policy: &UrlPolicy) -> Self {
        Self { policy: *policy, ..Self::default() }
    }

    /// As [`Discovery::with_profile`] asks.
    pub fn of_profile(profile: Profile, policy: &UrlPolicy) -> Self {
        let form = match profile {
            Profile::AuthorizationServer => WellKnown::OAuth,
            Profile::OpenIdProvider | Profile::TokenIssuer => WellKnown::OpenId,
        };
        Self::new(policy).profile(profile).form(form)
    }

    /// What the metadata must have. By default that of an OpenID Provider in the OpenID form, and that of
    /// an authorization server in the OAuth form.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Asks in this form.
    pub const fn form(mut self, form: WellKnown) -> Self {
        self.form = form;
        self
    }

    /// Asks in the other form, too, if there is nothing in the first.
    pub const fn or_other_form(mut self) -> Self {
        self.or_other = true;
        self
    }

    /// Accepts metadata that has the template of this rule for its issuer. Hand the same rule to
    /// [`ClientBuilder::issuer_rule`](crate::flow::ClientBuilder::issuer_rule) or to the verifier.
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The rule by which the issuer in the metadata is accepted, if it need not be the one that is asked.
    #[must_use]
    pub const fn rule(&self) -> Option<&IssuerRule> {
        self.rule.as_ref()
    }

    /// Demands `signed_metadata` of the issuer, verified with these keys (RFC 8414 section 2.1), in place of
    /// those named before; with an empty key set, none is accepted. Its values take precedence. Without this,
    /// signed metadata is text and nothing more.
    pub fn signed_by(mut self, keys: Arc<KeySet>) -> Self {
        self.signed_by = Some(keys);
        self
    }
}

/// What was asked.
#[derive(Debug)]
pub struct Asked {
    issuer: String,
    options: Box<DiscoveryOptions>,
}

impl Discovery {
    /// Asks the issuer for its metadata as an OpenID Provider.
    ///
    /// # Errors
    /// [`ConfigError::Issuer`] if the issuer is not a URL that an issuer may have, or that the policy
    /// allows.
    pub fn start(issuer: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::new(policy))
    }

    /// Asks for metadata that must have what another [`Profile`] demands: that of an authorization server
    /// in the OAuth form, others in the OpenID form.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_profile(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::of_profile(profile, policy))
    }

    /// Asks the issuer for its metadata as an authorization server (RFC 8414), and in that form alone.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn oauth(issuer: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with_profile(issuer, Profile::AuthorizationServer, policy)
    }

    /// Asks in one form and, if there is nothing, in the other.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn either(issuer: &str, first: WellKnown, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::new(policy).form(first).or_other_form())
    }

    /// Asks with options.
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

/// The flow from an issuer to its metadata, and how long it says that it is fresh.
#[derive(Debug)]
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
