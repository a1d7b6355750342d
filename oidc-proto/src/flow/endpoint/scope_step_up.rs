//! [`ScopeStepUp`]: more scopes for a resource that demands them (RFC 6750 section 3.1), and a bound on how often a user is
//! asked for them.
//!
//! A demand leads to the union of the scopes, if one is new, and the user decides on it. When a request is accepted, the count
//! begins anew. Nothing new, too often, and not allowed are errors.

use crate::{
    base::sentence::{Remedy, debug_is_sentence},
    flow::saved::text,
};
use serde::{Deserialize, Serialize};

/// How often a user is asked for access to a resource before one request is accepted, the first time included.
pub const MAX_AUTHORIZATIONS: u8 = 3;

/// The most scopes that are asked for at once.
const MAX_SCOPES: usize = 64;

/// What a program has asked a user for, and whether it may ask for more.
///
/// A resource that answers `insufficient_scope` names the scopes of one operation. A token with these alone would lose the
/// other operations, so the next request asks for the union of the old and the demanded scopes. A refresh would not help:
/// it brings no scope that was not granted (RFC 6749 section 6).
///
/// It never asks in a circle. If a resource demands what was asked for already, nobody is asked again: the user or the
/// provider has refused it. And before a request is accepted, a user is asked at most [`MAX_AUTHORIZATIONS`] times.
///
/// Save it with the tokens, and pass what it returns to [`AccessRequest::new`](crate::message::AccessRequest::new).
///
/// ```
/// use oidc_proto::flow::{ScopeStepUp, ScopeStepUpError};
///
/// let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
/// let mut scopes = ScopeStepUp::new();
///
/// // The first request names what the resource has asked for in its first challenge.
/// let wanted = scopes.ask(&words("files:read"))?;
/// assert_eq!(wanted, ["files:read"]);
/// scopes.decided(&wanted); // the user has agreed
///
/// // Later, a request is refused: `error="insufficient_scope", scope="files:write"`.
/// let wanted = scopes.demand(&words("files:write"))?;
/// assert_eq!(wanted, ["files:read", "files:write"]);
/// scopes.decided(&wanted); // the user has agreed again
///
/// // The new token does not have it either. To ask the user once more would not help.
/// assert_eq!(scopes.demand(&words("files:write")), Err(ScopeStepUpError::NothingNew));
/// # Ok::<(), ScopeStepUpError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct ScopeStepUp {
    /// The scopes that were asked for, in the order in which they came.
    asked: Vec<String>,
    /// How often the user was asked since the last request that was accepted.
    authorizations: u8,
    most: u8,
    /// The scopes that may be asked for. `None` if all may.
    allowed: Option<Vec<String>>,
}

impl ScopeStepUp {
    /// Begins with nothing asked for.
    #[must_use]
    pub const fn new() -> Self {
        Self { asked: Vec::new(), authorizations: 0, most: MAX_AUTHORIZATIONS, allowed: None }
    }

    /// Sets how often the user is asked before a request is accepted; the default is [`MAX_AUTHORIZATIONS`]. At least
    /// once.
    #[must_use]
    pub const fn max_authorizations(mut self, most: u8) -> Self {
        self.most = if most == 0 { 1 } else { most };
        self
    }

    /// Asks for these scopes and for no other, whatever a resource demands. Without it, a resource may demand any scope;
    /// the user still has to agree.
    #[must_use]
    pub fn only<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.allowed = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the scopes on which the user has decided. A token may have fewer.
    #[must_use]
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// Returns how often the user is asked at most before a request is accepted.
    #[must_use]
    pub const fn limit(&self) -> u8 {
        self.most
    }

    /// Returns how often the user was asked since a request was accepted.
    #[must_use]
    pub const fn authorizations(&self) -> u8 {
        self.authorizations
    }

    /// Counts one more authorization, for these scopes and all that were asked for before. Returns them all. For the first
    /// authorization, and for one after the tokens are lost or refused: it need not ask for anything new.
    ///
    /// # Errors
    /// As [`demand`](Self::demand), but for [`ScopeStepUpError::NothingNew`]. Then nothing has changed.
    pub fn ask(&mut self, scopes: &[String]) -> Result<Vec<String>, ScopeStepUpError> {
        let union = self.union(scopes)?;
        if self.authorizations >= self.most {
            return Err(ScopeStepUpError::TooOften { limit: self.most });
        }
        self.authorizations = self.authorizations.saturating_add(1);
        Ok(union)
    }

    /// Notes that the user has decided on these scopes, which [`ask`](Self::ask) or [`demand`](Self::demand) has returned:
    /// that they have agreed or refused. After any other failure, such as a server that is down, do not call it: nobody has
    /// decided, and the user may be asked for the same again.
    pub fn decided(&mut self, scopes: &[String]) {
        self.asked = scopes.to_vec();
    }

    /// Counts one more authorization, for the scopes that a resource demands ([`ResourceChallenge::scope`]) and all that were
    /// asked for before. Returns them all.
    ///
    /// # Errors
    /// [`ScopeStepUpError::NoScope`] if the resource demands no scope by name; [`NothingNew`](ScopeStepUpError::NothingNew) if
    /// each was asked for before; [`NotAllowed`](ScopeStepUpError::NotAllowed) if one may not be asked for;
    /// [`TooOften`](ScopeStepUpError::TooOften) and [`TooMany`](ScopeStepUpError::TooMany). Then nothing has changed.
    ///
    /// [`ResourceChallenge::scope`]: super::ResourceChallenge::scope
    pub fn demand(&mut self, scopes: &[String]) -> Result<Vec<String>, ScopeStepUpError> {
        if scopes.is_empty() {
            return Err(ScopeStepUpError::NoScope);
        }
        if scopes.iter().all(|scope| self.asked.contains(scope)) {
            return Err(ScopeStepUpError::NothingNew);
        }
        self.ask(scopes)
    }

    /// Notes that the resource has accepted a request with the token: the count of authorizations begins anew.
    pub const fn accepted(&mut self) {
        self.authorizations = 0;
    }

    /// Forgets what was asked for, and not how often: when the resource has moved to another authorization server.
    pub fn forget_scopes(&mut self) {
        self.asked.clear();
    }

    /// Takes over from another state how often the user was asked, and no scope: when an authorization at another server has
    /// failed, and this one goes on.
    pub const fn counted_as(&mut self, other: &Self) {
        self.authorizations = other.authorizations;
    }

    /// Forgets what was asked for: when another user is asked, or the same user wants to decide anew.
    pub fn begin_anew(&mut self) {
        self.forget_scopes();
        self.authorizations = 0;
    }

    fn union(&self, scopes: &[String]) -> Result<Vec<String>, ScopeStepUpError> {
        let mut union = self.asked.clone();
        for scope in scopes {
            if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(scope)) {
                return Err(ScopeStepUpError::NotAllowed);
            }
            if !union.contains(scope) {
                union.push(scope.clone());
            }
        }
        if union.len() > MAX_SCOPES || !text::is_list(&union) {
            return Err(ScopeStepUpError::TooMany);
        }
        Ok(union)
    }
}

impl Default for ScopeStepUp {
    fn default() -> Self {
        Self::new()
    }
}

/// The saved form.
#[derive(Serialize, Deserialize)]
struct Saved {
    v: u32,
    s: Vec<String>,
    n: u8,
    m: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<Vec<String>>,
}

impl From<ScopeStepUp> for Saved {
    fn from(scopes: ScopeStepUp) -> Self {
        let ScopeStepUp { asked: s, authorizations: n, most: m, allowed: o } = scopes;
        Self { v: 1, s, n, m, o }
    }
}

impl TryFrom<Saved> for ScopeStepUp {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, &'static str> {
        let Saved { v, s: asked, n: authorizations, m: most, o: allowed } = saved;
        if v != 1 {
            return Err("the saved scopes are of another version");
        }
        if most == 0 || !text::is_list(&asked) || !allowed.as_ref().is_none_or(|scopes| text::is_list(scopes))
        {
            return Err("the saved scopes have a text or a number that cannot have been saved");
        }
        Ok(Self { asked, authorizations, most, allowed })
    }
}

/// Why nobody is asked for more scopes. [`ScopeStepUp`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeStepUpError {
    /// The resource demands scopes that were asked for before: the user or the provider has refused them, or the resource
    /// does not recognize them in the token.
    #[error(
        "the resource demands a scope that was asked for already, so the user or the provider has refused it (`begin_anew` lets the user decide again)"
    )]
    NothingNew,
    /// The resource says `insufficient_scope` and names no scope.
    #[error("the resource demands more scopes and does not say which")]
    NoScope,
    /// The resource demands a scope that the program does not ask for.
    #[error(
        "the resource demands a scope that the settings do not allow (`ScopeStepUp::only` lists those that they do)"
    )]
    NotAllowed,
    /// Access was asked for this often, and the resource has not accepted a request since.
    #[error(
        "access was asked for {limit} times, and the resource has not accepted one request since (`max_authorizations` sets the limit)"
    )]
    TooOften {
        /// The most authorizations before a request is accepted.
        limit: u8,
    },
    /// There are more scopes than one request can ask for, or one that is no scope.
    #[error("the resource demands more scopes than one request can ask for, or one that is no scope")]
    TooMany,
}

debug_is_sentence!(ScopeStepUpError);

impl ScopeStepUpError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NothingNew => "step_up_nothing_new",
            Self::NoScope => "step_up_no_scope",
            Self::NotAllowed => "step_up_not_allowed",
            Self::TooOften { .. } => "step_up_too_often",
            Self::TooMany => "step_up_too_many_scopes",
        }
    }

    /// Returns who can do what about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::NothingNew | Self::TooOften { .. } => Remedy::LogInAgain,
            Self::NotAllowed => Remedy::FixConfiguration,
            Self::NoScope | Self::TooMany => Remedy::ProviderAtFault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    impl ScopeStepUp {
        fn granted(&mut self, wanted: Result<Vec<String>, ScopeStepUpError>) -> Vec<String> {
            let wanted = wanted.unwrap();
            self.decided(&wanted);
            wanted
        }
    }

    /// M2: a program that replaced its scopes by those of each challenge lost the former ones, and went in a circle.
    #[test]
    fn a_demand_adds_to_what_was_asked_for_before() {
        for (first, then, all) in [
            ("a", "b", "a b"),
            ("a b", "b c", "a b c"),
            ("", "a", "a"),
            ("mcp:basic", "mcp:write mcp:read", "mcp:basic mcp:write mcp:read"),
        ] {
            let mut scopes = ScopeStepUp::new();
            let wanted = scopes.ask(&words(first));
            assert_eq!(scopes.granted(wanted), words(first));
            let wanted = scopes.demand(&words(then));
            assert_eq!(scopes.granted(wanted), words(all));
            assert_eq!(scopes.asked(), words(all));
        }
    }

    /// The server was down, or the user closed the browser: the same may be asked for again.
    #[test]
    fn what_nobody_has_decided_may_be_asked_for_again() {
        for demanded in ["b", "b c", "c a"] {
            let mut scopes = ScopeStepUp::new();
            let wanted = scopes.ask(&words("a"));
            scopes.granted(wanted);
            let first = scopes.demand(&words(demanded));
            assert_eq!(scopes.asked(), ["a"]);
            assert_eq!(scopes.demand(&words(demanded)), first);
            let before = scopes.clone();
            scopes.forget_scopes();
            assert_eq!(scopes.demand(&words(demanded)), Err(ScopeStepUpError::TooOften { limit: 3 }));
            let mut other = ScopeStepUp::new();
            other.decided(&words("x"));
            other.counted_as(&before);
            assert_eq!(other.asked(), ["x"]);
            assert_eq!(other.demand(&words("y")), Err(ScopeStepUpError::TooOften { limit: 3 }));
        }
    }

    #[test]
    fn nobody_is_asked_twice_for_the_same() {
        for (first, demanded) in [("a", "a"), ("a b", "b"), ("a b c", "c a")] {
            let mut scopes = ScopeStepUp::new();
            let wanted = scopes.ask(&words(first));
            scopes.granted(wanted);
            let before = scopes.clone();
            assert_eq!(scopes.demand(&words(demanded)), Err(ScopeStepUpError::NothingNew));
            assert_eq!(scopes, before);
            // Even after other requests were accepted.
            scopes.accepted();
            assert_eq!(scopes.demand(&words(demanded)), Err(ScopeStepUpError::NothingNew));
            scopes.begin_anew();
            assert_eq!(scopes.demand(&words(demanded)), Ok(words(demanded)));
        }
        assert_eq!(ScopeStepUp::new().demand(&[]), Err(ScopeStepUpError::NoScope));
    }

    /// A resource that demands another scope each time, and accepts nothing.
    #[test]
    fn a_user_is_asked_a_few_times_until_a_request_is_accepted() {
        for (most, limit) in [(None, 3), (Some(1), 1), (Some(0), 1), (Some(5), 5)] {
            let mut scopes =
                most.map_or_else(ScopeStepUp::new, |most| ScopeStepUp::new().max_authorizations(most));
            let wanted = scopes.ask(&words("s0"));
            scopes.granted(wanted);
            for turn in 1..limit {
                let wanted = scopes.demand(&[format!("s{turn}")]);
                scopes.granted(wanted);
            }
            let before = scopes.clone();
            assert_eq!(scopes.demand(&words("more")), Err(ScopeStepUpError::TooOften { limit }));
            assert_eq!(scopes.ask(&[]), Err(ScopeStepUpError::TooOften { limit }));
            assert_eq!(scopes, before, "a refusal changes nothing");
            assert_eq!((scopes.authorizations(), scopes.limit()), (limit, limit));
            scopes.accepted();
            assert_eq!(scopes.authorizations(), 0);
            assert!(scopes.demand(&words("more")).is_ok());
        }
    }

    #[test]
    fn a_scope_outside_of_the_list_is_not_asked_for() {
        let mut scopes = ScopeStepUp::new().only(["read", "write"]);
        let wanted = scopes.ask(&words("read"));
        assert_eq!(scopes.granted(wanted), words("read"));
        for demanded in ["admin", "write admin", "READ", "write:all"] {
            assert_eq!(scopes.demand(&words(demanded)), Err(ScopeStepUpError::NotAllowed), "{demanded}");
        }
        assert_eq!(scopes.demand(&words("write")), Ok(words("read write")));
    }

    #[test]
    fn a_resource_cannot_make_the_state_large() {
        for demanded in [
            (0..65).map(|number| format!("s{number}")).collect::<Vec<_>>(),
            vec!["s".repeat(2049)],
            vec!["a\nb".to_owned()],
            vec![String::new()],
        ] {
            let mut scopes = ScopeStepUp::new();
            assert_eq!(scopes.demand(&demanded), Err(ScopeStepUpError::TooMany));
            assert_eq!(scopes, ScopeStepUp::new());
        }
    }

    #[test]
    fn what_was_saved_goes_on_and_nothing_else_does() {
        let mut scopes = ScopeStepUp::new().only(["a", "b"]).max_authorizations(2);
        let wanted = scopes.ask(&words("a"));
        scopes.granted(wanted);
        let saved = serde_json::to_string(&scopes).unwrap();
        assert_eq!(saved, r#"{"v":1,"s":["a"],"n":1,"m":2,"o":["a","b"]}"#);
        assert_eq!(serde_json::from_str::<ScopeStepUp>(&saved).unwrap(), scopes);
        for wrong in [
            r#"{"v":2,"s":[],"n":0,"m":3}"#,
            r#"{"v":1,"s":[""],"n":0,"m":3}"#,
            r#"{"v":1,"s":[],"n":0,"m":0}"#,
            r#"{"v":1,"s":[],"n":0,"m":3,"o":["a\u0000"]}"#,
            r#"{"v":1,"s":[],"n":-1,"m":3}"#,
        ] {
            assert!(serde_json::from_str::<ScopeStepUp>(wrong).is_err(), "{wrong}");
        }
    }
}
