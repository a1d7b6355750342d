//! The egress guard on every adapter: a resolver lies, and nobody in a private network is connected to.
//!
//! Public addresses are met in the unit tests of `oidc-adapters/drive/src/net/egress.rs`, which connect to
//! nobody: here, all servers are on loopback.

mod exchanges;
mod flows;
mod http_of;
mod liar;
mod orders;

use crate::{server, stacks, tls};
