//! One exchange over one connection of hyper, with a [`Meter`] between the socket and every reader.

use super::{
    error::Error,
    meter::{Meter, PIECE},
};
use http::{HeaderValue, Method, Uri, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Body as _, Bytes, Incoming},
    rt::{Executor, Read, ReadBuf, ReadBufCursor, Write},
};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{
    Client,
    connect::{Connected, Connection},
};
use oidc_proto::flow::{Request, Terms};
use rustls::ClientConfig;
use std::{
    error,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_service::Service;

/// The `Accept-Encoding` that refuses compression. Without the header, a server may use any coding (RFC 9110 section
/// 12.5.3).
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The maximum size of a response head over HTTP/2, in bytes: what every HTTP/1.1 client here allows. hyper's default
/// is 16 KB.
const MAX_HEAD: u32 = 64 * 1024;

/// The smallest and the largest flow-control window to set, in bytes: the protocol's initial value and its maximum (RFC
/// 9113 section 6.9).
const WINDOWS: (u32, u32) = (65_535, (1 << 31) - 1);

/// The number of bytes that a task may read without a pause before other tasks have their turn.
const TURN: usize = 2 * PIECE;

/// Carries out one request under its terms, over a connection that `connector` opens, with TLS for an `https` URL.
///
/// # Errors
/// Fails if there was no complete response.
pub(crate) async fn exchange<C>(
    connector: C,
    config: Arc<ClientConfig>,
    request: Request,
    terms: Terms,
    user_agent: HeaderValue,
) -> Result<http::Response<Vec<u8>>, Error>
where
    C: Service<Uri, Response: Read + Write + Send + Unpin, Error: Into<Box<dyn error::Error + Send + Sync>>>,
    C: Clone + Send + Sync + 'static,
    C::Future: Send,
{
    let meter = Arc::new(Meter::new(terms));
    let client = client(Metered { inner: connector, meter: Arc::clone(&meter) }, config, terms);
    let spoken = tokio::time::timeout(terms.timeout, speak(&client, request, terms, user_agent)).await;
    match spoken {
        Ok(Ok(response)) => Ok(response),
        // If the meter refused a read, report that, and not the error that hyper made of it.
        Ok(Err(error)) => Err(meter.exceeded().map_or(error, Error::from)),
        Err(_) => Err(Error::Timeout),
    }
}

type Connections<C> = Client<HttpsConnector<Metered<C>>, Full<Bytes>>;

async fn speak<C>(
    client: &Connections<C>,
    request: Request,
    terms: Terms,
    user_agent: HeaderValue,
) -> Result<http::Response<Vec<u8>>, Error>
where
    C: Service<Uri, Response: Read + Write + Send + Unpin, Error: Into<Box<dyn error::Error + Send + Sync>>>,
    C: Clone + Send + Sync + 'static,
    C::Future: Send,
{
    // RFC 9110 section 8.6: an empty GET has no `Content-Length`, an empty POST has one.
    let nothing = request.method() == Method::POST && request.body().is_empty();
    let mut request = request.map(|body| Full::new(Bytes::from(body)));
    request.headers_mut().entry(header::USER_AGENT).or_insert(user_agent);
    request.headers_mut().entry(header::ACCEPT_ENCODING).or_insert(IDENTITY);
    if nothing {
        request.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
    }
    let (parts, mut body) = client.request(request).await?.into_parts();
    let most = terms.max_body.saturating_add(1);
    let read = read(&mut body, most).await?;
    // hyper treats a stream that was reset with NO_ERROR as complete.
    if parts.version == Version::HTTP_2 && read.len() < most && !body.is_end_stream() {
        return Err(Error::Cut);
    }
    Ok(http::Response::from_parts(parts, read))
}

/// Reads the body, but no more than `most` bytes.
async fn read(body: &mut Incoming, most: usize) -> Result<Vec<u8>, hyper::Error> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            read.extend(data.into_iter().take(most - read.len()));
        }
        if read.len() == most {
            break;
        }
    }
    Ok(read)
}

/// Makes a client for one exchange. So no request is sent on a connection that the server is just closing.
fn client<C>(connector: Metered<C>, config: Arc<ClientConfig>, terms: Terms) -> Connections<C>
where
    C: Service<Uri, Response: Read + Write + Send + Unpin, Error: Into<Box<dyn error::Error + Send + Sync>>>,
    C: Clone + Send + Sync + 'static,
    C::Future: Send,
{
    let (least, widest) = WINDOWS;
    // The window is as large as the part of the body that is read.
    let window = u32::try_from(terms.max_body.saturating_add(1)).unwrap_or(widest).clamp(least, widest);
    Client::builder(Bounded(terms.timeout.saturating_mul(2)))
        .pool_max_idle_per_host(0)
        .retry_canceled_requests(false)
        .http2_max_header_list_size(MAX_HEAD)
        .http2_initial_stream_window_size(window)
        .http2_initial_connection_window_size(window)
        .build(HttpsConnector::from((connector, config)))
}

/// Runs hyper's connection task, for no longer than this duration. The task normally ends with its exchange, but a
/// server that reads nothing could keep it alive without end. The limit is longer than that of the exchange, so that
/// the exchange reports the timeout.
#[derive(Clone)]
struct Bounded(Duration);

impl<T: Future<Output: Send> + Send + 'static> Executor<T> for Bounded {
    fn execute(&self, task: T) {
        tokio::spawn(tokio::time::timeout(self.0, task));
    }
}

/// Opens connections, and wraps them in the meter.
#[derive(Clone)]
struct Metered<C> {
    inner: C,
    meter: Arc<Meter>,
}

impl<C> Service<Uri> for Metered<C>
where
    C: Service<Uri, Response: Send, Error: Into<Box<dyn error::Error + Send + Sync>>>,
    C::Future: Send + 'static,
{
    type Response = MeteredStream<C::Response>;
    type Error = Box<dyn error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (opening, meter) = (self.inner.call(uri), Arc::clone(&self.meter));
        Box::pin(async move {
            let inner = opening.await.map_err(Into::into)?;
            Ok(MeteredStream { inner, meter, piece: vec![0; PIECE], turn: 0 })
        })
    }
}

/// A connection whose bytes are counted as they come from the socket.
struct MeteredStream<S> {
    inner: S,
    meter: Arc<Meter>,
    piece: Vec<u8>,
    /// The number of bytes read since a read last had to wait.
    turn: usize,
}

impl<S: Read + Unpin> Read for MeteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let room = this.meter.room()?.min(to.remaining()).min(this.piece.len());
        if this.turn >= TURN {
            this.turn = 0;
            // The reader goes on as long as there are bytes. On a runtime with one thread, no timer fires meanwhile.
            // `yield_now` wakes this task after the other tasks and the timers have had their turn. A direct wake-up
            // would come before them.
            let _pending = pin!(tokio::task::yield_now()).poll(context);
            return Poll::Pending;
        }
        let (piece, _) = this.piece.split_at_mut(room);
        let mut piece = ReadBuf::new(piece);
        let came = Pin::new(&mut this.inner).poll_read(context, piece.unfilled());
        if came.is_pending() {
            this.turn = 0;
        }
        ready!(came)?;
        let bytes = piece.filled();
        this.turn += bytes.len();
        this.meter.took(bytes.len())?;
        to.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for MeteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }
}

/// Reports no properties of the connection: there is no proxy, and the TLS layer reports its own protocol.
impl<S> Connection for MeteredStream<S> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::{Meter, MeteredStream, PIECE, TURN};
    use hyper::rt::{Read as _, ReadBuf, ReadBufCursor};
    use oidc_proto::flow::Discovery;
    use std::{
        io,
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll, Wake},
        time::Duration,
    };

    /// A connection that always has bytes to read.
    struct Endless;

    impl hyper::rt::Read for Endless {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut to: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            to.put_slice(&vec![b'0'; to.remaining()]);
            Poll::Ready(Ok(()))
        }
    }

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn stream(timeout: Duration) -> MeteredStream<Endless> {
        let call = Discovery::start("https://op.example", &Default::default()).expect("an issuer");
        let (_, mut terms, _) = call.into_parts();
        terms.timeout = timeout;
        MeteredStream { inner: Endless, meter: Arc::new(Meter::new(terms)), piece: vec![0; PIECE], turn: 0 }
    }

    /// Reads once into a large buffer, and returns the number of bytes.
    fn read(stream: &mut MeteredStream<Endless>, woken: &Arc<Woken>) -> Poll<io::Result<usize>> {
        let mut room = vec![0; 64 * PIECE];
        let mut to = ReadBuf::new(&mut room);
        let waker = Arc::clone(woken).into();
        let came = Pin::new(stream).poll_read(&mut Context::from_waker(&waker), to.unfilled());
        came.map_ok(|()| to.filled().len())
    }

    #[test]
    fn other_tasks_have_their_turn_though_there_are_always_bytes_to_read() {
        let (mut stream, woken) = (stream(Duration::from_secs(600)), Arc::new(Woken(AtomicUsize::new(0))));
        let (mut sum, mut turns) = (0, 0);
        let error = loop {
            match read(&mut stream, &woken) {
                Poll::Ready(Ok(bytes)) => {
                    assert!((1..=PIECE).contains(&bytes), "{bytes}");
                    sum += bytes;
                    assert!(sum <= TURN * (turns + 1), "{sum} bytes in {turns} turns");
                }
                Poll::Pending => {
                    turns += 1;
                    assert_eq!(woken.0.load(Ordering::Relaxed), turns, "nobody would come back");
                }
                Poll::Ready(Err(error)) => break error,
            }
        };
        assert_eq!(error.to_string(), "the server sent more than 1048576 bytes in one exchange");
        assert_eq!((sum, turns), (1 << 20, (1 << 20) / TURN));
    }

    #[test]
    fn a_read_checks_the_time_though_there_are_bytes_to_read() {
        let (mut stream, woken) = (stream(Duration::ZERO), Arc::new(Woken(AtomicUsize::new(0))));
        let came = read(&mut stream, &woken).map_err(|error| error.kind());
        assert!(matches!(came, Poll::Ready(Err(io::ErrorKind::TimedOut))), "{came:?}");
    }
}
