//! [`Actor`]: the party that acts for the subject of a token (RFC 8693 sections 4.1 and 4.4).

use crate::base::{
    json::{Extra, JsonError, Members},
    visible::all_visible,
};
use serde_json::Value;
use std::fmt;

/// A party that acts for the subject of a token, such as an agent that acts for a user. The claim `act` names it (RFC 8693
/// section 4.1), and the claim `may_act` names a party that may become one (section 4.4).
///
/// Only this party counts in a decision. The parties in [`act`](Self::act) acted before it: they tell the history of the
/// token, and no right follows from them (section 4.1).
///
/// ```
/// use oidc_proto::message::Actor;
///
/// let act = serde_json::from_str(
///     r#"{"sub": "https://agent.example", "act": {"sub": "https://planner.example"}}"#,
/// )?;
/// let actor = Actor::from_members(act)?;
/// assert_eq!(actor.sub.as_deref(), Some("https://agent.example"));
/// assert_eq!(actor.earlier().filter_map(|actor| actor.sub.as_deref()).collect::<Vec<_>>(), ["https://planner.example"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Actor {
    /// The identifier of the party. It is unique only at its issuer.
    pub sub: Option<String>,
    /// The issuer of that identifier. If it is absent, it is the issuer of the token.
    pub iss: Option<String>,
    /// The client that the party is.
    pub client_id: Option<String>,
    /// The party that acted before this one.
    pub act: Option<Box<Self>>,
    /// The members that have no field.
    pub extra: Extra,
}

impl Actor {
    /// Reads the members of an `act` or `may_act`.
    ///
    /// # Errors
    /// [`JsonError::WrongType`] if `sub`, `iss` or `client_id` is not a string, or `act` is not an object, here or in an
    /// earlier actor.
    pub fn from_members(members: Extra) -> Result<Self, JsonError> {
        let mut members = Members::new(members);
        let act = members.object("act")?.map(Self::from_members).transpose()?;
        Ok(Self {
            sub: members.string("sub")?,
            iss: members.string("iss")?,
            client_id: members.string("client_id")?,
            act: act.map(Box::new),
            extra: members.rest(),
        })
    }

    /// Returns the parties that acted before this one, the latest first. They are informational: a decision must not depend
    /// on them (RFC 8693 section 4.1).
    pub fn earlier(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.act.as_deref(), |actor| actor.act.as_deref())
    }

    /// Whether this is the party with this identifier at this issuer. `of_token` is the issuer of the token.
    pub(crate) fn is(&self, (issuer, sub): (&str, &str), of_token: &str) -> bool {
        self.sub.as_deref() == Some(sub) && self.iss.as_deref().unwrap_or(of_token) == issuer
    }

    /// Reads the `act` of a message.
    pub(crate) fn of(act: Option<&Value>) -> Result<Option<Self>, JsonError> {
        const WRONG: JsonError =
            JsonError::WrongType { member: "act", expected: "an object that names an actor" };
        match act {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Self::from_members(members.clone()).map(Some).map_err(|_| WRONG),
            Some(_) => Err(WRONG),
        }
    }

    /// Reads the `may_act` of a message. One that cannot be read names nobody.
    pub(crate) fn of_may_act(may_act: Option<&Value>) -> Option<Self> {
        Self::from_members(may_act?.as_object()?.clone()).ok()
    }

    /// Returns how many actors there are, this one included.
    pub(crate) fn count(&self) -> usize {
        1 + self.earlier().count()
    }

    /// Whether no name hides anything in a log or on a page.
    pub(crate) fn is_visible(&self) -> bool {
        let plain = |actor: &Self| {
            let names = [&actor.sub, &actor.iss, &actor.client_id];
            names.into_iter().flatten().all(|name| all_visible(name))
        };
        plain(self) && self.earlier().all(plain)
    }
}

/// Shows only the names of the members that have no field.
impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sub, iss, client_id, act, extra } = self;
        f.debug_struct("Actor")
            .field("sub", sub)
            .field("iss", iss)
            .field("client_id", client_id)
            .field("act", act)
            .field("extra", &extra.keys())
            .finish()
    }
}
