//! A random server, a clock that can be set to any time, and the loop that drives a flow against both.

use super::flows::{ISSUER, RESOURCE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use oidc_proto::{
    flow::{Error, Flow, Pause, Request, Step},
    message::{ClientIdMetadataDocument, ClientIdUrl},
    metadata::ResourceMetadata,
};
use oidc_testkit::{Moment, TestProvider, Timestamp};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);

/// The server's response to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The response of a strict provider.
    Honest,
    /// No response. The request may have arrived.
    Lost { arrived: bool },
    /// A status, with or without a `Retry-After`.
    Status { status: u16, retry_after: RetryAfter, challenge: &'static str, body: Vec<u8> },
    /// Any bytes, with a success status.
    Bytes(Vec<u8>),
    /// The honest response, cut off.
    Cut(u8),
    /// The honest response with some bytes changed.
    Changed(Vec<(u16, u8)>),
    /// The honest response with another value for one member.
    Member(u8, Value),
    /// The honest response with another media type.
    Type(&'static str),
    /// A redirect, with the honest response as its body.
    Redirect(u16),
    /// A body over the limit, with any status.
    Oversized(u16),
}

#[derive(Clone, Debug)]
pub(crate) enum RetryAfter {
    Absent,
    Seconds(i64),
    Date(i64),
    Garbage(&'static str),
}

/// One exchange or one wake-up: what the server does, and what the clock does in the meantime.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) answer: Answer,
    jump: i64,
    entropy: [u8; 32],
}

/// The beats of a run. When they are used up, they start again.
pub(crate) type Script = Vec<Beat>;

pub(crate) fn honest() -> Script {
    vec![Beat { answer: Answer::Honest, jump: 0, entropy: [7; 32] }]
}

/// A script of these responses at a steady clock.
pub(crate) fn answers(answers: impl IntoIterator<Item = Answer>) -> Script {
    answers.into_iter().map(|answer| Beat { answer, jump: 1, entropy: [7; 32] }).collect()
}

pub(crate) fn busy(status: u16, retry_after: RetryAfter) -> Answer {
    Answer::Status { status, retry_after, challenge: "", body: Vec::new() }
}

/// The response to a device whose user has yet to decide (RFC 8628 section 3.5). For all other flows it is
/// a refusal.
pub(crate) fn undecided(error: &str) -> Answer {
    let body = json!({ "error": error }).to_string().into_bytes();
    Answer::Status { status: 400, retry_after: RetryAfter::Absent, challenge: "", body }
}

pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let jump = prop_oneof![6 => 0..3i64, 1 => -2000..2000i64, 1 => -(1i64 << 26)..(1i64 << 26)];
    let beat = (random_answer(), jump, any::<[u8; 32]>()).prop_map(|(answer, jump, entropy)| Beat {
        answer,
        jump,
        entropy,
    });
    vec(beat, 1..6)
}

fn random_answer() -> impl Strategy<Value = Answer> {
    let retry_after = prop_oneof![
        Just(RetryAfter::Absent),
        (0..90i64).prop_map(RetryAfter::Seconds),
        Just(RetryAfter::Seconds(i64::MAX)),
        (-90..90i64).prop_map(RetryAfter::Date),
        prop::sample::select(vec!["", "soon", "-5", "1.5", "99999999999999999999", "\u{fffd}"])
            .prop_map(RetryAfter::Garbage),
    ];
    let challenge = prop::sample::select(vec![
        "",
        "Bearer",
        "Bearer error=\"invalid_token\", error_description=\"expired\"",
        "Basic realm=\"x\", DPoP error=use_dpop_nonce",
        "Bearer error=\"\\",
        ",,=,",
    ]);
    let body = prop_oneof![
        vec(any::<u8>(), 0..64),
        prop::sample::select(vec![
            "",
            "{}",
            r#"{"error":"invalid_grant"}"#,
            r#"{"error":5}"#,
            "<html>",
            "[]"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let status = prop_oneof![
        4 => prop::sample::select(vec![429u16, 503]),
        2 => prop::sample::select(vec![400u16, 401, 403, 404, 500, 502, 504]),
        1 => 200..600u16,
    ];
    let undecided = prop::sample::select(vec!["authorization_pending", "slow_down"]).prop_map(undecided);
    let value = prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("https://evil.example"),
        json!(["a", 5]),
        json!({"a": {"b": []}}),
    ]);
    let kind = prop::sample::select(vec!["", "text/html", "application/jwt", "application/json; charset=x"]);
    let redirect = prop::sample::select(vec![301u16, 302, 303, 304, 307, 308]);
    prop_oneof![
        8 => Just(Answer::Honest),
        2 => any::<bool>().prop_map(|arrived| Answer::Lost { arrived }),
        4 => (status.clone(), retry_after, challenge, body.clone()).prop_map(
            |(status, retry_after, challenge, body)| Answer::Status { status, retry_after, challenge, body }
        ),
        2 => undecided,
        1 => body.prop_map(Answer::Bytes),
        1 => any::<u8>().prop_map(Answer::Cut),
        1 => vec((any::<u16>(), any::<u8>()), 1..4).prop_map(Answer::Changed),
        2 => (any::<u8>(), value).prop_map(|(at, value)| Answer::Member(at, value)),
        1 => kind.prop_map(Answer::Type),
        1 => redirect.prop_map(Answer::Redirect),
        1 => status.prop_map(Answer::Oversized),
    ]
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// A result, as the test chose to show it.
    Done(String),
    /// An error.
    Failed(Error),
    /// No response, and no way to go on.
    Lost,
}

/// One request and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Sent,
    pub(crate) answer: Answer,
    /// The time when the request is sent.
    pub(crate) sent: Timestamp,
    /// The time when the response arrives.
    pub(crate) at: Timestamp,
}

/// A request, to the last byte.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) uri: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: String,
}

impl Sent {
    /// The value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    fn of(request: &Request) -> Self {
        let header = |(name, value): (&header::HeaderName, &HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        Self {
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            headers: request.headers().iter().map(header).collect(),
            body: String::from_utf8(request.body().clone()).unwrap(),
        }
    }
}

/// A wait: the time of the transition that made it, and its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wait {
    pub(crate) made: Timestamp,
    pub(crate) until: Timestamp,
}

/// Everything that can be seen of a run from outside.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) end: End,
}

impl Trace {
    pub(crate) fn requests(&self) -> Vec<Sent> {
        self.exchanges.iter().map(|exchange| exchange.request.clone()).collect()
    }

    /// The requests as `METHOD path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let path = |uri: &str| uri.strip_prefix("https://op.example").unwrap().to_owned();
        self.requests().iter().map(|sent| format!("{} {}", sent.method, path(&sent.uri))).collect()
    }

    /// The sum of the waits in seconds.
    pub(crate) fn waited(&self) -> i64 {
        self.waits.iter().map(|wait| wait.until.0 - wait.made.0).sum()
    }

    /// The part of a run that must not depend on saving, on waking or on an observer.
    pub(crate) fn outcome(&self) -> (Vec<Sent>, Vec<Wait>, End) {
        (self.requests(), self.waits.clone(), self.end.clone())
    }
}

/// The document of a client that publishes it at the same host.
pub(crate) fn client_document() -> ClientIdMetadataDocument {
    let client_id = ClientIdUrl::parse("https://op.example/client.json").unwrap();
    ClientIdMetadataDocument::builder(client_id, "App").loopback_redirects("/callback").build().unwrap()
}

/// A provider, a script, and a clock.
pub(crate) struct World {
    pub(crate) provider: TestProvider,
    script: Script,
    beat: usize,
    pub(crate) clock: Timestamp,
    /// The number of times that each pause is woken too early.
    pub(crate) early: u8,
}

impl World {
    pub(crate) fn new(provider: TestProvider, script: Script) -> Self {
        Self { provider, script, beat: 0, clock: NOW, early: 0 }
    }

    fn next(&mut self) -> Beat {
        let mut beat = self.script[self.beat % self.script.len()].clone();
        self.beat += 1;
        // A script begins anew at its end, but no driver draws the same entropy twice.
        beat.entropy[31] = u8::try_from(self.beat).expect("a short run");
        self.clock = self.clock.plus(beat.jump);
        beat
    }

    /// Drives a flow to its end, as a driver does. `rest` is applied to a flow at rest.
    pub(crate) fn play<F: Flow>(
        &mut self,
        step: impl Into<Step<F>>,
        mut rest: impl FnMut(Pause<F>, Timestamp) -> Pause<F>,
        show: impl FnOnce(F::Output) -> String,
    ) -> Trace {
        let mut step = step.into();
        let (mut exchanges, mut waits, mut made) = (Vec::new(), Vec::new(), self.clock);
        let end = loop {
            step = match step {
                Step::Send(call) => {
                    assert!(exchanges.len() < 20, "the flow does not end");
                    let (request, terms, pending) = call.into_parts();
                    assert!(terms.max_body <= 1 << 20 && terms.timeout <= Duration::from_secs(60));
                    let sent = self.clock;
                    let beat = self.next();
                    let response = self.answer(&beat.answer, &request, terms.max_body);
                    exchanges.push(Exchange {
                        request: Sent::of(&request),
                        answer: beat.answer,
                        sent,
                        at: self.clock,
                    });
                    made = self.clock;
                    let moment = Moment::new(self.clock, beat.entropy);
                    match response {
                        Some(response) => match pending.receive(response, moment) {
                            Ok(step) => step,
                            Err(error) => break End::Failed(error),
                        },
                        None => match pending.fail(moment) {
                            Ok(Some(step)) => step,
                            Ok(None) => break End::Lost,
                            Err(error) => break End::Failed(error),
                        },
                    }
                }
                Step::Wait(pause) => {
                    let until = pause.until();
                    assert!(
                        until > made || until.0 == i64::MAX,
                        "a wait ends in the future: {until:?} after {made:?}"
                    );
                    assert!(waits.len() < 20, "the wait of the flow never ends");
                    waits.push(Wait { made, until });
                    let mut pause = rest(pause, made);
                    for seconds in 1..=i64::from(self.early) {
                        let early = Moment::new(until.plus(-seconds), [seconds.to_be_bytes()[7]; 32]);
                        let Ok(Step::Wait(same)) = pause.wake(early) else { panic!("woken early") };
                        assert_eq!(same.until(), until, "the same pause is returned");
                        pause = same;
                    }
                    // Whatever happened to the clock, the driver has slept its full time.
                    let beat = self.next();
                    let moment = Moment::new(self.clock, beat.entropy).not_before(until);
                    made = moment.now();
                    self.clock = made;
                    match pause.wake(moment) {
                        Ok(step) => step,
                        Err(error) => break End::Failed(error),
                    }
                }
                Step::Done(output) => break End::Done(show(output)),
            }
        };
        Trace { exchanges, waits, end }
    }

    fn answer(&mut self, answer: &Answer, request: &Request, max: usize) -> Option<Response<Vec<u8>>> {
        let mut honest = match answer {
            Answer::Status { .. } | Answer::Bytes(_) | Answer::Lost { arrived: false } => Response::default(),
            // At the root, the metadata is of the whole origin.
            _ if request.uri().path().starts_with("/.well-known/oauth-protected-resource") => {
                let of = if request.uri().path().ends_with("/api") { RESOURCE } else { ISSUER };
                let metadata = ResourceMetadata::new(of).authorization_servers([ISSUER]);
                let body = metadata.to_json().to_string().into_bytes();
                let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
                response.body(body).unwrap()
            }
            _ if request.uri().path() == "/client.json" => {
                client_document().response(Duration::from_secs(60))
            }
            _ => self.provider.handle(request, self.clock),
        };
        match answer {
            Answer::Honest => {}
            Answer::Lost { .. } => return None,
            Answer::Status { status, retry_after, challenge, body } => {
                *honest.status_mut() = StatusCode::from_u16(*status).unwrap();
                *honest.body_mut() = body.clone();
                retry_after.set(honest.headers_mut(), self.clock);
                set(honest.headers_mut(), header::WWW_AUTHENTICATE, challenge);
                set(honest.headers_mut(), header::CONTENT_TYPE, "application/json");
            }
            Answer::Bytes(body) => {
                *honest.body_mut() = body.clone();
                set(honest.headers_mut(), header::CONTENT_TYPE, "application/json");
            }
            Answer::Cut(share) => {
                let length = honest.body().len() * usize::from(*share) / 256;
                honest.body_mut().truncate(length);
            }
            Answer::Changed(changes) => {
                let body = honest.body_mut();
                for (at, byte) in changes.iter().filter(|_| !body.is_empty()).collect::<Vec<_>>() {
                    let at = usize::from(*at) % body.len();
                    body[at] = *byte;
                }
            }
            Answer::Member(at, value) => {
                let parsed = serde_json::from_slice(honest.body());
                if let Ok(Value::Object(mut members)) = parsed {
                    let count = members.len();
                    if let Some(member) = members.values_mut().nth(usize::from(*at) % count.max(1)) {
                        *member = value.clone();
                    }
                    *honest.body_mut() = Value::Object(members).to_string().into_bytes();
                }
            }
            Answer::Type(kind) => {
                honest.headers_mut().remove(header::CONTENT_TYPE);
                set(honest.headers_mut(), header::CONTENT_TYPE, kind);
            }
            Answer::Redirect(status) => {
                *honest.status_mut() = StatusCode::from_u16(*status).unwrap();
                set(honest.headers_mut(), header::LOCATION, "https://evil.example/");
            }
            Answer::Oversized(status) => {
                *honest.status_mut() = StatusCode::from_u16(*status).unwrap();
                honest.body_mut().resize(max + 1, b' ');
            }
        }
        Some(honest)
    }
}

impl RetryAfter {
    fn set(&self, headers: &mut HeaderMap, now: Timestamp) {
        let text = match self {
            Self::Absent => return,
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date(seconds) => {
                // A clock before 1970 or after 9999 has no date to show.
                let Ok(date) = u64::try_from(now.0.saturating_add(*seconds)) else { return };
                httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(date.min(253_402_300_799)))
            }
            Self::Garbage(text) => (*text).to_owned(),
        };
        headers.insert(header::RETRY_AFTER, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    }

    /// The least and the greatest time in seconds for which a client should stay away.
    pub(crate) fn seconds(&self) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(*seconds),
            Self::Date(seconds) => Some((*seconds).max(0)),
            Self::Garbage(text) => text.starts_with("999").then_some(i64::MAX),
        }
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if !value.is_empty() {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
}
