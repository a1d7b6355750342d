//! [`VerifiedAccessToken`]: an access token whose claims may be believed.

use super::{
    Claims,
    claims::{Acting, List},
    scopes::{self, Others},
};
use crate::{
    base::sentence::debug_is_sentence,
    message::{Actor, AuthorizationDetails},
};
use serde::Deserialize;
use std::{borrow::Cow, fmt};

/// A verified access token, borrowed from the [`Scratch`](super::Scratch). Its claims may be believed.
///
/// ```
/// use oidc_proto::token::{CustomClaimsError, VerifiedAccessToken};
///
/// #[derive(serde::Deserialize)]
/// struct Custom<'a> {
///     tenant: &'a str,
/// }
///
/// /// The tenant of a caller that may read orders.
/// fn tenant<'s>(token: &VerifiedAccessToken<'s>) -> Result<Option<&'s str>, CustomClaimsError> {
///     if !token.has_scope("orders.read") {
///         return Ok(None);
///     }
///     Ok(Some(token.custom::<Custom<'s>>()?.tenant))
/// }
/// ```
#[derive(Clone)]
pub struct VerifiedAccessToken<'s> {
    pub(super) claims: Claims<'s>,
    pub(super) payload: &'s [u8],
    pub(super) scopes: Others<'s>,
    pub(super) client: Option<Cow<'s, str>>,
}

impl fmt::Debug for VerifiedAccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl<'s> VerifiedAccessToken<'s> {
    /// Returns the registered claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'s> {
        &self.claims
    }

    /// Returns the client to which the token was issued: `client_id`, or `azp`. A token that names its client in neither
    /// may have `appid` (Entra, AD FS) or `cid` (Okta), if the verifier [accepts](super::AccessTokenVerifier::accept_plain_jwt)
    /// such tokens.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let names = [&self.claims.client_id, &self.claims.azp, &self.client];
        names.into_iter().filter_map(|name| name.as_deref()).find(|name| !name.is_empty())
    }

    /// Returns the party that acts for the subject (RFC 8693 section 4.1). `None` if the subject itself uses the token, or the
    /// client for itself. An `act` that cannot be read refuses the token, so `None` never hides an actor.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        self.claims.act.and_then(Acting::actor)
    }

    /// Returns the party that may become the actor of the subject (RFC 8693 section 4.4). `None` if the token names none, or
    /// not in a form that can be read: then nobody may.
    #[must_use]
    pub fn may_act(&self) -> Option<Actor> {
        may_act(self.payload)
    }

    /// Returns the scopes as places in the text from which the claims borrow.
    pub(crate) fn kept_scopes(&self, text: &str) -> List {
        scopes::keep(&self.claims, &self.scopes, text)
    }

    /// Returns the scopes: the words of `scope`, or its items if it is an array. Without `scope`, it returns those of
    /// `scp`, the claim of Entra and Okta. A verifier can [set](super::AccessTokenVerifier::scope_claim) another claim.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scopes::all(&self.claims, &self.scopes)
    }

    /// Whether the token has this scope.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scopes().any(|scope| scope == wanted)
    }

    /// Returns the rights of the token besides its scopes: the claim `authorization_details` (RFC 9396 section 9.1). There
    /// are none if the token names none.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if they are no list of entries with a type each. Refuse such a token.
    pub fn authorization_details(&self) -> Result<AuthorizationDetails, CustomClaimsError> {
        #[derive(Deserialize)]
        struct Rights {
            #[serde(default)]
            authorization_details: Option<AuthorizationDetails>,
        }
        Ok(self.custom::<Rights>()?.authorization_details.unwrap_or_default())
    }

    /// Reads claims of your own: deserializes the whole set of claims into a type of your choice.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claims are not of that type.
    pub fn custom<T: Deserialize<'s>>(&self) -> Result<T, CustomClaimsError> {
        serde_json::from_slice(self.payload).map_err(|_| CustomClaimsError)
    }
}

/// Reads the `may_act` of a payload that was verified.
pub(super) fn may_act(payload: &[u8]) -> Option<Actor> {
    #[derive(Deserialize)]
    struct Named {
        may_act: Option<serde_json::Value>,
    }
    let named: Named = serde_json::from_slice(payload).ok()?;
    Actor::of_may_act(named.may_act.as_ref())
}

/// The claims of a verified token do not fit the requested type.
///
/// `custom` and `claim`, which read claims into a type of your own, return it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claims of the token are not of the type that the caller asks for")]
#[non_exhaustive]
pub struct CustomClaimsError;

debug_is_sentence!(CustomClaimsError);
