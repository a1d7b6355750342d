//! Token revocation (RFC 7009): a token that is needed no more is made worthless.
//!
//! ```text
//! Repeating ──2xx──▶ Done(())                         whatever the server knows of the token: it is worth nothing now
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    at most MAX_RETRIES times, then Err: the token may still be good
//! ```
//! Revoking a token twice harms nobody, so the request may be repeated. A refresh token takes its access tokens
//! with it where the server can do that (section 2.1).

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

/// The flow that revokes a token.
#[derive(Debug)]
#[non_exhaustive]
pub struct Revocation;

impl Client {
    /// Revokes a token that this client was given, such as a refresh token at logout. With `hint`, the server
    /// need not find out which kind of token it is. `Ok` says that the token is worth nothing now, and no more:
    /// a server answers the same of a token that it has never seen (section 2.2).
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `revocation_endpoint`, or if the token is empty, too long,
    /// or has characters that no token has; [`Error::Sign`] if the client has a key that does not sign.
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
    /// Revokes a token that the client was given.
    ///
    /// # Errors
    /// As [`Client::revoke`].
    pub fn revoke(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<Revocation>, Error> {
        let ask = Ask::new(self, Endpoint::Revocation, form(token, hint)?);
        Ok(ask.repeated(MAX_RETRIES, moment)?.carrying(()))
    }
}

/// Section 2.2: the status says everything, and the body is ignored.
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
