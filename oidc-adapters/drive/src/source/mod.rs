//! [`Source`]: where a program gets a credential that changes, such as the token that a platform gives to a workload.
//!
//! ```text
//! a handle needs to authenticate ─▶ the source is read ─▶ one attempt with what was read
//!                                                      ─▶ another attempt: the source is read again
//! ```
//! What was read is never kept: the platform or an operator replaces it at any time, and no restart is needed.

mod error;
mod http;

pub use self::{
    error::{MAX_CREDENTIAL, SourceError, SourceReason},
    http::HttpSource,
};

use crate::{drive::Boxed, io::Io};
use oidc_proto::{EndpointUrl, Secret};
use std::{
    env, fmt,
    fs::File,
    future::Future,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a program gets a credential that changes: the assertion of a workload, a subject token, or a client secret.
/// Cheap to clone. It is read anew for each attempt, and nothing of it is kept.
///
/// ```
/// use oidc_drive::{blocking::{Io, Provider}, http, oidc_proto::flow::{ClientCredentialsRequest, Request, Terms}};
/// use oidc_drive::source::Source;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = std::env::temp_dir().join(format!("token-of-the-workload-{}", std::process::id()));
/// std::fs::write(&token, "eyJhbGciOi…")?; // the platform writes the file, and replaces it every hour
/// let send = |request: Request, _: Terms| {
///     let body = match request.uri().path() {
///         "/token" => {
///             assert!(String::from_utf8_lossy(request.body()).contains("client_assertion=eyJhbGciOi"));
///             r#"{"access_token": "a token", "token_type": "Bearer", "expires_in": 3600}"#
///         }
///         _ => r#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///                  "response_types_supported": ["code"]}"#,
///     };
///     http::Response::builder().header("content-type", "application/json").body(body)
/// };
/// let provider = Provider::builder("https://op.example", Io::new(send))
///     .client_id("my-workload")
///     .assertion_source(Source::file(&token))
///     .build()?;
/// let tokens = provider.client_credentials(&ClientCredentialsRequest::new(["orders.read"]))?;
/// assert_eq!(tokens.value.access_token.expose(), "a token");
/// # std::fs::remove_file(token)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Source(Arc<Kind>);

type Ask = dyn Fn() -> Boxed<Result<Secret, String>> + Send + Sync;

enum Kind {
    File(PathBuf),
    Environment(String),
    Http(HttpSource),
    GithubActions { audience: String },
    Program { name: String, ask: Box<Ask> },
}

impl Source {
    /// Reads a file, such as the projected token of a Kubernetes service account. Line ends at its end are left out. The
    /// file must be small and local: it is read while the handle waits for nothing else.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Kind::File(path.into())))
    }

    /// Reads an environment variable.
    pub fn environment(name: impl Into<String>) -> Self {
        Self(Arc::new(Kind::Environment(name.into())))
    }

    /// Asks at this URL, over the HTTP client of the handle. [`HttpSource`] has the headers and the member of the response.
    /// The metadata server of a cloud answers plain http at an address of its own network. So its URL needs a
    /// [policy](oidc_proto::UrlPolicy) that allows both.
    pub const fn http(url: EndpointUrl) -> HttpSource {
        HttpSource::new(url)
    }

    /// Asks GitHub Actions for the ID token of the running job, for this audience. The workflow needs the permission
    /// `id-token: write`.
    pub fn github_actions(audience: impl Into<String>) -> Self {
        Self(Arc::new(Kind::GithubActions { audience: audience.into() }))
    }

    /// Calls a function of the program, such as a client of the SPIFFE Workload API. `name` is for errors. The text of an
    /// error of the function appears in logs, so it must not contain the credential.
    pub fn from_fn<F, E>(name: impl Into<String>, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Secret, E>> + Send + 'static,
        E: fmt::Display,
    {
        let ask = move || -> Boxed<Result<Secret, String>> {
            let asking = ask();
            Box::pin(async move { asking.await.map_err(|error| error.to_string()) })
        };
        Self(Arc::new(Kind::Program { name: name.into(), ask: Box::new(ask) }))
    }

    /// Reads the source.
    pub(crate) async fn read(&self, io: &Arc<Io>) -> Result<Secret, SourceError> {
        let read = match &*self.0 {
            Kind::File(path) => file(path),
            Kind::Environment(name) => env::var(name).map(Secret::new).map_err(|_| SourceReason::Environment),
            Kind::Http(http) => http.read(io).await,
            Kind::GithubActions { audience } => match HttpSource::github_actions(audience) {
                Ok(http) => http.read(io).await,
                Err(reason) => Err(reason),
            },
            Kind::Program { ask, .. } => ask().await.map_err(SourceReason::Program),
        };
        read.and_then(checked).map_err(|reason| SourceError::new(self.name(), reason))
    }

    fn name(&self) -> String {
        match &*self.0 {
            Kind::File(path) => format!("the file {}", path.display()),
            Kind::Environment(name) => format!("the environment variable {name}"),
            Kind::Http(http) => http.name(),
            Kind::GithubActions { .. } => "GitHub Actions".to_owned(),
            Kind::Program { name, .. } => name.clone(),
        }
    }
}

impl From<HttpSource> for Source {
    fn from(http: HttpSource) -> Self {
        Self(Arc::new(Kind::Http(http)))
    }
}

/// Names the source, and shows nothing that it contains.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

fn file(path: &Path) -> Result<Secret, SourceReason> {
    let failed = |error: std::io::Error| SourceReason::File(error.kind());
    let mut bytes = Vec::new();
    // One byte more than the limit shows that the file is too long.
    let most = u64::try_from(MAX_CREDENTIAL).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_CREDENTIAL {
        return Err(SourceReason::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|_| SourceReason::Characters)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Checks a credential from any source.
fn checked(credential: Secret) -> Result<Secret, SourceReason> {
    let text = credential.expose();
    if text.is_empty() {
        return Err(SourceReason::Empty);
    }
    if text.len() > MAX_CREDENTIAL {
        return Err(SourceReason::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(SourceReason::Characters);
    }
    Ok(credential)
}
