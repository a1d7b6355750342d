//! The clock of a store over files: it never goes back, and always goes on.

use super::{Home, LONG, Machine, at_once, get, put, seconds};
use oidc_drive::store::Store;
use std::{fs, time::Duration};

const NOW: u64 = 1_800_000_000;

#[test]
fn values_end_by_the_clock_of_the_machine_and_their_files_go() {
    let home = Home::new();
    let machine = Machine::at(NOW);
    for life in [1, 60, 86_400] {
        put(&machine.store(&home), "key", b"value", seconds(life));
        machine.goes_on(life * 1_000_000 - 1);
        assert!(get(&machine.store(&home), "key").value.is_some(), "{life}");
        machine.goes_on(1);
        assert_eq!(get(&machine.store(&home), "key").value, None, "{life}");
        assert_eq!(home.files().len(), 0, "it was seen, and it is gone");
    }
    for life in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(1)] {
        put(&machine.store(&home), "key", b"value", life);
        machine.goes_on(1);
        assert_eq!(at_once(machine.store(&home).take("key")), Ok(None), "{life:?}");
    }
    put(&machine.store(&home), "key", b"value", Duration::MAX);
    machine.set(u64::MAX / 2_000_000);
    assert!(get(&machine.store(&home), "key").value.is_some(), "nothing is as long");
}

/// Each process has been told a time. Nobody is told an earlier one later, and a lease ends all the same.
#[test]
fn a_clock_that_is_set_back_stops_no_lease_and_takes_no_time_back() {
    for back in [1, 3_600, NOW] {
        let home = Home::new();
        let machine = Machine::at(NOW);
        put(&machine.store(&home), "lease", b"mine", seconds(60));
        assert_eq!(get(&machine.store(&home), "").now, seconds(NOW));
        machine.set(NOW - back);
        // Restarts make no difference.
        for _ in 0..3 {
            assert_eq!(get(&machine.store(&home), "").now, seconds(NOW), "{back}");
        }
        machine.goes_on(59_000_000);
        let found = get(&machine.store(&home), "lease");
        assert_eq!((found.value.as_deref(), found.now), (Some(&b"mine"[..]), seconds(NOW + 59)), "{back}");
        machine.goes_on(1_000_000);
        let found = get(&machine.store(&home), "lease");
        assert_eq!((found.value, found.now), (None, seconds(NOW + 60)), "{back}");
    }
}

/// Without the lock file, what was written says how late it is.
#[test]
fn a_lock_file_that_is_lost_or_damaged_takes_no_time_back_from_a_value() {
    let damages: [fn(&std::path::Path); 4] = [
        |lock| fs::remove_file(lock).unwrap(),
        |lock| fs::write(lock, "").unwrap(),
        |lock| fs::write(lock, [0; 41]).unwrap(),
        |lock| {
            let mut bytes = fs::read(lock).unwrap();
            bytes[20] ^= 1;
            fs::write(lock, bytes).unwrap();
        },
    ];
    for damage in damages {
        let home = Home::new();
        let machine = Machine::at(NOW);
        put(&machine.store(&home), "lease", b"mine", LONG);
        machine.set(NOW - 500);
        damage(&home.0.join("lock"));
        let store = machine.store(&home);
        assert_eq!(get(&store, "another").now, seconds(NOW - 500), "nobody knows better");
        assert_eq!(get(&store, "lease").now, seconds(NOW));
        assert_eq!(get(&machine.store(&home), "another").now, seconds(NOW), "from then on, all know");
        let there = at_once(store.compare_and_set("lease", Some(b"other"), None)).unwrap().unwrap();
        assert_eq!(there.now, seconds(NOW));
    }
}

/// Each change looks at some values, so nothing stays forever, whichever keys are asked for.
#[test]
fn ended_values_go_with_later_changes_a_few_at_a_time() {
    for count in [1_usize, 15, 100] {
        let home = Home::new();
        let machine = Machine::at(NOW);
        let store = machine.store(&home);
        for number in 0..count {
            put(&store, &format!("ends {number}"), b"", seconds(60));
            put(&store, &format!("stays {number}"), b"", LONG);
        }
        machine.goes_on(60_000_000);
        let foreign = home.0.join("0".repeat(64));
        fs::write(&foreign, "of another program").unwrap();
        let mut before = home.files().len();
        for _ in 0..=(2 * count).div_ceil(16) {
            put(&store, "stays 0", b"", LONG);
            let after = home.files().len();
            assert!(after <= before && before <= after + 16, "{before} {after}");
            before = after;
        }
        assert_eq!(before, count + 1, "{count}");
        assert!(foreign.exists(), "what is not understood stays");
    }
}
