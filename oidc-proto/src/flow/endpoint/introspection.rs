//! Token introspection (RFC 7662 section 2): what the authorization server says of a token.
//!
//! ```text
//! Repeating ──answered──▶ Done(IntrospectionResponse)
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    `introspect`; `introspect_once` ends there
//! ```
//! Nothing is spent by asking, so it may be asked again. A token that is no good is an answer, not an error:
//! `active` is `false`. An error means that *we* have not been answered: with 401, that our own credentials
//! are wrong (section 2.3). It says nothing of the token, and must never reach its bearer as 401.

use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Answer, Ask, Body, MAX_RETRIES, Repeated},
    },
    message::IntrospectionResponse,
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

/// The flow from a token to what its issuer says of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenIntrospection;

impl Client {
    /// Asks the authorization server about a token; waits and asks again if the server is busy or the answer
    /// is lost. The client that asks is the resource server: it has a registration of its own, and
    /// [`Client`] is how it authenticates.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `introspection_endpoint`;
    /// [`ConfigError::Parameter`] if the token is empty, longer than [`MAX_INTROSPECTED`], or has
    /// characters that no token has: then it is no good, and nobody need be asked.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        Attempt::from(self).ask_about(token, hint, MAX_RETRIES, moment)
    }

    /// Asks once, and does not wait if the server is busy: for a caller with a policy of its own for trying
    /// again, such as a server that has a request to answer.
    ///
    /// # Errors
    /// As [`introspect`](Self::introspect).
    pub fn introspect_once(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        Attempt::from(self).ask_about(token, hint, 0, moment)
    }
}

impl Attempt {
    /// Asks the authorization server once about a token.
    ///
    /// # Errors
    /// As [`Client::introspect`].
    pub fn introspect(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        self.ask_about(token, hint, 0, moment)
    }

    fn ask_about(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        budget: u8,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        let ask = Ask::new(self, Endpoint::Introspection, form(token, hint)?);
        Ok(ask.repeated(budget, moment)?.carrying(()))
    }
}

/// What asks for something to be said of, or done to, a token.
pub(super) fn form(token: &Secret, hint: Option<TokenTypeHint>) -> Result<Form, ConfigError> {
    let text = token.expose();
    let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if !(1..=MAX_INTROSPECTED).contains(&text.len()) || !visible {
        return Err(ConfigError::Parameter("token"));
    }
    let mut form: Form = vec![("token".into(), token.clone())];
    form.extend(hint.map(|hint| ("token_type_hint".into(), Secret::new(hint.name()))));
    Ok(form)
}

impl Answer for IntrospectionResponse {
    const MEMBER: Option<&'static str> = Some("active");
    const CHALLENGED: bool = true;
    const SIGNED: Option<&'static str> = Some("application/token-introspection+jwt");

    fn read(body: Body, _: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        Self::parse(body.members()?)?.ok_or(ResponseRule::Missing("active"))
    }
}

impl Then for TokenIntrospection {
    type First = Repeated<IntrospectionResponse>;
    type Carried = ();
    type Output = IntrospectionResponse;

    fn then(said: IntrospectionResponse, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(said))
    }
}
