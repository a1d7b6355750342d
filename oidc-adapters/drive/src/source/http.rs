//! [`HttpSource`]: asks a server of the platform for a credential.

use super::error::{MAX_CREDENTIAL, SourceReason};
use crate::io::Io;
use http::{HeaderName, HeaderValue, StatusCode, header};
use oidc_proto::{
    EndpointUrl, Secret, UrlPolicy,
    flow::{Endpoint, Request, Terms},
};
use serde_json::Value;
use std::{env, fmt, sync::Arc};
use url::Url;

/// The request to a server of the platform that answers with a credential: as text, or in a member of a JSON object.
///
/// ```
/// use oidc_drive::{http::HeaderName, oidc_proto::{EndpointUrl, UrlPolicy}, source::Source};
///
/// // The metadata server of Google Cloud, for a service with an identity there.
/// let server = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity";
/// let policy = UrlPolicy::default().with_plain_http_host("metadata.google.internal");
/// let url = EndpointUrl::parse(&format!("{server}?audience=https://op.example"), &policy)?;
/// let source = Source::http(url).header(HeaderName::from_static("metadata-flavor"), "Google");
/// assert_eq!(format!("{source:?}"), r#"HttpSource("metadata.google.internal")"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a source does nothing until a handle reads it"]
pub struct HttpSource {
    url: EndpointUrl,
    headers: Vec<(HeaderName, Secret)>,
    member: Option<&'static str>,
}

impl HttpSource {
    pub(super) const fn new(url: EndpointUrl) -> Self {
        Self { url, headers: Vec::new(), member: None }
    }

    /// Adds a header to the request, such as the one with which a metadata server protects itself.
    pub fn header(mut self, name: HeaderName, value: impl Into<Secret>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Reads the credential from this member of a JSON object. By default, the credential is the whole body.
    pub const fn member(mut self, name: &'static str) -> Self {
        self.member = Some(name);
        self
    }

    /// Returns the request for the ID token of a job. The platform gives its URL and its token in the environment, anew for
    /// each job.
    pub(super) fn github_actions(audience: &str) -> Result<Self, SourceReason> {
        let variable = |name| env::var(name).map_err(|_| SourceReason::EnvironmentOf(name));
        let (url, token) = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN");
        let (url, token) = (variable(url)?, Secret::new(variable(token)?));
        let refused = |why: String| SourceReason::Url(why);
        let mut url = Url::parse(&url).map_err(|error| refused(error.to_string()))?;
        url.query_pairs_mut().append_pair("audience", audience);
        let policy = UrlPolicy::default().for_issuer(url.as_str());
        let url = EndpointUrl::parse(url.as_str(), &policy).map_err(|error| refused(error.to_string()))?;
        let bearer = Secret::new(format!("Bearer {}", token.expose()));
        Ok(Self::new(url).header(header::AUTHORIZATION, bearer).member("value"))
    }

    pub(super) fn name(&self) -> String {
        Url::parse(self.url.as_str())
            .ok()
            .and_then(|url| Some(url.host_str()?.to_owned()))
            .unwrap_or_default()
    }

    pub(super) async fn read(&self, io: &Arc<Io>) -> Result<Secret, SourceReason> {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = self
            .url
            .as_str()
            .parse()
            .map_err(|error: http::uri::InvalidUri| SourceReason::Url(error.to_string()))?;
        for (name, value) in &self.headers {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| SourceReason::Characters)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name.clone(), value);
        }
        let mut terms = Terms::new(Endpoint::Other("credential source"));
        terms.max_body = MAX_CREDENTIAL;
        let response = io.send(request, terms).await.map_err(|lost| SourceReason::NoResponse(lost.text))?;
        if response.status() != StatusCode::OK {
            return Err(SourceReason::Status(response.status().as_u16()));
        }
        let body = response.into_body();
        if body.len() > MAX_CREDENTIAL {
            return Err(SourceReason::TooLong);
        }
        match self.member {
            None => {
                let text = String::from_utf8(body).map_err(|_| SourceReason::Characters)?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
            Some(name) => {
                let read: Option<Value> = serde_json::from_slice(&body).ok();
                let text = read.as_ref().and_then(|read| read.get(name)?.as_str());
                Ok(Secret::new(text.ok_or(SourceReason::Member(name))?))
            }
        }
    }
}

/// Names the host, and shows neither the query nor the headers.
impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpSource").field(&self.name()).finish()
    }
}
