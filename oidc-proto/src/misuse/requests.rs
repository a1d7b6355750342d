//! Mistakes with requests to an API that do not compile. [`misuse`](super) says how to read them.
//!
//! # A request that is sent twice
//!
//! Only the response says whether a request may be sent again, and then it gives the request back.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Error, Moment, Secret, flow::{Client, ResourceRequest}};
//! fn twice(request: ResourceRequest, client: &Client, token: &Secret, a: Moment, b: Moment) -> Result<(), Error> {
//!     let _first = request.authorize(client, token, a)?;
//!     let _second = request.authorize(client, token, b)?;
//!     Ok(())
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Error, Moment, Secret, flow::{Client, ResourceRequest}};
//! fn once(request: ResourceRequest, client: &Client, token: &Secret, a: Moment) -> Result<(), Error> {
//!     let _first = request.authorize(client, token, a)?;
//!     Ok(())
//! }
//! ```
//!
//! # One response for two requests
//!
//! ```compile_fail,E0382
//! # use oidc_proto::flow::PendingResource;
//! # use http::{HeaderMap, StatusCode};
//! fn twice(pending: PendingResource, headers: &HeaderMap) {
//!     let _first = pending.receive(StatusCode::UNAUTHORIZED, headers);
//!     let _second = pending.receive(StatusCode::UNAUTHORIZED, headers);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::PendingResource;
//! # use http::{HeaderMap, StatusCode};
//! fn once(pending: PendingResource, headers: &HeaderMap) {
//!     let _step = pending.receive(StatusCode::UNAUTHORIZED, headers);
//! }
//! ```
