//! [`VerdictRecord`]: a summary of a verdict, for logs and metrics.

use super::credentials::AuthenticationScheme;
use serde::Serialize;
use std::fmt;

/// The outcome of a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VerdictOutcome {
    /// Another step will decide.
    #[default]
    Undecided,
    /// The request is accepted.
    Accepted,
    /// The request is refused.
    Denied,
}

/// The summary of a verdict, for logs and metrics: short, bounded, and without a byte of the token. `outcome`,
/// `clause`, `error`, `status` and `scheme` have few values, so they can be labels of metrics.
///
/// ```
/// use oidc_proto::resource::{RequestView, ResourceServer, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let (head, ()) = http::Request::get("/orders").body(())?.into_parts();
/// if let Err(denied) = api.inspect(&RequestView::of(&head)) {
///     let record = denied.record();
///     assert_eq!(record.to_string(), "outcome=denied clause=credentials_missing status=401");
///     assert_eq!(
///         serde_json::to_string(record)?,
///         r#"{"outcome":"denied","clause":"credentials_missing","status":401}"#
///     );
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerdictRecord {
    /// The outcome.
    pub outcome: VerdictOutcome,
    /// The name of the broken rule, or `accepted`.
    pub clause: &'static str,
    /// The error code of the challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The status of the response, if the request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The name of the issuer in the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// In an outage, the host of the last request that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port of that host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The authentication scheme of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<AuthenticationScheme>,
    /// The thumbprint of the issuer's key that signed the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A pseudonym of the subject, if the settings have a key for pseudonyms and the token was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl fmt::Display for VerdictRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            VerdictOutcome::Undecided => "undecided",
            VerdictOutcome::Accepted => "accepted",
            VerdictOutcome::Denied => "denied",
        };
        write!(f, "outcome={outcome} clause={}", self.clause)?;
        let [status, port] = [self.status, self.port].map(|number| number.map(|number| number.to_string()));
        for (name, value) in [
            ("error", self.error),
            ("status", status.as_deref()),
            ("issuer", self.issuer.as_deref()),
            ("host", self.host.as_deref()),
            ("port", port.as_deref()),
            ("scheme", self.scheme.map(AuthenticationScheme::name)),
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
        let record = VerdictRecord {
            outcome: VerdictOutcome::Denied,
            clause: "token_expired",
            error: Some("invalid_token"),
            status: Some(401),
            issuer: Some("https://op.example".to_owned()),
            scheme: Some(AuthenticationScheme::Dpop),
            ..VerdictRecord::default()
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
