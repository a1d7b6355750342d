//! [`NoResponse`], [`Fell`] and [`Lost`]: why there was no response, as far as people may read it.

use crate::{drive::DriveError, event::Target};
use oidc_proto::renew::RenewalError;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The error of a request without a response.
pub(crate) struct NoResponse {
    /// The endpoint, the host and the port, with the error text of the transport.
    pub(crate) text: String,
    /// The reason in one word, for a label.
    pub(crate) word: &'static str,
}

impl NoResponse {
    pub(crate) fn of<E: fmt::Display>(to: &Target, error: &E, why: impl Fn(&E) -> &'static str) -> Self {
        Self { text: format!("{to}: {error}"), word: why(error) }
    }
}

/// For each kind of value (such as `keys`) of one issuer: where the latest failed renewal sent its last request, and
/// why there was no response, if that is the reason.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeMap<&'static str, (Option<Target>, String)>>);

/// The failure of a flow, and where it sent its last request.
pub(crate) struct Fell {
    pub(crate) failed: DriveError<NoResponse>,
    pub(crate) asked: Option<Box<Target>>,
}

impl Lost {
    pub(crate) fn keep(&self, what: &'static str, asked: Option<Target>, why: String) {
        let _old = self.all().insert(what, (asked, why));
    }

    pub(crate) fn why(&self, what: &'static str) -> String {
        self.all().get(what).map(|(_, why)| why.clone()).unwrap_or_default()
    }

    pub(crate) fn asked(&self, what: &'static str) -> Option<Target> {
        self.all().get(what)?.0.clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Option<Target>, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns a failure into a [`RenewalError`], and keeps where the flow asked and what the transport said.
    pub(crate) fn failure(&self, what: &'static str, Fell { failed, asked }: Fell) -> RenewalError {
        let why = if let DriveError::Transport(lost) = &failed { lost.text.clone() } else { String::new() };
        self.keep(what, asked.map(|asked| *asked), why);
        failed.into()
    }
}
