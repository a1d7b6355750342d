//! Mistakes with authorization requests that do not compile. [`misuse`](super) says how to read them.
//!
//! # A request object in two requests
//!
//! A provider may refuse a request object that it has seen, and each login has a `state` of its own. So a request object
//! goes out in one way, and takes the state to keep with it.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Error, Moment, flow::{PendingAuthorization, RequestObject}};
//! fn twice(signed: RequestObject<PendingAuthorization>, moment: Moment) -> Result<(), Error> {
//!     let _by_url = signed.by_value()?;
//!     let _pushed = signed.push(moment)?;
//!     Ok(())
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Error, Moment, flow::{PendingAuthorization, RequestObject}};
//! fn once(signed: RequestObject<PendingAuthorization>, moment: Moment) -> Result<(), Error> {
//!     let _pushed = signed.push(moment)?;
//!     Ok(())
//! }
//! ```
//!
//! # The URL of a pushed request before there is a reference
//!
//! ```compile_fail,E0609
//! # use oidc_proto::flow::{Call, PushedAuthorization};
//! fn early(call: Call<PushedAuthorization>) -> url::Url {
//!     call.url
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::Pushed;
//! fn in_time(pushed: Pushed) -> url::Url {
//!     pushed.url
//! }
//! ```
