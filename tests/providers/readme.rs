//! The login of the README, to the letter: `documents` compares them. Here it logs in at real providers.

use oidc_proto::{flow::Authenticated, message::*};
use oidc_ureq::Http;

pub fn log_in(
    issuer: &str,
    visit: impl Fn(&str) -> String,
) -> Result<Authenticated, Box<dyn std::error::Error>> {
    let provider = Http::new().provider(issuer).client_id("my-client").secret("my secret");
    let provider = provider.client(|client| client.fetch_userinfo()); // many providers give the name only there
    let provider = provider.redirect_uri("https://app.example/callback").build()?; // make it once
    let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"]))?;
    let callback = visit(url.as_str()); // send the user to `url`, and keep `pending` until they return
    let user = provider.callback(pending, AuthorizationResponse::from_url(&callback)?)?;
    println!("{} has logged in: {}", user.id_token.sub, user.name().unwrap_or("no name is given"));
    Ok(user)
}
