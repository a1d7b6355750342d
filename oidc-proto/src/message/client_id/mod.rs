//! A client identifier that is a URL, and the document that the client publishes there
//! (draft-ietf-oauth-client-id-metadata-document-02).

mod builder;
mod client_id_url;
mod document;
mod document_error;
mod redirect_uris;

pub use builder::ClientIdMetadataDocumentBuilder;
pub use client_id_url::{ClientIdUrl, ClientIdUrlError};
pub use document::ClientIdMetadataDocument;
pub use document_error::{ClientIdMetadataError, MAX_CLIENT_ID_METADATA};

pub(crate) use redirect_uris::application_type;
