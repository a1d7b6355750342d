//! One cell, second by second: the arrivals, the network, and the counts.

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

/// The timeout of a whole exchange, the same for all policies.
const TIMEOUT: i64 = 10;
/// The time after which a caller hangs up.
const GIVES_UP: i64 = 60;
/// The leeway of a token's times in seconds, the same for all policies.
const LEEWAY: i64 = 30;
const TOKEN_LIFE: i64 = 300;

/// The numbers that are measured in every cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub good: u64,
    pub good_accepted: u64,
    /// The seconds in which a valid token was refused.
    pub good_lost_seconds: i64,
    /// The valid tokens that were refused although their issuer was up all the time and did not rotate.
    pub healthy_lost: u64,
    /// The largest number of fetches within an hour, at one issuer.
    pub fetches_per_hour: u64,
    /// The time for which a withdrawn key was still accepted.
    pub withdrawn_seconds: i64,
    pub wait_seconds: i64,
    pub keys_held: usize,
}

/// The keys of one issuer that a fetch returns, or `None` if it fails.
pub type Fetched = Option<std::sync::Arc<Vec<u32>>>;

/// The network to one issuer.
pub struct Network {
    cell: Cell,
    suffers: bool,
    next: u64,
    flying: BTreeMap<u64, (i64, Fetched)>,
    /// The time and the number of each batch of requests.
    sent: VecDeque<(i64, u64)>,
    in_hour: u64,
    busy_until: i64,
    pub worst_hour: u64,
    /// The lifetime of the keys in a shared cache before the provider, if there is one.
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

    /// A network without failures, with a shared cache before the provider that keeps keys for this long.
    pub fn calm(cell: Cell, shared: Option<i64>) -> Self {
        Self { shared, ..Self::new(cell, false) }
    }

    /// The number of requests that were sent in this second.
    pub fn sent_at(&self, now: i64) -> u64 {
        self.sent.iter().rev().take_while(|(at, _)| *at == now).map(|(_, count)| count).sum()
    }

    /// The freshness in the response of a fetch.
    pub fn freshness(&self, fetch: u64) -> Freshness {
        self.freshness.get(&fetch).copied().unwrap_or(Freshness::UNKNOWN)
    }

    /// Sends this many requests at once, all with the same outcome.
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

    /// The result of a fetch, once it has arrived.
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

/// A request with a token, at one issuer. Several requests with the same time and outcome count as one with
/// a weight.
#[derive(Clone, Debug)]
pub struct Request {
    pub kid: u32,
    pub weight: u64,
    /// A note of the cache for this request.
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
            // Up to ten issuers are asked each second. Of a thousand issuers, twenty are chosen by chance.
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

    /// The time by the API's clock.
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
            // The first of a hundred requests acts for all, and the others follow it.
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
                Kind::Forged => assert!(!accepted, "no issuer has such a key"),
            }
        }
        issuer.keys_held = issuer.keys_held.max(issuer.cache.keys_held());
    }
}
