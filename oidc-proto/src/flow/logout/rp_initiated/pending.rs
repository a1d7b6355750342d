//! [`PendingLogout`]: the state to keep while the user is at the provider to log out, and the check of their return
//! (RP-Initiated Logout 1.0 section 3).

use super::error::LogoutError;
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::equal,
    },
    flow::{
        client::Client,
        saved::{seal_as_json, text},
    },
    message::LogoutResponse,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the saved form.
const VERSION: u32 = 1;

/// A logout between the way to the provider and the return from it.
///
/// Save it (it is `Serialize`) where you find it again by the user's browser, but not in the session: that has ended. A
/// cookie of a few minutes is the usual place, sealed with [`SealingKeys`](crate::flow::SealingKeys). It holds no token.
///
/// # What a return means, and what its absence means
/// [`returned`](Self::returned) says that the user of this browser is back from the provider, and nothing more. The
/// provider does not confirm that the user has logged out: no specification has a message for that. They may have
/// declined at the provider's page.
///
/// Many users never come back. They close the page, the provider is down, it shows a page of its own because the hint is
/// too old or the redirect URI is not registered. So nothing may wait for the return: end the session of your
/// application before you send the user away, and let the return do no more than show a page. There is no time limit.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, message::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "end_session_endpoint": "https://op.example/logout",
///     "jwks_uri": "https://op.example/jwks", "id_token_signing_alg_values_supported": ["RS256"]}"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-app").build()?;
///
/// // The session of the application has ended. `id_token_hint` adds the ID token of the login.
/// let request = LogoutRequest::new().post_logout_redirect_uri("https://app.example/logged-out");
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let (url, pending) = client.logout(&request, moment)?.by_url();
/// let saved = serde_json::to_string(&pending)?; // into a cookie, sealed
///
/// // The user goes to `url`, and comes back to the page `/logged-out`.
/// let state = url.query_pairs().find(|(name, _)| name == "state").ok_or("no state")?.1.into_owned();
/// let response = LogoutResponse::from_url(&format!("/logged-out?state={state}"))?;
/// let pending: PendingLogout = serde_json::from_str(&saved)?;
/// pending.returned(&client, &response)?; // show the page "You have logged out here."
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingLogout {
    issuer: String,
    client_id: String,
    state: String,
    created: Timestamp,
}

/// The saved form. The names of its fields are short, because the form may be stored in a cookie.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    v: u32,
    i: String,
    c: String,
    s: String,
    t: Timestamp,
}

impl From<PendingLogout> for Saved {
    fn from(pending: PendingLogout) -> Self {
        let PendingLogout { issuer: i, client_id: c, state: s, created: t } = pending;
        Self { v: VERSION, i, c, s, t }
    }
}

impl TryFrom<Saved> for PendingLogout {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let Saved { v, i, c, s, t } = unchecked;
        if v != VERSION {
            return Err("the saved logout is of another version");
        }
        if !text::is_token(&s) {
            return Err("the saved logout has a state of the wrong form");
        }
        if !text::is_list(&[&i, &c]) {
            return Err("the saved logout has a text that is empty, too long or not printable");
        }
        Ok(Self { issuer: i, client_id: c, state: s, created: t })
    }
}

seal_as_json!(PendingLogout, "logout");

impl PendingLogout {
    pub(super) fn new(client: &Client, moment: Moment) -> Self {
        let (created, mut entropy) = moment.split();
        Self {
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            state: entropy.token(),
            created,
        }
    }

    /// Returns the `state` of the request. Save this value under that name.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Returns the issuer that the request was for.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the time of the request, to remove old ones from a store.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// Checks that the user comes back from this logout. `Ok` says that, and nothing more: see [`PendingLogout`].
    ///
    /// # Errors
    /// [`LogoutError::State`] if the `state` is missing or another: show the page that users see who open this address by
    /// themselves. [`LogoutError::SavedState`] if the logout was begun by another client, or at another provider.
    pub fn returned(self, client: &Client, response: &LogoutResponse) -> Result<(), LogoutError> {
        if self.issuer != client.metadata().issuer || self.client_id != client.client_id() {
            return Err(LogoutError::SavedState);
        }
        let state = response.state.as_deref().unwrap_or_default();
        if equal(state.as_bytes(), self.state.as_bytes()) { Ok(()) } else { Err(LogoutError::State) }
    }
}

impl fmt::Debug for PendingLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogout")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}
