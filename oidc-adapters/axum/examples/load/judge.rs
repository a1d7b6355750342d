//! Judges every response of the API by the kind of its request.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// The kind of token that a request was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Decision {
    Good,
    New,
    Expired,
    Foreign,
    Forged,
    Nothing,
}

impl Decision {
    const ALL: [Self; 6] = [Self::Good, Self::New, Self::Expired, Self::Foreign, Self::Forged, Self::Nothing];

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Whether the policy allows this status.
    fn allows(self, status: u16, outage: bool) -> bool {
        match self {
            Self::Good | Self::New => status == 200,
            Self::Expired | Self::Foreign | Self::Nothing => status == 401,
            // Newer keys could lead to another verdict. The API cannot know whether there are any while the
            // provider is down, and until it asks again.
            Self::Forged => status == 401 || (outage && status == 503),
        }
    }
}

/// The number of responses of each kind.
#[derive(Default)]
pub(crate) struct Judge {
    outage: AtomicBool,
    answers: Mutex<BTreeMap<(Decision, bool, u16), u64>>,
}

impl Judge {
    pub(crate) fn outage(&self, outage: bool) {
        self.outage.store(outage, SeqCst);
    }

    pub(crate) fn wrong(&self) -> u64 {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = answers.iter().filter(|((want, outage, status), _)| !want.allows(*status, *outage));
        wrong.map(|(_, count)| count).sum()
    }
}

pub(crate) async fn judge(State(judge): State<Arc<Judge>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let want = Decision::ALL.into_iter().find(|want| want.name() == query);
    // The outage counts if the request began or ended in it.
    let before = judge.outage.load(SeqCst);
    let response = next.run(request).await;
    if let Some(want) = want {
        let outage = before || judge.outage.load(SeqCst);
        let mut answers = judge.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((want, outage, response.status().as_u16())).or_default() += 1;
    }
    response
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| token | provider | status | answers | |\n|---|---|---|---|---|")?;
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for ((want, outage, status), count) in &*answers {
            let provider = if *outage { "down" } else { "up" };
            let verdict = if want.allows(*status, *outage) { "right" } else { "WRONG" };
            writeln!(f, "| {} | {provider} | {status} | {count} | {verdict} |", want.name())?;
        }
        Ok(())
    }
}
