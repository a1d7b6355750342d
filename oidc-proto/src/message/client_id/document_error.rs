//! [`ClientIdMetadataError`]: why a document is not the metadata of a client.

use crate::{
    base::{
        endpoint_url::UrlError,
        sentence::{Remedy, predicate, sentences_about},
    },
    message::registration::ClientMetadataError,
    metadata::MetadataError,
};

/// The longest document that is written, in bytes, and the longest that is read by default: 5 KiB. The specification
/// recommends this limit to servers (section "Maximum Response Size for Client Metadata Documents").
pub const MAX_CLIENT_ID_METADATA: usize = 5 * 1024;

/// Why a document is not the metadata of a client that identifies itself by a URL.
///
/// [`ClientIdMetadataDocumentBuilder::build`](super::ClientIdMetadataDocumentBuilder::build) returns it to the author of a
/// document, and [`ClientIdMetadataDocument::parse`](super::ClientIdMetadataDocument::parse) to its reader.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientIdMetadataError {
    /// The document is no JSON object, repeats a member, or has one that cannot be used.
    #[error("the client ID metadata document {}", predicate(.0))]
    Unreadable(#[from] MetadataError),
    /// The document has no `client_id`.
    #[error("the client ID metadata document lacks the member `client_id`")]
    NoClientId,
    /// The document is of another client. The two are compared to the letter.
    #[error(
        "the client ID metadata document has the `client_id` `{found}`, but it is at `{expected}`; they must be equal to the letter"
    )]
    ClientId {
        /// The URL of the document.
        expected: Box<str>,
        /// The `client_id` in the document, at most 256 characters of it.
        found: Box<str>,
    },
    /// The name of the client is blank, too long, or has characters that could deceive a user.
    #[error(
        "the client ID metadata document has a `client_name` that is blank, longer than 256 characters, or has invisible ones"
    )]
    ClientName,
    /// The document has a secret, and everybody can read it.
    #[error(
        "the client ID metadata document has the member `{0}`: everybody can read it, so it has no secret"
    )]
    Secret(&'static str),
    /// The client would authenticate with a secret that nobody can have given it.
    #[error(
        "the client ID metadata document has a `token_endpoint_auth_method` with a shared secret, and there is none: use `private_key_jwt` with `ClientMetadata::jwks`, or `none`"
    )]
    SharedSecret,
    /// An algorithm needs a secret that nobody can have given the client.
    #[error(
        "the client ID metadata document has a symmetric algorithm in `{0}`, and there is no secret for it"
    )]
    SymmetricAlgorithm(&'static str),
    /// The members contradict each other, or one is missing.
    #[error("the client ID metadata document {}", predicate(.0))]
    Metadata(#[from] ClientMetadataError),
    /// No client may have this redirect URI.
    #[error("the client ID metadata document has a redirect URI that {0}")]
    RedirectUri(&'static str),
    /// The path of a redirect URI on this machine does not begin with `/`.
    #[error(
        "the client ID metadata document has a loopback redirect URI whose path does not begin with a slash"
    )]
    LoopbackPath,
    /// A URL in the document cannot be opened, or must not be.
    #[error("the client ID metadata document has a member `{member}` that is refused: {why}")]
    Url {
        /// The name of the member.
        member: &'static str,
        /// The reason.
        why: UrlError,
    },
    /// The document is longer than servers read.
    #[error(
        "the client ID metadata document has {bytes} bytes, and servers read {MAX_CLIENT_ID_METADATA}: publish `jwks_uri` in place of `jwks`, or shorter texts"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

sentences_about!(ClientIdMetadataError: "the client ID metadata document ");

impl ClientIdMetadataError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "client_id_metadata",
            Self::NoClientId | Self::ClientId { .. } => "client_id_metadata_mismatch",
            Self::Secret(_) | Self::SharedSecret | Self::SymmetricAlgorithm(_) => "client_id_metadata_secret",
            Self::ClientName
            | Self::Metadata(_)
            | Self::RedirectUri(_)
            | Self::LoopbackPath
            | Self::Url { .. }
            | Self::TooLarge { .. } => "client_id_metadata_member",
        }
    }

    /// Returns who can do what about the error: whoever publishes the document changes it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}
