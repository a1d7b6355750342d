//! The simulation matrix: outages, rotations, skewed clocks, floods of forged key ids and many
//! issuers, for the renewal policy of this library and for models of four others.
//!
//! There is no cryptography in it. A token is its issuer, its key id and its time; keys are sets of
//! key ids. The policy is the real one. `docs/keys.md` shows what comes out, and is checked to.

mod cells;
mod document;
mod peers;
mod picture;
mod simulation;

use cells::{Cell, Flood, Rotation, run};
use peers::Which;
use simulation::Outcome;
use std::collections::BTreeMap;

/// What every policy does in every cell.
pub struct Results(pub BTreeMap<(Cell, Which), Outcome>);

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
        Self(cells.flat_map(|cell| Which::ALL.map(|which| ((cell, which), run(cell, which)))).collect())
    }
}

#[test]
fn the_bounds_hold_in_every_cell_and_the_document_says_so() {
    let results = Results::simulate();
    document::check(&results);
    for ((cell, which), outcome) in &results.0 {
        if *which == Which::Ours {
            assert_bounds(*cell, outcome);
        }
    }
    assert_first(&results);
    document::check(&results);
}

/// What the policy promises, in numbers.
fn assert_bounds(cell: Cell, outcome: &Outcome) {
    let at = format!("{cell:?}: {outcome:?}");
    // Good tokens. Nobody can verify with a key that nobody can fetch, so what is lost to an outage
    // with a rotation in it is bounded by the time until the outage is over and noticed.
    let blind = match cell.rotation {
        Rotation::None | Rotation::Announced => {
            (cell.outage - 3_900).max(0) + i64::from(cell.outage > 3_900) * 45
        }
        Rotation::Hard | Rotation::Emergency => cell.outage - cell.outage / 2 + 45,
    };
    assert!(outcome.good_lost_seconds <= blind, "{at}: more than {blind} s without good answers");
    // Fetches: what the bucket allows, or what time asks for, and a few first retries.
    let fetches = if cell.flood == Flood::On { 2 + 120 + 14 + 8 } else { 14 + 120 };
    assert!(outcome.fetches_per_hour <= fetches, "{at}: more than {fetches}");
    let withdrawn = 300 + cell.outage.min(3_600) + 2;
    assert!(outcome.withdrawn_seconds <= withdrawn, "{at}: more than {withdrawn} s");
    assert!(outcome.wait_seconds <= 3, "{at}");
    assert!(outcome.keys_held <= 2 * cell.issuers, "{at}");
    assert_eq!(outcome.healthy_lost, 0, "{at}: who is up does not suffer from who is down");
}

/// Ours comes first where the document says so.
fn assert_first(results: &Results) {
    let worst_wait = |which| results.of(which, |_| true).map(|outcome| outcome.wait_seconds).max();
    for which in Which::PEERS {
        assert!(worst_wait(Which::Ours) < worst_wait(which), "{which:?}");
    }
}
