//! [`Forward`]: a time that only goes forward, made from readings of a clock that may be set back.

use super::policy::FOREVER;
use crate::base::moment::{Timestamp, whole_seconds};
use std::time::Duration;

/// The largest step back between two readings that does not count as a clock that was set back: 5 seconds.
///
/// Threads that read the clock one after the other may pass on their readings in another order.
pub const CLOCK_DISORDER: Duration = Duration::from_secs(5);
pub(super) const DISORDER: i64 = whole_seconds(CLOCK_DISORDER);

/// How often a clock may be set back until it is an hour further than when it was set back last.
///
/// Readings that go back more often come from clocks that disagree. The readings of the slower clock then no longer
/// advance the time. Otherwise each swing between two clocks would count as elapsed time, and all values would soon be
/// old.
const SET_BACKS: u8 = 4;
const HOUR: i64 = 3_600;

/// The state of the time that only goes forward. No reading makes it overflow.
#[derive(Debug)]
pub(super) struct Forward {
    /// The latest time.
    seen: i64,
    /// How far the clock is behind that time because it was set back, in seconds.
    behind: i64,
    /// How far the last reading is behind in addition, because its clock disagrees, in seconds.
    lag: i64,
    /// The latest reading of all.
    furthest: i64,
    /// The value of `furthest` when the clock was set back last.
    mark: i64,
    /// How often the clock has been set back since `mark` last was an hour behind.
    set_backs: u8,
}

impl Forward {
    pub(super) const fn new() -> Self {
        Self { seen: i64::MIN, behind: 0, lag: 0, furthest: i64::MIN, mark: i64::MIN, set_backs: 0 }
    }

    /// Takes a reading of the clock, and returns the time that only goes forward.
    pub(super) fn tick(&mut self, reading: Timestamp) -> i64 {
        let reading = reading.0.clamp(-FOREVER, FOREVER);
        self.furthest = self.furthest.max(reading);
        if self.missing(reading) > 0 && self.is_set_back() {
            self.behind = self.behind.saturating_add(self.missing(reading));
        }
        self.lag = self.missing(reading);
        self.seen = self.seen.max(reading.saturating_add(self.behind));
        self.seen
    }

    /// Returns how far this reading is behind, in seconds; 0 if that is within [`CLOCK_DISORDER`].
    const fn missing(&self, reading: i64) -> i64 {
        let missing = self.seen.saturating_sub(reading.saturating_add(self.behind));
        if missing > DISORDER { missing } else { 0 }
    }

    /// Whether a reading that goes back counts as a clock that was set back. Counts it if so.
    fn is_set_back(&mut self) -> bool {
        if self.furthest >= self.mark.saturating_add(HOUR) {
            self.set_backs = 0;
        }
        if self.set_backs == SET_BACKS {
            return false;
        }
        self.set_backs += 1;
        self.mark = self.furthest;
        true
    }

    /// Returns the latest time.
    pub(super) const fn now(&self) -> i64 {
        self.seen
    }

    /// Converts a time to what the clock of the last reading shows then.
    pub(super) const fn clock(&self, time: i64) -> Timestamp {
        Timestamp(time.saturating_sub(self.behind).saturating_sub(self.lag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(readings: &[i64]) -> Vec<i64> {
        let mut time = Forward::new();
        readings.iter().map(|reading| time.tick(Timestamp(*reading))).collect()
    }

    #[test]
    fn what_has_passed_stays_passed_when_the_clock_is_set_back() {
        assert_eq!(times(&[100, 110, 105, 111]), [100, 110, 110, 111], "disorder");
        assert_eq!(times(&[100, 110, 10, 20, 30]), [100, 110, 110, 120, 130]);
        assert_eq!(times(&[100, 50, 40, 30, 20, 60]), [100, 100, 100, 100, 100, 140], "four times");
        let day = [0, 86_400, 0, 3_600, 0, 3_600, 0, 3_600, 0, 3_600, 7_200, 90_000, 0, 3_600];
        assert_eq!(times(&day).last(), Some(&(86_400 + 4 * 3_600 + 86_400 + 3_600)), "and four times more");
    }

    /// Two clocks are read in turn. Time runs ahead of both by no more than four times their distance, and by as much
    /// again after each hour.
    #[test]
    fn clocks_that_disagree_make_time_run_ahead_only_within_bounds() {
        for apart in [6, 10, 100, 3_600, 86_400, 1 << 40] {
            let mut time = Forward::new();
            for second in 0..3_000 {
                for _ in 0..10 {
                    time.tick(Timestamp(second + apart));
                    time.tick(Timestamp(second));
                }
                let ahead = time.now() - second;
                assert!(ahead <= 5 * apart, "{apart} s apart: {ahead} s ahead after {second} s");
            }
            for second in 3_000..20_000 {
                time.tick(Timestamp(second + apart));
                time.tick(Timestamp(second));
            }
            let hours = 20_000 / 3_600 + 1;
            assert!(time.now() - 20_000 <= (1 + 4 * hours) * apart, "{apart} s apart");
        }
    }

    #[test]
    fn many_clocks_in_any_order_are_no_worse_than_two() {
        let mut time = Forward::new();
        for turn in 0..1_000_000_i64 {
            let (second, clock) = (turn / 500, turn.wrapping_mul(7_919) % 31);
            time.tick(Timestamp(second + clock));
            assert!(time.now() - second <= 5 * 31, "{turn}");
        }
    }

    #[test]
    fn times_are_converted_to_the_clock_that_was_read_last() {
        let mut time = Forward::new();
        for _ in 0..100 {
            for reading in [1_000, 900] {
                let now = time.tick(Timestamp(reading));
                assert_eq!(time.clock(now + 3), Timestamp(reading + 3));
            }
        }
    }

    #[test]
    fn no_readings_overflow() {
        let mut time = Forward::new();
        for turn in 0..100_000 {
            time.tick(Timestamp(i64::MAX));
            time.tick(Timestamp(i64::MIN));
            time.tick(Timestamp(turn * 7_200));
        }
        // The largest set-back each time, and an hour further each time, until time cannot go further.
        let (mut worst, mut before) = (Forward::new(), i64::MIN);
        for turn in 0..9_000_000_i64 {
            worst.tick(Timestamp(turn * HOUR));
            worst.tick(Timestamp(i64::MIN));
            assert!(worst.now() >= before, "time goes forward");
            before = worst.now();
        }
        assert_eq!(before, i64::MAX);
    }
}
