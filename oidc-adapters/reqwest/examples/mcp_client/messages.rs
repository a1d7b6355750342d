//! What the client does at the MCP server: it lists the tools, and calls each of them.

use super::{
    Problem, Run,
    transport::{Authorize, Authorized},
};
use http::{Request, Response, header};
use oidc_reqwest::oidc_proto::flow::{Endpoint, Terms};
use rmcp::{
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

/// The last revision with a handshake. Since the next one, each message says which revision it speaks.
const WITH_HANDSHAKE: &str = "2025-11-25";

impl Run {
    /// Does its work over the transport of rmcp.
    pub(crate) async fn call_every_tool<A: Authorize>(&self, by: A) -> Result<(), Problem> {
        // reqwest asks for the crypto provider of the process.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str());
        let transport = StreamableHttpClientTransport::with_client(Authorized { http, by }, config);
        let client = ().serve_with_lifecycle(transport, self.lifecycle()).await?;
        for tool in client.list_all_tools().await? {
            let _result = client.call_tool(CallToolRequestParams::new(tool.name)).await?;
        }
        let _why = client.cancel().await?;
        Ok(())
    }

    fn lifecycle(&self) -> ClientLifecycleMode {
        if self.has_handshake() {
            return ClientLifecycleMode::Initialize;
        }
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        ClientLifecycleMode::Discover { preferred_versions }
    }

    fn has_handshake(&self) -> bool {
        self.revision.as_str() <= WITH_HANDSHAKE
    }

    /// One message, without the transport of rmcp.
    pub(crate) fn message(&self, method: &str, parameters: Value) -> Result<Request<Vec<u8>>, Problem> {
        let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        if let Some(parameters) = message.get_mut("params").and_then(Value::as_object_mut)
            && !self.has_handshake()
        {
            let about = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            parameters.insert("_meta".to_owned(), about);
        }
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", &self.revision);
        Ok(request.body(serde_json::to_vec(&message)?)?)
    }

    /// Asks for the tools without a token.
    pub(crate) async fn ask_plainly(&self) -> Result<Response<Vec<u8>>, Problem> {
        let terms = Terms::new(Endpoint::Other("resource"));
        Ok(self.http.send(self.message("tools/list", json!({}))?, terms).await?)
    }
}
