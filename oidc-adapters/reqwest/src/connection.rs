//! A connection that reqwest has opened, taken from it before a request is sent.
//!
//! reqwest has no place between its sockets and hyper for a meter. A layer around its connector may delay a
//! connection, but must return the same type that it got, and no other crate can make a value of that type. So no
//! code could count the bytes that are read, and hyper reads the size of a chunk for as long as a server sends zeros.
//! Therefore reqwest only opens the connection here, and [`oidc_drive::stack`] sends the request over it.

use http::{Uri, uri::Scheme};
use hyper::rt::{Read, Write};
use reqwest::ClientBuilder;
use std::{
    error::Error,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;

/// A connection of any type: the type of reqwest's connections is private.
#[allow(unnameable_types, reason = "it stands in the type of a private connector only")]
pub trait Stream: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Stream for T {}

type Slot = Arc<Mutex<Option<Box<dyn Stream>>>>;

/// Opens a connection to the host of this URL, without TLS. The client is used for this connection only.
pub(crate) async fn open(client: ClientBuilder, to: &Uri) -> Result<Opened, reqwest::Error> {
    let opened = Opened(Slot::default());
    let client = client.connector_layer(opened.clone()).build()?;
    // The caller adds TLS to the connection, so it is opened as for http. The request below is never sent: it ends
    // when the connection is taken.
    let port = to.port_u16().unwrap_or(if to.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 });
    let url = format!("http://{}:{port}/", to.host().unwrap_or_default());
    match client.get(url).send().await {
        Err(error) if !opened.is_taken() => Err(error),
        Err(_) | Ok(_) => Ok(opened),
    }
}

/// Holds an opened connection. As a layer, it takes the connection from reqwest. As a connector for hyper, it returns
/// the connection, once.
#[derive(Clone)]
#[allow(unnameable_types, reason = "it stands in the type of a private connector only")]
pub struct Opened(Slot);

impl Opened {
    fn take(&self) -> Option<Box<dyn Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_taken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl<S> Layer<S> for Opened {
    type Service = Taking<S>;

    fn layer(&self, inner: S) -> Taking<S> {
        Taking { inner, slot: Arc::clone(&self.0) }
    }
}

impl Service<Uri> for Opened {
    type Response = Box<dyn Stream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Box<dyn Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.take().ok_or_else(|| io::Error::other("a connection serves one exchange")))
    }
}

/// The connector of reqwest, from which each connection is taken before a request is sent.
#[derive(Clone)]
#[allow(unnameable_types, reason = "it stands in the type of a private connector only")]
pub struct Taking<S> {
    inner: S,
    slot: Slot,
}

impl<S, R> Service<R> for Taking<S>
where
    S: Service<R, Error = BoxError, Response: Stream + 'static, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let (opening, slot) = (self.inner.call(to), Arc::clone(&self.slot));
        Box::pin(async move {
            let stream: Box<dyn Stream> = Box::new(opening.await?);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
            Err("the connection is taken".into())
        })
    }
}
