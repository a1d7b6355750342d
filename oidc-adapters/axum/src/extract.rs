//! Extractors: [`Access`], `Option<Access>` and [`Claims`]. All work with any state.

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use oidc_drive::Gate;
use oidc_proto::resource;
use serde::de::DeserializeOwned;
use std::{ops::Deref, sync::Arc};

/// Who asks, and what they may do: [`oidc_proto::resource::Access`], for handlers.
///
/// Behind [`protect`](crate::protect) it is always there. In optional mode, extract `Option<Access>`
/// where a request may come without a token; `Access` alone then refuses it (401). Where no gate is in
/// front, both are answered 500: nothing may be believed of such a request.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart")]
pub struct Access(pub Arc<resource::Access>);

impl Deref for Access {
    type Target = resource::Access;

    fn deref(&self) -> &resource::Access {
        &self.0
    }
}

/// The claims of the token, or the members of the introspection response, in a type of your own.
/// A token without such claims is good, but not for this: 403.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart")]
pub struct Claims<T>(pub T);

/// Why an extractor has nothing to give.
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal(Option<resource::Denied>);

impl Refusal {
    /// The refusal; `None` if no gate has seen the request, which is an error in how routes are put
    /// together.
    #[must_use]
    pub const fn denied(&self) -> Option<&resource::Denied> {
        self.0.as_ref()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self.0 {
            Some(denied) => oidc_tower::answer::<Body>(&denied),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

fn access(parts: &Parts) -> Result<Access, Refusal> {
    match oidc_tower::access(&parts.extensions) {
        Some(access) => Ok(Access(Arc::clone(access))),
        None => Err(Refusal(oidc_tower::gate(&parts.extensions).map(Gate::demand_credentials))),
    }
}

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        access(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        match oidc_tower::access(&parts.extensions) {
            Some(access) => Ok(Some(Self(Arc::clone(access)))),
            None if oidc_tower::gate(&parts.extensions).is_some() => Ok(None),
            None => Err(Refusal(None)),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Claims<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let access = access(parts)?;
        access.custom().map(Self).map_err(|_| {
            let such_claims = resource::Requirement::new().satisfies(|_| false);
            let gate = oidc_tower::gate(&parts.extensions);
            Refusal(gate.and_then(|gate| gate.require(&access, &such_claims).err()))
        })
    }
}
