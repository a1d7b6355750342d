//! The events that an observer gets: their order, their durations by a clock that the test moves, and the
//! absence of secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cancelled;
mod flights;
mod flows;
mod gate;
mod secrets;
mod stacks;
mod traced;

use oidc_drive::{Clock, Event, Observer};
use oidc_proto::{Moment, Timestamp};
use oidc_testkit::SimClock;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const START: Timestamp = Timestamp(1_800_000_000);

/// A clock that the test moves, also for durations.
#[derive(Clone)]
struct Sim(SimClock);

impl Clock for Sim {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn moment(&self) -> Moment {
        self.0.moment()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.now().0.try_into().expect("after 1970"))
    }
}

/// An observer that keeps its events.
#[derive(Clone)]
struct Log {
    clock: SimClock,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Log {
    fn new() -> Self {
        Self { clock: SimClock::new(START, 1), events: Arc::default() }
    }

    fn observer(&self) -> Observer {
        let events = Arc::clone(&self.events);
        let observer = Observer::new(move |event| {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        });
        observer.with_clock(Sim(self.clock.clone()))
    }

    /// The events since the last call.
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The events since the last call, one line each.
    fn lines(&self) -> Vec<String> {
        self.take().iter().map(line).collect()
    }
}

/// An observer that panics at every event.
fn broken() -> Observer {
    Observer::new(|event| panic!("on purpose, at {}", line(event)))
}

/// An event in one line.
fn line(event: &Event) -> String {
    let seconds = |took: &Duration| format!("{} s", took.as_secs_f64());
    let came_of = |outcome: &Result<(), &'static str>| outcome.err().unwrap_or("ok");
    match event {
        Event::Sent { to, .. } => format!("sent {} {}", to.method, to.endpoint),
        Event::Answered { to, status, took, .. } => {
            format!("answered {} {} {}", to.endpoint, status.as_u16(), seconds(took))
        }
        Event::Lost { to, why, took, .. } => format!("lost {} {why} {}", to.endpoint, seconds(took)),
        Event::Cancelled { to, took, .. } => format!("cancelled {} {}", to.endpoint, seconds(took)),
        Event::Waited { flow, after, took, .. } => {
            let after = after.map_or("nothing", |endpoint| endpoint.name());
            format!("waited {flow} after {after} {}", seconds(took))
        }
        Event::Ended { flow, outcome, took, .. } => {
            format!("ended {flow} {} {}", came_of(outcome), seconds(took))
        }
        Event::Renewed { what, issuer, outcome, took, .. } => {
            format!("renewed {what} of {issuer} {} {}", came_of(outcome), seconds(took))
        }
        Event::Verdict { record, took, .. } => {
            format!("verdict {} {:?} {}", record.clause, record.status, seconds(took))
        }
        _ => panic!("a kind of event that no test knows: {event:?}"),
    }
}
