//! A custom stack in ten lines, as `oidc-adapters/README.md` shows it.

use {attohttpc::RequestBuilder as Builder, http::request::Parts, oidc_proto::flow::*, std::io};

pub fn send(request: Request, terms: Terms) -> io::Result<http::Response<Vec<u8>>> {
    let (Parts { method, uri, headers, .. }, body) = request.into_parts();
    let mut to = Builder::try_new(method, uri.to_string())?.follow_redirects(false).timeout(terms.timeout);
    *to.headers_mut() = headers;
    let (status, headers, body) = if body.is_empty() { to.send() } else { to.bytes(body).send() }?.split();
    let mut response = http::Response::new(Vec::new());
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    io::copy(&mut io::Read::take(body, terms.max_body as u64 + 1), response.body_mut()).map(|_| response)
}
