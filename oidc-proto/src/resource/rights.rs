//! [`Rights`]: what a token or an introspection response says of its bearer, kept without a copy of each claim.

use crate::{
    base::{json::Extra, moment::Timestamp},
    message::{Actor, scopes},
    token::{CustomClaimsError, List, Place, claim_at, is_or_has},
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, OnceLock};

/// A text: a place in the text of the token, or a text of its own.
#[derive(Clone)]
pub(super) enum Piece {
    At(Place),
    Own(Arc<str>),
}

impl Piece {
    /// Keeps a text. One that is a part of the whole becomes a place there.
    pub(super) fn of(part: &str, whole: &str) -> Self {
        Place::of(part, whole).map_or_else(|| Self::Own(part.into()), Self::At)
    }

    fn text<'t>(&'t self, whole: &'t str) -> &'t str {
        match self {
            Self::At(place) => place.text(whole),
            Self::Own(text) => text,
        }
    }
}

/// The claims of a token that a resource server uses, and all of them as they were sent.
#[derive(Clone)]
pub(super) struct Rights {
    pub(super) issuer: Piece,
    pub(super) subject: Option<Piece>,
    pub(super) client_id: Option<Piece>,
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) scopes: List,
    pub(super) audience: List,
    pub(super) expires: Option<Timestamp>,
    pub(super) key: Option<Piece>,
    pub(super) certificate: Option<Piece>,
    pub(super) auth_time: Option<Timestamp>,
    pub(super) acr: Option<Piece>,
    pub(super) claims: HeldClaims,
}

impl Rights {
    pub(super) fn text<'t>(&'t self, piece: &'t Piece) -> &'t str {
        piece.text(self.claims.text())
    }

    pub(super) fn optional<'t>(&'t self, piece: Option<&'t Piece>) -> Option<&'t str> {
        piece.map(|piece| self.text(piece))
    }

    pub(super) fn list<'t>(&'t self, list: &'t List) -> impl Iterator<Item = &'t str> {
        list.all(self.claims.text())
    }
}

/// All claims of a token, as its verified text, or all members of an introspection response. The text is parsed when
/// somebody asks for the map.
#[derive(Clone)]
pub(super) struct HeldClaims {
    /// The text in which the claims of a token are places, and the length of its payload, which is at its begin.
    token: Option<(Arc<str>, usize)>,
    members: OnceLock<Extra>,
}

impl HeldClaims {
    pub(super) const fn of_token(text: Arc<str>, payload: usize) -> Self {
        Self { token: Some((text, payload)), members: OnceLock::new() }
    }

    pub(super) fn of_response(members: Extra) -> Self {
        Self { token: None, members: members.into() }
    }

    fn text(&self) -> &str {
        self.token.as_ref().map_or("", |(text, _)| text)
    }

    /// Returns the JSON of the claims of a token.
    fn json(&self) -> Option<&str> {
        self.token.as_ref().and_then(|(text, payload)| text.get(..*payload))
    }

    pub(super) fn members(&self) -> &Extra {
        // The text was read before, so it is an object.
        let parse = || self.json().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        self.members.get_or_init(parse)
    }

    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at_checked(path.find('/').unwrap_or(path.len()))?;
        self.members().get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
    }

    /// Whether the claim at a path is this string, or an array that contains it.
    pub(super) fn has(&self, path: &str, wanted: &str) -> bool {
        if let Some(json) = self.json() {
            return claim_at(json, path).is_some_and(|json| is_or_has(json, wanted));
        }
        match self.at(path) {
            Some(Value::String(one)) => one == wanted,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(wanted)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    pub(super) fn read_at<'c, T: Deserialize<'c>>(&'c self, path: &str) -> Result<T, CustomClaimsError> {
        let read = match self.json() {
            Some(json) => claim_at(json, path).map(serde_json::from_str),
            None => self.at(path).map(T::deserialize),
        };
        read.and_then(Result::ok).ok_or(CustomClaimsError)
    }

    pub(super) fn read<'c, T: Deserialize<'c>>(&'c self) -> Result<T, CustomClaimsError> {
        let read = match self.json() {
            Some(json) => serde_json::from_str(json),
            None => T::deserialize(self.members()),
        };
        read.map_err(|_| CustomClaimsError)
    }
}

/// Reads the scopes of an introspection response from the member that the settings name, or by default from `scope` or
/// `scp`.
pub(super) fn scopes(members: &Extra, named: Option<&str>) -> Vec<String> {
    match named {
        Some(claim) => members.get(claim).into_iter().flat_map(scopes::of_value).map(str::to_owned).collect(),
        None => scopes::of_members(members).map(str::to_owned).collect(),
    }
}
