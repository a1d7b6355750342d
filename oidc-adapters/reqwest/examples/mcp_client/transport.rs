//! The transport of rmcp, with access tokens. Copy this file: rmcp's own features for authorization are not needed.

use futures_core::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use oidc_reqwest::oidc_drive::resource::{Challenge, Resource, ResourceError};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
        StreamableHttpPostResponse, StreamableHttpResponseLimits,
    },
};
use sse_stream::Sse;
use std::{collections::HashMap, io, sync::Arc};

type Headers = HashMap<HeaderName, HeaderValue>;

/// What rmcp's client says about one message.
type Answer<T> = Result<T, StreamableHttpError<reqwest::Error>>;

/// A client for [`StreamableHttpClientTransport`](rmcp::transport::StreamableHttpClientTransport).
#[derive(Clone)]
pub(crate) struct Authorized {
    /// It must follow no redirect: a redirect would carry the token along.
    http: reqwest::Client,
    server: Resource,
}

/// The settings of rmcp for the server at this URL.
pub(crate) fn at(url: impl Into<Arc<str>>) -> StreamableHttpClientTransportConfig {
    StreamableHttpClientTransportConfig::with_uri(url)
}

impl Authorized {
    /// Makes a client that follows no redirect.
    pub(crate) fn new(server: Resource) -> Result<Self, reqwest::Error> {
        // reqwest asks for the crypto provider of the process.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, server })
    }

    /// Gives a message its token, and sends it again where that helps. `send` sends it once, with these headers.
    async fn authorized<T, F: Future<Output = Answer<T>>>(
        &self,
        method: Method,
        headers: Headers,
        send: impl Fn(Headers) -> F,
    ) -> Answer<T> {
        let send = |more: HeaderMap| {
            let more = more.iter().map(|(name, value)| (name.clone(), value.clone()));
            send(headers.clone().into_iter().chain(more).collect())
        };
        self.server.authorized(&method, send, challenge).await.map_err(|error| match error {
            ResourceError::Transport(error) => error,
            ResourceError::Access(error) => StreamableHttpError::Io(io::Error::other(error)),
            error @ (ResourceError::TooLarge { .. } | _) => {
                StreamableHttpError::Io(io::Error::other(error.to_string()))
            }
        })
    }
}

/// The refusal in an answer: its status, and the first challenge, which is all that rmcp's client hands on.
fn challenge<T>(answer: &Answer<T>) -> Option<Challenge> {
    match answer {
        Err(StreamableHttpError::AuthRequired(said)) => {
            Some(Challenge::new(StatusCode::UNAUTHORIZED, &said.www_authenticate_header))
        }
        Err(StreamableHttpError::InsufficientScope(said)) => {
            Some(Challenge::new(StatusCode::FORBIDDEN, &said.www_authenticate_header))
        }
        _ => None,
    }
}

impl StreamableHttpClient for Authorized {
    type Error = reqwest::Error;

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Answer<StreamableHttpPostResponse> {
        let send = |headers| {
            let (uri, message, session) = (uri.clone(), message.clone(), session.clone());
            self.http.post_message_with_response_limits(uri, message, session, token.clone(), headers, limits)
        };
        self.authorized(Method::POST, headers, send).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        token: Option<String>,
        headers: Headers,
        limit: usize,
    ) -> Answer<BoxStream<'static, Result<Sse, SseError>>> {
        let send = |headers| {
            let (uri, session, last) = (uri.clone(), session.clone(), last.clone());
            self.http.get_stream_with_max_sse_event_size(uri, session, last, token.clone(), headers, limit)
        };
        self.authorized(Method::GET, headers, send).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<()> {
        let send = |headers| self.http.delete_session(uri.clone(), session.clone(), token.clone(), headers);
        self.authorized(Method::DELETE, headers, send).await
    }

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<StreamableHttpPostResponse> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session, token, headers, limits).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<BoxStream<'static, Result<Sse, SseError>>> {
        let limit = StreamableHttpResponseLimits::default().max_sse_event_size;
        self.get_stream_with_max_sse_event_size(uri, session, last, token, headers, limit).await
    }
}
