//! Five hundred nodes of one service, at one provider: the number of nodes that fetch in the same second.

use crate::{
    cells::{Cell, Flood, Rotation},
    peers::{Which, cache},
    simulation::{Network, Request},
};

pub const NODES: u64 = 500;

/// The way in which the nodes start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// One node each second, behind a cache that fetched the keys just before the first node and keeps them
    /// for an hour. Its responses name the remaining time, so the keys of all nodes end in the same second.
    InTurn,
    /// All nodes in one second. The provider sends no freshness.
    Together,
}

/// The largest number of fetches in one second, apart from the start.
pub fn worst_second(which: Which, start: Start) -> u64 {
    let cell = Cell { issuers: 1, outage: 0, rotation: Rotation::None, flood: Flood::Off, skew: 0 };
    let shared = (start == Start::InTurn).then_some(3_600);
    let mut fetches = vec![0; 4_000];
    for node in 0..NODES {
        let (mut cache, mut network) = (cache(which, node), Network::calm(cell, shared));
        let begins = if start == Start::InTurn { i64::try_from(node).expect("few") } else { 0 };
        let mut waiting: Option<Request> = None;
        for (now, fetches) in (0..).zip(&mut fetches).skip(usize::try_from(begins).expect("few")) {
            cache.tick(now, now, &network);
            let mut request = waiting.take().unwrap_or(Request::good(1, now));
            match cache.ask(&mut request, now, now, &mut network) {
                Some(accepted) => assert!(accepted, "no fetch fails here"),
                None => waiting = Some(request),
            }
            if now > begins + 1 {
                *fetches += network.sent_at(now);
            }
        }
    }
    fetches.into_iter().max().unwrap_or(0)
}
