//! What went wrong, and its code.

use oidc_reqwest::{
    DriveError, Error as Transport, ProviderError,
    oidc_drive::resource::{AccessError, NoResponseError, ResourceError},
    oidc_proto::Error,
};
use rmcp::service::ClientInitializeError;
use std::{error, io};

pub(crate) type Problem = Box<dyn error::Error + Send + Sync>;

/// Returns the stable code of what went wrong, wherever in the chain of causes it is.
pub(crate) fn code(problem: &(dyn error::Error + 'static)) -> &'static str {
    let known = None
        .or_else(|| problem.downcast_ref().map(AccessError::code))
        .or_else(|| problem.downcast_ref().map(ResourceError::<NoResponseError>::code))
        .or_else(|| problem.downcast_ref().map(ProviderError::code))
        .or_else(|| problem.downcast_ref().map(DriveError::<Transport>::code))
        .or_else(|| problem.downcast_ref().map(Error::code));
    if let Some(code) = known {
        return code;
    }
    // These two hide the error that they were made of.
    let inner = problem.downcast_ref::<io::Error>().and_then(io::Error::get_ref).or_else(|| {
        match problem.downcast_ref() {
            Some(ClientInitializeError::TransportError { error, .. }) => Some(&*error.error),
            _ => None,
        }
    });
    match inner.map(|inner| inner as &(dyn error::Error + 'static)).or_else(|| problem.source()) {
        Some(cause) => code(cause),
        None => "unknown",
    }
}
