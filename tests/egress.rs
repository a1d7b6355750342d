//! The egress guard on every adapter: a resolver lies, and nobody in a private network is connected to.
//!
//! Public addresses are met in the unit tests of `oidc-adapters/drive/src/net/egress.rs`, which connect to
//! nobody: here, all servers are on loopback.

#[path = "egress/exchanges.rs"]
mod exchanges;
#[path = "egress/flows.rs"]
mod flows;
#[path = "egress/http.rs"]
mod http_of;
#[path = "egress/liar.rs"]
mod liar;
#[path = "egress/orders.rs"]
mod orders;
#[path = "adapters/server.rs"]
#[allow(dead_code, reason = "the tests of the contract use the rest of it")]
mod server;
#[path = "adapters/stacks.rs"]
#[allow(dead_code, reason = "the tests of the contract use the rest of it")]
mod stacks;
#[path = "adapters/tls.rs"]
#[allow(dead_code, reason = "the tests of the contract use the rest of it")]
mod tls;
