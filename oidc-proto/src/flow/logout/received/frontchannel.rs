//! [`FrontchannelLogoutRequest`]: the page of the client that a provider shows in a frame when it logs a user out (OpenID
//! Connect Front-Channel Logout 1.0 section 2).

use super::error::FrontchannelLogoutError;
use crate::{
    base::{endpoint_url::EndpointUrl, form, visible::all_visible},
    flow::client::Client,
    metadata::ProviderMetadata,
    token::EndedSessions,
};
use http::{HeaderMap, HeaderValue, header};
use std::{collections::BTreeSet, fmt};
use url::Url;
use zeroize::Zeroizing;

/// The query of a request to the client's `frontchannel_logout_uri`. A browser sends it, from a frame of the provider's
/// page. No signature says who made it: whoever knows an `iss` and a `sid` can log that user out, and can do no more. So
/// prefer the [back channel](super::BackchannelLogoutRequest) if the provider has it. `Debug` shows no `sid`.
///
/// The frame is one of another site, so the browser sends the cookies of this application only with `SameSite=None`, and
/// often not even then. So end the session by its `sid`, and not by the cookie. The answer is any small page, with
/// [`headers`](Self::headers).
///
/// ```
/// use oidc_proto::flow::{Client, FrontchannelLogoutError, FrontchannelLogoutRequest};
/// use oidc_proto::token::EndedSessions;
///
/// /// Which session ends, by the query of the request.
/// fn ended(query: &str, client: &Client) -> Result<EndedSessions, FrontchannelLogoutError> {
///     FrontchannelLogoutRequest::from_query(query)?.session(client)
/// }
///
/// let half = FrontchannelLogoutRequest::from_query("sid=08a5019c");
/// assert_eq!(half.unwrap_err(), FrontchannelLogoutError::Missing("iss"));
/// # let _ = ended;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FrontchannelLogoutRequest {
    named: Option<Named>,
}

#[derive(Clone, PartialEq, Eq)]
struct Named {
    iss: Zeroizing<String>,
    sid: Zeroizing<String>,
}

impl FrontchannelLogoutRequest {
    /// Reads a query, without its `?`. It has both `iss` and `sid`, or neither. Further parameters are ignored: the
    /// registered URI may have its own.
    ///
    /// # Errors
    /// [`FrontchannelLogoutError`] says what is wrong.
    pub fn from_query(query: &str) -> Result<Self, FrontchannelLogoutError> {
        let mut parameters = form::decode(query.as_bytes(), &[]).map_err(FrontchannelLogoutError::Form)?;
        let mut take = |wanted: &str| {
            let at = parameters.iter().position(|(name, _)| name == wanted)?;
            Some(parameters.swap_remove(at).1)
        };
        let named = match (take("iss"), take("sid")) {
            (None, None) => None,
            (None, Some(_)) => return Err(FrontchannelLogoutError::Missing("iss")),
            (Some(_), None) => return Err(FrontchannelLogoutError::Missing("sid")),
            (Some(_), Some(sid)) if sid.is_empty() || !all_visible(&sid) => {
                return Err(FrontchannelLogoutError::Sid);
            }
            (Some(iss), Some(sid)) => Some(Named { iss, sid }),
        };
        Ok(Self { named })
    }

    /// Returns the session that ends. The client has registered `frontchannel_logout_session_required`, so the provider
    /// names it.
    ///
    /// # Errors
    /// [`FrontchannelLogoutError`]: the request names none, or one of another issuer.
    pub fn session(&self, client: &Client) -> Result<EndedSessions, FrontchannelLogoutError> {
        let Some(Named { iss, sid }) = &self.named else {
            return Err(FrontchannelLogoutError::Missing("sid"));
        };
        match client.inner().verifier.issuer.admits(iss) {
            true => Ok(EndedSessions::session(iss, sid, None)),
            false => Err(FrontchannelLogoutError::Issuer),
        }
    }

    /// Returns the session that ends. `None` if the request names none: then it is the one of this browser, if its cookie
    /// came along.
    ///
    /// # Danger
    /// It takes a check away: every page that the user visits can log the user out here. See [`danger`](crate::danger).
    ///
    /// # Errors
    /// [`FrontchannelLogoutError`]: the session is one of another issuer.
    pub fn session_if_named(
        &self,
        client: &Client,
    ) -> Result<Option<EndedSessions>, FrontchannelLogoutError> {
        self.named.as_ref().map(|_| self.session(client)).transpose()
    }

    /// Returns the headers of the answer: no cache keeps it, and only pages of this provider may show it in a frame. These
    /// are the origins of its issuer and of its `end_session_endpoint`. Send no `X-Frame-Options`, and no other
    /// `frame-ancestors`: a browser demands that all of them allow it.
    #[must_use]
    pub fn headers(metadata: &ProviderMetadata) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let end_session = metadata.end_session_endpoint.as_ref().map(EndpointUrl::as_str);
        let urls = [Some(metadata.issuer.as_str()), end_session].into_iter().flatten();
        let origins = urls.filter_map(|url| Url::parse(url).ok()).map(|url| url.origin());
        let origins = origins.filter(url::Origin::is_tuple).map(|origin| origin.ascii_serialization());
        let origins: BTreeSet<String> = origins.collect();
        let sources = match origins.is_empty() {
            true => "'none'".to_owned(),
            false => origins.into_iter().collect::<Vec<_>>().join(" "),
        };
        let policy = HeaderValue::try_from(format!("frame-ancestors {sources}"));
        let policy = policy.unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"));
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers
    }
}

impl fmt::Debug for FrontchannelLogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.named.is_some();
        f.debug_struct("FrontchannelLogoutRequest").field("names_session", &named).finish()
    }
}
