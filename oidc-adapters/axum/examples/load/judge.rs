//! Judges every answer of the API by what the request was sent for.

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

/// What a request was sent with.
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

    /// Which answers the policy allows.
    fn allows(self, status: u16, outage: bool) -> bool {
        match self {
            Self::Good | Self::New => status == 200,
            Self::Expired | Self::Foreign | Self::Nothing => status == 401,
            // Newer keys could lead to another verdict. Whether there are any is not known while the
            // provider is down, and until it is asked again.
            Self::Forged => status == 401 || (outage && status == 503),
        }
    }
}

/// How often each answer was given.
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
    // Whoever came while the provider was down, or was answered then.
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
