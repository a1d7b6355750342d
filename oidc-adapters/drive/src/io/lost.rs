//! [`NoResponse`], [`Fell`] and [`Lost`]: why there was nothing, as far as it is told to people.

use crate::{drive::DriveError, event::Target};
use oidc_proto::renew::RenewalError;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// There was no response.
pub(crate) struct NoResponse {
    /// Of which endpoint, where, and why, as the transport says.
    pub(crate) text: String,
    /// The same in one word, fit for a label.
    pub(crate) word: &'static str,
}

impl NoResponse {
    pub(crate) fn of<E: fmt::Display>(to: &Target, error: &E, why: impl Fn(&E) -> &'static str) -> Self {
        Self { text: format!("{to}: {error}"), word: why(error) }
    }
}

/// Where a renewal of this (`keys`, say) asked the last time that it failed, and why there was no response, if
/// that is why. Of one issuer.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeMap<&'static str, (Option<Target>, String)>>);

/// A flow that came to no good end, and where it has asked last.
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

    /// Why a renewal of this has failed. Where it asked, and what the transport says, is kept.
    pub(crate) fn failure(&self, what: &'static str, Fell { failed, asked }: Fell) -> RenewalError {
        let why = if let DriveError::Transport(lost) = &failed { lost.text.clone() } else { String::new() };
        self.keep(what, asked.map(|asked| *asked), why);
        failed.into()
    }
}
