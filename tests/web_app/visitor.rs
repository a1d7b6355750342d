//! A browser without a window: it keeps cookies, follows no redirect on its own, and can lie.

use crate::{embedded, world::World};
use axum::{
    Router,
    body::{Body, to_bytes},
};
use axum_extra::extract::cookie::Cookie;
use http::{HeaderMap, Request, StatusCode, header};
use std::collections::BTreeMap;
use tower_service::Service as _;

pub struct Visitor {
    site: Router,
    pub cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    #[track_caller]
    pub fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().expect("text")
    }

    /// The text between two marks, unchanged.
    #[track_caller]
    fn between(&self, begin: &str, end: &str) -> &str {
        let (_, rest) = self.text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {}", self.text));
        rest.split_once(end).expect("its end").0
    }

    #[track_caller]
    pub fn title(&self) -> &str {
        self.between("<h1>", "</h1>")
    }

    /// The line for support.
    #[track_caller]
    pub fn technical(&self) -> &str {
        self.between("<code id=\"technical\">", "</code>")
    }

    /// The address of the link `Try again`.
    #[track_caller]
    pub fn again(&self) -> String {
        self.between("id=\"again\" href=\"", "\"").replace("&amp;", "&")
    }
}

impl Visitor {
    pub fn new(site: &Router) -> Self {
        Self { site: site.clone(), cookies: BTreeMap::new() }
    }

    /// The same browser at another node.
    pub fn at(self, site: &Router) -> Self {
        Self { site: site.clone(), ..self }
    }

    pub async fn get(&mut self, target: &str) -> Page {
        self.send(Request::get(target)).await
    }

    /// Presses a button of this site.
    pub async fn press(&mut self, target: &str) -> Page {
        self.send(Request::post(target).header("sec-fetch-site", "same-origin")).await
    }

    /// Sends a request with the cookies of this browser.
    pub async fn send(&mut self, request: http::request::Builder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; "));
        let answer = self.site.call(request.body(Body::empty()).expect("a request")).await;
        let (head, body) = answer.expect("it never fails").into_parts();
        for cookie in head.headers.get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(cookie.to_str().expect("text")).expect("a cookie");
            match cookie.max_age() {
                Some(age) if age.is_zero() => _ = self.cookies.remove(cookie.name()),
                _ => _ = self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned()),
            }
        }
        let body = to_bytes(body, 1 << 20).await.expect("a page");
        let text = String::from_utf8(body.to_vec()).expect("text");
        Page { status: head.status, headers: head.headers, text }
    }

    /// Begins a login. Returns the URL of the authorization request.
    pub async fn begin(&mut self, next: &str) -> String {
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        self.get(&format!("/login?next={query}")).await.leads_to().to_owned()
    }

    /// Logs in as alice, and ends on the requested page.
    pub async fn log_in(&mut self, world: &World, next: &str) -> Page {
        let asked = self.begin(next).await;
        let callback = choose(world, &asked, "alice").await;
        self.get(&callback).await
    }
}

/// The user names themselves, or refuses if the name is empty. Returns the path and query of the callback.
pub async fn choose(world: &World, asked: &str, user: &str) -> String {
    let query = asked.split_once('?').expect("a query").1;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("query", query)
        .append_pair("user", user)
        .finish();
    let request = Request::post("/authorize")
        .header(header::HOST, world.issuer.strip_prefix("http://").expect("plain http"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .expect("a request");
    let response = embedded::router(world.provider.clone()).call(request).await.expect("it never fails");
    let callback = response.headers()[header::LOCATION].to_str().expect("text");
    callback.strip_prefix(&world.origin).expect("it leads back").to_owned()
}
