//! The extractors [`Access`], `Option<Access>` and [`Claims`]. They work with any state.

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

/// Extracts who sends the request and what they may do: [`oidc_proto::resource::Access`], for handlers.
///
/// ```
/// use oidc_axum::Access;
///
/// async fn list(access: Access) -> String {
///     let all = access.has_role("/realm_access/roles", "auditor");
///     let subject = access.subject().unwrap_or("nobody");
///     if all { "all reports".to_owned() } else { format!("reports of {subject}") }
/// }
///
/// let api: axum::Router = axum::Router::new().route("/reports", axum::routing::get(list));
/// ```
///
/// Behind [`protect`](crate::protect) there is always an access. With
/// [`.optional()`](oidc_tower::ProtectLayer::optional), extract `Option<Access>` where a request may have no token;
/// `Access` then refuses that request (401). If no gate stands in front of the route, both answer 500, because such a
/// request must not count as authenticated.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart")]
pub struct Access(pub Arc<resource::Access>);

impl Deref for Access {
    type Target = resource::Access;

    fn deref(&self) -> &resource::Access {
        &self.0
    }
}

/// Extracts the claims of the token, or the members of the introspection response, into a type of your own.
///
/// ```
/// use oidc_axum::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Employee {
///     department: String,
/// }
///
/// async fn create(Claims(employee): Claims<Employee>) -> String {
///     format!("a report for {}", employee.department)
/// }
///
/// let api: axum::Router = axum::Router::new().route("/reports", axum::routing::post(create));
/// ```
///
/// A valid token without such claims is answered 403. It is authenticated, but not allowed here.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart")]
pub struct Claims<T>(pub T);

/// The rejection of the extractors. As a response, it has the status and the challenge of the refusal.
///
/// Extract a `Result` to answer with a page of your own:
///
/// ```
/// use axum::{
///     Router,
///     body::{Body, to_bytes},
///     http::Request,
///     routing::get,
/// };
/// use oidc_axum::{
///     Access, Gate, Refusal,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
///     protect,
/// };
/// use tower::ServiceExt;
///
/// async fn home(access: Result<Access, Refusal>) -> String {
///     match access {
///         Ok(access) => format!("Hello, {}", access.subject().unwrap_or("robot")),
///         Err(refusal) => format!("Please log in ({:?})", refusal.denied().map(|denied| denied.status())),
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let api = Router::new().route("/", get(home)).layer(protect(gate).optional());
///
/// let response = api.oneshot(Request::get("/").body(Body::empty())?).await?;
/// assert_eq!(to_bytes(response.into_body(), 100).await?, "Please log in (Some(401))");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal(Option<resource::Denied>);

impl Refusal {
    /// Returns the refusal of the gate. `None` if no gate has seen the request: then [`protect`](crate::protect) is
    /// missing around the route.
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
