//! The two sides against OpenSSL and curl, as Debian has them. Where they are missing, that is told.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use maitred_net::{
    CertificatePem, ClientAuth, ClientTlsSettings, ConnectTo, Handshaken, Listener, ServerTls,
    ServerTlsSettings, connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, Wanted, client, now, server, showing, wanted};
use crate::link::{listen, readable, run, said, send};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("maitred-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file, and answers with its path.
    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a program is there; says that the test is skipped where it is not.
pub fn has(program: &str, test: &str) -> bool {
    let argument = if program == "openssl" { "version" } else { "--version" };
    let is_there = Command::new(program).arg(argument).stdout(Stdio::null()).status().is_ok();
    if !is_there {
        // Straight to stderr: what tests print is kept back while they pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {program} is not installed");
    }
    is_there
}

/// Answers one request of HTTP/1.1.
async fn answer(mut known: Handshaken) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(known.stream.read_u8().await.unwrap());
    }
    let name = known.server_name.unwrap_or_default();
    let who = known.client.map_or_else(|| "nobody".to_owned(), |client| client.subject);
    let body = format!("{name} {} {who}\n", known.version.as_str());
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    send(&mut known.stream, (head + &body).as_bytes()).await;
    crate::link::shut(&mut known.stream).await;
    // Closing with unread bytes would destroy the answer.
    let _ = known.stream.read_to_end(&mut Vec::new()).await;
}

/// Runs a program against a server until it ends, and answers with what it said, and what the server says of the
/// handshake.
async fn visited(
    server: &ServerTls,
    listener: &Listener,
    program: &'static str,
    arguments: &[String],
) -> (Output, std::io::Result<()>) {
    let arguments = arguments.to_vec();
    let visit = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // For s_client; a failed handshake closes it before.
        let _ = child.stdin.take().unwrap().write_all(b"GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n");
        child.wait_with_output().unwrap()
    });
    let serve = async {
        let accepted = listener.accept().await.unwrap();
        let known = server.accept(accepted.stream, b"").await?;
        answer(known).await;
        Ok(())
    };
    let (output, served) = tokio::join!(visit, serve);
    (output.unwrap(), served)
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn curl_is_served() {
    if !has("curl", "curl_is_served") {
        return;
    }
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let folder = Folder::new("curl");
    let authority = folder.put("root.pem", root.pem.as_bytes());
    let joe = clients.client("joe", vec![]);
    let (certificate, key) = (folder.put("joe.pem", &joe.chain), folder.put("joe.key", &joe.key));
    let auth = ClientAuth { authorities: clients.pem.into_bytes(), required: false };
    let settings =
        ServerTlsSettings { client_auth: Some(auth), ..showing(vec![root.issue(&["shop.example"])]) };
    let server = server(&settings);
    run(async {
        let (listener, port) = listen();
        let url = format!("https://shop.example:{port}/");
        let resolve = format!("shop.example:{port}:127.0.0.1");
        for (options, answer) in [
            ("--http1.1", "shop.example 1.3 nobody\n".to_owned()),
            ("--http1.1 --tls-max 1.2", "shop.example 1.2 nobody\n".to_owned()),
            (
                &format!("--http1.1 --cert {certificate} --key {key}"),
                "shop.example 1.3 CN=joe,O=Example\\, Inc.\n".to_owned(),
            ),
        ] {
            let line = format!(
                "--silent --show-error --noproxy * --cacert {authority} --resolve {resolve} {options}"
            );
            let (output, served) =
                visited(&server, &listener, "curl", &words(&format!("{line} {url}"))).await;
            served.unwrap();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                answer,
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let line = format!("--silent --show-error --noproxy * --cacert {authority} --resolve {resolve}");
        let url = format!("http://shop.example:{port}/");
        let (output, served) = visited(&server, &listener, "curl", &words(&format!("{line} {url}"))).await;
        assert_eq!(said(served), "the client does not speak TLS");
        assert!(!output.status.success());
    });
}

#[test]
fn openssl_is_served_by_its_rules_and_ours() {
    if !has("openssl", "openssl_is_served_by_its_rules_and_ours") {
        return;
    }
    let root = Authority::new("root");
    let rsa = Wanted { key: &rcgen::PKCS_RSA_SHA256, ..wanted(&["shop.example"]) };
    let rsa = root.sign(rsa, rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let server = server(&showing(vec![root.issue(&["shop.example"]), rsa]));
    let folder = Folder::new("s_client");
    let authority = folder.put("root.pem", root.pem.as_bytes());
    let session = folder.0.join("session").to_str().unwrap().to_owned();
    run(async {
        let (listener, port) = listen();
        let base =
            format!("s_client -connect 127.0.0.1:{port} -CAfile {authority} -verify_return_error -ign_eof");
        let base = format!("{base} -servername shop.example");
        for (options, expected) in [
            ("-tls1_3", "TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
            ("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "Cipher is TLS_CHACHA20_POLY1305_SHA256"),
            // The order is the server's.
            (
                "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
                "Cipher is TLS_AES_256_GCM_SHA384",
            ),
            ("-tls1_2", "TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "Cipher is ECDHE-RSA-AES128-GCM-SHA256"),
            ("-tls1_2 -sigalgs RSA-PSS+SHA256", "Cipher is ECDHE-RSA-AES256-GCM-SHA384"),
            ("-groups P-384", "Server Temp Key: ECDH, secp384r1, 384 bits"),
            ("-alpn http/1.1,h2", "ALPN protocol: h2"),
            (&format!("-tls1_3 -sess_out {session}"), "New, TLSv1.3"),
            (&format!("-tls1_3 -sess_in {session}"), "Reused, TLSv1.3"),
            (&format!("-tls1_2 -sess_out {session}"), "Secure Renegotiation IS supported"),
            (&format!("-tls1_2 -sess_in {session}"), "Reused, TLSv1.2"),
        ] {
            let line = format!("{base} {options}");
            let (output, served) = visited(&server, &listener, "openssl", &words(&line)).await;
            served.unwrap();
            let output = String::from_utf8_lossy(&output.stdout);
            assert!(output.contains(expected), "{options}: {output}");
            assert!(output.contains("shop.example 1."), "{options}: {output}");
            assert!(output.contains("Verify return code: 0 (ok)"), "{options}: {output}");
        }
        for (options, why) in [
            ("-tls1_1 -cipher ALL:@SECLEVEL=0", "the client offers no version of TLS that is spoken here"),
            (
                "-tls1_2 -cipher AES128-SHA,ECDHE-ECDSA-AES128-SHA",
                "the client has no cipher suite, group or signature scheme in common with this side",
            ),
            (
                "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256",
                "the client has no cipher suite, group or signature scheme in common with this side",
            ),
            ("-alpn spdy/1", "the client offers no protocol that is spoken here"),
        ] {
            let line = format!("{base} {options}");
            let (_, served) = visited(&server, &listener, "openssl", &words(&line)).await;
            assert_eq!(said(served), why, "{options}");
        }
    });
}

/// `openssl s_server` on a port of its own, which answers requests with a page about the connection.
struct OpensslServer {
    child: Child,
    port: u16,
}

impl OpensslServer {
    fn start(options: &str) -> Self {
        use std::io::BufRead;
        let mut child = Command::new("openssl")
            .args(words("s_server -accept 127.0.0.1:0 -www"))
            .args(words(options))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(str::to_owned));
        let port = line.expect("s_server tells where it listens").trim().parse().unwrap();
        Self { child, port }
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn services_that_run_openssl_are_met() {
    if !has("openssl", "services_that_run_openssl_are_met") {
        return;
    }
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let folder = Folder::new("s_server");
    let own = root.issue(&["shop.example"]);
    let (certificate, key) = (folder.put("own.pem", &own.chain), folder.put("own.key", &own.key));
    let authority = folder.put("clients.pem", clients.pem.as_bytes());
    let base = format!("-cert {certificate} -key {key}");
    let settings = root.believed();
    let known = ClientTlsSettings { certificate: Some(clients.client("joe", vec![])), ..settings.clone() };
    let demanding = format!("{base} -Verify 1 -verify_return_error -CAfile {authority}");
    for (options, settings, expected) in [
        (base.clone(), &settings, "New, TLSv1.3"),
        (format!("{base} -tls1_2"), &settings, "New, TLSv1.2"),
        (demanding.clone(), &known, "Client certificate"),
        (format!("{demanding} -tls1_2"), &known, "Client certificate"),
    ] {
        let service = OpensslServer::start(&options);
        let client = client(settings);
        run(async {
            let stream = connect(ConnectTo::Tcp(([127, 0, 0, 1], service.port).into())).await.unwrap();
            let (mut stream, _) = client.connect(stream, "shop.example").await.unwrap();
            // Tickets come behind the handshake.
            assert!(stream.is_quiet());
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
            readable(&mut stream).await.unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).await.unwrap();
            assert!(page.contains(expected), "{options}: {page}");
        });
    }
    let service = OpensslServer::start(&demanding);
    let nobody = client(&settings);
    run(async {
        let stream = connect(ConnectTo::Tcp(([127, 0, 0, 1], service.port).into())).await.unwrap();
        let (mut stream, _) = nobody.connect(stream, "shop.example").await.unwrap();
        assert_eq!(said(stream.read_u8().await), "the service refused: it demands a certificate");
    });
}

/// Keys and signatures that nothing here can make any more.
#[test]
fn weak_certificates_are_told() {
    if !has("openssl", "weak_certificates_are_told") {
        return;
    }
    let folder = Folder::new("weak");
    let (certificate, key) = (folder.put("weak.pem", b""), folder.put("weak.key", b""));
    let made = |options: &str| {
        let line = "req -x509 -nodes -days 30000 -subj /CN=weak -addext subjectAltName=DNS:shop.example";
        let line = format!("{line} -keyout {key} -out {certificate} {options}");
        let output = Command::new("openssl").args(words(&line)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pem = CertificatePem {
            chain: std::fs::read(&certificate).unwrap(),
            key: std::fs::read(&key).unwrap(),
            ocsp: None,
        };
        match ServerTls::new(&showing(vec![pem]), now()) {
            Ok(server) => (true, server.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(problems) => (false, problems.iter().map(ToString::to_string).collect()),
        }
    };
    let short = "certificate 1: its RSA key has 1024 bits; at least 2048 are needed".to_owned();
    assert_eq!(made("-newkey rsa:1024 -sha256"), (false, vec![short]));
    let weak =
        "certificate 1: certificate 1 of the file is signed with SHA-1 or MD5, which peers refuse".to_owned();
    assert_eq!(made("-newkey rsa:2048 -sha1"), (true, vec![weak]));
    assert_eq!(made("-newkey rsa:2048 -sha256"), (true, vec![]));
}
