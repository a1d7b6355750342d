//! Private keys in memory: how they are read, and what signs with them.

mod backend_signer;
mod private_key;
mod signer;

pub use backend_signer::BackendSigner;
pub use signer::RingSigner;
