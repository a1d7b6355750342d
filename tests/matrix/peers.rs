//! The policy of this library, and models of four other libraries, written from their known defaults
//! (August 2026).

use crate::simulation::{Fetched, Network, Request};
use oidc_proto::{
    Moment, Timestamp,
    renew::{Decision, Lease, Need, Renewal, RenewalError, RenewalPolicy, Renewed},
};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    Ours,
    Oauth4webapi,
    Jose,
    GoOidc,
    Spring,
}

impl Which {
    pub const ALL: [Self; 5] = [Self::Ours, Self::Oauth4webapi, Self::Jose, Self::GoOidc, Self::Spring];
    pub const PEERS: [Self; 4] = [Self::Oauth4webapi, Self::Jose, Self::GoOidc, Self::Spring];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "this library",
            Self::Oauth4webapi => "oauth4webapi",
            Self::Jose => "jose",
            Self::GoOidc => "go-oidc",
            Self::Spring => "Spring",
        }
    }
}

/// A cache of the keys of one issuer.
pub trait Cache {
    /// Asks for a verdict on this request. The request asks again each second while there is none.
    fn ask(&mut self, request: &mut Request, now: i64, clock: i64, network: &mut Network) -> Option<bool>;
    /// Advances the cache by one second without a request.
    fn tick(&mut self, _now: i64, _clock: i64, _network: &Network) {}
    fn keys_held(&self) -> usize;
}

/// The cache of one of many nodes.
pub fn cache(which: Which, node: u64) -> Box<dyn Cache> {
    match which {
        Which::Ours => Box::new(Ours::new(node)),
        Which::Oauth4webapi => Box::new(Oauth4webapi::default()),
        Which::Jose => Box::new(SingleFlight::new(Some(600), Unknown::AfterSuccess(30))),
        Which::GoOidc => Box::new(SingleFlight::new(None, Unknown::Always)),
        Which::Spring => Box::new(Spring::default()),
    }
}

type Keys = Arc<Vec<u32>>;

/// The real policy. Renewals run in the background, as in `SingleFlight::get_async`.
struct Ours {
    renewal: Renewal<Vec<u32>>,
    flying: BTreeMap<u64, Lease>,
    held: usize,
    node: u64,
}

const START: i64 = 1_800_000_000;

impl Ours {
    fn new(node: u64) -> Self {
        Self { renewal: Renewal::new(RenewalPolicy::KEYS), flying: BTreeMap::new(), held: 0, node }
    }

    /// Entropy that differs for each node and for each fetch.
    fn entropy(&self, fetch: u64) -> [u8; 32] {
        let mut entropy = [u8::try_from(fetch * 37 % 256).expect("a byte"); 32];
        entropy.iter_mut().zip(self.node.to_be_bytes()).for_each(|(byte, node)| *byte ^= node);
        entropy
    }
}

impl Cache for Ours {
    // Renewals run in the background: they end even if no caller asks.
    fn tick(&mut self, now: i64, clock: i64, network: &Network) {
        let landed: Vec<_> =
            self.flying.keys().copied().filter(|fetch| network.arrived(*fetch, now).is_some()).collect();
        for fetch in landed {
            let (Some(lease), Some(fetched)) = (self.flying.remove(&fetch), network.arrived(fetch, now))
            else {
                continue;
            };
            let result = match fetched {
                Some(keys) => Ok(Renewed::new(Arc::clone(keys), network.freshness(fetch))),
                None => Err(RenewalError::NoResponse),
            };
            let moment = Moment::new(Timestamp(START + clock), self.entropy(fetch));
            self.renewal.settle(lease, result, moment);
            self.held = self.renewal.value().map_or(0, |keys| keys.len());
        }
    }

    fn ask(&mut self, request: &mut Request, now: i64, clock: i64, network: &mut Network) -> Option<bool> {
        loop {
            // The epoch of keys that lacked the key is noted as the number of sets held until then.
            let need = match request.note {
                Some(epochs) if epochs == self.renewal.counters().renewals => {
                    Need::NewerThan(self.renewal.epoch())
                }
                _ => Need::Any,
            };
            let (keys, lease) = match self.renewal.want(need, Timestamp(START + clock)) {
                Decision::Use(_, keys) => (Some(keys), None),
                Decision::UseAndRenew(_, keys, lease) => (Some(keys), Some(lease)),
                Decision::Renew(lease) => (None, Some(lease)),
                Decision::Join { .. } => return None,
                Decision::Refuse { .. } => return Some(false),
            };
            if let Some(lease) = lease {
                self.flying.insert(network.fetch(now, 1), lease);
            }
            match keys {
                Some(keys) if keys.contains(&request.kid) => return Some(true),
                // A newer set lacked the key, too.
                Some(_) if request.note.is_some() => return Some(false),
                Some(_) => request.note = Some(self.renewal.counters().renewals),
                None => return None,
            }
        }
    }

    fn keys_held(&self) -> usize {
        self.held
    }
}

/// Keys for 300 s. At the end, or for an unknown key id when they are 60 s old, the keys are deleted, and
/// every request without keys fetches for itself. A failure fails the request.
#[derive(Default)]
struct Oauth4webapi {
    keys: Option<(Keys, i64)>,
}

impl Cache for Oauth4webapi {
    fn ask(&mut self, request: &mut Request, now: i64, _: i64, network: &mut Network) -> Option<bool> {
        if let Some(fetch) = request.note {
            return match network.arrived(fetch, now)? {
                Some(keys) => {
                    self.keys = Some((Arc::clone(keys), now));
                    Some(keys.contains(&request.kid))
                }
                None => Some(false),
            };
        }
        self.keys = self.keys.take().filter(|(_, since)| now < since + 300);
        if let Some((keys, since)) = &self.keys {
            if keys.contains(&request.kid) {
                return Some(true);
            }
            if now < since + 60 {
                return Some(false);
            }
            self.keys = None;
        }
        request.note = Some(network.fetch(now, request.weight));
        None
    }

    fn keys_held(&self) -> usize {
        self.keys.as_ref().map_or(0, |(keys, _)| keys.len())
    }
}

/// The reaction to an unknown key id.
enum Unknown {
    /// Fetches this many seconds after the last successful fetch.
    AfterSuccess(i64),
    Always,
}

/// One fetch at a time, for which all callers wait. Keys live for this long, or without end. There is no
/// cooldown after a failure. Requests that find their key in the held set go on until the set expires.
struct SingleFlight {
    life: Option<i64>,
    unknown: Unknown,
    keys: Option<(Keys, i64)>,
    flying: Option<u64>,
}

impl SingleFlight {
    fn new(life: Option<i64>, unknown: Unknown) -> Self {
        Self { life, unknown, keys: None, flying: None }
    }

    fn land(&mut self, now: i64, network: &Network) {
        let Some(fetched) = self.flying.and_then(|fetch| network.arrived(fetch, now)) else { return };
        self.flying = None;
        if let Some(keys) = fetched {
            self.keys = Some((Arc::clone(keys), now));
        }
    }
}

impl Cache for SingleFlight {
    fn ask(&mut self, request: &mut Request, now: i64, _: i64, network: &mut Network) -> Option<bool> {
        self.land(now, network);
        if let Some(fetch) = request.note {
            let fetched: &Fetched = network.arrived(fetch, now)?;
            return Some(fetched.as_ref().is_some_and(|keys| keys.contains(&request.kid)));
        }
        let alive = |since: i64| self.life.is_none_or(|life| now < since + life);
        if let Some((keys, since)) = self.keys.as_ref().filter(|(_, since)| alive(*since)) {
            if keys.contains(&request.kid) {
                return Some(true);
            }
            if matches!(self.unknown, Unknown::AfterSuccess(wait) if now < since + wait) {
                return Some(false);
            }
        }
        request.note = Some(*self.flying.get_or_insert_with(|| network.fetch(now, 1)));
        None
    }

    fn keys_held(&self) -> usize {
        self.keys.as_ref().map_or(0, |(keys, _)| keys.len())
    }
}

/// Keys for 300 s, fetched under a lock on the request's path: the request that gets the lock and finds no
/// keys fetches, and the others queue. An unknown key id fetches nothing.
#[derive(Default)]
struct Spring {
    keys: Option<(Keys, i64)>,
    /// The fetch that holds the lock.
    flying: Option<u64>,
}

impl Cache for Spring {
    fn ask(&mut self, request: &mut Request, now: i64, _: i64, network: &mut Network) -> Option<bool> {
        // A fetched set is kept, although the fetching request may have hung up.
        if let Some(fetched) = self.flying.and_then(|fetch| network.arrived(fetch, now)) {
            self.flying = None;
            if let Some(keys) = fetched {
                self.keys = Some((Arc::clone(keys), now));
            }
        }
        if let Some(fetch) = request.note {
            let fetched = network.arrived(fetch, now)?;
            return Some(fetched.as_ref().is_some_and(|keys| keys.contains(&request.kid)));
        }
        if let Some((keys, _)) = self.keys.as_ref().filter(|(_, since)| now < since + 300) {
            return Some(keys.contains(&request.kid));
        }
        if self.flying.is_some() {
            return None;
        }
        // One after the other: a request with a weight stands for many, and the first one has the lock.
        let fetch = network.fetch(now, 1);
        (self.flying, request.note) = (Some(fetch), Some(fetch));
        None
    }

    fn keys_held(&self) -> usize {
        self.keys.as_ref().map_or(0, |(keys, _)| keys.len())
    }
}
