//! Token revocation (RFC 7009): a client makes a token worthless that it no longer needs.
//!
//! ```text
//! Repeating ──2xx──▶ Done(())                         whatever the server knows of the token: it is worth nothing now
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    at most MAX_RETRIES times, then Err: the token may still be good
//! ```
//! A second revocation does no harm, so the request may be repeated. With a refresh token, the server also revokes the
//! access tokens of the same grant, if it can (section 2.1).

use super::introspection::{TokenTypeHint, form};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{Call, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Answer, Ask, Body, MAX_RETRIES, Repeated},
    },
};

/// The flow that revokes a token. [`Client::revoke`] starts it.
///
/// ```
/// use oidc_proto::flow::TokenTypeHint;
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let user = party.login()?;
/// let refresh_token = user.tokens.refresh_token.ok_or("no refresh token")?;
///
/// // The user logs out.
/// let hint = Some(TokenTypeHint::RefreshToken);
/// let call = party.client.revoke(&refresh_token, hint, party.clock.moment())?;
/// drive(call, &mut party.provider, &mut party.clock)?;
///
/// let error = party.refresh_with(&refresh_token, None, None).unwrap_err();
/// assert_eq!(error.code(), "invalid_grant");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Revocation;

impl Client {
    /// Revokes a token of this client, such as the refresh token at logout. With `hint`, the server need not find out
    /// the kind of the token. `Ok` means only that the token is worthless now: a server gives the same response for a
    /// token that it has never seen (section 2.2).
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `revocation_endpoint`, or if the token is empty, longer than
    /// [`MAX_INTROSPECTED`](crate::flow::MAX_INTROSPECTED) or the limit that was set, or has characters that no token has; [`Error::Sign`] if the
    /// client has a key that fails to sign.
    pub fn revoke(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<Revocation>, Error> {
        Attempt::from(self).revoke(token, hint, moment)
    }
}

impl Attempt {
    /// Revokes a token of this client.
    ///
    /// # Errors
    /// As [`Client::revoke`].
    pub fn revoke(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<Revocation>, Error> {
        let form = form(&self.client, token, hint)?;
        let ask = Ask::new(self, Endpoint::Revocation, form);
        Ok(ask.repeated(MAX_RETRIES, moment)?.carrying(()))
    }
}

/// The empty response of a revocation: only the status counts, and the body is ignored (section 2.2).
impl Answer for () {
    const MEMBER: Option<&'static str> = None;
    const CHALLENGED: bool = true;

    fn read(_: Body, _: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        Ok(())
    }
}

impl Then for Revocation {
    type First = Repeated<()>;
    type Carried = ();
    type Output = ();

    fn then((): (), (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(()))
    }
}
