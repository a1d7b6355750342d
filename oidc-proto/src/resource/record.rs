//! [`VerdictRecord`]: a summary of a verdict, for logs and metrics.

use super::credentials::AuthenticationScheme;
use serde::{Serialize, Serializer};
use std::{fmt, sync::Arc};

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

/// The summary of a verdict, for logs and metrics: short and bounded. It has nothing of the token but `found`: the
/// audiences of a genuine token that is for another server. `outcome`, `clause`, `error`, `status` and `scheme` have few
/// values, so they can be labels of metrics.
///
/// ```
/// use oidc_proto::{
///     resource::{RequestView, ResourceServer, TrustedIssuer},
///     token::Scratch,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let (head, ()) = http::Request::get("/orders").body(())?.into_parts();
/// if let Err(denied) = api.inspect(&RequestView::of(&head), &mut Scratch::new()) {
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
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Arc<str>>,
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
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// A pseudonym of the subject, if the settings have a key for pseudonyms and the token was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A pseudonym of the party that acts for the subject (RFC 8693 section 4.1), by the same key. `None` without such a
    /// party: then the subject itself, or its client, has used the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The audiences or the issuers that the settings name, if the token has none of them: separated by commas, and at
    /// most [`MAX_SHOWN`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The audiences that the token has instead, in the same form: visible ASCII, with `?` for other characters. `None`
    /// if anything else is wrong with the token, too: only what a trusted issuer has written is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// Serializes a shared text. (serde does so only with a feature.)
fn text<S: Serializer>(text: &Option<Arc<str>>, out: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(out)
}

/// The maximum length of [`VerdictRecord::expected`] and [`VerdictRecord::found`], in bytes.
pub const MAX_SHOWN: usize = 256;

/// What stands for the rest of a text that is too long.
const REST: &str = "...";

impl VerdictRecord {
    /// Notes what the settings name.
    #[cold]
    pub(super) fn expects<'t>(&mut self, expected: impl Iterator<Item = &'t str>) {
        self.expected = Some(shown(expected));
    }

    /// Notes what this token has instead, if there is anything. A text of which the token is a part, or that is a part of
    /// the token, is not shown.
    #[cold]
    pub(super) fn finds<'t>(&mut self, token: &str, found: impl Iterator<Item = &'t str>) {
        let safe = |text: &'t str| if text.contains(token) || token.contains(text) { "?" } else { text };
        self.found = Some(shown(found.map(safe))).filter(|found| !found.is_empty());
    }
}

/// Joins texts in a form that is safe in a line of a log.
fn shown<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut all = String::new();
    for (at, text) in texts.enumerate() {
        if at > 0 {
            all.push(',');
        }
        let safe = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '`' | '\\' | ',');
        all.extend(text.chars().take(MAX_SHOWN).map(|c| if safe(c) { c } else { '?' }));
        if all.len() > MAX_SHOWN {
            all.truncate(MAX_SHOWN - REST.len());
            all.push_str(REST);
            break;
        }
    }
    all
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
            ("actor", self.actor.as_deref()),
            ("expected", self.expected.as_deref()),
            ("found", self.found.as_deref()),
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
    fn what_a_token_has_instead_is_bounded_printable_and_never_the_token_itself() {
        let of = |found: &[&str]| {
            let mut record = VerdictRecord::default();
            record.finds("the-opaque-token", found.iter().copied());
            record.found.unwrap_or_default()
        };
        assert_eq!(of(&["account", "https://other.example"]), "account,https://other.example");
        assert_eq!(of(&[]), "");
        assert_eq!(of(&["a b\n\u{1b}[0m\"`,\\\u{202e}"]), "a?b??[0m?????");
        assert_eq!(
            of(&["the-opaque-token", "x", "see the-opaque-token here", "opaque"]),
            "?,?,?,?".replacen("?,?", "?,x", 1)
        );
        for long in [
            of(&["a".repeat(100_000).as_str()]),
            of(&vec!["b"; 100_000]),
            of(&["\u{e9}".repeat(256).as_str()]),
        ] {
            assert!(long.len() <= MAX_SHOWN && long.is_ascii(), "{}", long.len());
        }
        assert!(of(&["a".repeat(257).as_str()]).len() == MAX_SHOWN);
    }

    #[test]
    fn a_record_is_one_line_for_people_and_one_object_for_machines() {
        let record = VerdictRecord {
            outcome: VerdictOutcome::Denied,
            clause: "token_expired",
            error: Some("invalid_token"),
            status: Some(401),
            issuer: Some("https://op.example".into()),
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
