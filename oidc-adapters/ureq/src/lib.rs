//! Drives the flows of `oidc-proto` with [`ureq`]: one configured agent, one `send`.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let http = oidc_ureq::Http::new();
//! let call = oidc_proto::flow::Discovery::start("https://op.example", &Default::default())?;
//! let metadata = http.run(call)?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

pub use oidc_drive::{Failed, moment, now};

use oidc_proto::flow::{Flow, Request, Step, Terms};
use std::io::Read;

/// An agent that keeps the [terms](Terms) of the contract: no redirects, no retries, no cookies,
/// statuses are responses, certificates verified by rustls.
#[derive(Clone, Debug)]
pub struct Http {
    agent: ureq::Agent,
}

impl Http {
    /// The configured agent.
    #[must_use]
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("oidc-ureq/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into() }
    }

    /// Runs a flow to its end on this thread.
    ///
    /// # Errors
    /// As [`oidc_drive::run`].
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, Failed<ureq::Error>> {
        oidc_drive::run(step, |request, terms| self.send(request, terms))
    }

    /// Carries one request out on its terms.
    ///
    /// # Errors
    /// Only if there was no response.
    pub fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        let response = if request.body().is_empty() {
            // An empty body is no body: it has no Content-Length.
            self.agent.run(self.configure(request.map(drop), terms))?
        } else {
            self.agent.run(self.configure(request, terms))?
        };
        let (parts, body) = response.into_parts();
        let mut read = Vec::new();
        body.into_reader().take(terms.max_body as u64 + 1).read_to_end(&mut read)?;
        Ok(http::Response::from_parts(parts, read))
    }

    fn configure<S: ureq::AsSendBody>(&self, request: http::Request<S>, terms: Terms) -> http::Request<S> {
        self.agent.configure_request(request).timeout_global(Some(terms.timeout)).build()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}
