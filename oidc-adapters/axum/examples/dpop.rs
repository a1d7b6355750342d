//! A login whose tokens are worthless to a thief: they are bound to a key of their own (DPoP), which is kept, sealed, with
//! the login and the session. An API demands a proof with each request. The program starts its own provider and API, and
//! plays the user: `cargo run -p oidc-axum --example dpop`

use axum::{Router, routing::get};
use oidc_axum::{Access, Gate, protect};
use oidc_hyper::{Http, Provider, ProviderError};
use oidc_proto::{
    EndpointUrl, Secret, UrlPolicy,
    flow::{AppState, DpopKey, PendingAuthorization, PreviousLogin, SealingKeys},
    message::{AuthorizationRequest, AuthorizationResponse},
    resource::{ResourceServer, TrustedIssuer},
    sender::{DpopNonces, DpopVerifier, NonceKeys},
};
use oidc_testkit::{Algorithm, Browser, Registration, Socket, TestProvider};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const CALLBACK: &str = "https://app.example/callback";
const LOGIN: &str = "__Host-login at app.example";
const SESSION: &str = "__Host-session at app.example";

/// An API that takes no token without a proof of its key, and no proof without a nonce of its own.
fn api(issuer: &str, origin: &str) -> Result<Router, Problem> {
    let nonces = NonceKeys::new(&[3; 32]); // 32 random bytes, the same on every node
    let server = ResourceServer::builder("https://api.example")
        .origin(origin)
        .trust(TrustedIssuer::new(issuer))
        .require_dpop(DpopVerifier::new().demand_nonce(nonces))
        .build()?;
    let policy = UrlPolicy::default().with_loopback();
    let gate = Gate::builder(server, Http::new().io()).url_policy(policy).build()?;
    let orders = get(async |access: Access| format!("orders of {}", access.subject().unwrap_or("nobody")));
    Ok(Router::new().route("/orders", orders).layer(protect(gate)))
}

/// One node of the application. All that two nodes share are the settings and the sealing keys.
struct Node {
    provider: Provider,
    seals: SealingKeys,
}

// This is what to copy.
impl Node {
    fn new(issuer: &str) -> Result<Self, ProviderError> {
        let provider = Http::new()
            .provider(issuer)
            .client_id("app") // a public client: only its key protects its tokens
            .redirect_uri(CALLBACK)
            .url_policy(UrlPolicy::default().with_loopback()) // not needed for a provider on the Internet
            .build()?;
        Ok(Self { provider, seals: SealingKeys::new(1, &[42; 32]) }) // 32 random bytes, the same on every node
    }

    /// Handles `GET /login`: a new key for a new session. The cookie has the login and its key.
    async fn login(&self) -> Result<(url::Url, String), Problem> {
        let key = self.provider.new_dpop_key().await?;
        let request = AuthorizationRequest::new(["email", "offline_access"]);
        let (url, pending) = self.provider.with_dpop_key(&key).authorize(&request).await?;
        Ok((url, self.seals.seal(&AppState((pending, key)), LOGIN, oidc_drive::moment())?))
    }

    /// Handles `GET /callback`: the same key, out of the cookie. The next cookie has what a refresh needs. The tokens
    /// themselves stay on the server.
    async fn callback(&self, url: &str, cookie: &str) -> Result<(Tokens, String), Problem> {
        let AppState((pending, key)): AppState<(PendingAuthorization, DpopKey)> =
            self.seals.open(cookie, LOGIN)?;
        let response = AuthorizationResponse::from_url(url)?;
        let user = self.provider.with_dpop_key(&key).callback(pending, response).await?;
        let session = AppState((PreviousLogin::from(&user), key));
        let cookie = self.seals.seal(&session, SESSION, oidc_drive::moment())?;
        let refresh = user.tokens.refresh_token.ok_or("no refresh token")?;
        Ok((Tokens { access: user.tokens.access_token, refresh }, cookie))
    }

    /// Gets new tokens. With another key than that of the login, nothing is sent.
    async fn refresh(
        &self,
        tokens: &Tokens,
        cookie: &str,
        other: Option<&DpopKey>,
    ) -> Result<Tokens, Problem> {
        let AppState((previous, key)): AppState<(PreviousLogin, DpopKey)> =
            self.seals.open(cookie, SESSION)?;
        let session = self.provider.with_dpop_key(other.unwrap_or(&key));
        let refreshed = session.refresh(&tokens.refresh, Some(previous)).await?;
        let refresh = refreshed.tokens.refresh_token.clone().ok_or("no refresh token")?;
        Ok(Tokens { access: refreshed.tokens.access_token.clone(), refresh })
    }

    /// Calls the API, once more if it names a nonce.
    async fn call(&self, url: &str, token: &Secret, key: &DpopKey) -> Result<(u16, u8), Problem> {
        let at = EndpointUrl::parse(url, &UrlPolicy::default().with_loopback())?;
        let client = self.provider.with_dpop_key(key).client().await?;
        let mut nonces = DpopNonces::new(); // keep them: the next request then needs no second attempt
        let mut attempt = 1;
        loop {
            let client = client.with_dpop_nonces(nonces.clone());
            let proof = client.resource_proof(&http::Method::GET, &at, token, oidc_drive::moment())?;
            let answer = get_with(url, &format!("DPoP {}", token.expose()), Some(proof)).await?;
            let known = nonces.clone();
            nonces.learn(&url.parse()?, answer.headers());
            if answer.status() != 401 || nonces == known || attempt == 2 {
                return Ok((answer.status().as_u16(), attempt));
            }
            attempt += 1;
        }
    }
}
// To here.

struct Tokens {
    access: Secret,
    refresh: Secret,
}

async fn get_with(
    url: &str,
    authorization: &str,
    proof: Option<http::HeaderValue>,
) -> Result<http::Response<ureq::Body>, Problem> {
    let mut request = http::Request::get(url).header("authorization", authorization);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    let request = request.body(())?;
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    Ok(tokio::task::spawn_blocking(move || ureq::Agent::from(config).run(request)).await??)
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.register(Registration::public("app").redirect_uri(CALLBACK));
        provider.accept_dpop([Algorithm::ES256, Algorithm::EdDSA]);
        provider.require_dpop(true);
        provider.demand_dpop_nonces(600);
        provider
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let (orders, router) = (format!("{origin}/orders"), api(socket.issuer(), &origin)?);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let (first, second) = (Node::new(socket.issuer())?, Node::new(socket.issuer())?);
    let (url, cookie) = first.login().await?;
    let named = url.query_pairs().any(|(name, _)| name == "dpop_jkt");
    println!("A login has begun at the first node. The request names its key: {named}");
    let landing =
        socket.provider(|provider| Browser::new().visit(provider, &url, oidc_drive::now()).url().to_owned());
    let (tokens, session) = second.callback(landing.as_str(), &cookie).await?;
    println!("It has ended at the second node, with the key out of the cookie.");

    let AppState((_, key)): AppState<(PreviousLogin, DpopKey)> = second.seals.open(&session, SESSION)?;
    let (status, attempts) = second.call(&orders, &tokens.access, &key).await?;
    println!("The API answers {status}, at attempt {attempts}: the first one had no nonce.");
    let stolen = get_with(&orders, &format!("Bearer {}", tokens.access.expose()), None).await?;
    println!("A thief sends the token alone: {}", stolen.status().as_u16());
    let theirs = second.provider.new_dpop_key().await?;
    println!("A thief proves another key: {}", second.call(&orders, &tokens.access, &theirs).await?.0);

    let Err(refused) = second.refresh(&tokens, &session, Some(&theirs)).await else {
        return Err("a refresh with another key".into());
    };
    println!("A refresh with another key is not sent: {refused}");
    let tokens = first.refresh(&tokens, &session, None).await?;
    println!("The first node refreshes with the key of the session.");
    println!("The API answers {}.", first.call(&orders, &tokens.access, &key).await?.0);
    socket.provider(|provider| provider.assert_clean());
    Ok(())
}
