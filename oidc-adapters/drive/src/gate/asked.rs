//! Which opaque tokens are known, and which are being asked about: the bounds of introspection.
//!
//! Anybody can make tokens up. So what a made-up token costs is bounded whatever became of it before: an
//! answer that a token is not active, and an answer that did not come, give no right to anything.
//!
//! * **Two pools.** Tokens that were said to be active have one of their own; what is said of strangers
//!   takes no room in it.
//! * **Two sets of permits.** Of strangers, and of tokens that were active when they were asked about last,
//!   at most [`MAX_INTROSPECTIONS`] each are asked about at once: neither keeps the other waiting.
//! * **One permit, one token, one request.** Who asks about a token that is being asked about shares its
//!   permit and its flight, though the pool may have forgotten it since.

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

/// How many tokens may be asked about at once of which it is not known that they were active when they were
/// asked about last. Anybody can make up tokens; beyond this, one is answered 503, and those that are known go
/// on: of them as many may be asked about at once when what was said of them has become too old.
pub const MAX_INTROSPECTIONS: usize = 64;

/// What an issuer has said of a token; or why what limits the token cannot be read in that.
pub(super) type Said = Result<IntrospectionResponse, JsonError>;

type Answer = Arc<SingleFlight<Said>>;

/// What was said of tokens, and of which something is being said.
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

/// A token that is being asked about.
struct Asked {
    answer: Answer,
    known: bool,
    /// How many share the permit.
    holders: usize,
    /// Whether a request is on its way.
    sent: bool,
}

impl Tokens {
    /// So many that are known, and as many that are not.
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

    /// What was said of a token, if anything is remembered of it.
    pub(super) fn remembered(&self, hash: &TokenHash) -> Option<Answer> {
        self.state().remembered(hash).map(|(answer, _)| answer)
    }

    /// The right to ask about a token. `None` if as many of its kind are being asked about as may be.
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

    /// Every answer of now, and all that are on their way.
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
    /// What is remembered of a token, and whether it is that it is active.
    fn remembered(&mut self, hash: &TokenHash) -> Option<(Answer, bool)> {
        if let Some(answer) = self.known.get(hash) {
            return Some((Answer::clone(&answer), true));
        }
        self.strangers.get(hash).map(|answer| (Answer::clone(&answer), false))
    }
}

/// The right to ask about a token, shared by all who want to know of it. Given back however that ends.
pub(super) struct Permit {
    tokens: Arc<Tokens>,
    hash: TokenHash,
}

impl Permit {
    /// A request about the token is about to leave. `None` if one is on its way still: the lease of who sent
    /// it has ended, by a clock that was set, say.
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

/// A request that is on its way.
pub(super) struct Sent(Permit);

impl Sent {
    /// The issuer has said whether the token is active: it is remembered among its like.
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
