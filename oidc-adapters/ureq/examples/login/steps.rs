//! The steps of a login, and of the use of its tokens. This is the part to copy.

use super::{
    Problem,
    trace::{Traced, pairs},
};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    base::base64url,
    flow::{Authenticated, Client, ClientCredentialsRequest, Discovery, PreviousLogin},
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    token::{AccessTokenVerifier, Expected, IdTokenVerifier, Scratch},
};
use oidc_ureq::{Http, moment, now};
use std::sync::Arc;

/// The provider to log in at, the client, and the user.
pub(super) struct Site<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) secret: Option<Secret>,
    pub(super) scope: &'a str,
    pub(super) redirect_uri: &'a str,
    /// The audience of access tokens, if it is known.
    pub(super) resource: Option<&'a str>,
    pub(super) http: Http,
    /// Which URLs may be requested: https, and what else the user has allowed.
    pub(super) policy: UrlPolicy,
    /// Sends the user to the provider. Returns the URL that they come back to.
    pub(super) visit: &'a dyn Fn(&url::Url) -> Result<String, Problem>,
    /// Makes the provider rotate its keys, if it can do so on command.
    pub(super) rotate: Option<&'a dyn Fn()>,
}

pub(super) fn run(site: &Site<'_>) -> Result<(), Problem> {
    let http = Traced::new(site.http.clone());

    step("Discovery");
    let metadata = http.run(Discovery::start(site.issuer, &site.policy).map_err(wrong)?)?;
    verdict("the issuer in the metadata is the one asked for");

    let mut builder = Client::builder(metadata, site.client_id).redirect_uri(site.redirect_uri);
    if let Some(secret) = &site.secret {
        builder = builder.secret(secret.clone());
    }
    let has_userinfo = builder.metadata().userinfo_endpoint.is_some();
    let client = if has_userinfo { builder.fetch_userinfo() } else { builder }.build().map_err(wrong)?;

    step("Keys");
    let keys = http.run(client.jwks().map_err(wrong)?)?;
    verdict(&format!("{} keys can be used, {} are set aside", keys.keys().count(), keys.set_aside().len()));

    step("Login");
    let login = log_in(site, &http, &client, Some(keys.clone()))?;
    show(&login);

    step("Refresh");
    let mut current = login.tokens.access_token.clone();
    match &login.tokens.refresh_token {
        None => skipped("the provider issued no refresh token (some require the scope offline_access)"),
        Some(refresh_token) => {
            let previous = PreviousLogin::from(&login.id_token);
            let call = client
                .refresh(refresh_token, Some(previous), Some(keys.clone()), oidc_drive::moment())
                .map_err(wrong)?;
            let refreshed = http.run(call)?;
            verdict(if refreshed.rotated {
                "new tokens, and a new refresh token to use from now on"
            } else {
                "new tokens; the refresh token stays the same"
            });
            if refreshed.id_token_unchecked {
                skipped("the new ID token is withheld: the keys to verify it are not available");
            }
            current = refreshed.tokens.access_token;
        }
    }

    step("A token for the service itself (client credentials)");
    if site.secret.is_some() {
        match http.run(
            client
                .client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment())
                .map_err(wrong)?,
        ) {
            Ok(tokens) => verdict(&format!("a {} token for {}", tokens.token_type, site.client_id)),
            Err(problem) if site.resource.is_none() => skipped(&problem),
            Err(problem) => return Err(problem),
        }
    } else {
        skipped("a public client has no token of its own");
    }

    step("The provider rotates its keys, and someone logs in");
    match site.rotate {
        None => skipped("this provider does not rotate on command"),
        Some(rotate) => {
            rotate();
            let again = log_in(site, &http, &client, Some(keys.clone()))?;
            let newer = again.learned.keys.ok_or("the login went through with keys that are gone")?;
            verdict("the ID token named an unknown key; newer keys were fetched, and vouch for it");
            current = again.tokens.access_token;
            resource_server(site, &current, &newer)?;
        }
    }
    if site.rotate.is_none() {
        resource_server(site, &current, &keys)?;
    }

    step("A tampered ID token");
    let forged = tamper(&login.id_token.token)?;
    let verifier = IdTokenVerifier::new(site.issuer, site.client_id);
    match verifier.verify(&forged, &keys, &Expected::default(), now()) {
        Ok(_) => return Err("a tampered token was accepted".into()),
        Err(rejected) => verdict(&format!("refused, {}: {rejected}", rejected.code())),
    }
    Ok(())
}

fn log_in(
    site: &Site<'_>,
    http: &Traced,
    client: &Client,
    keys: Option<Arc<KeySet>>,
) -> Result<Authenticated, Problem> {
    let request = AuthorizationRequest::new(site.scope.split(' '));
    let (url, pending) = client.authorize(&request, moment()).map_err(wrong)?;
    println!("   the user goes to {}", url.as_str().split('?').next().unwrap_or_default());
    println!("     {}", pairs(url.query_pairs()));
    let callback = (site.visit)(&url)?;
    let response = AuthorizationResponse::from_url(&callback).map_err(wrong)?;
    println!("   … and comes back with {response:?}");
    let call = pending.callback(client, keys, response, moment()).map_err(wrong)?;
    http.run(call)
}

fn show(login: &Authenticated) {
    let id_token = &login.id_token;
    verdict(&format!("the ID token is verified: sub={} iss={}", id_token.sub, id_token.iss));
    verdict(&format!("the user's name is {}", login.name().unwrap_or("not given")));
    println!("     aud={:?} iat={} exp={}", id_token.aud, id_token.iat.0, id_token.exp.0);
    for (name, value) in &id_token.claims {
        println!("     {name}={value}");
    }
    if let Some(userinfo) = &login.userinfo {
        verdict(&format!("UserInfo is about the same user: sub={}", userinfo.sub));
        for (name, value) in &userinfo.claims {
            println!("     {name}={value}");
        }
    }
}

/// Verifies the access token as an API does.
fn resource_server(site: &Site<'_>, access_token: &Secret, keys: &KeySet) -> Result<(), Problem> {
    step("The access token, as a resource server sees it");
    let Some(resource) = site.resource else {
        skipped("the audience of this provider's access tokens is not known here");
        return Ok(());
    };
    let mut scratch = Scratch::new();
    let verified = AccessTokenVerifier::new(site.issuer, resource)
        .verify(access_token.expose(), keys, &mut scratch, now())
        .map_err(|rejected| format!("the access token is refused: {rejected}"))?;
    let sub = verified.claims().sub.as_deref().unwrap_or_default();
    verdict(&format!("verified: sub={sub} scopes={:?}", verified.scopes().collect::<Vec<_>>()));
    Ok(())
}

/// Returns the same token with another subject.
fn tamper(token: &Secret) -> Result<Secret, Problem> {
    let parts: Vec<&str> = token.expose().split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { return Err("not a signed token".into()) };
    let claims = base64url::decode(payload).and_then(|bytes| String::from_utf8(bytes).ok());
    let forged = claims.ok_or("not a signed token")?.replacen("\"sub\":\"", "\"sub\":\"not-", 1);
    Ok(Secret::new(format!("{header}.{}.{signature}", base64url::encode(forged.as_bytes()))))
}

fn wrong(error: impl Into<Error>) -> Problem {
    error.into().to_string()
}

fn step(title: &str) {
    println!("\n• {title}");
}

fn verdict(text: &str) {
    println!("   ✓ {text}");
}

fn skipped(why: &str) {
    println!("   – skipped: {why}");
}
