//! The cells of the matrix, and the events in each.

use crate::{
    peers::{Which, cache},
    simulation::{Outcome, Simulation},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rotation {
    None,
    /// The new key is published before its use and before the outage. The old key stays for an hour.
    Announced,
    /// The new key is used at once, and the old key withdrawn.
    Hard,
    /// Like `Hard`, because the old key was stolen: the thief signs with it from then on. It happens at the
    /// worst time, just after the outage has begun.
    Emergency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flood {
    Off,
    /// A hundred tokens a second with made-up key ids.
    On,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub issuers: usize,
    /// The length in seconds. In the first half the provider hangs, in the second half it refuses at once.
    pub outage: i64,
    pub rotation: Rotation,
    pub flood: Flood,
    /// The error of the API's clock in seconds, until it is set right in the middle of the run.
    pub skew: i64,
}

pub const OUTAGES: [i64; 5] = [0, 30, 300, 1_800, 7_200];
pub const ROTATIONS: [Rotation; 4] =
    [Rotation::None, Rotation::Announced, Rotation::Hard, Rotation::Emergency];

/// The seconds before the outage.
pub const WARM_UP: i64 = 1_400;
/// The seconds after the outage.
const AFTER: i64 = 1_200;

impl Cell {
    /// The whole product for one issuer, and a sample without skew for 10 and for 1,000 issuers.
    pub fn all() -> impl Iterator<Item = Self> {
        let product = |issuers, outages: &'static [i64], skews: &'static [i64], floods: &'static [Flood]| {
            outages.iter().flat_map(move |outage| {
                ROTATIONS.iter().flat_map(move |rotation| {
                    floods.iter().flat_map(move |flood| {
                        skews.iter().map(move |skew| Self {
                            issuers,
                            outage: *outage,
                            rotation: *rotation,
                            flood: *flood,
                            skew: *skew,
                        })
                    })
                })
            })
        };
        product(1, &OUTAGES, &[-20, 0, 20], &[Flood::Off, Flood::On])
            .chain(product(10, &[0, 300, 1_800], &[0], &[Flood::Off, Flood::On]))
            .chain(product(1_000, &[0, 1_800], &[0], &[Flood::On]))
    }

    /// The start of the outage. When it hits in the life of the held keys is a matter of luck, so it
    /// differs with the skew.
    pub fn outage_begins(&self) -> i64 {
        WARM_UP + self.skew * 9 / 2
    }

    pub fn outage_ends(&self) -> i64 {
        self.outage_begins() + self.outage
    }

    pub fn rotates(&self) -> i64 {
        match self.rotation {
            Rotation::Emergency => self.outage_begins() + 5,
            Rotation::None | Rotation::Announced | Rotation::Hard => self.outage_begins() + self.outage / 2,
        }
    }

    pub fn ends(&self) -> i64 {
        self.outage_ends() + AFTER
    }

    /// Whether an issuer is down: all are, or every second one.
    pub fn suffers(&self, issuer: usize) -> bool {
        self.issuers == 1 || issuer % 2 == 1
    }

    /// The key that an issuer signs with.
    pub fn signs_with(&self, now: i64) -> u32 {
        if self.rotation == Rotation::None || now < self.rotates() { 1 } else { 2 }
    }

    /// The keys that an issuer publishes.
    pub fn publishes(&self, now: i64) -> Vec<u32> {
        let since = now - self.rotates();
        match self.rotation {
            Rotation::None => vec![1],
            Rotation::Announced if now < self.outage_begins() - 700 => vec![1],
            Rotation::Announced if since < 3_600 => vec![1, 2],
            Rotation::Announced => vec![2],
            Rotation::Hard | Rotation::Emergency if since < 0 => vec![1],
            Rotation::Hard | Rotation::Emergency => vec![2],
        }
    }
}

/// Runs one policy through one cell.
pub fn run(cell: Cell, which: Which) -> Outcome {
    Simulation::new(cell, || cache(which, 0)).run()
}
