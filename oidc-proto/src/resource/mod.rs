//! Room `resource`: protects an API with access tokens (RFC 6750, 9068, 9449, 8705, 7662, 9470, 9728).
//!
//! A client sends an access token with each request, usually in the header `Authorization: Bearer …`. The API must find
//! the issuer of the token, verify it, and check that it allows this request. If anything is wrong, it must answer with
//! the status and the `WWW-Authenticate` challenge that the specifications name. A [`ResourceServer`] does all of this:
//!
//! ```
//! use http::request::Parts;
//! use oidc_proto::{Timestamp, jose::KeySet, resource::*, token::Scratch};
//! use std::sync::Arc;
//!
//! /// Decides on one request. For a refusal, send `denied.status()` and `denied.headers()`.
//! fn authorize(api: &ResourceServer, keys: &KeySet, head: &Parts, now: Timestamp) -> Result<Arc<Access>, Denied> {
//!     let mut scratch = Scratch::new(); // Memory to reuse; each thread may keep one.
//!     let inspected = api.inspect(&RequestView::of(head), &mut scratch)?;
//!     let access = match api.judge(&inspected, keys, &mut scratch, now) {
//!         Verdict::Accepted(access) => access,
//!         Verdict::Denied(denied) | Verdict::NewerKeys(denied) => return Err(denied),
//!         _ => return Err(api.unavailable(std::time::Duration::from_secs(60))),
//!     };
//!     access.require(&Requirement::new().scope("orders.read"), now)?;
//!     Ok(access)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once, when the program starts. The keys are the JSON at the `jwks_uri` of the issuer.
//! let api = ResourceServer::builder("https://api.example")
//!     .trust(TrustedIssuer::new("https://op.example"))
//!     .build()?;
//! let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//!
//! // For each request:
//! let bearer = "Bearer eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wb\
//!     GUiLCJzdWIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJhcHAiLCJqdGkiOiJ0M\
//!     SIsImlhdCI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJzY29wZSI6Im9yZGVycy5yZWFkIiwidGVuYW50IjoiYWNtZ\
//!     SJ9.e4agdvWd_RxjIiy9mCE6CcvyIUPHNG6Jq7FevhRbv2igvkkptfNKMj5DLlsO6HNElVoOcUSW4nPfDSTSNyPVCw";
//! let (head, ()) = http::Request::get("/orders").header("authorization", bearer).body(())?.into_parts();
//! let access = authorize(&api, &keys, &head, Timestamp(1_800_000_060))?;
//! assert_eq!(access.subject(), Some("alice"));
//!
//! let (head, ()) = http::Request::get("/orders").body(())?.into_parts(); // Without a token:
//! let denied = authorize(&api, &keys, &head, Timestamp(1_800_000_060)).unwrap_err();
//! assert_eq!(denied.status(), 401);
//! assert_eq!(denied.headers()["www-authenticate"], r#"Bearer realm="https://api.example""#);
//! # Ok(())
//! # }
//! ```
//!
//! These are all the steps of a request:
//!
//! ```text
//! inspect ─▶ Inspected ─ keys of its issuer ─▶ judge ─▶ Verdict ─┬▶ Accepted(Access) ─ require ─▶ Ok
//!    │          └ opaque ─ introspection ─▶ judge_introspected    ├▶ CheckReplay(ReplayCheck) ─ finish ─▶ Access
//!    ▼                                                            ├▶ NewerKeys ─ fetch, judge again
//!  Denied ◀───────────────────────────────────────────────────────┴▶ Denied ─ status, headers
//! ```
//!
//! Every step is pure. The keys, the time, and the answers of an introspection endpoint and of a replay window are
//! arguments. Every refusal is one type, [`Denied`], and only [`Denied::headers`] turns it into the challenge that the
//! specifications name. [`Verdict`] has an example with DPoP proofs.
//!
//! With [`ResourceServerBuilder::publish`], a client that knows only the URL of the API finds its way in (RFC 9728), and
//! [`ResourceServerBuilder::mcp`] makes the API an MCP server. [`PublishedMetadata`] is what they are told.
//!
//! An adapter for your web framework does these steps and fetches the keys: use it if there is one.
//!
//! # Bounds
//!
//! | what | constant or setting |
//! |---|---|
//! | access token | [`MAX_CREDENTIALS`] bytes, or [`CredentialPolicy::max_token`], before anything is decoded |
//! | DPoP proofs, remembered proofs | the table of [`sender`](crate::sender#bounds); then 503 |
//! | issuers, their names, issuers with a template | [`MAX_ISSUERS`], [`MAX_ISSUER`] bytes, [`MAX_ISSUER_TEMPLATES`] |
//! | what a record shows of an audience or an issuer | [`MAX_SHOWN`] bytes |
//! | leeway of clocks | [`DEFAULT_LEEWAY`], at most [`MAX_LEEWAY`] |
//!
//! [`DEFAULT_LEEWAY`]: crate::token::DEFAULT_LEEWAY
//! [`MAX_LEEWAY`]: crate::token::MAX_LEEWAY

mod access;
mod builder;
mod challenge;
mod credentials;
mod issuer;
mod judge;
mod publish;
mod record;
mod request;
mod requirement;
mod rights;
mod server;
#[cfg(test)]
#[path = "tests/testdata.rs"]
mod testdata;
mod verdict;

pub use access::Access;
pub use builder::ResourceServerBuilder;
pub use challenge::{DenialReason, Denied};
pub use credentials::{
    AuthenticationScheme, CredentialPolicy, Credentials, CredentialsError, MAX_CREDENTIALS,
};
pub use issuer::{MAX_ISSUER, MAX_ISSUER_TEMPLATES, MAX_ISSUERS, ResourceServerError, TrustedIssuer};
pub use publish::PublishedMetadata;
pub use record::{MAX_SHOWN, VerdictOutcome, VerdictRecord};
pub use request::{Findings, Inspected, RequestView};
pub use requirement::Requirement;
pub use server::ResourceServer;
pub use verdict::{ReplayCheck, Verdict};
