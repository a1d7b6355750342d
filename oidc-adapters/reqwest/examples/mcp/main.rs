//! Prints the tools of a server of the Model Context Protocol, of which it knows the URL alone:
//!
//! ```text
//! cargo run -p oidc-reqwest --example mcp -- https://mcp.example/mcp
//! ```
//!
//! The program is these lines. To begin one of your own, copy `browser.rs` and `../mcp_client/transport.rs` as they are.

mod browser;
#[path = "../mcp_client/transport.rs"]
mod transport;

use oidc_reqwest::{Http, oidc_proto::flow::ClientIdentities, oidc_proto::message::ClientMetadata};
use rmcp::{ServiceExt, transport::StreamableHttpClientTransport as Transport};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of the server is missing")?;
    let browser = browser::Browser::new()?;
    let callback = browser.callback();
    let me = ClientMetadata::native([&*callback]).client_name("My Agent");
    let server = Http::new()
        .resource(&url)
        .identities(ClientIdentities::new().registration(me))
        .redirect_uri(callback)
        .browser(move |visit| browser.clone().visit(visit))
        .build()?;
    let transport = Transport::with_client(transport::Authorized::new(server)?, transport::at(url));
    let client = ().serve(transport).await?;
    for tool in client.list_all_tools().await? {
        println!("{}", tool.name);
    }
    Ok(())
}
