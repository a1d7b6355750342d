//! [`Verdict`]: what became of a request, and [`Record`]: the same for logs and metrics.

use super::{
    access::Access,
    challenge::{Denied, Reason},
    credentials::Scheme,
};
use crate::sender::{ProofError, ReplayKey, Use};
use serde::Serialize;
use std::fmt;

/// How long, in seconds, a client is asked to wait when there is no room to remember its proof.
const RETRY_WHEN_FULL: u32 = 5;

/// What becomes of a request.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Verdict {
    /// It is accepted.
    Accepted(Box<Access>),
    /// It is accepted if its DPoP proof has not been used before: ask a replay window.
    Once(Proven),
    /// It is refused.
    Denied(Denied),
    /// Newer keys of its issuer could lead to another verdict: ask again with some, if there are any
    /// that are newer than those just used; if not, this is the refusal.
    NewerKeys(Denied),
}

impl Verdict {
    /// What to log.
    #[must_use]
    pub fn record(&self) -> Record {
        match self {
            Self::Accepted(access) => access.record().clone(),
            Self::Once(proven) => Record { outcome: Outcome::Undecided, ..proven.access.record().clone() },
            Self::Denied(denied) => denied.record().clone(),
            Self::NewerKeys(denied) => Record { outcome: Outcome::Undecided, ..denied.record().clone() },
        }
    }
}

/// A request whose token and proof are right. There is no way to what it may do but through the
/// answer of a replay window:
///
/// ```compile_fail,E0616
/// # use oidc_proto::resource::{Access, Proven};
/// fn hasty(proven: Proven) -> Box<Access> {
///     proven.access // private: call `first_use`
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use oidc_proto::{resource::Proven, sender::Use};
/// fn twice(proven: Proven) {
///     let _ = proven.first_use(Use::First);
///     let _ = proven.first_use(Use::First); // moved
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Proven {
    pub(super) access: Box<Access>,
    pub(super) replay_key: ReplayKey,
}

impl Proven {
    /// What to ask a [`ReplayWindow`](crate::sender::ReplayWindow), or a store that nodes share, about.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// Ends the check with the answer. Consumes the value: one answer, one access.
    ///
    /// # Errors
    /// The proof has been used before (401), or nobody knows (503).
    pub fn first_use(self, answer: Use) -> Result<Box<Access>, Denied> {
        match answer {
            Use::First => Ok(self.access),
            Use::Replayed => Err(self.access.denied(Reason::Proof(ProofError::Replayed))),
            Use::Full => Err(self.access.unavailable(RETRY_WHEN_FULL)),
        }
    }
}

/// Which way a verdict went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Another step decides.
    #[default]
    Undecided,
    /// Accepted.
    Accepted,
    /// Refused.
    Denied,
}

/// A verdict as logs and metrics want it: short, bounded, and without a byte of the token. `outcome`,
/// `clause`, `error`, `status` and `scheme` have few values, fit for labels of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// Which way it went.
    pub outcome: Outcome,
    /// `accepted`, or the clause that the request breaks.
    pub clause: &'static str,
    /// The error code of the challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The status of the response, unless accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The issuer, as the settings spell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// In an outage, the host that was asked last for what cannot be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the token was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The thumbprint of the issuer's key that signed the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A pseudonym of the subject, if the settings have a key for that; only of a token that was
    /// verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Undecided => "undecided",
            Outcome::Accepted => "accepted",
            Outcome::Denied => "denied",
        };
        write!(f, "outcome={outcome} clause={}", self.clause)?;
        let [status, port] = [self.status, self.port].map(|number| number.map(|number| number.to_string()));
        for (name, value) in [
            ("error", self.error),
            ("status", status.as_deref()),
            ("issuer", self.issuer.as_deref()),
            ("host", self.host.as_deref()),
            ("port", port.as_deref()),
            ("scheme", self.scheme.map(Scheme::name)),
            ("key", self.key.as_deref()),
            ("subject", self.subject.as_deref()),
        ] {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_for_people_and_one_object_for_machines() {
        let record = Record {
            outcome: Outcome::Denied,
            clause: "token_expired",
            error: Some("invalid_token"),
            status: Some(401),
            issuer: Some("https://op.example".to_owned()),
            scheme: Some(Scheme::Dpop),
            ..Record::default()
        };
        assert_eq!(
            record.to_string(),
            "outcome=denied clause=token_expired error=invalid_token status=401 \
             issuer=https://op.example scheme=DPoP"
        );
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"outcome":"denied","clause":"token_expired","error":"invalid_token","status":401,"issuer":"https://op.example","scheme":"dpop"}"#
        );
    }
}
