//! The saved form of a [`RegisteredClient`]. It may have been kept where others can write, so it is checked.

use crate::{
    base::{header::credentials, json::Members, moment::Timestamp, secret::Secret},
    flow::saved::{seal_as_json, text},
    message::{ClientMetadata, RegisteredClient, is_token},
    metadata::ClientAuthentication,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// The version of the saved form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    issuer: String,
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id_issued_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::exposed_if_any")]
    client_secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<Timestamp>,
    authentication: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::exposed_if_any")]
    registration_access_token: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<String>,
    metadata: Value,
}

impl Serialize for RegisteredClient {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let saved = Saved {
            version: VERSION,
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_id_issued_at: self.client_id_issued_at,
            client_secret: self.client_secret.clone(),
            client_secret_expires_at: self.client_secret_expires_at,
            authentication: self.authentication.name().to_owned(),
            registration_access_token: self.registration_access_token.clone(),
            registration_client_uri: self.registration_client_uri.clone(),
            metadata: self.metadata.to_json(),
        };
        saved.serialize(out)
    }
}

impl<'de> Deserialize<'de> for RegisteredClient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(from)?;
        if saved.version != VERSION {
            return Err(D::Error::custom("the saved registration is of another version"));
        }
        let is_secret = |secret: &Secret| is_token(secret.expose());
        let is_bearer = |token: &Secret| credentials("Bearer", token).is_some();
        if !text::is_text(&saved.issuer)
            || !is_token(&saved.client_id)
            || !saved.client_secret.as_ref().is_none_or(is_secret)
            || !saved.registration_access_token.as_ref().is_none_or(is_bearer)
            || !saved.registration_client_uri.as_deref().is_none_or(text::is_text)
        {
            return Err(D::Error::custom(
                "the saved registration has a text that is empty, too long or not what it should be",
            ));
        }
        let Some(authentication) = ClientAuthentication::from_name(&saved.authentication) else {
            return Err(D::Error::custom(
                "the saved registration has an authentication method that is unknown",
            ));
        };
        let Value::Object(metadata) = saved.metadata else {
            return Err(D::Error::custom("the saved registration has no metadata"));
        };
        Ok(Self {
            issuer: saved.issuer,
            client_id: saved.client_id,
            client_id_issued_at: saved.client_id_issued_at,
            client_secret: saved.client_secret,
            client_secret_expires_at: saved.client_secret_expires_at,
            authentication,
            registration_access_token: saved.registration_access_token,
            registration_client_uri: saved.registration_client_uri,
            metadata: ClientMetadata {
                set_aside: Vec::new(),
                ..ClientMetadata::read(Members::new(metadata))
            },
            changes: Vec::new(),
        })
    }
}

seal_as_json!(RegisteredClient, "registered-client");
