//! The example web application, in both forms: as a person sees it in Chromium, and as an attacker does
//! without a browser.

#[allow(dead_code, reason = "the examples use the rest of it")]
#[path = "../oidc-adapters/axum/examples/web_app/embedded.rs"]
mod embedded;
#[path = "../oidc-adapters/axum/examples/web_app/login.rs"]
mod login;
#[path = "../oidc-adapters/axum/examples/web_app_by_hand/login.rs"]
mod login_by_hand;
#[path = "../oidc-adapters/axum/examples/web_app/site/mod.rs"]
mod site;

#[path = "web_app/attacks.rs"]
mod attacks;
#[path = "web_app/chromium.rs"]
mod chromium;
#[path = "web_app/failures.rs"]
mod failures;
#[path = "web_app/next.rs"]
mod next;
#[path = "web_app/people.rs"]
mod people;
#[path = "web_app/visitor.rs"]
mod visitor;
#[path = "web_app/world.rs"]
mod world;
