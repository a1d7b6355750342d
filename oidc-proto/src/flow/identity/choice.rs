//! [`IdentityChoice`]: what a program is at a server, or how it becomes known there.

use super::identity::ClientIdentity;
use crate::message::ClientMetadata;

/// What a program is at a server. [`ClientIdentities::choose`](super::ClientIdentities::choose) returns it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IdentityChoice {
    /// The server knows this client, or will know it when it comes.
    Client(ClientIdentity),
    /// The program registers with this metadata first ([`Registration`](crate::flow::Registration)). It keeps the result for
    /// this issuer, and gives it to the next choice.
    Register(Box<ClientMetadata>),
}
