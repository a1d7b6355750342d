//! The events as `tracing` gets them: their names, fields and levels.

use crate::{START, Sim, flows::Nap};
use http::Response;
use oidc_drive::{Observer, SingleFlight, run_with_observer};
use oidc_proto::{
    Timestamp,
    flow::{Call, Endpoint, Pause, Request, Step, Terms},
    renew::{Freshness, Need, RenewalError, RenewalPolicy, Renewed},
};
use oidc_testkit::SimClock;
use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    sync::{Arc, Mutex},
};
use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// One event of `tracing`.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub level: Level,
    pub target: String,
    pub fields: BTreeMap<String, String>,
}

/// A subscriber that keeps its events.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<Told>>>);

impl Captured {
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Captured {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        self.0.lock().unwrap().push(Told { level, target, fields: fields.0 });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Captured")
    }
}

/// The events that `tracing` gets while this function runs with an observer and its clock.
fn told(happen: impl FnOnce(&Observer, &SimClock)) -> Vec<Told> {
    let (clock, captured) = (SimClock::new(START, 1), Captured::default());
    let observer = oidc_tracing::observer().with_clock(Sim(clock.clone()));
    tracing::subscriber::with_default(captured.clone(), || happen(&observer, &clock));
    captured.take()
}

pub fn expected(level: Level, fields: &[(&str, &str)]) -> Told {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Told { level, target: "oidc".to_owned(), fields }
}

fn request(method: &str) -> (Request, Terms) {
    let request = http::Request::builder().method(method).uri("https://op.example/token?code=SECRET");
    let call = Call::<Nap>::new(Terms::new(Endpoint::Token), request.body(Vec::new()).unwrap(), ());
    let (request, terms, _) = call.into_parts();
    (request, terms)
}

const TO: [(&str, &str); 5] = [
    ("oidc.endpoint", "token_endpoint"),
    ("http.request.method", "POST"),
    ("url.scheme", "https"),
    ("server.address", "op.example"),
    ("server.port", "443"),
];

#[test]
fn exchanges_have_the_names_of_opentelemetry() {
    let answer = |status: u16| {
        told(|observer, clock| {
            let (request, terms) = request("POST");
            let sending = observer.sending(&request, terms);
            clock.advance(2);
            let response = Response::builder().status(status).body("12345").unwrap();
            sending.ended(Ok::<_, String>(response), |_| "never").unwrap();
        })
    };
    for (status, level, error) in
        [("200", Level::DEBUG, None), ("400", Level::DEBUG, Some("400")), ("503", Level::WARN, Some("503"))]
    {
        let mut fields = TO.to_vec();
        let sent = expected(Level::TRACE, &[&TO[..], &[("message", "request sent")]].concat());
        fields.extend([
            ("message", "response received"),
            ("http.response.status_code", status),
            ("http.response.body.size", "5"),
            ("http.client.request.duration", "2.0"),
        ]);
        fields.extend(error.map(|error| ("error.type", error)));
        assert_eq!(answer(status.parse().unwrap()), [sent, expected(level, &fields)]);
    }

    let lost = told(|observer, clock| {
        let (request, terms) = request("POST");
        let sending = observer.sending(&request, terms);
        clock.advance(3);
        sending.ended(Err::<Response<Vec<u8>>, _>("SECRET"), |_| "timeout").unwrap_err();
    });
    let what =
        [("message", "no response"), ("http.client.request.duration", "3.0"), ("error.type", "timeout")];
    assert_eq!(lost[1], expected(Level::WARN, &[&TO[..], &what].concat()));

    let cancelled = told(|observer, _| {
        let (request, terms) = request("BREW");
        drop(observer.sending(&request, terms));
    });
    let mut to = TO;
    to[1].1 = "_OTHER";
    let what = [
        ("message", "request cancelled"),
        ("http.client.request.duration", "0.0"),
        ("error.type", "cancelled"),
    ];
    assert_eq!(cancelled[1], expected(Level::DEBUG, &[&to[..], &what].concat()));
}

#[test]
fn waits_ends_and_renewals_have_their_own_names() {
    let flow = told(|observer, clock| {
        let send = |_, _| {
            clock.advance(1);
            Ok::<_, String>(Response::new(Vec::new()))
        };
        let (request, _) = request("POST");
        let call = Call::<Nap>::new(Terms::new(Endpoint::Token), request, ());
        run_with_observer(call, send, observer).unwrap();
        run_with_observer(Step::<Nap>::Wait(Pause::new(Timestamp(0), ())), send, observer).unwrap();
        let (request, _) = self::request("POST");
        let call = Call::<Nap>::new(Terms::new(Endpoint::Token), request, ());
        run_with_observer(call, |_, _| Err::<Response<Vec<u8>>, _>("SECRET"), observer).unwrap_err();
    });
    let waited = [("message", "flow waited"), ("oidc.flow", "Nap"), ("oidc.duration", "0.0")];
    let after = [&waited[..], &[("oidc.endpoint", "token_endpoint")]].concat();
    let ended = |seconds| [("message", "flow ended"), ("oidc.flow", "Nap"), ("oidc.duration", seconds)];
    let failed = [&ended("0.0")[..], &[("error.type", "no_response")]].concat();
    assert_eq!(
        flow,
        [
            expected(Level::DEBUG, &after),
            expected(Level::DEBUG, &ended("1.0")),
            expected(Level::DEBUG, &waited),
            expected(Level::DEBUG, &ended("0.0")),
            expected(Level::WARN, &failed),
        ]
    );

    let renewals = told(|observer, clock| {
        let flight = SingleFlight::with_clock(RenewalPolicy::KEYS, Arc::new(Sim(clock.clone())));
        let flight = flight.with_observer("keys", "https://op.example", observer);
        flight.get(Need::Any, || Err(RenewalError::NoResponse)).unwrap_err();
        clock.advance(60);
        flight.get(Need::Any, || Ok(Renewed::new(Arc::new(1), Freshness::UNKNOWN))).unwrap();
    });
    let renewed = [
        ("message", "renewal ended"),
        ("oidc.renewal", "keys"),
        ("oidc.issuer", "https://op.example"),
        ("oidc.duration", "0.0"),
    ];
    let failed = [&renewed[..], &[("error.type", "no_response")]].concat();
    assert_eq!(renewals, [expected(Level::WARN, &failed), expected(Level::DEBUG, &renewed)]);
}

/// The documented table has every name in the code, and no other.
#[test]
fn every_field_is_in_the_table_of_the_documentation() {
    let source = include_str!("../../oidc-adapters/tracing/src/lib.rs");
    let (docs, code) = source.split_once("#![forbid").unwrap();
    let table = docs.split("| field |").nth(1).unwrap();
    let documented = |prefix: &str| {
        let words = table.split('`').skip(1).step_by(2).filter(|word| word.starts_with(prefix));
        words.map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    for prefix in ["http.", "url.", "server.", "error.", "oidc.", "enduser."] {
        let quoted = format!("\"{prefix}");
        let in_code: std::collections::BTreeSet<_> = code
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(prefix) || line.starts_with(&quoted))
            .filter_map(|line| Some(line.split_once(" = ")?.0.trim_matches('"').to_owned()))
            .collect();
        assert_eq!(documented(prefix), in_code);
        assert!(!in_code.is_empty(), "{prefix}");
    }
}
