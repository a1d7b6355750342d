//! One suite for all adapters: it attacks each of the ten rules of `oidc-adapters/README.md` over a socket,
//! on every stack, through one table.

mod beside;
mod bodies;
mod certificates;
mod contract;
mod egress;
mod exchanges;
mod failures;
mod floods;
mod frames;
mod hostile;
mod http2;
mod late;
mod own;
mod parity;
mod server;
mod stacks;
mod times;
mod tls;
