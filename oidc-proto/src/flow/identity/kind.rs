//! [`IdentityKind`]: the kinds of identities, and the order in which they are tried.

/// A kind of identity that a client may have at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityKind {
    /// A client that was registered by hand at this issuer.
    PreRegistered,
    /// A client that publishes its metadata at its client identifier.
    Document,
    /// A client that this program has registered itself, earlier.
    Registered,
    /// A client that registers now.
    Registration,
}

impl IdentityKind {
    /// The order of the Model Context Protocol (revision 2026-07-28, "Client Registration Approaches"): pre-registered,
    /// document, registered earlier, registered now.
    pub const ORDER: [Self; 4] = [Self::PreRegistered, Self::Document, Self::Registered, Self::Registration];
}
