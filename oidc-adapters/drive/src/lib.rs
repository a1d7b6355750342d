//! The loop that drives every flow of `oidc-proto`, and waiting for the values that callers share; each blocking
//! and async. What is sent and what is believed, `oidc-proto` decides; here it is carried out.
//!
//! ```
//! # use oidc_drive::{DriveError, run};
//! # use oidc_proto::flow::{Discovery, Request, Terms};
//! // Any HTTP client is a closure. This one never gets an answer.
//! let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
//! let call = Discovery::start("https://op.example", &Default::default()).unwrap();
//! assert!(matches!(run(call, send), Err(DriveError::Transport("no network"))));
//! ```
//!
//! Values that many callers share (keys, metadata, tokens) are renewed by a [`SingleFlight`]: one caller
//! fetches, the others use what is there, or wait a little.
//!
//! An API is protected by a [`Gate`], which joins all of that. A [`Provider`] is the handle for programs
//! that log users in, verify tokens, or have tokens of their own; [`blocking::Provider`] is the same for
//! threads.
//!
//! An [`Observer`] is told what happens, as [`Event`]s: requests, responses, waits, renewals, verdicts,
//! with durations and without secrets.
//!
//! Where the names of hosts may lead is decided by an [`egress::Guard`], for whoever opens connections;
//! what they may bring is counted by a [`meter::Meter`].
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod blocking;
mod drive;
pub mod event;
mod flight;
pub mod gate;
mod io;
mod issuer;
mod net;
pub mod provider;
mod sentence;
#[cfg(feature = "hyper")]
pub mod stack;

pub use drive::{DriveError, Job, Task, run, run_async, run_async_with_observer, run_with_observer};
pub use event::{Clock, Event, Observer, Sending, Started, SystemClock, moment, now};
pub use flight::{NotAvailableError, SingleFlight, SingleFlights};
pub use gate::Gate;
pub use io::Io;
pub use net::{egress, meter};
// In the signatures of this crate. With these, one dependency is enough.
pub use http;
pub use oidc_proto;
pub use provider::{Provider, ProviderBuilder, ProviderError};
