//! Token introspection (RFC 7662 section 2): what the authorization server says of a token.
//!
//! ```text
//! Asking ──answered──▶ Done(Introspection)
//!   ▲    ──429, 503, lost──▶ Wait ──┐        `introspect`; `introspect_once` ends there
//!   └───────────────────────────────┘
//! ```
//! Nothing is spent by asking, so it may be asked again. A token that is no good is an answer, not an error:
//! `active` is `false`. An error means that *we* have not been answered: with 401, that our own credentials
//! are wrong (section 2.3). It says nothing of the token, and must never reach its bearer as 401.

use super::{
    Call, Client, ConfigError, Endpoint, Error, Flow, Never, Response, ResponseError, Rule, Step,
    post::{Answer, Form, Post, Posting, Repeated, Repeating},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    message::Introspection,
};

/// The longest token that is asked about, in bytes.
pub const MAX_INTROSPECTED: usize = 8 * 1024;

/// What kind of token the caller thinks it is (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenTypeHint {
    /// The name of the hint.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// The flow from a token to what its issuer says of it; it waits and asks again if the server is busy or
/// the answer is lost.
#[derive(Debug)]
#[non_exhaustive]
pub struct IntrospectionRequest;

/// The same, asked once: for whoever has a policy of their own for trying again, such as a server that
/// has a request to answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct IntrospectionOnce;

/// A request is in flight.
pub struct Asking(Repeating);

/// Nothing is in flight, until it is time to ask again.
pub struct Waiting(Repeating);

/// The one request is in flight.
#[derive(Debug)]
pub struct AskingOnce(Posting);

impl Client {
    /// Asks the authorization server about a token. Whoever asks is the client: a resource server has a
    /// registration of its own, and [`Client`] is how it authenticates.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `introspection_endpoint`;
    /// [`ConfigError::Parameter`] if the token is empty, longer than [`MAX_INTROSPECTED`], or has
    /// characters that no token has: then it is no good, and nobody need be asked.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<Call<IntrospectionRequest>, Error> {
        let call = Repeated::at(self.clone(), Endpoint::Introspection, form(token, hint)?)?;
        Ok(call.map(Asking))
    }

    /// Asks once, and does not wait if the server is busy.
    ///
    /// # Errors
    /// As [`introspect`](Self::introspect).
    pub fn introspect_once(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<Call<IntrospectionOnce>, Error> {
        Ok(Post::at(self, Endpoint::Introspection, form(token, hint)?, &[])?.map(AskingOnce))
    }
}

fn form(token: &Secret, hint: Option<TokenTypeHint>) -> Result<Form, ConfigError> {
    let text = token.expose();
    let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if !(1..=MAX_INTROSPECTED).contains(&text.len()) || !visible {
        return Err(ConfigError::Parameter("token"));
    }
    let mut form: Form = vec![("token".into(), token.clone())];
    form.extend(hint.map(|hint| ("token_type_hint".into(), Secret::new(hint.name()))));
    Ok(form)
}

fn said(answer: Answer) -> Result<Introspection, Error> {
    let Answer { members, status, .. } = answer;
    let broken = |rule| ResponseError::new(Endpoint::Introspection, status, rule);
    let said = Introspection::from_members(members).map_err(|error| broken(Rule::Json(error)))?;
    Ok(said.ok_or_else(|| broken(Rule::Missing("active")))?)
}

fn carry(step: Step<Repeated>) -> Result<Step<IntrospectionRequest>, Error> {
    step.within(
        (),
        |state, ()| Asking(state),
        |state, ()| Waiting(state),
        |answer, ()| said(answer).map(Step::Done),
    )
}

impl Flow for IntrospectionRequest {
    type Awaiting = Asking;
    type Paused = Waiting;
    type Output = Introspection;

    fn on_response(state: Asking, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        carry(Repeated::on_response(state.0, response, moment)?)
    }

    fn on_wake(state: Waiting, moment: Moment) -> Result<Step<Self>, Error> {
        carry(Repeated::on_wake(state.0, moment)?)
    }

    fn on_failure(state: Asking, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Repeated::on_failure(state.0, moment)?.map(carry).transpose()
    }
}

impl Flow for IntrospectionOnce {
    type Awaiting = AskingOnce;
    type Paused = Never;
    type Output = Introspection;

    fn on_response(state: AskingOnce, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        Post::on_response(state.0, response, moment)?.within(
            (),
            |state, ()| AskingOnce(state),
            |never, ()| never,
            |answer, ()| said(answer).map(Step::Done),
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
