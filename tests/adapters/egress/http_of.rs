//! The clients of all adapters as one type. The test includes that all have the same methods.

use super::{
    stacks::{Failure, Response, of_hyper, of_reqwest, of_ureq, runtime},
    tls::Pair,
};
use oidc_proto::flow::{Flow, Request, Step, Terms};
use std::{io, net::IpAddr};

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are three of them")]
pub enum Http {
    Ureq(oidc_ureq::Http),
    Hyper(oidc_hyper::Http),
    Reqwest(oidc_reqwest::Http),
}

use Http::{Hyper, Reqwest, Ureq};

/// Applies the same expression to each client, and returns a client again.
macro_rules! each {
    ($this:expr, $http:ident => $now:expr) => {
        match $this {
            Ureq($http) => Ureq($now),
            Hyper($http) => Hyper($now),
            Reqwest($http) => Reqwest($now),
        }
    };
}

impl Http {
    /// The clients with their default settings.
    pub fn all() -> [Self; 3] {
        [Ureq(oidc_ureq::Http::new()), Hyper(oidc_hyper::Http::new()), Reqwest(oidc_reqwest::Http::new())]
    }

    /// The clients with this authority as their only root.
    pub fn all_with(pem: &str) -> [Self; 3] {
        let pem = pem.as_bytes();
        [
            Ureq(oidc_ureq::Http::with_root_certificates(pem).expect("certificates")),
            Hyper(oidc_hyper::Http::with_root_certificates(pem).expect("certificates")),
            Reqwest(oidc_reqwest::Http::with_root_certificates(pem).expect("certificates")),
        ]
    }

    pub fn name(&self) -> &'static str {
        match self {
            Ureq(_) => "ureq",
            Hyper(_) => "hyper",
            Reqwest(_) => "reqwest",
        }
    }

    pub fn allow(self) -> Self {
        each!(self, http => http.allow_private_networks())
    }

    pub fn ask(
        self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + std::marker::Send + Sync + 'static,
    ) -> Self {
        each!(self, http => http.with_resolver(resolver))
    }

    pub fn present(self, own: &Pair) -> Self {
        let (chain, key) = (own.chain.as_bytes(), own.key.as_bytes());
        each!(self, http => http.with_client_certificate(chain, key).expect("a pair"))
    }

    pub fn send(&self, request: Request, terms: Terms) -> Result<Response, Failure> {
        match self {
            Ureq(http) => http.send(request, terms).map_err(of_ureq),
            Hyper(http) => runtime().block_on(http.send(request, terms)).map_err(of_hyper),
            Reqwest(http) => runtime().block_on(http.send(request, terms)).map_err(of_reqwest),
        }
    }

    /// Runs a flow. The error is the text that a user reads.
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String> {
        match self {
            Ureq(http) => http.run(step).map_err(|failed| failed.to_string()),
            Hyper(http) => runtime().block_on(http.run(step)).map_err(|failed| failed.to_string()),
            Reqwest(http) => runtime().block_on(http.run(step)).map_err(|failed| failed.to_string()),
        }
    }

    /// Returns the response, and fails if there is none.
    pub fn answered(&self, request: Request, terms: Terms) -> Response {
        self.send(request, terms).unwrap_or_else(|error| panic!("{}: {}", self.name(), error.says))
    }

    /// Returns the error, and fails if there was a response or the time ran out.
    pub fn failed(&self, request: Request, terms: Terms) -> String {
        match self.send(request, terms) {
            Ok(response) => panic!("{}: {}", self.name(), response.status()),
            Err(failure) if failure.timed_out => panic!("{}: {}", self.name(), failure.says),
            Err(failure) => failure.says,
        }
    }
}
