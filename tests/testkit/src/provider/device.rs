//! The device authorization endpoint and its grant (RFC 8628).

use super::{
    Registration, TestProvider,
    authorize::{is_resource, scope_of},
    params::Params,
    store::Grant,
    token::{Refusal, granted},
};
use http::{Request, Response};
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value, json};

/// The grant type of devices (RFC 8628 section 3.4).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device authorization, before or after its user has decided.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) client_id: String,
    user_code: String,
    scope: Vec<String>,
    resources: Vec<String>,
    details: Option<Vec<Value>>,
    interval: i64,
    asked: Option<Timestamp>,
    expires: Timestamp,
    decision: Option<bool>,
}

impl TestProvider {
    /// Enters this code on behalf of the user, who then agrees or refuses.
    ///
    /// # Panics
    /// If no device shows this code.
    pub fn enter_user_code(&mut self, user_code: &str, agrees: bool) {
        let shown = self.store.devices.values_mut().find(|device| device.user_code == user_code);
        shown.expect("a device shows this code").decision = Some(agrees);
    }

    /// Sets the interval between polls (5 seconds by default), and the lifetime of the device code (600
    /// seconds).
    pub fn device_times(&mut self, interval: i64, lifetime: i64) {
        (self.settings.device_interval, self.settings.device_lifetime) = (interval, lifetime);
    }

    pub(super) fn device(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        granted(self.begin_device(request, now))
    }

    fn begin_device(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let params = self.form(request, |provider, params| {
            let target = provider.rar_parameters();
            let known = [&["scope", "resource"], target, provider.authentication_parameters(params)].concat();
            provider.audit.parameters(params, &known);
        })?;
        let client = self.authenticate(request, &params)?;
        if !client.may(DEVICE_GRANT) {
            self.audit.note("the client is not registered for devices");
            return Err(Refusal::bad("unauthorized_client", "the client may not use this grant"));
        }
        let resources: Vec<_> = params.all("resource").map(str::to_owned).collect();
        if !resources.iter().all(|resource| is_resource(resource)) {
            self.audit.note("resource is not an absolute URI without fragment (RFC 8707 section 2)");
            return Err(Refusal::bad("invalid_target", "a resource is not an absolute URI"));
        }
        let details = self.read_details(&params)?;
        let (device_code, user_code) = (self.fresh(), self.user_code());
        let (interval, lifetime) = (self.settings.device_interval, self.settings.device_lifetime);
        self.store.devices.insert(
            device_code.clone(),
            Device {
                client_id: client.client_id,
                user_code: user_code.clone(),
                scope: scope_of(&params),
                resources,
                details,
                interval,
                asked: None,
                expires: now.plus(lifetime),
                decision: None,
            },
        );
        let uri = format!("{}/device", self.issuer.trim_end_matches('/'));
        let members = json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": format!("{uri}?user_code={user_code}"),
            "expires_in": lifetime,
            "interval": interval,
        });
        Ok(members.as_object().cloned().unwrap_or_default())
    }

    /// A code of consonants only, so that it spells no word (section 6.1).
    fn user_code(&mut self) -> String {
        const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
        let letters = self.seed.bytes32().map(|byte| char::from(LETTERS[usize::from(byte) % 20]));
        let text: String = letters.iter().take(8).collect();
        format!("{}-{}", &text[..4], &text[4..])
    }

    /// Answers a poll at the token endpoint (section 3.5).
    pub(super) fn device_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(code) = params.get("device_code") else { return Err(self.invalid("no device_code")) };
        let Some(device) = self.store.devices.get_mut(code) else {
            return Err(self.refused("the device code is not known here, or has led to tokens"));
        };
        if device.client_id != client.client_id {
            return Err(self.refused("the device code was issued to another client"));
        }
        let early = device.asked.is_some_and(|asked| now < asked.plus(device.interval));
        device.asked = Some(now);
        if early {
            device.interval += 5;
            self.audit.note("the device asks more often than its interval allows (RFC 8628 section 3.5)");
            return Err(Refusal::bad("slow_down", "not so often"));
        }
        if now >= device.expires {
            return Err(Refusal::bad("expired_token", "the user did not decide in time"));
        }
        match device.decision {
            None => Err(Refusal::bad("authorization_pending", "the user has yet to decide")),
            Some(false) => Err(Refusal::bad("access_denied", "the user said no")),
            Some(true) => {
                let Device { scope, resources, details, .. } = device.clone();
                let code = code.to_owned();
                let grant = Grant {
                    client_id: client.client_id.clone(),
                    user: Some(self.user.clone()),
                    scope: scope.clone(),
                    resources,
                    auth_time: now,
                    acr: None,
                    claims: Value::Null,
                    revoked: false,
                };
                let resources = self.resources(params, &grant)?;
                self.store.devices.remove(&code);
                let grant = self.store.add(grant);
                self.keep_details(grant, details);
                self.issue(client, grant, &scope, &resources, None, now)
            }
        }
    }
}
