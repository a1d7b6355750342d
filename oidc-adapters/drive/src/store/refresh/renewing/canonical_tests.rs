//! What the explorer sees of a machine: its state without absolute times and fences, so that two worlds that go on in
//! the same way are one.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a missing value must fail the test")]

use super::{Own, Renewing, Stage, Then};
use crate::store::refresh::record::{Done, Lease, Record};

/// Writes values into the name of a world.
pub(in crate::store) struct Name<'f> {
    /// The fences of the world, in order. Only their order counts.
    pub(in crate::store) fences: &'f [u64],
    pub(in crate::store) now: u64,
    pub(in crate::store) bytes: Vec<u8>,
}

impl Name<'_> {
    pub(in crate::store) fn number(&mut self, number: u64) {
        self.bytes.push(u8::try_from(number).expect("a small number"));
    }

    fn fence(&mut self, fence: u64) {
        let place = self.fences.binary_search(&fence).expect("it was collected");
        self.number(place as u64);
    }

    fn done(&mut self, done: &Done) {
        self.fence(done.fence);
        self.number(done.sealed[0].into());
    }

    fn lease(&mut self, lease: &Lease) {
        self.fence(lease.fence);
        self.bytes.extend(&lease.owner[..2]);
        self.number(lease.until.saturating_sub(self.now));
        self.number(lease.after_loss.into());
        match &lease.late {
            Some(late) => self.done(late),
            None => self.number(255),
        }
    }

    pub(in crate::store) fn record(&mut self, record: Option<&Record>) {
        match record {
            None => self.number(0),
            Some(Record::Leased(lease)) => {
                self.number(1);
                self.lease(lease);
            }
            Some(Record::Lost { fence }) => {
                self.number(2);
                self.fence(*fence);
            }
            Some(Record::Done(done)) => {
                self.number(3);
                self.done(done);
            }
        }
    }
}

/// The fences of a record.
pub(in crate::store) fn fences_of(record: &Record, fences: &mut Vec<u64>) {
    fences.push(record.fence());
    if let Record::Leased(Lease { late: Some(late), .. }) = record {
        fences.push(late.fence);
    }
}

impl Renewing {
    /// Whether the latest action was [`Action::Get`](super::Action::Get).
    pub(in crate::store) const fn reads(&self) -> bool {
        matches!(self.stage, Stage::Reading)
    }

    /// Whether the latest action asked for the lease.
    pub(in crate::store) const fn takes(&self) -> bool {
        matches!(self.stage, Stage::Taking(_))
    }

    pub(in crate::store) fn fences(&self, fences: &mut Vec<u64>) {
        fences.push(self.fence);
        if let Some(Own::Tokens(done)) = &self.own {
            fences.push(done.fence);
        }
        match &self.stage {
            Stage::Taking(lease) | Stage::Sending(lease) => {
                fences_of(&Record::Leased(lease.clone()), fences);
            }
            Stage::Writing(Then::Adopt(done)) => fences.push(done.fence),
            Stage::Reading | Stage::Waiting | Stage::Writing(_) | Stage::Over => {}
        }
    }

    /// Writes the state, of which the next step takes this long already. The time of the store's clock decides nothing
    /// but the age of tokens.
    pub(in crate::store) fn name(&self, name: &mut Name<'_>, took: u64) {
        match &self.stage {
            Stage::Reading => name.number(0),
            Stage::Waiting => name.number(1),
            Stage::Taking(lease) | Stage::Sending(lease) => {
                name.number(if self.takes() { 2 } else { 3 });
                name.lease(lease);
            }
            Stage::Writing(Then::Wait) => name.number(4),
            Stage::Writing(Then::Adopt(done)) => {
                name.number(5);
                name.done(done);
            }
            // The end is that of this caller's own request.
            Stage::Writing(Then::End(_)) => name.number(6),
            Stage::Over => name.number(7),
        }
        let tries = if self.own.is_none() { self.tries } else { 0 };
        for number in [self.patience.saturating_sub(took), self.failures.into(), tries.into()] {
            name.number(number);
        }
        // What is left of the lease counts until the token is sent.
        match &self.stage {
            Stage::Taking(_) | Stage::Reading => {
                name.number(self.left.saturating_sub(took));
                name.number(took);
            }
            Stage::Writing(_) if self.own.is_none() => name.number(took),
            Stage::Waiting | Stage::Sending(_) | Stage::Writing(_) | Stage::Over => {}
        }
        // Whether it has waited counts until it knows something itself.
        name.number((self.waited && self.own.is_none()).into());
        name.fence(self.fence);
        match &self.own {
            None => name.number(0),
            Some(Own::Tokens(done)) => {
                name.number(1);
                name.done(done);
            }
            Some(Own::Refused { after_loss }) => name.number(2 + u64::from(*after_loss)),
            Some(Own::Lost) => name.number(4),
            Some(Own::Unsent) => name.number(5),
        }
    }
}
