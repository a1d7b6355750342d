//! Calls the API over a socket, and prints the result of each call.

use super::Problem;
use oidc_drive::{Event, Observer, now};
use oidc_proto::{Moment, Timestamp, resource::VerdictRecord};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
};

/// The verdicts of the API, and a clock that can be moved ahead.
#[derive(Clone, Default)]
pub(super) struct Watch {
    ahead: Arc<AtomicI64>,
    records: Arc<Mutex<Vec<VerdictRecord>>>,
}

impl Watch {
    pub(super) fn now(&self) -> Timestamp {
        now().plus(self.ahead.load(SeqCst))
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, SeqCst);
    }

    pub(super) fn clock(&self) -> impl Fn() -> Moment + Send + Sync + 'static {
        let watch = self.clone();
        move || oidc_drive::moment().not_before(watch.now())
    }

    pub(super) fn observer(&self) -> Observer {
        let records = Arc::clone(&self.records);
        Observer::new(move |event| {
            if let Event::Verdict { record, .. } = event {
                records.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
            }
        })
    }

    /// Returns the verdicts since the last call.
    pub(super) fn take(&self) -> Vec<VerdictRecord> {
        std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request to the API.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) authorization: Option<String>,
    pub(super) proof: Option<String>,
}

impl Call {
    pub(super) fn get(authorization: impl Into<Option<String>>) -> Self {
        Self { method: "GET", authorization: authorization.into(), proof: None }
    }

    pub(super) fn bearer(token: &str) -> Self {
        Self::get(format!("Bearer {token}"))
    }
}

/// The API, as its clients see it.
pub(super) struct Site {
    pub(super) url: String,
    pub(super) watch: Watch,
    pub(super) surprises: AtomicUsize,
}

impl Site {
    /// Makes one call, and prints one line about it.
    pub(super) async fn call(&self, what: &str, call: Call, expected: (u16, &str)) -> Result<(), Problem> {
        let (status, challenge) = send(self.url.clone(), call).await?;
        let records = self.watch.take();
        let clause = records.last().map_or("-", |record| record.clause);
        let verdict = records.last().cloned().map(|mut record| {
            // These two are too long for the line.
            (record.issuer, record.key) = (None, None);
            record.to_string()
        });
        let (told, verdict) = (challenge.as_deref().map(short), verdict.unwrap_or_default());
        println!("{what:<42} {status}  {:<62} {verdict}", told.unwrap_or_default());
        if (status, clause) != expected {
            self.surprises.fetch_add(1, SeqCst);
            println!("  NOT EXPECTED: it should be {expected:?}");
        }
        Ok(())
    }

    /// Makes many calls at the same time, and prints one line about them.
    pub(super) async fn calls(&self, what: &str, many: usize, call: &Call) -> Result<(), Problem> {
        let all: Vec<_> = (0..many).map(|_| tokio::spawn(send(self.url.clone(), call.clone()))).collect();
        let mut good = 0;
        for one in all {
            good += usize::from(one.await??.0 == 200);
        }
        println!("{what:<42} {good} of {many} accepted");
        self.watch.take();
        self.expect(good == many, "all of them");
        Ok(())
    }

    pub(super) fn expect(&self, so: bool, what: &str) {
        if !so {
            self.surprises.fetch_add(1, SeqCst);
            println!("  NOT EXPECTED: it should be {what}");
        }
    }
}

/// Returns a challenge without its long parts and the parts that all challenges share.
fn short(header: &str) -> String {
    let (scheme, parameters) = header.split_once(' ').unwrap_or((header, ""));
    let told: Vec<_> =
        parameters.split(", ").filter(|one| one.starts_with("error=") || one.starts_with("scope=")).collect();
    match scheme {
        "retry-after:" => header.to_owned(),
        scheme => format!("{scheme} {}", told.join(", ")),
    }
}

type Sent = Result<(u16, Option<String>), Problem>;

async fn send(url: String, call: Call) -> Sent {
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = http::Request::builder().method(call.method).uri(url);
        for (name, value) in [("authorization", call.authorization), ("dpop", call.proof)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = ureq::Agent::from(config).run(request.body(())?)?;
        let headers = response.headers();
        let text = |name| headers.get(name)?.to_str().ok();
        let challenge = text("www-authenticate").map(str::to_owned);
        let told = challenge.or_else(|| Some(format!("retry-after: {}", text("retry-after")?)));
        Ok((response.status().as_u16(), told))
    })
    .await?
}
