//! The user's browser: the program prints a URL, and waits on this machine until the browser comes back. Copy this file.

use oidc_reqwest::oidc_drive::resource::Visit;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

/// The redirect URI.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:8400/callback";

/// Sends the user, and returns the URL to which the browser came back.
pub(crate) async fn visit(visit: Visit) -> Result<String, String> {
    println!("Open this page in a browser:\n{}", visit.url());
    let waited = tokio::task::spawn_blocking(move || wait(&visit)).await;
    waited.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn wait(visit: &Visit) -> std::io::Result<String> {
    let socket = TcpListener::bind("127.0.0.1:8400")?;
    loop {
        let (mut browser, _) = socket.accept()?;
        let mut line = String::new();
        let _bytes = BufReader::new(&browser).read_line(&mut line)?;
        // `GET /callback?code=... HTTP/1.1`
        let url = format!("http://127.0.0.1:8400{}", line.split(' ').nth(1).unwrap_or_default());
        // Anybody can send a browser here. Only the answer to this visit ends it.
        let is_ours = visit.accepts(&url);
        let said = if is_ours { "You can close this window." } else { "There is nothing here." };
        write!(
            browser,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{said}",
            said.len()
        )?;
        if is_ours {
            return Ok(url);
        }
    }
}
