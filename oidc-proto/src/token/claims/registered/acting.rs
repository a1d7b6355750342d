//! [`Acting`]: the claim `act` as it is written, for a verifier that allocates nothing (RFC 8693 section 4.1).

use crate::{
    base::{
        json::{Parts, text},
        visible::all_visible,
    },
    message::Actor,
};

/// The claim `act`: an object that names an actor, and perhaps earlier ones within it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acting<'a> {
    json: &'a str,
    /// How many actors there are.
    count: u8,
}

/// The members that name an actor.
const NAMES: [&str; 3] = ["sub", "iss", "client_id"];

impl<'a> Acting<'a> {
    /// Reads the JSON of a claim, which a strict reader has accepted. `None` if a member that names an actor is of another
    /// type.
    pub(in crate::token) fn of(json: &'a str) -> Option<Self> {
        Some(Self { json, count: count(json)? })
    }

    /// Makes a claim that was read before.
    pub(in crate::token) const fn counted(json: &'a str, count: u8) -> Self {
        Self { json, count }
    }

    pub(in crate::token) const fn json(self) -> &'a str {
        self.json
    }

    /// Returns how many actors there are.
    pub(in crate::token) const fn count(self) -> u8 {
        self.count
    }

    /// Whether no name hides anything in a log or on a page.
    pub(in crate::token) fn is_visible(self) -> bool {
        is_visible(self.json)
    }

    /// Copies the actors.
    pub(in crate::token) fn actor(self) -> Option<Actor> {
        Actor::from_members(serde_json::from_str(self.json).ok()?).ok()
    }
}

/// Calls `each` with the names and the values of an object. Returns `None` as soon as it does.
fn members<'a>(json: &'a str, mut each: impl FnMut(&str, &'a str) -> Option<()>) -> Option<()> {
    let mut parts = Parts::of(json, '{')?;
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        if value != "null" {
            each(&text(name)?, value)?;
        }
    }
    Some(())
}

fn count(json: &str) -> Option<u8> {
    let mut earlier = 0_u8;
    members(json, |name, value| {
        match name {
            "act" => earlier = count(value)?,
            name if NAMES.contains(&name) => drop(text(value)?),
            _ => {}
        }
        Some(())
    })?;
    earlier.checked_add(1)
}

fn is_visible(json: &str) -> bool {
    let all = members(json, |name, value| {
        let plain = match name {
            "act" => is_visible(value),
            name if NAMES.contains(&name) => text(value).is_some_and(|name| all_visible(&name)),
            _ => true,
        };
        plain.then_some(())
    });
    all.is_some()
}
