//! A grant that no library knows, in less than 40 lines: the provider of a building gives tokens that open doors for the
//! number of a badge. The program starts its own provider: `cargo run -p oidc-ureq --example own_grant`

use oidc_proto::{Error, Moment, Secret, UrlPolicy};
use oidc_testkit::{EndpointName, Registration, Socket, TestProvider, hostile};
use oidc_ureq::{Http, Provider, ProviderError};

// This is what to copy.
use oidc_proto::flow::{
    Call, Client, Endpoint, ExtensionGrant, GrantRequest, ResponseError, ResponseRule, Step, Then,
};
use oidc_proto::message::TokenResponse;

/// A token that opens doors, for the number of a badge.
struct BadgeGrant;

impl BadgeGrant {
    fn start(client: &Client, badge: &Secret, floor: u8, moment: Moment) -> Result<Call<Self>, Error> {
        let wanted = GrantRequest::new("urn:example:grant:badge")
            .parameter("badge", badge.clone())
            .parameter("floor", floor.to_string())
            .scopes(["doors.open"])
            .requires("expires_in")
            .repeatable(); // A badge can be read twice.
        Ok(client.grant(&wanted, moment)?.carrying(floor))
    }
}

/// Checks what only this grant knows.
impl Then for BadgeGrant {
    type First = ExtensionGrant;
    type Carried = u8;
    type Output = TokenResponse;

    fn then(tokens: TokenResponse, floor: u8, _: Moment) -> Result<Step<Self>, Error> {
        if tokens.extra.get("floor").is_some_and(|other| *other != floor) {
            let rule = ResponseRule::Value("floor");
            return Err(ResponseError::new(Endpoint::Token, http::StatusCode::OK, rule).into());
        }
        Ok(Step::Done(tokens))
    }
}
// To here.

fn open(provider: &Provider, floor: u8) -> Result<TokenResponse, ProviderError> {
    let badge = Secret::new("the secret of a badge");
    provider.run(BadgeGrant::start(&provider.client()?, &badge, floor, oidc_drive::moment())?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.accept_grant("urn:example:grant:badge", &["badge", "floor"]);
        let door = Registration::basic("door", "the secret of the door");
        provider.register(door.grant_types(["urn:example:grant:badge"]));
        provider
    });
    let provider = Http::new()
        .provider(socket.issuer())
        .client_id("door")
        .secret("the secret of the door")
        .url_policy(UrlPolicy::default().with_loopback())
        .build()?;

    let tokens = open(&provider, 3)?;
    println!("The door opens: {:?}", tokens.scope);

    let busy = hostile::times(1, hostile::retry_after(1));
    socket.provider(|provider| provider.alter_response(EndpointName::Token, busy));
    open(&provider, 3)?;
    let asked = socket.provider(|provider| provider.count(EndpointName::Token));
    println!("The provider was busy once, and was asked again: {asked} requests for 2 tokens.");

    let other = hostile::set_member("floor", 4);
    socket.provider(|provider| provider.alter_response(EndpointName::Token, other));
    let Err(refused) = open(&provider, 3) else { return Err("a token for another floor".into()) };
    println!("A token for another floor is refused: {}", refused.code());
    socket.provider(|provider| provider.assert_clean());
    Ok(())
}
