//! The name of a world, by which the explorer knows it again.

use super::model_tests::{ARRIVES, Came, Doing, Faults, LEASE, World, generation};
use crate::store::{
    Action, Answer,
    refresh::{
        record::Record,
        renewing::canonical_tests::{Name, fences_of},
    },
};

impl World {
    /// The name of the world. Worlds of the same name go on in the same way.
    pub(super) fn name(&self) -> Vec<u8> {
        let mut fences = vec![0];
        fences.extend(self.latest.map(|(fence, _)| fence));
        let record = self.read();
        let mut asked = Vec::new();
        for run in self.nodes.iter().filter_map(|node| node.run.as_ref()) {
            run.machine.fences(&mut fences);
            if let Doing::Asks(Action::Swap { expected, new }) = &run.doing {
                let new = new.as_ref().map(|(new, _)| new);
                asked.extend(
                    [expected.as_ref(), new].into_iter().flatten().filter_map(|b| Record::from_bytes(b)),
                );
            }
            if let Doing::Hears(Came::Found(Some(value), _)) = &run.doing {
                asked.extend(Record::from_bytes(value));
            }
        }
        asked.iter().chain(&record).for_each(|record| fences_of(record, &mut fences));
        fences.sort_unstable();
        fences.dedup();
        let mut name = Name { fences: &fences, now: self.now, bytes: Vec::with_capacity(128) };
        name.record(record.as_ref());
        if let Some((fence, owner)) = self.latest {
            name.number(fences.binary_search(&fence).unwrap() as u64);
            name.bytes.extend(&owner[..2]);
        }
        let Faults { crashes, losses, failures } = self.faults;
        for number in [self.uses, crashes, losses, failures, self.newest, self.failed.into()] {
            name.number(number.into());
        }
        for node in &self.nodes {
            name.bytes.extend([node.calls, node.serial]);
            let Some(run) = &node.run else { continue };
            run.machine.name(&mut name, self.now.saturating_sub(run.since).min(LEASE + 1));
            match &run.doing {
                Doing::Asks(Action::Swap { expected, new }) => {
                    name.number(1);
                    let new = new.as_ref().map(|(new, _)| new);
                    for bytes in [expected.as_ref(), new] {
                        name.record(bytes.and_then(|bytes| Record::from_bytes(bytes)).as_ref());
                    }
                }
                Doing::Asks(_) => name.number(2),
                Doing::Hears(Came::Found(value, at)) => {
                    name.number(3);
                    name.number((self.now - at).min(LEASE + 1));
                    name.record(value.as_ref().and_then(|bytes| Record::from_bytes(bytes)).as_ref());
                }
                Doing::Hears(came) => name.number(4 + u64::from(*came == Came::Failed)),
                Doing::Sleeps(until) => name.number(6 + until.saturating_sub(self.now)),
                Doing::Sent => name.number(20),
            }
            let told = run.told.as_ref().map_or(0, |told| match told {
                Answer::Tokens { sealed, .. } => 10 + u64::from(generation(sealed)),
                Answer::Refused => 1,
                Answer::Lost => 2,
                Answer::Unsent => 3,
            });
            name.number(told);
        }
        for sent in &self.requests {
            name.number(30 + sent.node as u64);
            name.bytes.push(sent.serial);
            name.number((self.now - sent.at).min(ARRIVES));
            let answer = sent.answer.as_ref().map_or(0, |answer| match answer {
                Answer::Tokens { sealed, .. } => 10 + u64::from(generation(sealed)),
                _ => 1,
            });
            name.number(answer);
        }
        name.bytes
    }
}
