//! What the client does at the MCP server: it lists the tools, and calls each of them.

use super::{
    Problem, Run,
    transport::{self, Authorized},
};
use http::{Request, StatusCode, header};
use oidc_reqwest::oidc_drive::resource::Resource;
use rmcp::{
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};

/// The last revision with a handshake. Since the next one, each message says which revision it speaks.
const WITH_HANDSHAKE: &str = "2025-11-25";

impl Run {
    /// Does its work over the transport of rmcp.
    pub(crate) async fn call_every_tool(&self, server: Resource) -> Result<(), Problem> {
        let transport = StreamableHttpClientTransport::with_client(
            Authorized::new(server)?,
            transport::at(self.url.as_str()),
        );
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

    /// Does its work with requests of its own.
    pub(crate) async fn call_every_tool_without_rmcp(&self, server: &Resource) -> Result<(), Problem> {
        let listed = self.call(server, "tools/list", json!({})).await?;
        let tools =
            listed.pointer("/result/tools").and_then(Value::as_array).ok_or("there is no list of tools")?;
        for tool in tools {
            let _result = self.call(server, "tools/call", json!({ "name": tool.get("name") })).await?;
        }
        Ok(())
    }

    async fn call(&self, server: &Resource, method: &str, mut parameters: Value) -> Result<Value, Problem> {
        if let Some(parameters) = parameters.as_object_mut()
            && !self.has_handshake()
        {
            let about = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            parameters.insert("_meta".to_owned(), about);
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", &self.revision);
        let response = server.fetch(request.body(serde_json::to_vec(&message)?)?).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("{method} is answered with {}", response.status()).into());
        }
        // One message as JSON, or one event with it.
        let text = std::str::from_utf8(response.body())?;
        let event = text.lines().find_map(|line| line.strip_prefix("data: "));
        Ok(serde_json::from_str(event.unwrap_or(text))?)
    }
}
