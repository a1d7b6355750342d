//! The user's own browser, which comes back to a port of this machine (RFC 8252 section 7.3).

use super::Problem;
use std::time::{Duration, Instant};
use url::Url;

/// A server at the redirect URI.
pub(super) struct Loopback {
    server: tiny_http::Server,
    port: u16,
    wait: Duration,
}

impl Loopback {
    pub(super) fn listen(port: u16, seconds: u64) -> Result<Self, Problem> {
        let server = tiny_http::Server::http(("127.0.0.1", port)).map_err(|error| {
            format!("cannot listen on 127.0.0.1:{port}: {error}; choose another --port, and register its redirect URI")
        })?;
        Ok(Self { server, port, wait: Duration::from_secs(seconds) })
    }

    pub(super) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    /// Sends the user to the provider, and waits until they come back with the provider's answer.
    pub(super) fn visit(&self, url: &Url) -> Result<String, Problem> {
        println!("   open this in your browser:\n\n{url}\n");
        let end = Instant::now() + self.wait;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let request =
                self.server.recv_timeout(left).map_err(|error| format!("while waiting: {error}"))?;
            let Some(request) = request else { break };
            let target = request.url().to_owned();
            if target.split('?').next() == Some("/callback") {
                answer(request, 200, "You may close this window and go back to the terminal.");
                return Ok(target);
            }
            answer(request, 404, "This is not the redirect URI.");
        }
        Err(format!("nobody came back within {} s; run again, or raise --wait", self.wait.as_secs()))
    }
}

fn answer(request: tiny_http::Request, status: u16, text: &str) {
    let response = tiny_http::Response::from_string(text).with_status_code(status);
    if let Err(error) = request.respond(response) {
        eprintln!("note: the browser did not wait for its answer: {error}");
    }
}
