//! One suite for all adapters: each of the ten rules of `oidc-adapters/README.md` attacked over a
//! socket, on every stack, through one table.

#[path = "adapters/beside.rs"]
mod beside;
#[path = "adapters/bodies.rs"]
mod bodies;
#[path = "adapters/certificates.rs"]
mod certificates;
#[path = "adapters/contract.rs"]
mod contract;
#[path = "adapters/exchanges.rs"]
mod exchanges;
#[path = "adapters/failures.rs"]
mod failures;
#[path = "adapters/floods.rs"]
mod floods;
#[path = "adapters/frames.rs"]
mod frames;
#[path = "adapters/hostile.rs"]
mod hostile;
#[path = "adapters/http2.rs"]
mod http2;
#[path = "adapters/own.rs"]
mod own;
#[path = "adapters/server.rs"]
mod server;
#[path = "adapters/stacks.rs"]
mod stacks;
#[path = "adapters/times.rs"]
mod times;
#[path = "adapters/tls.rs"]
mod tls;
