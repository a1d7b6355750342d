//! One cell, second by second: what arrives, what the network does, and what is counted.

use crate::{
    cells::{Cell, Flood, Rotation},
    peers::Cache,
};
use oidc_proto::renew::Freshness;
use oidc_testkit::Seed;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// For the whole exchange; the same for everybody.
const TIMEOUT: i64 = 10;
/// A caller hangs up after so long.
const GIVES_UP: i64 = 60;
/// How long before and after its time a token is taken; the same for everybody.
const LEEWAY: i64 = 30;
const TOKEN_LIFE: i64 = 300;

/// What is wanted of every cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub good: u64,
    pub good_accepted: u64,
    /// The seconds in which a good token was refused.
    pub good_lost_seconds: i64,
    /// The good tokens that were refused though their issuer was up all the time, and did not rotate.
    pub healthy_lost: u64,
    /// The most within an hour, of one issuer.
    pub fetches_per_hour: u64,
    /// How long after it was withdrawn a key was still accepted.
    pub withdrawn_seconds: i64,
    pub wait_seconds: i64,
    pub keys_held: usize,
}

/// The keys of one issuer that a fetch brings, or `None` if it fails.
pub type Fetched = Option<std::sync::Arc<Vec<u32>>>;

/// The network as one issuer is seen through it.
pub struct Network {
    cell: Cell,
    suffers: bool,
    next: u64,
    flying: BTreeMap<u64, (i64, Fetched)>,
    /// When, and how many at once.
    sent: VecDeque<(i64, u64)>,
    in_hour: u64,
    busy_until: i64,
    pub worst_hour: u64,
    /// A cache stands before the provider, which keeps what it has for so long.
    shared: Option<i64>,
    freshness: BTreeMap<u64, Freshness>,
}

impl Network {
    fn new(cell: Cell, suffers: bool) -> Self {
        let (flying, sent) = (BTreeMap::new(), VecDeque::new());
        let freshness = BTreeMap::new();
        let (in_hour, worst_hour) = (0, 0);
        Self {
            cell,
            suffers,
            next: 0,
            flying,
            sent,
            in_hour,
            busy_until: -1,
            worst_hour,
            shared: None,
            freshness,
        }
    }

    /// A network in which nothing goes wrong; before the provider a cache, which keeps what it has for so long.
    pub fn calm(cell: Cell, shared: Option<i64>) -> Self {
        Self { shared, ..Self::new(cell, false) }
    }

    /// How many requests were sent in this second.
    pub fn sent_at(&self, now: i64) -> u64 {
        self.sent.iter().rev().take_while(|(at, _)| *at == now).map(|(_, count)| count).sum()
    }

    /// What the response of a fetch says of its freshness.
    pub fn freshness(&self, fetch: u64) -> Freshness {
        self.freshness.get(&fetch).copied().unwrap_or(Freshness::UNKNOWN)
    }

    /// Sends so many requests at once, all with the same fate.
    pub fn fetch(&mut self, now: i64, requests: u64) -> u64 {
        while self.sent.front().is_some_and(|(at, _)| *at <= now - 3_600) {
            self.in_hour -= self.sent.pop_front().map_or(0, |(_, count)| count);
        }
        self.sent.push_back((now, requests));
        self.in_hour += requests;
        self.worst_hour = self.worst_hour.max(self.in_hour);
        let (begins, ends) = (self.cell.outage_begins(), self.cell.outage_ends());
        let fate = if !self.suffers || now < begins || now >= ends {
            (now + 1, Some(std::sync::Arc::new(self.cell.publishes(now))))
        } else if now < begins + self.cell.outage / 2 {
            (now + TIMEOUT, None)
        } else {
            (now + 1, None)
        };
        self.next += 1;
        if let Some(max_age) = self.shared {
            self.freshness.insert(
                self.next,
                Freshness::lasting(Duration::from_secs((max_age - now % max_age).unsigned_abs())),
            );
        }
        self.busy_until = self.busy_until.max(fate.0);
        self.flying.insert(self.next, fate);
        self.next
    }

    /// What a fetch has brought, once it is over.
    pub fn arrived(&self, fetch: u64, now: i64) -> Option<&Fetched> {
        self.flying.get(&fetch).filter(|(done, _)| now >= *done).map(|(_, fetched)| fetched)
    }

    fn forget(&mut self, now: i64) {
        if now % 64 == 0 {
            self.flying.retain(|_, (done, _)| *done + GIVES_UP + TIMEOUT > now);
            self.freshness.retain(|fetch, _| self.flying.contains_key(fetch));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    Stolen,
    Forged,
}

/// A request with a token, at one issuer. Several that come at once and fare alike are one of weight.
#[derive(Clone, Debug)]
pub struct Request {
    pub kid: u32,
    pub weight: u64,
    /// What a cache notes for it.
    pub note: Option<u64>,
    arrived: i64,
    kind: Kind,
}

impl Request {
    pub const fn good(kid: u32, arrived: i64) -> Self {
        Self { kid, weight: 1, note: None, arrived, kind: Kind::Good }
    }
}

struct Issuer {
    cache: Box<dyn Cache>,
    network: Network,
    waiting: Vec<Request>,
    healthy: bool,
    made_up: u32,
    keys_held: usize,
}

pub struct Simulation {
    cell: Cell,
    issuers: Vec<Issuer>,
    seed: Seed,
    outcome: Outcome,
    lost: i64,
}

impl Simulation {
    pub fn new(cell: Cell, cache: impl Fn() -> Box<dyn Cache>) -> Self {
        let issuer = |number| Issuer {
            cache: cache(),
            network: Network::new(cell, cell.suffers(number)),
            waiting: Vec::new(),
            healthy: !cell.suffers(number) && matches!(cell.rotation, Rotation::None | Rotation::Announced),
            made_up: 1_000,
            keys_held: 0,
        };
        let issuers = (0..cell.issuers).map(issuer).collect();
        Self { cell, issuers, seed: Seed::new(7), outcome: Outcome::default(), lost: -1 }
    }

    pub fn run(mut self) -> Outcome {
        for now in 0..self.cell.ends() {
            // Up to ten issuers are asked each second, of a thousand twenty by chance.
            let mut asked: BTreeSet<usize> = (0..self.issuers.len().min(10)).collect();
            if self.issuers.len() > 10 {
                asked = BTreeSet::from([0, 1]);
                asked.extend((0..18).map(|_| {
                    let issuer = self.seed.below(self.issuers.len() as u64);
                    usize::try_from(issuer).expect("an index")
                }));
            }
            for number in 0..self.issuers.len() {
                let issuer = &self.issuers[number];
                if asked.contains(&number) || !issuer.waiting.is_empty() || issuer.network.busy_until >= now {
                    self.second(number, now, asked.contains(&number));
                }
            }
        }
        self.outcome.keys_held = self.issuers.iter().map(|issuer| issuer.keys_held).sum();
        self.outcome.fetches_per_hour =
            self.issuers.iter().map(|issuer| issuer.network.worst_hour).max().unwrap_or(0);
        self.outcome
    }

    /// What the API takes for the time.
    fn clock(&self, now: i64) -> i64 {
        if now < self.cell.ends() / 2 { now + self.cell.skew } else { now }
    }

    fn second(&mut self, number: usize, now: i64, asked: bool) {
        let (cell, clock) = (self.cell, self.clock(now));
        let issued = now - now * 7 % 200;
        let issuer = &mut self.issuers[number];
        issuer.network.forget(now);
        issuer.cache.tick(now, clock, &issuer.network);
        let mut requests = std::mem::take(&mut issuer.waiting);
        let mut come = |kid, weight, kind| {
            if !asked {
                return;
            }
            requests.push(Request { kid, weight, note: None, arrived: now, kind });
        };
        if cell.flood == Flood::On && number < 2 {
            // The first of a hundred does what the others would have done, and they follow it.
            come(issuer.made_up, 1, Kind::Forged);
            come(issuer.made_up + 1, 99, Kind::Forged);
            issuer.made_up += 2;
        }
        let kid = cell.signs_with(issued);
        let withdrawn = !cell.publishes(now).contains(&kid);
        let in_time = issued <= clock + LEEWAY && clock <= issued + TOKEN_LIFE + LEEWAY;
        if !withdrawn && in_time {
            come(kid, 1, Kind::Good);
            if cell.signs_with(now) != kid {
                come(cell.signs_with(now), 1, Kind::Good);
            }
        } else if in_time {
            come(cell.signs_with(now), 1, Kind::Good);
        }
        if matches!(cell.rotation, Rotation::Hard | Rotation::Emergency) && now >= cell.rotates() {
            come(1, 1, Kind::Stolen);
        }
        for mut request in requests {
            let verdict = issuer.cache.ask(&mut request, now, clock, &mut issuer.network);
            let waited = now - request.arrived;
            let verdict = if waited >= GIVES_UP { Some(false) } else { verdict };
            let Some(accepted) = verdict else {
                issuer.waiting.push(request);
                continue;
            };
            if waited > self.outcome.wait_seconds {
                self.outcome.wait_seconds = waited;
            }
            match request.kind {
                Kind::Good => {
                    self.outcome.good += 1;
                    self.outcome.good_accepted += u64::from(accepted);
                    if !accepted {
                        self.outcome.healthy_lost += u64::from(issuer.healthy);
                        if request.arrived > self.lost {
                            self.lost = request.arrived;
                            self.outcome.good_lost_seconds += 1;
                        }
                    }
                }
                Kind::Stolen if accepted => {
                    let since = now - cell.rotates();
                    self.outcome.withdrawn_seconds = self.outcome.withdrawn_seconds.max(since + 1);
                }
                Kind::Stolen => {}
                Kind::Forged => assert!(!accepted, "nobody has such a key"),
            }
        }
        issuer.keys_held = issuer.keys_held.max(issuer.cache.keys_held());
    }
}
