//! A server of raw bytes on loopback, scripted by each test: it sends what no proper server would, and
//! remembers every byte that it got.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// The end of a script: what becomes of the connection.
pub enum Then {
    /// The connection waits for another request.
    Keep,
    /// The connection is closed in order.
    Close,
    /// The connection is reset. The bytes that were sent may never arrive.
    Reset,
    /// The connection is cut without a closing message.
    Cut,
}

pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// The requests that have arrived so far.
#[derive(Default)]
pub struct Seen {
    pub connections: usize,
    /// Each request as it came: head and body.
    pub requests: Vec<String>,
    /// Whether each request came on a connection with a client certificate.
    pub certified: Vec<bool>,
}

pub struct Server {
    address: SocketAddr,
    tls: bool,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

type Script = dyn Fn(&mut dyn Stream, &str) -> io::Result<Then> + Send + Sync;

impl Server {
    /// Runs the script for each request that has arrived in full. If a script cannot write, the client has
    /// hung up.
    pub fn start(script: impl Fn(&mut dyn Stream, &str) -> io::Result<Then> + Send + Sync + 'static) -> Self {
        Self::run(None, Some(Arc::new(script)))
    }

    /// Answers each request with the same bytes.
    pub fn says(answer: impl Into<Vec<u8>>, then: fn() -> Then) -> Self {
        let answer = answer.into();
        Self::start(move |stream, _| stream.write_all(&answer).map(|()| then()))
    }

    /// Runs the script for each request over TLS.
    pub fn tls(
        config: ServerConfig,
        script: impl Fn(&mut dyn Stream, &str) -> io::Result<Then> + Send + Sync + 'static,
    ) -> Self {
        Self::run(Some(Arc::new(config)), Some(Arc::new(script)))
    }

    /// Accepts connections, and resets each at once.
    pub fn slams_the_door() -> Self {
        Self::run(None, None)
    }

    fn run(config: Option<Arc<ServerConfig>>, script: Option<Arc<Script>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (tls, shared, stopped) = (config.is_some(), Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                shared.lock().unwrap().connections += 1;
                let (config, script, seen) = (config.clone(), script.clone(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    // A client that hangs up is no failure of the server.
                    let _end = serve(stream, config, script.as_deref(), &seen);
                });
            }
        });
        Self { address, tls, seen, stop, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// The number of requests, and the number of connections.
    pub fn count(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.requests.len(), seen.connections)
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub fn certified(&self) -> Vec<bool> {
        self.seen.lock().unwrap().certified.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn serve(
    tcp: TcpStream,
    config: Option<Arc<ServerConfig>>,
    script: Option<&Script>,
    seen: &Mutex<Seen>,
) -> io::Result<()> {
    let raw = tcp.try_clone()?;
    // A client that neither reads nor hangs up must not block a thread without limit.
    tcp.set_write_timeout(Some(Duration::from_secs(20)))?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    let reset = |raw: &TcpStream| socket2::SockRef::from(raw).set_linger(Some(Duration::ZERO));
    let Some(script) = script else { return reset(&raw) };
    let Some(config) = config else {
        let mut tcp = tcp;
        return match talk(&mut tcp, script, seen, |_| false)? {
            Then::Reset => reset(&raw),
            Then::Keep | Then::Close | Then::Cut => Ok(()),
        };
    };
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp);
    match talk(&mut stream, script, seen, |stream| stream.conn.peer_certificates().is_some())? {
        Then::Reset => reset(&raw),
        Then::Cut => Ok(()),
        Then::Keep | Then::Close => {
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn talk<S: Stream>(
    stream: &mut S,
    script: &Script,
    seen: &Mutex<Seen>,
    certified: fn(&S) -> bool,
) -> io::Result<Then> {
    while let Some(request) = read_request(stream)? {
        let mut now = seen.lock().unwrap();
        now.requests.push(request.clone());
        now.certified.push(certified(stream));
        drop(now);
        let then = script(stream, &request)?;
        stream.flush()?;
        if !matches!(then, Then::Keep) {
            return Ok(then);
        }
    }
    Ok(Then::Close)
}

/// Reads head and body, or returns `None` if the client sends no more requests.
fn read_request(stream: &mut impl Read) -> io::Result<Option<String>> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().expect("a number"))];
    stream.read_exact(&mut body)?;
    request.extend(body);
    Ok(Some(String::from_utf8(request).expect("text")))
}
