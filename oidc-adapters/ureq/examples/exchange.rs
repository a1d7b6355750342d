//! A user's token at one API becomes a token at the next API (RFC 8693). The shop logs the user in and calls the orders API.
//! That API needs the stock API, where the token of the shop is worth nothing: it exchanges the token.
//!
//! The program starts its own provider, and plays the user: `cargo run -p oidc-ureq --example exchange`

use oidc_proto::{
    Secret, UrlPolicy,
    flow::{ClientCredentialsRequest, ExchangedToken, TokenExchangeRequest, TokenTypeIdentifier},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket, TOKEN_EXCHANGE_GRANT, TestProvider};
use oidc_ureq::{Http, Provider, ProviderBuilder, ProviderError, now};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const ORDERS: &str = "https://orders.example/";
const STOCK: &str = "https://stock.example/";

// This is what to copy: the orders API, which got the token of a user.
fn token_for_stock(orders: &Provider, user: &Secret) -> Result<ExchangedToken, ProviderError> {
    // The token of the API itself says who acts for the user.
    let own = orders.client_credentials(&ClientCredentialsRequest::new(["stock.read"]))?;
    let wanted = TokenExchangeRequest::new(user.clone(), TokenTypeIdentifier::ACCESS_TOKEN)
        .actor(own.value.access_token.clone(), TokenTypeIdentifier::ACCESS_TOKEN)
        .requesting(TokenTypeIdentifier::ACCESS_TOKEN)
        .resource(STOCK)
        .scopes(["stock.read"]);
    orders.exchange(&wanted)
}
// To here.

fn main() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(ORDERS);
        let shop = Registration::basic("shop", "the secret of shop");
        provider.register(shop.redirect_uri("https://shop.example/callback"));
        let orders = Registration::basic("orders", "the secret of orders");
        provider.register(orders.grant_types(["client_credentials", TOKEN_EXCHANGE_GRANT]));
        provider
    });
    let handle = |client: &str| -> ProviderBuilder<_> {
        Http::new()
            .provider(socket.issuer())
            .client_id(client)
            .secret(format!("the secret of {client}"))
            .url_policy(UrlPolicy::default().with_loopback())
    };
    let shop = handle("shop").redirect_uri("https://shop.example/callback").build()?;
    let orders = handle("orders").audience(ORDERS).build()?;
    let stock = handle("stock").audience(STOCK).build()?;

    let (url, pending) = shop.authorize(&AuthorizationRequest::new(["stock.read"]))?;
    let landing = socket.provider(|provider| Browser::new().visit(provider, &url, now()));
    let login = shop.callback(pending, AuthorizationResponse::from_url(landing.url())?)?;
    let user = &login.tokens.access_token;
    println!("The shop has logged in {}, and calls the orders API.", login.id_token.sub);

    let sub = |token: &Secret, api: &Provider| {
        api.verify(token.expose(), |token| token.claims().sub.as_deref().unwrap_or_default().to_owned())
    };
    println!("  the orders API accepts the token: it is for {}", sub(user, &orders)?);
    match sub(user, &stock) {
        Err(refused) => println!("  the stock API would refuse it: {}", refused.code()),
        Ok(_) => return Err("a token for one API opens another".into()),
    }

    println!("The orders API exchanges it:");
    let exchanged = token_for_stock(&orders, user)?;
    println!(
        "  the stock API accepts the new token: it is for {}",
        sub(&exchanged.tokens.access_token, &stock)?
    );
    println!("  scopes: {}", exchanged.tokens.scope.unwrap_or_default());

    println!("A token that has expired is exchanged for nothing:");
    let refused = token_for_stock(&orders, &Secret::new("a token that nobody issued"));
    println!("  {}", refused.err().ok_or("a token for nothing")?.code());
    let asked = socket.provider(|provider| provider.count(EndpointName::Token));
    println!("Requests for tokens: {asked}");
    Ok(())
}
