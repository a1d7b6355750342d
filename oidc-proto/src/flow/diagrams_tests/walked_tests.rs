//! Walks a flow: gives it every answer in every state, and writes down the next state.

use super::{
    drawn_tests::{Seen, differences, edges},
    provider_tests::{NOW, Turn},
};
use crate::{
    base::moment::{Moment, Timestamp},
    flow::contract::{Along, Call, Endpoint, Error, Flow, Request, Step},
};
use std::{any::type_name, fs, path::Path};

/// The number of visits to one state in one walk. Two are enough to see a step that a flow takes only once.
const VISITS: usize = 2;

/// The state of a flow while it awaits a response.
pub(crate) trait Named {
    /// Every name that the state can have.
    const NAMES: &'static [&'static str];

    /// Returns the name of the state in the code: that of the variant, or of the struct.
    fn name(&self) -> &'static str;
}

impl<S: Named, C> Named for Along<S, C> {
    const NAMES: &'static [&'static str] = S::NAMES;

    fn name(&self) -> &'static str {
        self.state.name()
    }
}

/// Names a state that is a struct, or each variant of the enum inside a state. The compiler sees a variant that is left
/// out.
macro_rules! named {
    ($state:ident $(<$of:ident>)?) => {
        impl $(<$of>)? $crate::flow::diagrams_tests::Named for $state $(<$of>)? {
            const NAMES: &'static [&'static str] = &[stringify!($state)];

            fn name(&self) -> &'static str {
                stringify!($state)
            }
        }
    };
    ($state:ident $(<$of:ident>)? ($inside:ident) { $($variant:ident),+ }) => {
        impl $(<$of>)? $crate::flow::diagrams_tests::Named for $state $(<$of>)? {
            const NAMES: &'static [&'static str] = &[$(stringify!($variant)),+];

            fn name(&self) -> &'static str {
                match self.0 {
                    $($inside::$variant { .. } => stringify!($variant),)+
                }
            }
        }
    };
}
pub(crate) use named;

/// The walks through the states of one flow.
pub(crate) struct Walk {
    file: &'static str,
    heading: &'static str,
    output: Option<&'static str>,
    names: &'static [&'static str],
    seen: Seen,
}

impl Walk {
    /// Starts the walks for the diagram in this file, by its path below `src`.
    pub(crate) fn of(file: &'static str) -> Self {
        Self { file, heading: "", output: None, names: &[], seen: Seen::new() }
    }

    /// Selects the diagram with this heading.
    pub(crate) fn under(self, heading: &'static str) -> Self {
        Self { heading, ..self }
    }

    /// Sets the name of a generic output in the diagram.
    pub(crate) fn output(self, output: &'static str) -> Self {
        Self { output: Some(output), ..self }
    }

    /// Walks from this beginning. `server` returns every answer to a request.
    pub(crate) fn from<F: Flow<Awaiting: Named>, S: Into<Step<F>>>(
        mut self,
        label: &str,
        begin: impl Fn() -> Result<S, Error>,
        server: impl Fn(Endpoint, &Request) -> Vec<Turn>,
    ) -> Self {
        self.names = F::Awaiting::NAMES;
        let begin = || begin().ok().map(Into::into);
        let first = begin().map(|step| self.name(step).0);
        self.saw("start", label, first.as_deref());
        if let Some(first) = first {
            self.explore(&begin, &server, &mut Vec::new(), &mut vec![first]);
        }
        self
    }

    /// Compares the diagram with the walks.
    pub(crate) fn holds(self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(self.file);
        let drawn = edges(&fs::read_to_string(path).unwrap());
        let drawn = drawn.get(self.heading).map_or(&[][..], Vec::as_slice);
        assert!(!drawn.is_empty(), "{}: there is no diagram under {:?}", self.file, self.heading);
        for state in self.names {
            assert!(self.visits(state), "{}: no walk leads to {state}", self.file);
        }
        let differences = differences(drawn, &self.seen);
        assert!(differences.is_empty(), "{} {}: {differences:#?}", self.file, self.heading);
    }

    /// Whether a walk led to this state.
    pub(crate) fn visits(&self, state: &str) -> bool {
        self.seen.values().any(|next| next.contains(state))
    }

    fn saw(&mut self, from: &str, answer: &str, to: Option<&str>) {
        let next = self.seen.entry((from.to_owned(), answer.to_owned())).or_default();
        next.insert(to.unwrap_or("Err").to_owned());
    }

    fn explore<F: Flow<Awaiting: Named>>(
        &mut self,
        begin: &impl Fn() -> Option<Step<F>>,
        server: &impl Fn(Endpoint, &Request) -> Vec<Turn>,
        path: &mut Vec<String>,
        states: &mut Vec<String>,
    ) {
        // A flow cannot be cloned, so each walk begins anew.
        let again = |path: &[String]| {
            let (mut step, mut clock) = (begin()?, NOW.plus(1));
            for answer in path {
                step = turn(step, server, answer, &mut clock)?;
            }
            Some(step)
        };
        let from = states.last().unwrap().clone();
        let answers: Vec<String> = match again(path).unwrap() {
            Step::Send(call) => {
                let (request, terms, _) = call.into_parts();
                server(terms.endpoint, &request).into_iter().map(|(answer, _)| answer).collect()
            }
            Step::Wait(_) => vec!["woken".to_owned()],
            Step::Done(_) => return,
        };
        for answer in answers {
            path.push(answer.clone());
            let next = again(path).map(|step| self.name(step).0);
            self.saw(&from, &answer, next.as_deref());
            if let Some(next) =
                next.filter(|next| states.iter().filter(|state| *state == next).count() < VISITS)
            {
                states.push(next);
                self.explore(begin, server, path, states);
                states.pop();
            }
            path.pop();
        }
    }

    /// Returns the name of the state that a step leads to.
    fn name<F: Flow<Awaiting: Named>>(&self, step: Step<F>) -> (String, Step<F>) {
        match step {
            Step::Send(call) => {
                let mut name = "";
                let call: Call<F> = call.map(|state: F::Awaiting| {
                    name = state.name();
                    state
                });
                (name.to_owned(), call.into())
            }
            Step::Wait(pause) => ("Wait".to_owned(), pause.into()),
            Step::Done(output) => {
                let output_name = self.output.map_or_else(|| short(type_name::<F::Output>()), str::to_owned);
                (format!("Done({output_name})"), Step::Done(output))
            }
        }
    }
}

/// Returns the next step after this answer; `None` if the flow is over.
fn turn<F: Flow>(
    step: Step<F>,
    server: &impl Fn(Endpoint, &Request) -> Vec<Turn>,
    answer: &str,
    clock: &mut Timestamp,
) -> Option<Step<F>> {
    match step {
        Step::Send(call) => {
            let (request, terms, pending) = call.into_parts();
            let turns = server(terms.endpoint, &request);
            let (_, response) = turns.into_iter().find(|(name, _)| name == answer).unwrap();
            *clock = clock.plus(1);
            let moment = Moment::new(*clock, [7; 32]);
            match response {
                Some(response) => pending.receive(response, moment).ok(),
                None => pending.fail(moment).ok().flatten(),
            }
        }
        Step::Wait(pause) => {
            *clock = pause.until();
            pause.wake(Moment::new(*clock, [8; 32])).ok()
        }
        Step::Done(_) => panic!("nothing comes after the end"),
    }
}

/// Returns the name of a type without its modules.
fn short(name: &str) -> String {
    let part = |part: &str| part.rsplit("::").next().unwrap().to_owned();
    let ends = name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    ends.map(part).collect()
}

#[test]
fn the_name_of_a_type_has_no_modules() {
    assert_eq!(short("alloc::sync::Arc<a::b_c::D<()>>"), "Arc<D<()>>");
    assert_eq!(short("(a::B, c::D)"), "(B, D)");
}
