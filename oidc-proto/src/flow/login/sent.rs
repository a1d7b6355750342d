//! [`Sent`]: the data that every pending authorization keeps: the issuer, the client, the redirect URI, the `state` and
//! the time of the request. A response is checked against these data first.

use crate::{
    base::{
        moment::Timestamp,
        secret::{Secret, equal},
    },
    flow::{
        client::{Client, is_thumbprint},
        contract::{CallbackError, ConfigError, Error, PENDING_LIFETIME},
        exchange::Aim,
        saved::text,
    },
    message::{
        Answer, AuthorizationDetails, AuthorizationResponse, RequestError, ResponseType, target::is_resource,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

/// The version of the saved form.
pub(in crate::flow) const VERSION: u32 = 1;

/// An authorization request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flow) struct Sent {
    pub(in crate::flow) issuer: String,
    pub(in crate::flow) client_id: String,
    pub(in crate::flow) redirect_uri: String,
    pub(in crate::flow) state: String,
    pub(in crate::flow) created: Timestamp,
    /// Whether the request asked for a signed response (JARM).
    pub(in crate::flow) signed: bool,
    /// The thumbprint of the DPoP key of the client, to which the code is bound.
    pub(in crate::flow) jkt: Option<String>,
    /// The resources for which the token request asks: those of the authorization request, or a choice of them.
    pub(in crate::flow) resources: Vec<String>,
    /// The authorization details that the request has asked for.
    pub(in crate::flow) details: AuthorizationDetails,
    /// The details for which the token request asks. If there are none, it names none.
    pub(in crate::flow) chosen: AuthorizationDetails,
}

impl Sent {
    pub(in crate::flow) fn new(
        client: &Client,
        state: String,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            redirect_uri: client.redirect_uri()?.to_owned(),
            state,
            created: now,
            signed: answer.is_signed(),
            jkt: None,
            resources: Vec::new(),
            details: AuthorizationDetails::default(),
            chosen: AuthorizationDetails::default(),
        })
    }

    /// Keeps the resources and the details of the request, if the provider offers those and a saved state has room.
    pub(in crate::flow) fn asking(
        self,
        client: &Client,
        resources: &[String],
        details: &AuthorizationDetails,
    ) -> Result<Self, Error> {
        if !text::is_list(resources) {
            return Err(ConfigError::Parameter("resource").into());
        }
        Aim::check_types(client, details)?;
        Ok(Self { resources: resources.to_vec(), details: details.clone(), ..self })
    }

    /// Returns what the token request asks for.
    pub(in crate::flow) fn aim(&self) -> Aim {
        Aim::new(&self.resources, &self.chosen).or_expecting(&self.details)
    }

    /// Asks for a token for these resources only.
    pub(in crate::flow) fn for_resources(self, resources: Vec<String>) -> Result<Self, ConfigError> {
        let asked = |resource: &String| self.resources.contains(resource);
        if resources.is_empty() || !resources.iter().all(asked) {
            return Err(ConfigError::Parameter("resource"));
        }
        Ok(Self { resources, ..self })
    }

    /// Asks for a token with these rights.
    pub(in crate::flow) fn with_details(self, chosen: AuthorizationDetails) -> Result<Self, ConfigError> {
        let asked = self.details.types();
        let within = chosen.types().iter().all(|wanted| asked.contains(wanted));
        if chosen.is_empty() || !within || !chosen.can_be_sent() {
            return Err(ConfigError::Parameter("authorization_details"));
        }
        Ok(Self { chosen, ..self })
    }

    /// Says that the code is for the DPoP key of this client, if it has one.
    pub(in crate::flow) fn bound(mut self, client: &Client) -> Self {
        self.jkt = client.dpop_thumbprint().map(str::to_owned);
        self
    }

    /// Checks that this client made the request, with the same DPoP key, and that the response has the `state` of the request. Checks nothing
    /// else.
    /// `secrets` are as in [`answered`](Self::answered).
    pub(in crate::flow) fn belongs(
        &self,
        client: &Client,
        response: &AuthorizationResponse,
        secrets: &[Secret],
    ) -> Result<(), Error> {
        if self.issuer != client.metadata().issuer || self.client_id != client.client_id() {
            return Err(ConfigError::SavedState.into());
        }
        client.check_dpop_key(self.jkt.as_deref())?;
        let state = response.state.as_deref().unwrap_or_default();
        // Some providers leave the state out of their error responses.
        let elsewhere = response.iss.as_ref().is_some_and(|iss| !client.inner().verifier.issuer.admits(iss));
        if let ("", Some(error), false) = (state, &response.error, elsewhere) {
            let error = error.without(&[&[Secret::new(&self.state)], secrets].concat());
            return Err(CallbackError::Unattributed(Box::new(error)).into());
        }
        match equal(state.as_bytes(), self.state.as_bytes()) {
            true => Ok(()),
            false => Err(CallbackError::State.into()),
        }
    }

    /// Checks that the response belongs to the request, comes from its issuer, is not an error response, and is in
    /// time. `secrets` are the values, besides the state, that the provider knows. No error may repeat them.
    pub(in crate::flow) fn answered(
        &self,
        client: &Client,
        response: &AuthorizationResponse,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<(), Error> {
        self.belongs(client, response, secrets)?;
        // An error response, too, must come from the issuer of the request.
        match response.iss.as_deref() {
            Some(iss) if !client.inner().verifier.issuer.admits(iss) => {
                return Err(CallbackError::Issuer.into());
            }
            None if client.metadata().requires_issuer_in_response() => {
                return Err(CallbackError::MissingIssuer.into());
            }
            Some(_) | None => {}
        }
        if let Some(error) = &response.error {
            let error = error.without(&[&[Secret::new(&self.state)], secrets].concat());
            return Err(CallbackError::Denied(Box::new(error)).into());
        }
        Ok(self.in_time(now)?)
    }

    /// Whether a callback that arrives `now` is in time.
    pub(in crate::flow) fn can_end(&self, now: Timestamp) -> bool {
        self.in_time(now).is_ok()
    }

    fn in_time(&self, now: Timestamp) -> Result<(), CallbackError> {
        if now > self.created.after(PENDING_LIFETIME) {
            return Err(CallbackError::Expired { ago: self.created.until(now) });
        }
        if self.created > now.after(PENDING_LIFETIME) {
            return Err(CallbackError::BegunInFuture { ahead: now.until(self.created) });
        }
        Ok(())
    }
}

/// Gives a flow's saved state, a struct with the field `sent`, its public methods, and a `Debug` that shows no secret.
macro_rules! waits_for_callback {
    ($state:ident) => {
        impl std::fmt::Debug for $state {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($state))
                    .field("issuer", &self.sent.issuer)
                    .field("client_id", &self.sent.client_id)
                    .field("created", &self.sent.created)
                    .finish_non_exhaustive()
            }
        }

        impl $state {
            /// Returns the `state` of the request. Save this value under that name.
            #[must_use]
            pub fn state(&self) -> &str {
                &self.sent.state
            }

            /// Returns the issuer that the request was for.
            #[must_use]
            pub fn issuer(&self) -> &str {
                &self.sent.issuer
            }

            /// Returns the time of the request.
            #[must_use]
            pub const fn created(&self) -> $crate::base::moment::Timestamp {
                self.sent.created
            }
        }
    };
}
pub(in crate::flow) use waits_for_callback;

/// Gives a flow's saved state, whose callback leads to a token request, the methods that choose what the token is for.
macro_rules! chooses_token {
    ($state:ident) => {
        impl $state {
            /// Returns the resources for which the token request will ask: all that the request has named, or those of
            /// [`for_resources`](Self::for_resources).
            #[must_use]
            pub fn resources(&self) -> &[String] {
                &self.sent.resources
            }

            /// Returns the authorization details that the request has asked for, to
            /// [compare](crate::message::AuthorizationDetails::compare) the answer with.
            #[must_use]
            pub const fn authorization_details(&self) -> &crate::message::AuthorizationDetails {
                &self.sent.details
            }

            /// Asks for an access token for these resources only (RFC 8707 section 2.2). A
            /// [`RefreshRequest`](crate::flow::RefreshRequest) gets tokens for the others. Some providers issue no token for
            /// several resources and answer `invalid_target`, and the code is spent then: choose one for them.
            ///
            /// # Errors
            /// [`ConfigError::Parameter`] if there is none, or one that the request has not named.
            pub fn for_resources<S: Into<String>>(
                self,
                resources: impl IntoIterator<Item = S>,
            ) -> Result<Self, ConfigError> {
                let resources = resources.into_iter().map(Into::into).collect();
                Ok(Self { sent: self.sent.for_resources(resources)?, ..self })
            }

            /// Asks for an access token with these rights only (RFC 9396 section 6). Without this choice, the token request
            /// names none, and the provider decides which of those that were granted the token has.
            ///
            /// # Errors
            /// [`ConfigError::Parameter`] if there is none, or one of a type that the request has not named.
            pub fn with_authorization_details(
                self,
                details: crate::message::AuthorizationDetails,
            ) -> Result<Self, ConfigError> {
                Ok(Self { sent: self.sent.with_details(details)?, ..self })
            }
        }
    };
}
pub(in crate::flow) use chooses_token;

/// The saved form of every state that waits for a callback. The names of its fields are short, because the form may be
/// stored in a cookie. The version comes first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::flow) struct Saved {
    pub(in crate::flow) v: u32,
    pub(in crate::flow) i: String,
    pub(in crate::flow) c: String,
    pub(in crate::flow) r: String,
    pub(in crate::flow) s: String,
    /// The nonce, if the request asks for an ID token.
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    pub(in crate::flow) n: Option<Secret>,
    /// The PKCE verifier, if the request asks for a code with PKCE.
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    pub(in crate::flow) p: Option<Secret>,
    /// Whether the request asks for a code without PKCE.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::flow) w: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::flow) m: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::flow) a: Vec<String>,
    /// The response type, if the request asks for more than a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::flow) y: Option<String>,
    /// Whether the request asks for a signed response.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::flow) j: bool,
    /// The thumbprint of the DPoP key to which the code is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::flow) d: Option<String>,
    /// The resources for which the token request asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::flow) q: Vec<String>,
    /// The authorization details that were asked for, and those for which the token request asks.
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub(in crate::flow) g: AuthorizationDetails,
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub(in crate::flow) e: AuthorizationDetails,
    pub(in crate::flow) t: Timestamp,
}

/// The saved values that only some requests have.
#[derive(Default)]
pub(in crate::flow) struct Besides {
    pub(in crate::flow) nonce: Option<Secret>,
    pub(in crate::flow) code_verifier: Option<Secret>,
    /// Whether the request asks for a code without PKCE.
    pub(in crate::flow) without_pkce: bool,
    pub(in crate::flow) max_age: Option<u32>,
    pub(in crate::flow) acr: Vec<String>,
    pub(in crate::flow) kind: ResponseType,
}

impl Saved {
    pub(in crate::flow) fn new(sent: Sent, besides: Besides) -> Self {
        let Sent {
            issuer: i, client_id: c, redirect_uri: r, state: s, created: t, signed: j, jkt: d, ..
        } = sent;
        let (q, g, e) = (sent.resources, sent.details, sent.chosen);
        let Besides { nonce: n, code_verifier: p, without_pkce: w, max_age: m, acr: a, kind } = besides;
        let y = (kind != ResponseType::Code).then(|| kind.name().to_owned());
        Self { v: VERSION, i, c, r, s, n, p, w, m, a, y, j, d, q, g, e, t }
    }

    /// Splits the value into its parts, or says why this version of the library cannot have saved it.
    pub(in crate::flow) fn checked(self) -> Result<(Sent, Besides), &'static str> {
        let Self { v, i, c, r, s, n, p, w, m, a, y, j, d, q, g, e, t } = self;
        if v != VERSION {
            return Err("the saved authorization is of another version");
        }
        let secrets = [Some(s.as_str()), n.as_ref().map(Secret::expose), p.as_ref().map(Secret::expose)];
        if !secrets.into_iter().flatten().all(text::is_token) {
            return Err("the saved authorization has a state, nonce or verifier of the wrong form");
        }
        if !text::is_list(&[&i, &c, &r]) || !text::is_list(&a) {
            return Err("the saved authorization has a text that is empty, too long or not printable");
        }
        if !d.as_deref().is_none_or(is_thumbprint) {
            return Err("the saved authorization has no proper thumbprint of a key");
        }
        if !text::is_list(&q) || !q.iter().all(|resource| is_resource(resource)) {
            return Err("the saved authorization has a resource that no request can have");
        }
        let asked = g.types();
        if !g.can_be_sent() || !e.can_be_sent() || !e.types().iter().all(|chosen| asked.contains(chosen)) {
            return Err("the saved authorization has authorization details that no request can have");
        }
        let kind = match y {
            Some(name) => ResponseType::from_name(&name)
                .ok_or("the saved authorization has a response type that is not known")?,
            None => ResponseType::Code,
        };
        let (resources, details, chosen) = (q, g, e);
        let sent = Sent {
            issuer: i,
            client_id: c,
            redirect_uri: r,
            state: s,
            created: t,
            signed: j,
            jkt: d,
            resources,
            details,
            chosen,
        };
        Ok((sent, Besides { nonce: n, code_verifier: p, without_pkce: w, max_age: m, acr: a, kind }))
    }
}

/// The error for a saved form of another kind.
pub(in crate::flow) const OTHER_KIND: &str = "the saved authorization is of another kind";

impl From<RequestError> for ConfigError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Reserved(name) => Self::Reserved(name),
            RequestError::Parameter(name) => Self::Parameter(name),
        }
    }
}

impl Client {
    /// Returns the URL of the authorization endpoint with these parameters.
    pub(in crate::flow) fn authorization_url(
        &self,
        pairs: Vec<(String, String)>,
    ) -> Result<Url, ConfigError> {
        let missing = ConfigError::NoEndpoint("authorization_endpoint");
        let endpoint = self.metadata().authorization_endpoint.as_ref().ok_or(missing)?;
        // The query of the endpoint is kept (RFC 6749 section 3.1). An endpoint whose query has one of our parameters
        // is unusable.
        let mut url = endpoint.as_url().clone();
        if url.query_pairs().any(|(name, _)| pairs.iter().any(|(ours, _)| *ours == name)) {
            return Err(missing);
        }
        url.query_pairs_mut().extend_pairs(pairs);
        Ok(url)
    }
}
