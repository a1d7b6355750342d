//! Token exchange (RFC 8693), assertions as grants (RFC 7522, RFC 7523), the identity assertion grant (ID-JAG draft), and
//! grants that a test makes up.

use super::{
    EndpointName, Registration, TestProvider, User, authorize::scope_of, params::Params, store::Grant,
    token::Refusal,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oidc_proto::base::Timestamp;
use ring::signature;
use serde_json::{Map, Value, json};

/// The grant type of token exchange (RFC 8693 section 2.1).
pub const TOKEN_EXCHANGE_GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The grant type of a JWT as a grant (RFC 7523 section 2.1).
pub const JWT_BEARER_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The grant type of a SAML 2.0 assertion as a grant (RFC 7522 section 2.1).
pub const SAML_BEARER_GRANT: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:";
const ID_JAG_LIFETIME: i64 = 300;

/// Whom the provider believes, and the grants that a test has made up.
#[derive(Default)]
pub(super) struct Trust {
    /// The keys of each issuer of assertions.
    assertions: Vec<(String, Value)>,
    /// The keys of each identity provider whose ID-JAGs count.
    id_jags: Vec<(String, Value)>,
    /// Each grant type, with its parameters.
    grants: Vec<(String, Vec<String>)>,
}

/// Set-up of grants.
impl TestProvider {
    /// Registers a client for one more grant.
    ///
    /// # Panics
    /// If the client is not registered.
    pub fn allow_grant(&mut self, client_id: &str, grant_type: impl Into<String>) {
        let client = self.clients.get_mut(client_id).expect("the client is registered");
        client.grant_types.push(grant_type.into());
    }

    /// Accepts a grant that the test makes up, from clients that are registered for it. The request must have each of
    /// these parameters, and the user is the one of [`user`](Self::user).
    pub fn accept_grant(&mut self, grant_type: impl Into<String>, parameters: &[&str]) {
        let parameters = parameters.iter().map(|name| (*name).to_owned()).collect();
        self.trust.grants.push((grant_type.into(), parameters));
    }

    /// Believes the assertions of this issuer, signed with one of these keys: as grants, and as subject tokens.
    pub fn trust_assertions(&mut self, issuer: impl Into<String>, key_set: Value) {
        self.trust.assertions.push((issuer.into(), key_set));
    }

    /// Believes the ID-JAGs of this identity provider, signed with one of these keys.
    pub fn trust_id_jags(&mut self, issuer: impl Into<String>, key_set: Value) {
        self.trust.id_jags.push((issuer.into(), key_set));
    }

    /// The parameters that a request with this grant type may have, if the test has made it up.
    pub(super) fn made_up(&self, grant_type: &str) -> Option<&[String]> {
        let of_type = self.trust.grants.iter().find(|(known, _)| known == grant_type);
        of_type.map(|(_, parameters)| parameters.as_slice())
    }

    pub(super) fn made_up_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        parameters: &[String],
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        if let Some(name) = parameters.iter().find(|name| params.get(name).is_none()) {
            return Err(self.invalid(&format!("no {name}")));
        }
        let (user, scope) = (self.user.clone(), scope_of(params));
        self.issue_for(client, user, &scope, params, now)
    }

    /// Token exchange (RFC 8693 sections 2.1 and 2.2).
    pub(super) fn token_exchange(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(subject) = params.get("subject_token") else { return Err(self.invalid("no subject_token")) };
        let Some(kind) = params.get("subject_token_type") else {
            return Err(self.invalid("no subject_token_type"));
        };
        let (user, allowed) = self.judge_token(client, subject, kind, now)?;
        match (params.get("actor_token"), params.get("actor_token_type")) {
            (Some(actor), Some(kind)) => {
                let (actor, _) = self.judge_token(client, actor, kind, now)?;
                self.delegate(subject, &actor)?;
            }
            (None, None) => {}
            _ => {
                return Err(
                    self.invalid("actor_token and actor_token_type go together (RFC 8693 section 2.1)")
                );
            }
        }
        let asked = scope_of(params);
        if let Some(allowed) = &allowed
            && !asked.iter().all(|scope| allowed.contains(scope))
        {
            return Err(Refusal::bad("invalid_scope", "the subject token does not allow this scope"));
        }
        let requested =
            params.get("requested_token_type").unwrap_or("urn:ietf:params:oauth:token-type:access_token");
        match requested.strip_prefix(TOKEN_TYPE) {
            Some("access_token" | "jwt") => {
                let scope = if asked.is_empty() { allowed.unwrap_or_default() } else { asked };
                let mut members = self.issue_for(client, user, &scope, params, now)?;
                members.insert("issued_token_type".to_owned(), requested.into());
                Ok(members)
            }
            Some("id-jag") => self.issue_id_jag(client, &user, params, now),
            _ => Err(self.invalid("requested_token_type is not known here")),
        }
    }

    /// Returns the user of a token, and the scopes that it allows if it limits them.
    fn judge_token(
        &mut self,
        client: &Registration,
        token: &str,
        kind: &str,
        now: Timestamp,
    ) -> Result<(User, Option<Vec<String>>), Refusal> {
        let dead = || Refusal::bad("invalid_request", "the token is not valid (RFC 8693 section 2.2.2)");
        match kind.strip_prefix(TOKEN_TYPE) {
            Some("access_token") => {
                let Some(known) = self.store.access_tokens.get(token).cloned() else { return Err(dead()) };
                let grant = self.store.grant(known.grant).clone();
                if grant.revoked || now >= known.expires {
                    return Err(dead());
                }
                Ok((grant.user.unwrap_or_else(|| User::new(grant.client_id)), Some(known.scope)))
            }
            Some("id_token") => {
                let issuer = self.issuer.clone();
                let (_, claims) = opened(token, &[(issuer, self.keys.document())]).ok_or_else(dead)?;
                if claims["aud"] != client.client_id.as_str() {
                    return Err(
                        self.invalid("the ID token is of another client (ID-JAG draft section 4.3.1)")
                    );
                }
                let alive = claims["exp"].as_i64().is_some_and(|exp| now.0 < exp);
                let user = claims["sub"].as_str().map(User::new);
                user.filter(|_| alive).map(|user| (user, None)).ok_or_else(dead)
            }
            Some("jwt") => {
                let (user, _) = self.judge_assertion(client, token, now)?;
                Ok((user, None))
            }
            _ => Err(self.invalid("a token type that is not known here")),
        }
    }

    fn issue_id_jag(
        &mut self,
        client: &Registration,
        user: &User,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let audiences: Vec<String> = params.all("audience").map(str::to_owned).collect();
        let [audience] = audiences.as_slice() else {
            return Err(self.invalid("an ID-JAG has one audience (ID-JAG draft section 4.3)"));
        };
        if params.get("actor_token").is_some() {
            return Err(self.invalid("an ID-JAG has no actor (ID-JAG draft section 4.3)"));
        }
        let mut claims = json!({
            "iss": self.issuer,
            "sub": user.sub,
            "aud": audience,
            "client_id": client.client_id,
            "jti": self.fresh(),
            "iat": now.0,
            "exp": now.0 + ID_JAG_LIFETIME,
        });
        let mut members = Map::new();
        for name in ["resource", "scope"] {
            if let Some(value) = params.get(name) {
                claims[name] = value.into();
            }
        }
        if let Some(scope) = params.get("scope") {
            members.insert("scope".to_owned(), scope.into());
        }
        let assertion = self.mint_id_jag(client, claims.as_object().cloned().unwrap_or_default());
        members.insert("access_token".to_owned(), assertion.into());
        members.insert("issued_token_type".to_owned(), format!("{TOKEN_TYPE}id-jag").into());
        members.insert("token_type".to_owned(), "N_A".into());
        members.insert("expires_in".to_owned(), ID_JAG_LIFETIME.into());
        Ok(members)
    }

    /// A JWT as a grant (RFC 7523 sections 2.1 and 3.1), which may be an ID-JAG.
    pub(super) fn jwt_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(assertion) = params.get("assertion") else { return Err(self.invalid("no assertion")) };
        let (user, id_jag) = self.judge_assertion(client, assertion, now)?;
        let mut scope = scope_of(params);
        // An ID-JAG limits the tokens to its resources and its scopes (ID-JAG draft section 4.4.1).
        let (resources, granted) = (texts(&id_jag["resource"]), texts(&id_jag["scope"]).join(" "));
        let granted = granted.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if scope.is_empty() {
            scope = granted;
        } else if !id_jag["scope"].is_null() {
            scope.retain(|asked| granted.contains(asked));
        }
        let mut members = self.issue_granted(client, user, &scope, params, now, resources)?;
        // "Refresh tokens are not normally issued" (RFC 7521 section 4.1).
        members.remove("refresh_token");
        Ok(members)
    }

    /// Returns the user, and the claims if the assertion is an ID-JAG.
    fn judge_assertion(
        &mut self,
        client: &Registration,
        assertion: &str,
        now: Timestamp,
    ) -> Result<(User, Value), Refusal> {
        let is_id_jag = opened_header(assertion).is_some_and(|header| header["typ"] == "oauth-id-jag+jwt");
        let trusted = if is_id_jag { &self.trust.id_jags } else { &self.trust.assertions };
        let Some((_, claims)) = opened(assertion, trusted) else {
            return Err(self.refused("the assertion is of nobody who is trusted here"));
        };
        let audience = claims["aud"].as_str().unwrap_or_default();
        if audience != self.issuer && (is_id_jag || audience != self.url(EndpointName::Token)) {
            return Err(self.refused("the audience of the assertion is another (RFC 7523 section 3)"));
        }
        if is_id_jag && claims["iss"] == self.issuer.as_str() {
            return Err(self.refused("an ID-JAG of this server itself (ID-JAG draft, cross-domain use)"));
        }
        if is_id_jag && claims["client_id"] != client.client_id.as_str() {
            return Err(self.refused("the ID-JAG is of another client (ID-JAG draft section 4.4.1)"));
        }
        let seconds = |name: &str| claims[name].as_i64();
        if seconds("exp").is_none_or(|exp| now.0 >= exp) || seconds("iat").is_some_and(|iat| iat > now.0) {
            return Err(self.refused("the assertion is not valid at this time"));
        }
        let Some(id) = claims["jti"].as_str() else { return Err(self.refused("an assertion without jti")) };
        if !self.audit.first_time("assertion", id) {
            return Err(Refusal::bad("invalid_grant", "the assertion has been used"));
        }
        match claims["sub"].as_str() {
            Some(sub) => Ok((User::new(sub), if is_id_jag { claims } else { Value::Null })),
            None => Err(self.refused("an assertion without sub")),
        }
    }

    /// A SAML 2.0 assertion as a grant (RFC 7522 section 2.1). Its form is checked, and not its signature.
    pub(super) fn saml_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(assertion) = params.get("assertion") else { return Err(self.invalid("no assertion")) };
        let xml = URL_SAFE_NO_PAD.decode(assertion).ok().and_then(|xml| String::from_utf8(xml).ok());
        let name = xml.as_deref().and_then(|xml| {
            let (_, rest) = xml.strip_prefix("<saml:Assertion")?.split_once("<saml:NameID>")?;
            Some(rest.split_once("</saml:NameID>")?.0.to_owned())
        });
        let Some(name) = name else {
            return Err(
                self.refused("the assertion is no SAML assertion in base64url (RFC 7522 section 2.1)")
            );
        };
        if !self.audit.first_time("assertion", assertion) {
            return Err(Refusal::bad("invalid_grant", "the assertion has been used"));
        }
        let mut members = self.issue_for(client, User::new(name), &scope_of(params), params, now)?;
        members.remove("refresh_token");
        Ok(members)
    }

    /// Issues tokens for a user, for the resources and audiences of the request.
    fn issue_for(
        &mut self,
        client: &Registration,
        user: User,
        scope: &[String],
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        self.issue_granted(client, user, scope, params, now, Vec::new())
    }

    /// Issues tokens for a user, for these resources and no others if there are any.
    fn issue_granted(
        &mut self,
        client: &Registration,
        user: User,
        scope: &[String],
        params: &Params,
        now: Timestamp,
        granted: Vec<String>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut grant = Grant {
            client_id: client.client_id.clone(),
            user: Some(user),
            scope: scope.to_vec(),
            resources: granted,
            auth_time: now,
            acr: None,
            claims: Value::Null,
            revoked: false,
        };
        let mut resources = self.resources(params, &grant)?;
        resources.extend(params.all("audience").map(str::to_owned));
        grant.resources.clone_from(&resources);
        let grant = self.store.add(grant);
        if let Some(act) = self.store.next_actor.take() {
            self.store.actors.insert(grant, act);
        }
        self.issue(client, grant, scope, &resources, None, now)
    }
}

/// The texts of a claim: one, or a list.
fn texts(claim: &Value) -> Vec<String> {
    let one = std::slice::from_ref(claim);
    let texts = claim.as_array().map_or(one, Vec::as_slice).iter();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The header of a JWT, before anything has been checked.
fn opened_header(token: &str) -> Option<Value> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

/// The header and the claims of a JWT whose issuer is trusted, if one of its keys has signed it.
pub(super) fn opened(token: &str, trusted: &[(String, Value)]) -> Option<(Value, Value)> {
    let (input, signed) = token.rsplit_once('.')?;
    let (_, payload) = input.split_once('.')?;
    let header = opened_header(token)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
    let (_, key_set) = trusted.iter().find(|(issuer, _)| claims["iss"] == issuer.as_str())?;
    let keys = key_set["keys"].as_array()?;
    let vouches = |key: &Value| has_signed(key, header["alg"].as_str()?, input.as_bytes(), &signed);
    keys.iter().find_map(vouches)?;
    Some((header, claims))
}

/// Whether this key has signed, computed without the library under test.
fn has_signed(key: &Value, alg: &str, message: &[u8], signed: &[u8]) -> Option<()> {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    match (key["kty"].as_str()?, alg) {
        ("RSA", "RS256") => {
            let key = signature::RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
            key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed).ok()
        }
        ("EC", "ES256") => {
            let point = [vec![4], part("x")?, part("y")?].concat();
            let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, signed).ok()
        }
        ("OKP", "EdDSA") => {
            signature::UnparsedPublicKey::new(&signature::ED25519, part("x")?).verify(message, signed).ok()
        }
        _ => None,
    }
}
