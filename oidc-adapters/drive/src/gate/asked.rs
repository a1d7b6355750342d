//! [`Tokens`]: the opaque tokens whose introspection response is known, those that are being introspected, and the
//! bounds of both.
//!
//! Anybody can invent tokens, so the cost of an invented token is bounded whatever its history. A response that a
//! token is not active, or a missing response, gives no right to anything.
//!
//! * **Two pools.** Active tokens have a pool of their own. Responses about strangers, which are all other tokens,
//!   take no room in it.
//! * **Two sets of permits.** At most [`MAX_INTROSPECTIONS`] strangers are introspected at once, and at most as many
//!   tokens that were active at their last introspection. Neither set keeps the other waiting.
//! * **One permit, one token, one request.** A request whose token is being introspected shares the permit and the
//!   flight of that token, even if the pool has forgotten it since.

use crate::{
    event::{Clock, Watched},
    flight::SingleFlight,
    issuer::TokenHash,
};
use oidc_proto::{
    base::JsonError,
    message::IntrospectionResponse,
    renew::{RenewalPolicy, SharedCache},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most opaque tokens that a gate introspects at once, apart from those that were active at their last
/// introspection. Anybody can invent tokens, so a request beyond this bound is answered 503. Tokens that were active
/// are not affected: as many of them are introspected at once when their responses have become too old.
pub const MAX_INTROSPECTIONS: usize = 64;

/// The introspection response for a token, or why a limit of the token cannot be read from it.
pub(super) type Said = Result<IntrospectionResponse, JsonError>;

type Answer = Arc<SingleFlight<Said>>;

/// The introspection responses that are kept, and the introspections under way.
pub(super) struct Tokens {
    state: Mutex<State>,
    policy: RenewalPolicy,
    clock: Arc<dyn Clock>,
    watched: Watched,
}

struct State {
    known: SharedCache<TokenHash, Answer>,
    strangers: SharedCache<TokenHash, Answer>,
    asked: BTreeMap<TokenHash, Asked>,
}

/// A token that is being introspected.
struct Asked {
    answer: Answer,
    known: bool,
    /// How many requests share the permit.
    holders: usize,
    /// Whether a request to the issuer is on its way.
    sent: bool,
}

impl Tokens {
    /// Room for `entries` active tokens, and for as many others.
    pub(super) fn new(
        entries: usize,
        policy: RenewalPolicy,
        clock: Arc<dyn Clock>,
        watched: Watched,
    ) -> Arc<Self> {
        let (known, strangers) = (SharedCache::new(entries), SharedCache::new(entries));
        let state = Mutex::new(State { known, strangers, asked: BTreeMap::new() });
        Arc::new(Self { state, policy, clock, watched })
    }

    /// The flight of a token whose introspection response is kept.
    pub(super) fn remembered(&self, hash: &TokenHash) -> Option<Answer> {
        self.state().remembered(hash).map(|(answer, _)| answer)
    }

    /// The right to introspect a token. `None` if the bound for tokens of its kind is reached.
    pub(super) fn permit(self: &Arc<Self>, hash: &TokenHash) -> Option<(Answer, Permit)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let permit = || Permit { tokens: Arc::clone(self), hash: *hash };
        if let Some(asked) = state.asked.get_mut(hash) {
            asked.holders += 1;
            return Some((Arc::clone(&asked.answer), permit()));
        }
        let remembered = state.remembered(hash);
        let known = matches!(remembered, Some((_, true)));
        if state.asked.values().filter(|asked| asked.known == known).count() >= MAX_INTROSPECTIONS {
            return None;
        }
        let answer = match remembered {
            Some((answer, _)) => answer,
            None => {
                let flight = SingleFlight::with_clock(self.policy, Arc::clone(&self.clock));
                let answer = Arc::new(flight.watched(self.watched.clone()));
                state.strangers.get_or_insert_with(hash, || Arc::clone(&answer));
                answer
            }
        };
        let asked = Asked { answer: Arc::clone(&answer), known, holders: 1, sent: false };
        state.asked.insert(*hash, asked);
        Some((answer, permit()))
    }

    /// All flights, those of introspections under way included.
    pub(super) fn all(&self) -> Vec<Answer> {
        let state = self.state();
        let pools = state.known.iter().chain(state.strangers.iter());
        let remembered = pools.map(|(_, answer)| Answer::clone(answer));
        remembered.chain(state.asked.values().map(|asked| Arc::clone(&asked.answer))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The flight of a token that is remembered, and whether the token was active.
    fn remembered(&mut self, hash: &TokenHash) -> Option<(Answer, bool)> {
        if let Some(answer) = self.known.get(hash) {
            return Some((Answer::clone(&answer), true));
        }
        self.strangers.get(hash).map(|answer| (Answer::clone(&answer), false))
    }
}

/// The right to introspect a token, shared by all requests with that token. Dropping it gives it back.
pub(super) struct Permit {
    tokens: Arc<Tokens>,
    hash: TokenHash,
}

impl Permit {
    /// Marks the request for the token as sent. `None` if an earlier one is still on its way: its lease may have
    /// ended because the clock was set.
    pub(super) fn send(self) -> Option<Sent> {
        let mut state = self.tokens.state();
        let asked = state.asked.get_mut(&self.hash)?;
        if std::mem::replace(&mut asked.sent, true) {
            return None;
        }
        drop(state);
        Some(Sent(self))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.tokens.state();
        let Some(asked) = state.asked.get_mut(&self.hash) else { return };
        asked.holders -= 1;
        if asked.holders == 0 {
            let gone = state.asked.remove(&self.hash);
            drop(state);
            drop(gone);
        }
    }
}

/// An introspection request that is on its way.
pub(super) struct Sent(Permit);

impl Sent {
    /// Moves the token to the pool of the active tokens, or to that of the strangers.
    pub(super) fn said(&self, active: bool) {
        let mut guard = self.0.tokens.state();
        let state = &mut *guard;
        let Some(asked) = state.asked.get(&self.0.hash) else { return };
        let answer = Arc::clone(&asked.answer);
        let (to, from) = match active {
            true => (&mut state.known, &mut state.strangers),
            false => (&mut state.strangers, &mut state.known),
        };
        let left = from.remove(&self.0.hash);
        to.get_or_insert_with(&self.0.hash, || answer);
        drop(guard);
        drop(left);
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(asked) = self.0.tokens.state().asked.get_mut(&self.0.hash) {
            asked.sent = false;
        }
    }
}
