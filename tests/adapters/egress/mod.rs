//! The egress guard on every adapter: a resolver lies, and no address in a private network is connected to.
//!
//! The unit tests of `oidc-adapters/drive/src/net/egress.rs` cover public addresses, without a connection.
//! Here, all servers are on loopback.

mod exchanges;
mod flows;
mod http_of;
mod liar;
mod orders;

use crate::{server, stacks, tls};
