//! [`Renewing`]: one caller's way from a refresh token to new tokens, among other nodes. It asks no store, reads no clock
//! and never waits: it says what to do next. `docs/refresh.md` has the protocol in words.
//!
//! After [`Action::Get`]:
//!
//! * No record: [`Action::Swap`] asks for the lease, and [`Action::Send`] follows.
//! * The tokens of another node: [`End::Adopt`].
//! * The lease of another node, which lives: [`Action::Wait`], and then [`Action::Get`] again.
//! * The lease of another node, which has ended, or the record of a loss: as if there were no record, or
//!   [`End::MaybeSpent`].
//!
//! After [`Action::Send`], [`Action::Swap`] puts what came of it in place of the lease. If something else is there:
//!
//! * The tokens of a newer lease: [`End::Adopt`]. Those of an older one give way to the own ones.
//! * The newer lease of another node: the own tokens are left in it, and [`Action::Wait`] follows.

#[cfg(test)]
pub(super) mod canonical_tests;

use super::{
    policy::{LostLease, Policy, milliseconds},
    record::{Done, Lease, Record},
};
use crate::store::{error::StoreError, traits::Found};
use std::time::Duration;

/// How often the store may fail in one call.
const MAX_FAILURES: u8 = 3;

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Read the record.
    Get,
    /// Replace the record if it is still this one.
    Swap { expected: Option<Vec<u8>>, new: Option<(Vec<u8>, Duration)> },
    /// Send the refresh token, now.
    Send,
    /// Wait.
    Wait(Duration),
    /// It is over.
    End(End),
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// With the answer to this caller's own request: tokens.
    Own,
    /// With the tokens of another node, which are this old.
    Adopt { sealed: Vec<u8>, age: Duration },
    /// With the answer to this caller's own request: a refusal. The flag says whether another node may have sent the
    /// token before.
    Refused { after_loss: bool },
    /// The request could not be made.
    Unsent,
    /// This caller has sent the token, and got no answer.
    Lost,
    /// Another node may have sent the token, and the policy forbids to send it again.
    MaybeSpent,
    /// Another node still has the lease, for this long.
    Busy(Duration),
    /// The store failed before the token was sent.
    Failed(StoreError),
}

/// What the driver has found out.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Found(Result<Found, StoreError>),
    /// `None`: the record was replaced.
    Swapped(Result<Option<Found>, StoreError>),
    Answer(Answer),
    Woken,
}

/// What came of the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// New tokens, sealed.
    Tokens { sealed: Vec<u8>, rotated: bool },
    /// The provider says that it has not accepted the token.
    Refused,
    /// It is unknown whether the provider has spent the token.
    Lost,
    /// No request was made.
    Unsent,
}

/// What this caller knows by its own request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Own {
    Tokens(Done),
    Refused { after_loss: bool },
    Lost,
    Unsent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Reading,
    Waiting,
    Taking(Lease),
    Sending(Lease),
    /// A change is on its way to the store. If it is made, this follows.
    Writing(Then),
    Over,
}

/// What follows when a record was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    End(End),
    Adopt(Done),
    Wait,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Renewing {
    policy: Policy,
    owner: [u8; 16],
    stage: Stage,
    /// The time of the store's clock, as far as this caller knows.
    clock: u64,
    /// What is left of the lease, at least.
    left: u64,
    patience: u64,
    failures: u8,
    tries: u8,
    waited: bool,
    own: Option<Own>,
    /// The fence of the lease under which this caller has sent the token.
    fence: u64,
}

impl Renewing {
    /// Begins. The owner is random. The first action is [`Action::Get`].
    pub(crate) const fn new(policy: Policy, owner: [u8; 16]) -> Self {
        Self {
            policy,
            owner,
            stage: Stage::Reading,
            clock: 0,
            left: 0,
            patience: policy.patience,
            failures: 0,
            tries: 0,
            waited: false,
            own: None,
            fence: 0,
        }
    }

    /// Takes what came of the latest action, and how long it took by a clock that nobody sets. Returns the next action.
    pub(crate) fn step(&mut self, input: Input, took: Duration) -> Action {
        let took = milliseconds(took);
        self.clock = self.clock.saturating_add(took);
        self.left = self.left.saturating_sub(took);
        self.patience = self.patience.saturating_sub(took);
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match (stage, input) {
            (Stage::Sending(lease), Input::Answer(answer)) => self.answered(lease, answer),
            (Stage::Waiting, Input::Woken) => self.read(),
            (Stage::Reading, Input::Found(found)) => match found {
                Ok(found) => self.look(&found, took),
                Err(error) => self.failed(error),
            },
            (Stage::Taking(lease), Input::Swapped(swapped)) => match swapped {
                Ok(None) => self.send(lease),
                Ok(Some(found)) => self.again(&found, took),
                Err(error) => self.failed(error),
            },
            (Stage::Writing(then), Input::Swapped(swapped)) => match swapped {
                Ok(None) => self.written(then),
                Ok(Some(found)) => self.again(&found, took),
                Err(error) => self.failed(error),
            },
            // The driver carries out the action that it was given, so its input fits.
            (Stage::Over | Stage::Reading | Stage::Waiting | Stage::Taking(_), _)
            | (Stage::Sending(_) | Stage::Writing(_), _) => self.give_up(None),
        }
    }

    /// What is left of the lease, at least.
    pub(crate) const fn left(&self) -> Duration {
        Duration::from_millis(self.left)
    }

    fn read(&mut self) -> Action {
        self.stage = Stage::Reading;
        Action::Get
    }

    /// Another caller was faster.
    fn again(&mut self, found: &Found, took: u64) -> Action {
        self.tries = self.tries.saturating_add(1);
        if self.tries > self.policy.tries && self.own.is_none() || self.tries == u8::MAX {
            return self.give_up(None);
        }
        self.look(found, took)
    }

    fn failed(&mut self, error: StoreError) -> Action {
        self.failures += 1;
        if self.failures >= MAX_FAILURES {
            return self.give_up(Some(error));
        }
        // A change may have been made all the same. Reading tells.
        self.stage = Stage::Waiting;
        Action::Wait(Duration::from_millis(self.policy.poll))
    }

    /// Ends with what this caller knows itself. Its tokens are not lost, even if no other node gets them.
    fn give_up(&mut self, error: Option<StoreError>) -> Action {
        self.stage = Stage::Over;
        Action::End(match (&self.own, error) {
            (Some(own), _) => own.end(),
            (None, Some(error)) => End::Failed(error),
            (None, None) => End::Busy(Duration::from_millis(self.policy.poll)),
        })
    }

    /// Looks at the record, and decides.
    fn look(&mut self, found: &Found, took: u64) -> Action {
        let now = milliseconds(found.now);
        self.clock = now.saturating_add(took);
        let record = match &found.value {
            None => None,
            Some(bytes) => match Record::from_bytes(bytes) {
                Some(record) => Some(record),
                // It may be the lease of a later version, so it is not overwritten.
                None => return self.give_up(Some(StoreError::Value)),
            },
        };
        match self.own.clone() {
            None => self.begin(record, now, took),
            Some(own) => self.finish(own, record, now),
        }
    }

    /// Decides before the token was sent.
    fn begin(&mut self, record: Option<Record>, now: u64, took: u64) -> Action {
        match record {
            None => self.take(None, now, took, (false, None)),
            Some(Record::Done(done)) if done.rotated || self.waited => self.adopt(&done, now),
            // A token that was not replaced may be sent again.
            Some(Record::Done(_)) => self.take(record, now, took, (false, None)),
            Some(Record::Leased(ref lease)) if lease.owner == self.owner => {
                // The answer to an earlier change was lost, and this caller has sent nothing yet.
                self.left = lease.until.saturating_sub(now).saturating_sub(took);
                let (lease, after_loss) = (lease.clone(), lease.after_loss);
                match lease.late.clone() {
                    Some(late) => self.promote(&lease, late),
                    None if self.left >= self.policy.exchange => self.send(lease),
                    None => self.take(record, now, took, (after_loss, None)),
                }
            }
            Some(Record::Leased(lease)) if now < lease.until => self.wait(lease.until - now),
            Some(Record::Leased(Lease { late: Some(ref late), .. })) => {
                let late = late.clone();
                self.write(record, Some(Record::Done(late.clone())), Then::Adopt(late))
            }
            Some(Record::Leased(_) | Record::Lost { .. }) => match self.policy.lost {
                LostLease::TryAgain => self.take(record, now, took, (true, None)),
                LostLease::LogInAgain => self.end(End::MaybeSpent),
            },
        }
    }

    /// Asks for the lease, in place of this record.
    fn take(
        &mut self,
        record: Option<Record>,
        now: u64,
        took: u64,
        (after_loss, late): (bool, Option<Done>),
    ) -> Action {
        let fence = record.as_ref().map_or(0, |record| record.fence().saturating_add(1)).max(now);
        let until = now.saturating_add(self.policy.lease);
        let lease = Lease { fence, owner: self.owner, until, after_loss, late };
        // The time of the store was read after it was asked for.
        self.left = self.policy.lease.saturating_sub(took);
        let (expected, new) = (bytes(record), self.kept(Record::Leased(lease.clone())));
        self.stage = Stage::Taking(lease);
        Action::Swap { expected, new: Some(new) }
    }

    /// Sends the token if enough of the lease is left for it to arrive.
    fn send(&mut self, lease: Lease) -> Action {
        if self.left < self.policy.exchange {
            self.tries += 1;
            return if self.tries > self.policy.tries { self.give_up(None) } else { self.read() };
        }
        self.fence = lease.fence;
        self.stage = Stage::Sending(lease);
        Action::Send
    }

    fn answered(&mut self, lease: Lease, answer: Answer) -> Action {
        let own = match answer {
            Answer::Tokens { sealed, rotated } => {
                Own::Tokens(Done { fence: lease.fence, at: self.clock, rotated, sealed })
            }
            Answer::Refused => Own::Refused { after_loss: lease.after_loss },
            Answer::Lost => Own::Lost,
            Answer::Unsent => Own::Unsent,
        };
        self.own = Some(own.clone());
        // Each change by another node from here on is the last one of that node, so they end.
        self.tries = 0;
        self.leave(own, lease)
    }

    /// Writes what came of the request in place of the own lease.
    fn leave(&mut self, own: Own, lease: Lease) -> Action {
        let end = own.end();
        if let (Some(late), Own::Refused { .. } | Own::Lost | Own::Unsent) = (lease.late.clone(), &own) {
            return self.promote(&lease, late);
        }
        let lost = Record::Lost { fence: lease.fence };
        let new = match own {
            Own::Tokens(done) => Some(Record::Done(done)),
            Own::Lost => Some(lost),
            // Whoever comes next must still know of the loss.
            Own::Refused { .. } | Own::Unsent if lease.after_loss => Some(lost),
            Own::Refused { .. } | Own::Unsent => None,
        };
        self.write(Some(Record::Leased(lease)), new, Then::End(end))
    }

    /// Decides after the token was sent, when the record is not the one that this caller has left.
    fn finish(&mut self, own: Own, record: Option<Record>, now: u64) -> Action {
        match (own, record) {
            (own, Some(Record::Leased(lease))) if lease.owner == self.owner && lease.fence == self.fence => {
                self.leave(own, lease)
            }
            (Own::Tokens(mine), Some(Record::Leased(lease))) => {
                if lease.late.as_ref().is_none_or(|late| late.fence < mine.fence) {
                    // A later node may have sent the token, too. If it fails, these tokens must not be lost.
                    let held = Lease { late: Some(mine), ..lease.clone() };
                    return self.write(Some(Record::Leased(lease)), Some(Record::Leased(held)), Then::Wait);
                }
                self.yield_to(lease, now, End::Own)
            }
            (own, Some(Record::Leased(lease))) => self.yield_to(lease, now, own.end()),
            (Own::Tokens(mine), Some(Record::Done(theirs))) => match theirs.fence.cmp(&mine.fence) {
                std::cmp::Ordering::Greater => self.adopt(&theirs, now),
                std::cmp::Ordering::Equal => self.end(End::Own),
                std::cmp::Ordering::Less => {
                    let new = Some(Record::Done(mine));
                    self.write(Some(Record::Done(theirs)), new, Then::End(End::Own))
                }
            },
            (Own::Tokens(mine), record @ (None | Some(Record::Lost { .. }))) => {
                self.write(record, Some(Record::Done(mine)), Then::End(End::Own))
            }
            (_, Some(Record::Done(theirs))) => self.adopt(&theirs, now),
            (own, None | Some(Record::Lost { .. })) => self.end(own.end()),
        }
    }

    /// Waits for a node with a newer lease, or ends like this if that has ended, too.
    fn yield_to(&mut self, lease: Lease, now: u64, end: End) -> Action {
        if now < lease.until {
            return self.wait(lease.until - now);
        }
        match lease.late.clone() {
            Some(late) => self.promote(&lease, late),
            None => self.end(end),
        }
    }

    /// Puts the tokens that are in a lease in its place.
    fn promote(&mut self, lease: &Lease, late: Done) -> Action {
        let then = if late.fence == self.fence && matches!(self.own, Some(Own::Tokens(_))) {
            Then::End(End::Own)
        } else {
            Then::Adopt(late.clone())
        };
        self.write(Some(Record::Leased(lease.clone())), Some(Record::Done(late)), then)
    }

    fn write(&mut self, record: Option<Record>, new: Option<Record>, then: Then) -> Action {
        let (expected, new) = (bytes(record), new.map(|new| self.kept(new)));
        self.stage = Stage::Writing(then);
        Action::Swap { expected, new }
    }

    fn written(&mut self, then: Then) -> Action {
        match then {
            Then::End(end) => self.end(end),
            Then::Adopt(done) => self.adopt(&done, self.clock),
            Then::Wait => self.wait(self.policy.poll),
        }
    }

    /// Waits for another node, as far as the patience goes.
    fn wait(&mut self, their_lease: u64) -> Action {
        self.waited = true;
        if self.patience == 0 {
            return match &self.own {
                // Another node may still get tokens, so a refusal is not the last word.
                None | Some(Own::Refused { .. }) => self.end(End::Busy(Duration::from_millis(their_lease))),
                Some(own) => self.end(own.end()),
            };
        }
        self.stage = Stage::Waiting;
        Action::Wait(Duration::from_millis(their_lease.min(self.policy.poll).min(self.patience)))
    }

    fn adopt(&mut self, done: &Done, now: u64) -> Action {
        let age = Duration::from_millis(now.saturating_sub(done.at));
        self.end(End::Adopt { sealed: done.sealed.clone(), age })
    }

    fn end(&mut self, end: End) -> Action {
        self.stage = Stage::Over;
        Action::End(end)
    }

    /// A record as bytes, and its lifetime.
    fn kept(&self, record: Record) -> (Vec<u8>, Duration) {
        let lifetime = match &record {
            Record::Leased(_) | Record::Lost { .. } => self.policy.lost_kept,
            Record::Done(done) if done.rotated => self.policy.kept,
            Record::Done(_) => self.policy.unrotated_kept,
        };
        (record.to_bytes(), Duration::from_millis(lifetime))
    }
}

impl Own {
    const fn end(&self) -> End {
        match self {
            Self::Tokens(_) => End::Own,
            Self::Refused { after_loss } => End::Refused { after_loss: *after_loss },
            Self::Lost => End::Lost,
            Self::Unsent => End::Unsent,
        }
    }
}

fn bytes(record: Option<Record>) -> Option<Vec<u8>> {
    record.map(|record| record.to_bytes())
}
