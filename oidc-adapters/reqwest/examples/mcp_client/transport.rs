//! The transport of rmcp, with access tokens. Copy this file: rmcp's own features for authorization are not needed.

use futures_core::stream::BoxStream;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use oidc_reqwest::oidc_drive::Api;
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
        StreamableHttpResponseLimits,
    },
};
use sse_stream::Sse;
use std::{collections::HashMap, io, sync::Arc};

type Headers = HashMap<HeaderName, HeaderValue>;

/// What rmcp's client says about one message.
pub(crate) type Answer<T> = Result<T, StreamableHttpError<reqwest::Error>>;

/// Gives a message its token, and sends it again where that helps. `send` sends it once, with further headers.
pub(crate) trait Authorize: Clone + Send + Sync + 'static {
    fn authorized<T: Send, F: Future<Output = Answer<T>> + Send>(
        &self,
        method: Method,
        uri: &str,
        send: impl Fn(Headers) -> F + Send + Sync,
    ) -> impl Future<Output = Answer<T>> + Send;
}

impl Authorize for Api {
    async fn authorized<T: Send, F: Future<Output = Answer<T>> + Send>(
        &self,
        method: Method,
        uri: &str,
        send: impl Fn(Headers) -> F + Send + Sync,
    ) -> Answer<T> {
        let head = Request::builder().method(method).uri(uri).body(());
        let head = head.map_err(|error| StreamableHttpError::Io(io::Error::other(error)))?;
        let send = |head: Request<()>| {
            let headers = head.headers().iter().map(|(name, value)| (name.clone(), value.clone()));
            let sending = send(headers.collect());
            async move { Ok::<_, std::convert::Infallible>(response(sending.await)) }
        };
        let answer = self.send(head, send).await;
        answer.map_err(|error| StreamableHttpError::Io(io::Error::other(error)))?.response.into_body()
    }
}

/// The head of the response, as far as rmcp's client tells it: the status of a refusal, and the first challenge.
fn response<T>(answer: Answer<T>) -> Response<Answer<T>> {
    let refused = match &answer {
        Err(StreamableHttpError::AuthRequired(said)) => {
            Some((StatusCode::UNAUTHORIZED, &said.www_authenticate_header))
        }
        Err(StreamableHttpError::InsufficientScope(said)) => {
            Some((StatusCode::FORBIDDEN, &said.www_authenticate_header))
        }
        _ => None,
    };
    let (status, headers) = refused.map_or_else(Default::default, |(status, challenge)| {
        let challenge = HeaderValue::from_str(challenge).ok();
        (status, challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)).into_iter().collect())
    });
    let mut response = Response::new(answer);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

/// A client for [`StreamableHttpClientTransport`](rmcp::transport::StreamableHttpClientTransport).
#[derive(Clone)]
pub(crate) struct Authorized<A> {
    /// It must follow no redirect: a redirect would carry the token along.
    pub(crate) http: reqwest::Client,
    pub(crate) by: A,
}

impl<A: Authorize> StreamableHttpClient for Authorized<A> {
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
        let send = |more| {
            let (uri, message, session) = (uri.clone(), message.clone(), session.clone());
            let (token, headers) = (token.clone(), with(&headers, more));
            self.http.post_message_with_response_limits(uri, message, session, token, headers, limits)
        };
        self.by.authorized(Method::POST, &uri, send).await
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
        let send = |more| {
            let (uri, session, last) = (uri.clone(), session.clone(), last.clone());
            let (token, headers) = (token.clone(), with(&headers, more));
            self.http.get_stream_with_max_sse_event_size(uri, session, last, token, headers, limit)
        };
        self.by.authorized(Method::GET, &uri, send).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<()> {
        let send = |more| {
            let headers = with(&headers, more);
            self.http.delete_session(uri.clone(), session.clone(), token.clone(), headers)
        };
        self.by.authorized(Method::DELETE, &uri, send).await
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

/// The headers of rmcp, and those of the authorization.
fn with(headers: &Headers, more: Headers) -> Headers {
    headers.clone().into_iter().chain(more).collect()
}
