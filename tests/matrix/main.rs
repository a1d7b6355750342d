//! The simulation matrix: outages, rotations, skewed clocks, floods of forged key ids and many issuers, for
//! the renewal policy of this library and for models of four other libraries.
//!
//! The simulation has no cryptography. A token is its issuer, its key id and its time, and keys are sets of
//! key ids. The policy is the real one. `docs/keys.md` shows the results, and the test compares them.

mod cells;
mod document;
mod herd;
mod peers;
mod picture;
mod simulation;

use cells::{Cell, Flood, Rotation, run};
use herd::{NODES, Start, worst_second};
use peers::Which;
use simulation::Outcome;
use std::collections::BTreeMap;

/// The outcome of every policy in every cell, and the load that many nodes with the policy cause.
pub struct Results(pub BTreeMap<(Cell, Which), Outcome>, pub Vec<(Which, [u64; 2])>);

impl Results {
    /// The outcomes of one policy in the cells of a kind.
    pub fn of<'r>(
        &'r self,
        which: Which,
        kind: impl Fn(&Cell) -> bool + 'r,
    ) -> impl Iterator<Item = &'r Outcome> {
        let mine = self.0.iter().filter(move |((_, policy), _)| *policy == which);
        mine.filter(move |((cell, _), _)| kind(cell)).map(|(_, outcome)| outcome)
    }

    fn simulate() -> Self {
        let cells = Cell::all();
        let cells =
            cells.flat_map(|cell| Which::ALL.map(|which| ((cell, which), run(cell, which)))).collect();
        let herds = Which::ALL
            .map(|which| (which, [Start::InTurn, Start::Together].map(|start| worst_second(which, start))));
        Self(cells, herds.into())
    }

    /// The number of nodes that fetch in the worst second: started in turn behind a cache, and together.
    pub fn herd(&self, which: Which) -> [u64; 2] {
        self.1.iter().find(|(policy, _)| *policy == which).map_or([0; 2], |(_, worst)| *worst)
    }
}

#[test]
fn the_bounds_hold_in_every_cell_and_the_document_agrees() {
    let results = Results::simulate();
    for ((cell, which), outcome) in &results.0 {
        if *which == Which::Ours {
            assert_bounds(*cell, outcome);
        }
    }
    assert_first(&results);
    assert_spread(&results);
    document::check(&results);
}

/// The promises of the policy, in numbers.
fn assert_bounds(cell: Cell, outcome: &Outcome) {
    let at = format!("{cell:?}: {outcome:?}");
    // Valid tokens. No cache can verify with a key that it cannot fetch. So the loss during an outage with
    // a rotation in it is limited by the end of the outage and the time until it is noticed: the timeout of
    // the hanging attempt and the wait for the next, or the next token in the bucket. The keys are up to
    // 270 s old at the start, and 20 s older if the clock is set forward.
    let served = 300 + 3_600 - 270 - 21;
    let unknown = match cell.rotation {
        Rotation::None | Rotation::Announced if cell.outage < served => 0,
        Rotation::None | Rotation::Announced => cell.outage - served + 12,
        Rotation::Hard | Rotation::Emergency => cell.outage_ends() - cell.rotates() + 12,
    };
    let blind = unknown + if cell.flood == Flood::On { 30 } else { 0 };
    assert!(outcome.good_lost_seconds <= blind, "{at}: more than {blind} s without right verdicts");
    // Fetches: a forged flood gets the tokens in the bucket, and an outage gets the attempts of urgent
    // callers.
    let forced = if cell.flood == Flood::On || cell.rotation >= Rotation::Hard { 2 + 3_600 / 30 } else { 0 };
    let urgent = (cell.outage / 8).min(3_600 / 8);
    let fetches = u64::try_from(14 + forced + urgent).expect("positive");
    assert!(outcome.fetches_per_hour <= fetches, "{at}: more than {fetches}");
    let withdrawn = 300 + cell.outage.min(3_600);
    assert!(outcome.withdrawn_seconds <= withdrawn, "{at}: more than {withdrawn} s");
    assert!(outcome.wait_seconds <= 3, "{at}");
    assert!(outcome.keys_held <= 2 * cell.issuers, "{at}");
    assert_eq!(outcome.healthy_lost, 0, "{at}: an issuer that is up does not suffer from one that is down");
}

/// Nodes do not fetch in step. Chance spreads them over a tenth of the time to their renewal, which is 27 s
/// for keys of five minutes and 6 minutes for keys of an hour. Behind a cache, an early node gets the rest
/// of the hour and fetches again as it ends: in half a minute, all nodes do.
fn assert_spread(results: &Results) {
    let [in_turn, together] = results.herd(Which::Ours);
    assert!(in_turn <= NODES / 8, "{in_turn} of {NODES} nodes behind one cache in one second");
    assert!(together <= NODES / 12, "{together} of {NODES} nodes that have started together in one second");
    for peer in [Which::Oauth4webapi, Which::Jose, Which::Spring] {
        assert_eq!(
            results.herd(peer)[1],
            NODES,
            "{peer:?}: the keys of all nodes end at once, and nothing spreads the fetches"
        );
    }
}

/// The policy of this library comes first, except where `docs/keys.md` gives a reason.
fn assert_first(results: &Results) {
    let worst = |which, of: fn(&Outcome) -> u64| results.of(which, |_| true).map(of).max();
    let lost = |which, kind: fn(&Cell) -> bool| {
        results.of(which, kind).map(|outcome| outcome.good - outcome.good_accepted).sum::<u64>()
    };
    for peer in Which::PEERS {
        let wait = |outcome: &Outcome| outcome.wait_seconds.unsigned_abs();
        assert!(worst(Which::Ours, wait) < worst(peer, wait), "{peer:?}");
        let fetches = |outcome: &Outcome| outcome.fetches_per_hour;
        assert!(worst(Which::Ours, fetches) < worst(peer, fetches), "{peer:?}");
        assert!(
            lost(Which::Ours, |cell| cell.outage < 3_600) < lost(peer, |cell| cell.outage < 3_600),
            "{peer:?}"
        );
    }
}
