//! Chromium without a screen, driven over the `WebDriver` protocol (W3C) by plain HTTP.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::installed::installed;
use crate::patience::{PATIENCE, eventually};
use crate::wire::Wire;

/// A browser with one window. It ends when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: Folder,
}

impl Browser {
    /// Starts one that takes any certificate, with these arguments besides. None where it is not installed.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let (chromium, driver) = (installed("chromium")?, installed("chromedriver")?);
        let profile = Folder::default();
        // A port that was free a moment ago: it takes no socket from others.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let profile_of = format!("--user-data-dir={}", profile.path().display());
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        eventually("the driver listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        let own = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &profile_of];
        let arguments = [&own, arguments].concat();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            // How long the driver itself waits for an element to be there, in milliseconds.
            "timeouts": { "implicit": PATIENCE.as_millis() },
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
        } } });
        let session = browser.ask("POST", "/session", &wanted);
        let id = session["sessionId"].as_str();
        id.unwrap_or_else(|| panic!("{session}")).clone_into(&mut browser.session);
        Some(browser)
    }

    /// A command to the driver: its `value`.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = Wire::connect(self.port).ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        ));
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()["value"].take()
    }

    /// Loads a page.
    pub fn open(&self, url: &str) {
        self.ask("POST", &format!("/session/{}/url", self.session), &json!({ "url": url }));
    }

    /// Where the page is.
    pub fn address(&self) -> String {
        let address = self.ask("GET", &format!("/session/{}/url", self.session), &Value::Null);
        address.as_str().unwrap().to_owned()
    }

    /// Types into the field that a CSS selector finds, once it is there.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.ask("POST", &format!("{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// Clicks on what a CSS selector finds, once it is there, and waits for the page that this leads to.
    pub fn click(&self, selector: &str) {
        self.ask("POST", &format!("{}/click", self.element(selector)), &json!({}));
    }

    /// The path of an element, for commands about it. The name of its reference is the protocol's.
    fn element(&self, selector: &str) -> String {
        let search = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", &format!("/session/{}/element", self.session), &search);
        let reference = found["element-6066-11e4-a52e-4f735466cecf"].as_str().unwrap();
        format!("/session/{}/element/{reference}", self.session)
    }

    /// The title of the page, once it is no longer this one.
    pub fn title_after(&self, first: &str) -> String {
        let path = format!("/session/{}/title", self.session);
        eventually("the page has another title", || {
            let title = self.ask("GET", &path, &Value::Null).as_str().unwrap().to_owned();
            (title != first).then_some(title)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, also where a test has failed.
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
            self.session, self.port
        );
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let mut wire = Wire::over(stream);
            if wire.try_send(request).is_ok() {
                wire.something_or_end();
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
