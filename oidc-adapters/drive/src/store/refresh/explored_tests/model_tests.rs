//! The world of the explorer: a store, a provider, a network, and nodes that may stop at any step.

use crate::store::{
    Action, Answer, End, Found, Input, LostLease, Renewing, StoreError,
    refresh::{
        policy::Policy,
        record::{Lease, Record},
    },
};
use std::time::Duration;

/// A tick is a millisecond of the machine. A request arrives within one tick, or never.
pub(super) const ARRIVES: u64 = 1;
pub(super) const LEASE: u64 = 2;

pub(super) fn policy(lost: LostLease) -> Policy {
    Policy {
        lease: LEASE,
        exchange: ARRIVES + 1,
        tries: 2,
        patience: 1,
        poll: 1,
        kept: 1_000,
        unrotated_kept: 1_000,
        lost_kept: 1_000,
        lost,
    }
}

/// What the provider does when a refresh token comes a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Refuses, and revokes the tokens of the first use.
    Detects,
    /// Refuses.
    Refuses,
    /// Issues new tokens, and the older ones are worthless.
    Grace,
    /// Never replaces refresh tokens.
    Keeps,
}

/// A rule of the protocol that is taken out, from outside of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Broken {
    Nothing,
    /// The store replaces a lease whatever is there.
    CompareAndSet,
    /// The store takes late tokens in place of newer ones.
    Fencing,
    /// Nobody sees the tokens of others.
    Adoption,
    /// The machine does not learn how much time has passed.
    Deadline,
    /// The leases of others seem to have ended.
    Leases,
    /// Nobody sees that a token may be spent.
    Losses,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Came {
    Found(Option<Vec<u8>>, u64),
    Replaced,
    Failed,
    Answer(Answer),
    Woken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    /// The action has not reached the store.
    Asks(Action),
    /// The lease is written, and the machine has not heard of it. A pause here is one before the token is sent. The
    /// other answers of the store are heard at once: a pause before the next question has the same effect.
    Hears(Came),
    Sleeps(u64),
    /// A request is on its way, or its answer is.
    Sent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) machine: Renewing,
    pub(super) doing: Doing,
    /// When the latest action began.
    pub(super) since: u64,
    /// What the provider answered to this call.
    pub(super) told: Option<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) calls: u8,
    pub(super) serial: u8,
    pub(super) run: Option<Run>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sending {
    pub(super) node: usize,
    pub(super) serial: u8,
    pub(super) at: u64,
    /// `None`: it has not arrived.
    pub(super) answer: Option<Answer>,
}

/// How often something may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    pub(super) crashes: u8,
    pub(super) losses: u8,
    pub(super) failures: u8,
}

pub(super) const NONE: Faults = Faults { crashes: 0, losses: 0, failures: 0 };

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) kind: Kind,
    pub(super) broken: Broken,
    lost: LostLease,
    pub(super) now: u64,
    pub(super) record: Option<Vec<u8>>,
    pub(super) nodes: Vec<Node>,
    pub(super) requests: Vec<Sending>,
    /// How many nodes may stand still at once while time passes.
    pub(super) stand: usize,
    /// How often the provider got the token.
    pub(super) uses: u8,
    /// The lease of the latest use.
    pub(super) latest: Option<(u64, [u8; 16])>,
    pub(super) faults: Faults,
    /// The newest tokens with which a call has ended as its own.
    pub(super) newest: u8,
    pub(super) failed: bool,
    /// The end of the call that has just ended, while one node goes on alone.
    end: Option<End>,
    alone: bool,
}

/// The generation of sealed tokens.
pub(super) fn generation(sealed: &[u8]) -> u8 {
    sealed.first().copied().unwrap_or_default()
}

impl World {
    pub(super) fn new(kind: Kind, lost: LostLease, nodes: usize, calls: u8, faults: Faults) -> Self {
        let node = Node { calls, serial: 0, run: None };
        Self {
            kind,
            broken: Broken::Nothing,
            lost,
            now: 1,
            record: None,
            nodes: vec![node; nodes],
            requests: Vec::new(),
            stand: nodes,
            uses: 0,
            latest: None,
            faults,
            newest: 0,
            failed: false,
            end: None,
            alone: false,
        }
    }

    /// Whether nobody does anything.
    pub(super) fn rests(&self) -> bool {
        self.nodes.iter().all(|node| node.run.is_none()) && self.requests.is_empty()
    }

    pub(super) fn read(&self) -> Option<Record> {
        self.record.as_ref().and_then(|bytes| Record::from_bytes(bytes))
    }

    /// The newest tokens in the store.
    pub(super) fn stored(&self) -> u8 {
        match self.read() {
            Some(Record::Done(done) | Record::Leased(Lease { late: Some(done), .. })) => {
                generation(&done.sealed)
            }
            Some(Record::Leased(_) | Record::Lost { .. }) | None => 0,
        }
    }

    /// What a reader sees.
    fn seen(&self, node: usize) -> Option<Vec<u8>> {
        let record = self.read();
        let seen = match (self.broken, record) {
            (Broken::Adoption, Some(Record::Done(_))) => None,
            (Broken::Losses, Some(Record::Lost { .. })) => None,
            (Broken::Losses, Some(Record::Leased(lease))) if lease.until <= self.now => None,
            (Broken::Leases, Some(Record::Leased(lease))) if usize::from(lease.owner[0]) != node => {
                Some(Record::Leased(Lease { until: 0, ..lease }))
            }
            (_, record) => record,
        };
        seen.map(|record| record.to_bytes())
    }

    /// Carries out a change in the store. Returns what the caller hears.
    fn swap(&mut self, node: usize, expected: Option<&Vec<u8>>, new: Option<Vec<u8>>) -> Came {
        let written = new.as_ref().and_then(|bytes| Record::from_bytes(bytes));
        let blind = match (self.broken, &written) {
            (Broken::CompareAndSet, Some(Record::Leased(_))) | (Broken::Fencing, Some(Record::Done(_))) => {
                true
            }
            (_, _) => false,
        };
        if !blind && self.seen(node).as_ref() != expected {
            return Came::Found(self.seen(node), self.now);
        }
        self.record = new;
        Came::Replaced
    }

    /// All worlds that one step can lead to, or what is wrong with one.
    pub(super) fn next(&self) -> Result<Vec<Self>, String> {
        let mut worlds = Vec::new();
        for node in 0..self.nodes.len() {
            self.steps_of(node, &mut worlds)?;
        }
        for at in 0..self.requests.len() {
            self.network(at, &mut worlds)?;
        }
        let late = |sent: &Sending| sent.answer.is_none() && self.now >= sent.at + ARRIVES;
        let stand = self.nodes.iter().filter_map(|node| node.run.as_ref()).filter(|run| match run.doing {
            Doing::Asks(_) | Doing::Hears(_) => true,
            Doing::Sleeps(until) => until <= self.now,
            Doing::Sent => false,
        });
        if !self.alone && stand.count() <= self.stand && !self.requests.iter().any(late) {
            worlds.push(Self { now: self.now + 1, ..self.clone() });
        }
        Ok(worlds)
    }

    fn steps_of(&self, node: usize, worlds: &mut Vec<Self>) -> Result<(), String> {
        let Some(run) = &self.nodes[node].run else {
            // Nodes that have done nothing are alike, so they start in order.
            let first = self.nodes[..node].iter().all(|before| before.serial > 0);
            if self.nodes[node].calls > 0 && (first || self.nodes[node].serial > 0) {
                self.started(node).steps_of(node, worlds)?;
            }
            return Ok(());
        };
        if self.faults.crashes > 0 {
            let mut crashed = self.clone();
            crashed.faults.crashes -= 1;
            crashed.nodes[node].run = None;
            // Nobody hears an answer that is on its way.
            crashed.requests.retain(|sent| sent.node != node || sent.answer.is_none());
            worlds.push(crashed);
        }
        match &run.doing {
            Doing::Asks(action) => {
                worlds.push(self.asked(node, action, true, false)?);
                if self.faults.failures > 0 {
                    worlds.push(self.asked(node, action, false, true)?);
                    if matches!(action, Action::Swap { .. }) {
                        worlds.push(self.asked(node, action, true, true)?);
                    }
                }
            }
            Doing::Hears(came) => worlds.push(self.heard(node, came.clone())?),
            Doing::Sleeps(until) if *until <= self.now => worlds.push(self.heard(node, Came::Woken)?),
            Doing::Sleeps(_) | Doing::Sent => {}
        }
        Ok(())
    }

    fn started(&self, node: usize) -> Self {
        let mut world = self.clone();
        let at = &mut world.nodes[node];
        at.calls -= 1;
        at.serial += 1;
        let mut owner = [0; 16];
        (owner[0], owner[1]) = (u8::try_from(node).unwrap(), at.serial);
        let machine = Renewing::new(policy(self.lost), owner);
        at.run = Some(Run { machine, doing: Doing::Asks(Action::Get), since: self.now, told: None });
        world
    }

    /// The store carries out the action of a node, or fails, or both.
    fn asked(&self, node: usize, action: &Action, applied: bool, failed: bool) -> Result<Self, String> {
        let mut world = self.clone();
        let mut came = if applied { world.apply(node, action) } else { Came::Failed };
        if failed {
            world.faults.failures -= 1;
            world.failed = true;
            came = Came::Failed;
        }
        match &mut world.nodes[node].run {
            Some(run) if run.machine.takes() => {
                run.doing = Doing::Hears(came);
                Ok(world)
            }
            _ => world.heard(node, came),
        }
    }

    fn apply(&mut self, node: usize, action: &Action) -> Came {
        match action {
            Action::Get => Came::Found(self.seen(node), self.now),
            Action::Swap { expected, new } => {
                let new = new.as_ref().map(|(bytes, _)| bytes.clone());
                self.swap(node, expected.as_ref(), new)
            }
            other => panic!("no question for the store: {other:?}"),
        }
    }

    /// The machine of this node takes a step.
    fn heard(&self, node: usize, came: Came) -> Result<Self, String> {
        let mut world = self.clone();
        let run = world.nodes[node].run.as_mut().expect("it runs");
        let took = if self.broken == Broken::Deadline { 0 } else { self.now - run.since };
        let input = match came {
            Came::Found(value, now) => {
                let found = Found::new(value, Duration::from_millis(now));
                if run.machine.reads() { Input::Found(Ok(found)) } else { Input::Swapped(Ok(Some(found))) }
            }
            Came::Replaced => Input::Swapped(Ok(None)),
            Came::Failed if run.machine.reads() => Input::Found(Err(StoreError::Value)),
            Came::Failed => Input::Swapped(Err(StoreError::Value)),
            Came::Answer(answer) => {
                run.told = Some(answer.clone());
                Input::Answer(answer)
            }
            Came::Woken => Input::Woken,
        };
        let action = run.machine.step(input, Duration::from_millis(took));
        run.since = self.now;
        match action {
            Action::Get | Action::Swap { .. } => {
                let woken = run.doing != Doing::Sent && action == Action::Get;
                run.doing = Doing::Asks(action);
                if woken && world.faults.failures == 0 {
                    // Whoever wakes asks at once: a longer sleep has the same effect as a pause here.
                    return world.asked(node, &Action::Get, true, false);
                }
            }
            Action::Wait(span) => {
                run.doing = Doing::Sleeps(self.now + u64::try_from(span.as_millis()).unwrap());
            }
            Action::Send => {
                run.doing = Doing::Sent;
                let serial = world.nodes[node].serial;
                world.requests.push(Sending { node, serial, at: self.now, answer: None });
            }
            Action::End(end) => {
                let told = run.told.clone();
                world.nodes[node].run = None;
                world.ended(&end, told)?;
                world.end = Some(end).filter(|_| world.alone);
            }
        }
        Ok(world)
    }

    /// What may happen to a request, or to its answer.
    fn network(&self, at: usize, worlds: &mut Vec<Self>) -> Result<(), String> {
        let Sending { node, serial, answer, .. } = &self.requests[at];
        let alive = self.nodes[*node].run.is_some() && self.nodes[*node].serial == *serial;
        let without = || {
            let mut world = self.clone();
            world.requests.remove(at);
            world
        };
        if self.faults.losses > 0 || !alive {
            let mut lost = without();
            lost.faults.losses = lost.faults.losses.saturating_sub(u8::from(alive));
            worlds.push(if alive { lost.heard(*node, Came::Answer(Answer::Lost))? } else { lost });
        }
        match answer {
            None => {
                let mut world = self.clone();
                let answer = world.provider(*node)?;
                world.requests[at].answer = Some(answer);
                if !alive {
                    world.requests.remove(at);
                }
                worlds.push(world);
            }
            Some(answer) if alive => worlds.push(without().heard(*node, Came::Answer(answer.clone()))?),
            Some(_) => {}
        }
        Ok(())
    }

    /// The provider gets the refresh token from this node. The first of the laws: only while this node has the lease,
    /// and once for each lease.
    fn provider(&mut self, node: usize) -> Result<Answer, String> {
        let Some(Record::Leased(lease)) = self.read() else {
            return Err("the token is sent without a lease".to_owned());
        };
        if usize::from(lease.owner[0]) != node || lease.until <= self.now {
            return Err(format!("the token is sent without this lease: {lease:?}"));
        }
        if self.latest == Some((lease.fence, lease.owner)) {
            return Err("the token is sent twice under one lease".to_owned());
        }
        if self.uses > 0 && self.kind != Kind::Keeps {
            if !lease.after_loss {
                return Err("the token is sent again although nothing was lost".to_owned());
            }
            if self.lost == LostLease::LogInAgain {
                return Err("the token is sent again although the policy forbids it".to_owned());
            }
        }
        self.latest = Some((lease.fence, lease.owner));
        self.uses += 1;
        let issued = Answer::Tokens { sealed: vec![self.uses], rotated: self.kind != Kind::Keeps };
        Ok(match self.kind {
            Kind::Detects | Kind::Refuses if self.uses > 1 => Answer::Refused,
            Kind::Detects | Kind::Refuses | Kind::Grace | Kind::Keeps => issued,
        })
    }

    /// The second law: a call ends with what the provider or another node has said, and with nothing else.
    fn ended(&mut self, end: &End, told: Option<Answer>) -> Result<(), String> {
        let wrong = |law: &str| Err(format!("{law}: {end:?}, and the provider said {told:?}"));
        match end {
            End::Own => match &told {
                Some(Answer::Tokens { sealed, .. }) => self.newest = self.newest.max(generation(sealed)),
                _ => return wrong("tokens from nowhere"),
            },
            End::Adopt { sealed, .. } => {
                if !(1..=self.uses).contains(&generation(sealed)) {
                    return wrong("tokens that the provider has not issued");
                }
                if let Some(Answer::Tokens { sealed: own, .. }) = &told
                    && generation(own) > generation(sealed)
                {
                    return wrong("older tokens than its own");
                }
            }
            // The store is as this call has just seen it: a change and its answer are one step here.
            End::Refused { .. } if told == Some(Answer::Refused) => {
                let others = matches!(self.read(), Some(Record::Leased(lease)) if self.now < lease.until);
                if self.broken == Broken::Nothing && (others || self.stored() > 0) {
                    return wrong("a user is logged out although another node has tokens, or may get some");
                }
            }
            End::Lost if told == Some(Answer::Lost) => {}
            End::MaybeSpent if self.lost == LostLease::LogInAgain => {}
            End::Failed(_) if self.failed => {}
            End::Busy(_) => {}
            End::Refused { .. } | End::Lost | End::MaybeSpent | End::Failed(_) | End::Unsent => {
                return wrong("an end for no reason");
            }
        }
        Ok(())
    }

    /// Whether tokens that a caller got are in the store, for the next one.
    pub(super) fn lost_tokens(&self) -> Option<String> {
        let stored = self.stored();
        // A token that is not replaced is sent again, so its outcome makes room for another lease.
        (self.kind != Kind::Keeps && !self.failed && stored < self.newest)
            .then(|| format!("generation {stored} is stored, and a caller has {}", self.newest))
    }

    /// One node goes on from here, alone, and nothing more goes wrong. Returns how its calls end.
    pub(super) fn goes_on(&self) -> Result<Vec<End>, String> {
        let mut world = Self { faults: NONE, broken: Broken::Nothing, alone: true, ..self.clone() };
        world.nodes.iter_mut().for_each(|node| node.calls = 0);
        let mut ends = Vec::new();
        for _ in 0..=LEASE {
            world.nodes[0].calls = 1;
            world = world.started(0);
            let end = loop {
                let mut next = world.next()?;
                world = match next.pop() {
                    Some(next) => next,
                    None => Self { now: world.now + 1, ..world },
                };
                if world.nodes[0].run.is_none() {
                    break world.end.take().ok_or("it runs without an end")?;
                }
            };
            let goes_on = !matches!(end, End::Busy(_));
            ends.push(end);
            if goes_on {
                break;
            }
        }
        Ok(ends)
    }
}
