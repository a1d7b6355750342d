//! The simulation matrix: outages, rotations, skewed clocks, floods of forged key ids and many
//! issuers, for the renewal policy of this library and for models of four others.
//!
//! There is no cryptography in it. A token is its issuer, its key id and its time; keys are sets of
//! key ids. The policy is the real one. `docs/keys.md` shows what comes out, and is checked to.

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

/// What every policy does in every cell, and what many nodes do that have it.
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

    /// How many of many nodes come in the worst second: started in turn behind a cache, and together.
    pub fn herd(&self, which: Which) -> [u64; 2] {
        self.1.iter().find(|(policy, _)| *policy == which).map_or([0; 2], |(_, worst)| *worst)
    }
}

#[test]
fn the_bounds_hold_in_every_cell_and_the_document_says_so() {
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

/// What the policy promises, in numbers.
fn assert_bounds(cell: Cell, outcome: &Outcome) {
    let at = format!("{cell:?}: {outcome:?}");
    // Good tokens. Nobody can verify with a key that nobody can fetch, so what is lost to an outage
    // with a rotation in it is bounded by the time until the outage is over and noticed: after the
    // timeout of the attempt that hangs and the wait for the next, or with the next in the bucket.
    // Keys that are up to 270 s old as it begins, and 20 s older if the clock is set forward.
    let served = 300 + 3_600 - 270 - 21;
    let unknown = match cell.rotation {
        Rotation::None | Rotation::Announced if cell.outage < served => 0,
        Rotation::None | Rotation::Announced => cell.outage - served + 12,
        Rotation::Hard | Rotation::Emergency => cell.outage_ends() - cell.rotates() + 12,
    };
    let blind = unknown + if cell.flood == Flood::On { 30 } else { 0 };
    assert!(outcome.good_lost_seconds <= blind, "{at}: more than {blind} s without good answers");
    // Fetches: a forged flood has what is in the bucket; an outage, what urgent callers may.
    let forced = if cell.flood == Flood::On || cell.rotation >= Rotation::Hard { 2 + 3_600 / 30 } else { 0 };
    let urgent = (cell.outage / 8).min(3_600 / 8);
    let fetches = u64::try_from(14 + forced + urgent).expect("positive");
    assert!(outcome.fetches_per_hour <= fetches, "{at}: more than {fetches}");
    let withdrawn = 300 + cell.outage.min(3_600);
    assert!(outcome.withdrawn_seconds <= withdrawn, "{at}: more than {withdrawn} s");
    assert!(outcome.wait_seconds <= 3, "{at}");
    assert!(outcome.keys_held <= 2 * cell.issuers, "{at}");
    assert_eq!(outcome.healthy_lost, 0, "{at}: who is up does not suffer from who is down");
}

/// Nodes do not march in step: chance spreads them over a tenth of the time to their renewal, which is 27 s for keys of
/// five minutes and 6 minutes for keys of an hour. Behind a cache, whoever comes early gets what is left of the hour, and
/// comes again as it ends: in half a minute, all of them.
fn assert_spread(results: &Results) {
    let [in_turn, together] = results.herd(Which::Ours);
    assert!(in_turn <= NODES / 8, "{in_turn} of {NODES} nodes behind one cache in one second");
    assert!(together <= NODES / 12, "{together} of {NODES} nodes that have started together in one second");
    for peer in [Which::Oauth4webapi, Which::Jose, Which::Spring] {
        assert_eq!(
            results.herd(peer)[1],
            NODES,
            "{peer:?}: the keys of all end at once, and nothing spreads them"
        );
    }
}

/// Ours comes first, but for what `docs/keys.md` gives the reason of.
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
