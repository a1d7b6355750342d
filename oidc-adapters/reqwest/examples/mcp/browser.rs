//! The user's browser: the program prints a URL, and waits on this machine until the browser comes back. Copy this file.

use oidc_reqwest::oidc_drive::resource::Visit;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpListener,
    sync::Arc,
};

/// Waits at a port of this machine.
#[derive(Clone)]
pub(crate) struct Browser {
    socket: Arc<TcpListener>,
    origin: String,
}

impl Browser {
    /// Takes any free port. Many authorization servers let a native program have another port each time (RFC 8252 section
    /// 7.3); for one that does not, and for a registration that is kept, name a port here.
    pub(crate) fn new() -> io::Result<Self> {
        let socket = Arc::new(TcpListener::bind("127.0.0.1:0")?);
        let origin = format!("http://{}", socket.local_addr()?);
        Ok(Self { socket, origin })
    }

    /// The redirect URI.
    pub(crate) fn callback(&self) -> String {
        format!("{}/callback", self.origin)
    }

    /// Sends the user, and returns the URL to which the browser came back.
    pub(crate) async fn visit(self, visit: Visit) -> Result<String, String> {
        println!("Open this page in a browser:\n{}", visit.url());
        let waited = tokio::task::spawn_blocking(move || self.wait(&visit)).await;
        waited.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn wait(&self, visit: &Visit) -> io::Result<String> {
        loop {
            let (mut browser, _) = self.socket.accept()?;
            let mut line = String::new();
            let _bytes = BufReader::new(&browser).read_line(&mut line)?;
            // `GET /callback?code=... HTTP/1.1`
            let url = format!("{}{}", self.origin, line.split(' ').nth(1).unwrap_or_default());
            // Anybody can send a browser here. Only the answer to this visit ends it.
            let is_ours = visit.accepts(&url);
            let said = if is_ours { "You can close this window." } else { "There is nothing here." };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close";
            write!(browser, "{head}\r\ncontent-length: {}\r\n\r\n{said}", said.len())?;
            if is_ours {
                return Ok(url);
            }
        }
    }
}
