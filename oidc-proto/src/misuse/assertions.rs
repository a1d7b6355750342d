//! Mistakes with client assertions that do not compile. [`misuse`](super) says how to read them.
//!
//! # An assertion in two attempts
//!
//! An assertion authenticates one request: the attempt takes it, and a flow takes the attempt.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::flow::{Assertion, Client};
//! fn twice(client: &Client, assertion: Assertion) {
//!     let _first = client.attempt(assertion);
//!     let _second = client.attempt(assertion);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::{Assertion, Client};
//! fn once(client: &Client, assertion: Assertion) {
//!     let _first = client.attempt(assertion);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Error, Moment, Secret, flow::Attempt};
//! fn for_two_requests(attempt: Attempt, token: &Secret, a: Moment, b: Moment) -> Result<(), Error> {
//!     attempt.introspect(token, None, a)?;
//!     attempt.revoke(token, None, b)?;
//!     Ok(())
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Error, Moment, Secret, flow::Attempt};
//! fn for_one_request(attempt: Attempt, token: &Secret, a: Moment) -> Result<(), Error> {
//!     let _call = attempt.introspect(token, None, a)?;
//!     Ok(())
//! }
//! ```
