//! A person who uses Chromium: opens addresses, clicks links and buttons, and reads pages.

use std::{
    io::{BufRead, BufReader},
    mem::ManuallyDrop,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};
use thirtyfour::{
    By, ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver, WindowHandle, prelude::*,
};

/// The limit for a page. No page of these tests takes long, but a busy machine may.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(50);

/// The driver, started once for all tests. `None` if there is no Chromium and it is not required
/// (`OIDC_REQUIRE_BROWSER=1` requires it). It ends with this process, because its standard input closes
/// then.
fn driver() -> Option<&'static str> {
    static DRIVER: OnceLock<Option<(String, Child)>> = OnceLock::new();
    let started = DRIVER.get_or_init(|| {
        // The client of the driver is built with TLS, because other crates here need it, and cannot be made
        // without a crypto provider.
        let _others = rustls::crypto::ring::default_provider().install_default();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/web_app/start-chromedriver");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the start script runs");
        let lines = BufReader::new(child.stdout.as_mut().expect("stdout is piped")).lines();
        for line in lines.map(|line| line.expect("text")) {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Some((format!("http://127.0.0.1:{}", port.trim_end_matches('.')), child));
            }
        }
        let status = child.wait().expect("the script ends");
        let required = std::env::var_os("OIDC_REQUIRE_BROWSER").is_some_and(|value| value == "1");
        assert!(!required && status.code() == Some(3), "ChromeDriver did not start: {status}");
        eprintln!("skipped: the web application in a browser needs Chromium and its driver");
        None
    });
    started.as_ref().map(|(url, _)| url.as_str())
}

/// A person with a new browser of their own.
pub struct Person {
    /// If it were dropped during a failing test, it would wait for a browser that no longer answers.
    browser: ManuallyDrop<WebDriver>,
}

impl Person {
    /// Opens a browser. `None` if there is no Chromium.
    pub async fn new() -> Option<Self> {
        let driver = driver()?;
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            // No request leaves this machine.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        ] {
            wanted.add_arg(argument).expect("an argument");
        }
        let browser = WebDriver::new(driver, wanted).await.expect("Chromium starts");
        Some(Self { browser: ManuallyDrop::new(browser) })
    }

    pub async fn leaves(self) {
        ManuallyDrop::into_inner(self.browser).quit().await.expect("Chromium ends");
    }

    pub async fn opens(&self, url: &str) {
        self.browser.goto(url).await.expect("a page");
    }

    pub async fn opens_in_a_new_tab(&self, url: &str) -> WindowHandle {
        let tab = self.browser.new_tab().await.expect("a tab");
        self.turns_to(&tab).await;
        self.opens(url).await;
        tab
    }

    pub async fn tab(&self) -> WindowHandle {
        self.browser.window().await.expect("a tab")
    }

    pub async fn turns_to(&self, tab: &WindowHandle) {
        self.browser.switch_to_window(tab.clone()).await.expect("the tab is there");
    }

    pub async fn reloads(&self) {
        self.browser.refresh().await.expect("a page");
    }

    pub async fn goes_back(&self) {
        self.browser.back().await.expect("a page");
    }

    /// Deletes the cookies of the open page.
    pub async fn deletes_cookies(&self) {
        self.browser.delete_all_cookies().await.expect("no more cookies");
    }

    /// Clicks the link or the button with this text.
    pub async fn clicks(&self, text: &str) {
        let by = By::XPath(format!("//*[self::a or self::button][normalize-space()='{text}']"));
        let element = self.browser.query(by).wait(PATIENCE, GLANCE).and_clickable().first().await;
        element.unwrap_or_else(|_| panic!("nothing to click says `{text}`")).click().await.expect("a click");
    }

    /// Waits for a page with this heading, and returns its text.
    pub async fn sees(&self, heading: &str) -> String {
        let by = By::XPath(format!("//h1[normalize-space()='{heading}']"));
        if self.browser.query(by).wait(PATIENCE, GLANCE).and_displayed().first().await.is_err() {
            panic!("`{heading}` is not on the page: {}", self.source().await);
        }
        let body = self.browser.find(By::Tag("body")).await.expect("a body");
        body.text().await.expect("text")
    }

    /// The address of the page: path and query.
    pub async fn address(&self) -> String {
        let url = self.browser.current_url().await.expect("a URL");
        url[url::Position::BeforePath..].to_owned()
    }

    /// The status of the page.
    pub async fn status(&self) -> i64 {
        self.asks("return performance.getEntriesByType('navigation')[0].responseStatus")
            .await
            .as_i64()
            .expect("a status")
    }

    /// The cookies that a script of the page could read.
    pub async fn cookies_for_scripts(&self) -> String {
        self.asks("return document.cookie").await.as_str().expect("text").to_owned()
    }

    pub async fn source(&self) -> String {
        self.browser.source().await.expect("a page")
    }

    async fn asks(&self, script: &str) -> serde_json::Value {
        self.browser.execute(script, Vec::new()).await.expect("an answer").json().clone()
    }
}
