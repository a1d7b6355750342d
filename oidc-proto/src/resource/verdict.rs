//! [`Verdict`]: the result of judging a request.

use super::{
    access::Access,
    challenge::{DenialReason, Denied},
    record::{VerdictOutcome, VerdictRecord},
};
use crate::sender::{ProofError, ReplayAnswer, ReplayKey};
use std::sync::Arc;

/// The seconds that a client should wait when there is no room to remember its proof.
const RETRY_WHEN_FULL: u32 = 5;

/// The result of judging a request. A refused request is an ordinary result: [`Denied`] has the response.
///
/// ```
/// use oidc_proto::{Timestamp, jose::KeySet, resource::*, sender::ReplayWindow, token::Scratch};
/// use std::sync::Arc;
///
/// /// Decides on a request to an API that accepts DPoP proofs. The keys are those of `inspected.issuer()`.
/// fn decide(
///     api: &ResourceServer,
///     inspected: &Inspected<'_>,
///     keys: &KeySet,
///     window: &mut ReplayWindow,
///     now: Timestamp,
/// ) -> Result<Arc<Access>, Denied> {
///     match api.judge(inspected, keys, &mut Scratch::new(), now) {
///         Verdict::Accepted(access) => Ok(access),
///         Verdict::CheckReplay(check) => {
///             let answer = window.first_use(check.replay_key(), now);
///             check.finish(answer)
///         }
///         Verdict::NewerKeys(denied) => Err(denied), // If you can: fetch newer keys and judge again.
///         Verdict::Denied(denied) => Err(denied),
///         _ => Err(api.unavailable(std::time::Duration::from_secs(60))),
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Verdict {
    /// The request is accepted.
    Accepted(Arc<Access>),
    /// The request is accepted if its DPoP proof has not been used before. Ask a replay window.
    CheckReplay(ReplayCheck),
    /// The request is refused.
    Denied(Denied),
    /// Newer keys of the issuer could lead to another verdict. If there are any, judge again with them. If not, this is
    /// the refusal.
    NewerKeys(Denied),
}

impl Verdict {
    /// Returns the record of this verdict, for logs and metrics.
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

/// A request whose token and proof are valid, before the check for replay. Only the answer of a replay window leads to
/// its [`Access`]. [`Verdict`] has an example. These two programs do not compile:
///
/// ```compile_fail,E0616
/// # use oidc_proto::resource::{Access, ReplayCheck};
/// # use std::sync::Arc;
/// fn hasty(check: ReplayCheck) -> Arc<Access> {
///     check.access // This field is private: call `finish`.
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use oidc_proto::{resource::ReplayCheck, sender::ReplayAnswer};
/// fn twice(check: ReplayCheck) {
///     let _ = check.finish(ReplayAnswer::First);
///     let _ = check.finish(ReplayAnswer::First); // `check` has been moved.
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ReplayCheck {
    pub(super) access: Arc<Access>,
    pub(super) replay_key: ReplayKey,
}

impl ReplayCheck {
    /// Returns the key of the proof. Ask a [`ReplayWindow`](crate::sender::ReplayWindow) or a shared store about it.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// Finishes the check with the answer. It consumes the value, so one answer gives one access.
    ///
    /// # Errors
    /// [`Denied`] if the proof has been used before (401), or if there is no answer (503).
    pub fn finish(self, answer: ReplayAnswer) -> Result<Arc<Access>, Denied> {
        match answer {
            ReplayAnswer::First => Ok(self.access),
            ReplayAnswer::Replayed => Err(self.access.denied(DenialReason::Proof(ProofError::Replayed))),
            ReplayAnswer::Unknown => Err(self.access.unavailable(RETRY_WHEN_FULL)),
        }
    }
}
