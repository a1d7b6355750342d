//! Every interleaving and every crash point of two and three nodes that refresh one token, step by step of the machine.
//! Three laws hold in all of them:
//!
//! 1. The provider gets the token only while its sender has the lease, and once for each lease. It gets the token again
//!    only if an earlier lease ended without an outcome, and never again if the policy forbids it.
//! 2. A call ends with what the provider or another node has said. So nobody is logged out unless the provider said so.
//! 3. Tokens that a caller got are in the store. Wherever nodes stop, the next caller goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a missing value must fail the test"
)]

mod model_tests;
mod named_tests;

use super::{End, LostLease};
use model_tests::{Broken, Faults, Kind, NONE, World};
use std::collections::{HashSet, VecDeque};

/// What an exploration has seen.
#[derive(Debug, Default)]
struct Explored {
    worlds: usize,
    rests: usize,
    /// How callers go on from rests, by the most calls that they needed.
    calls: usize,
    refused: usize,
    log_in_again: usize,
}

/// Explores every world, breadth first.
fn explore(first: World) -> Result<Explored, String> {
    let lost = first.clone();
    let (mut seen, mut queue, mut explored) = (HashSet::new(), VecDeque::from([first]), Explored::default());
    while let Some(world) = queue.pop_front() {
        let at = |why: String| format!("{why}, at {world:#?}");
        explored.worlds += 1;
        if world.rests() && world.uses > 0 {
            explored.rests += 1;
            if let Some(why) = world.lost_tokens() {
                return Err(at(why));
            }
            let ends = world.goes_on().map_err(at)?;
            explored.calls = explored.calls.max(ends.len());
            match ends.last() {
                Some(End::Own | End::Adopt { .. }) => {}
                Some(End::Refused { .. }) if matches!(lost.kind, Kind::Detects | Kind::Refuses) => {
                    explored.refused += 1;
                }
                Some(End::MaybeSpent) => explored.log_in_again += 1,
                other => return Err(at(format!("the next caller does not go on: {other:?}"))),
            }
            // Tokens that are there are found.
            if world.stored() > 0 && !matches!(ends.last(), Some(End::Own | End::Adopt { .. })) {
                return Err(at("the next caller does not find the tokens".to_owned()));
            }
        }
        for next in world.next().map_err(at)? {
            if seen.insert(next.name()) {
                queue.push_back(next);
            }
        }
    }
    Ok(explored)
}

/// Two or three nodes, how often each begins, what goes wrong, and how many stand still at once.
fn explored(
    kind: Kind,
    lost: LostLease,
    (nodes, calls): (usize, u8),
    faults: Faults,
    stand: usize,
) -> Explored {
    let mut first = World::new(kind, lost, nodes, calls, faults);
    first.stand = stand;
    explore(first).unwrap_or_else(|why| panic!("{kind:?} {lost:?} {faults:?}: {why}"))
}

const CRASH: Faults = Faults { crashes: 1, ..NONE };
const LOSS: Faults = Faults { losses: 1, ..NONE };

/// The laws hold for two nodes, of which one crashes at any step while both may stand still for any time at any step. And
/// while one of them does, a message is lost; or the store fails and a node crashes; or both come twice.
fn two_nodes(kind: Kind, lost: LostLease) -> [Explored; 4] {
    let of = |calls, faults, stand| explored(kind, lost, (2, calls), faults, stand);
    let all = [of(1, CRASH, 2), of(1, LOSS, 1), of(1, Faults { failures: 1, ..CRASH }, 1), of(2, NONE, 1)];
    for explored in &all {
        assert!(explored.worlds > 500 && explored.rests > 2, "{explored:?}");
        // After a crash, a caller may have to wait for the end of the lease, and comes once more.
        assert!(explored.calls <= 2, "{explored:?}");
    }
    all
}

#[test]
fn two_nodes_at_a_provider_that_detects_reuse_never_spend_a_token_twice_under_a_lease() {
    let all = two_nodes(Kind::Detects, LostLease::TryAgain);
    assert!(all[0].refused > 0, "the tokens may be lost with a node, and then the provider says so: {all:?}");
    assert!(all.iter().all(|explored| explored.log_in_again == 0));
}

#[test]
fn two_nodes_at_a_provider_that_refuses_reuse_lose_no_tokens() {
    two_nodes(Kind::Refuses, LostLease::TryAgain);
}

#[test]
fn two_nodes_at_a_provider_with_a_grace_period_keep_the_newest_tokens() {
    let all = two_nodes(Kind::Grace, LostLease::TryAgain);
    assert!(all.iter().all(|explored| explored.refused == 0 && explored.log_in_again == 0), "{all:?}");
}

#[test]
fn two_nodes_at_a_provider_that_keeps_refresh_tokens_go_on_with_the_same_one() {
    let all = two_nodes(Kind::Keeps, LostLease::TryAgain);
    assert!(all.iter().all(|explored| explored.refused == 0 && explored.log_in_again == 0), "{all:?}");
}

/// A user may have to log in again, and no token is ever sent again that may be spent.
#[test]
fn with_the_other_policy_a_token_that_may_be_spent_is_never_sent() {
    let all = two_nodes(Kind::Detects, LostLease::LogInAgain);
    assert!(all[0].log_in_again > 0 && all.iter().all(|explored| explored.refused == 0), "{all:?}");
}

/// Of three nodes, one may stand still for any time at any step, here and in the next test.
#[test]
fn three_nodes_share_one_refresh() {
    let all = explored(Kind::Detects, LostLease::TryAgain, (3, 1), NONE, 1);
    assert!(all.worlds > 20_000, "{all:?}");
}

#[test]
fn three_nodes_of_which_one_crashes_at_any_step_go_on() {
    let all = explored(Kind::Grace, LostLease::TryAgain, (3, 1), CRASH, 1);
    assert!(all.worlds > 20_000 && all.calls <= 2, "{all:?}");
}

/// Takes one rule out. The laws must notice.
#[test]
fn without_any_one_of_its_rules_the_protocol_breaks_a_law() {
    for (broken, kind, faults, law) in [
        (Broken::CompareAndSet, Kind::Detects, NONE, "without this lease"),
        (Broken::Fencing, Kind::Grace, NONE, "without a lease"),
        (Broken::Adoption, Kind::Detects, NONE, "although nothing was lost"),
        (Broken::Deadline, Kind::Detects, NONE, "without this lease"),
        (Broken::Leases, Kind::Detects, NONE, "without this lease"),
        (Broken::Losses, Kind::Detects, CRASH, "although nothing was lost"),
    ] {
        let mut first = World::new(kind, LostLease::TryAgain, 2, 1, faults);
        first.broken = broken;
        match explore(first) {
            Ok(explored) => panic!("{broken:?} breaks no law: {explored:?}"),
            Err(why) => assert!(why.contains(law), "{broken:?}: {}", why.lines().next().unwrap_or_default()),
        }
    }
}
