//! [`Socket`]: the provider on loopback, for tests of HTTP stacks and for examples.

use crate::provider::TestProvider;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use oidc_proto::base::Timestamp;
use std::{
    convert::Infallible,
    fmt, io,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::SystemTime,
};
use tokio::sync::oneshot;

/// The maximum size of a request body, in bytes. The requests of clients are far smaller.
const MAX_BODY: usize = 1 << 20;

/// A provider that listens on a port of 127.0.0.1, in a thread of its own, until it is dropped.
///
/// ```
/// use oidc_testkit::{EndpointName, Socket, TestProvider};
/// use std::{io::{Read as _, Write as _}, net::TcpStream};
///
/// let socket = Socket::start(|issuer| TestProvider::new(issuer));
/// let host = socket.issuer().trim_start_matches("http://");
/// let mut stream = TcpStream::connect(host)?;
/// write!(stream, "GET /jwks HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n")?;
/// let mut response = String::new();
/// stream.read_to_string(&mut response)?;
/// assert!(response.starts_with("HTTP/1.1 200 OK"));
/// assert_eq!(socket.provider(|provider| provider.count(EndpointName::Jwks)), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Socket {
    issuer: String,
    provider: Arc<Mutex<TestProvider>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Socket {
    /// Starts a provider on a free port, with the clock of the system. `build` gets the issuer for the port, and may
    /// append a path to it.
    ///
    /// # Panics
    /// Panics if no port of 127.0.0.1 is free.
    #[must_use]
    pub fn start(build: impl FnOnce(&str) -> TestProvider) -> Self {
        Self::start_with_clock(build, system_clock)
    }

    /// Starts a provider on a free port, with a clock of your own.
    ///
    /// # Panics
    /// Panics if no port of 127.0.0.1 is free.
    #[must_use]
    pub fn start_with_clock(
        build: impl FnOnce(&str) -> TestProvider,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port of 127.0.0.1");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let provider = build(&format!("http://127.0.0.1:{port}"));
        let issuer = provider.issuer().to_owned();
        let provider = Arc::new(Mutex::new(provider));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&provider);
        let thread = std::thread::spawn(move || serve(listener, shared, clock, stopped));
        Self { issuer, provider, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the provider's issuer: `http://127.0.0.1:<port>`, and the path that `build` appended.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Calls `look` with the provider, between two requests, to read or change its state. Returns the result.
    pub fn provider<T>(&self, look: impl FnOnce(&mut TestProvider) -> T) -> T {
        look(&mut lock(&self.provider))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn serve(
    listener: TcpListener,
    provider: Arc<Mutex<TestProvider>>,
    clock: impl Fn() -> Timestamp + Send + 'static,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("a runtime of one thread");
    let tasks = tokio::task::LocalSet::new();
    let clock = std::rc::Rc::new(clock);
    tasks.block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("the socket does not block");
        while let Some(accepted) = next(&listener, &mut stopped).await {
            let Ok((stream, _)) = accepted else { continue };
            let (provider, clock) = (Arc::clone(&provider), std::rc::Rc::clone(&clock));
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| answer(request, &provider, &*clock));
                // A client may close the connection early. That is no error.
                let _end = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

/// Waits for the next connection. Returns `None` once the socket is dropped.
async fn next(
    listener: &tokio::net::TcpListener,
    stopped: &mut oneshot::Receiver<()>,
) -> Option<io::Result<(tokio::net::TcpStream, std::net::SocketAddr)>> {
    use std::{future::Future as _, pin::Pin, task::Poll};
    std::future::poll_fn(|context| {
        if Pin::new(&mut *stopped).poll(context).is_ready() {
            return Poll::Ready(None);
        }
        listener.poll_accept(context).map(Some)
    })
    .await
}

async fn answer(
    request: Request<Incoming>,
    provider: &Mutex<TestProvider>,
    clock: &impl Fn() -> Timestamp,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => {
            let request = Request::from_parts(head, body.to_bytes().to_vec());
            // The lock is taken after the whole body has arrived, and released before the response leaves.
            lock(provider).handle(&request, clock())
        }
        Err(_) => {
            let mut response = Response::new(Vec::new());
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            response
        }
    };
    Ok(response.map(|body| Full::new(Bytes::from(body))))
}

/// Locks the provider. A panic under the lock fails the test that caused it, so the poisoned lock stays in use.
fn lock(provider: &Mutex<TestProvider>) -> MutexGuard<'_, TestProvider> {
    provider.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp(i64::try_from(since).unwrap_or(i64::MAX))
}
