//! Proxies of others: `HAProxy` and nginx, each on a configuration of its own.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::folder::Folder;
use crate::installed::installed;
use crate::patience::eventually;
use crate::port::Port;

/// A running one. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: Port,
    _folder: Folder,
}

impl Server {
    /// `HAProxy` with what stands behind `defaults`; `PORT` in it becomes its port. None where it is not installed.
    pub fn haproxy(sections: &str) -> Option<Self> {
        Self::start("haproxy", |folder, port| {
            let defaults = "defaults\n  timeout connect 20s\n  timeout client 20s\n  timeout server 20s\n";
            folder.write("haproxy.cfg", &format!("{defaults}{}\n", sections.replace("PORT", port)));
            vec!["-db".to_owned(), "-f".to_owned(), folder.join("haproxy.cfg").display().to_string()]
        })
    }

    /// nginx with this inside its `http`.
    pub fn nginx(servers: &str) -> Option<Self> {
        Self::start("nginx", |folder, port| {
            let at = folder.path().display();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|what| format!("  {what}_temp_path {at}/{what};\n"))
                .concat();
            folder.write(
                "nginx.conf",
                &format!(
                    "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log {at}/error.log;\nevents {{ }}\n\
                     http {{\n  access_log off;\n{temporary}{}\n}}\n",
                    servers.replace("PORT", port)
                ),
            );
            vec!["-e".to_owned(), format!("{at}/error.log"), "-c".to_owned(), format!("{at}/nginx.conf")]
        })
    }

    fn start(program: &str, configure: impl FnOnce(&Folder, &str) -> Vec<String>) -> Option<Self> {
        let program = installed(program)?;
        let (folder, port) = (Folder::default(), Port::reserve());
        let arguments = configure(&folder, &port.number().to_string());
        let child = Command::new(&program).args(arguments).stdin(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, port, _folder: folder };
        eventually("it listens", || {
            assert_eq!(server.child.try_wait().unwrap(), None, "{} ended", program.display());
            TcpStream::connect(("127.0.0.1", server.port())).ok()
        });
        Some(server)
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// As an endpoint in a document.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
