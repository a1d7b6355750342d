//! [`resource_metadata`]: the route of the metadata that a resource publishes.

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request},
    response::{IntoResponse, Response},
    routing::any,
};
use http::StatusCode;
use oidc_drive::Gate;

/// Returns a router with one route: the metadata of the API, at the URL that its challenges name (RFC 9728 section 3). It
/// stands beside the routes of the API, without a gate. The router has no route if the resource server does not
/// [publish](oidc_proto::resource::ResourceServerBuilder::publish) its metadata.
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use oidc_axum::{
///     Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
///     protect, resource_metadata,
/// };
/// use tower::ServiceExt;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example/orders")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .publish(|about| about.scopes_supported(["orders:read"]))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let api = Router::new()
///     .route("/orders", get(async || "orders"))
///     .route_layer(protect(gate.clone()))
///     .merge(resource_metadata(&gate));
///
/// let status = async |path: &str| {
///     let request = Request::get(path).body(Body::empty())?;
///     Ok::<_, Box<dyn std::error::Error>>(api.clone().oneshot(request).await?.status())
/// };
/// assert_eq!(status("/orders").await?, 401);
/// assert_eq!(status("/.well-known/oauth-protected-resource/orders").await?, 200);
/// assert_eq!(status("/.well-known/oauth-protected-resource").await?, 404); // Another resource would be there.
/// # Ok(()) }
/// ```
///
/// If a segment of the path of the API begins with a colon or an asterisk, the router that this one is merged with needs
/// [`without_v07_checks`](Router::without_v07_checks), as axum says.
///
/// If the API is [nested](Router::nest) in another router, merge this router with the outermost one.
pub fn resource_metadata<S>(gate: &Gate) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let router = Router::new().without_v07_checks();
    let Some(published) = gate.server().published() else { return router };
    let gate = gate.clone();
    let serve = async move |OriginalUri(uri): OriginalUri, request: Request| -> Response {
        match gate.server().published().filter(|published| published.is_at(&uri)) {
            Some(published) => oidc_tower::resource_metadata::<_, Body>(published, &request),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    router.route(published.url().as_url().path(), any(serve))
}
