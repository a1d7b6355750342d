//! Room `resource`: what a protected resource does with a request (RFC 6750, 9068, 9449, 8705, 7662,
//! 9470, 9728).
//!
//! ```text
//! inspect ─▶ Inspected ─ keys of its issuer ─▶ judge ─▶ Verdict ─┬▶ Accepted(Access) ─ require ─▶ Ok
//!    │          └ opaque ─ introspection ─▶ judge_introspected    ├▶ CheckReplay(ReplayCheck) ─ finish ─▶ Access
//!    ▼                                                            ├▶ NewerKeys ─ fetch, judge again
//!  Denied ◀───────────────────────────────────────────────────────┴▶ Denied ─ status, headers
//! ```
//!
//! Every step is pure: keys, the time, the answer of an introspection endpoint and that of a replay
//! window come in as values. Whatever refuses a request ends in one type, [`Denied`], and there is
//! one place, [`Denied::headers`], where it becomes the challenge that the specifications name.
//!
//! ```
//! use http::{HeaderMap, Method, Uri};
//! use oidc_proto::{
//!     Timestamp,
//!     jose::KeySet,
//!     resource::*,
//!     sender::{DpopVerifier, ReplayWindow},
//!     token::Scratch,
//! };
//!
//! # fn handle(method: Method, uri: Uri, headers: HeaderMap, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
//! // CheckReplay:
//! let server = ResourceServer::builder("https://api.example")
//!     .trust(TrustedIssuer::new("https://op.example"))
//!     .accept_dpop(DpopVerifier::new())
//!     .build()?;
//! let read = Requirement::new().scope("orders.read");
//! let mut window = ReplayWindow::new();
//! # let keys = KeySet::default();
//!
//! // For each request:
//! let inspected = server.inspect(&RequestView::new(&method, &uri, &headers))?;
//! // … `keys` are those of `inspected.issuer()` …
//! let access = match server.judge(&inspected, &keys, &mut Scratch::new(), now) {
//!     Verdict::Accepted(access) => access,
//!     Verdict::CheckReplay(check) => {
//!         let answer = window.first_use(check.replay_key(), now);
//!         check.finish(answer)?
//!     }
//!     Verdict::Denied(denied) => return Err(denied.into()), // denied.status(), denied.headers()
//!     Verdict::NewerKeys(denied) => return Err(denied.into()), // unless there are newer keys
//!     _ => return Err("a verdict that this program does not know".into()),
//! };
//! access.require(&read, now)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Bounds
//!
//! | what | constant or setting |
//! |---|---|
//! | access token | [`MAX_CREDENTIALS`] bytes, before anything is decoded |
//! | DPoP proofs, and how many are remembered | the table of [`sender`](crate::sender#bounds); then 503 |
//! | issuers, their names; of them by a template | [`MAX_ISSUERS`], [`MAX_ISSUER`] bytes; [`MAX_ISSUER_TEMPLATES`] |
//! | clocks | leeway, by default [`DEFAULT_LEEWAY`](crate::token::DEFAULT_LEEWAY), at most [`MAX_LEEWAY`](crate::token::MAX_LEEWAY) |

mod access;
mod builder;
mod challenge;
mod credentials;
mod issuer;
mod judge;
mod record;
mod request;
mod requirement;
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
pub use record::{VerdictOutcome, VerdictRecord};
pub use request::{Findings, Inspected, RequestView};
pub use requirement::Requirement;
pub use server::ResourceServer;
pub use verdict::{ReplayCheck, Verdict};
