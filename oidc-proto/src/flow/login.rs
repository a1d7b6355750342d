//! Login begins: the authorization request, what must be kept while the user is away, and the
//! callback (OpenID Connect Core 1.0 section 3.1.2, RFC 7636, RFC 9207).
//!
//! ```text
//! authorize ─▶ (Url, PendingAuthorization) … the user is away, maybe to return to another node …
//!              callback ─▶ Call<CodeExchange>   the only way to a token request
//! ```

use super::{Attempt, Call, Client, CodeExchange, ConfigError, Error, code_exchange::Promise, saved};
use crate::{
    backend::sha256,
    base::{
        base64url,
        form::FormError,
        moment::{Moment, Timestamp},
        secret::{Secret, equal, exposed},
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, Bound, ErrorResponse, RequestError},
    metadata::ProviderMetadata,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use url::Url;

/// How long, in seconds, a user may be away before the callback is refused. A login that was begun by a clock
/// which is ahead of the one that ends it by more than this is refused too: nobody knows how old it is.
pub const PENDING_LIFETIME: i64 = 3600;

/// The version of the saved form.
pub(super) const VERSION: u32 = 1;

/// Between the redirect and the callback: everything that the answer must fit.
///
/// Save it (it is `Serialize`), where the user's browser leads you back to it: in a session, or in
/// a cookie of its own named after [`state`](Self::state), so that several tabs do not disturb each
/// other. Take it out of there as you use it: a callback that comes twice must find nothing. It holds
/// the PKCE verifier, so keep it from others; it holds no client secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingAuthorization {
    issuer: String,
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: Secret,
    code_verifier: Secret,
    max_age: Option<u32>,
    acr: Vec<String>,
    created: Timestamp,
}

/// The saved form: short names, a version first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    pub(super) v: u32,
    pub(super) i: String,
    pub(super) c: String,
    pub(super) r: String,
    pub(super) s: String,
    #[serde(with = "exposed")]
    pub(super) n: Secret,
    #[serde(with = "exposed")]
    pub(super) p: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) m: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) a: Vec<String>,
    pub(super) t: Timestamp,
}

impl From<PendingAuthorization> for Saved {
    fn from(pending: PendingAuthorization) -> Self {
        let PendingAuthorization {
            issuer,
            client_id,
            redirect_uri,
            state,
            nonce,
            code_verifier,
            max_age,
            acr,
            created,
        } = pending;
        Self {
            v: VERSION,
            i: issuer,
            c: client_id,
            r: redirect_uri,
            s: state,
            n: nonce,
            p: code_verifier,
            m: max_age,
            a: acr,
            t: created,
        }
    }
}

impl TryFrom<Saved> for PendingAuthorization {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let Saved { v, i, c, r, s, n, p, m, a, t } = unchecked;
        if v != VERSION {
            return Err("the saved authorization is of another version");
        }
        if ![s.as_str(), n.expose(), p.expose()].into_iter().all(saved::is_token) {
            return Err("the saved authorization has a state, nonce or verifier of the wrong form");
        }
        if !saved::is_list(&[&i, &c, &r]) || !saved::is_list(&a) {
            return Err("the saved authorization has a text that is empty, too long or not printable");
        }
        Ok(Self {
            issuer: i,
            client_id: c,
            redirect_uri: r,
            state: s,
            nonce: n,
            code_verifier: p,
            max_age: m,
            acr: a,
            created: t,
        })
    }
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// Why a callback is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// It is not a form in which every parameter stands once.
    #[error("its query {0}")]
    Form(#[from] FormError),
    /// It does not belong to this authorization request (RFC 6749 section 10.12).
    #[error("its `state` is missing or not the one sent; the login was begun elsewhere, or is forged")]
    State,
    /// It comes from another issuer (RFC 9207 section 2.4): an attempt at a mix-up.
    #[error("its `iss` is not the issuer that was asked")]
    Issuer,
    /// The provider says that its responses carry `iss`, and this one does not (RFC 9207 section 2.4).
    #[error("it lacks the `iss` that the provider always sends")]
    MissingIssuer,
    /// The provider, or the user, said no (RFC 6749 section 4.1.2.1).
    #[error("the provider answered {0}")]
    Denied(Box<ErrorResponse>),
    /// Neither a code nor an error.
    #[error("it has neither `code` nor `error`")]
    MissingCode,
    /// The user was away for longer than [`PENDING_LIFETIME`], or the login was begun by a clock that is so far
    /// ahead; begin again.
    #[error("the login was begun too long ago, or by another clock; begin again")]
    Expired,
}

impl CallbackError {
    /// A short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "callback_form",
            Self::State => "callback_state",
            Self::Issuer => "callback_issuer",
            Self::MissingIssuer => "callback_missing_issuer",
            Self::Denied(_) => "callback_denied",
            Self::MissingCode => "callback_missing_code",
            Self::Expired => "callback_expired",
        }
    }
}

impl From<FormError> for Error {
    fn from(error: FormError) -> Self {
        Self::Callback(error.into())
    }
}

impl Client {
    /// Where to send the user, and what to keep until they return. Always with `state`, `nonce` and
    /// PKCE (`S256`), all new.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a
    /// parameter that is not allowed, or a provider that does not know S256.
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAuthorization), Error> {
        let metadata = self.metadata();
        let redirect_uri = self.redirect_uri()?;
        let endpoint = metadata
            .authorization_endpoint
            .as_ref()
            .ok_or(ConfigError::NoEndpoint("authorization_endpoint"))?;
        check_provider(metadata)?;
        if self.inner().verifier.algorithms.set().is_empty() {
            return Err(ConfigError::NoAlgorithm.into());
        }
        if !saved::is_list(&request.essential_acr) {
            return Err(ConfigError::Parameter("essential_acr").into());
        }
        let (now, mut entropy) = moment.split();
        let (state, nonce, code_verifier) = (entropy.token(), entropy.token(), entropy.token());
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri,
            state: &state,
            nonce: &nonce,
            code_challenge: &s256(&code_verifier),
        };
        let pairs = request.encode(&bound).map_err(|error| match error {
            RequestError::Reserved(name) => ConfigError::Reserved(name),
            RequestError::Parameter(name) => ConfigError::Parameter(name),
        })?;
        // A query that the endpoint has already is kept, unless a parameter of ours would then stand
        // there twice (RFC 6749 section 3.1).
        let mut url = endpoint.as_url().clone();
        if url.query_pairs().any(|(name, _)| pairs.iter().any(|(ours, _)| *ours == name)) {
            return Err(ConfigError::NoEndpoint("authorization_endpoint").into());
        }
        url.query_pairs_mut().extend_pairs(pairs);
        let pending = PendingAuthorization {
            issuer: metadata.issuer.clone(),
            client_id: self.client_id().to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state,
            nonce: nonce.into(),
            code_verifier: code_verifier.into(),
            max_age: request.max_age,
            acr: request.essential_acr.clone(),
            created: now,
        };
        Ok((url, pending))
    }
}

impl PendingAuthorization {
    /// The state that was sent: a name to save this under.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The issuer that was asked.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When the user was sent away.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// Takes the callback: the only way to a token request. `keys` are the provider's as far as they
    /// are known; with `None`, or if they do not vouch for the ID token, the flow fetches them.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not answer this request, or says no;
    /// [`ConfigError::SavedState`] if this belongs to another client or provider.
    pub fn callback(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Call<CodeExchange>, Error> {
        Attempt::from(client).callback(self, keys, response, moment)
    }

    fn answered_by(
        self,
        client: &Client,
        response: AuthorizationResponse,
        now: Timestamp,
    ) -> Result<(Secret, Promise), Error> {
        if self.issuer != client.metadata().issuer || self.client_id != client.client_id() {
            return Err(ConfigError::SavedState.into());
        }
        let state = response.state.as_deref().unwrap_or_default();
        if !equal(state.as_bytes(), self.state.as_bytes()) {
            return Err(CallbackError::State.into());
        }
        // Error responses, too, must come from the issuer that was asked.
        match response.iss.as_deref() {
            Some(iss) if !client.inner().verifier.issuer.admits(iss) => {
                return Err(CallbackError::Issuer.into());
            }
            None if client.metadata().requires_issuer_in_response() => {
                return Err(CallbackError::MissingIssuer.into());
            }
            Some(_) | None => {}
        }
        if let Some(error) = response.error {
            let error = error.without(&[self.state.into(), self.nonce, self.code_verifier]);
            return Err(CallbackError::Denied(Box::new(error)).into());
        }
        if !self.can_end(now) {
            return Err(CallbackError::Expired.into());
        }
        let code =
            response.code.filter(|code| !code.expose().is_empty()).ok_or(CallbackError::MissingCode)?;
        Ok((code, self.into_exchange()))
    }

    /// Whether a callback comes in time.
    pub(super) fn can_end(&self, now: Timestamp) -> bool {
        now <= self.created.plus(PENDING_LIFETIME) && self.created <= now.plus(PENDING_LIFETIME)
    }

    fn into_exchange(self) -> Promise {
        Promise {
            redirect_uri: self.redirect_uri,
            state: self.state,
            nonce: self.nonce,
            code_verifier: self.code_verifier,
            max_age: self.max_age,
            acr: self.acr,
        }
    }
}

impl Attempt {
    /// Takes the callback, and sends its code.
    ///
    /// # Errors
    /// As [`PendingAuthorization::callback`].
    pub fn callback(
        self,
        pending: PendingAuthorization,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Call<CodeExchange>, Error> {
        let (code, promise) = pending.answered_by(&self.client, response, moment.now())?;
        CodeExchange::start(self, keys, code, promise, moment)
    }
}

/// What this flow sends, the provider must take; what the provider demands, this flow must send.
///
/// Lists refuse only where nothing could come of going on. `grant_types_supported` never refuses: it is
/// optional, its default is not what providers do, and a provider that does not know a grant says so.
fn check_provider(metadata: &ProviderMetadata) -> Result<(), ConfigError> {
    if metadata.requires_pushed_requests() {
        return Err(ConfigError::PushedRequestsOnly);
    }
    if metadata.requires_signed_requests() {
        return Err(ConfigError::SignedRequestsOnly);
    }
    if !metadata.supports_response_type("code") {
        return Err(ConfigError::NoCode);
    }
    if !metadata.supports_response_mode("query") {
        return Err(ConfigError::NoQueryMode);
    }
    if metadata.refuses_s256() {
        return Err(ConfigError::NoS256);
    }
    Ok(())
}

/// RFC 7636 section 4.2.
fn s256(verifier: &str) -> String {
    base64url::encode(&sha256(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
