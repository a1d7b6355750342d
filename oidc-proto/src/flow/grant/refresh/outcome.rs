//! [`RefreshOutcome`]: what came of a refresh, sealed for the other nodes of this client.

use super::Refreshed;
use crate::{
    base::{
        json::Extra,
        moment::Timestamp,
        secret::{Secret, exposed},
    },
    flow::{
        contract::Error,
        exchange::Learned,
        saved::{seal_as_json, text},
    },
    message::{AuthorizationDetails, TokenResponse},
    token::KeptIdToken,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The version of the saved form of a [`RefreshOutcome`].
const VERSION: u32 = 1;

/// What came of a refresh that may have spent its refresh token: the new tokens. Seal it, and keep it where the other
/// nodes of this client find it. A node that comes with the same refresh token takes these tokens, and does not send the
/// spent one.
///
/// ```
/// use oidc_proto::flow::{PreviousLogin, RefreshOutcome, SealError, SealingKeys};
/// use oidc_testkit::{Party, drive};
/// use std::time::Duration;
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let user = party.login()?;
/// let refresh_token = user.tokens.refresh_token.ok_or("no refresh token")?;
/// let call = party.client.refresh(&refresh_token, Some((&user.id_token).into()), None, party.clock.moment())?;
/// let refreshed = drive(call, &mut party.provider, &mut party.clock);
///
/// // One node seals what came of it.
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes
/// let outcome = RefreshOutcome::of(refreshed.as_ref()).ok_or("it has no tokens")?;
/// let sealed = keys.seal_stored(&outcome, "refresh of this token", party.clock.moment())?;
///
/// // Another node finds it ten seconds later.
/// let outcome: RefreshOutcome = keys.open_stored(&sealed, "refresh of this token")?;
/// let adopted = outcome.refreshed(Duration::from_secs(10), party.clock.now()).ok_or("it was not believed")?;
/// assert_eq!(adopted.tokens.refresh_token, refreshed?.tokens.refresh_token);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Kept")]
pub struct RefreshOutcome(Kept);

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    outcome: Outcome,
    /// What was asked for, if it was less than everything, or with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_for: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Outcome {
    Refreshed(Box<Tokens>),
    /// The refresh token of a response that is not believed. `None` if it may be somebody else's.
    NotBelieved(#[serde(with = "text::exposed_if_any")] Option<Secret>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    #[serde(with = "exposed")]
    access_token: Secret,
    token_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    raw_id_token: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorization_details: Option<AuthorizationDetails>,
    extra: Extra,
    rotated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<KeptIdToken>,
    unchecked: bool,
}

impl TryFrom<Kept> for RefreshOutcome {
    type Error = &'static str;

    /// Accepts only the version that this crate writes.
    fn try_from(kept: Kept) -> Result<Self, &'static str> {
        if kept.version == VERSION { Ok(Self(kept)) } else { Err("the outcome is of another version") }
    }
}

seal_as_json!(RefreshOutcome, "outcome of a refresh");

impl RefreshOutcome {
    /// Takes the tokens of a refresh. `None` if there are none: the provider has refused, or it is unknown what it did.
    #[must_use]
    pub fn of(refreshed: Result<&Refreshed, &Error>) -> Option<Self> {
        let outcome = match refreshed {
            Ok(refreshed) => Outcome::Refreshed(Box::new(Tokens::of(refreshed))),
            Err(error @ Error::Refresh { .. }) => Outcome::NotBelieved(error.new_refresh_token().cloned()),
            Err(_) => return None,
        };
        Some(Self(Kept { version: VERSION, outcome, asked_for: None }))
    }

    /// Says what the tokens were asked for: the scopes, the resources, the key. Only a caller that asks for the same takes
    /// them.
    #[must_use]
    pub fn asked_for(mut self, what: Option<String>) -> Self {
        self.0.asked_for = what;
        self
    }

    /// Whether the tokens were asked for this. `None` is everything that was granted, without a key.
    #[must_use]
    pub fn is_for(&self, what: Option<&str>) -> bool {
        self.0.asked_for.as_deref() == what
    }

    /// Whether the provider replaced the refresh token. If not, the old one may be sent again.
    #[must_use]
    pub fn rotated(&self) -> bool {
        match &self.0.outcome {
            Outcome::Refreshed(tokens) => tokens.rotated,
            Outcome::NotBelieved(_) => true,
        }
    }

    /// Returns the new tokens, `age` after they arrived. The access token has lived for that long already. `None` if the
    /// node that refreshed did not believe the response: see [`new_refresh_token`](Self::new_refresh_token).
    ///
    /// The ID token among them was verified by that node, and is not verified again. It is
    /// [compared](Refreshed::check) with the login of this caller by whoever adopts it.
    #[must_use]
    pub fn refreshed(&self, age: Duration, now: Timestamp) -> Option<Refreshed> {
        let Outcome::Refreshed(tokens) = &self.0.outcome else { return None };
        tokens.clone().refreshed(age, now)
    }

    /// Returns the refresh token to keep from now on. `None` if the response may be somebody else's: end the session
    /// then.
    #[must_use]
    pub fn new_refresh_token(&self) -> Option<&Secret> {
        match &self.0.outcome {
            Outcome::Refreshed(tokens) => tokens.refresh_token.as_ref(),
            Outcome::NotBelieved(new) => new.as_ref(),
        }
    }
}

impl Tokens {
    fn of(refreshed: &Refreshed) -> Self {
        let Refreshed { tokens, rotated, id_token, id_token_unchecked, learned: _ } = refreshed;
        Self {
            access_token: tokens.access_token.clone(),
            token_type: tokens.token_type.clone(),
            expires_in: tokens.expires_in.map(|span| span.as_secs()),
            refresh_token: tokens.refresh_token.clone(),
            scope: tokens.scope.clone(),
            raw_id_token: tokens.id_token.clone(),
            authorization_details: tokens.authorization_details.clone(),
            extra: tokens.extra.clone(),
            rotated: *rotated,
            id_token: id_token.as_ref().map(KeptIdToken::from),
            unchecked: *id_token_unchecked,
        }
    }

    fn refreshed(self, age: Duration, now: Timestamp) -> Option<Refreshed> {
        let left = |span| Duration::from_secs(span).saturating_sub(age).as_secs();
        let expires_in = self.expires_in.map(|span| Duration::from_secs(left(span)));
        let id_token = match self.id_token {
            Some(kept) => Some(kept.into_verified()?),
            None => None,
        };
        Some(Refreshed {
            tokens: TokenResponse {
                access_token: self.access_token,
                token_type: self.token_type,
                expires_in,
                expires_at: expires_in.map(|left| now.plus(left.as_secs().try_into().unwrap_or(i64::MAX))),
                refresh_token: self.refresh_token,
                scope: self.scope,
                id_token: self.raw_id_token,
                authorization_details: self.authorization_details,
                extra: self.extra,
            },
            rotated: self.rotated,
            id_token,
            id_token_unchecked: self.unchecked,
            learned: Learned::default(),
        })
    }
}

impl fmt::Debug for RefreshOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshOutcome(..)")
    }
}
