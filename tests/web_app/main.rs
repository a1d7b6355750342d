//! The example web application, in both forms: as a person sees it in Chromium, and as an attacker sees it
//! without a browser.

#[allow(dead_code, reason = "the examples use the rest of it")]
#[path = "../../oidc-adapters/axum/examples/web_app/embedded.rs"]
mod embedded;
#[path = "../../oidc-adapters/axum/examples/web_app/login.rs"]
mod login;
#[path = "../../oidc-adapters/axum/examples/web_app_by_hand/login.rs"]
mod login_by_hand;
#[path = "../../oidc-adapters/axum/examples/web_app/site/mod.rs"]
mod site;

mod attacks;
mod chromium;
mod failures;
mod next;
mod people;
mod visitor;
mod world;
