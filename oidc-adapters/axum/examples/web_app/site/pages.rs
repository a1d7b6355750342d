//! The pages. The templates escape every value that is put into them.

use super::cookies::Session;
use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use oidc_proto::Timestamp;

pub(crate) fn home(session: Option<&Session>) -> Html<String> {
    page(
        "Home",
        &html! {
            @match session {
                Some(session) => {
                    p { "Hello, " strong #who { (name(session)) } "." }
                    p { a href="/private" { "Your page" } " · " a href="/private/letters" { "Your letters" } }
                    (logout())
                }
                None => {
                    p #who { "You are not logged in." }
                    p { a #login href="/login?next=/private" { "Log in" } }
                }
            }
        },
    )
}

pub(crate) fn private(session: &Session, now: Timestamp) -> Html<String> {
    let minutes = now.until(session.expires).as_secs().div_ceil(60);
    page(
        "Your page",
        &html! {
            p { "Nobody but " strong #who { (name(session)) } " sees this page." }
            dl {
                dt { "User" } dd { (session.sub) }
                dt { "Login service" } dd { (session.issuer) }
                dt { "Session ends in" } dd { (minutes) " minutes" }
            }
            p { a href="/" { "Home" } " · " a href="/private/letters" { "Your letters" } }
            (logout())
        },
    )
}

pub(crate) fn letters(session: &Session) -> Html<String> {
    page(
        "Your letters",
        &html! {
            p { "There are no letters for " strong #who { (name(session)) } "." }
            p { a href="/" { "Home" } " · " a href="/private" { "Your page" } }
            (logout())
        },
    )
}

/// The page about a failure: what has happened, what to do, links that lead on, and one line for support.
pub(crate) fn failure(
    title: &str,
    happened: &str,
    advice: &str,
    again: Option<&str>,
    technical: &str,
) -> Html<String> {
    page(
        title,
        &html! {
            p { (happened) }
            p { (advice) }
            p {
                @if let Some(again) = again { a #again href=(again) { "Try again" } " · " }
                a href="/" { "Home" }
            }
            p { small { "For support: " code #technical { (technical) } } }
        },
    )
}

pub(crate) async fn style() -> Response {
    let style = "body { font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }\n\
                 dt { color: #666 } dd { margin: 0 0 .5rem } button { font: inherit }\n";
    file("text/css", style)
}

/// A script that reloads a page which the browser shows from its memory. Some browsers do that after the back button,
/// even with `no-store`: Chromium does it after redirects from another site. The next user of this screen must not see
/// the pages of a user who has logged out.
pub(crate) async fn back() -> Response {
    let back = "addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });\n";
    file("text/javascript", back)
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, text).into_response()
}

fn name(session: &Session) -> &str {
    session.name.as_deref().unwrap_or(&session.sub)
}

/// The logout button. It is not a link, because another site could make a browser follow a link.
fn logout() -> Markup {
    html! { form method="post" action="/logout" { button #logout { "Log out" } } }
}

fn page(title: &str, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                link rel="stylesheet" href="/style.css";
                script src="/back.js" {}
            }
            body { h1 { (title) } (body) }
        }
    };
    Html(page.into_string())
}
