//! [`Error`]: why a client over hyper got no response.

use super::meter::Exceeded;
use crate::sentence::debug_is_sentence;
use hyper_util::client::legacy;
use oidc_proto::Remedy;
use rustls::pki_types::pem;
use std::{fmt, io};

/// The text for a request that needs a client certificate, if none is set.
const NO_CERTIFICATE: &str = "the request needs a client certificate, and the HTTP client has none: call `Http::with_client_certificate`";

/// Why a client got no response, or could not be made. `Http` of the adapters for hyper and reqwest returns it, alone
/// or inside a [`DriveError::Transport`](crate::DriveError::Transport).
#[non_exhaustive]
pub enum Error {
    /// The exchange took longer than its [`Terms`](oidc_proto::flow::Terms) allow.
    Timeout,
    /// The server sent more than this many bytes in one exchange, headers and framing included: see
    /// [`Meter`](crate::meter::Meter).
    TooMuch(u64),
    /// The terms require a client certificate, but none is set.
    NoClientCertificate,
    /// A certificate or key in the settings is not in PEM.
    Pem(pem::Error),
    /// A certificate or key in the settings cannot be used.
    Tls(rustls::Error),
    /// No connection could be opened, or TLS failed on it. The error of the library that opened it is inside.
    Connection(io::Error),
    /// The request could not be sent on the connection, or no response head arrived.
    Exchange(legacy::Error),
    /// Reading the body of the response failed.
    Body(hyper::Error),
    /// The server ended the body of the response too early, without reporting an error.
    Cut,
}

impl Error {
    /// Returns who can do what about it: the settings of this client, or the network later.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NoClientCertificate | Self::Pem(_) | Self::Tls(_) => Remedy::FixConfiguration,
            Self::Connection(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Remedy::FixConfiguration
            }
            Self::TooMuch(_) => Remedy::ProviderAtFault,
            Self::Timeout | Self::Connection(_) | Self::Exchange(_) | Self::Body(_) | Self::Cut => {
                Remedy::TryLater { after: None }
            }
        }
    }
}

impl From<pem::Error> for Error {
    fn from(error: pem::Error) -> Self {
        Self::Pem(error)
    }
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<legacy::Error> for Error {
    fn from(error: legacy::Error) -> Self {
        if error.is_connect() { Self::Connection(io::Error::other(error)) } else { Self::Exchange(error) }
    }
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Body(error)
    }
}

impl From<Exceeded> for Error {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Bytes(most) => Self::TooMuch(most),
            Exceeded::Time(_) => Self::Timeout,
        }
    }
}

/// Writes all causes in one line; [`source`](std::error::Error::source) therefore returns `None`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cause): (&str, &dyn std::error::Error) = match self {
            Self::Timeout => {
                return f.write_str("the server or the network took longer than the exchange may take");
            }
            Self::TooMuch(most) => return Exceeded::Bytes(*most).fmt(f),
            Self::Cut => return f.write_str("the server ended the body of its response too early"),
            Self::NoClientCertificate => return f.write_str(NO_CERTIFICATE),
            Self::Pem(error) => ("a certificate or key is not PEM", error),
            Self::Tls(error) => ("a certificate or key cannot be used", error),
            Self::Connection(error) => ("no connection could be opened", error),
            Self::Exchange(error) => ("the connection broke before the response began", error),
            Self::Body(error) => ("the body of the response broke off", error),
        };
        write!(f, "{what}: ")?;
        let mut next = Some(cause);
        while let Some(error) = next {
            next = error.source();
            write!(f, "{error}{}", if next.is_some() { ": " } else { "" })?;
        }
        Ok(())
    }
}

debug_is_sentence!(Error);

impl std::error::Error for Error {}
