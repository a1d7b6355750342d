//! [`SourceError`]: why a source had no credential.

use crate::sentence::debug_is_sentence;
use oidc_proto::{Remedy, flow::MAX_RESPONSE};
use std::{fmt, io};

/// The longest credential that is read from a source, in bytes. A token that is longer fits into no request of the kind.
pub const MAX_CREDENTIAL: usize = MAX_RESPONSE;

/// Why a [`Source`](super::Source) had no credential. It names the source, and holds nothing that was read from it.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The name of the source, such as the path of a file.
    source: String,
    /// What was wrong.
    pub reason: SourceReason,
}

/// What was wrong with a [`Source`](super::Source).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceReason {
    /// The file cannot be read.
    File(io::ErrorKind),
    /// The environment variable is not set, or its value is not text.
    Environment,
    /// The environment variable is not set that says where to ask, such as `ACTIONS_ID_TOKEN_REQUEST_URL`. A job of GitHub
    /// Actions has it with the permission `id-token: write`.
    EnvironmentOf(&'static str),
    /// There was no response. The text is that of the HTTP client.
    NoResponse(String),
    /// The response has another status than 200.
    Status(u16),
    /// The response is not a JSON object with this member, a string.
    Member(&'static str),
    /// The credential is empty.
    Empty,
    /// The credential is longer than [`MAX_CREDENTIAL`].
    TooLong,
    /// The credential is not UTF-8, or has control characters.
    Characters,
    /// The URL is not allowed; the text says why.
    Url(String),
    /// The function of the program failed. The text is that of its error.
    Program(String),
}

impl SourceError {
    /// Makes the error of a source with this name.
    #[must_use]
    pub fn new(source: impl Into<String>, reason: SourceReason) -> Self {
        Self { source: source.into(), reason }
    }

    /// Returns the name of the source: the path of the file, the name of the variable, or the host that is asked.
    #[must_use]
    pub fn source_name(&self) -> &str {
        &self.source
    }

    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.reason {
            SourceReason::File(_) => "source_file",
            SourceReason::Environment | SourceReason::EnvironmentOf(_) => "source_environment",
            SourceReason::NoResponse(_) => "source_no_response",
            SourceReason::Status(_) => "source_status",
            SourceReason::Member(_) => "source_member",
            SourceReason::Empty => "source_empty",
            SourceReason::TooLong => "source_too_long",
            SourceReason::Characters => "source_characters",
            SourceReason::Url(_) => "source_url",
            SourceReason::Program(_) => "source_program",
        }
    }

    /// Returns who can do what about it: a later attempt may get a response, everything else is a setting.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self.reason {
            SourceReason::NoResponse(_) | SourceReason::Status(429 | 500..) | SourceReason::Program(_) => {
                Remedy::TryLater { after: None }
            }
            SourceReason::File(_)
            | SourceReason::Environment
            | SourceReason::EnvironmentOf(_)
            | SourceReason::Status(_)
            | SourceReason::Member(_)
            | SourceReason::Empty
            | SourceReason::TooLong
            | SourceReason::Characters
            | SourceReason::Url(_) => Remedy::FixConfiguration,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no credential from {}: {}", self.source, self.reason)
    }
}

impl fmt::Display for SourceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(kind) => write!(f, "the file cannot be read ({kind})"),
            Self::Environment => f.write_str("the environment variable is not set, or is not text"),
            Self::EnvironmentOf(name) => {
                write!(
                    f,
                    "the environment variable {name} is not set; the platform sets it if the program may ask"
                )
            }
            Self::NoResponse(text) => write!(f, "there was no response: {text}"),
            Self::Status(status) => write!(f, "the response has status {status}"),
            Self::Member(name) => write!(f, "the response is no JSON object with a text `{name}`"),
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => write!(f, "it is longer than {} bytes", MAX_CREDENTIAL),
            Self::Characters => f.write_str("it is not UTF-8, or has control characters"),
            Self::Url(why) => write!(f, "the URL is not allowed: {why}"),
            Self::Program(text) => f.write_str(text),
        }
    }
}

debug_is_sentence!(SourceError);

impl std::error::Error for SourceError {}
