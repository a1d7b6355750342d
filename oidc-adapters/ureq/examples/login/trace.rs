//! Prints requests and responses. A value that could be a secret is left out; only its name is printed.

use oidc_proto::flow::{Endpoint, Flow, Request, Step, Terms};
use oidc_ureq::Http;
use serde_json::Value;
use std::borrow::Cow;

/// An adapter that prints each exchange.
pub(super) struct Traced(Http);

/// The names whose values may be printed. Every other value is printed as three dots.
const SHOWN: [&str; 24] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "code_challenge_method",
    "grant_type",
    "resource",
    "prompt",
    "iss",
    "issuer",
    "token_type",
    "expires_in",
    "error",
    "error_description",
    "sub",
    "name",
    "email",
    "email_verified",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "kid",
    "alg",
];

impl Traced {
    pub(super) const fn new(http: Http) -> Self {
        Self(http)
    }

    /// Runs a flow. The error says which endpoint could not be reached, or what was wrong.
    pub(super) fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String> {
        let mut asked: Option<(Endpoint, String)> = None;
        let ran = oidc_drive::run(step, |request, terms| {
            asked = Some((terms.endpoint, request.uri().to_string()));
            self.send(request, terms)
        });
        ran.map_err(|failed| match (failed, asked) {
            (oidc_drive::DriveError::Transport(error), Some((endpoint, url))) => {
                format!("no answer from {endpoint} at {url}: {error}; check the issuer and the network")
            }
            (failed, Some((_, url))) if !failed.to_string().contains(&url) => format!("{failed} ({url})"),
            (failed, Some(_) | None) => failed.to_string(),
        })
    }

    fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        println!("   → {} {}", request.method(), request.uri());
        if let Some(value) = request.headers().get("authorization").and_then(|value| value.to_str().ok()) {
            println!("     Authorization: {} …", value.split(' ').next().unwrap_or_default());
        }
        if !request.body().is_empty() {
            println!("     {}", pairs(url::form_urlencoded::parse(request.body())));
        }
        let response = self.0.send(request, terms)?;
        println!("   ← {} {}", response.status(), summary(response.body()));
        Ok(response)
    }
}

/// Returns the names, with the values that may be printed.
pub(super) fn pairs<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> String {
    let shown = pairs.map(|(name, value)| {
        if SHOWN.contains(&name.as_ref()) { format!("{name}={value}") } else { format!("{name}=…") }
    });
    shown.collect::<Vec<_>>().join("  ")
}

fn summary(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => {
            let shown = members.iter().map(|(name, value)| match value.as_array() {
                Some(items) => format!("{name}[{}]", items.len()),
                None if SHOWN.contains(&name.as_str()) => format!("{name}={value}"),
                None => format!("{name}=…"),
            });
            let (shown, total): (Vec<_>, _) = (shown.take(12).collect(), members.len());
            let more = total.saturating_sub(shown.len());
            format!(
                "{}{}",
                shown.join("  "),
                if more == 0 { String::new() } else { format!("  and {more} more") }
            )
        }
        Ok(_) | Err(_) => format!("{} bytes that are not a JSON object", body.len()),
    }
}
