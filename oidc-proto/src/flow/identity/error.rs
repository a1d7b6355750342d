//! [`NoClientIdentityError`]: why a program has no client at a server.

use crate::base::sentence::{Remedy, debug_is_sentence};
use std::fmt;

/// The server takes none of the identities that the program has. The text says what the server offers, and what the program
/// would have to bring.
///
/// [`ClientIdentities::choose`](super::ClientIdentities::choose) returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoClientIdentityError {
    /// The issuer of the server, at most 256 characters of it.
    pub issuer: Box<str>,
    /// Whether the server reads client ID metadata documents.
    pub reads_documents: bool,
    /// Whether the server lets clients register.
    pub registers: bool,
    /// Whether the program has pre-registered clients, all of them at other issuers.
    pub only_elsewhere: bool,
    /// Whether the program has a document, and the server does not take its authentication method.
    pub refuses_method: bool,
}

debug_is_sentence!(NoClientIdentityError);

impl std::error::Error for NoClientIdentityError {}

impl NoClientIdentityError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "no_client_identity"
    }

    /// Returns who can do what about the error.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

impl fmt::Display for NoClientIdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program has no client at `{}`", self.issuer)?;
        if self.only_elsewhere {
            f.write_str(", and its pre-registered clients belong to other issuers")?;
        }
        f.write_str(match (self.reads_documents, self.registers) {
            (true, _) if self.refuses_method => {
                "; the server reads client ID metadata documents, but does not take the authentication method of the document: \
                 publish one of a public client, or"
            }
            (true, _) => {
                "; the server reads client ID metadata documents: publish one, and set `ClientIdentities::document`, or"
            }
            (false, true) => "; the server lets clients register: set `ClientIdentities::registration`, or",
            (false, false) => {
                "; the server neither reads client ID metadata documents nor lets clients register:"
            }
        })?;
        f.write_str(" register a client by hand, and set `ClientIdentities::pre_registered`")
    }
}
