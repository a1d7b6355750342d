//! [`Verdict`]: what became of a request.

use super::{
    access::Access,
    challenge::{DenialReason, Denied},
    record::{VerdictOutcome, VerdictRecord},
};
use crate::sender::{ProofError, ReplayAnswer, ReplayKey};

/// How long, in seconds, a client is asked to wait when there is no room to remember its proof.
const RETRY_WHEN_FULL: u32 = 5;

/// What becomes of a request.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Verdict {
    /// It is accepted.
    Accepted(Box<Access>),
    /// It is accepted if its DPoP proof has not been used before: ask a replay window.
    CheckReplay(ReplayCheck),
    /// It is refused.
    Denied(Denied),
    /// Newer keys of its issuer could lead to another verdict: ask again with some, if there are any
    /// that are newer than those just used; if not, this is the refusal.
    NewerKeys(Denied),
}

impl Verdict {
    /// What to log.
    #[must_use]
    pub fn record(&self) -> VerdictRecord {
        match self {
            Self::Accepted(access) => access.record().clone(),
            Self::CheckReplay(check) => {
                VerdictRecord { outcome: VerdictOutcome::Undecided, ..check.access.record().clone() }
            }
            Self::Denied(denied) => denied.record().clone(),
            Self::NewerKeys(denied) => {
                VerdictRecord { outcome: VerdictOutcome::Undecided, ..denied.record().clone() }
            }
        }
    }
}

/// A request whose token and proof are right. There is no way to what it may do but through the
/// answer of a replay window:
///
/// ```compile_fail,E0616
/// # use oidc_proto::resource::{Access, ReplayCheck};
/// fn hasty(check: ReplayCheck) -> Box<Access> {
///     check.access // private: call `finish`
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use oidc_proto::{resource::ReplayCheck, sender::ReplayAnswer};
/// fn twice(check: ReplayCheck) {
///     let _ = check.finish(ReplayAnswer::First);
///     let _ = check.finish(ReplayAnswer::First); // moved
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ReplayCheck {
    pub(super) access: Box<Access>,
    pub(super) replay_key: ReplayKey,
}

impl ReplayCheck {
    /// What to ask a [`ReplayWindow`](crate::sender::ReplayWindow), or a store that nodes share, about.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// Ends the check with the answer. Consumes the value: one answer, one access.
    ///
    /// # Errors
    /// The proof has been used before (401), or nobody knows (503).
    pub fn finish(self, answer: ReplayAnswer) -> Result<Box<Access>, Denied> {
        match answer {
            ReplayAnswer::First => Ok(self.access),
            ReplayAnswer::Replayed => Err(self.access.denied(DenialReason::Proof(ProofError::Replayed))),
            ReplayAnswer::Unknown => Err(self.access.unavailable(RETRY_WHEN_FULL)),
        }
    }
}
