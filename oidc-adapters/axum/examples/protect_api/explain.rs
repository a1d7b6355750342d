//! A pasted token, claim by claim: what it says, what this API expects, and the verdict of the gate.

use super::Problem;
use axum::http::{Method, Request};
use oidc_axum::Gate;
use oidc_proto::{
    Secret, Timestamp, UrlPolicy,
    base::base64url,
    flow::Client,
    resource::{RequestView, ResourceServer, TrustedIssuer},
    token::DEFAULT_LEEWAY,
};
use serde_json::{Map, Value};
use std::io::{BufRead, Write};

/// The settings of the API that judges the tokens.
#[derive(clap::Args)]
pub(super) struct Settings {
    /// The issuer that the API trusts. Without it, a provider is started on loopback.
    #[arg(long, value_name = "URL", requires = "audience")]
    pub(super) issuer: Option<String>,
    /// The audience that access tokens must name: the identifier of the API.
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Option<String>,
    /// Trusts the issuer with the settings for this provider.
    #[arg(long, value_name = "PROVIDER", requires = "issuer")]
    preset: Option<Preset>,
    /// Accepts JWTs whose header does not say that they are access tokens.
    #[arg(long, requires = "issuer")]
    plain_jwt: bool,
    /// Asks the issuer about each token, as this client (introspection).
    #[arg(long, value_name = "ID", requires_all = ["issuer", "client_secret_env"])]
    introspect_as: Option<String>,
    /// The environment variable that holds the secret of that client.
    #[arg(long, value_name = "VAR", requires = "introspect_as")]
    client_secret_env: Option<String>,
    /// Allows plain http to this host, such as `keycloak` among containers; an issuer on this machine needs no option.
    #[arg(long, value_name = "HOST", requires = "issuer")]
    plain_http_host: Option<String>,
    /// Allows names that resolve to an address of a private network.
    #[arg(long, requires = "issuer")]
    private_networks: bool,
}

/// The presets that take the issuer as it is.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Preset {
    Keycloak,
    Okta,
    Spring,
    Zitadel,
}

/// What this API expects of a token, for the table of claims.
struct Expects<'s> {
    issuer: &'s str,
    audience: &'s str,
    /// Whether a JWT may leave open what kind of token it is.
    plain_jwt: bool,
    /// Whether a token that says that it is an access token may lack `client_id`.
    no_client: bool,
}

/// Reads one token per line from standard input, and explains each.
pub(super) async fn run(settings: &Settings) -> Result<(), Problem> {
    let (Some(issuer), Some(audience)) = (&settings.issuer, &settings.audience) else { return Ok(()) };
    let expects = Expects {
        issuer,
        audience,
        plain_jwt: settings.plain_jwt || settings.preset.is_some(),
        no_client: settings.preset == Some(Preset::Keycloak),
    };
    let gate = gate(settings, &expects)?;
    println!("This API trusts {issuer} and is {audience}.");
    if settings.introspect_as.is_some() {
        println!("It asks the issuer about each token: what counts is the answer, and not the token.");
    }
    println!("Paste an access token and press Enter (end with an empty line):");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let token = line.trim().trim_start_matches("Bearer ");
        if token.is_empty() {
            break;
        }
        std::io::stdout().flush()?;
        explain(&gate, &expects, token).await?;
    }
    Ok(())
}

fn gate(settings: &Settings, expects: &Expects<'_>) -> Result<Gate, Problem> {
    let trusted = match settings.preset {
        Some(Preset::Keycloak) => TrustedIssuer::keycloak(expects.issuer),
        Some(Preset::Okta) => TrustedIssuer::okta(expects.issuer),
        Some(Preset::Spring) => TrustedIssuer::spring(expects.issuer),
        Some(Preset::Zitadel) => TrustedIssuer::zitadel(expects.issuer),
        None => TrustedIssuer::new(expects.issuer),
    };
    let trusted =
        trusted.access_tokens(|tokens| if settings.plain_jwt { tokens.accept_plain_jwt() } else { tokens });
    let asks = settings.introspect_as.is_some();
    let trusted = if asks { trusted.introspects_jwts() } else { trusted };
    let server = ResourceServer::builder(expects.audience).trust(trusted).build()?;
    // Plain http is only for an issuer on this machine, and for a host that the user names.
    let mut policy = UrlPolicy::default().for_issuer(expects.issuer);
    if let Some(host) = &settings.plain_http_host {
        policy = policy.with_plain_http_host(host);
    }
    let mut http = oidc_hyper::Http::new();
    if settings.private_networks {
        (policy, http) = (policy.with_private_addresses(), http.allow_private_networks());
    }
    let gate = Gate::builder(server, http.io()).url_policy(policy);
    let (Some(id), Some(variable)) = (settings.introspect_as.clone(), &settings.client_secret_env) else {
        return Ok(gate.build()?);
    };
    let secret = std::env::var(variable).map_err(|_| {
        format!("the environment variable {variable} is not set; put the client secret there")
    })?;
    let secret = Secret::new(secret);
    let client = move |metadata| Client::builder(metadata, &*id).secret(secret.clone()).build();
    Ok(gate.introspection(client).build()?)
}

async fn explain(gate: &Gate, expects: &Expects<'_>, token: &str) -> Result<(), Problem> {
    match parts(token) {
        Some((header, claims)) => show(&header, &claims, expects, oidc_hyper::now()),
        None => {
            println!("\nNot a JWT: only its issuer can say whether it is valid (introspection, RFC 7662).")
        }
    }
    let request = Request::builder().method(Method::GET).uri("/");
    let (parts, ()) = request.header("authorization", format!("Bearer {token}")).body(())?.into_parts();
    match gate.check(&RequestView::of(&parts)).await {
        Ok(access) => {
            let client = access.client_id().unwrap_or("unknown");
            let subject = access.subject().unwrap_or("unknown");
            let scopes = access.scopes().collect::<Vec<_>>();
            println!("ACCEPTED: subject {subject}, client {client}, scopes {scopes:?}");
        }
        Err(denied) => println!("REFUSED with {}, {}: {denied}", denied.status(), denied.code()),
    }
    Ok(())
}

/// The header and the claims of a JWT. Nothing of them is verified here.
fn parts(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.');
    let mut object = || serde_json::from_slice(&base64url::decode(parts.next()?)?).ok();
    let (header, claims) = (object()?, object()?);
    (parts.count() == 1).then_some((header, claims))
}

/// A short form of a value: a token of many groups fills no screen.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(52) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Shows a text of a stranger: no character in it moves the cursor, clears the screen or turns the direction of writing.
fn harmless(text: &str) -> String {
    let moves = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if moves(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn line(name: &str, value: &str, said: &str) {
    let (name, value) = (harmless(name), harmless(value));
    println!("{}", format!("  {name:<18} {value:<54} {said}").trim_end());
}

fn show(header: &Map<String, Value>, claims: &Map<String, Value>, expects: &Expects<'_>, now: Timestamp) {
    println!("\nheader");
    for (name, value) in header {
        line(name, &short(value), &in_header(name, value, expects));
    }
    println!("claims");
    for (name, value) in claims {
        line(name, &short(value), &in_claims(name, value, claims, expects, now));
    }
    let declared = header.get("typ").is_some_and(is_access_token);
    let demanded: &[&str] = match (declared, expects.no_client) {
        (true, false) => &["iss", "aud", "exp", "sub", "client_id", "iat", "jti"],
        (true, true) => &["iss", "aud", "exp", "sub", "iat", "jti"],
        (false, _) => &["iss", "aud", "exp"],
    };
    for name in demanded.iter().filter(|name| !claims.contains_key(**name)) {
        line(name, "", "✗ it is missing");
    }
}

fn is_access_token(typ: &Value) -> bool {
    matches!(typ.as_str(), Some("at+jwt" | "application/at+jwt"))
}

fn in_header(name: &str, value: &Value, expects: &Expects<'_>) -> String {
    match (name, value.as_str()) {
        ("typ", _) if is_access_token(value) => "✓ an access token (RFC 9068)".to_owned(),
        ("typ", Some("JWT")) if expects.plain_jwt => "✓ any JWT, as you have set".to_owned(),
        ("typ", Some("JWT")) => "✗ not `at+jwt`: `--plain-jwt`, or a `--preset`, accepts it".to_owned(),
        ("typ", _) => "✗ another kind of token".to_owned(),
        ("alg", Some("none")) => "✗ no signature".to_owned(),
        ("alg", Some(alg)) if alg.starts_with("HS") => {
            "✗ a shared secret; an API needs a public key".to_owned()
        }
        _ => String::new(),
    }
}

/// What a token says about its own kind: `typ` of Keycloak, `token_use` of Cognito.
fn kind(value: &Value) -> &'static str {
    match value.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("bearer" | "dpop" | "access") => "✓ an access token",
        Some("id") => "✗ an ID token: it is for the client, and not for an API",
        Some("refresh" | "offline" | "refresh_token") => {
            "✗ a refresh token: only the client may send it, and only to the issuer"
        }
        Some("logout") => "✗ a logout token",
        _ => "",
    }
}

fn in_claims(
    name: &str,
    value: &Value,
    claims: &Map<String, Value>,
    expects: &Expects<'_>,
    now: Timestamp,
) -> String {
    let at = value.as_i64().map(Timestamp);
    let leeway = DEFAULT_LEEWAY;
    match name {
        "iss" if value == expects.issuer => "✓ the issuer that is trusted".to_owned(),
        "iss" => "✗ another issuer: `--issuer` names the one to trust".to_owned(),
        "aud" if names(value, expects.audience) => "✓ this API is named".to_owned(),
        "aud" => "✗ this API is not named: `--audience` says which it is, and the issuer must put it here"
            .to_owned(),
        "exp" => match at {
            Some(at) if at > now => format!("✓ {} s from now", now.until(at).as_secs()),
            Some(at) => format!(
                "{} {} s ago; the leeway is {} s",
                tick(at.until(now) < leeway),
                at.until(now).as_secs(),
                leeway.as_secs()
            ),
            None => "✗ not a number".to_owned(),
        },
        "nbf" | "iat" => match at {
            Some(at) if at > now => format!(
                "{} {} s in the future; the leeway is {} s",
                tick(now.until(at) <= leeway),
                now.until(at).as_secs(),
                leeway.as_secs()
            ),
            Some(at) => format!("✓ {} s ago", at.until(now).as_secs()),
            None => "✗ not a number".to_owned(),
        },
        "typ" | "token_use" => kind(value).to_owned(),
        "cnf" => "? bound to a key: a bearer token is not enough".to_owned(),
        "nonce"
            if ["typ", "token_use"]
                .iter()
                .any(|name| claims.get(*name).is_some_and(|value| kind(value).starts_with('✓'))) =>
        {
            "✓ unusual, and allowed: the token says that it is an access token".to_owned()
        }
        "nonce" | "at_hash" | "c_hash" => "? usually in ID tokens only".to_owned(),
        _ => String::new(),
    }
}

const fn tick(good: bool) -> char {
    if good { '✓' } else { '✗' }
}

fn names(aud: &Value, audience: &str) -> bool {
    aud == audience || aud.as_array().is_some_and(|list| list.iter().any(|one| one == audience))
}
