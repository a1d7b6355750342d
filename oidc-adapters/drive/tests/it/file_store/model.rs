//! A store over files does what the one in memory does, whatever a script of random calls asks, through restarts, rests of
//! killed processes, and clocks that are set back.

use super::{Home, Machine, at_once};
use oidc_drive::{
    Clock,
    store::{MemoryStore, Store},
};
use oidc_proto::{Moment, Timestamp};
use oidc_testkit::{Seed, world::check};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

const NOW: u64 = 1_800_000_000;

/// The time of the model, which nobody sets back, in microseconds.
struct Elapsed(Arc<AtomicU64>);

impl Clock for Elapsed {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
    fn moment(&self) -> Moment {
        Moment::new(self.now(), [7; 32])
    }
    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(SeqCst))
    }
}

/// One of these.
fn one<'a, T: ?Sized>(seed: &mut Seed, of: &[&'a T]) -> &'a T {
    of[usize::try_from(seed.below(of.len() as u64)).expect("small")]
}

#[test]
fn a_random_script_has_the_same_answers_as_in_memory() {
    check(12, |seed| {
        let home = Home::new();
        let time = Arc::new(AtomicU64::new(NOW * 1_000_000));
        let machine = Machine::at(NOW);
        let memory = MemoryStore::with_clock(Elapsed(Arc::clone(&time)));
        // Two programs, or two threads of one.
        let mut programs = [machine.store(&home), machine.store(&home)];
        for _ in 0..60 {
            let at = usize::try_from(seed.below(2)).expect("small");
            match seed.below(12) {
                0 => programs[at] = machine.store(&home),
                1 => fs::write(home.0.join("new"), "a half").unwrap(),
                // The clock was looked at, and is set back.
                2 => {
                    at_once(programs[at].get("")).unwrap();
                    machine.set_back(seed.below(100_000));
                    at_once(programs[at].get("")).unwrap();
                }
                3..=5 => {
                    let step = 1 + seed.below(3_000_000);
                    machine.goes_on(step);
                    time.fetch_add(step, SeqCst);
                }
                _ => {}
            }
            let key = one(seed, &["a", "A", "refresh:x"]);
            let value: &[u8] = one(seed, &[&b""[..], b"1", b"another"]);
            let life = Duration::from_micros(one(seed, &[&0, &1, &1_000_000, &60_000_000]).to_owned());
            let expected = (seed.below(3) > 0).then(|| one(seed, &[&b""[..], b"1", b"another"]));
            let new = (seed.below(4) > 0).then_some((value, life));
            let file = &programs[at];
            let context = format!("{key} {value:?} {life:?} {expected:?} in {seed}");
            match seed.below(5) {
                0 => assert_eq!(at_once(file.take(key)), at_once(memory.take(key)), "{context}"),
                1 => {
                    assert_eq!(
                        at_once(file.put(key, value, life)),
                        at_once(memory.put(key, value, life)),
                        "{context}"
                    );
                }
                2 => assert_eq!(at_once(file.get(key)), at_once(memory.get(key)), "{context}"),
                _ => {
                    let there = at_once(memory.get(key)).unwrap().value;
                    // Often what is there.
                    let expected = if seed.below(2) == 0 { there.as_deref() } else { expected };
                    assert_eq!(
                        at_once(file.compare_and_set(key, expected, new)),
                        at_once(memory.compare_and_set(key, expected, new)),
                        "{context}"
                    );
                }
            }
        }
    });
}
