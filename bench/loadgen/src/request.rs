//! The bytes of the requests that the generators send.
//! Answers are read elsewhere.

/// A request with the six header fields that nearly every client sends (and a length, if it has a body), and the further
/// fields of `fields`, which stand between tabs.
pub fn render(host: &str, path: &str, fields: &str, body: usize) -> Vec<u8> {
    let method = if body == 0 { "GET" } else { "POST" };
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\n\
         Host: {host}\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
         Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\n\
         Accept-Language: en-GB,en;q=0.5\r\n\
         Accept-Encoding: gzip, deflate, br\r\n\
         Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    );
    if !fields.is_empty() {
        text += &fields.replace('\t', "\r\n");
        text += "\r\n";
    }
    if body > 0 {
        text += "Content-Length: ";
        text += &body.to_string();
        text += "\r\n";
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len() + body, b'x');
    bytes
}
