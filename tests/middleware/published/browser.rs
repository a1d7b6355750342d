//! [`Page`]: a page in a browser, by the CORS protocol of the Fetch standard. It is written for these tests, and shares no
//! code with the library.

use super::{Incoming, Outgoing, Site, ask, listed};

/// The methods and the headers that need no preflight.
const SIMPLE_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
const SIMPLE_HEADERS: [&str; 3] = ["accept", "accept-language", "content-language"];
/// What a page reads of a response without further ado.
const READABLE: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// A page of this origin, which calls a site of another one.
pub struct Page<'s> {
    pub origin: &'static str,
    pub site: &'s Site,
}

impl Page<'_> {
    /// Sends a request as `fetch` does, without credentials of the browser. Returns what the page may read; an error is all
    /// that it learns otherwise.
    pub async fn fetch(&self, mut request: Incoming) -> Result<Outgoing, &'static str> {
        let method = request.method().to_string();
        let mut unsafe_names: Vec<_> = request
            .headers()
            .iter()
            .filter(|(name, value)| {
                let form = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
                let simple = *name == "content-type" && form.iter().any(|known| *value == known);
                !simple && !SIMPLE_HEADERS.contains(&name.as_str())
            })
            .map(|(name, _)| name.as_str().to_owned())
            .collect();
        unsafe_names.sort();
        if !SIMPLE_METHODS.contains(&&*method) || !unsafe_names.is_empty() {
            self.ask_first(&request, &method, &unsafe_names).await?;
        }
        request.headers_mut().insert("origin", self.origin.parse().unwrap());
        let mut response = (self.site)(request).await;
        self.may_read(&response)?;
        let exposed = listed(&response, "access-control-expose-headers");
        let hidden: Vec<_> = response
            .headers()
            .keys()
            .filter(|name| {
                let named = exposed.iter().any(|one| one == "*" || one.eq_ignore_ascii_case(name.as_str()));
                !named && !READABLE.contains(&name.as_str())
            })
            .cloned()
            .collect();
        for name in hidden {
            response.headers_mut().remove(name);
        }
        Ok(response)
    }

    async fn ask_first(
        &self,
        request: &Incoming,
        method: &str,
        names: &[String],
    ) -> Result<(), &'static str> {
        let names = names.join(",");
        let mut headers = vec![("origin", self.origin), ("access-control-request-method", method)];
        if !names.is_empty() {
            headers.push(("access-control-request-headers", &names));
        }
        let answer = (self.site)(ask("OPTIONS", &request.uri().to_string(), &headers)).await;
        self.may_read(&answer)?;
        if !answer.status().is_success() {
            return Err("the preflight has no good status");
        }
        let methods = listed(&answer, "access-control-allow-methods");
        if !SIMPLE_METHODS.contains(&method) && !methods.iter().any(|one| one == method || one == "*") {
            return Err("the method is not allowed");
        }
        let allowed = listed(&answer, "access-control-allow-headers");
        let is_allowed = |name: &str| {
            // The wildcard does not cover this header.
            let any = name != "authorization" && allowed.iter().any(|one| one == "*");
            any || allowed.iter().any(|one| one.eq_ignore_ascii_case(name))
        };
        match names.split(',').filter(|name| !name.is_empty()).all(is_allowed) {
            true => Ok(()),
            false => Err("a header is not allowed"),
        }
    }

    fn may_read(&self, response: &Outgoing) -> Result<(), &'static str> {
        match &*listed(response, "access-control-allow-origin") {
            [origin] if origin == "*" || origin == self.origin => Ok(()),
            _ => Err("the origin is not allowed"),
        }
    }
}
