//! The conformance suite of the Model Context Protocol: every scenario about the authorization of a client, with the
//! example `mcp_client` of `oidc-reqwest` as the client. A test is named after its scenario.

mod judge;
mod scenarios;
mod suite;
