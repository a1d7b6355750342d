//! Discovery (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3): from an issuer to its metadata.
//!
//! ```text
//! Getting ──document──▶ Done(ProviderMetadata)
//!         ──400, 401, 403, 404, 405, 410, not JSON──▶ Getting     the other form, once, if it may be tried
//! ```
//! The statuses 400, 401, 403, 404, 405 and 410 mean "not there": servers send them if they have nothing at a path, or
//! nothing for everybody. So does a page, a success that is not JSON: applications send one at every path. Every other
//! response ends the flow, above all a document with another issuer, but also a redirect or a busy server.

use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlPolicy},
        freshness::Freshness,
        moment::Moment,
    },
    flow::{
        contract::{Call, ConfigError, Endpoint, Error, MAX_DOCUMENT, ResponseRule, Step, Then},
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
    place: Option<EndpointUrl>,
    limit: Option<usize>,
    of_any_type: bool,
}

impl DiscoveryOptions {
    /// Returns the settings of [`Discovery::start`]: an OpenID Provider, in the OpenID form alone.
    pub fn new(policy: &UrlPolicy) -> Self {
        Self { policy: policy.clone(), ..Self::default() }
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

    /// Fetches the document from this URL, and from no other. Its issuer must still be the one that was asked for, to
    /// the letter: you vouch for the place of the document, and the document for nothing but its issuer.
    ///
    /// For a provider whose document is not where its issuer says. Its server may redirect the well-known URLs, or it
    /// may have one name for browsers and another in your own network:
    ///
    /// ```
    /// use oidc_proto::{EndpointUrl, UrlPolicy, flow::{Discovery, DiscoveryOptions}};
    ///
    /// let policy = UrlPolicy::default();
    /// let place = "https://cloud.example/index.php/.well-known/openid-configuration";
    /// let options = DiscoveryOptions::new(&policy).document_at(EndpointUrl::parse(place, &policy)?);
    /// let call = Discovery::with("https://cloud.example", options)?;
    /// assert_eq!(call.request().uri(), place);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn document_at(mut self, url: EndpointUrl) -> Self {
        self.place = Some(url);
        self
    }

    /// Sets the largest document, in bytes; the default is [`MAX_DOCUMENT`](crate::flow::MAX_DOCUMENT).
    pub const fn max_document(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Whether documents of any media type are accepted.
    pub(crate) const fn of_any_type(&self) -> bool {
        self.of_any_type
    }

    /// Returns the largest document, in bytes.
    #[must_use]
    pub fn document_limit(&self) -> usize {
        self.limit.unwrap_or(MAX_DOCUMENT)
    }

    /// Accepts documents of any media type. Nothing but the media type is tolerated: the metadata must be JSON with the
    /// issuer that was asked for. For a server that publishes files as they are, such as a bucket that calls each
    /// `binary/octet-stream`.
    ///
    /// # Danger
    /// It takes a check away: a file that others may put there, such as an upload, passes for the document. See
    /// [`danger`](crate::danger).
    pub const fn any_media_type(mut self) -> Self {
        self.of_any_type = true;
        self
    }

    /// Sets which URLs the metadata may have.
    pub fn url_policy(mut self, policy: UrlPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Returns the policy for the URLs of the metadata.
    #[must_use]
    pub const fn urls(&self) -> &UrlPolicy {
        &self.policy
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
    /// The places that had no document.
    without: Vec<String>,
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
        Asked { issuer: issuer.to_owned(), options: Box::new(options), without: Vec::new() }.call()
    }
}

impl Asked {
    fn call(mut self) -> Result<Call<Found>, Error> {
        // The issuer must be one that an issuer may have, wherever its document is.
        let derived =
            self.options.form.url(&self.issuer, &self.options.policy).map_err(ConfigError::Issuer)?;
        let url = self.options.place.as_ref().unwrap_or(&derived);
        let without = std::mem::take(&mut self.without);
        let of_type = ("application/json", self.options.of_any_type);
        let call = Get::after(without, Endpoint::Discovery, url, of_type);
        Ok(call.max_body(self.options.document_limit()).carrying(self))
    }

    /// Whether this response means that there is no document, and there is one more place to ask.
    fn goes_on(&self, document: &Document) -> bool {
        let status = document.status.as_u16();
        let is_page = matches!(status, 200 | 204) && !document.is_json();
        let may = self.options.or_other && self.options.place.is_none();
        may && (is_page || NOT_THERE.contains(&status))
    }
}

impl Then for Found {
    type First = Get;
    type Carried = Asked;
    type Output = (ProviderMetadata, Freshness);

    fn then(document: Document, mut asked: Asked, moment: Moment) -> Result<Step<Self>, Error> {
        if asked.goes_on(&document) {
            asked.without = document.urls;
            asked.options.or_other = false;
            asked.options.form = asked.options.form.other();
            return Ok(asked.call()?.into());
        }
        let json = document.json(&["application/json"])?;
        let Asked { issuer, options, .. } = asked;
        let DiscoveryOptions { policy, profile, form, rule, signed_by, .. } = *options;
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
